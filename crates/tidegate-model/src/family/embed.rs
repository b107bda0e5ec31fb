//! Embeddings.

use std::sync::Arc;

use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{
    Charge, Codec, ContentHash, Fault, FaultKind, Quota, Refusal, Reply, Shape, Task, Usage,
};

use super::refine;
use crate::ask::Text;
use crate::draft::Wrong;
use crate::embedding::{EmbedOptions, Embedding};
use crate::journal_key::embedding_key;
use crate::object::Object;
use crate::openai::OpenaiEmbed;
use crate::profile::{Family, TaskField};
use crate::service::Service;
use crate::vector::{Placed, Wire};
use crate::{cohere, gemini, ollama};

/// Embeds with any service.
#[derive(Debug, Clone)]
pub struct AnyEmbedding {
    inner: Inner,
    prefix: Option<Prefix>,
}

/// Words that go before every text.
#[derive(Debug, Clone)]
struct Prefix {
    words: Arc<str>,
    /// How many tokens they are, or more.
    tokens: u32,
    /// The name under which vectors of texts with these words are kept.
    identity: Arc<str>,
}

#[derive(Debug, Clone)]
enum Inner {
    Openai(OpenaiEmbed),
    Plain(Plain),
}

/// Embeds with the model of `service`, in the wire format that its profile names.
///
/// # Errors
/// The provider does not embed, or not with so many dimensions.
pub fn embedding_codec(service: Service, options: EmbedOptions) -> Result<AnyEmbedding, Fault> {
    let formats = match service.profile().family {
        Family::Openai => {
            return OpenaiEmbed::new(service, options).map(Inner::Openai).map(AnyEmbedding::of);
        }
        Family::Gemini => Formats { write: gemini::embed_body, read: gemini::embed_read },
        Family::Cohere => Formats { write: cohere::embed_body, read: cohere::embed_read },
        Family::Ollama => Formats { write: ollama::embed_body, read: ollama::embed_read },
        Family::Anthropic => {
            return Err(Fault::new(FaultKind::Config, "the wire format of anthropic has no embeddings")
                .hint("name another provider to embed with, such as openai, voyage or ollama"));
        }
    };
    Ok(AnyEmbedding::of(Inner::Plain(Plain { embedding: Embedding::new(service, options)?, formats })))
}

impl AnyEmbedding {
    fn of(inner: Inner) -> Self {
        Self { inner, prefix: None }
    }

    /// With `words` before every text, as models want that were trained so (`query: `, `search_document: `). They are
    /// part of every key: a vector of a text with other words before it is another vector. Nothing for no words.
    #[must_use]
    pub fn with_prefix(mut self, words: &str) -> Self {
        self.prefix = (!words.is_empty()).then(|| Prefix {
            words: words.into(),
            // No tokenizer makes more tokens than there are bytes, and these words are few.
            tokens: u32::try_from(words.len()).unwrap_or(u32::MAX),
            identity: prefixed(self.embedding().identity(), words).into(),
        });
        self
    }

    /// The model, and what is known of its vectors.
    #[must_use]
    pub fn embedding(&self) -> &Embedding {
        match &self.inner {
            Inner::Openai(codec) => codec.embedding(),
            Inner::Plain(codec) => &codec.embedding,
        }
    }

    fn codec(&self) -> &dyn Codec<Item = Text, Answer = Arc<[f32]>> {
        match &self.inner {
            Inner::Openai(codec) => codec,
            Inner::Plain(codec) => codec,
        }
    }
}

impl Codec for AnyEmbedding {
    type Item = Text;
    type Answer = Arc<[f32]>;

    fn key(&self, item: &Text) -> Option<ContentHash> {
        let Some(prefix) = &self.prefix else { return self.codec().key(item) };
        let embedding = self.embedding();
        Some(embedding_key(&prefix.identity, embedding.expected(), embedding.task(), &item.text))
    }

    fn estimate(&self, items: &[Text]) -> Charge {
        let mut charge = self.codec().estimate(items);
        let more = self.prefix.as_ref().map_or(0, |prefix| u64::from(prefix.tokens));
        charge.input_tokens += more * items.len() as u64;
        charge
    }

    fn shape(&self) -> Shape {
        self.codec().shape()
    }

    fn encode(&self, items: &[Text]) -> Result<HttpRequest, Fault> {
        let Some(prefix) = &self.prefix else { return self.codec().encode(items) };
        let with = |item: &Text| {
            Text::new(format!("{}{}", prefix.words, item.text), item.tokens.saturating_add(prefix.tokens))
        };
        self.codec().encode(&items.iter().map(with).collect::<Vec<_>>())
    }

    fn decode(&self, items: &[Text], answer: &Answer) -> Result<Reply<Arc<[f32]>>, Refusal> {
        self.codec().decode(items, answer)
    }

    fn sample(&self) -> Option<Text> {
        Some(Text::new("tidegate", 4))
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.codec().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.codec().price(usage)
    }
}

/// The name of the vectors that the model named `identity` makes of texts with `words` before them.
#[must_use]
pub fn prefixed(identity: &str, words: &str) -> String {
    if words.is_empty() { identity.to_owned() } else { format!("{identity} after {words:?}") }
}

/// What an answer holds, in the order in which it holds it.
pub(crate) struct Vectors {
    pub(crate) vectors: Vec<Wire>,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Option<String>,
}

/// What `field` is to say of `task`.
pub(crate) fn task_value(field: &TaskField, task: Task) -> &str {
    match task {
        Task::Document => &field.document,
        Task::Query => &field.query,
    }
}

/// How a family writes what it sends, and reads what comes.
#[derive(Debug, Clone, Copy)]
struct Formats {
    write: fn(&Embedding, &[Text]) -> Object,
    read: fn(&[u8]) -> Result<Vectors, Wrong>,
}

/// Embeds with services whose vectors have no index: they come in the order of the texts, or not at all.
#[derive(Debug, Clone)]
struct Plain {
    embedding: Embedding,
    formats: Formats,
}

impl Plain {
    fn read(&self, count: usize, body: &[u8]) -> Result<Reply<Arc<[f32]>>, Wrong> {
        let Vectors { vectors, usage, model } = (self.formats.read)(body)?;
        let came = vectors.len();
        // Without an index, the number alone shows that no vector is another text's.
        if came != count {
            return Err(Wrong::Broken(format!("{came} vectors came for {count} texts")));
        }
        let mut placed = Placed::new(count, self.embedding.expected());
        for (index, vector) in vectors.into_iter().enumerate() {
            placed.put(index, vector.0).map_err(Wrong::broken)?;
        }
        let answers = placed.all().map_err(Wrong::broken)?.into_iter().map(Ok).collect();
        Ok(Reply { answers, usage, model })
    }
}

impl Codec for Plain {
    type Item = Text;
    type Answer = Arc<[f32]>;

    fn key(&self, item: &Text) -> Option<ContentHash> {
        Some(self.embedding.key(item))
    }

    fn estimate(&self, items: &[Text]) -> Charge {
        self.embedding.estimate(items)
    }

    fn shape(&self) -> Shape {
        self.embedding.shape()
    }

    fn encode(&self, items: &[Text]) -> Result<HttpRequest, Fault> {
        let body = (self.formats.write)(&self.embedding, items);
        Ok(self.embedding.service().post(&self.embedding.api().path, body.done()))
    }

    fn decode(&self, items: &[Text], answer: &Answer) -> Result<Reply<Arc<[f32]>>, Refusal> {
        let service = self.embedding.service();
        refine::good(service, answer)?;
        self.read(items.len(), &answer.body).map_err(|wrong| refine::bad(service, answer, wrong))
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.embedding.service().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.embedding.service().price(usage)
    }
}
