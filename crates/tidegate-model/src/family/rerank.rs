//! Rankings.

use std::sync::Arc;

use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{
    Charge, Codec, ContentHash, Fault, FaultKind, Quota, Refusal, Reply, Shape, Tokenizer, Usage,
};

use super::refine;
use crate::ask::{Ranked, Ranking};
use crate::cohere;
use crate::draft::Wrong;
use crate::openai::OpenaiRerank;
use crate::profile::Family;
use crate::ranker::{Ranker, only, order};
use crate::service::Service;

/// Ranks with any service.
#[derive(Clone)]
pub struct AnyRerank(Inner);

#[derive(Clone)]
enum Inner {
    Openai(OpenaiRerank),
    Cohere(Cohere),
}

/// Ranks with the model of `service`, in the wire format that its profile names; `counter` counts tokens as the
/// model does, or more.
///
/// # Errors
/// The provider does not rank.
pub fn rerank_codec(service: Service, counter: Arc<dyn Tokenizer>) -> Result<AnyRerank, Fault> {
    match service.profile().family {
        Family::Openai => OpenaiRerank::new(service, counter).map(Inner::Openai).map(AnyRerank),
        Family::Cohere => Ok(AnyRerank(Inner::Cohere(Cohere { ranker: Ranker::new(service, counter)? }))),
        family @ (Family::Anthropic | Family::Gemini | Family::Ollama) => {
            let message = format!("the wire format of {} has no ranking", family.name());
            Err(Fault::new(FaultKind::Config, message)
                .hint("name another provider to rank with, such as cohere, voyage, jina or tei"))
        }
    }
}

impl AnyRerank {
    fn codec(&self) -> &dyn Codec<Item = Ranking, Answer = Arc<[Ranked]>> {
        match &self.0 {
            Inner::Openai(codec) => codec,
            Inner::Cohere(codec) => codec,
        }
    }
}

impl Codec for AnyRerank {
    type Item = Ranking;
    type Answer = Arc<[Ranked]>;

    fn key(&self, item: &Ranking) -> Option<ContentHash> {
        self.codec().key(item)
    }

    fn estimate(&self, items: &[Ranking]) -> Charge {
        self.codec().estimate(items)
    }

    fn shape(&self) -> Shape {
        self.codec().shape()
    }

    fn encode(&self, items: &[Ranking]) -> Result<HttpRequest, Fault> {
        self.codec().encode(items)
    }

    fn decode(&self, items: &[Ranking], answer: &Answer) -> Result<Reply<Arc<[Ranked]>>, Refusal> {
        self.codec().decode(items, answer)
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.codec().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.codec().price(usage)
    }
}

/// Ranks with Cohere.
#[derive(Clone)]
struct Cohere {
    ranker: Ranker,
}

impl Codec for Cohere {
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
        let body = cohere::rerank_body(&self.ranker, only(items)?);
        Ok(self.ranker.service().post(&self.ranker.api().path, body.done()))
    }

    fn decode(&self, items: &[Ranking], answer: &Answer) -> Result<Reply<Arc<[Ranked]>>, Refusal> {
        let service = self.ranker.service();
        refine::good(service, answer)?;
        let ranked = cohere::rerank_read(&answer.body)
            .and_then(|ranked| order(items, ranked).map_err(Wrong::Broken))
            .map_err(|wrong| refine::bad(service, answer, wrong))?;
        // The service counts searches, not tokens.
        Ok(Reply { answers: vec![Ok(ranked)], usage: None, model: None })
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.ranker.service().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.ranker.service().price(usage)
    }
}
