//! Another try beside a slow one: the first that answers counts.
//!
//! A service that hangs one request in a hundred costs a waiting batch the whole timeout, again and again. Waiting
//! as long as nearly all answers took and then asking once more costs one call in twenty at most, and the lane
//! keeps that account.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a lane is asked again that does not know yet how long its answers take, or lets nobody hedge now.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How many tries run beside the first at most. A second hangs or fails as often as the first did.
const BESIDE: usize = 2;

/// What came of a race.
pub(crate) struct Raced<T> {
    /// The end that counts: a good one if there is one, else the last.
    pub(crate) end: T,
    /// The other ends, all of them bad.
    pub(crate) others: Vec<T>,
    /// How many were sent beside the first.
    pub(crate) hedges: u64,
    /// Whether one of these is the one that counts.
    pub(crate) hedge_won: bool,
}

/// Waits until a try that starts now has taken as long as `after` says, then asks `admit`. Where either says no it
/// asks again later: a try that hangs is worth replacing whenever that becomes possible.
///
/// # Cancel safety
/// As that of `admit`.
pub(crate) async fn leave<L, F: Future<Output = Option<L>>>(
    after: impl Fn() -> Option<Duration>,
    admit: impl Fn() -> F,
) -> L {
    let started = Instant::now();
    loop {
        let Some(after) = after() else {
            sleep(ASK_AGAIN).await;
            continue;
        };
        if started.elapsed() < after {
            sleep_until(started + after).await;
            continue; // the lane may have changed its mind
        }
        match admit().await {
            Some(leave) => return leave,
            None => sleep(ASK_AGAIN.max(after)).await,
        }
    }
}

/// Runs `first`, and another beside it each time that `leave` lets one be sent. A bad end of one lets the others go
/// on; when one is good, the others are dropped.
///
/// # Cancel safety
/// Dropping the future drops all of them.
pub(crate) async fn race<T, L, G: Future<Output = L>, S: Future<Output = T>>(
    first: impl Future<Output = T>,
    leave: impl Fn() -> G,
    another: impl Fn(L) -> S,
    good: impl Fn(&T) -> bool,
) -> Raced<T> {
    let mut first = std::pin::pin!(first);
    let mut beside = FuturesUnordered::new();
    let (mut others, mut hedges, mut first_ended) = (Vec::new(), 0, false);
    loop {
        let may = !first_ended && beside.len() < BESIDE;
        let (end, hedge_won) = tokio::select! {
            biased;
            end = &mut first, if !first_ended => {
                first_ended = true;
                (end, false)
            }
            Some(end) = beside.next() => (end, true),
            leave = leave(), if may => {
                hedges += 1;
                beside.push(another(leave));
                continue;
            }
        };
        if good(&end) || (first_ended && beside.is_empty()) {
            return Raced { end, others, hedges, hedge_won };
        }
        others.push(end);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn ends(after_ms: u64, end: Result<u8, u8>) -> Result<u8, u8> {
        sleep(Duration::from_millis(after_ms)).await;
        end
    }

    async fn raced(
        first: (u64, Result<u8, u8>),
        denials: u32,
        second: (u64, Result<u8, u8>),
    ) -> (Raced<Result<u8, u8>>, u64) {
        let (start, denied) = (Instant::now(), &Cell::new(0));
        let raced = race(
            ends(first.0, first.1),
            || {
                leave(
                    || Some(Duration::from_millis(10)),
                    || async move { (denied.replace(denied.get() + 1) >= denials).then_some(()) },
                )
            },
            |()| ends(second.0, second.1),
            Result::is_ok,
        )
        .await;
        (raced, u64::try_from(start.elapsed().as_millis()).expect("short"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_quick_first_is_alone() {
        let (raced, took) = raced((5, Ok(1)), 0, (0, Ok(2))).await;
        assert_eq!((raced.end, raced.hedges, took), (Ok(1), 0, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_first_is_replaced() {
        let (raced, took) = raced((5000, Ok(1)), 0, (7, Ok(2))).await;
        assert_eq!((raced.end, raced.hedges, raced.hedge_won, took), (Ok(2), 1, true, 17));
    }

    #[tokio::test(start_paused = true)]
    async fn without_leave_the_first_goes_on_and_leave_is_asked_for_again() {
        let (one, took) = raced((50, Ok(1)), 1, (0, Ok(2))).await;
        assert_eq!((one.end, one.hedges, took), (Ok(1), 0, 50));
        let (two, took) = raced((5000, Ok(1)), 2, (5, Ok(2))).await;
        assert_eq!((two.end, two.hedges, took), (Ok(2), 1, 215));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_end_waits_for_the_others() {
        let (one, took) = raced((12, Err(1)), 0, (20, Ok(2))).await;
        assert_eq!((one.end, one.others, one.hedge_won, took), (Ok(2), vec![Err(1)], true, 30));
        let (two, took) = raced((50, Ok(1)), 0, (5, Err(2))).await;
        assert_eq!((two.end, two.others, two.hedges, took), (Ok(1), vec![Err(2); 3], 3, 50));
        let (three, took) = raced((12, Err(1)), 0, (5, Err(2))).await;
        assert_eq!((three.end, three.others, three.hedge_won, took), (Err(2), vec![Err(1)], true, 15));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_three_run_at_once() {
        let (raced, took) = raced((500, Ok(1)), 0, (5000, Ok(2))).await;
        assert_eq!((raced.end, raced.hedges, took), (Ok(1), 2, 500));
    }
}
