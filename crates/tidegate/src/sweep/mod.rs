//! Steps without a model, over blocks of lines or of rows: what costs less for a line than accounting for it would.
//!
//! A block is an item to the engine, with everything that follows: its memory is accounted for, it is committed with
//! the length of the output, and a run goes on behind it. Lines are counted here, and a line that cannot be worked on
//! is put aside by itself.

mod report;
mod rows;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidegate_connect::{Buffers, UnfitLines};
use tidegate_core::{Body, Cpu, Cx, Emit, Fault, FaultKind, Record};
use tidegate_expr::{Record as Row, Step, Verdict};

pub(crate) use report::in_rows;
use rows::{InRows, Line};
use tally::Rows;
pub(crate) use tally::{Tallied, Tally};

use crate::config::{Config, Map, RowFormat, Sink, Source};
use crate::map::{self, Left};

/// Lines of one block that are put aside one by one; what is beyond them is put aside together.
const ASIDES: u64 = 1_000;

/// Works on the lines of a block.
pub(crate) struct SweepStage {
    pub(crate) steps: Vec<Step>,
    /// What the lines are.
    rows: InRows,
    /// Whether the output is told on which lines its rows stood: one that may have no place for some of them.
    tells: bool,
    /// The longest line, in bytes.
    pub(crate) max_line: usize,
    pub(crate) tally: Arc<Tally>,
    /// What the stage is called in the quarantine.
    pub(crate) name: String,
    /// For what the lines of a block become.
    pub(crate) buffers: Buffers,
    /// Fields that tell what a record belongs to.
    pub(crate) context: Vec<String>,
    /// Lines that are not tried, by file.
    pub(crate) left: HashMap<String, HashSet<u64>>,
}

/// Buffers with room for more than this are not kept for the next block, in bytes.
const LARGEST: usize = 4 << 20;

/// The name of the one stage of a sweep.
pub(crate) const STAGE: &str = "steps";
/// Memory that the blocks of a sweep take at most, in bytes: more would not make it faster.
pub(crate) const MEMORY: u64 = 16 << 20;

impl Config {
    /// Whether this is a map job whose lines are worked on by the block: no step asks, no rule judges, and rows leave in
    /// the order of files that can be read again.
    pub(crate) fn sweeps(&self) -> bool {
        let Some(map) = &self.map else { return false };
        let Source::Jsonl(jsonl) = &self.source else { return false };
        let plain = map.limit == 0 && jsonl.id_field.is_none();
        plain
            && self.resumes_rows()
            && jsonl.format != RowFormat::Lines
            && !self.validate.is_on()
            && map.steps.iter().all(|step| step.ask.is_none() && step.exec.is_none())
    }
}

impl SweepStage {
    /// What the steps of `map` do to all lines but those of `left`, which are not tried.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: an expression or a template that does not compile.
    pub(crate) fn new(config: &Config, map: &Map, (tally, left): (Arc<Tally>, &Left)) -> Result<Self, Fault> {
        let mut steps = Vec::new();
        if let Some(when) = &map.when {
            let filter = Some(tidegate_expr::Expr::new("when", when)?);
            steps.push(Step { filter, ..Step::default() });
        }
        for step in &map.steps {
            steps.push(map::compiled(step)?);
        }
        let max_line = match &config.source {
            Source::Jsonl(jsonl) => usize::try_from(jsonl.max_line.bytes()).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let delimited = matches!(&config.sink, Sink::Jsonl(sink) if sink.format.delimiter.is_some());
        Ok(Self {
            steps,
            rows: InRows::of(&config.source),
            tells: delimited || config.table().is_some(),
            max_line,
            tally,
            name: STAGE.to_owned(),
            buffers: Buffers::new(LARGEST),
            context: map.context.clone(),
            left: left.lines(),
        })
    }
}

impl Cpu for SweepStage {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        self.sweep(record).map(Emit::One)
    }
}

impl SweepStage {
    /// The block with what its lines have become.
    fn sweep(&self, mut record: Record) -> Result<Record, Fault> {
        let Body::Bytes(block) = std::mem::replace(&mut record.body, Body::Empty) else {
            return Err(Fault::new(FaultKind::Internal, "lines without their bytes"));
        };
        let mut out = self.buffers.take();
        let (rows, numbers) = {
            let left = self.left.get(file_of(&record));
            let sweep = Sweep {
                stage: self,
                record: &record,
                left,
                rows: Rows::default(),
                kept: Vec::new(),
                more: None,
            };
            self.rows.each(&record, &block, (sweep, &mut out))?.end()
        };
        self.tally.swept(rows);
        rows.write(&mut record);
        if self.tells {
            UnfitLines::tell(&mut record, &numbers);
        }
        record.set_body(Body::Bytes(self.buffers.share(out)));
        Ok(record)
    }

    fn work(&self, mut row: Row<'_>, out: &mut Vec<u8>) -> Result<Verdict, Fault> {
        for step in &self.steps {
            if step.apply(&mut row)? == Verdict::Dropped {
                return Ok(Verdict::Dropped);
            }
        }
        row.write(out);
        Ok(Verdict::Kept)
    }

    /// Why a line of so many bytes is not worked on, if it is too long.
    fn too_long(&self, bytes: usize) -> Option<Fault> {
        let what = || format!("a line of {bytes} bytes, more than the limit of {}", self.max_line);
        (bytes > self.max_line).then(|| Fault::new(FaultKind::TooLarge, what()).hint("raise max_line"))
    }
}

/// The file that a block is from.
fn file_of(record: &Record) -> &str {
    record.key.rsplit_once('#').map_or(&record.key, |(file, _)| file)
}

/// The work on one block.
struct Sweep<'a> {
    stage: &'a SweepStage,
    record: &'a Record,
    /// Lines of this file that are not tried.
    left: Option<&'a HashSet<u64>>,
    rows: Rows,
    /// The numbers of the lines that are kept, where the output is told.
    kept: Vec<u64>,
    /// The first and the last line beyond those that are put aside one by one, and what was wrong with the first.
    more: Option<(u64, u64, Fault)>,
}

impl Sweep<'_> {
    /// Works on the row that a line is, or puts it aside for what is wrong with it already.
    fn line(&mut self, line: &Line<'_>, row: Result<Row<'_>, Fault>, out: &mut Vec<u8>) {
        self.rows.seen += 1;
        if self.left.is_some_and(|left| left.contains(&line.number)) {
            return self.aside(line.number, map::untried());
        }
        let start = out.len();
        match row.and_then(|row| self.stage.work(row, out)) {
            Ok(Verdict::Kept) => {
                out.push(b'\n');
                self.rows.kept += 1;
                if self.stage.tells {
                    self.kept.push(line.number);
                }
            }
            Ok(Verdict::Dropped) => self.rows.dropped += 1,
            Err(fault) => {
                out.truncate(start);
                let place = map::with_context(line.place(), line.object, &self.stage.context);
                self.aside(line.number, fault.during(place));
            }
        }
    }

    fn aside(&mut self, number: u64, fault: Fault) {
        self.rows.aside += 1;
        if self.rows.aside <= ASIDES {
            return self.put(&format!("L{number}"), &fault);
        }
        let (first, first_fault) = match self.more.take() {
            Some((first, _, fault)) => (first, fault),
            None => (number, fault),
        };
        self.more = Some((first, number, first_fault));
    }

    fn put(&self, name: &str, fault: &Fault) {
        let key: Arc<str> = format!("{}#{name}", file_of(self.record)).into();
        let stage = &self.stage.name;
        tracing::info!(source = %key, stage, class = fault.kind().name(), %fault, "quarantined");
        self.record.tether().part(key).fail(stage, fault);
    }

    /// The counts, and the numbers of the lines that are kept.
    fn end(mut self) -> (Rows, Vec<u64>) {
        if let Some((first, last, fault)) = self.more.take() {
            let count = self.rows.aside - ASIDES;
            let fault =
                fault.during(format!("{count} lines between {first} and {last}, the first because of"));
            self.put(&format!("L{first}-L{last}"), &fault);
        }
        (self.rows, self.kept)
    }
}
