//! Full text: from what a user types to an FTS5 expression that is always valid, and the BM25 leg.

use rusqlite::{Connection, ToSql, params_from_iter};
use tidegate_core::Fault;

use super::filter::Clause;
use crate::error::Doing;

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

/// The `count` chunks that match best, with their BM25 (larger is better), best first.
pub(super) fn best(
    conn: &Connection,
    terms: &[String],
    filter: Option<&Clause>,
    count: usize,
) -> Result<Vec<(i64, f64)>, Fault> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let expression = expression(terms);
    let mut sql = "SELECT rowid, -rank FROM text_index WHERE text_index MATCH ?".to_owned();
    let mut values: Vec<&dyn ToSql> = vec![&expression];
    if let Some(filter) = filter {
        // The plus keeps SQLite from running the text query once for every allowed chunk.
        sql += " AND +rowid IN (SELECT chunk.id FROM source JOIN chunk ON chunk.doc = source.id WHERE ";
        sql += &filter.sql;
        sql += ")";
        values.extend(filter.values.iter().map(|value| value as &dyn ToSql));
    }
    sql += " ORDER BY rank LIMIT ?";
    values.push(&count);
    conn.prepare_cached(&sql)
        .and_then(|mut select| {
            select.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .doing("searching the text")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE VIRTUAL TABLE text_index USING fts5(heading, text, content='', contentless_delete=1,
               tokenize='porter unicode61 remove_diacritics 2');
             INSERT INTO text_index(rowid, heading, text) VALUES
               (1, 'Tides', 'the moon pulls the sea'), (2, 'Gates', 'a lock gate holds the water back'),
               (3, 'Tide gates', 'gates in the sea'), (4, '', 'nothing about it, né Müller');",
        )
        .unwrap();
        conn
    }

    fn found(query: &str) -> Vec<i64> {
        let mut ids: Vec<i64> =
            best(&index(), &terms(query), None, 10).unwrap().iter().map(|hit| hit.0).collect();
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
        let hits = best(&index(), &terms("sea gates"), None, 10).unwrap();
        assert_eq!(hits[0].0, 3);
        assert!(hits.windows(2).all(|pair| pair[0].1 >= pair[1].1) && hits[0].1 > 0.0);
    }

    proptest! {
        #[test]
        fn no_query_is_a_syntax_error(query in any::<String>(), noise in "[\"'*^():+{}\\-\u{0}a-zA-Z ]{0,60}") {
            let conn = index();
            for text in [&query, &noise] {
                prop_assert!(best(&conn, &terms(text), None, 5).is_ok(), "{text:?}");
            }
        }
    }
}
