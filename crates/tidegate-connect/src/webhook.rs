//! Records posted to a service.
//!
//! A service cannot take part in the ledger's transaction: records are delivered first, and their items are committed
//! once the service has said that it has them. A crash between the two delivers a batch again, which its key tells the
//! service (at least once). What the service refuses of a batch is found out by the calls themselves, record by
//! record; those it took are remembered until they are committed, so that one bad record sends no other twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_call::{AnyCaller, CallCx, Priority};
use tidegate_core::{
    Commit, Cx, Fault, FaultKind, Grouping, Ledger, Outcome, Record, Sink, TraceId, Unit, UnitId,
};

use crate::files::FIRST;
use crate::open::write_fault;
use crate::select::{FieldSelection, VectorFormat, render};
use crate::spool::{Spool, Spools};

/// What delivers records, each a JSON object, to a service.
pub type Deliver = Arc<dyn AnyCaller<Arc<str>, ()>>;

/// Which values of records are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Which values.
    pub fields: FieldSelection,
    /// How vectors.
    pub vectors: VectorFormat,
}

/// Posts records.
pub struct WebhookSink {
    deliver: Deliver,
    ledger: Arc<dyn Ledger>,
    options: WebhookOptions,
    /// Records of units that are too large to be held until they are whole.
    spools: Spools,
    /// Units that the service has and the ledger does not yet, by their first item.
    delivered: BTreeSet<u64>,
    /// Units of which the service refused a record, until they are put aside.
    refused: BTreeMap<u64, Fault>,
}

/// Bytes of records that are read back and sent together.
const PIECE: usize = 4 << 20;

impl WebhookSink {
    /// Posts with `deliver`, and accounts in `ledger`.
    #[must_use]
    pub fn new(deliver: Deliver, ledger: Arc<dyn Ledger>, options: WebhookOptions) -> Self {
        let (delivered, refused) = (BTreeSet::new(), BTreeMap::new());
        Self { deliver, ledger, options, spools: Spools::elsewhere(), delivered, refused }
    }

    /// Whether `unit` is to be delivered.
    fn is_due(&self, unit: &Unit) -> bool {
        let stored = unit.items.iter().all(|item| item.outcome == Outcome::Stored);
        stored && name_of(unit).is_some_and(|name| !self.delivered.contains(&name))
    }

    /// Why the service refused one of `units` that are to be stored.
    fn refusal(&self, units: &[Unit]) -> Option<Fault> {
        let mut due = units.iter().filter(|unit| self.is_due(unit)).filter_map(name_of);
        due.find_map(|name| self.refused.get(&name)).cloned()
    }

    /// Delivers what is due, and remembers which units the service took and which it refused.
    ///
    /// # Errors
    /// A fault that is no record's: of the service as a whole, or of the disk.
    async fn deliver(&mut self, cx: &Cx, units: &[Unit]) -> Result<(), Fault> {
        let call = |unit: &Unit| {
            let trace = unit.items.first().map_or(TraceId(0), |item| item.trace);
            CallCx::new(Priority::Bulk, trace).stopping(cx.stop_signal()).finishing()
        };
        let (large, small): (Vec<&Unit>, Vec<&Unit>) =
            units.iter().filter(|unit| self.is_due(unit)).partition(|unit| unit.staged > 0);
        let mut records = Vec::new();
        let mut owners = Vec::new();
        for unit in &small {
            let own = lines(&unit.records, &self.options)?;
            owners.extend(own.iter().map(|_| name_of(unit)));
            records.extend(own);
        }
        if let Some(first) = small.first().filter(|_| !records.is_empty()) {
            let answers = self.deliver.call(&records, &call(first)).await?;
            let results = owners.into_iter().zip(answers.results);
            let failed = results.filter_map(|(owner, result)| Some((owner?, result.err()?)));
            self.refused.extend(failed);
        }
        let names = small.iter().filter_map(|unit| name_of(unit));
        let taken: Vec<u64> = names.filter(|name| !self.refused.contains_key(name)).collect();
        self.delivered.extend(taken);
        for unit in large {
            let Some(name) = name_of(unit) else { continue };
            match self.deliver_large(cx, unit, &call(unit)).await? {
                Some(fault) => drop(self.refused.insert(name, fault)),
                None => drop(self.delivered.insert(name)),
            }
        }
        Ok(())
    }

    /// Delivers a unit piece by piece; the fault of the first record that is refused.
    async fn deliver_large(&self, cx: &Cx, unit: &Unit, call: &CallCx) -> Result<Option<Fault>, Fault> {
        let spools: Vec<Spool> =
            unit.items.iter().filter_map(|item| self.spools.find(item.ordinal)).cloned().collect();
        if spools.iter().map(|spool| spool.lines).sum::<u64>() != unit.staged {
            return Err(Fault::new(FaultKind::Internal, "records kept for a large item are missing"));
        }
        for spool in spools {
            let mut from = 0;
            while from < spool.length {
                let spool = spool.clone();
                let read = cx.compute(FIRST, move || piece(&spool, from)).await?;
                let (records, to) = read.map_err(write_fault)?;
                from = to;
                if let Some(fault) = self.deliver_all(&records, call).await? {
                    return Ok(Some(fault));
                }
            }
        }
        let rest = lines(&unit.records, &self.options)?;
        self.deliver_all(&rest, call).await
    }

    async fn deliver_all(&self, records: &[Arc<str>], call: &CallCx) -> Result<Option<Fault>, Fault> {
        if records.is_empty() {
            return Ok(None);
        }
        let answers = self.deliver.call(records, call).await?;
        Ok(answers.results.into_iter().find_map(Result::err))
    }

    /// The ledger has the units.
    fn settled(&mut self, units: &[Unit]) {
        for item in units.iter().flat_map(|unit| &unit.items) {
            self.spools.remove(item.ordinal);
            self.delivered.remove(&item.ordinal);
            self.refused.remove(&item.ordinal);
        }
    }
}

#[async_trait]
impl Sink for WebhookSink {
    fn grouping(&self) -> Grouping {
        Grouping { items: 1_024, bytes: 8 << 20, tokens: 0, linger: Duration::from_millis(200) }
    }

    async fn stage(&mut self, cx: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        let mut kept = Vec::new();
        for record in records {
            render(record, &self.options.fields, self.options.vectors, &mut kept);
        }
        self.spools.keep(cx, unit, (kept, records.len() as u64)).await
    }

    /// A unit that the service refuses fails the commit; the engine then commits the units one by one, which sends
    /// nothing again: what the service said of each is remembered.
    async fn commit(&mut self, cx: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        if let Some(fault) = self.refusal(&commit.units) {
            return Err(fault);
        }
        self.deliver(cx, &commit.units).await.map_err(|fault| fault.during("posting records"))?;
        if let Some(fault) = self.refusal(&commit.units) {
            return Err(fault);
        }
        self.ledger.commit(commit).await?;
        self.settled(&commit.units);
        Ok(())
    }

    async fn finish(&mut self, _: &Cx) -> Result<(), Fault> {
        self.spools.clear();
        Ok(())
    }
}

/// What a unit is known by: its first item.
fn name_of(unit: &Unit) -> Option<u64> {
    unit.items.first().map(|item| item.ordinal)
}

/// Records as JSON objects.
fn lines(records: &[Record], options: &WebhookOptions) -> Result<Vec<Arc<str>>, Fault> {
    let mut line = Vec::new();
    let one = |record: &Record| {
        line.clear();
        render(record, &options.fields, options.vectors, &mut line);
        text(&line)
    };
    records.iter().map(one).collect()
}

fn text(line: &[u8]) -> Result<Arc<str>, Fault> {
    let text = std::str::from_utf8(line.trim_ascii_end());
    text.map(Arc::from).map_err(|error| Fault::new(FaultKind::Internal, "a record is no text").cause(error))
}

/// Some whole records of a spool from `from` on, and where they end.
fn piece(spool: &Spool, from: u64) -> std::io::Result<(Vec<Arc<str>>, u64)> {
    use std::io::Seek as _;

    let mut file = std::fs::File::open(&spool.path)?;
    file.seek(std::io::SeekFrom::Start(from))?;
    let mut reader = BufReader::new(file.take(spool.length - from));
    let (mut records, mut to, mut line) = (Vec::new(), from, String::new());
    while ((to - from) as usize) < PIECE && reader.read_line(&mut line)? > 0 {
        to += line.len() as u64;
        records.push(line.trim_end().into());
        line.clear();
    }
    if records.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok((records, to))
}
