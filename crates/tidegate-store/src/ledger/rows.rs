//! What a commit holds, as owned values that can go to the writing thread.
//!
//! Records themselves stay with the engine: they carry memory permits and tethers, which must not be released by
//! anyone else.

use std::sync::Arc;

use tidegate_core::item::Failure;
use tidegate_core::{
    Body, Commit, ContentHash, Embedded, Fault, FaultKind, Fields, ItemOutcome, Outcome, Record, Unit,
};

use crate::journal;

/// A commit.
pub(super) struct Batch {
    pub(super) units: Vec<UnitRow>,
    pub(super) position: Option<String>,
    pub(super) lengths: Vec<(String, u64)>,
}

/// Items that settle together and their chunks.
pub(super) struct UnitRow {
    pub(super) items: Vec<ItemRow>,
    pub(super) chunks: Vec<ChunkRow>,
    /// How many chunks went before into the staging table.
    pub(super) staged: u64,
}

/// What became of one item.
pub(super) struct ItemRow {
    pub(super) key: Arc<str>,
    pub(super) version: String,
    pub(super) fields: Arc<Fields>,
    pub(super) ordinal: u64,
    pub(super) content: Option<ContentHash>,
    pub(super) outcome: Outcome,
    pub(super) failure: Option<FailureRow>,
    /// Documents in it that were put aside alone: key and reason.
    pub(super) asides: Vec<(Arc<str>, FailureRow)>,
    pub(super) trace: String,
}

/// Why it was put aside.
pub(super) struct FailureRow {
    pub(super) stage: Arc<str>,
    pub(super) fault: Fault,
    pub(super) exhibit: Body,
}

/// One chunk on its way to its table.
pub(super) struct ChunkRow {
    pub(super) key: Arc<str>,
    /// The key of its item, where it belongs to a document within that.
    pub(super) parent: Option<Arc<str>>,
    pub(super) ordinal: u64,
    /// Headings, outermost first, as a JSON array.
    pub(super) heading: String,
    pub(super) span: (u64, u64),
    pub(super) page: Option<u32>,
    pub(super) text: Arc<str>,
    pub(super) embedded: Option<Embedded>,
    pub(super) tokens: u32,
    pub(super) fields: Arc<Fields>,
}

impl ChunkRow {
    /// The key of the item it is stored with.
    pub(super) fn item(&self) -> &Arc<str> {
        self.parent.as_ref().unwrap_or(&self.key)
    }
}

/// Takes over what `commit` says; without its records, if only outcomes are kept.
///
/// # Errors
/// A record fault for a record that cannot be stored.
pub(super) fn batch(commit: &Commit, outcomes_only: bool) -> Result<Batch, Fault> {
    let unit = |unit| if outcomes_only { accounted(unit) } else { whole(unit) };
    Ok(Batch {
        units: commit.units.iter().map(unit).collect::<Result<_, _>>()?,
        position: commit.position.as_ref().map(|position| position.0.clone()),
        lengths: commit.lengths.clone(),
    })
}

/// A unit whose records went elsewhere. A stored item of a stream is accounted for by the stream's position.
fn accounted(unit: &Unit) -> Result<UnitRow, Fault> {
    let needs_row = |item: &&ItemOutcome| {
        item.item.position.is_none() || item.outcome == Outcome::Quarantined || !item.asides.is_empty()
    };
    let items = unit.items.iter().filter(needs_row).map(item).collect::<Result<_, _>>()?;
    Ok(UnitRow { items, chunks: Vec::new(), staged: 0 })
}

fn whole(unit: &Unit) -> Result<UnitRow, Fault> {
    Ok(UnitRow {
        items: unit.items.iter().map(item).collect::<Result<_, _>>()?,
        chunks: chunks(&unit.records)?,
        staged: unit.staged,
    })
}

fn item(outcome: &ItemOutcome) -> Result<ItemRow, Fault> {
    let row = |failure: &Failure| FailureRow {
        stage: failure.stage.clone(),
        fault: failure.fault.clone(),
        exhibit: failure.exhibit.clone(),
    };
    let failure = outcome.failure.as_ref().map(row);
    if outcome.outcome == Outcome::Quarantined && failure.is_none() && outcome.content.is_none() {
        let message = format!("{} is to be quarantined without a reason", outcome.item.key);
        return Err(Fault::new(FaultKind::Internal, message));
    }
    Ok(ItemRow {
        key: outcome.item.key.clone(),
        version: outcome.item.version.0.clone(),
        fields: outcome.item.fields.clone(),
        ordinal: outcome.ordinal,
        content: outcome.content,
        outcome: outcome.outcome,
        failure,
        asides: outcome.asides.iter().map(|aside| (aside.key.clone(), row(&aside.failure))).collect(),
        trace: outcome.trace.to_string(),
    })
}

/// The rows of records.
///
/// # Errors
/// A record fault for a record that is not text, or whose vector no search could use.
pub(super) fn chunks(records: &[Record]) -> Result<Vec<ChunkRow>, Fault> {
    records.iter().enumerate().map(|(at, record)| chunk(at, record)).collect()
}

fn chunk(at: usize, record: &Record) -> Result<ChunkRow, Fault> {
    let during = |fault: Fault| fault.during(format!("storing a chunk of {}", record.key));
    if let Some(embedded) = &record.embedded {
        journal::check(&embedded.vector).map_err(during)?;
    }
    let text: Arc<str> = match &record.body {
        Body::Text(text) => text.clone(),
        Body::Document(document) => document.text.as_str().into(),
        Body::Json(value) => value.to_string().into(),
        Body::Empty | Body::Bytes(_) => {
            let fault = Fault::new(FaultKind::Unsupported, "only text can be stored for search")
                .hint("put a parse stage before the store");
            return Err(during(fault));
        }
    };
    let place = record.place.as_ref();
    let heading: Vec<&str> =
        place.map(|place| place.heading.iter().map(AsRef::as_ref).collect()).unwrap_or_default();
    let whole = (0, text.len() as u64);
    Ok(ChunkRow {
        key: record.key.clone(),
        parent: record.part.as_ref().map(|part| part.item.clone()),
        ordinal: place.map_or(at as u64, |place| u64::from(place.ordinal)),
        heading: serde_json::Value::from(heading).to_string(),
        span: place.map_or(whole, |place| (place.span.start, place.span.end)),
        page: place.and_then(|place| place.page),
        text,
        embedded: record.embedded.clone(),
        tokens: record.tokens,
        fields: record.fields.clone(),
    })
}
