//! The names of a generation's tables, and which generation is the active one.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _};
use tidegate_core::{Fault, FaultKind};

use crate::error::Doing;

/// The tables of one generation, by its number. Zero stands for none: pipelines whose records go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tables(pub(crate) i64);

/// The name of a table, as it is written in a statement.
#[derive(Clone, Copy)]
pub(crate) struct Name(&'static str, i64);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            ..=1 => f.write_str(self.0),
            number => write!(f, "{}_{number}", self.0),
        }
    }
}

impl Tables {
    /// No generation.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn chunk(self) -> Name {
        Name("chunk", self.0)
    }

    pub(crate) fn code(self) -> Name {
        Name("code", self.0)
    }

    pub(crate) fn text(self) -> Name {
        Name("text_index", self.0)
    }

    /// Makes the tables of a new generation, in the open transaction.
    pub(crate) fn create(self, conn: &Connection) -> Result<(), Fault> {
        let (chunk, code, text) = (self.chunk(), self.code(), self.text());
        conn.execute_batch(&format!(
            "CREATE TABLE {chunk}(
               id INTEGER PRIMARY KEY, doc INTEGER NOT NULL REFERENCES source(id), ordinal INTEGER NOT NULL,
               heading TEXT NOT NULL, span_start INTEGER NOT NULL, span_end INTEGER NOT NULL, page INTEGER,
               vector INTEGER REFERENCES journal(id), text TEXT NOT NULL);
             CREATE INDEX {chunk}_doc ON {chunk}(doc, vector);
             CREATE INDEX {chunk}_vector ON {chunk}(vector, doc);
             CREATE TABLE {code}(
               seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL UNIQUE REFERENCES journal(id),
               model INTEGER NOT NULL, bits BLOB NOT NULL);
             CREATE VIRTUAL TABLE {text} USING fts5(
               heading, text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');"
        ))
        .doing("beginning a generation")
    }

    /// Removes the tables, in the open transaction.
    pub(crate) fn remove(self, conn: &Connection) -> Result<(), Fault> {
        let (chunk, code, text) = (self.chunk(), self.code(), self.text());
        conn.execute_batch(&format!("DROP TABLE {chunk}; DROP TABLE {code}; DROP TABLE {text};"))
            .doing("dropping a generation")
    }
}

/// The generation that answers searches, in the open transaction.
///
/// # Errors
/// [`FaultKind::StorageBroken`] if there is none; storage faults.
pub(crate) fn active(conn: &Connection) -> Result<Tables, Fault> {
    conn.prepare_cached("SELECT id FROM generation WHERE state = 'active'")
        .and_then(|mut select| select.query_row([], |row| row.get(0)).optional())
        .doing("looking up the active generation")?
        .map(Tables)
        .ok_or_else(|| {
            Fault::new(FaultKind::StorageBroken, "no generation of the store is active")
                .hint(crate::error::RECOVERY)
        })
}

/// Every generation there is.
pub(crate) fn all(conn: &Connection) -> Result<Vec<Tables>, Fault> {
    conn.prepare_cached("SELECT id FROM generation ORDER BY id")
        .and_then(|mut select| select.query_map([], |row| row.get(0).map(Tables))?.collect())
        .doing("looking up the generations")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_generation_has_the_names_without_a_number() {
        assert_eq!(Tables(1).chunk().to_string(), "chunk");
        assert_eq!(Tables(7).text().to_string(), "text_index_7");
    }
}
