//! From scored chunks to hits.

use rusqlite::{Connection, OptionalExtension as _};
use tidegate_core::Fault;

use super::Hit;
use super::fuse::Scored;
use crate::error::Doing;
use crate::generation::Tables;

/// Reads the chunks behind `scored`, in that order.
pub(super) fn read(
    (conn, tables): (&Connection, Tables),
    scored: Vec<Scored>,
    limit: usize,
) -> Result<Vec<Hit>, Fault> {
    let doing = "reading the hits";
    let mut select = conn
        .prepare_cached(&format!(
            "SELECT s.uri, s.title, c.heading, c.page, c.span_start, c.span_end, c.text
             FROM {} c JOIN source s ON s.id = c.doc WHERE c.id = ?1",
            tables.chunk()
        ))
        .doing(doing)?;
    let mut hits = Vec::with_capacity(limit.min(scored.len()));
    for Scored { chunk, score, parts } in scored {
        if hits.len() == limit {
            break;
        }
        let rank = hits.len() + 1;
        let hit = select.query_row([chunk], |row| {
            Ok(Hit {
                rank,
                score,
                source: row.get(0)?,
                id: chunk,
                title: row.get(1)?,
                heading: serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default(),
                page: row.get(3)?,
                span: (row.get(4)?, row.get(5)?),
                text: row.get(6)?,
                parts,
            })
        });
        hits.extend(hit.optional().doing(doing)?);
    }
    Ok(hits)
}
