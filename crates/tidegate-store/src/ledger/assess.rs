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
         CREATE TEMP TABLE gone(id INTEGER PRIMARY KEY, uri TEXT NOT NULL, generation INTEGER NOT NULL,
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
    let aside = conn
        .prepare_cached(
            "SELECT version, fingerprint, class, stage FROM quarantine
             WHERE pipeline = ?1 AND uri = ?2 AND parent IS NULL",
        )?
        .query_row(params![pipeline, key], |row| {
            let text = |at| row.get::<_, String>(at);
            Ok((text(0)?, text(1)?, text(2)?, text(3)?))
        })
        .optional()?;
    let same = |other: &str, fingerprint: &str| {
        fingerprint == terms.fingerprint && version.proves_unchanged(&Version(other.to_owned()))
    };
    let current = stored.as_ref().filter(|known| known.fingerprint == terms.fingerprint);
    let go = Verdict::Go { known: current.and_then(|known| known.content).filter(|_| !terms.force) };
    if terms.force {
        return Ok((go, false));
    }
    let put_aside = aside.is_some();
    if let Some((other, fingerprint, class, stage)) = aside
        && same(&other, &fingerprint)
    {
        // The limit on sizes is no part of the fingerprint; where it was raised, the listing no longer objects. What a
        // parser found too large is another matter: it would find so again.
        let fits_now = class == FaultKind::TooLarge.name() && stage == "fetch" && !faulty;
        let again = fits_now || terms.retry.selects(key, &class);
        return Ok((if again { go } else { Verdict::StillQuarantined }, false));
    }
    if terms.retry != RetrySelection::None
        && quarantine::parts(conn, pipeline, key)?.iter().any(|(key, class)| terms.retry.selects(key, class))
    {
        return Ok((Verdict::Go { known: None }, put_aside)); // equal content is what is tried again
    }
    match stored {
        Some(known) if same(&known.version, &known.fingerprint) => Ok((Verdict::Unchanged, put_aside)),
        _ => Ok((go, false)),
    }
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
