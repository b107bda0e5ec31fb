//! Embeddings.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde::ser::{SerializeMap, Serializer};
use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{Charge, Codec, ContentHash, Fault, Quota, Refusal, Reply, Shape, Task, Usage};

use super::used::Used;
use crate::ask::Text;
use crate::embedding::{EmbedOptions, Embedding};
use crate::profile::EmbeddingsApi;
use crate::service::Service;
use crate::vector::{Placed, Wire};

/// Speaks `POST /embeddings`.
#[derive(Debug, Clone)]
pub struct OpenaiEmbed {
    embedding: Embedding,
}

impl OpenaiEmbed {
    /// Embeds with the model of `service`.
    ///
    /// # Errors
    /// The provider does not embed, or not with so many dimensions.
    pub fn new(service: Service, options: EmbedOptions) -> Result<Self, Fault> {
        Embedding::new(service, options).map(|embedding| Self { embedding })
    }

    /// The name of the model in journal keys, and what else is known of its vectors.
    #[must_use]
    pub fn embedding(&self) -> &Embedding {
        &self.embedding
    }

    fn body(&self, items: &[Text]) -> Result<Vec<u8>, serde_json::Error> {
        let mut body = Vec::with_capacity(256 + items.iter().map(|item| item.text.len() + 16).sum::<usize>());
        let mut json = serde_json::Serializer::new(&mut body);
        let mut map = json.serialize_map(None)?;
        let api = self.embedding.api();
        map.serialize_entry("model", self.embedding.service().model())?;
        map.serialize_entry("input", &items.iter().map(|item| &*item.text).collect::<Vec<_>>())?;
        if let Some((field, value)) = &api.base64 {
            map.serialize_entry(field, value)?;
        }
        self.options(api, &mut map)?;
        map.end()?;
        Ok(body)
    }

    fn options<M: SerializeMap>(&self, api: &EmbeddingsApi, map: &mut M) -> Result<(), M::Error> {
        if let (Some(field), Some(dimensions)) = (&api.dimensions, self.embedding.asked()) {
            map.serialize_entry(field, &dimensions)?;
        }
        if let Some(task) = &api.task {
            let value = match self.embedding.task() {
                Task::Document => &task.document,
                Task::Query => &task.query,
            };
            map.serialize_entry(&task.field, value)?;
        }
        for (field, value) in &api.extra {
            map.serialize_entry(field, value)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    data: Vec<Entry>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    index: Option<usize>,
    embedding: Wire,
}

/// The vectors of `entries`, each at the place of its text.
fn place(entries: Vec<Entry>, count: usize, dimensions: usize) -> Result<Vec<Arc<[f32]>>, Cow<'static, str>> {
    if entries.len() != count {
        return Err(format!("{} vectors came for {count} texts", entries.len()).into());
    }
    let mut placed = Placed::new(count, dimensions);
    for entry in entries {
        // One vector for one text needs no index; with several, a guess could give a text another's vector.
        let index = entry.index.or((count == 1).then_some(0));
        placed.put(index.ok_or("a vector has no index")?, entry.embedding.0)?;
    }
    placed.all()
}

impl Codec for OpenaiEmbed {
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
        let body = self.body(items).map_err(crate::service::unsendable)?;
        Ok(self.embedding.service().post(&self.embedding.api().path, body))
    }

    fn decode(&self, items: &[Text], answer: &Answer) -> Result<Reply<Arc<[f32]>>, Refusal> {
        let service = self.embedding.service();
        let body: Body<'_> = service.read(answer)?;
        let vectors = place(body.data, items.len(), self.embedding.expected())
            .map_err(|wrong| service.bad(answer, &wrong))?;
        Ok(Reply {
            answers: vectors.into_iter().map(Ok).collect(),
            usage: body.usage.and_then(Used::usage),
            model: body.model.map(Cow::into_owned),
        })
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.embedding.service().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.embedding.service().price(usage)
    }
}
