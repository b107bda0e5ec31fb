//! Searching what a store holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_core::{Embedder, Fault, FaultKind, Task};
use tidegate_store::search::{Filter, Hit, Mode, Query, Searcher};
use tidegate_store::{OpenMode, Store};

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
    embedder: Arc<dyn Embedder>,
}

impl Index {
    /// Opens the store at `url` (`sqlite:PATH` or a path).
    ///
    /// # Errors
    /// A store that is missing, damaged, newer than this version, or not tidegate's.
    pub fn open(url: &str) -> Result<Self, Fault> {
        let store = Store::open(url, OpenMode::Read)?;
        Ok(Self {
            searcher: Searcher::new(store.clone()),
            store,
            embedder: Arc::new(tidegate_model::Builtin),
        })
    }

    /// Answers a query in plain words; words in double quotes are a phrase. Blocks the calling thread for the
    /// milliseconds it takes.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for an empty query; storage faults.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<Found, Fault> {
        let started = Instant::now();
        if query.trim().is_empty() {
            return Err(Fault::new(FaultKind::Config, "the query is empty").hint("say what to look for"));
        }
        let mut asked = Query::new(query, options.mode);
        asked.limit = options.limit;
        asked.filter = options.filter.clone();
        if options.mode != Mode::Text {
            asked.vector = self.embedder.embed(&[query], Task::Query)?.pop();
            asked.model = Some(self.embedder.identity().to_owned());
        }
        let hits = self.searcher.search(&asked)?;
        Ok(Found { hits, took: started.elapsed() })
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
