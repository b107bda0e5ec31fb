//! A step that hands each record to a program of the user's own, and takes what the program makes of it.
//!
//! A record leaves as its line with an `_id` behind its fields, and comes back as any object that has the same `_id`:
//! programs may answer in any order, and one that forgets a record, or answers one twice, is found out. Order alone as
//! the rule was refused: a program that leaves out one line would shift all answers behind it to their neighbours.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{Body, Cx, Each, Emitted, Fault, FaultKind, Record};
use tidegate_expr::{Expr, Record as Row};
use tidegate_sandbox::{Program, Seen, Talk, WorkerOptions, Workers, find_tool};
use tracing::Instrument as _;

use crate::config::{Config, Exec, ExecOutput, Map, Source, Stage, Step};

/// The field that tells records apart.
const ID: &str = "_id";
/// The field by which a program leaves a record out.
const SKIP: &str = "_skip";
/// The field by which it puts a record aside, and says why.
const ERROR: &str = "_error";
/// Characters of a program's own reason that are kept.
const REASON: usize = 2_000;
/// Characters of a program's name in messages.
const NAME: usize = 80;

/// Hands each record to a program.
pub(crate) struct ExecStage {
    workers: Workers<Lines>,
    when: Option<Expr>,
    context: Vec<String>,
}

/// Checks that the programs of a job or a pipeline are there.
///
/// # Errors
/// [`FaultKind::Config`]: one is not.
pub(crate) fn check(config: &Config) -> Result<(), Fault> {
    let steps = config.map.iter().flat_map(|map| &map.steps);
    steps.filter_map(|step| Some((step, step.exec.as_ref()?))).try_for_each(|(step, exec)| {
        find(exec).map(drop).map_err(|fault| fault.during(format!("step {}", step.name)))
    })?;
    config.stages.iter().try_for_each(|stage| match stage {
        Stage::Exec(own) => find(&own.program())
            .map(drop)
            .map_err(|fault| fault.during(format!("the {} stage", stage.name()))),
        _ => Ok(()),
    })
}

/// Where the program is.
///
/// # Errors
/// [`FaultKind::Config`]: it is not there.
pub(crate) fn find(exec: &Exec) -> Result<PathBuf, Fault> {
    let name = exec.line.first().map_or("", String::as_str);
    // A path stands for a file beside the job, as all paths in it do.
    let beside = Path::new(&exec.folder).join(name);
    let place = if name.contains('/') { beside.to_string_lossy().into_owned() } else { name.to_owned() };
    find_tool(&place, std::env::var_os("PATH")).ok_or_else(|| {
        let hint = "install it, or write its whole path; ./NAME is a program beside the file that names it";
        Fault::new(FaultKind::Config, format!("there is no program {name:?}")).hint(hint)
    })
}

/// The processes of a program, started by way of `launcher`.
///
/// # Errors
/// [`FaultKind::Config`]: a program that is not there.
pub(crate) fn workers(
    config: &Config,
    exec: &Exec,
    launcher: Option<&Program>,
) -> Result<Workers<Lines>, Fault> {
    let launcher = launcher.ok_or_else(|| {
        Fault::new(FaultKind::Config, "there is nothing to start programs by")
            .hint("a program that uses the library names its parser")
    })?;
    let processes = match (exec.processes, config.limits.cores) {
        (0, 0) => std::thread::available_parallelism().map_or(1, usize::from),
        (0, cores) => cores,
        (processes, _) => processes,
    };
    let options = WorkerOptions {
        name: exec.line.join(" ").chars().take(NAME).collect(),
        program: find(exec)?,
        arguments: exec.line.iter().skip(1).map(Into::into).collect(),
        folder: PathBuf::from(&exec.folder),
        processes,
        timeout: exec.timeout.duration(),
        start: exec.start_timeout.duration(),
        longest: longest(config),
    };
    let lines = Lines { ids: exec.ids, output: exec.output.clone() };
    Ok(Workers::new(launcher.clone(), options, lines))
}

impl ExecStage {
    /// What `step` says; its program is started by way of `launcher`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a program that is not there, an expression that does not compile.
    pub(crate) fn new(
        config: &Config,
        (map, step, exec): (&Map, &Step, &Exec),
        launcher: Option<&Program>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            workers: workers(config, exec, launcher)?,
            when: step.when.as_deref().map(|source| Expr::new("when", source)).transpose()?,
            context: map.context.clone(),
        })
    }

    /// Records that it should be given at once.
    pub(super) fn width(&self) -> usize {
        self.workers.width()
    }

    /// What an object becomes that is no record of a run; nothing if it is left out.
    ///
    /// # Errors
    /// The object's, and [`FaultKind::Config`] for a program that cannot be run.
    ///
    /// # Cancel safety
    /// The program is not stopped; what it says is dropped.
    pub(crate) async fn through(&self, object: &str) -> Result<Option<String>, Fault> {
        match &self.when {
            Some(when) if !when.holds(&Row::parse(object.as_bytes())?)? => Ok(Some(object.to_owned())),
            _ => self.workers.ask(Arc::from(object)).await,
        }
    }

    async fn work(&self, record: &mut Record) -> Result<Emitted, Fault> {
        let object = super::object(record)?;
        if let Some(when) = &self.when
            && !when.holds(&Row::parse(object.as_bytes())?)?
        {
            return Ok(Emitted::Keep);
        }
        let shared = match &record.body {
            Body::Text(text) => text.clone(),
            _ => Arc::from(object),
        };
        match self.workers.ask(shared).await? {
            Some(object) => {
                record.set_body(Body::Text(object.into()));
                Ok(Emitted::Keep)
            }
            None => Ok(Emitted::Drop),
        }
    }
}

/// The longest line that a program may write: as long as one of the input.
fn longest(config: &Config) -> usize {
    let size = match &config.source {
        Source::Jsonl(rows) => rows.max_line,
        Source::Stdin(rows) => rows.max_line,
        _ => crate::config::Jsonl::default().max_line,
    };
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

#[async_trait]
impl Each for ExecStage {
    async fn run(&self, _: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        let worked = match super::belongs(record, &self.context) {
            belongs if belongs.is_empty() => self.work(record).await,
            belongs => {
                let span =
                    tracing::info_span!("record", trace = %record.trace, source = %record.key, %belongs);
                self.work(record).instrument(span).await
            }
        };
        worked.map_err(|fault| super::placed(fault, record, &self.context))
    }
}

/// What is said to a program, and what its lines mean.
pub(crate) struct Lines {
    ids: bool,
    output: ExecOutput,
}

impl Talk for Lines {
    type Line<'a> = Row<'a>;
    /// The record as it goes on; nothing if it is left out.
    type Answer = Option<String>;

    fn write(&self, number: u64, record: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        let start = out.len();
        if self.ids {
            let mut row = Row::parse(record.as_bytes())?;
            row.set(ID, number.to_string());
            row.write(out);
        } else {
            out.extend_from_slice(record.trim().as_bytes());
        }
        // Line ends within an object stand between its parts, where a space says the same.
        for byte in &mut out[start..] {
            if matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn read<'a>(&self, line: &'a [u8]) -> Result<Seen<Row<'a>>, String> {
        let row = Row::parse(line).map_err(|fault| {
            format!("wrote what is no JSON object ({}): {}", fault.message(), start(line))
        })?;
        if !self.ids {
            return Ok(Seen { number: None, line: row });
        }
        let number = row.get(ID).and_then(|id| id.trim_matches('"').parse().ok());
        match number {
            Some(number) => Ok(Seen { number: Some(number), line: row }),
            None if row.get(ID).is_some() => {
                Err(format!("wrote an object with an _id that it was not given: {}", start(line)))
            }
            None => Err(format!(
                "wrote an object without the _id of its record (ids = false is for programs that write one line for each, in order): {}",
                start(line)
            )),
        }
    }

    fn take(&self, record: &str, mut line: Row<'_>) -> Result<Option<String>, Fault> {
        if let Some(error) = line.get(ERROR).filter(|error| !matches!(*error, "null" | "false")) {
            let why = serde_json::from_str::<String>(error).unwrap_or_else(|_| error.to_owned());
            let why: String = why.chars().take(REASON).collect();
            return Err(Fault::new(FaultKind::Refused, why));
        }
        if line.get(SKIP) == Some("true") {
            return Ok(None);
        }
        // An id of the record's own stands where ours stood, or is in the record still.
        let own = match self.output {
            ExecOutput::Record if self.ids => own_id(record)?,
            _ => None,
        };
        let keeps_id = !self.ids || own.is_some();
        if let Some(own) = own {
            line.set(ID, own);
        }
        if [ID, SKIP, ERROR].iter().any(|name| line.get(name).is_some()) {
            line.retain(|name| (name != ID || keeps_id) && name != SKIP && name != ERROR);
        }
        if self.output == ExecOutput::Record {
            return Ok(Some(line.text()));
        }
        let mut row = Row::parse(record.as_bytes())?;
        match &self.output {
            ExecOutput::Field(field) => row.set(field, line.text()),
            _ => line.fields().for_each(|(name, value)| row.set(name, value.to_owned())),
        }
        Ok(Some(row.text()))
    }
}

/// The `_id` that a record has of its own.
fn own_id(record: &str) -> Result<Option<String>, Fault> {
    if !record.contains(ID) {
        return Ok(None);
    }
    Ok(Row::parse(record.as_bytes())?.get(ID).map(str::to_owned))
}

/// The beginning of a line, to be shown.
fn start(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(200)]);
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests;
