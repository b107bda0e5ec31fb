//! Is there work to do for an item?

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tidegate_core::{ContentHash, Fault, FaultKind, SourceItem, Verdict, Version};

use super::{RetrySelection, Terms, quarantine};
use crate::error::Doing;

/// Makes the table of keys this run saw. It lives in a temporary file, so memory stays constant however many there
/// are; sources list in order, so the inserts append.
pub(super) fn create_seen(conn: &Connection) -> Result<(), Fault> {
    conn.execute_batch(
        "CREATE TEMP TABLE seen(key TEXT PRIMARY KEY) WITHOUT ROWID;
         CREATE TEMP TABLE gone(id INTEGER PRIMARY KEY, uri TEXT NOT NULL, revision INTEGER NOT NULL,
                                moved INTEGER NOT NULL);",
    )
    .doing("opening the ledger")
}

/// An item as it was listed.
pub(super) struct Listed {
    key: Arc<str>,
    version: Version,
    /// Whether the listing itself says that it cannot be read.
    faulty: bool,
}

impl Listed {
    pub(super) fn of(item: &SourceItem) -> Self {
        Self { key: item.key.clone(), version: item.version.clone(), faulty: item.fault.is_some() }
    }
}

/// What is stored about one key.
struct Known {
    version: String,
    fingerprint: String,
    content: Option<ContentHash>,
}

/// A verdict for each item, and the keys whose quarantine row is out of date because the stored version is back.
pub(super) fn assess(
    conn: &Connection,
    terms: &Terms,
    items: &[Listed],
) -> Result<(Vec<Verdict>, Vec<Arc<str>>), Fault> {
    let doing = "looking up items";
    let mut see = conn.prepare_cached("INSERT OR IGNORE INTO temp.seen(key) VALUES (?1)").doing(doing)?;
    let mut verdicts = Vec::with_capacity(items.len());
    let mut stale = Vec::new();
    for item in items {
        let new = see.execute([item.key.as_ref()]).doing(doing)? == 1;
        if !new && !terms.relist {
            verdicts.push(Verdict::Duplicate);
            continue;
        }
        let (verdict, out_of_date) = judge(conn, terms, item).doing(doing)?;
        verdicts.push(verdict);
        if out_of_date {
            stale.push(item.key.clone());
        }
    }
    Ok((verdicts, stale))
}

fn judge(conn: &Connection, terms: &Terms, item: &Listed) -> rusqlite::Result<(Verdict, bool)> {
    let Listed { key, version, faulty } = item;
    let pipeline = terms.lease.pipeline;
    let stored = conn
        .prepare_cached(
            "SELECT version, fingerprint, content_hash FROM source
             WHERE pipeline = ?1 AND uri = ?2 AND parent IS NULL",
        )?
        .query_row(params![pipeline, key], known)
        .optional()?;
    let aside = aside(conn, pipeline, key)?;
    let same = |other: &str, fingerprint: &str| {
        fingerprint == terms.fingerprint && version.proves_unchanged(&Version(other.to_owned()))
    };
    let current = stored.as_ref().filter(|known| known.fingerprint == terms.fingerprint);
    let go = |aside| Verdict::Go {
        known: current.and_then(|known| known.content).filter(|_| !terms.force),
        aside,
    };
    if terms.force {
        return Ok((go(None), false));
    }
    let put_aside = aside.is_some();
    if let Some(aside) = &aside
        && same(&aside.version, &aside.fingerprint)
    {
        // The limit on sizes is no part of the fingerprint; where it was raised, the listing no longer objects. What a
        // parser found too large is another matter: it would find so again.
        let fits_now = aside.class == FaultKind::TooLarge.name() && aside.stage == "fetch" && !faulty;
        let again = fits_now || terms.retry.selects(key, &aside.class);
        return Ok((if again { go(None) } else { Verdict::StillQuarantined }, false));
    }
    if terms.retry != RetrySelection::None
        && quarantine::parts(conn, pipeline, key)?.iter().any(|(key, class)| terms.retry.selects(key, class))
    {
        return Ok((Verdict::Go { known: None, aside: None }, put_aside)); // equal content is what is tried again
    }
    match stored {
        Some(known) if same(&known.version, &known.fingerprint) => Ok((Verdict::Unchanged, put_aside)),
        _ => Ok((go(aside.and_then(|aside| aside.stands(terms, key))), false)),
    }
}

/// What was put aside under one key.
struct PutAside {
    version: String,
    fingerprint: String,
    class: String,
    stage: String,
    content: Option<ContentHash>,
}

impl PutAside {
    /// The hash of its content, if the same content would be put aside again.
    fn stands(&self, terms: &Terms, key: &str) -> Option<ContentHash> {
        let again = terms.force || terms.retry.selects(key, &self.class);
        // What could not be fetched was not read: what is kept of it says nothing of its content.
        self.content.filter(|_| !again && self.fingerprint == terms.fingerprint && self.stage != "fetch")
    }
}

fn aside(conn: &Connection, pipeline: i64, key: &str) -> rusqlite::Result<Option<PutAside>> {
    conn.prepare_cached(
        "SELECT version, fingerprint, class, stage, payload_hash FROM quarantine
         WHERE pipeline = ?1 AND uri = ?2 AND parent IS NULL",
    )?
    .query_row(params![pipeline, key], |row| {
        let content = row.get_ref(4)?.as_blob_or_null()?.and_then(|bytes| bytes.try_into().ok());
        Ok(PutAside {
            version: row.get(0)?,
            fingerprint: row.get(1)?,
            class: row.get(2)?,
            stage: row.get(3)?,
            content: content.map(ContentHash),
        })
    })
    .optional()
}

/// The version in which each of `keys` was put aside, for those that would be put aside again.
pub(super) fn put_aside(
    conn: &Connection,
    terms: &Terms,
    keys: &[Arc<str>],
) -> Result<Vec<Option<Version>>, Fault> {
    let version = |key: &Arc<str>| {
        let aside = aside(conn, terms.lease.pipeline, key).doing("looking up what was put aside")?;
        let stands = aside.filter(|aside| aside.stands(terms, key).is_some());
        Ok(stands.map(|aside| Version(aside.version)))
    };
    keys.iter().map(version).collect()
}

/// The version in which each of `keys` is stored; an empty one where an equal version would prove nothing.
pub(super) fn stored(
    conn: &Connection,
    terms: &Terms,
    keys: &[Arc<str>],
) -> Result<Vec<Option<Version>>, Fault> {
    let doing = "looking up versions";
    let mut select = conn
        .prepare_cached(
            "SELECT version, fingerprint, content_hash FROM source WHERE pipeline = ?1 AND uri = ?2",
        )
        .doing(doing)?;
    let mut version = |key: &Arc<str>| {
        let row = select.query_row(params![terms.lease.pipeline, key], known).optional().doing(doing)?;
        Ok(row.map(|known| {
            let counts = known.fingerprint == terms.fingerprint && known.content.is_some() && !terms.force;
            Version(if counts { known.version } else { String::new() })
        }))
    };
    keys.iter().map(&mut version).collect()
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let content = row.get_ref(2)?.as_blob_or_null()?.and_then(|bytes| bytes.try_into().ok());
    Ok(Known { version: row.get(0)?, fingerprint: row.get(1)?, content: content.map(ContentHash) })
}
