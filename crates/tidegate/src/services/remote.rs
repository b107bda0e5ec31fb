//! Embedding with a model of a provider.

use std::sync::Arc;

use tidegate_call::{Answers, CallCx, Caller, Paid, Priority, Unpaid, Vectors};
use tidegate_core::{Codec, ContentHash, Fault, FaultKind, Journal, Shape, Task, Tokenizer, TraceId};
use tidegate_model::{AnyEmbedding, EmbedOptions, Text, embedding_codec, prefixed};

use super::{Kind, Reached, Services};
use crate::config::Embed;

/// The lengths of the vectors that a store has, by model, and where new ones are kept.
type Lengths<'a> = (&'a [(String, usize)], Option<Arc<dyn Journal>>);

/// The length of a model's vectors where something has told it (a store that has some, or a first call), and where
/// they are kept.
type Known = (Option<usize>, Option<Arc<dyn Journal>>);

/// Nothing is known, and nothing is kept.
pub(crate) const UNKNOWN: Known = (None, None);

/// A model of a provider that makes vectors for one task.
pub(crate) struct RemoteEmbedding {
    caller: Caller<AnyEmbedding>,
    tokenizer: Arc<dyn Tokenizer>,
    identity: String,
}

impl RemoteEmbedding {
    /// The model of `reached`, for `task`, as `embed` says.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: the provider has no embeddings, or not of this length.
    pub(crate) fn new(
        services: &Services,
        reached: &Reached,
        (task, embed): (Task, &Embed),
        (learned, journal): Known,
    ) -> Result<Self, Fault> {
        let asked = (embed.dimensions > 0).then_some(embed.dimensions);
        // Shortened vectors, which a store may have, say nothing about the model's own length.
        let learned = learned.filter(|_| asked.is_none());
        let options = EmbedOptions { dimensions: asked, learned, ..EmbedOptions::new(task) };
        let codec = embedding_codec(reached.service.clone(), options)?.with_prefix(embed.prefix(task));
        let identity = identity(reached, embed);
        let paid: Arc<dyn Paid<Arc<[f32]>>> = match journal {
            Some(journal) => Arc::new(Vectors(journal)),
            None => Arc::new(Unpaid),
        };
        let parts = services.parts::<AnyEmbedding>(reached, paid, (identity.clone(), Kind::Vectors));
        Ok(Self { caller: Caller::new(Arc::new(codec), parts), tokenizer: reached.tokenizer(), identity })
    }

    /// The name under which its vectors are kept.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The length of its vectors; zero while nobody knows.
    pub(crate) fn dimensions(&self) -> usize {
        self.caller.codec().embedding().expected()
    }

    /// What one request may carry.
    pub(crate) fn shape(&self) -> Shape {
        self.caller.codec().shape()
    }

    /// What measures texts for it.
    pub(crate) fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        self.tokenizer.clone()
    }

    /// The journal key of a text.
    pub(crate) fn key(&self, text: &Text) -> Result<ContentHash, Fault> {
        self.caller.codec().key(text).ok_or_else(|| Fault::new(FaultKind::Internal, "a text without a key"))
    }

    /// The vectors of `texts`.
    ///
    /// # Errors
    /// As [`Caller::call`].
    pub(crate) async fn embed(&self, texts: &[Text], cx: &CallCx) -> Result<Answers<Arc<[f32]>>, Fault> {
        self.caller.call(texts, cx).await
    }
}

/// The name of a model's vectors: another length is another model, and so are other words before the documents. What
/// goes before a question is not part of it: the vectors it is compared with stay the same.
pub(crate) fn identity(reached: &Reached, embed: &Embed) -> String {
    let name = match embed.dimensions {
        0 => reached.service.identity(),
        dimensions => format!("{}@{dimensions}", reached.service.identity()),
    };
    prefixed(&name, &embed.document_prefix)
}

/// Makes sure that the length of the vectors is known, which is part of their keys: from what the store has, from
/// what is known of the model, or else by embedding one word.
///
/// # Errors
/// As [`RemoteEmbedding::new`] and [`RemoteEmbedding::embed`].
pub(crate) async fn open(
    services: &Services,
    (task, embed): (Task, &Embed),
    (known, journal): Lengths<'_>,
) -> Result<RemoteEmbedding, Fault> {
    let reached = services.reach(&embed.model)?;
    let name = identity(&reached, embed);
    let stored = known.iter().find(|(known, _)| *known == name).map(|(_, dims)| *dims);
    let first = RemoteEmbedding::new(services, &reached, (task, embed), (stored, journal.clone()))?;
    if first.dimensions() > 0 {
        return Ok(first);
    }
    let probe = RemoteEmbedding::new(services, &reached, (task, embed), UNKNOWN)?;
    let told =
        probe.embed(&[Text::new("tidegate", 4)], &CallCx::new(Priority::Interactive, TraceId(0))).await?;
    let vector = told.results.into_iter().next().transpose()?;
    let length = vector.map(|vector| vector.len());
    RemoteEmbedding::new(services, &reached, (task, embed), (length, journal))
}
