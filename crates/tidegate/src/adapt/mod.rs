//! Fitting the table inside the program to the texts of a store, with a transformer of this machine as its teacher.
//!
//! A few thousand segments of the store's chunks are embedded by the teacher, which takes seconds; the table is fitted to
//! what it says of them; and segments of other chunks, which the fit never saw, tell whether the table came nearer to the
//! teacher. It is kept in the store only if it did. The refused alternative was to fit against the user's questions:
//! there are too few, and a table that fits them says nothing about the next one.

mod learn;
mod report;
mod sample;
mod switch;
mod teach;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tidegate_bert::Bert;
use tidegate_core::{Cx, Embedder as _, Fault, FaultKind};
use tidegate_engine::{Pool, StopHandle};
use tidegate_model::fit::Rows;
use tidegate_model::{Builtin, TokenTable};
use tidegate_store::{OpenMode, Store};

use crate::config::{Config, Embed, ModelRef};
use crate::{models, tables};
use learn::{Learned, Learning};
use sample::Sample;
use teach::Taught;

pub use report::{Adapted, Agreement, Seconds, Teaching};
pub use switch::{Undone, undo};

/// Segments fitted to, unless something else is asked. More teach little that is new.
pub const SEGMENTS: usize = 4_000;
/// Segments that can be asked for: all are in memory, with their vectors.
pub const MOST_SEGMENTS: usize = 100_000;
/// Fewer segments than this to fit to, or a tenth of it to measure with, say nothing about a language.
const LEAST_SEGMENTS: usize = 200;

/// What an adaptation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The teacher embeds segments.
    Teach,
    /// The table is fitted, step by step.
    Fit,
}

/// Is told what is being done, how much of it is done and how much there is.
pub type Watch<'a> = &'a mut (dyn FnMut(Step, usize, usize) + Send);

/// How a table is fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptOptions {
    /// The teacher: a model whose files are on this machine.
    pub teacher: ModelRef,
    /// Segments to fit to, at most.
    pub segments: usize,
    /// From which the choice of the segments and their order follow.
    pub seed: u64,
}

impl Default for AdaptOptions {
    fn default() -> Self {
        Self { teacher: ModelRef::Known("minilm"), segments: SEGMENTS, seed: 1 }
    }
}

/// A table that was fitted, and is kept in the store. The store goes on as it was until [`Fitted::regeneration`] is
/// carried out.
pub struct Fitted {
    /// What was done.
    pub report: Adapted,
    table: TokenTable,
}

/// Fits a table to the texts of the store that `config` names, and keeps it there.
///
/// The same texts, teacher and seed give the same table. What the teacher said is kept in the journal: neither a second
/// adaptation nor one after a crash asks it again about the same segments.
///
/// # Errors
/// [`FaultKind::Config`]: a teacher that is not here; a store with too little text, or whose vectors are of another
/// embedder. [`FaultKind::Guarded`]: the fitted table is no nearer to the teacher than the one in use, and was not kept.
/// Storage faults.
///
/// # Cancel safety
/// Dropping the future leaves the store as it was, but for what the teacher said so far.
pub async fn adapt(config: &Config, options: &AdaptOptions, watch: Watch<'_>) -> Result<Fitted, Fault> {
    let current = Current::of(&Store::open(&config.store.url, OpenMode::Read)?)?;
    let teacher = Arc::new(teacher(&options.teacher)?);
    let store = Store::open(&config.store.url, OpenMode::Write)?;
    let stop = StopHandle::new();
    let cx = Cx::new("adapt".into(), Arc::new(pool(config)?), stop.subscribe());
    let mut clock = Clock(Instant::now());

    let (from, most, seed) = (store.clone(), options.segments.clamp(1, MOST_SEGMENTS), options.seed);
    let sample = cx.compute(0, move || sample::sample(&from, most, seed)).await??;
    enough(&sample, &store)?;
    let mut seconds = Seconds { sample: clock.lap(), ..Seconds::default() };

    let texts: Vec<String> = sample.lessons.iter().chain(&sample.held).cloned().collect();
    let mut told = |done, all| watch(Step::Teach, done, all);
    let taught = teach::teach(&cx, (&store, &teacher), &texts, &mut told).await?;
    seconds.teach = clock.lap();

    let learning = learning(&sample, &taught, (&teacher, &current, seed));
    let lessons = (learning.lessons.len(), learning.held.len());
    let learned = learning.learn(&cx, &mut |done, all| watch(Step::Fit, done, all)).await?;
    seconds.fit = clock.lap();

    let unchanged = learned.table.identity() == current.identity;
    if !unchanged {
        better(&learned, &current)?;
    }
    tables::keep(&store, &learned.table).await?;
    let report = Adapted {
        table: learned.table.identity().to_owned(),
        before: current.identity,
        unchanged,
        teacher: Teaching {
            model: teacher.identity().to_owned(),
            chunks: sample.chunks,
            segments: lessons.0,
            held_out: lessons.1,
            made: taught.made,
            from_journal: taught.from_journal,
        },
        agreement_before: learned.before,
        agreement_after: learned.after,
        seconds,
    };
    Ok(Fitted { report, table: learned.table })
}

/// Writes the table of a store's vectors into a file, which [`ModelRef::Folder`] can name for other stores if its name
/// ends with `.table`. Returns the table's name.
///
/// # Errors
/// [`FaultKind::Config`]: a store without such a table, a file that cannot be written or is there already; storage faults.
pub fn export(config: &Config, path: &Path) -> Result<String, Fault> {
    if !path.to_str().is_some_and(tables::is_table) {
        let why = format!("{} does not end with .table", path.display());
        return Err(Fault::new(FaultKind::Config, why).hint("by that ending a table is known as one"));
    }
    let store = Store::open(&config.store.url, OpenMode::Read)?;
    let name = match tables::in_use(&store)? {
        Some(name) => Some(name),
        None => store.tables()?.into_iter().next(),
    };
    let Some(name) = name else {
        let why = format!("{} has no table of its own", store.path().display());
        return Err(Fault::new(FaultKind::Config, why).hint("make one with `tidegate adapt`"));
    };
    let bytes = tables::kept(&store, &name)?.to_bytes();
    write_new(path, &bytes).map_err(|error| {
        Fault::new(FaultKind::Config, format!("{} cannot be written", path.display()))
            .hint("name a file that is not there yet, in a folder that can be written")
            .cause(error)
    })?;
    Ok(name)
}

/// Writes a file that is there whole or not at all, and never in place of another.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = PathBuf::from(format!("{}.part-{}", path.display(), std::process::id()));
    let made = std::fs::write(&part, bytes).and_then(|()| std::fs::hard_link(&part, path));
    let _ = std::fs::remove_file(&part); // under its own name, if all went well
    made
}

/// The table that made the vectors of a store.
struct Current {
    identity: String,
    /// Its numbers, where it is not the one inside the program.
    rows: Option<Rows>,
}

impl Current {
    fn of(store: &Store) -> Result<Self, Fault> {
        let path = store.path().display();
        let Some((identity, _)) = store.models()?.into_iter().next() else {
            let why = format!("{path} holds no vectors, so there is nothing to adapt to");
            return Err(Fault::new(FaultKind::Config, why)
                .hint("fill it with `tidegate index PATH`, or name another with --store"));
        };
        if identity == Builtin::IDENTITY {
            return Ok(Self { identity, rows: None });
        }
        if identity.starts_with(TokenTable::FAMILY) {
            // A table that was lost or damaged is made anew; what it was worth is not known then.
            let rows = tables::kept(store, &identity).ok().map(|table| table.rows());
            return Ok(Self { identity, rows });
        }
        let why = format!("the vectors in {path} are of {identity}; only those of `builtin` can be adapted");
        Err(Fault::new(FaultKind::Config, why).hint(
            "index into another store with `--embed builtin --store OTHER.db`, and adapt that one with --store",
        ))
    }
}

fn teacher(model: &ModelRef) -> Result<Bert, Fault> {
    let embed = Embed { model: model.clone(), ..Embed::default() };
    let usable = match model {
        ModelRef::Folder(path) if tables::is_table(path) => None,
        _ => models::open(&embed)?,
    };
    usable.ok_or_else(|| {
        Fault::new(FaultKind::Config, format!("{model} cannot teach")).during("--teacher").hint(
            "name a model whose files are on this machine: minilm, or ./FOLDER with one of the BERT family",
        )
    })
}

fn pool(config: &Config) -> Result<Pool, Fault> {
    let pool = match config.limits.cores {
        0 => Pool::per_core(),
        cores => Pool::new(cores),
    };
    pool.map_err(|error| {
        Fault::new(FaultKind::Unavailable, "this system refuses to start threads").cause(error)
    })
}

fn enough(sample: &Sample, store: &Store) -> Result<(), Fault> {
    let (lessons, held) = (sample.lessons.len(), sample.held.len());
    if lessons >= LEAST_SEGMENTS && held * 10 >= LEAST_SEGMENTS {
        return Ok(());
    }
    let why = format!(
        "the texts in {} are too few to learn from: {} segments of 16 to 64 words, where {} are the least",
        store.path().display(),
        lessons + held,
        LEAST_SEGMENTS + LEAST_SEGMENTS / 10
    );
    Err(Fault::new(FaultKind::Config, why)
        .hint("index more, or keep the table inside the program: it was made for texts of any kind"))
}

fn learning(sample: &Sample, taught: &Taught, (teacher, current, seed): (&Bert, &Current, u64)) -> Learning {
    let (first, rest) = taught.vectors.split_at(sample.lessons.len());
    let width = teacher.dimensions();
    Learning {
        lessons: learn::lessons(sample.lessons.iter().zip(first), width),
        held: learn::lessons(sample.held.iter().zip(rest), width),
        current: current.rows.clone(),
        seed,
    }
}

/// Refuses a table that is no nearer to the teacher than the one in use, where texts are concerned that it never saw.
fn better(learned: &Learned, current: &Current) -> Result<(), Fault> {
    let (before, after) = (learned.before, learned.after);
    if after.is_better_than(&before) {
        return Ok(());
    }
    let why = format!(
        "the fitted table is no better than {}: of texts that neither saw, cosine to the teacher {:.3} after {:.3}, \
         nearest ten shared {:.0} % after {:.0} %",
        current.identity,
        after.cosine,
        before.cosine,
        after.neighbours * 100.0,
        before.neighbours * 100.0
    );
    Err(Fault::new(FaultKind::Guarded, why).hint(
        "nothing was changed; try more segments with --sample, other ones with --seed, or another --teacher",
    ))
}

/// What is left of a second after each step.
struct Clock(Instant);

impl Clock {
    /// Seconds since the last time it was asked.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let lap = now.duration_since(self.0).as_secs_f64();
        self.0 = now;
        lap
    }
}
