//! Records as the rows of a table: a folder of Parquet files, whose committed length is part of the ledger's own
//! transaction.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_connect::{Committed, OUTPUT, OUTPUT_TAIL, UnfitLines, write_fault};
use tidegate_core::item::Failure;
use tidegate_core::{
    Advice, Body, Commit, Cx, Fault, FaultKind, Grouping, Ledger, Outcome, Record, Sink, Unit, UnitId,
    advise, killpoint,
};

use crate::aside::Aside;
use crate::build::Misfit;
use crate::manifest::{Places, part_number};
use crate::output::{Output, refuse};
use crate::plan::{Bounds, Plan, Taking};
use crate::types::{NAMED, Type};

/// Commits go before other work on the compute pool: everything waits for them.
const FIRST: u64 = 0;
/// Rows of the part that grows still are shown when they have doubled, from so many on.
const SHOWN: u64 = 1_000;

/// What the stage is called in the quarantine.
const STAGE: &str = "store";

/// How a table is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// Columns that are known before the first row, in this order; those without a type get the one that holds all
    /// values of the first part. Further fields become columns behind them as they come.
    pub columns: Vec<(String, Option<Type>)>,
    /// Whether rows stand in listing order.
    pub ordered: bool,
    /// Whether a folder of Parquet files is replaced that is there and not this pipeline's output.
    pub overwrite: bool,
}

/// Writes records, whose bodies are objects on one line, as rows.
pub struct TableSink {
    /// Away while a step runs on the compute pool.
    output: Option<Output>,
    plan: Plan,
    ledger: Arc<dyn Ledger>,
    ordered: bool,
    /// Whether the ledger knows that the folder is this pipeline's.
    claimed: bool,
    /// A commit failed in a way that leaves open whether the ledger took it: what was appended stays until it is known.
    unknown: bool,
    /// Rows that readers see of the part that grows still.
    shown: u64,
    /// Rows of items that become very many.
    aside: Aside,
}

impl TableSink {
    /// Writes to the folder at `path`, which is made, or continued where the ledger knows it to be committed: `committed`
    /// is what the ledger has under [`OUTPUT`] and [`OUTPUT_TAIL`].
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for a folder that holds something else or not what was committed, or is being written by
    /// another process; [`FaultKind::Config`] for a path that cannot be written.
    pub fn open(
        path: &Path,
        committed: Option<Committed>,
        ledger: Arc<dyn Ledger>,
        options: TableOptions,
    ) -> Result<Self, Fault> {
        Self::open_with(path, (committed, ledger), options, Bounds::default())
    }

    pub(crate) fn open_with(
        path: &Path,
        (committed, ledger): (Option<Committed>, Arc<dyn Ledger>),
        options: TableOptions,
        bounds: Bounds,
    ) -> Result<Self, Fault> {
        let during = |fault: Fault| fault.during(format!("opening {}", path.display()));
        if committed.is_none() {
            replaceable(path, options.overwrite).map_err(during)?;
        }
        let places = Places::of(path);
        let (output, plan) = Output::open(places, committed, (options.columns, bounds)).map_err(during)?;
        let (claimed, ordered) = (committed.is_some(), options.ordered);
        let (unknown, shown, aside) = (false, 0, Aside::default());
        Ok(Self { output: Some(output), plan, ledger, ordered, claimed, unknown, shown, aside })
    }

    /// Tells the ledger that the empty folder is this pipeline's.
    async fn claim(&mut self) -> Result<(), Fault> {
        if !self.claimed {
            let lengths = vec![(OUTPUT.to_owned(), 0), (OUTPUT_TAIL.to_owned(), self.plan.chain)];
            self.ledger.commit(&Commit { lengths, ..Commit::default() }).await?;
            self.claimed = true;
        }
        Ok(())
    }

    /// Runs `work` with the output on the compute pool.
    async fn with<T: Send + 'static>(
        &mut self,
        cx: &Cx,
        work: impl FnOnce(&mut Output) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut output = self.output.take().ok_or_else(|| {
            Fault::new(FaultKind::Internal, "the output was lost when an earlier step failed")
                .hint("run again")
        })?;
        let (output, worked) = cx
            .compute(FIRST, move || {
                let worked = work(&mut output);
                (output, worked)
            })
            .await?;
        self.output = Some(output);
        worked
    }

    /// Makes a file of the rows that no full part holds, if they have doubled since.
    async fn show(&mut self, cx: &Cx) -> Result<(), Fault> {
        if self.plan.rows < SHOWN.max(2 * self.shown) {
            return Ok(());
        }
        let plan = self.plan.clone();
        self.shown = plan.rows;
        self.with(cx, move |output| output.show(&plan)).await
    }
}

/// Whether what is at `path` may be written over.
fn replaceable(path: &Path, overwrite: bool) -> Result<(), Fault> {
    let Ok(meta) = fs::metadata(path) else { return Ok(()) };
    if !meta.is_dir() {
        return if overwrite {
            Ok(())
        } else {
            Err(refuse("a file stands there, and Parquet becomes a folder"))
        };
    }
    for entry in fs::read_dir(path).map_err(write_fault)? {
        let name = entry.map_err(write_fault)?.file_name();
        if name.to_str().and_then(part_number).is_none() {
            let name = name.to_string_lossy();
            return Err(refuse(&format!("it holds {}, which is no part of a table", name.escape_debug()))
                .hint("name another output with -o, or move that away"));
        }
        if !overwrite {
            return Err(refuse("it exists and is not this pipeline's output"));
        }
    }
    Ok(())
}

/// The fault of a row that is none of the table's.
fn unfit(misfit: &Misfit) -> Fault {
    let Misfit { column, what, known } = misfit;
    if column.is_empty() {
        return Fault::new(FaultKind::Validation, what.clone());
    }
    let fault = Fault::new(FaultKind::Validation, format!("column {column:?}: {what}"));
    fault.hint(match known {
        true => format!(
            "mend the row, or name its column's type in [output.types] ({NAMED}) and write anew with --overwrite"
        ),
        false => format!(
            "columns follow from the first rows: name it in [output.types], such as {column:?} = \"text\", and write \
             anew with --overwrite; answers that are there are not paid again"
        ),
    })
}

#[async_trait]
impl Sink for TableSink {
    fn grouping(&self) -> Grouping {
        Grouping { items: 1024, bytes: 8 << 20, tokens: 0, linger: Duration::from_millis(200) }
    }

    fn ordered(&self) -> bool {
        self.ordered
    }

    async fn stage(&mut self, _: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        self.aside.keep(unit, records);
        Ok(())
    }

    async fn commit(&mut self, cx: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        self.claim().await?;
        self.with(cx, Output::seal).await.map_err(|fault| fault.during("writing a part of the output"))?;
        let Taken { lines, plan, cuts, unfit } = self.take(cx, commit).await?;
        unfit.into_iter().for_each(|(unit, wrong)| unfit_in(&mut commit.units[unit], wrong));
        let (unknown, length) = (self.unknown, lines.len() as u64);
        let appended = self.with(cx, move |output| {
            if !unknown {
                output.cut_off().map_err(write_fault)?;
            }
            output.append(&lines).map_err(write_fault)?;
            Ok(output.committed())
        });
        let before = appended.await.map_err(|fault| fault.during("appending to the output"))?;
        commit.lengths.retain(|(name, _)| name != OUTPUT && name != OUTPUT_TAIL);
        commit.lengths.extend([(OUTPUT.to_owned(), before + length), (OUTPUT_TAIL.to_owned(), plan.chain)]);
        // Set before the call, so that a commit whose future is dropped counts as unknown.
        let was_unknown = std::mem::replace(&mut self.unknown, true);
        if let Err(fault) = self.ledger.commit(commit).await {
            // A record's own fault says for certain that nothing was written, this time.
            self.unknown = was_unknown || advise(&fault) != Advice::Quarantine;
            return Err(fault);
        }
        killpoint::hit("table.commit.after");
        self.unknown = false;
        self.plan = plan;
        self.aside.settled(&commit.units);
        if !cuts.is_empty() {
            self.shown = 0;
        }
        let counted = self.with(cx, move |output| {
            output.length += length;
            output.cuts.extend(cuts);
            Ok(())
        });
        counted.await?;
        // The rows are committed whatever becomes of files for readers: what fails here is tried again, and told, by
        // the next commit or at the end.
        let _ = self.with(cx, Output::seal).await;
        let _ = self.show(cx).await;
        Ok(())
    }

    async fn finish(&mut self, cx: &Cx) -> Result<(), Fault> {
        self.aside = Aside::default();
        if self.unknown {
            return Ok(()); // what counts is known at the next start
        }
        let plan = self.plan.clone();
        self.with(cx, move |output| {
            output.cut_off().map_err(write_fault)?;
            output.seal()?;
            output.show(&plan)
        })
        .await
        .map_err(|fault| fault.during("writing the last part of the output"))
    }
}

/// What units come to.
struct Taken {
    lines: Vec<u8>,
    /// The plan behind them, and the ends of parts among them.
    plan: Plan,
    cuts: Vec<crate::plan::Cut>,
    /// Units with rows that are none of the table's.
    unfit: Vec<(usize, Wrong)>,
}

/// What of a unit is none of the table's.
enum Wrong {
    /// Its one row.
    Row(Fault),
    /// These lines of the block that it is, from 0.
    Lines(Vec<(usize, Fault)>),
}

/// The rows of a unit.
struct Rows {
    /// Those that came before the last, as lines, where they are very many.
    kept: Option<Arc<str>>,
    bodies: Vec<Body>,
}

impl Rows {
    fn objects(&self) -> impl Iterator<Item = &str> {
        let kept = self.kept.as_deref().unwrap_or_default().split_terminator('\n');
        kept.chain(self.bodies.iter().map(|body| body.as_text().unwrap_or("{}")))
    }
}

impl TableSink {
    /// Takes the rows of units. One that does not fit is told apart here: refused as a whole, a commit of a thousand rows
    /// would be made again row by row, each waiting for the disk.
    async fn take(&self, cx: &Cx, commit: &Commit) -> Result<Taken, Fault> {
        let mut unfit = Vec::new();
        let mut stored: Vec<(usize, Rows)> = Vec::new();
        for (at, unit) in commit.units.iter().enumerate() {
            if unit.items.iter().any(|item| item.outcome != Outcome::Stored) {
                continue;
            }
            match self.aside.of(unit) {
                Ok(kept) => {
                    stored.push((
                        at,
                        Rows {
                            kept,
                            bodies: unit.records.iter().map(|record| record.body.clone()).collect(),
                        },
                    ));
                }
                Err(fault) if fault.kind() == FaultKind::TooLarge => unfit.push((at, Wrong::Row(fault))),
                Err(fault) => return Err(fault),
            }
        }
        let mut plan = self.plan.clone();
        cx.compute(FIRST, move || {
            let mut lines = Vec::new();
            let mut taking = plan.taking();
            for (at, rows) in &stored {
                if let [Body::Bytes(block)] = &rows.bodies[..] {
                    let wrong = take_block(block, (&mut taking, &mut lines));
                    if !wrong.is_empty() {
                        unfit.push((*at, Wrong::Lines(wrong)));
                    }
                    continue;
                }
                let alone = rows.objects().nth(1).is_none();
                for object in rows.objects() {
                    match take_row(object, (&mut taking, &mut lines)) {
                        Ok(()) => {}
                        Err(fault) if alone => unfit.push((*at, Wrong::Row(fault))),
                        // Of a unit of several rows some may be taken already.
                        Err(fault) => return Err(fault),
                    }
                }
            }
            let cuts = taking.cuts;
            Ok(Taken { lines, plan, cuts, unfit })
        })
        .await?
    }
}

fn take_row(object: &str, (taking, lines): (&mut Taking<'_>, &mut Vec<u8>)) -> Result<(), Fault> {
    taking.row(object).map_err(|misfit| unfit(&misfit))?;
    lines.extend_from_slice(object.as_bytes());
    lines.push(b'\n');
    Ok(())
}

/// Takes the rows of a block, a line each; those that are none of the table's.
fn take_block(block: &[u8], (taking, lines): (&mut Taking<'_>, &mut Vec<u8>)) -> Vec<(usize, Fault)> {
    lines.reserve(block.len());
    let mut wrong = Vec::new();
    for (nth, line) in block.split_inclusive(|byte| *byte == b'\n').enumerate() {
        // Whoever made the lines made them of text.
        let object = std::str::from_utf8(line).unwrap_or_default().trim_end_matches('\n');
        if let Err(fault) = take_row(object, (taking, lines)) {
            wrong.push((nth, fault));
        }
    }
    wrong
}

/// Puts aside what of a unit is none of the table's.
fn unfit_in(unit: &mut Unit, wrong: Wrong) {
    match wrong {
        Wrong::Row(fault) => put_aside(unit, &fault),
        Wrong::Lines(lines) => {
            let mut unfit = UnfitLines::default();
            if let Some(record) = unit.records.first() {
                lines.into_iter().for_each(|(nth, fault)| unfit.note(record, nth, (STAGE, fault)));
            }
            unfit.settle(unit, STAGE);
        }
    }
}

/// Makes of a unit that cannot be stored one whose items are put aside.
fn put_aside(unit: &mut Unit, fault: &Fault) {
    unit.records.clear();
    for item in &mut unit.items {
        item.outcome = Outcome::Quarantined;
        item.asides.clear();
        item.failure = Some(Failure { stage: STAGE.into(), fault: fault.clone(), exhibit: Body::Empty });
    }
}
