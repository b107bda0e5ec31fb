//! Records as JSON Lines or as a table, in a file whose committed length is part of the ledger's own transaction, or on a stream.
//!
//! A file is appended to and synced first; its new length then becomes true together with the outcomes. Whatever
//! lies beyond the committed length at the next start is cut off, so that a line is there exactly once whenever the
//! process died. A stream (standard output, a pipe) cannot be taken back: there, lines whose commit was cut off by a
//! crash are written again by the next run (at least once).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{
    Advice, Commit, Cx, Fault, FaultKind, Grouping, Ledger, Record, Sink, Stop, Unit, UnitId, advise,
    killpoint,
};

use crate::cells::TableShape;
use crate::files::FIRST;
use crate::fit::{Fit, Fitted};
use crate::open::write_fault;
use crate::output::{
    self, Committed, OUTPUT, OUTPUT_NEXT, OUTPUT_NEXT_TAIL, OUTPUT_TAIL, OUTPUT_WHOLE, Target,
};
use crate::pack::Packing;
use crate::select::{FieldSelection, VectorFormat, render};
use crate::spool::{Spool, Spools};
use crate::whole;
use crate::writing::{Writing, name_of};

/// How records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonlOptions {
    /// Which values.
    pub fields: FieldSelection,
    /// How vectors.
    pub vectors: VectorFormat,
    /// Rows of a table instead of lines of JSON: of bodies that are objects, whatever `fields` says.
    pub table: Option<TableShape>,
    /// How they are compressed.
    pub packing: Packing,
    /// Whether lines stand in listing order. Lines of records that were put aside are left out.
    pub ordered: bool,
    /// Whether a file is replaced that is there and not this pipeline's output.
    pub overwrite: bool,
    /// How many units are committed together. Each commit waits for the disk once.
    pub grouping: Grouping,
}

impl Default for JsonlOptions {
    fn default() -> Self {
        Self {
            fields: FieldSelection::All,
            vectors: VectorFormat::None,
            table: None,
            packing: Packing::Plain,
            ordered: false,
            overwrite: false,
            grouping: Grouping { items: 1024, bytes: 8 << 20, tokens: 0, linger: Duration::from_millis(200) },
        }
    }
}

/// How long units wait for company where each commit is compressed by itself: rows that come one by one compress badly.
/// A run that is killed makes them again, with the answers that are there.
const PACKED_LINGER: Duration = Duration::from_secs(5);

/// Writes records as lines of JSON, or as rows of a table.
pub struct JsonlSink {
    target: Target,
    ledger: Arc<dyn Ledger>,
    options: JsonlOptions,
    /// For tables.
    fit: Option<Fit>,
    spools: Spools,
    /// The length that the ledger is known to know.
    committed: u64,
    /// Whether the ledger knows that the file is this pipeline's. Told before the first line is appended; otherwise
    /// a crash during the first commit would leave a file that the next run takes for somebody else's.
    claimed: bool,
    /// A commit failed in a way that leaves open whether the ledger took it: what was appended must stay until it
    /// is known, because the ledger may count on it.
    unknown: bool,
    /// Units already on a stream whose commit failed: they are not written a second time.
    delivered: BTreeSet<u64>,
    /// Whether the header of a table is on the stream.
    headed: bool,
    /// The file, where it is compressed, and the length up to which it is one member or frame.
    packed: Option<(PathBuf, u64)>,
}

impl JsonlSink {
    /// Writes to the file at `path`, which is created, or continued where the ledger knows it to be committed:
    /// `committed` is what the ledger has under [`OUTPUT`] and [`OUTPUT_TAIL`]. A pipe or a device at `path` is
    /// written to as a stream.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for a file that holds something else, is shorter than what was committed, or is being
    /// written by another process; [`FaultKind::Config`] for a path that cannot be written.
    pub fn open(
        path: &Path,
        committed: Option<Committed>,
        ledger: Arc<dyn Ledger>,
        options: JsonlOptions,
    ) -> Result<Self, Fault> {
        let target = output::open(path, (committed, options.packing), options.overwrite)?;
        let claimed = committed.is_some() || matches!(target, Target::Stream(_));
        let (spools, committed) = match &target {
            Target::File(file) => {
                let length = file.metadata().map_err(write_fault)?.len();
                (Spools::beside(path).map_err(write_fault)?, length)
            }
            Target::Stream(_) => (Spools::elsewhere(), 0),
        };
        let mut fit = options.table.clone().map(Fit::new);
        if let Some(fit) = fit.as_mut().filter(|_| committed > 0) {
            fit.resume(path)?;
        }
        let delivered = BTreeSet::new();
        let (unknown, headed) = (false, false);
        let packed = match &target {
            Target::File(_) if options.packing != Packing::Plain => {
                // What is linked to is replaced, not the link.
                let path = std::fs::canonicalize(path).map_err(write_fault)?;
                whole::remove(&whole::scratch(&path)).map_err(write_fault)?;
                Some((path, 0))
            }
            _ => None,
        };
        Ok(Self {
            target,
            ledger,
            options,
            fit,
            spools,
            committed,
            claimed,
            unknown,
            delivered,
            headed,
            packed,
        })
    }

    /// Tells of a compressed file up to which length it is one member or frame: what the ledger has under
    /// [`OUTPUT_WHOLE`].
    #[must_use]
    pub fn whole_up_to(mut self, length: u64) -> Self {
        if let Some((_, whole)) = &mut self.packed {
            *whole = length;
        }
        self
    }

    /// Writes to a stream.
    #[must_use]
    pub fn stream(
        stream: impl Write + Send + 'static,
        ledger: Arc<dyn Ledger>,
        options: JsonlOptions,
    ) -> Self {
        let target = Target::Stream(Arc::new(Mutex::new(stream)));
        Self {
            target,
            ledger,
            fit: options.table.clone().map(Fit::new),
            options,
            spools: Spools::elsewhere(),
            committed: 0,
            claimed: true,
            unknown: false,
            delivered: BTreeSet::new(),
            headed: false,
            packed: None,
        }
    }

    /// Tells the ledger that the empty file is this pipeline's.
    async fn claim(&mut self) -> Result<(), Fault> {
        if self.claimed || killpoint::planted("unclaimed") {
            return Ok(());
        }
        let lengths = vec![(OUTPUT.to_owned(), 0), (OUTPUT_TAIL.to_owned(), output::number_of(&[]))];
        self.ledger.commit(&Commit { lengths, ..Commit::default() }).await?;
        self.claimed = true;
        Ok(())
    }

    /// Writes units on the compute pool and gives them back; the length and tail reached.
    async fn write(&mut self, cx: &Cx, commit: &mut Commit) -> Result<(u64, Option<u64>), Fault> {
        let spools_of = |unit: &Unit| -> Vec<Spool> {
            unit.items.iter().filter_map(|item| self.spools.find(item.ordinal)).cloned().collect()
        };
        let spools: Vec<Vec<Spool>> = commit.units.iter().map(spools_of).collect();
        let table = match &mut self.fit {
            Some(fit) => Some(fit.rows(cx, (&mut commit.units, &spools)).await?),
            None => None,
        };
        let header = self.committed == 0 && !self.headed;
        let table = table.map(|fitted| if header { fitted } else { fitted.without_header() });
        let heads = table.as_ref().is_some_and(Fitted::has_rows) && matches!(self.target, Target::Stream(_));
        let units = Arc::new(std::mem::take(&mut commit.units));
        let writing = Writing {
            target: self.target.clone(),
            options: self.options.clone(),
            spools,
            units: units.clone(),
            table,
            delivered: self.delivered.clone(),
            committed: self.committed,
            unknown: self.unknown,
        };
        let written = cx.compute(FIRST, move || writing.run()).await;
        commit.units = Arc::try_unwrap(units).map_err(|_| {
            Fault::new(FaultKind::Cancelled, "the compute pool was shut down while the output was written")
        })?;
        let written = written??;
        self.headed |= heads;
        Ok(written)
    }

    /// Up to which length a compressed file is one member or frame once it is `length` long.
    fn whole_at(&self, length: u64) -> Option<u64> {
        let (_, whole) = self.packed.as_ref()?;
        Some(if self.committed == 0 { length } else { *whole })
    }

    /// Makes a compressed file one member or frame, if it is more.
    async fn make_whole(&mut self, cx: &Cx) -> Result<(), Fault> {
        let (length, packing) = (self.committed, self.options.packing);
        let Some((path, _)) = self.packed.clone().filter(|(_, whole)| *whole != length) else {
            return Ok(());
        };
        let (output, stopping) = (path.clone(), cx.clone());
        let go = move || stopping.stop() == Stop::Go;
        let made = cx.compute(FIRST, move || whole::rewrite(&output, (length, packing), &go)).await?;
        let Some(made) = made.map_err(|fault| fault.during("making the output one frame"))? else {
            return Ok(());
        };
        let next = vec![(OUTPUT_NEXT.to_owned(), made.length), (OUTPUT_NEXT_TAIL.to_owned(), made.tail)];
        self.ledger.commit(&Commit { lengths: next, ..Commit::default() }).await?;
        killpoint::hit("whole.intended");
        whole::replace(&made, &path)?;
        let lengths = lengths((made.length, made.tail), Some(made.length));
        self.ledger.commit(&Commit { lengths, ..Commit::default() }).await?;
        killpoint::hit("whole.settled");
        Ok(())
    }

    fn settled(&mut self, units: &[Unit]) {
        for item in units.iter().flat_map(|unit| &unit.items) {
            self.spools.remove(item.ordinal);
        }
    }
}

#[async_trait]
impl Sink for JsonlSink {
    fn grouping(&self) -> Grouping {
        let grouping = self.options.grouping;
        match self.options.packing {
            Packing::Plain => grouping,
            Packing::Gzip | Packing::Zstd => {
                Grouping { linger: PACKED_LINGER.max(grouping.linger), ..grouping }
            }
        }
    }

    fn ordered(&self) -> bool {
        self.options.ordered
    }

    async fn stage(&mut self, cx: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        let mut lines = Vec::new();
        // Rows of a table are made of objects.
        let body = FieldSelection::Body;
        let fields = if self.fit.is_some() { &body } else { &self.options.fields };
        for record in records {
            render(record, fields, self.options.vectors, &mut lines);
        }
        self.spools.keep(cx, unit, (lines, records.len() as u64)).await
    }

    async fn commit(&mut self, cx: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        self.claim().await?;
        if killpoint::planted("outcome-first") {
            self.ledger.commit(commit).await?;
        }
        let (length, tail) =
            self.write(cx, commit).await.map_err(|fault| fault.during("appending to the output"))?;
        killpoint::hit("jsonl.append.synced");
        let whole = self.whole_at(length);
        commit.lengths.retain(|(name, _)| !name.starts_with(OUTPUT));
        if let Some(tail) = tail {
            commit.lengths.extend(lengths((length, tail), whole));
        } else {
            self.delivered.extend(commit.units.iter().filter_map(name_of));
        }
        if killpoint::planted("length-lazy") {
            commit.lengths.clear();
        }
        // Set before the call, so that a commit whose future is dropped counts as unknown.
        let was_unknown = std::mem::replace(&mut self.unknown, true);
        if killpoint::planted("length-late") {
            let lengths = std::mem::take(&mut commit.lengths);
            self.ledger.commit(commit).await?;
            commit.lengths = lengths;
        }
        if let Err(fault) = self.ledger.commit(commit).await {
            // A record's own fault says for certain that nothing was written, this time.
            self.unknown = was_unknown || advise(&fault) != Advice::Quarantine;
            return Err(fault);
        }
        killpoint::hit("jsonl.commit.after");
        self.unknown = false;
        self.committed = length;
        if let (Some((_, up_to)), Some(whole)) = (&mut self.packed, whole) {
            *up_to = whole;
        }
        self.delivered.clear();
        self.settled(&commit.units);
        Ok(())
    }

    async fn finish(&mut self, cx: &Cx) -> Result<(), Fault> {
        self.spools.clear();
        if let (true, Target::File(file)) = (killpoint::planted("length-lazy"), &self.target) {
            let tail = output::tail_of(file, self.committed).map_err(write_fault)?;
            let lengths = vec![(OUTPUT.to_owned(), self.committed), (OUTPUT_TAIL.to_owned(), tail)];
            self.ledger.commit(&Commit { lengths, ..Commit::default() }).await?;
        }
        match &self.target {
            Target::File(file) if !self.unknown => file.set_len(self.committed).map_err(write_fault)?,
            _ => return Ok(()),
        }
        // Whoever stops a run does not want to wait for it; the run that goes on does it.
        if cx.stop() == Stop::Go { self.make_whole(cx).await } else { Ok(()) }
    }
}

/// What the ledger is told of an output; of a compressed one, also up to where it is one member or frame.
fn lengths((length, tail): (u64, u64), whole: Option<u64>) -> Vec<(String, u64)> {
    let mut lengths = vec![(OUTPUT.to_owned(), length), (OUTPUT_TAIL.to_owned(), tail)];
    if let Some(whole) = whole {
        lengths.extend([(OUTPUT_WHOLE.to_owned(), whole), (OUTPUT_NEXT.to_owned(), 0)]);
    }
    lengths
}
