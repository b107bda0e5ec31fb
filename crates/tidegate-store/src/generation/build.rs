//! Beginning a generation, and going on with one that was begun.

use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::{Fault, FaultKind};

use super::Tables;
use crate::error::Doing;
use crate::lease::Lease;
use crate::process::now_ms;
use crate::store::Store;
use crate::writer::{Grant, Kind};

const DOING: &str = "beginning a generation";

/// What a new generation is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGeneration {
    /// The identity of the embedder; empty for a generation without vectors.
    pub embedder: String,
    /// The length of its vectors; 0 while nobody knows.
    pub dimensions: usize,
    /// The settings it is built with, as JSON. Only a run with the same settings goes on with it.
    pub settings: String,
}

/// A generation that is being built. It holds the lease of the building until it is dropped.
pub struct Building {
    /// Gives the lease back when this is dropped.
    grant: Grant,
    store: Store,
    id: i64,
    resumed: bool,
}

impl Building {
    /// Its number, for [`crate::PipelineRun::generation`].
    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Whether an earlier run began it.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// The store it is in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.grant.lease
    }
}

impl Store {
    /// Begins a generation beside the active one, or goes on with the one that is being built with these settings.
    ///
    /// # Errors
    /// [`FaultKind::Config`] while one is being built with other settings, [`FaultKind::Guarded`] while another
    /// process builds it, storage faults.
    pub async fn build_generation(&self, new: NewGeneration) -> Result<Building, Fault> {
        let writer = self.writer()?;
        let granting = writer.granting();
        let work = move |conn: &Connection| {
            let (id, resumed) = begin(conn, &new)?;
            let lease = Lease::take(conn, lease_row(id), &format!("generation {id}"))?;
            Ok((granting(lease), id, resumed))
        };
        let (grant, id, resumed) = writer.call(Kind::Other, work).await?;
        tidegate_core::killpoint::hit("generation.begin.after");
        Ok(Building { grant, store: self.clone(), id, resumed })
    }
}

/// The row of the lease under which a generation is built. Those of pipelines are positive.
pub(super) fn lease_row(id: i64) -> i64 {
    -id
}

/// The number of the generation, and whether it was there.
fn begin(conn: &Connection, new: &NewGeneration) -> Result<(i64, bool), Fault> {
    let begun = conn
        .query_row("SELECT id, embedder, settings FROM generation WHERE state = 'building'", [], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
        .optional()
        .doing(DOING)?;
    match begun {
        Some((id, embedder, settings)) if embedder == new.embedder && settings == new.settings => {
            Ok((id, true))
        }
        Some((id, embedder, _)) => {
            let with = if embedder.is_empty() { "no vectors" } else { &*embedder };
            let message = format!("generation {id} is being built already, with {with} and other settings");
            Err(Fault::new(FaultKind::Config, message).hint(format!(
                "finish it with the settings it was begun with, or `tidegate generations drop {id}` first"
            )))
        }
        None => {
            conn.execute(
                "INSERT INTO generation(state, embedder, dims, settings, started)
                 VALUES ('building', ?1, ?2, ?3, ?4)",
                params![new.embedder, new.dimensions, new.settings, now_ms()],
            )
            .doing(DOING)?;
            let id = conn.last_insert_rowid();
            Tables(id).create(conn)?;
            Ok((id, false))
        }
    }
}
