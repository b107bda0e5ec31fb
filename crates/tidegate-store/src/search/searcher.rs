//! One query from beginning to end.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tidegate_core::{Fault, FaultKind};

use super::allowed::Allowed;
use super::codes::Codes;
use super::fuse::{self, Scored};
use super::vector::{Needle, Ranked};
use super::{Hit, Mode, Parts, Query, Weights, hits, text, vector};
use crate::generation::{self, Tables};
use crate::store::Store;

/// Most hits of one query.
const MOST: usize = 1_000;
/// Candidates each leg hands to the fusion, at least.
const POOL: usize = 200;
/// Vectors compared exactly, at least. With a million vectors in clusters of 500, 200 found 94 % of the ten nearest
/// and 300 found 99 %.
const RESCORE: usize = 300;

/// Searches a store. Cheap to share; the codes of all vectors (dimensions / 8 + 8 bytes each) are read by the first
/// query that needs them and then follow the file.
pub struct Searcher {
    store: Store,
    codes: Mutex<Arc<Codes>>,
    /// In how many chunks words are.
    counts: Mutex<text::Counts>,
}

impl Searcher {
    /// A searcher over `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, codes: Mutex::default(), counts: Mutex::default() }
    }

    /// Answers a query, whichever generation is active. Blocks the calling thread for the milliseconds it takes: asynchronous callers use the
    /// compute pool.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a query without what its mode needs; storage faults.
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, Fault> {
        match self.answer(&Query { generation: None, ..query.clone() })? {
            Answer::Hits(hits) => Ok(hits),
            Answer::Switched => Err(Fault::new(FaultKind::Internal, "a query of no generation met another")),
        }
    }

    /// Answers a query wholly from the generation it names, or says that another one is active by now.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub fn answer(&self, query: &Query) -> Result<Answer, Fault> {
        let limit = query.limit.clamp(1, MOST);
        let terms = match (query.mode, &query.text) {
            (Mode::Vector, _) | (_, None) => Vec::new(),
            (_, Some(text)) => text::terms(text),
        };
        let needle = match (query.mode, &query.vector) {
            (Mode::Text, _) | (_, None) => None,
            (_, Some(vector)) => Needle::new(vector, query.model.as_deref())?,
        };
        missing(query)?;
        let plan = Plan { limit, terms, needle, query };
        self.store.read(|conn| self.run(conn, &plan))
    }

    /// How many codes are in memory.
    #[must_use]
    pub fn codes_in_memory(&self) -> usize {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn run(&self, conn: &Connection, plan: &Plan<'_>) -> Result<Answer, Fault> {
        let tables = generation::active(conn)?;
        if plan.query.generation.is_some_and(|meant| meant != tables.0) {
            return Ok(Answer::Switched);
        }
        let pool = POOL.max(4 * plan.limit);
        let allowed = match &plan.query.filter {
            Some(filter) => Some(Allowed::of((conn, tables), &filter.clause())?),
            None => None,
        };
        let words = self.words((conn, tables), plan, allowed.as_ref())?;
        let scored = match &plan.needle {
            None => fuse::single(words, |bm25| Parts { text: Some(bm25), ..Parts::default() }),
            Some(needle) => {
                let codes = self.codes(conn, tables)?;
                let rescore = if plan.query.rescore == 0 { RESCORE.max(pool) } else { plan.query.rescore };
                let near = vector::best((conn, tables), &codes, needle, allowed.as_ref(), (rescore, pool))?;
                fused((conn, tables), plan, needle, (words, near))?
            }
        };
        hits::read((conn, tables), scored, plan.limit).map(Answer::Hits)
    }

    /// What the text leg finds.
    fn words(
        &self,
        (conn, tables): (&Connection, Tables),
        plan: &Plan<'_>,
        allowed: Option<&Allowed>,
    ) -> Result<Ranked, Fault> {
        let pool = match plan.query.mode {
            Mode::Text => plan.limit,
            Mode::Hybrid => POOL.max(4 * plan.limit),
            Mode::Vector => return Ok(Ranked::new()),
        };
        if let Some(allowed) = allowed {
            allowed.register(conn)?;
        }
        let leg = text::Leg { conn, tables, filtered: allowed.is_some(), pool, limit: plan.limit };
        leg.best(&plan.terms, &self.counts)
    }

    /// The codes as of the open transaction, or newer.
    fn codes(&self, conn: &Connection, tables: Tables) -> Result<Arc<Codes>, Fault> {
        let current = self.codes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = Codes::refreshed(&current, conn, tables)?;
        if !Arc::ptr_eq(&current, &fresh) {
            drop(current);
            *self.codes.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        }
        Ok(fresh)
    }
}

/// What became of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What was found, best first.
    Hits(Vec<Hit>),
    /// Another generation than the query's is active.
    Switched,
}

struct Plan<'a> {
    limit: usize,
    terms: Vec<String>,
    needle: Option<Needle<'a>>,
    query: &'a Query,
}

fn fused(
    place: (&Connection, Tables),
    plan: &Plan<'_>,
    needle: &Needle<'_>,
    (words, near): (Ranked, Ranked),
) -> Result<Vec<Scored>, Fault> {
    if plan.query.mode == Mode::Vector {
        return Ok(fuse::single(near, |cosine| Parts { vector: Some(cosine), ..Parts::default() }));
    }
    let mut cosines: rustc_hash::FxHashMap<i64, f64> = near.into_iter().collect();
    let unknown: Vec<i64> = words.iter().map(|word| word.0).filter(|id| !cosines.contains_key(id)).collect();
    cosines.extend(vector::cosines(place, needle, unknown.into_iter())?);
    Ok(fuse::both(&words, &cosines, plan.query.weights))
}

/// Refuses a query that lacks what its mode needs.
fn missing(query: &Query) -> Result<(), Fault> {
    let lacks = match query.mode {
        Mode::Text if query.text.is_none() => "words",
        Mode::Vector if query.vector.is_none() => "a vector",
        Mode::Hybrid if query.text.is_none() && query.vector.is_none() => "words or a vector",
        _ if !usable(query.weights) => "weights that can be used: finite, not negative, not both zero",
        _ => return Ok(()),
    };
    Err(Fault::new(FaultKind::Config, format!("the query lacks {lacks}")))
}

/// Whether a mean can be weighed so.
fn usable(Weights { text, vector }: Weights) -> bool {
    text >= 0.0 && vector >= 0.0 && text + vector > 0.0 && (text + vector).is_finite()
}
