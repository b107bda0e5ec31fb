//! Searching what a store holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tidegate_core::{Fault, FaultKind};
use tidegate_store::search::{Answer, Filter, Hit, Mode, Query, Searcher, Weights};
use tidegate_store::{OpenMode, Store};

use crate::config::Config;
use crate::questions::Questions;
use crate::rescore::Rescorer;

/// How to search.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// What decides the order.
    pub mode: Mode,
    /// Most hits, 1–1,000.
    pub limit: usize,
    /// Which documents count.
    pub filter: Option<Filter>,
    /// Whether a better model looks at the first hits once more, where the configuration names one.
    pub rescore: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { mode: Mode::Hybrid, limit: 10, filter: None, rescore: true }
    }
}

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct Found {
    /// The hits, best first.
    pub hits: Vec<Hit>,
    /// How long it took.
    pub took: Duration,
}

/// A store opened for searching. Cheap to share between threads; searches never wait for a run that writes.
///
/// ```no_run
/// use tidegate::{Index, SearchOptions};
/// let index = Index::open("tidegate.db")?;
/// for hit in index.search("how are failures held", &SearchOptions::default())?.hits {
///     println!("{} {}", hit.score, hit.source);
/// }
/// # Ok::<(), tidegate::core::Fault>(())
/// ```
pub struct Index {
    store: Store,
    searcher: Searcher,
    /// What reaches the services that embed questions.
    config: Config,
    /// What embeds questions to the generation that was last found active.
    questions: Mutex<Arc<Questions>>,
    weights: Weights,
    rescorer: Option<Rescorer>,
}

/// So often a question is asked anew because another generation became active meanwhile.
const MOST_SWITCHES: usize = 8;

impl Index {
    /// Opens the store at `url` (`sqlite:PATH` or a path).
    ///
    /// # Errors
    /// A store that is missing, damaged, newer than this version, or not tidegate's.
    pub fn open(url: &str) -> Result<Self, Fault> {
        Self::open_with(url, &Config::default())
    }

    /// Opens the store at `url`. If its vectors are of a provider's model, the providers of `config` say how that is
    /// reached to embed questions; else what the store was last indexed with does. Its `[search]` decides the order of
    /// what is found.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(url: &str, config: &Config) -> Result<Self, Fault> {
        let store = Store::open(url, OpenMode::Read)?;
        let questions = Mutex::new(Arc::new(Questions::new(&store, config)?));
        let rescorer = Rescorer::of(&store, config);
        let (weights, searcher, config) =
            (config.search.weights(), Searcher::new(store.clone()), config.clone());
        Ok(Self { searcher, store, config, questions, weights, rescorer })
    }

    /// Answers a query in plain words; words in double quotes are a phrase. Blocks the calling thread for the
    /// milliseconds it takes. Wholly from one generation of the store: the one that is active by then.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for an empty query, and for one by meaning where a provider's model must be asked, or hits
    /// are to be rescored, which [`Self::find`] does; storage faults.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<Found, Fault> {
        let started = Instant::now();
        if self.rescores(options).is_some() {
            return Err(Fault::new(FaultKind::Config, "hits are rescored where one may wait for it")
                .hint("use `Index::find`, or set `rescore` to false in the options"));
        }
        for _ in 0..MOST_SWITCHES {
            let questions = self.questions()?;
            let vector = match options.mode {
                Mode::Text => None,
                _ => Some(questions.embed_here(query)?),
            };
            if let Some(found) = self.answer(query, (&questions, vector), (options, started))? {
                return Ok(found);
            }
        }
        Err(restless())
    }

    /// As [`Self::search`], whatever made the vectors: if a provider's model did, it is asked for the question's,
    /// which is paid for once and then kept.
    ///
    /// # Errors
    /// As [`Self::search`]; faults of the call, such as [`FaultKind::Unavailable`] while the provider is down.
    ///
    /// # Cancel safety
    /// Safe. The search itself blocks for the milliseconds it takes.
    pub async fn find(&self, query: &str, options: &SearchOptions) -> Result<Found, Fault> {
        let started = Instant::now();
        let asks = options.mode != Mode::Text && !query.trim().is_empty();
        let rescorer = self.rescores(options);
        let limit = rescorer.map_or(options.limit, |rescorer| options.limit.max(rescorer.top()));
        let deeper = SearchOptions { limit, ..options.clone() };
        for _ in 0..MOST_SWITCHES {
            let questions = self.questions()?;
            let vector = if asks { Some(questions.embed(query).await?) } else { None };
            let found = self.answer(query, (&questions, vector), (&deeper, started))?;
            let Some(mut found) = found else { continue };
            let Some(rescorer) = rescorer else { return Ok(found) };
            rescorer.order(query, (&mut found.hits, options.mode)).await?;
            found.hits.truncate(options.limit.max(1));
            return Ok(Found { took: started.elapsed(), ..found });
        }
        Err(restless())
    }

    /// What looks at the hits once more.
    fn rescores(&self, options: &SearchOptions) -> Option<&Rescorer> {
        self.rescorer.as_ref().filter(|_| options.rescore)
    }

    /// Whether hits are rescored unless the options say otherwise.
    #[must_use]
    pub fn has_rescorer(&self) -> bool {
        self.rescorer.is_some()
    }

    /// What embeds questions to the generation that is active now.
    fn questions(&self) -> Result<Arc<Questions>, Fault> {
        let active = self.store.active_generation()?;
        let known = self.questions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.generation() == active {
            return Ok(known);
        }
        let fresh = Arc::new(Questions::new(&self.store, &self.config)?);
        *self.questions.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        Ok(fresh)
    }

    /// What the store answers; `None` if another generation has become active since the question was embedded.
    fn answer(
        &self,
        query: &str,
        (questions, vector): (&Questions, Option<Vec<f32>>),
        (options, started): (&SearchOptions, Instant),
    ) -> Result<Option<Found>, Fault> {
        if query.trim().is_empty() {
            return Err(Fault::new(FaultKind::Config, "the query is empty").hint("say what to look for"));
        }
        let mut asked = Query::new(query, options.mode);
        asked.limit = options.limit;
        asked.filter = options.filter.clone();
        asked.weights = self.weights;
        if vector.is_some() {
            asked.model = Some(questions.identity().to_owned());
            asked.generation = Some(questions.generation());
        }
        asked.vector = vector;
        Ok(match self.searcher.answer(&asked)? {
            Answer::Hits(hits) => Some(Found { hits, took: started.elapsed() }),
            Answer::Switched => None,
        })
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

fn restless() -> Fault {
    Fault::new(FaultKind::StorageBusy, "the store switched to another generation again and again")
        .hint("ask again")
}
