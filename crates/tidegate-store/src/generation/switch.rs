//! Switching to another generation and back, and dropping one.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use tidegate_core::{Fault, FaultKind, killpoint};

use super::build::{Building, lease_row};
use super::list::{differing, state_of};
use super::{GenerationState, Tables, active};
use crate::error::Doing;
use crate::lease;
use crate::ledger::remove_source;
use crate::planted::split;
use crate::process::now_ms;
use crate::store::{Store, announce_change};
use crate::writer::Kind;

const DOING: &str = "switching to another generation";

/// How much a new generation may lack of what the active one has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// Switch whatever it lacks.
    pub allow: bool,
    /// Otherwise at most this share of the active generation's documents …
    pub max_share: f64,
    /// … or this many, whichever is more, but never all of them.
    pub max_count: u64,
}

impl Default for Guard {
    /// The share at which a sweep stops too. Few are let go in any case: a handful of files is gone sooner than not.
    fn default() -> Self {
        Self { allow: false, max_share: 0.10, max_count: 5 }
    }
}

impl Guard {
    fn refuses(&self, lost: u64, known: u64) -> bool {
        let allowed = self.max_count.max((self.max_share * known as f64) as u64);
        !self.allow && lost > 0 && (lost > allowed || lost == known)
    }
}

/// What came of an attempt to switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It is the active one.
    Done(Switched),
    /// Nothing was switched: it lacks more documents of the active one than the guard lets go.
    Lacks {
        /// Documents it lacks.
        lost: u64,
        /// Documents of the active one.
        known: u64,
    },
    /// Nothing was switched: so many documents of the active one changed since they were taken over.
    Behind(u64),
}

/// A switch that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// The generation that was active.
    pub from: i64,
    /// The one that is.
    pub to: i64,
    /// Documents that differ between the two, or are in one of them only.
    pub differing: u64,
}

/// What dropping a generation let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// The generation.
    pub generation: i64,
    /// Its documents.
    pub documents: u64,
    /// Its chunks.
    pub chunks: u64,
}

impl Building {
    /// Makes this generation the active one, in one transaction. Where its documents were taken over from the
    /// active one, `carried` says under which fingerprint each of theirs goes on (old, new): then nothing may have
    /// changed meanwhile, what is gone there goes here, and what was put aside there is put aside here.
    ///
    /// # Errors
    /// [`FaultKind::Fenced`] if another builder took over; storage faults.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it either switched or not begun.
    pub async fn switch(
        &self,
        guard: Guard,
        carried: Option<Vec<(String, String)>>,
    ) -> Result<Switch, Fault> {
        killpoint::hit("generation.switch.before");
        let (lease, to) = (self.lease().clone(), Tables(self.id()));
        let work = move |conn: &Connection| {
            lease.check(conn)?;
            let from = active(conn)?;
            if let Some(fingerprints) = &carried {
                carry(conn, (from, to), fingerprints)?;
                let behind = behind(conn, (from, to))?;
                if behind > 0 {
                    return Ok(Switch::Behind(behind));
                }
            }
            let (lost, known) = lacking(conn, (from, to))?;
            if guard.refuses(lost, known) {
                return Ok(Switch::Lacks { lost, known });
            }
            activate(conn, (from, to)).map(Switch::Done)
        };
        let switched = self.store().writer()?.call(Kind::Other, work).await?;
        killpoint::hit("generation.switch.after");
        Ok(switched)
    }
}

impl Store {
    /// Makes generation `id` the active one, at once. Switching back and forth is allowed at any time; a generation
    /// that is still being built is refused unless it has what the active one has, as far as `guard` asks.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a generation that is not there or is active already, storage faults.
    pub async fn switch_generation(&self, id: i64, guard: Guard) -> Result<Switch, Fault> {
        let work = move |conn: &Connection| {
            let (from, to) = (active(conn)?, Tables(id));
            match state_of(conn, id)? {
                GenerationState::Active => {
                    return Err(Fault::new(FaultKind::Config, format!("generation {id} is active already")));
                }
                GenerationState::Building => {
                    refuse_while_held(conn, id)?;
                    let (lost, known) = lacking(conn, (from, to))?;
                    if guard.refuses(lost, known) {
                        return Ok(Switch::Lacks { lost, known });
                    }
                }
                GenerationState::Previous => {}
            }
            activate(conn, (from, to)).map(Switch::Done)
        };
        self.writer()?.call(Kind::Other, work).await
    }

    /// Removes a generation that is not active: its documents, chunks, full text and codes, in one transaction. Its
    /// vectors stay in the journal, because they were paid for; pruning lets go of them.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for one that is not there or active, [`FaultKind::Guarded`] while a run works on it,
    /// storage faults.
    pub async fn drop_generation(&self, id: i64) -> Result<Dropped, Fault> {
        let work = move |conn: &Connection| {
            if state_of(conn, id)? == GenerationState::Active {
                return Err(Fault::new(FaultKind::Config, format!("generation {id} answers searches"))
                    .hint("switch to another one first, with `tidegate generations switch N`"));
            }
            refuse_while_held(conn, id)?;
            remove(conn, id)
        };
        self.writer()?.call(Kind::Other, work).await
    }
}

/// Flips the two rows.
fn activate(conn: &Connection, (from, to): (Tables, Tables)) -> Result<Switched, Fault> {
    let differing = differing(conn, (from, to))?;
    conn.execute("UPDATE generation SET state = 'previous' WHERE id = ?1", [from.0]).doing(DOING)?;
    split(conn, "generation-torn")?;
    killpoint::hit("generation.switch.middle");
    conn.execute(
        "UPDATE generation SET state = 'active', switched = ?2 WHERE id = ?1",
        params![to.0, now_ms()],
    )
    .doing(DOING)?;
    announce_change(conn)?;
    Ok(Switched { from: from.0, to: to.0, differing })
}

/// Documents of `from` that `to` has not, whatever it has of them, and all documents of `from`.
fn lacking(conn: &Connection, (from, to): (Tables, Tables)) -> Result<(u64, u64), Fault> {
    conn.query_row(
        "SELECT count(*) FILTER (WHERE NOT EXISTS (
             SELECT 1 FROM pipeline q JOIN source n ON n.pipeline = q.id
             WHERE q.generation = ?2 AND q.name = p.name AND n.uri = s.uri AND n.parent IS NULL)), count(*)
         FROM pipeline p JOIN source s ON s.pipeline = p.id WHERE p.generation = ?1 AND s.parent IS NULL",
        params![from.0, to.0],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .doing(DOING)
}

/// Documents of `from` that were not taken over as they are now. What could not be taken over and was put aside in
/// this version will not be.
fn behind(conn: &Connection, (from, to): (Tables, Tables)) -> Result<u64, Fault> {
    conn.query_row(
        "SELECT count(*) FROM pipeline p JOIN source s ON s.pipeline = p.id
         WHERE p.generation = ?1 AND s.parent IS NULL AND NOT EXISTS (
             SELECT 1 FROM pipeline q JOIN source n ON n.pipeline = q.id
             WHERE q.generation = ?2 AND q.name = p.name AND n.uri = s.uri AND n.parent IS NULL
               AND n.version = s.version AND (s.content_hash IS NULL OR n.content_hash = s.content_hash))
           AND NOT EXISTS (
             SELECT 1 FROM pipeline q JOIN quarantine n ON n.pipeline = q.id
             WHERE q.generation = ?2 AND q.name = p.name AND n.uri = s.uri AND n.version = s.version)",
        params![from.0, to.0],
        |row| row.get(0),
    )
    .doing(DOING)
}

/// Removes from `to` what `from` no longer has, and copies what `from` put aside.
fn carry(
    conn: &Connection,
    (from, to): (Tables, Tables),
    fingerprints: &[(String, String)],
) -> Result<(), Fault> {
    let gone: Vec<(i64, String)> = conn
        .prepare_cached(
            "SELECT q.id, n.uri FROM pipeline q JOIN source n ON n.pipeline = q.id
             WHERE q.generation = ?2 AND n.parent IS NULL AND NOT EXISTS (
                 SELECT 1 FROM pipeline p JOIN source s ON s.pipeline = p.id
                 WHERE p.generation = ?1 AND p.name = q.name AND s.uri = n.uri AND s.parent IS NULL)",
        )
        .and_then(|mut select| {
            select.query_map(params![from.0, to.0], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .doing(DOING)?;
    for (pipeline, uri) in &gone {
        remove_source(conn, (*pipeline, to), uri, None)?;
    }
    for (old, new) in fingerprints {
        conn.execute(
            "INSERT OR IGNORE INTO quarantine(pipeline, uri, stage, class, attempts, message, chain, payload,
               payload_hash, payload_len, first_seen, last_seen, trace, version, fingerprint, run, ordinal, parent)
             SELECT q.id, a.uri, a.stage, a.class, a.attempts, a.message, a.chain, a.payload, a.payload_hash,
               a.payload_len, a.first_seen, a.last_seen, a.trace, a.version, ?4, a.run, a.ordinal, a.parent
             FROM pipeline p JOIN quarantine a ON a.pipeline = p.id
               JOIN pipeline q ON q.name = p.name AND q.generation = ?2
             WHERE p.generation = ?1 AND a.fingerprint = ?3",
            params![from.0, to.0, old, new],
        )
        .doing(DOING)?;
    }
    Ok(())
}

/// Refuses while a run, or a builder, of the generation is alive.
fn refuse_while_held(conn: &Connection, id: i64) -> Result<(), Fault> {
    let rows: Vec<i64> = conn
        .prepare_cached("SELECT id FROM pipeline WHERE generation = ?1")
        .and_then(|mut select| select.query_map([id], |row| row.get(0))?.collect())
        .doing(DOING)?;
    for row in rows.into_iter().chain([lease_row(id)]) {
        if let Some(pid) = lease::holder(conn, row)? {
            let message = format!("a run works on generation {id}, held by pid {pid}");
            return Err(Fault::new(FaultKind::Guarded, message)
                .hint(format!("wait for it, or stop it with `kill {pid}`")));
        }
    }
    Ok(())
}

fn remove(conn: &Connection, id: i64) -> Result<Dropped, Fault> {
    let doing = "dropping a generation";
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, u64>(0)).doing(doing);
    let mine = format!("(SELECT id FROM pipeline WHERE generation = {id})");
    let documents =
        count(&format!("SELECT count(*) FROM source WHERE pipeline IN {mine} AND parent IS NULL"))?;
    let chunks = count(&format!("SELECT count(*) FROM {}", Tables(id).chunk()))?;
    Tables(id).remove(conn)?;
    // The list of runs is kept, under the pipeline of the same name.
    let runs = format!(
        "UPDATE OR REPLACE run SET pipeline = (
             SELECT other.id FROM pipeline p JOIN pipeline other ON other.name = p.name AND other.generation <> {id}
             WHERE p.id = run.pipeline ORDER BY other.generation DESC)
         WHERE pipeline IN (
             SELECT p.id FROM pipeline p JOIN pipeline other ON other.name = p.name AND other.generation <> {id}
             WHERE p.generation = {id})"
    );
    conn.execute(&runs, []).doing(doing)?;
    for table in ["source", "quarantine", "settings", "staging", "position", "output", "lease", "run"] {
        conn.execute(&format!("DELETE FROM {table} WHERE pipeline IN {mine}"), []).doing(doing)?;
    }
    conn.execute("DELETE FROM lease WHERE pipeline = ?1", [lease_row(id)]).doing(doing)?;
    conn.execute("DELETE FROM pipeline WHERE generation = ?1", [id]).doing(doing)?;
    conn.execute("DELETE FROM generation WHERE id = ?1", [id]).doing(doing)?;
    Ok(Dropped { generation: id, documents, chunks })
}

/// Whether a generation is being built, and which.
pub(super) fn building(conn: &Connection) -> Result<Option<i64>, Fault> {
    conn.query_row("SELECT id FROM generation WHERE state = 'building'", [], |row| row.get(0))
        .optional()
        .doing("looking up the generations")
}
