//! Tables of token vectors that made vectors of this store: kept in it, so that it stays one file that needs no other.

use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::Fault;

use crate::error::Doing;
use crate::process::now_ms;
use crate::store::Store;
use crate::writer::Kind;

const DOING: &str = "reading the tables of token vectors";

impl Store {
    /// Keeps the bytes of a table under its name, which says what they are: a name that is known already keeps the
    /// bytes it has, unless `again` says that those were damaged.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn keep_table(&self, name: &str, content: Vec<u8>, again: bool) -> Result<(), Fault> {
        let name = name.to_owned();
        let work = move |conn: &Connection| {
            let or = if again { "REPLACE" } else { "IGNORE" };
            conn.execute(
                &format!("INSERT OR {or} INTO token_table(name, created, content) VALUES (?1, ?2, ?3)"),
                params![name, now_ms(), content],
            )
            .map(drop)
            .doing("keeping a table of token vectors")
        };
        self.writer()?.call(Kind::Other, work).await
    }

    /// The bytes of the table of this name, if it is kept here.
    ///
    /// # Errors
    /// Storage faults.
    pub fn table(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.read(|conn| {
            conn.query_row("SELECT content FROM token_table WHERE name = ?1", [name], |row| row.get(0))
                .optional()
                .doing(DOING)
        })
    }

    /// The names of the tables kept here, latest first.
    ///
    /// # Errors
    /// Storage faults.
    pub fn tables(&self) -> Result<Vec<String>, Fault> {
        self.read(|conn| {
            conn.prepare("SELECT name FROM token_table ORDER BY created DESC, name")
                .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
                .doing(DOING)
        })
    }
}
