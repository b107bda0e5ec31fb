//! Records as JSON Lines, in a file whose committed length is part of the ledger's own transaction, or on a stream.
//!
//! A file is appended to and synced first; its new length then becomes true together with the outcomes. Whatever
//! lies beyond the committed length at the next start is cut off, so that a line is there exactly once whenever the
//! process died. A stream (standard output, a pipe) cannot be taken back: there, lines whose commit was cut off by a
//! crash are written again by the next run (at least once).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{
    Advice, Commit, Cx, Fault, FaultKind, Grouping, Ledger, Outcome, Record, Sink, Unit, UnitId, advise,
    killpoint,
};

use crate::files::FIRST;
use crate::open::write_fault;
use crate::output::{self, Append, Committed, OUTPUT, OUTPUT_TAIL, Target};
use crate::select::{FieldSelection, VectorFormat, lines_of, render};
use crate::spool::{Spool, Spools};

/// How records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonlOptions {
    /// Which values.
    pub fields: FieldSelection,
    /// How vectors.
    pub vectors: VectorFormat,
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
            ordered: false,
            overwrite: false,
            grouping: Grouping { items: 1024, bytes: 8 << 20, tokens: 0, linger: Duration::from_millis(200) },
        }
    }
}

/// Writes records as lines of JSON.
pub struct JsonlSink {
    target: Target,
    ledger: Arc<dyn Ledger>,
    options: JsonlOptions,
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
}

/// What is needed to write units, apart from the sink itself.
struct Writing {
    target: Target,
    options: JsonlOptions,
    units: Arc<Vec<Unit>>,
    spools: Vec<Vec<Spool>>,
    delivered: BTreeSet<u64>,
    committed: u64,
    unknown: bool,
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
        let target = output::open(path, committed, options.overwrite)?;
        let claimed = committed.is_some() || matches!(target, Target::Stream(_));
        let (spools, committed) = match &target {
            Target::File(file) => {
                let length = file.metadata().map_err(write_fault)?.len();
                (Spools::beside(path).map_err(write_fault)?, length)
            }
            Target::Stream(_) => (Spools::elsewhere(), 0),
        };
        let delivered = BTreeSet::new();
        Ok(Self { target, ledger, options, spools, committed, claimed, unknown: false, delivered })
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
            options,
            spools: Spools::elsewhere(),
            committed: 0,
            claimed: true,
            unknown: false,
            delivered: BTreeSet::new(),
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
    async fn write(&self, cx: &Cx, commit: &mut Commit) -> Result<(u64, Option<u64>), Fault> {
        let units = Arc::new(std::mem::take(&mut commit.units));
        let spools_of = |unit: &Unit| -> Vec<Spool> {
            unit.items.iter().filter_map(|item| self.spools.find(item.ordinal)).cloned().collect()
        };
        let writing = Writing {
            target: self.target.clone(),
            options: self.options.clone(),
            spools: units.iter().map(spools_of).collect(),
            units: units.clone(),
            delivered: self.delivered.clone(),
            committed: self.committed,
            unknown: self.unknown,
        };
        let written = cx.compute(FIRST, move || writing.run()).await;
        commit.units = Arc::try_unwrap(units).map_err(|_| {
            Fault::new(FaultKind::Cancelled, "the compute pool was shut down while the output was written")
        })?;
        written?
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
        self.options.grouping
    }

    fn ordered(&self) -> bool {
        self.options.ordered
    }

    async fn stage(&mut self, cx: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        let mut lines = Vec::new();
        for record in records {
            render(record, &self.options.fields, self.options.vectors, &mut lines);
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
        commit.lengths.retain(|(name, _)| name != OUTPUT && name != OUTPUT_TAIL);
        if let Some(tail) = tail {
            commit.lengths.extend([(OUTPUT.to_owned(), length), (OUTPUT_TAIL.to_owned(), tail)]);
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
        self.delivered.clear();
        self.settled(&commit.units);
        Ok(())
    }

    async fn finish(&mut self, _cx: &Cx) -> Result<(), Fault> {
        self.spools.clear();
        if let (true, Target::File(file)) = (killpoint::planted("length-lazy"), &self.target) {
            let tail = output::tail_of(file, self.committed).map_err(write_fault)?;
            let lengths = vec![(OUTPUT.to_owned(), self.committed), (OUTPUT_TAIL.to_owned(), tail)];
            self.ledger.commit(&Commit { lengths, ..Commit::default() }).await?;
        }
        match &self.target {
            Target::File(file) if !self.unknown => file.set_len(self.committed).map_err(write_fault),
            _ => Ok(()),
        }
    }
}

/// What a unit is known by on a stream: its first item.
fn name_of(unit: &Unit) -> Option<u64> {
    unit.items.first().map(|item| item.ordinal)
}

pub(crate) fn is_stored(unit: &Unit) -> bool {
    unit.items.iter().all(|item| item.outcome == Outcome::Stored)
}

impl Writing {
    fn run(self) -> Result<(u64, Option<u64>), Fault> {
        for (unit, spools) in self.units.iter().zip(&self.spools) {
            if is_stored(unit) && spools.iter().map(|spool| spool.lines).sum::<u64>() != unit.staged {
                return Err(Fault::new(FaultKind::Internal, "lines kept for a large item are missing"));
            }
        }
        let Target::File(file) = &self.target else {
            return self.append().map(|length| (length, None)).map_err(write_fault);
        };
        let length = file.metadata().map_err(write_fault)?.len();
        if length < self.committed {
            return Err(Fault::new(FaultKind::Guarded, "somebody else cut the output short")
                .hint("put it back, or give the pipeline another `name` to start over"));
        }
        if !self.unknown && length > self.committed {
            file.set_len(self.committed).map_err(write_fault)?;
        }
        let appended = self.append().and_then(|length| Ok((length, Some(output::tail_of(file, length)?))));
        appended.map_err(|error| {
            if !self.unknown {
                let _ = file.set_len(self.committed); // gives the room back on a full disk; else done next time
            }
            write_fault(error)
        })
    }

    /// Writes the units from the committed length on. After an unknown commit, the same units give the same bytes,
    /// so that writing over them changes nothing the ledger may count on.
    fn append(&self) -> std::io::Result<u64> {
        let mut append = Append::new(&self.target, self.committed);
        for (unit, spools) in self.units.iter().zip(&self.spools) {
            if !is_stored(unit) || name_of(unit).is_some_and(|name| self.delivered.contains(&name)) {
                continue;
            }
            for spool in spools {
                append.copy(&spool.path, spool.length)?;
            }
            for record in &unit.records {
                if let Some(lines) = lines_of(record, &self.options.fields) {
                    append.large(lines)?;
                    continue;
                }
                render(record, &self.options.fields, self.options.vectors, &mut append.buffer);
                append.relieve()?;
            }
        }
        append.finish()
    }
}
