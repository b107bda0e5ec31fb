//! A better model looks once more at the first hits of a search.
//!
//! What it makes of a chunk is kept in the journal under the chunk's content, exactly as if the chunk had been indexed
//! with that model: each is embedded once, when it is first among the hits, and indexing with the model later on
//! finds it there. Embedding the whole store beforehand was refused: that is what indexing with the model does.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tidegate_call::{CallCx, Priority};
use tidegate_core::{ContentHash, Cx, Fault, FaultKind, Journal, Shape, Task, TraceId};
use tidegate_engine::{Pool, StopHandle};
use tidegate_model::{Text, embedding_key};
use tidegate_store::Store;
use tidegate_store::search::{Hit, Mode, rescored};
use tokio::sync::OnceCell;

use crate::config::{Config, Embed};
use crate::embedding::Local;
use crate::lazy::{Lazy, Spare};
use crate::recent::Recent;
use crate::services::{self, RemoteEmbedding, Services};
use crate::stages::EmbedStage;

/// The better model, how many hits it looks at, and what it counts.
pub(crate) struct Rescorer {
    store: Store,
    config: Config,
    embed: Embed,
    /// Reached when the first search needs it.
    model: OnceCell<Model>,
    questions: Recent,
}

enum Model {
    Here(Box<Here>),
    Remote(Box<Remote>),
}

type Vector = Arc<[f32]>;

impl Rescorer {
    /// The one that `config` names for searches in `store`, if it names one.
    pub(crate) fn of(store: &Store, config: &Config) -> Option<Self> {
        let embed = config.rescore()?;
        let (model, questions) = Default::default();
        Some(Self { store: store.clone(), config: config.clone(), embed, model, questions })
    }

    /// How many hits it looks at.
    pub(crate) fn top(&self) -> usize {
        self.config.search.rescore_top
    }

    /// Puts the hits that `mode` found for `question` into their new order.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a model that is not there; faults of calls to a provider.
    ///
    /// # Cancel safety
    /// Safe; `hits` are as they were until it returns.
    pub(crate) async fn order(&self, question: &str, (hits, mode): (&mut [Hit], Mode)) -> Result<(), Fault> {
        if hits.is_empty() {
            return Ok(());
        }
        let during = |fault: Fault| fault.during(format!("rescoring with {}", self.embed.model));
        let texts: Vec<String> = hits.iter().take(self.top()).map(text_of).collect();
        let model = self.model.get_or_try_init(|| self.reach()).await.map_err(during)?;
        let known = ContentHash::of(question.as_bytes());
        let asked = match self.questions.get(&known) {
            Some(vector) => vector,
            None => {
                let vector = model.question(question).await.map_err(during)?;
                self.questions.put(known, vector.clone());
                vector
            }
        };
        let vectors = model.documents(texts).await.map_err(during)?;
        let cosine_of = |vector: &Option<Vector>| vector.as_ref().and_then(|vector| cosine(&asked, vector));
        let cosines: Vec<Option<f64>> = vectors.iter().map(cosine_of).collect();
        rescored(hits, &cosines, (mode, self.config.search.rescore_weight));
        Ok(())
    }

    async fn reach(&self) -> Result<Model, Fault> {
        match Local::open(&self.embed)? {
            Some(local) => Here::new(local, (&self.store, self.config.limits.cores))
                .map(|here| Model::Here(Box::new(here))),
            None => {
                let remote = Remote::open(&self.embed, (&self.store, &self.config)).await?;
                Ok(Model::Remote(Box::new(remote)))
            }
        }
    }
}

/// What is embedded of a hit: the same as when its chunk was indexed.
fn text_of(hit: &Hit) -> String {
    let heading: Vec<Arc<str>> = hit.heading.iter().map(|heading| heading.as_str().into()).collect();
    tidegate_text::with_heading(&heading, &hit.text)
}

/// `None` for vectors that cannot be compared.
fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt());
    (a.len() == b.len() && cosine.is_finite()).then_some(cosine)
}

impl Model {
    async fn question(&self, question: &str) -> Result<Vector, Fault> {
        match self {
            Self::Here(here) => here.question(question).await,
            Self::Remote(remote) => remote.question(question).await,
        }
    }

    /// One vector for each text, in order; `None` for one that the model refuses.
    async fn documents(&self, texts: Vec<String>) -> Result<Vec<Option<Vector>>, Fault> {
        match self {
            Self::Here(here) => here.documents(texts).await,
            Self::Remote(remote) => remote.documents(texts).await,
        }
    }
}

/// A model on this machine's cores.
struct Here {
    local: Local,
    /// Embeds what the journal does not have, once however many searches want it.
    stage: EmbedStage,
    journal: Arc<dyn Journal>,
    cx: Cx,
}

impl Here {
    fn new(local: Local, (store, cores): (&Store, usize)) -> Result<Self, Fault> {
        let pool = if cores == 0 { Pool::per_core() } else { Pool::new(cores) };
        let pool = pool.map_err(|error| {
            Fault::new(FaultKind::Unavailable, "this system refuses to start threads").cause(error)
        })?;
        let journal: Arc<dyn Journal> = Arc::new(Spare(store.clone()));
        // Nothing is grouped here, so how much a group may hold means nothing.
        let stage = EmbedStage::new(local.embedder.clone(), journal.clone(), 1).in_shares_of(local.share);
        let cx = Cx::new("rescore".into(), Arc::new(pool), StopHandle::new().subscribe());
        Ok(Self { local, stage, journal, cx })
    }

    fn key(&self, task: Task, text: &str) -> ContentHash {
        embedding_key(self.local.embedder.identity(), self.local.embedder.dimensions(), task, text)
    }

    async fn question(&self, question: &str) -> Result<Vector, Fault> {
        // Words before questions may be changed at any time, and then make other vectors.
        let key = self.key(Task::Query, &format!("{}{question}", self.local.query_prefix));
        if let Some(vector) = self.journal.lookup(&[key]).await?.pop().flatten() {
            return Ok(vector);
        }
        let (embedder, text) = (self.local.embedder.clone(), question.to_owned());
        let tokens = u32::try_from(embedder.tokenizer().count(question)).unwrap_or(u32::MAX);
        let vectors = self.cx.compute(0, move || embedder.embed(&[&text], Task::Query)).await??;
        let none = || Fault::new(FaultKind::Internal, "a question without a vector");
        let vector: Vector = vectors.into_iter().next().ok_or_else(none)?.into();
        let entry = (key, vector.clone(), tokens);
        self.journal.append(self.local.embedder.identity(), vec![entry]).await?;
        Ok(vector)
    }

    async fn documents(&self, texts: Vec<String>) -> Result<Vec<Option<Vector>>, Fault> {
        let keys: Vec<ContentHash> = texts.iter().map(|text| self.key(Task::Document, text)).collect();
        let mut vectors = self.journal.lookup(&keys).await?;
        let tokens = |text: &str| self.local.embedder.tokenizer().count(text);
        let missing = keys.iter().zip(texts).zip(&vectors).filter(|(_, vector)| vector.is_none());
        let missing: HashMap<ContentHash, (String, u32)> = missing
            .map(|((key, text), _)| {
                let tokens = u32::try_from(tokens(&text)).unwrap_or(u32::MAX);
                (*key, (text, tokens))
            })
            .collect();
        let (made, _) = self.stage.vectors(&self.cx, &missing).await?;
        for (key, vector) in keys.iter().zip(&mut vectors) {
            *vector = vector.take().or_else(|| made.get(key).cloned());
        }
        Ok(vectors)
    }
}

/// A model of a provider, which keeps what was paid for by itself.
struct Remote {
    documents: RemoteEmbedding,
    questions: RemoteEmbedding,
}

impl Remote {
    async fn open(embed: &Embed, (store, config): (&Store, &Config)) -> Result<Self, Fault> {
        let services = Services::new(config)?;
        let journal: Arc<dyn Journal> = Arc::new(Lazy(store.clone()));
        let mut known = store.lengths()?;
        let kept = (&*known, Some(journal.clone()));
        let documents = services::open(&services, (Task::Document, embed), kept).await?;
        // What the first may have asked for need not be asked for again.
        known.push((documents.identity().to_owned(), documents.dimensions()));
        let questions = services::open(&services, (Task::Query, embed), (&known, Some(journal))).await?;
        Ok(Self { documents, questions })
    }

    async fn question(&self, question: &str) -> Result<Vector, Fault> {
        let asked = ask(&self.questions, &[counted(&self.questions, question.to_owned())]).await?;
        let none = || Fault::new(FaultKind::Internal, "a question without an answer");
        asked.into_iter().next().ok_or_else(none)?
    }

    async fn documents(&self, texts: Vec<String>) -> Result<Vec<Option<Vector>>, Fault> {
        let texts: Vec<Text> = texts.into_iter().map(|text| counted(&self.documents, text)).collect();
        let groups = groups(&texts, self.documents.shape());
        let mut vectors = Vec::with_capacity(texts.len());
        for answered in join_all(groups.into_iter().map(|group| ask(&self.documents, group))).await {
            // A chunk that the provider refuses costs no other: it keeps its first score.
            vectors.extend(answered?.into_iter().map(|vector| {
                vector.inspect_err(|fault| tracing::info!(%fault, "a hit was not rescored")).ok()
            }));
        }
        Ok(vectors)
    }
}

fn counted(model: &RemoteEmbedding, text: String) -> Text {
    let tokens = model.tokenizer().count(&text);
    Text::new(text, u32::try_from(tokens).unwrap_or(u32::MAX))
}

async fn ask(model: &RemoteEmbedding, texts: &[Text]) -> Result<Vec<Result<Vector, Fault>>, Fault> {
    let answers = model.embed(texts, &CallCx::new(Priority::Interactive, TraceId(0))).await?;
    Ok(answers.results)
}

/// The texts in as few requests as may carry them, in order. Where a limit is 0 there is none.
fn groups(texts: &[Text], shape: Shape) -> Vec<&[Text]> {
    let most = |limit: u64| if limit == 0 { u64::MAX } else { limit };
    let (mut groups, mut from, mut sums) = (Vec::new(), 0, [0; 3]);
    for (at, text) in texts.iter().enumerate() {
        let own = [1, u64::from(text.tokens), text.text.len() as u64];
        let limits = [shape.items as u64, shape.tokens, shape.bytes].map(most);
        if at > from && (0..3).any(|of| sums[of] + own[of] > limits[of]) {
            groups.push(&texts[from..at]);
            (from, sums) = (at, [0; 3]);
        }
        (0..3).for_each(|of| sums[of] += own[of]);
    }
    if from < texts.len() {
        groups.push(&texts[from..]);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_carry_what_they_may() {
        let texts: Vec<Text> = (1..=7).map(|tokens| Text::new("abc", tokens)).collect();
        let lengths = |items, tokens, bytes| {
            let shape = Shape { items, item_tokens: 0, tokens, bytes };
            groups(&texts, shape).iter().map(|group| group.len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(0, 0, 0), [7]);
        assert_eq!(lengths(3, 0, 0), [3, 3, 1]);
        assert_eq!(lengths(0, 10, 0), [4, 1, 1, 1]);
        assert_eq!(lengths(0, 0, 6), [2, 2, 2, 1]);
        assert_eq!(lengths(0, 1, 1), [1; 7]);
        assert!(groups(&[], Shape { items: 1, item_tokens: 0, tokens: 1, bytes: 1 }).is_empty());
    }

    #[test]
    fn vectors_that_cannot_be_compared_have_no_cosine() {
        assert_eq!(cosine(&[2.0, 0.0], &[3.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[-1.0, 0.0]), Some(-1.0));
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), None);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), None);
    }
}
