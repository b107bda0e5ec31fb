//! What generations there are.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use tidegate_core::{Fault, FaultKind};

use super::{Tables, active};
use crate::Settings;
use crate::error::Doing;
use crate::settings::settings_of;
use crate::store::Store;

const DOING: &str = "looking up the generations";

/// What a generation is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationState {
    /// It is not complete yet; nobody reads it.
    Building,
    /// It answers searches.
    Active,
    /// It was active, and can be again until it is dropped.
    Previous,
}

/// One generation, as far as looking it up costs next to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GenerationRow {
    /// Its number.
    pub id: i64,
    /// What it is there for.
    pub state: GenerationState,
    /// The identity of its embedder; empty where it has no vectors.
    pub embedder: String,
    /// The length of its vectors; 0 while nobody knows.
    pub dimensions: usize,
    /// When it was begun, ms since 1970.
    pub started: i64,
    /// When it last became the active one, ms since 1970; `None` for the first, which was so from the beginning.
    pub switched: Option<i64>,
}

/// One generation, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generation {
    /// What it is.
    #[serde(flatten)]
    pub row: GenerationRow,
    /// Its documents.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Bytes of its tables, and of the vectors that its chunks point to.
    pub bytes: u64,
    /// Documents in which it differs from the active one.
    pub differing: u64,
    /// What its pipelines were last run with, as they were given.
    #[serde(skip)]
    pub settings: Vec<Settings>,
}

impl Store {
    /// Every generation, oldest first, counted. Looks at every page of their tables.
    ///
    /// # Errors
    /// Storage faults.
    pub fn generations(&self) -> Result<Vec<Generation>, Fault> {
        self.read(|conn| briefly(conn)?.into_iter().map(|row| counted(conn, row)).collect())
    }

    /// The number of the generation that answers searches.
    ///
    /// # Errors
    /// Storage faults.
    pub fn active_generation(&self) -> Result<i64, Fault> {
        self.read(|conn| active(conn).map(|tables| tables.0))
    }

    /// The number of the generation that is being built, if one is.
    ///
    /// # Errors
    /// Storage faults.
    pub fn generation_being_built(&self) -> Result<Option<i64>, Fault> {
        self.read(super::switch::building)
    }

    /// The generation that answers searches, the models of its vectors and what its pipelines were last run with,
    /// all of one moment.
    ///
    /// # Errors
    /// Storage faults.
    pub fn active_settings(&self) -> Result<ActiveSettings, Fault> {
        self.read(|conn| {
            let tables = active(conn)?;
            let (models, settings) = (models(conn, tables)?, settings_of(conn, tables)?);
            Ok(ActiveSettings { generation: tables.0, models, settings })
        })
    }

    /// The models whose vectors chunks of a generation point to, with the number of dimensions of each.
    ///
    /// # Errors
    /// Storage faults; [`FaultKind::Config`] for a generation that is not there.
    pub fn models_of(&self, generation: i64) -> Result<Vec<(String, usize)>, Fault> {
        self.read(|conn| state_of(conn, generation).and_then(|_| models(conn, Tables(generation))))
    }
}

/// What decides how questions are embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSettings {
    /// The number of the generation.
    pub generation: i64,
    /// The models of its vectors, with the number of dimensions of each.
    pub models: Vec<(String, usize)>,
    /// What its pipelines were last run with, latest first.
    pub settings: Vec<Settings>,
}

/// What generation `id` is there for.
pub(super) fn state_of(conn: &Connection, id: i64) -> Result<GenerationState, Fault> {
    let state: Option<String> = conn
        .query_row("SELECT state FROM generation WHERE id = ?1", [id], |row| row.get(0))
        .optional()
        .doing(DOING)?;
    state.as_deref().map(read_state).ok_or_else(|| {
        Fault::new(FaultKind::Config, format!("there is no generation {id} in the store"))
            .hint("`tidegate generations list` shows those that are")
    })
}

fn read_state(state: &str) -> GenerationState {
    match state {
        "building" => GenerationState::Building,
        "active" => GenerationState::Active,
        _ => GenerationState::Previous,
    }
}

/// The models whose vectors chunks of a generation point to.
pub(crate) fn models(conn: &Connection, tables: Tables) -> Result<Vec<(String, usize)>, Fault> {
    conn.prepare(&format!(
        "SELECT name, dims FROM model WHERE EXISTS (SELECT 1 FROM {code} WHERE {code}.model = model.id)
         ORDER BY name",
        code = tables.code()
    ))
    .and_then(|mut select| select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
    .doing(DOING)
}

/// Every generation, oldest first.
pub(crate) fn briefly(conn: &Connection) -> Result<Vec<GenerationRow>, Fault> {
    let rows: Vec<GenerationRow> = conn
        .prepare_cached("SELECT id, state, embedder, dims, started, switched FROM generation ORDER BY id")
        .and_then(|mut select| {
            let read = |row: &rusqlite::Row<'_>| {
                Ok(GenerationRow {
                    id: row.get(0)?,
                    state: read_state(row.get_ref(1)?.as_str()?),
                    embedder: row.get(2)?,
                    dimensions: row.get(3)?,
                    started: row.get(4)?,
                    switched: row.get(5)?,
                })
            };
            select.query_map([], read)?.collect()
        })
        .doing(DOING)?;
    // The first generation was not begun with an embedder; its vectors say what they are of.
    let named = |row: GenerationRow| {
        Ok(match models(conn, Tables(row.id))?.into_iter().next() {
            Some((embedder, dimensions)) => GenerationRow { embedder, dimensions, ..row },
            None => row,
        })
    };
    rows.into_iter().map(named).collect()
}

fn counted(conn: &Connection, row: GenerationRow) -> Result<Generation, Fault> {
    let tables = Tables(row.id);
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, u64>(0)).doing(DOING);
    let documents = count(&format!(
        "SELECT count(*) FROM source
         WHERE pipeline IN (SELECT id FROM pipeline WHERE generation = {}) AND parent IS NULL",
        row.id
    ))?;
    let chunks = count(&format!("SELECT count(*) FROM {}", tables.chunk()))?;
    let vectors = count(&format!("SELECT count(DISTINCT vector) FROM {}", tables.chunk()))?;
    let (from, settings) = (active(conn)?, settings_of(conn, tables)?);
    let differing = if from == tables { 0 } else { differing(conn, (from, tables))? };
    let bytes = pages(conn, tables)? + 4 * vectors * row.dimensions as u64;
    Ok(Generation { row, documents, chunks, bytes, differing, settings })
}

/// Bytes of the pages of a generation's tables and their indexes.
fn pages(conn: &Connection, tables: Tables) -> Result<u64, Fault> {
    let (chunk, code, text) = (tables.chunk().to_string(), tables.code().to_string(), tables.text());
    conn.query_row(
        "SELECT ifnull(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN (
             SELECT name FROM sqlite_schema WHERE tbl_name IN (?1, ?2, ?3, ?3 || '_data', ?3 || '_idx',
               ?3 || '_content', ?3 || '_docsize', ?3 || '_config'))",
        params![chunk, code, text.to_string()],
        |row| row.get(0),
    )
    .doing(DOING)
}

/// Documents that differ between two generations, or are in one of them only.
pub(super) fn differing(conn: &Connection, (one, other): (Tables, Tables)) -> Result<u64, Fault> {
    let missing = |(one, other): (Tables, Tables), same: &str| {
        conn.query_row(
            &format!(
                "SELECT count(*) FROM pipeline p JOIN source s ON s.pipeline = p.id
                 WHERE p.generation = ?1 AND s.parent IS NULL AND NOT EXISTS (
                     SELECT 1 FROM pipeline q JOIN source n ON n.pipeline = q.id
                     WHERE q.generation = ?2 AND q.name = p.name AND n.uri = s.uri AND n.parent IS NULL {same})"
            ),
            params![one.0, other.0],
            |row| row.get::<_, u64>(0),
        )
        .doing(DOING)
    };
    let same = "AND ifnull(n.content_hash, n.version) IS ifnull(s.content_hash, s.version)";
    Ok(missing((one, other), same)? + missing((other, one), "")?)
}
