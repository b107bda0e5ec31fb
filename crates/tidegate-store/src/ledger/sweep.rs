//! Removing what a complete listing no longer had.

use rusqlite::{Connection, named_params};
use tidegate_core::{Coverage, Fault, Sweep, SweepPolicy, killpoint};

use super::{PipelineLedger, commit, quarantine};
use crate::error::Doing;
use crate::store::announce_change;
use crate::writer::Kind;

/// Items removed in one transaction: a large sweep must not make other writers wait.
const STEP: usize = 200;
const DOING: &str = "removing vanished items";

/// Keys under a prefix: the prefix itself, and what follows it after a separator.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    equal: String,
    from: String,
    /// Exclusive; `None` means to the end.
    to: Option<String>,
    /// Whether keys of rows (`file#row`) count. A listing of a folder knows its files, not the rows that another
    /// source made of one of them.
    rows: bool,
}

impl Range {
    /// `/a/docs` covers `/a/docs` and `/a/docs/x`, not `/a/docs2`; `rows.jsonl#` covers `rows.jsonl#7`; the empty
    /// prefix covers everything.
    fn of(prefix: &str) -> Self {
        if prefix.is_empty() {
            return Self { equal: String::new(), from: String::new(), to: None, rows: true };
        }
        let stem = prefix.strip_suffix(['/', '#']).unwrap_or(prefix);
        let (separator, next) = if prefix.ends_with('#') { ('#', '$') } else { ('/', '0') };
        Self {
            rows: prefix.contains('#'),
            equal: prefix.to_owned(),
            from: format!("{stem}{separator}"),
            to: Some(format!("{stem}{next}")),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match &self.to {
            None => true,
            Some(to) => self.from <= other.equal && other.equal < *to || self.equal == other.equal,
        }
    }
}

/// Prefixes without those another one covers.
fn ranges(prefixes: &[String]) -> Vec<Range> {
    let mut kept: Vec<Range> = Vec::new();
    for range in prefixes.iter().map(|prefix| Range::of(prefix)) {
        if !kept.iter().any(|other| other.covers(&range)) {
            kept.retain(|other| !range.covers(other));
            kept.push(range);
        }
    }
    kept
}

/// An item to remove.
struct Gone {
    id: i64,
    uri: String,
    revision: i64,
}

/// Compares what is stored with what was seen and removes the difference, within the guard of `policy`.
pub(super) async fn sweep(
    ledger: &PipelineLedger,
    coverage: &Coverage,
    policy: SweepPolicy,
) -> Result<Sweep, Fault> {
    killpoint::hit("store.sweep.before");
    let pipeline = ledger.terms.lease.pipeline;
    let (covered, unknown) = (ranges(&coverage.covered), ranges(&coverage.unknown));
    let terms = ledger.terms.clone();
    let counts =
        ledger.reader.call(move |conn| find(conn, (pipeline, &terms.run), &covered, &unknown)).await?;
    let allowed = policy.max_count.max((policy.max_share * counts.known as f64) as u64);
    let refuse = !policy.allow_delete && counts.vanished > allowed;
    let mut sweep =
        Sweep { known: counts.known, refused: if refuse { counts.vanished } else { 0 }, ..Sweep::default() };
    let mut after = 0;
    loop {
        let step = ledger.reader.call(move |conn| next(conn, after, refuse)).await?;
        let Some(last) = step.last() else { break };
        after = last.id;
        sweep.deleted += remove(ledger, step).await?;
    }
    sweep.moved = counts.moved.min(sweep.deleted);
    // Where nothing may go but what moved, what was put aside stays by the same rule.
    let moved_only = refuse || (!policy.allow_delete && allowed == 0);
    let aside = counts.aside.into_iter().filter(|aside| aside.moved || !moved_only);
    let keys: Vec<String> = aside.map(|aside| aside.uri).collect();
    for keys in keys.chunks(STEP) {
        clear_quarantine(ledger, keys.to_vec()).await?;
    }
    Ok(sweep)
}

struct Counts {
    known: u64,
    vanished: u64,
    moved: u64,
    /// Vanished items that were in the quarantine.
    aside: Vec<Aside>,
}

/// An item in the quarantine.
struct Aside {
    uri: String,
    /// Whether this run met the same content under another key.
    moved: bool,
}

/// Fills the temporary table of vanished items.
fn find(
    conn: &Connection,
    (pipeline, run): (i64, &str),
    covered: &[Range],
    unknown: &[Range],
) -> Result<Counts, Fault> {
    conn.execute("DELETE FROM temp.gone", []).doing(DOING)?;
    let mut known: u64 = 0;
    let mut aside = Vec::new();
    for range in covered {
        known += count(conn, pipeline, range)?;
        conn.execute(
            "INSERT OR IGNORE INTO temp.gone(id, uri, revision, moved)
             SELECT s.id, s.uri, s.revision, EXISTS(
                 SELECT 1 FROM source other JOIN temp.seen ON seen.key = other.uri
                 WHERE other.pipeline = :pipeline AND other.content_hash = s.content_hash AND other.id <> s.id)
             FROM source s
             WHERE s.pipeline = :pipeline AND (s.uri = :equal OR s.uri >= :from AND (:to IS NULL OR s.uri < :to))
               AND (:rows OR instr(s.uri, '#') = 0) AND s.parent IS NULL
               AND NOT EXISTS (SELECT 1 FROM temp.seen WHERE key = s.uri)",
            named_params! {":pipeline": pipeline, ":equal": range.equal, ":from": range.from, ":to": range.to, ":rows": range.rows},
        )
        .doing(DOING)?;
        aside.extend(vanished_quarantine(conn, (pipeline, run), range)?);
    }
    for range in unknown {
        conn.execute(
            "DELETE FROM temp.gone WHERE uri = :equal OR uri >= :from AND (:to IS NULL OR uri < :to)",
            named_params! {":equal": range.equal, ":from": range.from, ":to": range.to},
        )
        .doing(DOING)?;
        aside.retain(|aside: &Aside| !range.covers(&Range::of(&aside.uri)));
    }
    let (vanished, moved) = conn
        .query_row(
            "SELECT count(*) FILTER (WHERE NOT moved), count(*) FILTER (WHERE moved) FROM temp.gone",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .doing(DOING)?;
    Ok(Counts { known, vanished, moved, aside })
}

fn count(conn: &Connection, pipeline: i64, range: &Range) -> Result<u64, Fault> {
    conn.query_row(
        "SELECT count(*) FROM source
         WHERE pipeline = :pipeline AND (uri = :equal OR uri >= :from AND (:to IS NULL OR uri < :to))
           AND (:rows OR instr(uri, '#') = 0) AND parent IS NULL",
        named_params! {":pipeline": pipeline, ":equal": range.equal, ":from": range.from, ":to": range.to, ":rows": range.rows},
        |row| row.get(0),
    )
    .doing(DOING)
}

/// Keys in the quarantine that this run neither saw nor put there: a second item of one key is put aside under a key
/// that no source lists.
fn vanished_quarantine(
    conn: &Connection,
    (pipeline, run): (i64, &str),
    range: &Range,
) -> Result<Vec<Aside>, Fault> {
    let mut select = conn
        .prepare_cached(
            "SELECT uri, ifnull(payload_hash IN (
                 SELECT other.payload_hash FROM quarantine other JOIN temp.seen ON seen.key = other.uri
                 WHERE other.pipeline = :pipeline AND other.payload_hash IS NOT NULL), 0)
               OR EXISTS(
                 SELECT 1 FROM source other JOIN temp.seen ON seen.key = other.uri
                 WHERE other.pipeline = :pipeline AND other.content_hash = quarantine.payload_hash)
             FROM quarantine
             WHERE pipeline = :pipeline AND (uri = :equal OR uri >= :from AND (:to IS NULL OR uri < :to))
               AND (:rows OR instr(uri, '#') = 0) AND parent IS NULL
               AND NOT EXISTS (SELECT 1 FROM temp.seen WHERE key = uri) AND run IS NOT :run",
        )
        .doing(DOING)?;
    select
        .query_map(
            named_params! {
                ":pipeline": pipeline, ":run": run, ":equal": range.equal, ":from": range.from, ":to": range.to,
                ":rows": range.rows
            },
            |row| Ok(Aside { uri: row.get(0)?, moved: row.get(1)? }),
        )
        .and_then(Iterator::collect)
        .doing(DOING)
}

/// The next items to remove after row `after`.
fn next(conn: &Connection, after: i64, moved_only: bool) -> Result<Vec<Gone>, Fault> {
    let mut select = conn
        .prepare_cached(
            "SELECT id, uri, revision FROM temp.gone WHERE id > ?1 AND (moved OR NOT ?2) ORDER BY id LIMIT ?3",
        )
        .doing(DOING)?;
    select
        .query_map(rusqlite::params![after, moved_only, STEP], |row| {
            Ok(Gone { id: row.get(0)?, uri: row.get(1)?, revision: row.get(2)? })
        })
        .and_then(Iterator::collect)
        .doing(DOING)
}

async fn remove(ledger: &PipelineLedger, items: Vec<Gone>) -> Result<u64, Fault> {
    let terms = ledger.terms.clone();
    let work = move |conn: &Connection| {
        terms.lease.check(conn)?;
        let mut removed = 0;
        for item in &items {
            let place = (terms.lease.pipeline, terms.tables);
            removed += u64::from(commit::remove_source(conn, place, &item.uri, Some(item.revision))?);
        }
        announce_change(conn)?;
        Ok(removed)
    };
    ledger.store.writer()?.call(Kind::Commit, work).await
}

async fn clear_quarantine(ledger: &PipelineLedger, keys: Vec<String>) -> Result<(), Fault> {
    let terms = ledger.terms.clone();
    let work = move |conn: &Connection| {
        terms.lease.check(conn)?;
        keys.iter().try_for_each(|key| {
            quarantine::clear(conn, terms.lease.pipeline, key)?;
            quarantine::clear_parts(conn, terms.lease.pipeline, key)
        })
    };
    ledger.store.writer()?.call(Kind::Other, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(prefix: &str, key: &str) -> bool {
        let range = Range::of(prefix);
        key == range.equal || key >= range.from.as_str() && range.to.as_deref().is_none_or(|to| key < to)
    }

    #[test]
    fn a_prefix_ends_at_a_path_component() {
        assert!(inside("/a/docs", "/a/docs"));
        assert!(inside("/a/docs", "/a/docs/x/y"));
        assert!(!inside("/a/docs", "/a/docs2"));
        assert!(!inside("/a/docs", "/a/docs#2.md"));
        assert!(!inside("/a/docs", "/a/doc"));
        assert!(inside("/a/docs/", "/a/docs/x"));
        assert!(inside("/", "/anything"));
        assert!(inside("rows.jsonl#", "rows.jsonl#7"));
        assert!(!inside("rows.jsonl#", "rows.jsonl2"));
        assert!(inside("", "anything"));
    }

    #[test]
    fn nested_prefixes_count_once() {
        let names = |prefixes: &[&str]| {
            let owned: Vec<String> = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
            ranges(&owned).into_iter().map(|range| range.equal).collect::<Vec<_>>()
        };
        assert_eq!(names(&["/a/b", "/a", "/a/b/c", "/ab"]), ["/a", "/ab"]);
        assert_eq!(names(&["/a", "", "/b"]), [""]);
        assert_eq!(names(&["/a", "/a"]), ["/a"]);
    }
}
