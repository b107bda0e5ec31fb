//! Searching what a store holds.

use std::time::{Duration, Instant};

use tidegate_core::{Fault, FaultKind};
use tidegate_store::search::{Filter, Hit, Mode, Query, Searcher};
use tidegate_store::{OpenMode, Store};

use crate::config::Config;
use crate::questions::Questions;

/// How to search.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// What decides the order.
    pub mode: Mode,
    /// Most hits, 1–1,000.
    pub limit: usize,
    /// Which documents count.
    pub filter: Option<Filter>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { mode: Mode::Hybrid, limit: 10, filter: None }
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
    /// reached to embed questions; else what the store was last indexed with does.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(url: &str, config: &Config) -> Result<Self, Fault> {
        let store = Store::open(url, OpenMode::Read)?;
        let questions = Questions::new(&store, config)?;
        Ok(Self { searcher: Searcher::new(store.clone()), store, questions })
    }

    /// Answers a query in plain words; words in double quotes are a phrase. Blocks the calling thread for the
    /// milliseconds it takes.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for an empty query, and for one by meaning where a provider's model must be asked, which
    /// [`Self::find`] does; storage faults.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<Found, Fault> {
        let started = Instant::now();
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
        self.answer(query, vector, (options, started))
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
