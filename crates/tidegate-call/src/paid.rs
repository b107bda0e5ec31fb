//! What was paid for: looked up before a call, kept before its answer is handed up.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::{ContentHash, Fault, FaultKind, Journal, Kept, Replies, Usage};

/// An answer that was kept.
#[derive(Debug, Clone)]
pub struct Found<A> {
    /// The answer.
    pub answer: A,
    /// When it was kept, where that is known.
    pub at: Option<SystemTime>,
}

/// An answer to keep.
#[derive(Debug, Clone)]
pub struct Bought<A> {
    /// Its name.
    pub key: ContentHash,
    /// The answer.
    pub answer: A,
    /// Its part of what its request used.
    pub usage: Usage,
    /// Its part of what its request cost.
    pub cost: f64,
}

/// Keeps answers of one type.
#[async_trait]
pub trait Paid<A>: Send + Sync {
    /// Whether anything is kept at all; if not, keys are not even computed for it.
    fn keeps(&self) -> bool {
        true
    }

    /// What is kept under `keys`, in the order of `keys`.
    ///
    /// # Errors
    /// Storage faults.
    ///
    /// # Cancel safety
    /// Safe.
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Found<A>>>, Fault>;

    /// Keeps answers of `model`. Durable when it returns.
    ///
    /// # Errors
    /// A record fault for an answer that cannot be kept (then none of `entries` is); storage faults otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future may leave all of the entries kept, or none.
    async fn append(&self, model: &str, entries: Vec<Bought<A>>) -> Result<(), Fault>;
}

/// Keeps nothing: every call is sent, and paid.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unpaid;

#[async_trait]
impl<A: Send + 'static> Paid<A> for Unpaid {
    fn keeps(&self) -> bool {
        false
    }

    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Found<A>>>, Fault> {
        Ok(keys.iter().map(|_| None).collect())
    }

    async fn append(&self, _: &str, _: Vec<Bought<A>>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Keeps vectors.
#[derive(Clone)]
pub struct Vectors(pub Arc<dyn Journal>);

#[async_trait]
impl Paid<Arc<[f32]>> for Vectors {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Found<Arc<[f32]>>>>, Fault> {
        let found = self.0.lookup(keys).await?;
        Ok(found.into_iter().map(|found| found.map(|answer| Found { answer, at: None })).collect())
    }

    async fn append(&self, model: &str, entries: Vec<Bought<Arc<[f32]>>>) -> Result<(), Fault> {
        let tokens = |usage: Usage| u32::try_from(usage.input_tokens).unwrap_or(u32::MAX);
        let entries =
            entries.into_iter().map(|bought| (bought.key, bought.answer, tokens(bought.usage))).collect();
        self.0.append(model, entries).await
    }
}

/// Keeps replies as JSON.
#[derive(Clone)]
pub struct Replied(pub Arc<dyn Replies>);

#[async_trait]
impl<A: Serialize + DeserializeOwned + Send + Sync + 'static> Paid<A> for Replied {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Found<A>>>, Fault> {
        let kept = self.0.lookup_replies(keys).await?;
        Ok(kept.into_iter().map(|kept| kept.and_then(|(kept, at)| read(&kept, at))).collect())
    }

    async fn append(&self, model: &str, entries: Vec<Bought<A>>) -> Result<(), Fault> {
        let written: Result<Vec<_>, Fault> =
            entries.into_iter().map(|bought| Ok((bought.key, write(&bought)?))).collect();
        self.0.append_replies(model, written?).await
    }
}

/// A reply that this version cannot read is as if it were not there: it is asked for again.
fn read<A: DeserializeOwned>(kept: &Kept, at: u64) -> Option<Found<A>> {
    let answer = serde_json::from_slice(&kept.reply).ok()?;
    Some(Found { answer, at: SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(at)) })
}

fn write<A: Serialize>(bought: &Bought<A>) -> Result<Kept, Fault> {
    let reply = serde_json::to_vec(&bought.answer).map_err(|error| {
        Fault::new(FaultKind::Internal, "an answer cannot be written as json").cause(error)
    })?;
    Ok(Kept {
        reply: reply.into(),
        input_tokens: bought.usage.input_tokens,
        output_tokens: bought.usage.output_tokens,
        cost: bought.cost,
    })
}
