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
use crate::object::Object;
use crate::openai::OpenaiEmbed;
use crate::profile::{Family, TaskField};
use crate::service::Service;
use crate::vector::{Placed, Wire};
use crate::{cohere, gemini, ollama};

/// Embeds with any service.
#[derive(Debug, Clone)]
pub struct AnyEmbedding(Inner);

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
        Family::Openai => return OpenaiEmbed::new(service, options).map(Inner::Openai).map(AnyEmbedding),
        Family::Gemini => Formats { write: gemini::embed_body, read: gemini::embed_read },
        Family::Cohere => Formats { write: cohere::embed_body, read: cohere::embed_read },
        Family::Ollama => Formats { write: ollama::embed_body, read: ollama::embed_read },
        Family::Anthropic => {
            return Err(Fault::new(FaultKind::Config, "the wire format of anthropic has no embeddings")
                .hint("name another provider to embed with, such as openai, voyage or ollama"));
        }
    };
    Ok(AnyEmbedding(Inner::Plain(Plain { embedding: Embedding::new(service, options)?, formats })))
}

impl AnyEmbedding {
    /// The model, and what is known of its vectors.
    #[must_use]
    pub fn embedding(&self) -> &Embedding {
        match &self.0 {
            Inner::Openai(codec) => codec.embedding(),
            Inner::Plain(codec) => &codec.embedding,
        }
    }

    fn codec(&self) -> &dyn Codec<Item = Text, Answer = Arc<[f32]>> {
        match &self.0 {
            Inner::Openai(codec) => codec,
            Inner::Plain(codec) => codec,
        }
    }
}

impl Codec for AnyEmbedding {
    type Item = Text;
    type Answer = Arc<[f32]>;

    fn key(&self, item: &Text) -> Option<ContentHash> {
        self.codec().key(item)
    }

    fn estimate(&self, items: &[Text]) -> Charge {
        self.codec().estimate(items)
    }

    fn shape(&self) -> Shape {
        self.codec().shape()
    }

    fn encode(&self, items: &[Text]) -> Result<HttpRequest, Fault> {
        self.codec().encode(items)
    }

    fn decode(&self, items: &[Text], answer: &Answer) -> Result<Reply<Arc<[f32]>>, Refusal> {
        self.codec().decode(items, answer)
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.codec().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.codec().price(usage)
    }
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
