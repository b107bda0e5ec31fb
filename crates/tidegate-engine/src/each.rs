//! Running an asynchronous stage, one record per worker.

use std::sync::Arc;

use tidegate_core::{Advice, Each, Emitted, Fault, Record, advise};
use tokio::time::Instant;

use crate::hold::Hold;
use crate::lane::Lane;
use crate::tasks::guarded;

/// One worker of an asynchronous stage.
pub(crate) async fn work(lane: Lane, stage: Arc<dyn Each>, hold: Arc<Hold>) {
    let lane = lane.for_worker();
    while let Some(records) = lane.next(1, u64::MAX).await {
        for record in records {
            one(&lane, &*stage, &hold, record).await;
            lane.counters().busy.sub(1);
        }
    }
}

async fn one(lane: &Lane, stage: &dyn Each, hold: &Hold, mut record: Record) {
    let mut again = true;
    loop {
        if hold.is_over() {
            return record.tether().pend();
        }
        let started = Instant::now();
        let result = guarded(stage.run(&lane.cx, &mut record)).await;
        lane.tried(started);
        let fault = match result {
            Ok(emitted) => {
                hold.lift(&lane.monitor);
                return emit(lane, record, emitted).await;
            }
            Err(fault) => fault,
        };
        match advise(&fault) {
            Advice::Hold(pause) => {
                if !held(lane, hold, (&fault, pause)).await {
                    return record.tether().pend();
                }
            }
            // A judgement of the record is an answer: whatever was held works again.
            Advice::Again if again => {
                hold.lift(&lane.monitor);
                again = false;
            }
            Advice::Again | Advice::Quarantine | Advice::StopRun => {
                hold.lift(&lane.monitor);
                return lane.fail(record.tether(), &fault);
            }
        }
    }
}

async fn emit(lane: &Lane, record: Record, emitted: Emitted) {
    match emitted {
        Emitted::Keep => lane.emit(record).await,
        Emitted::Drop => lane.counters().dropped.add(1),
        Emitted::Replace(records) => {
            for record in records {
                lane.emit(record).await;
            }
        }
    }
}

/// Waits out a hold. `false` once it lasted too long or the run is to stop: the run is then told so.
pub(crate) async fn held(lane: &Lane, hold: &Hold, (fault, pause): (&Fault, std::time::Duration)) -> bool {
    let since = Instant::now();
    let waited = hold.wait(&lane.cx, &lane.monitor, (fault, pause)).await;
    lane.counters().wait_limit.record(since.elapsed());
    match waited {
        Ok(()) => true,
        Err(fault) => {
            lane.halt.held_too_long(&fault);
            false
        }
    }
}
