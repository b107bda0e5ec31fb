//! Full text: from what a user types to an FTS5 expression that is always valid, and the BM25 leg.

use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, params};
use rustc_hash::FxHashMap;
use tidegate_core::Fault;

use super::vector::Ranked;
use crate::error::Doing;
use crate::generation::Tables;

const DOING: &str = "searching the text";

/// Most terms of a query; the rest is ignored.
const TERMS: usize = 64;
/// Most bytes of a query that are looked at.
const BYTES: usize = 16 << 10;

/// The words and phrases of a query, in order, each once.
pub(super) fn terms(query: &str) -> Vec<String> {
    let end = (0..=BYTES.min(query.len())).rev().find(|at| query.is_char_boundary(*at)).unwrap_or(0);
    let mut terms: Vec<String> = Vec::new();
    // Every second piece between quotes is a phrase; an unclosed quote is none.
    let pieces: Vec<&str> = query[..end].split('"').collect();
    for (at, piece) in pieces.iter().enumerate() {
        let words = piece.split(|c: char| c.is_whitespace() || c.is_ascii() && !c.is_ascii_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        let phrase = at % 2 == 1 && at + 1 < pieces.len();
        let found: Vec<String> = if phrase {
            vec![words.collect::<Vec<_>>().join(" ")]
        } else {
            words.map(str::to_owned).collect()
        };
        for term in found {
            if !term.is_empty() && !terms.contains(&term) && terms.len() < TERMS {
                terms.push(term);
            }
        }
    }
    terms
}

/// An FTS5 expression that matches any of `terms`. They hold no quotes and no NUL, so each stays one string.
pub(super) fn expression(terms: &[String]) -> String {
    terms.iter().map(|term| format!("\"{term}\"")).collect::<Vec<_>>().join(" OR ")
}

/// Rows that may be ranked for one query: BM25 takes about a microsecond for each.
const RANKED: u64 = 20_000;

/// How many chunks each word was last found in, and how many chunks there were then. Counting is 20 times as fast as
/// ranking but still not free.
#[derive(Default)]
pub(super) struct Counts {
    /// The generation they are of.
    tables: Option<Tables>,
    words: FxHashMap<String, (u64, u64)>,
}

impl Counts {
    /// The counts of a generation; those of another one are forgotten.
    fn of(&mut self, tables: Tables) -> &mut FxHashMap<String, (u64, u64)> {
        if self.tables != Some(tables) {
            self.words.clear();
            self.tables = Some(tables);
        }
        &mut self.words
    }
}

/// Words remembered; then the memory starts anew.
const REMEMBERED: usize = 10_000;

/// The text leg of one query.
pub(super) struct Leg<'a> {
    pub(super) conn: &'a Connection,
    /// Of the generation that is searched.
    pub(super) tables: Tables,
    /// Whether `chunk_allowed` filters.
    pub(super) filtered: bool,
    /// Chunks wanted for fusion, and hits wanted at least.
    pub(super) pool: usize,
    pub(super) limit: usize,
}

/// The words of a query, by what they can do for it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Chunks with one of these are ranked.
    choosing: Vec<String>,
    /// These count where one of the others occurs too.
    helping: Vec<String>,
    /// Words in so many chunks that they say nothing, and would cost the most.
    idle: Vec<String>,
}

impl Leg<'_> {
    /// The chunks that match best, with their BM25 (larger is better), best first.
    ///
    /// What a query costs is bounded by ranking only chunks with its rarer words. A chunk that has none of them
    /// could only have scored low. If too little is found that way, the common words have to do.
    pub(super) fn best(&self, terms: &[String], counts: &Mutex<Counts>) -> Result<Ranked, Fault> {
        if terms.is_empty() {
            return Ok(Ranked::new());
        }
        let plan = self.plan(terms, counts)?;
        let choosing = expression(&plan.choosing);
        let mut found = match plan.choosing.is_empty() {
            true => Ranked::new(),
            false => self.ranked(&choosing)?,
        };
        if !plan.helping.is_empty() && !found.is_empty() {
            let both = format!("({choosing}) AND ({})", expression(&plan.helping));
            found = merged(found, self.ranked(&both)?, self.pool);
        }
        if found.len() < self.limit && !(plan.helping.is_empty() && plan.idle.is_empty()) {
            found = merged(found, self.first(&expression(terms))?, self.pool);
        }
        Ok(found)
    }

    fn plan(&self, terms: &[String], counts: &Mutex<Counts>) -> Result<Plan, Fault> {
        let total: u64 = self
            .conn
            .prepare_cached(&format!("SELECT ifnull(max(id), 0) FROM {}", self.tables.chunk()))
            .and_then(|mut select| select.query_row([], |row| row.get(0)))
            .doing(DOING)?;
        if total <= RANKED {
            return Ok(Plan { choosing: terms.to_vec(), ..Plan::default() });
        }
        // In more chunks than this, a word decides next to nothing (or would take long to count).
        let common = (total / 3).clamp(RANKED, 5 * RANKED);
        let mut counted = Vec::with_capacity(terms.len());
        for term in terms {
            counted.push((self.count(term, (total, common), counts)?, term.clone()));
        }
        counted.sort();
        let (mut plan, mut sum) = (Plan::default(), 0);
        for (count, term) in counted {
            sum += count;
            match count {
                0 => {}
                _ if count >= common => plan.idle.push(term),
                _ if sum <= RANKED || plan.choosing.is_empty() => plan.choosing.push(term),
                _ => plan.helping.push(term),
            }
        }
        Ok(plan)
    }

    /// In how many chunks `term` is, counted up to `most`.
    fn count(&self, term: &str, (total, most): (u64, u64), counts: &Mutex<Counts>) -> Result<u64, Fault> {
        let lock = || counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, then)) = lock().of(self.tables).get(term)
            && total.abs_diff(*then) <= *then / 10
        {
            return Ok(*count);
        }
        let count: u64 = self
            .conn
            .prepare_cached(&format!(
                "SELECT count(*) FROM (SELECT 1 FROM {text} WHERE {text} MATCH ?1 LIMIT ?2)",
                text = self.tables.text()
            ))
            .and_then(|mut select| {
                select.query_row(params![expression(&[term.to_owned()]), most], |row| row.get(0))
            })
            .doing(DOING)?;
        let mut counts = lock();
        let counts = counts.of(self.tables);
        if counts.len() >= REMEMBERED {
            counts.clear();
        }
        counts.insert(term.to_owned(), (count, total));
        Ok(count)
    }

    /// The best of all chunks that match.
    fn ranked(&self, expression: &str) -> Result<Ranked, Fault> {
        let filter = if self.filtered { " AND chunk_allowed(rowid)" } else { "" };
        let sql = format!(
            "SELECT rowid, -rank FROM {text} WHERE {text} MATCH ?1{filter} ORDER BY rank LIMIT ?2",
            text = self.tables.text()
        );
        self.rows(&sql, params![expression, self.pool])
    }

    /// The best of the first chunks that match, where ranking all of them would take too long.
    fn first(&self, expression: &str) -> Result<Ranked, Fault> {
        let filter = if self.filtered { " AND chunk_allowed(rowid)" } else { "" };
        let sql = format!(
            "SELECT id, score FROM (
                 SELECT rowid AS id, -bm25({text}) AS score FROM {text}
                 WHERE {text} MATCH ?1{filter} LIMIT ?3)
             ORDER BY score DESC, id LIMIT ?2",
            text = self.tables.text()
        );
        self.rows(&sql, params![expression, self.pool, RANKED])
    }

    fn rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Ranked, Fault> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut select| select.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .doing(DOING)
    }
}

/// The best of both; a chunk in both has its higher score, which counted more of the words.
fn merged(a: Ranked, b: Ranked, count: usize) -> Ranked {
    let mut scores: FxHashMap<i64, f64> = FxHashMap::default();
    for (id, score) in a.into_iter().chain(b) {
        let best = scores.entry(id).or_insert(score);
        *best = best.max(score);
    }
    let mut all: Ranked = scores.into_iter().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE chunk(id INTEGER PRIMARY KEY);
             CREATE VIRTUAL TABLE text_index USING fts5(heading, text, content='', contentless_delete=1,
               tokenize='porter unicode61 remove_diacritics 2');
             INSERT INTO text_index(rowid, heading, text) VALUES
               (1, 'Tides', 'the moon pulls the sea'), (2, 'Gates', 'a lock gate holds the water back'),
               (3, 'Tide gates', 'gates in the sea'), (4, '', 'nothing about it, né Müller');",
        )
        .unwrap();
        conn
    }

    fn best(conn: &Connection, query: &str) -> Result<Ranked, Fault> {
        let leg = Leg { conn, tables: Tables(1), filtered: false, pool: 10, limit: 10 };
        leg.best(&terms(query), &Mutex::default())
    }

    fn found(query: &str) -> Vec<i64> {
        let mut ids: Vec<i64> = best(&index(), query).unwrap().iter().map(|hit| hit.0).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn words_are_alternatives_and_quotes_make_phrases() {
        assert_eq!(found("moon gate"), [1, 2, 3]);
        assert_eq!(found("\"lock gate\""), [2]);
        assert!(found("\"gate lock\"").is_empty());
        assert_eq!(found("\"gate lock"), [2, 3]); // not closed, so not a phrase
        assert_eq!(found("muller"), [4]);
        assert_eq!(found("NEAR(moon sea) AND -gate*"), [1, 2, 3]);
        assert!(found("").is_empty());
        assert!(found("— \u{301} \0 \"").is_empty());
    }

    #[test]
    fn better_matches_come_first() {
        let hits = best(&index(), "sea gates").unwrap();
        assert_eq!(hits[0].0, 3);
        assert!(hits.windows(2).all(|pair| pair[0].1 >= pair[1].1) && hits[0].1 > 0.0);
    }

    /// 60,000 chunks: `all` is in every one, `half`, `many` (one in five), `few` and `one` in ever fewer.
    fn large() -> Connection {
        let conn = index();
        conn.execute_batch(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 60010)
             INSERT INTO text_index(rowid, heading, text)
             SELECT i, '', 'all' || iif(i % 2, ' half', '') || iif(i % 5, '', ' many')
                           || iif(i % 1000, '', ' few') || iif(i = 50000, ' one', '') FROM n;
             INSERT INTO chunk VALUES (60010);
             COMMIT;",
        )
        .unwrap();
        conn
    }

    #[test]
    fn common_words_are_left_out_of_choosing_but_still_count() {
        let conn = large();
        let leg = Leg { conn: &conn, tables: Tables(1), filtered: false, pool: 200, limit: 10 };
        let counts = Mutex::default();
        let plan = leg.plan(&terms("all half many few one none"), &counts).unwrap();
        assert_eq!(plan.choosing, ["one", "few", "many"]);
        assert_eq!(plan.idle, ["all", "half"]);
        // A chunk with both words comes before those with the rarer alone.
        let hits = leg.best(&terms("many few"), &counts).unwrap();
        assert_eq!(hits.len(), 200);
        assert_eq!(hits[0].0 % 1000, 0);
        assert_eq!(leg.best(&terms("one all"), &counts).unwrap()[0].0, 50_000);
        // Nothing but common words finds something all the same.
        assert_eq!(leg.best(&terms("all half"), &counts).unwrap().len(), 200);
        assert_eq!(leg.best(&terms("none all"), &counts).unwrap().len(), 200);
        // Counts are remembered.
        assert_eq!(counts.lock().unwrap().words["few"].0, 60);
    }

    #[test]
    fn helping_words_raise_what_the_choosing_found() {
        let conn = large();
        conn.execute_batch(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 70000 UNION ALL SELECT i + 1 FROM n WHERE i < 110000)
             INSERT INTO text_index(rowid, heading, text)
             SELECT i, '', 'other' || iif(i % 2, ' left', '') || iif(i % 3, '', ' right') FROM n;
             INSERT INTO chunk VALUES (110000);
             COMMIT;",
        )
        .unwrap();
        let leg = Leg { conn: &conn, tables: Tables(1), filtered: false, pool: 200, limit: 10 };
        let counts = Mutex::default();
        let terms = terms("left right");
        let plan = leg.plan(&terms, &counts).unwrap();
        assert_eq!((plan.choosing, plan.helping), (vec!["right".to_owned()], vec!["left".to_owned()]));
        let hits = leg.best(&terms, &counts).unwrap();
        assert!(hits.iter().all(|(id, _)| id % 3 == 0 && id % 2 == 1), "both words");
        let exact = leg.ranked(&expression(&terms)).unwrap();
        assert!((hits[0].1 - exact[0].1).abs() < 1e-9, "the score is that of the whole query");
    }

    proptest! {
        #[test]
        fn no_query_is_a_syntax_error(query in any::<String>(), noise in "[\"'*^():+{}\\-\u{0}a-zA-Z ]{0,60}") {
            let conn = index();
            for text in [&query, &noise] {
                prop_assert!(best(&conn, text).is_ok(), "{text:?}");
            }
        }
    }
}
