//! Records as lines of JSON, in parts below a prefix of a bucket.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::{
    Advice, Commit, ContentHash, Cx, Fault, FaultKind, Grouping, Ledger, Record, Sink, Unit, UnitId, advise,
};

use super::bucket::Bucket;
use super::options::Storage;
use super::parts::{Folder, Kept, Manifest, Next, PART, Part, changed, follow, lost, refuse};
use super::place::Place;
use crate::files::FIRST;
use crate::jsonl_sink::JsonlOptions;
use crate::open::write_fault;
use crate::output::{Committed, OUTPUT, OUTPUT_TAIL, number_of};
use crate::select::render;
use crate::spool::{Spool, Spools};
use crate::writing::is_stored;

/// No part is much longer, in bytes.
const LIMIT: usize = if cfg!(test) { 4_000 } else { 32 << 20 };
/// Bytes of a large item that are read at a time.
const PIECE: u64 = if cfg!(test) { 500 } else { 1 << 20 };

/// Writes records as lines of JSON into objects of bounded size, and names those that count in `manifest.json`.
pub struct ObjectsSink {
    folder: Folder,
    ledger: Arc<dyn Ledger>,
    options: JsonlOptions,
    spools: Spools,
    /// Tells this writer from every other.
    writer: u64,
    /// The manifest as it was last seen; none before it is written.
    kept: Option<Kept>,
    /// What follows from every part that the ledger knows.
    chain: u64,
    /// Bytes that the ledger knows.
    length: u64,
    /// Whether the ledger knows that the output is this pipeline's.
    claimed: bool,
    /// A commit failed in a way that leaves open whether the ledger took it: what was to come next may be true.
    unknown: bool,
    /// Parts of an output that this one replaces.
    stale: Vec<Part>,
}

impl ObjectsSink {
    /// How many units are committed together: each commit is a part, and small parts are slow to read.
    pub const GROUPING: Grouping =
        Grouping { items: 8_192, bytes: 8 << 20, tokens: 0, linger: Duration::from_secs(2) };

    /// Writes below the prefix of `place`, or goes on where the ledger knows it to be committed.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for an output of somebody else or one that is not what was committed; faults of the
    /// service.
    pub async fn open(
        (place, storage): (&Place, &Storage),
        committed: Option<Committed>,
        ledger: Arc<dyn Ledger>,
        options: JsonlOptions,
    ) -> Result<Self, Fault> {
        let bucket = Arc::new(Bucket::open(place, storage)?);
        let sink = Self::over(Folder { bucket, prefix: place.folder() }, committed, (ledger, options)).await;
        sink.map_err(|fault| fault.during(format!("opening {place}")))
    }

    /// The same in a folder of a bucket that is open.
    pub(super) async fn over(
        folder: Folder,
        committed: Option<Committed>,
        (ledger, options): (Arc<dyn Ledger>, JsonlOptions),
    ) -> Result<Self, Fault> {
        let writer = unique();
        let mut sink = Self {
            kept: folder.read().await?,
            folder,
            ledger,
            options,
            spools: Spools::elsewhere(),
            writer,
            chain: writer,
            length: 0,
            claimed: committed.is_some(),
            unknown: false,
            stale: Vec::new(),
        };
        if let Some(committed) = committed {
            sink.chain = committed.tail.unwrap_or_default();
            sink.length = committed.length;
        }
        sink.recover().await?;
        Ok(sink)
    }

    /// Brings the manifest to where the ledger is, and locks out whoever wrote before.
    async fn recover(&mut self) -> Result<(), Fault> {
        let new = self.length == 0;
        let Some(kept) = &mut self.kept else {
            return if new { Ok(()) } else { Err(lost()) };
        };
        if self.claimed && kept.manifest.settle(self.chain) {
            let manifest = kept.handed_to(self.writer);
            let kept = self.folder.write(&manifest, Some(kept)).await?;
            self.folder.sweep(&manifest).await?;
            self.kept = Some(kept);
            return Ok(());
        }
        if new && self.options.overwrite {
            self.stale.clone_from(&kept.manifest.parts);
            return Ok(());
        }
        if self.claimed && !new {
            return Err(lost());
        }
        Err(refuse(
            "it exists and is not this pipeline's",
            "write to another prefix, or set overwrite = true in [sink] to replace it",
        ))
    }

    /// Tells the ledger and the bucket whose the output is, before anything is written.
    async fn claim(&mut self) -> Result<Manifest, Fault> {
        if !self.claimed {
            let lengths = vec![(OUTPUT.to_owned(), 0), (OUTPUT_TAIL.to_owned(), self.chain)];
            self.ledger.commit(&Commit { lengths, ..Commit::default() }).await?;
            self.claimed = true;
        }
        match &self.kept {
            Some(kept) if kept.manifest.is_by(self.writer) => Ok(kept.manifest.clone()),
            _ => {
                let manifest = Manifest::new(self.writer, self.chain);
                self.kept = Some(self.folder.write(&manifest, self.kept.as_ref()).await?);
                Ok(manifest)
            }
        }
    }

    /// Writes the lines of units into parts; what came of it, and the units back.
    async fn write(&self, cx: &Cx, commit: &mut Commit) -> Result<Next, Fault> {
        let units = Arc::new(std::mem::take(&mut commit.units));
        let spools_of = |unit: &Unit| -> Vec<Spool> {
            unit.items.iter().filter_map(|item| self.spools.find(item.ordinal)).cloned().collect()
        };
        let rendering = Rendering {
            spools: units.iter().map(spools_of).collect(),
            units: units.clone(),
            options: self.options.clone(),
            at: At::default(),
            buffer: Vec::new(),
            done: false,
        };
        let written = self.parts(cx, rendering).await;
        commit.units = Arc::try_unwrap(units).map_err(|_| {
            Fault::new(FaultKind::Cancelled, "the compute pool was shut down while the output was written")
        })?;
        written
    }

    async fn parts(&self, cx: &Cx, mut rendering: Rendering) -> Result<Next, Fault> {
        rendering.check()?;
        let before = self
            .kept
            .as_ref()
            .map_or(0, |kept| kept.manifest.parts.len() + usize::from(!kept.manifest.next.is_empty()));
        let mut next = Next { chain: self.chain, parts: Vec::new() };
        loop {
            let (back, bytes) = cx.compute(FIRST, move || rendering.part()).await?.map_err(write_fault)?;
            rendering = back;
            if bytes.is_empty() {
                return Ok(next);
            }
            next.chain = follow(next.chain, &bytes);
            let name = format!("{PART}{:08}-{:016x}.jsonl", before + next.parts.len(), next.chain);
            let lines = memchr::memchr_iter(b'\n', &bytes).count() as u64;
            let part = Part { name, lines, bytes: bytes.len() as u64 };
            self.folder.add(&part, Bytes::from(bytes)).await?;
            next.parts.push(part);
        }
    }

    /// Says in the manifest what comes next, and that what came before counts.
    async fn announce(&mut self, next: Next) -> Result<(), Fault> {
        let Some(kept) = &self.kept else { return Err(changed()) };
        let mut manifest = kept.manifest.clone();
        if !self.unknown && !manifest.settle(self.chain) {
            return Err(lost());
        }
        if !manifest.next.contains(&next) {
            manifest.next.push(next);
        }
        self.kept = Some(self.folder.write(&manifest, Some(kept)).await?);
        Ok(())
    }
}

#[async_trait]
impl Sink for ObjectsSink {
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
        let next = self.write(cx, commit).await?;
        commit.lengths.retain(|(name, _)| name != OUTPUT && name != OUTPUT_TAIL);
        let chain = next.chain;
        let length = self.length + next.parts.iter().map(|part| part.bytes).sum::<u64>();
        if !next.parts.is_empty() {
            self.announce(next).await?;
        }
        commit.lengths.extend([(OUTPUT.to_owned(), length), (OUTPUT_TAIL.to_owned(), chain)]);
        // Set before the call, so that a commit whose future is dropped counts as unknown.
        let was_unknown = std::mem::replace(&mut self.unknown, true);
        if let Err(fault) = self.ledger.commit(commit).await {
            // A record's own fault says for certain that nothing was written, this time.
            self.unknown = was_unknown || advise(&fault) != Advice::Quarantine;
            return Err(fault);
        }
        self.unknown = false;
        (self.chain, self.length) = (chain, length);
        for item in commit.units.iter().flat_map(|unit| &unit.items) {
            self.spools.remove(item.ordinal);
        }
        Ok(())
    }

    async fn finish(&mut self, _cx: &Cx) -> Result<(), Fault> {
        self.spools.clear();
        if self.unknown {
            return Ok(()); // the next run asks the ledger
        }
        let mut manifest = self.claim().await?;
        if !manifest.next.is_empty() {
            if !manifest.settle(self.chain) {
                return Err(lost());
            }
            self.kept = Some(self.folder.write(&manifest, self.kept.as_ref()).await?);
        }
        for part in std::mem::take(&mut self.stale) {
            if !manifest.parts.contains(&part) {
                self.folder.remove(&part.name).await;
            }
        }
        Ok(())
    }
}

/// A number that no other writer has.
fn unique() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let here = std::ptr::from_ref(&now) as usize;
    let whose = format!("{now} {} {here}", std::process::id());
    let host = std::fs::read("/proc/sys/kernel/random/uuid").unwrap_or_default();
    number_of(&ContentHash::of_parts(&[whose.as_bytes(), &host]).0)
}

/// Units on their way into parts.
struct Rendering {
    units: Arc<Vec<Unit>>,
    spools: Vec<Vec<Spool>>,
    options: JsonlOptions,
    at: At,
    buffer: Vec<u8>,
    done: bool,
}

/// How far that is.
#[derive(Default)]
struct At {
    unit: usize,
    spool: usize,
    offset: u64,
    record: usize,
}

impl Rendering {
    /// What was kept of large items must be there.
    fn check(&self) -> Result<(), Fault> {
        for (unit, spools) in self.units.iter().zip(&self.spools) {
            if is_stored(unit) && spools.iter().map(|spool| spool.lines).sum::<u64>() != unit.staged {
                return Err(Fault::new(FaultKind::Internal, "lines kept for a large item are missing"));
            }
        }
        Ok(())
    }

    /// The bytes of the next part: whole lines; none once there are no more.
    fn part(mut self) -> std::io::Result<(Self, Vec<u8>)> {
        while self.buffer.len() < LIMIT && !self.done {
            self.step()?;
        }
        let end = memchr::memrchr(b'\n', &self.buffer).map_or(0, |at| at + 1);
        let rest = self.buffer.split_off(end);
        let part = std::mem::replace(&mut self.buffer, rest);
        // A line that is longer than a part is a part.
        if part.is_empty() && !self.done {
            self.step()?;
            return self.part();
        }
        Ok((self, part))
    }

    fn step(&mut self) -> std::io::Result<()> {
        let Some(unit) = self.units.get(self.at.unit) else {
            self.done = true;
            return Ok(());
        };
        let spools = self.spools.get(self.at.unit).map(Vec::as_slice).unwrap_or_default();
        if !is_stored(unit) {
            self.at = At { unit: self.at.unit + 1, ..At::default() };
            return Ok(());
        }
        if let Some(spool) = spools.get(self.at.spool) {
            let size = PIECE.min(spool.length - self.at.offset);
            let from = self.buffer.len();
            self.buffer.resize(from + usize::try_from(size).unwrap_or(0), 0);
            std::fs::File::open(&spool.path)?.read_exact_at(&mut self.buffer[from..], self.at.offset)?;
            self.at.offset += size;
            if self.at.offset == spool.length {
                self.at = At { unit: self.at.unit, spool: self.at.spool + 1, ..At::default() };
            }
            return Ok(());
        }
        match unit.records.get(self.at.record) {
            Some(record) => {
                render(record, &self.options.fields, self.options.vectors, &mut self.buffer);
                self.at.record += 1;
            }
            None => self.at = At { unit: self.at.unit + 1, ..At::default() },
        }
        Ok(())
    }
}
