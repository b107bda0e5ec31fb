//! What flows through the stages.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Permit;
use crate::document::{Document, Place};
use crate::fault::Fault;
use crate::hash::ContentHash;
use crate::tether::Tether;

/// Named values that travel with a record.
pub type Fields = serde_json::Map<String, serde_json::Value>;

/// Identifies a record in logs, traces and the quarantine: run, source item, and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The content of a record. Cloning is cheap: every variant is shared.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing yet.
    Empty,
    /// Bytes as they came from the source.
    Bytes(Bytes),
    /// Text.
    Text(Arc<str>),
    /// A JSON value.
    Json(Arc<serde_json::Value>),
    /// A parsed document.
    Document(Arc<Document>),
}

impl Body {
    /// Roughly how much memory the body holds, in bytes.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let bytes = match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Json(value) => json_weight(value),
            Self::Document(doc) => {
                let pages = doc.pages.len() * size_of::<crate::document::Page>();
                doc.text.len() + doc.blocks.len() * size_of::<crate::document::Block>() + pages
            }
        };
        bytes as u64
    }

    /// The text, where the body is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Document(doc) => Some(&doc.text),
            _ => None,
        }
    }
}

fn json_weight(value: &serde_json::Value) -> usize {
    use serde_json::Value as V;
    let own = size_of::<V>();
    match value {
        V::String(text) => own + text.len(),
        V::Array(items) => own + items.iter().map(json_weight).sum::<usize>(),
        V::Object(map) => {
            own + map.iter().map(|(key, value)| 32 + key.len() + json_weight(value)).sum::<usize>()
        }
        _ => own,
    }
}

/// A vector and the journal key under which it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The vector, L2-normalised.
    pub vector: Arc<[f32]>,
    /// Its content-addressed key in the journal.
    pub key: ContentHash,
}

/// One unit of flow. It carries its memory permit and its tether: dropping it gives the memory back and lets its
/// source item settle.
#[derive(Debug)]
pub struct Record {
    /// The key of the source item it came from; for a document within it, that document's own
    /// (`archive.zip!/dir/report.pdf`).
    pub key: Arc<str>,
    /// Which document of its item it belongs to, where the item holds several.
    pub part: Option<Arc<PartOf>>,
    /// Its source item's position in listing order; earlier items are worked first.
    pub ordinal: u64,
    /// The content.
    pub body: Body,
    /// Values that travel with it; shared until changed ([`Arc::make_mut`]).
    pub fields: Arc<Fields>,
    /// Where it stands in its document, once chunked.
    pub place: Option<Place>,
    /// Tokens of the text to embed, as the embedder counts them; 0 until chunked.
    pub tokens: u32,
    /// Its vector, once embedded.
    pub embedded: Option<Embedded>,
    /// Its identity in logs and traces.
    pub trace: TraceId,
    permit: Permit,
    /// Memory of a budget of its stage's own that its body takes.
    desk: Option<Permit>,
    tether: Tether,
    passage: Option<Passage>,
}

/// Held by every record of an item on its way to a point of the flow; when the last one passes or is dropped, the
/// item has arrived there completely. Ordered windows use it to put arrivals back into listing order.
#[derive(Clone)]
pub struct Passage(Arc<dyn Any + Send + Sync>);

impl Passage {
    /// Wraps a guard whose `Drop` reports that everything passed.
    #[must_use]
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Arc::new(guard))
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passage({})", Arc::strong_count(&self.0))
    }
}

/// A document within a source item: a member of an archive, an attachment of a mail. It is stored and, if need be, put
/// aside under a key of its own, but always together with its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartOf {
    /// The key of the item.
    pub item: Arc<str>,
    /// Its place among the documents of the item, from 1; the item's own text is 0.
    pub number: u32,
}

/// What a record weighs beside its body: the struct itself, its queue slot, its share of bookkeeping.
const OVERHEAD: u64 = 256;
/// What a byte that is not read yet counts for: beside what waits stands what is being made of it, and whatever is made
/// takes several times as much. Bytes in flight are thus a quarter of the budget at most, and the rest is for working.
pub const UNREAD: u64 = 4;

impl Record {
    /// A record for a whole source item. Until it has its content ([`Self::set_body`]) it keeps all that `permit`
    /// reserved for it: were that given back, everything listed could be let in before anything was read.
    #[must_use]
    pub fn new(key: Arc<str>, ordinal: u64, body: Body, (permit, tether): (Permit, Tether)) -> Self {
        let mut record = Self {
            key,
            ordinal,
            part: None,
            body,
            fields: Arc::default(),
            place: None,
            tokens: 0,
            embedded: None,
            trace: TraceId(ordinal << 24),
            permit,
            desk: None,
            tether,
            passage: None,
        };
        let least = charge(&record.body);
        if record.permit.bytes() < least {
            record.permit.resize(least);
        }
        record
    }

    /// A record derived from this one: same item, same fields, its own body and memory permit.
    #[must_use]
    pub fn child(&self, body: Body) -> Self {
        let permit = self.permit.budget().force(charge(&body));
        Self {
            key: self.key.clone(),
            ordinal: self.ordinal,
            part: self.part.clone(),
            body,
            fields: self.fields.clone(),
            place: None,
            tokens: 0,
            embedded: None,
            trace: self.trace,
            permit,
            desk: None,
            tether: self.tether.clone(),
            passage: self.passage.clone(),
        }
    }

    /// A record for document `number` (from 1) within this one's item, which is known as `key`. A fault of it costs the
    /// other documents nothing.
    #[must_use]
    pub fn part(&self, key: Arc<str>, number: u32, body: Body) -> Self {
        let mut part = self.child(body);
        part.tether = self.tether.part(key.clone());
        part.part = Some(Arc::new(PartOf { item: self.item().clone(), number }));
        part.key = key;
        part
    }

    /// The key of the source item it came from, whichever document of that it belongs to.
    #[must_use]
    pub fn item(&self) -> &Arc<str> {
        self.part.as_ref().map_or(&self.key, |part| &part.item)
    }

    /// Where it stands among the records of its item.
    #[must_use]
    pub fn rank(&self) -> (u32, u32) {
        let number = self.part.as_ref().map_or(0, |part| part.number);
        (number, self.place.as_ref().map_or(0, |place| place.ordinal))
    }

    /// One record made of several (a window, an aggregate). Their items settle together. It stands where the first
    /// of them stood, so that several windows over one document keep their order.
    ///
    /// Returns `None` for no records.
    #[must_use]
    pub fn merge(records: &[Record], body: Body) -> Option<Self> {
        let tether = Tether::join(records.iter().map(|record| &record.tether))?;
        let mut merged = records.first()?.child(body);
        merged.tether = tether;
        merged.place = records.first()?.place.clone();
        if records.iter().any(|record| record.part != merged.part) {
            merged.key = records.first()?.item().clone();
            merged.part = None;
        }
        merged.passage = None;
        Some(merged)
    }

    /// Replaces the body and corrects the memory held for it.
    pub fn set_body(&mut self, body: Body) {
        self.body = body;
        self.reweigh();
    }

    /// Sets the vector and corrects the memory held for it.
    pub fn set_embedded(&mut self, embedded: Embedded) {
        self.embedded = Some(embedded);
        self.reweigh();
    }

    /// Holds `permit` until the record is gone: a stage that bounds what it makes of records gives it along, so that it
    /// makes no more than is being taken from it. Records derived from this one do not hold it.
    pub fn hold_desk(&mut self, permit: Permit) {
        self.desk = Some(permit);
    }

    /// Bytes this record holds of the budget.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.permit.bytes()
    }

    /// What keeps the record's item open.
    #[must_use]
    pub fn tether(&self) -> &Tether {
        &self.tether
    }

    /// Gives the record a passage to hold; children inherit it.
    pub fn hold_passage(&mut self, passage: Passage) {
        self.passage = Some(passage);
    }

    /// Takes the passage off the record: it has arrived. Dropping it reports so.
    pub fn take_passage(&mut self) -> Option<Passage> {
        self.passage.take()
    }

    /// Parts the record from its item, so that the item can settle while the record is kept.
    #[must_use]
    pub fn detach(mut self) -> (Self, Tether) {
        self.passage = None;
        let tether = std::mem::replace(&mut self.tether, Tether::none());
        (self, tether)
    }

    /// Puts the record's item aside for `fault`, which happened in `stage`.
    pub fn fail(self, stage: &str, fault: &Fault) {
        self.tether.fail(stage, fault);
    }

    fn reweigh(&mut self) {
        let vector = self.embedded.as_ref().map_or(0, |embedded| 4 * embedded.vector.len() as u64);
        self.permit.resize(charge(&self.body) + vector);
    }
}

/// What a record with `body` takes of the budget.
fn charge(body: &Body) -> u64 {
    let times = if matches!(body, Body::Bytes(_)) { UNREAD } else { 1 };
    OVERHEAD + body.weight().saturating_mul(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn bytes_count_more_until_they_are_read() {
        let (budget, desk) = (Budget::new(10_000), Budget::new(10_000));
        let permit = budget.try_acquire(1).expect("it is empty");
        let mut record = Record::new("a".into(), 0, Body::Empty, (permit, Tether::none()));
        record.set_body(Body::Bytes(Bytes::from_static(&[0; 100])));
        assert_eq!(record.weight(), OVERHEAD + 400);
        record.set_body(Body::Text("t".repeat(100).into()));
        record.hold_desk(desk.force(50));
        let child = record.child(Body::Empty);
        assert_eq!((record.weight(), budget.used()), (OVERHEAD + 100, 2 * OVERHEAD + 100));
        drop(record);
        assert_eq!((desk.used(), budget.used()), (0, OVERHEAD), "what was derived holds no desk");
        drop(child);
    }
}
