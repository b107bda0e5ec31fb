//! Running a CPU stage: records go to the compute pool in small lots, what comes back goes on as there is room.

use std::sync::Arc;

use tidegate_core::{Cpu, Emit, Fault, FaultKind, Record, Stop, Tether};
use tokio::time::Instant;

use crate::lane::Lane;
use crate::mutant::planted;
use crate::tasks::guarded_now;

/// Records taken to the pool at a time: small ones share the cost of the trip.
const LOT_ITEMS: usize = 32;
const LOT_BYTES: u64 = 64 << 10;
/// How much of a long emission is made before it waits for room downstream.
const SLICE_ITEMS: usize = 64;
const SLICE_BYTES: u64 = 256 << 10;

type Many = Box<dyn Iterator<Item = Result<Record, Fault>> + Send>;

/// One worker of a CPU stage.
pub(crate) async fn work(lane: Lane, stage: Arc<dyn Cpu>) {
    while let Some(records) = lane.next(LOT_ITEMS, LOT_BYTES).await {
        let started = Instant::now();
        // The tether stays here: a panic drops its record, and the item must not settle as done by that.
        let keepers: Vec<Tether> = records.iter().map(|record| record.tether().clone()).collect();
        let urgency = lane.urgency(&records);
        let (cx, stage) = (lane.cx.clone(), stage.clone());
        let job = move || -> Vec<Result<Emit, Fault>> {
            let run = |record| guarded_now(|| stage.run(&cx, record));
            records.into_iter().map(run).collect()
        };
        let done = lane.cx.compute(urgency, job).await;
        lane.counters().work.record(started.elapsed());
        match done {
            Ok(results) => {
                for (result, keeper) in results.into_iter().zip(&keepers) {
                    settle(&lane, result, keeper, urgency).await;
                }
            }
            // The job itself cannot panic, so the pool is gone: the run is over.
            Err(fault) => keepers.iter().for_each(|keeper| lane.fail(keeper, &fault)),
        }
        lane.counters().busy.sub(keepers.len() as u64);
    }
}

async fn settle(lane: &Lane, result: Result<Emit, Fault>, keeper: &Tether, urgency: u64) {
    match result {
        Ok(Emit::None) => lane.counters().dropped.add(1),
        Ok(Emit::One(record)) => lane.emit(record).await,
        Ok(Emit::Many(records)) => expand(lane, records, (keeper, urgency)).await,
        Err(fault) if planted("panic settles as stored") && fault.kind() == FaultKind::Panic => {}
        Err(fault) => lane.fail(keeper, &fault),
    }
}

/// Pulls a long emission slice by slice, so that a large document is never expanded further than there is room.
async fn expand(lane: &Lane, mut records: Many, (keeper, urgency): (&Tether, u64)) {
    loop {
        if lane.cx.stop() >= Stop::Abort {
            return keeper.pend(); // half of the item must not pass for the whole
        }
        if keeper.is_failed() {
            return;
        }
        let started = Instant::now();
        let pulled = lane.cx.compute(urgency, move || pull(records)).await;
        lane.counters().work.record(started.elapsed());
        let (slice, rest) = match pulled {
            Ok(pulled) => pulled,
            Err(fault) => return lane.fail(keeper, &fault),
        };
        for record in slice {
            match record {
                Ok(record) => lane.emit(record).await,
                Err(fault) => return lane.fail(keeper, &fault),
            }
        }
        match rest {
            Some(rest) => records = rest,
            None => return,
        }
    }
}

fn pull(mut records: Many) -> (Vec<Result<Record, Fault>>, Option<Many>) {
    let mut slice = Vec::new();
    let mut bytes = 0;
    while slice.len() < SLICE_ITEMS && bytes < SLICE_BYTES {
        match guarded_now(|| records.next().transpose()) {
            Ok(None) => return (slice, None),
            Ok(Some(record)) => {
                bytes += record.weight();
                slice.push(Ok(record));
            }
            Err(fault) => {
                slice.push(Err(fault));
                return (slice, None);
            }
        }
    }
    (slice, Some(records))
}
