//! Items put aside with a reason. What was stored of them before stays searchable.

use rusqlite::{Connection, params};
use tidegate_core::{Body, ContentHash, Fault, FaultKind};

use super::Terms;
use super::rows::{FailureRow, ItemRow};
use crate::error::Doing;
use crate::process::now_ms;

/// Content up to this size is kept whole …
const WHOLE: usize = 64 << 10;
/// … and of larger content this much, with its hash and length.
const BEGINNING: usize = 4 << 10;

/// Puts an item aside, or counts one more attempt. What was put aside within it is so with it.
pub(super) fn put(conn: &Connection, terms: &Terms, item: &ItemRow) -> Result<(), Fault> {
    let Some(failure) = &item.failure else { return Ok(()) }; // `rows` refused it
    clear_parts(conn, terms.lease.pipeline, &item.key)?;
    put_one(conn, terms, (item, &item.key, failure))
}

/// The content was read and found equal to what was put aside: only the cheap version is new.
pub(super) fn refresh(conn: &Connection, terms: &Terms, item: &ItemRow) -> Result<(), Fault> {
    let content = item.content.as_ref().map(AsRef::as_ref);
    let known = conn
        .prepare_cached(
            "UPDATE quarantine SET version = ?3, last_seen = ?4, run = ?5, ordinal = ?6
             WHERE pipeline = ?1 AND uri = ?2 AND fingerprint = ?7 AND payload_hash = ?8",
        )
        .and_then(|mut update| {
            update.execute(params![
                terms.lease.pipeline,
                item.key.as_ref(),
                item.version,
                now_ms(),
                terms.run,
                item.ordinal,
                terms.fingerprint,
                content as Option<&[u8]>
            ])
        })
        .doing("putting an item aside")?;
    if known > 0 {
        return Ok(());
    }
    // Saying "still put aside" of something that is not would lose it.
    let message = format!("{} is called put aside but is not, under this configuration", item.key);
    Err(Fault::new(FaultKind::Internal, message))
}

/// Puts aside what of a stored item could not be stored, and forgets what of it was put aside before.
pub(super) fn put_parts(conn: &Connection, terms: &Terms, item: &ItemRow) -> Result<(), Fault> {
    for (key, failure) in &item.asides {
        put_one(conn, terms, (item, key, failure))?;
    }
    conn.prepare_cached(
        "DELETE FROM quarantine WHERE pipeline = ?1 AND parent = ?2 AND (run IS NOT ?3 OR ordinal IS NOT ?4)",
    )
    .and_then(|mut delete| {
        delete.execute(params![terms.lease.pipeline, item.key.as_ref(), terms.run, item.ordinal])
    })
    .map(drop)
    .doing("clearing the quarantine")
}

fn put_one(
    conn: &Connection,
    terms: &Terms,
    (item, key, failure): (&ItemRow, &str, &FailureRow),
) -> Result<(), Fault> {
    let doing = "putting an item aside";
    let parent = (*key != *item.key).then_some(item.key.as_ref());
    let exhibit = bytes(&failure.exhibit);
    let kept =
        exhibit.as_deref().map(|bytes| &bytes[..if bytes.len() <= WHOLE { bytes.len() } else { BEGINNING }]);
    // By it the same content is recognised; what is kept of a large one is only its beginning.
    let hash = item.content.filter(|_| parent.is_none()).or_else(|| exhibit.as_deref().map(ContentHash::of));
    let chain = serde_json::Value::from(failure.fault.chain()).to_string();
    let mut upsert = conn
        .prepare_cached(
            "INSERT INTO quarantine(pipeline, uri, stage, class, attempts, message, chain, payload, payload_hash,
                                    payload_len, first_seen, last_seen, trace, version, fingerprint, run, ordinal,
                                    parent)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT(pipeline, uri) DO UPDATE SET
               attempts = attempts + (run IS NOT ?14 OR ordinal IS NOT ?15),
               stage = ?3, class = ?4, message = ?5, chain = ?6, payload = ?7, payload_hash = ?8,
               payload_len = ?9, last_seen = ?10, trace = ?11, version = ?12, fingerprint = ?13, run = ?14,
               ordinal = ?15, parent = ?16",
        )
        .doing(doing)?;
    upsert
        .execute(params![
            terms.lease.pipeline,
            key,
            failure.stage.as_ref(),
            failure.fault.kind().name(),
            failure.fault.to_string(),
            chain,
            kept,
            hash.as_ref().map(AsRef::as_ref) as Option<&[u8]>,
            exhibit.as_ref().map_or(0, |bytes| bytes.len()),
            now_ms(),
            item.trace,
            item.version,
            terms.fingerprint,
            terms.run,
            item.ordinal,
            parent
        ])
        .map(drop)
        .doing(doing)
}

/// Takes what was put aside within an item out of the quarantine.
pub(super) fn clear_parts(conn: &Connection, pipeline: i64, key: &str) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM quarantine WHERE pipeline = ?1 AND parent = ?2")
        .and_then(|mut delete| delete.execute(params![pipeline, key]))
        .map(drop)
        .doing("clearing the quarantine")
}

/// The keys and classes of what was put aside within an item.
pub(super) fn parts(conn: &Connection, pipeline: i64, key: &str) -> rusqlite::Result<Vec<(String, String)>> {
    conn.prepare_cached("SELECT uri, class FROM quarantine WHERE pipeline = ?1 AND parent = ?2")?
        .query_map(params![pipeline, key], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Takes an item out of the quarantine, if it is there.
pub(super) fn clear(conn: &Connection, pipeline: i64, key: &str) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM quarantine WHERE pipeline = ?1 AND uri = ?2")
        .and_then(|mut delete| delete.execute(params![pipeline, key]))
        .map(drop)
        .doing("clearing the quarantine")
}

/// The content as bytes; `None` if it was never read.
fn bytes(body: &Body) -> Option<std::borrow::Cow<'_, [u8]>> {
    match body {
        Body::Empty => None,
        Body::Bytes(bytes) => Some(bytes.as_ref().into()),
        Body::Text(text) => Some(text.as_bytes().into()),
        Body::Document(document) => Some(document.text.as_bytes().into()),
        Body::Json(value) => Some(value.to_string().into_bytes().into()),
    }
}
