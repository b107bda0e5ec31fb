//! Searching what a store holds.

use std::time::{Duration, Instant};

use tidegate_core::{Fault, FaultKind};
use tidegate_store::search::{Filter, Hit, Mode, Query, Searcher, Weights};
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
    questions: Questions,
    weights: Weights,
    rescorer: Option<Rescorer>,
}

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
        let questions = Questions::new(&store, config)?;
        let rescorer = Rescorer::of(&store, config);
        let weights = config.search.weights();
        Ok(Self { searcher: Searcher::new(store.clone()), store, questions, weights, rescorer })
    }

    /// Answers a query in plain words; words in double quotes are a phrase. Blocks the calling thread for the
    /// milliseconds it takes.
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
        let vector = match options.mode {
            Mode::Text => None,
            _ => Some(self.questions.embed_here(query)?),
        };
        self.answer(query, vector, (options, started))
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
        let vector = if asks { Some(self.questions.embed(query).await?) } else { None };
        let Some(rescorer) = self.rescores(options) else {
            return self.answer(query, vector, (options, started));
        };
        let deeper = SearchOptions { limit: options.limit.max(rescorer.top()), ..options.clone() };
        let mut found = self.answer(query, vector, (&deeper, started))?;
        rescorer.order(query, (&mut found.hits, options.mode)).await?;
        found.hits.truncate(options.limit.max(1));
        Ok(Found { took: started.elapsed(), ..found })
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

    fn answer(
        &self,
        query: &str,
        vector: Option<Vec<f32>>,
        (options, started): (&SearchOptions, Instant),
    ) -> Result<Found, Fault> {
        if query.trim().is_empty() {
            return Err(Fault::new(FaultKind::Config, "the query is empty").hint("say what to look for"));
        }
        let mut asked = Query::new(query, options.mode);
        asked.limit = options.limit;
        asked.filter = options.filter.clone();
        asked.weights = self.weights;
        if vector.is_some() {
            asked.model = Some(self.questions.identity().to_owned());
        }
        asked.vector = vector;
        let hits = self.searcher.search(&asked)?;
        Ok(Found { hits, took: started.elapsed() })
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
