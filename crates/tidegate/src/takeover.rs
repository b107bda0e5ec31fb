//! Taking documents over from one generation of the store into another: their chunks as they are, with new vectors.
//!
//! It is a run like any other, with a source that lists what is stored and a stage that gives the chunks out, so that
//! resuming, holding in outages, putting aside and accounting are those of every run. The sources themselves are not
//! needed.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{
    Body, ContentHash, Cpu, Cx, Emit, Fault, FaultKind, Fetch, Fetched, Listing, Place, Record, Source,
    SourceItem, Tokenizer, Version,
};
use tidegate_store::{DocumentGroup, Settings, Store, StoredChunk, StoredContent};

/// What is taken over in one run.
#[derive(Debug, Clone)]
pub(crate) struct Takeover {
    /// The generation it is in.
    pub(crate) from: i64,
    /// The documents.
    pub(crate) group: DocumentGroup,
    /// The fingerprint under which they are stored from now on.
    pub(crate) fingerprint: String,
    /// What its pipeline is to be remembered as run with, latest first.
    pub(crate) settings: Vec<Settings>,
}

/// Stored documents as a source. It speaks for nothing beyond what it lists: what is gone from the other generation is
/// removed when the two are compared.
pub(crate) struct StoredDocuments {
    reader: Arc<Chunks>,
    after: i64,
}

/// Reads the chunks of documents.
struct Chunks {
    store: Store,
    takeover: Takeover,
}

impl StoredDocuments {
    /// The documents of `takeover`.
    pub(crate) fn new(store: Store, takeover: Takeover) -> Self {
        Self { reader: Arc::new(Chunks { store, takeover }), after: 0 }
    }
}

#[async_trait]
impl Source for StoredDocuments {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        let (reader, after) = (self.reader.clone(), self.after);
        let listed = cx.compute(0, move || {
            let Takeover { from, group, .. } = &reader.takeover;
            reader.store.stored_documents((*from, group), after, max.max(1))
        });
        let listed = listed.await??;
        let Some(last) = listed.last() else { return Ok(Listing::End(None)) };
        self.after = last.row;
        let item = |found: tidegate_store::StoredDocument| {
            SourceItem::new(found.key, Version(found.version), found.size)
        };
        Ok(Listing::Items(listed.into_iter().map(item).collect()))
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        self.reader.clone()
    }
}

#[async_trait]
impl Fetch for Chunks {
    async fn fetch(&self, cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        let (store, takeover, key) = (self.store.clone(), self.takeover.clone(), item.key.clone());
        let read = cx.compute(0, move || {
            let found = store.stored_document((takeover.from, &takeover.group.pipeline), &key)?;
            let Some(content) = found else { return Ok(None) };
            let text = serde_json::to_string(&content).map_err(|error| {
                Fault::new(FaultKind::Internal, "a stored document is not JSON").cause(error)
            })?;
            Ok(Some((content, text)))
        });
        Ok(match read.await?? {
            None => Fetched::Gone,
            Some((content, text)) => Fetched::Content {
                hash: content.content.unwrap_or_else(|| ContentHash::of(text.as_bytes())),
                body: Body::Text(text.into()),
                version: Some(Version(content.version)),
                fields: content.fields,
            },
        })
    }
}

/// Gives the chunks of a stored document out.
pub(crate) struct StoredChunks {
    tokenizer: Arc<dyn Tokenizer>,
}

impl StoredChunks {
    /// A stage that counts tokens with `tokenizer`.
    pub(crate) fn new(tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self { tokenizer }
    }
}

impl Cpu for StoredChunks {
    fn run(&self, _: &Cx, mut record: Record) -> Result<Emit, Fault> {
        let content: StoredContent =
            record.body.as_text().and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| {
                Fault::new(FaultKind::Internal, "what is taken over is not a stored document")
            })?;
        record.set_body(Body::Empty);
        record.fields = Arc::new(content.fields);
        let tokenizer = self.tokenizer.clone();
        let mut parts = Parts { own: record, part: None, number: 0 };
        let chunks = content.chunks.into_iter();
        Ok(Emit::Many(Box::new(chunks.map(move |chunk| Ok(parts.record(chunk, &*tokenizer))))))
    }
}

/// The documents of an item, one after another: its own text first, then what is within it.
struct Parts {
    own: Record,
    /// The document within it that chunks belong to now.
    part: Option<Record>,
    number: u32,
}

impl Parts {
    fn record(&mut self, chunk: StoredChunk, tokenizer: &dyn Tokenizer) -> Record {
        let text: Arc<str> = chunk.text.into();
        let mut record = self.parent(chunk.part).child(Body::Text(text.clone()));
        record.tokens = u32::try_from(tokenizer.count(&text)).unwrap_or(u32::MAX);
        record.place = Some(Place {
            ordinal: chunk.ordinal,
            heading: chunk.heading.into_iter().map(Arc::from).collect(),
            span: chunk.span.0..chunk.span.1,
            page: chunk.page,
        });
        record
    }

    fn parent(&mut self, part: Option<(String, tidegate_core::Fields)>) -> &Record {
        let Some((key, fields)) = part else { return &self.own };
        if self.part.as_ref().is_none_or(|part| *part.key != *key) {
            self.number += 1;
            let mut part = self.own.part(key.into(), self.number, Body::Empty);
            part.fields = Arc::new(fields);
            self.part = Some(part);
        }
        self.part.as_ref().unwrap_or(&self.own)
    }
}
