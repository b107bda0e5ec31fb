//! What ranking with a remote model is in every wire format: keys, estimates, and how an answer is put in order.

use std::sync::Arc;

use tidegate_core::{Charge, ContentHash, Fault, FaultKind, Shape, Tokenizer};

use crate::ask::{Ranked, Ranking};
use crate::journal_key::reply_key;
use crate::profile::RerankApi;
use crate::service::Service;

/// A model that ranks.
#[derive(Clone)]
pub struct Ranker {
    service: Service,
    identity: String,
    counter: Arc<dyn Tokenizer>,
}

impl Ranker {
    /// Ranks with the model of `service`; `counter` counts tokens as it does, or more.
    ///
    /// # Errors
    /// The provider does not rank.
    pub fn new(service: Service, counter: Arc<dyn Tokenizer>) -> Result<Self, Fault> {
        if service.profile().rerank.is_none() {
            return Err(Fault::new(FaultKind::Config, format!("{} does not rank", service.profile().name))
                .hint("name another provider to rank with"));
        }
        Ok(Self { identity: service.identity(), service, counter })
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// How the service is asked.
    #[must_use]
    pub fn api(&self) -> &RerankApi {
        self.service.profile().rerank.as_ref().expect("`new` has seen that it is there")
    }

    /// The key of the answer to `ranking`.
    #[must_use]
    pub fn key(&self, ranking: &Ranking) -> ContentHash {
        reply_key("rerank", &self.identity, &ranking.key_parts())
    }

    /// What asking counts: the query is read with every document.
    #[must_use]
    pub fn estimate(&self, items: &[Ranking]) -> Charge {
        let tokens = |item: &Ranking| {
            let query = self.counter.count(&item.query);
            item.documents.iter().map(|document| (query + self.counter.count(document)) as u64).sum::<u64>()
        };
        let inputs = items.iter().map(|item| item.documents.len() as u64).sum();
        Charge { inputs, input_tokens: items.iter().map(tokens).sum(), output_tokens: 0 }
    }

    /// One query in each request.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape { items: 1, ..Shape::default() }
    }
}

/// The one ranking of a request.
///
/// # Errors
/// There are more, or none, or it has no documents.
pub fn only(items: &[Ranking]) -> Result<&Ranking, Fault> {
    match items {
        [item] if item.documents.is_empty() => {
            Err(Fault::new(FaultKind::Validation, "there is no document to rank"))
        }
        [item] => Ok(item),
        _ => Err(Fault::new(FaultKind::Internal, format!("{} rankings in one request", items.len()))),
    }
}

/// What came for the one ranking of `items`, the most relevant first, equal ones in the order of the documents, and
/// no more than wanted.
///
/// # Errors
/// What is wrong: a document that was not sent, or twice, or too few of them, or a score that is no number.
pub fn order(items: &[Ranking], mut ranked: Vec<Ranked>) -> Result<Arc<[Ranked]>, String> {
    let [item] = items else { return Err(format!("one answer came for {} rankings", items.len())) };
    let mut seen = vec![false; item.documents.len()];
    for &Ranked { index, score } in &ranked {
        let sent = seen.len();
        let seen = seen.get_mut(index as usize);
        let seen = seen.ok_or_else(|| format!("document {index} is ranked, but {sent} were sent"))?;
        if std::mem::replace(seen, true) {
            return Err(format!("document {index} is ranked twice"));
        }
        if !score.is_finite() {
            return Err(format!("the score of document {index} is no number"));
        }
    }
    if ranked.len() < item.wanted() {
        return Err(format!("{} documents are ranked of {} wanted", ranked.len(), item.wanted()));
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    ranked.truncate(item.wanted());
    Ok(ranked.into())
}
