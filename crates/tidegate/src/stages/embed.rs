//! Chunks get their vectors: from the journal if it has them, else from the embedder, and then into the journal
//! before anything acts on them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::counters::Counter;
use tidegate_core::{
    Batch, ContentHash, Cx, Embedded, Embedder, Fault, FaultKind, Grouping, Journal, Record, Task, killpoint,
};
use tokio::sync::Notify;

/// What embedding did so far.
#[derive(Debug, Default)]
pub struct EmbedCounts {
    /// Texts embedded now.
    pub texts: Counter,
    /// Chunks whose vector was in the journal, or was made for an equal chunk of this run.
    pub from_journal: Counter,
    /// Tokens of the texts embedded now.
    pub tokens: Counter,
}

/// Embeds on this machine's cores.
pub struct EmbedStage {
    embedder: Arc<dyn Embedder>,
    journal: Arc<dyn Journal>,
    counts: Arc<EmbedCounts>,
    claims: Claims,
    batch: usize,
    share: usize,
}

pub(crate) type Vectors = HashMap<ContentHash, Arc<[f32]>>;

impl EmbedStage {
    /// A stage that embeds up to `batch` texts together and keeps their vectors in `journal`.
    #[must_use]
    pub fn new(embedder: Arc<dyn Embedder>, journal: Arc<dyn Journal>, batch: usize) -> Self {
        let (counts, claims) = Default::default();
        Self { embedder, journal, counts, claims, batch: batch.max(1), share: MIN_SHARE }
    }

    /// The same, which gives a core no fewer than so many texts.
    #[must_use]
    pub fn in_shares_of(self, texts: usize) -> Self {
        Self { share: texts.max(1), ..self }
    }

    /// What it did, readable while it runs.
    #[must_use]
    pub fn counts(&self) -> Arc<EmbedCounts> {
        self.counts.clone()
    }

    fn key(&self, text: &str) -> ContentHash {
        let (identity, dimensions) = (self.embedder.identity(), self.embedder.dimensions());
        tidegate_model::embedding_key(identity, dimensions, Task::Document, text)
    }

    /// Finds or makes the vector of every text. Equal texts are embedded once, also when other groups that run at
    /// the same time have them.
    pub(crate) async fn vectors(
        &self,
        cx: &Cx,
        texts: &HashMap<ContentHash, (String, u32)>,
    ) -> Result<(Vectors, usize), Fault> {
        let mut wanted: Vec<ContentHash> = texts.keys().copied().collect();
        wanted.sort_unstable();
        let mut found = Vectors::new();
        let mut made = 0;
        while !wanted.is_empty() {
            // Claimed before looking: a claim given up between the two has left its vector in the journal.
            let claim = self.claims.take(&wanted);
            let kept = self.journal.lookup(&wanted).await?;
            found.extend(wanted.iter().zip(kept).filter_map(|(key, vector)| Some((*key, vector?))));
            let missing: Vec<ContentHash> =
                claim.keys.iter().copied().filter(|key| !found.contains_key(key)).collect();
            found.extend(self.make(cx, (&missing, texts)).await?);
            made += missing.len();
            drop(claim);
            wanted.retain(|key| !found.contains_key(key));
            self.claims.until_free(&wanted).await;
        }
        Ok((found, made))
    }

    async fn make(
        &self,
        cx: &Cx,
        (keys, texts): (&[ContentHash], &HashMap<ContentHash, (String, u32)>),
    ) -> Result<Vec<(ContentHash, Arc<[f32]>)>, Fault> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let chosen: Vec<String> = keys.iter().map(|key| texts[key].0.clone()).collect();
        let tokens: u64 = keys.iter().map(|key| u64::from(texts[key].1)).sum();
        let vectors = self.embed(cx, chosen).await?;
        let made: Vec<(ContentHash, Arc<[f32]>)> = keys.iter().copied().zip(vectors).collect();
        let entries = made.iter().map(|(key, vector)| (*key, vector.clone(), texts[key].1)).collect();
        if !killpoint::planted("journal-late") {
            self.journal.append(self.embedder.identity(), entries).await?;
        }
        self.counts.texts.add(keys.len() as u64);
        self.counts.tokens.add(tokens);
        Ok(made)
    }

    /// Spreads texts over the cores, in order.
    async fn embed(&self, cx: &Cx, texts: Vec<String>) -> Result<Vec<Arc<[f32]>>, Fault> {
        let share = texts.len().div_ceil(cx.compute.width().max(1)).max(self.share);
        let expected = texts.len();
        let mut texts = texts.into_iter();
        let mut parts = Vec::new();
        loop {
            let part: Vec<String> = texts.by_ref().take(share).collect();
            if part.is_empty() {
                break;
            }
            let embedder = self.embedder.clone();
            parts.push(cx.compute(0, move || {
                let part: Vec<&str> = part.iter().map(String::as_str).collect();
                embedder.embed(&part, Task::Document)
            }));
        }
        let mut vectors = Vec::with_capacity(expected);
        for part in futures_util::future::join_all(parts).await {
            vectors.extend(part??.into_iter().map(Arc::from));
        }
        if vectors.len() != expected {
            let message = format!("{} vectors for {expected} texts", vectors.len());
            return Err(Fault::new(FaultKind::Internal, message).during("embedding"));
        }
        Ok(vectors)
    }
}

/// Fewer texts than this are not worth another core, where nothing else is said.
const MIN_SHARE: usize = 16;

#[async_trait]
impl Batch for EmbedStage {
    fn grouping(&self) -> Grouping {
        // Local work gains little from lingering: just enough that chunks of one document come together.
        Grouping { items: self.batch, bytes: 4 << 20, tokens: 0, linger: Duration::from_millis(5) }
    }

    async fn run(&self, cx: &Cx, records: &mut [Record]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let mut texts: HashMap<ContentHash, (String, u32)> = HashMap::with_capacity(records.len());
        let mut keys = Vec::with_capacity(records.len());
        for record in records.iter() {
            let text = text_of(record)?;
            let key = self.key(&text);
            texts.entry(key).or_insert((text, record.tokens));
            keys.push(key);
        }
        let (vectors, made) = self.vectors(cx, &texts).await?;
        self.counts.from_journal.add((records.len() - made) as u64);
        for (record, key) in records.iter_mut().zip(keys) {
            record.set_embedded(Embedded { vector: vectors[&key].clone(), key });
        }
        Ok(records.iter().map(|_| Ok(())).collect())
    }
}

/// What is embedded: the headings above a chunk and its text, so that "Returns" under "Shipping" is not taken for a
/// function's.
pub(super) fn text_of(record: &Record) -> Result<String, Fault> {
    let text = record.body.as_text().ok_or_else(|| Fault::new(FaultKind::Internal, "nothing to embed"))?;
    let heading = record.place.as_ref().map(|place| &*place.heading).unwrap_or_default();
    Ok(tidegate_text::with_heading(heading, text))
}

/// Keys that some group is making vectors for.
#[derive(Default)]
struct Claims {
    taken: Mutex<HashSet<ContentHash>>,
    /// Wakes whoever waits for another group's vectors.
    freed: Notify,
}

/// The keys a group has claimed; given up when dropped, also when the group fails or is cancelled.
struct Claim<'a> {
    claims: &'a Claims,
    keys: Vec<ContentHash>,
}

impl Claims {
    /// Claims those of `keys` that nobody else has.
    fn take(&self, keys: &[ContentHash]) -> Claim<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.iter().copied().filter(|key| taken.insert(*key)).collect();
        Claim { claims: self, keys }
    }

    /// Waits until at least one of `keys` is free, or there are none.
    async fn until_free(&self, keys: &[ContentHash]) {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            let all_taken = {
                let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                !keys.is_empty() && keys.iter().all(|key| taken.contains(key))
            };
            if !all_taken {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut taken = self.claims.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.keys.iter().for_each(|key| {
            taken.remove(key);
        });
        drop(taken);
        self.claims.freed.notify_waiters();
    }
}
