//! Rankings, as Jina, Voyage, TEI, vLLM and Infinity give them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde::ser::{SerializeMap, Serializer};
use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{Charge, Codec, ContentHash, Fault, Quota, Refusal, Reply, Shape, Tokenizer, Usage};

use super::used::Used;
use crate::ask::{Ranked, Ranking};
use crate::ranker::Ranker;
use crate::service::{Service, unsendable};

/// Speaks `POST /rerank`.
#[derive(Clone)]
pub struct OpenaiRerank {
    ranker: Ranker,
}

impl OpenaiRerank {
    /// Ranks with the model of `service`; `counter` counts tokens as it does, or more.
    ///
    /// # Errors
    /// The provider does not rank.
    pub fn new(service: Service, counter: Arc<dyn Tokenizer>) -> Result<Self, Fault> {
        Ranker::new(service, counter).map(|ranker| Self { ranker })
    }

    fn write(&self, item: &Ranking, body: &mut Vec<u8>) -> serde_json::Result<()> {
        let api = self.ranker.api();
        let mut json = serde_json::Serializer::new(body);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("model", self.ranker.service().model())?;
        map.serialize_entry("query", &item.query)?;
        map.serialize_entry(&api.documents, &item.documents)?;
        if let Some(field) = api.top.as_ref().filter(|_| item.top > 0) {
            map.serialize_entry(field, &item.wanted())?;
        }
        for (field, value) in &api.extra {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body<'a> {
    /// TEI.
    List(Vec<Entry>),
    /// Jina, vLLM, Infinity.
    Results {
        results: Vec<Entry>,
        #[serde(default)]
        usage: Option<Used>,
        #[serde(default, borrow)]
        model: Option<Cow<'a, str>>,
    },
    /// Voyage.
    Data {
        data: Vec<Entry>,
        #[serde(default)]
        usage: Option<Used>,
        #[serde(default, borrow)]
        model: Option<Cow<'a, str>>,
    },
}

#[derive(Deserialize)]
struct Entry {
    index: u32,
    #[serde(alias = "relevance_score")]
    score: f32,
}

impl Codec for OpenaiRerank {
    type Item = Ranking;
    type Answer = Arc<[Ranked]>;

    fn key(&self, item: &Ranking) -> Option<ContentHash> {
        Some(self.ranker.key(item))
    }

    fn estimate(&self, items: &[Ranking]) -> Charge {
        self.ranker.estimate(items)
    }

    fn shape(&self) -> Shape {
        self.ranker.shape()
    }

    fn encode(&self, items: &[Ranking]) -> Result<HttpRequest, Fault> {
        let mut body = Vec::new();
        self.write(crate::ranker::only(items)?, &mut body).map_err(unsendable)?;
        Ok(self.ranker.service().post(&self.ranker.api().path, body))
    }

    fn decode(&self, items: &[Ranking], answer: &Answer) -> Result<Reply<Arc<[Ranked]>>, Refusal> {
        let service = self.ranker.service();
        let (entries, usage, model) = match service.read(answer)? {
            Body::List(list) => (list, None, None),
            Body::Results { results, usage, model } => (results, usage, model),
            Body::Data { data, usage, model } => (data, usage, model),
        };
        let ranked = entries.iter().map(|entry| Ranked { index: entry.index, score: entry.score }).collect();
        let ranked = crate::ranker::order(items, ranked).map_err(|wrong| service.bad(answer, &wrong))?;
        Ok(Reply {
            answers: vec![Ok(ranked)],
            usage: usage.and_then(Used::usage),
            model: model.map(Cow::into_owned),
        })
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.ranker.service().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.ranker.service().price(usage)
    }
}
