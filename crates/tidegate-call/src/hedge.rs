//! A second try beside a slow one: the first that answers counts.
//!
//! A service that hangs one request in a hundred costs a waiting batch the whole timeout, again and again. Waiting
//! as long as nearly all answers took and then asking once more costs one call in twenty at most, and the lane
//! keeps that account.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

/// How often a lane is asked again that does not know yet how long its answers take, or lets nobody hedge now.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What came of a race.
pub(crate) struct Raced<T> {
    /// The end that counts: a good one if there is one.
    pub(crate) end: T,
    /// The other's end, if it was waited for: a failure.
    pub(crate) other: Option<T>,
    /// Whether the second was sent.
    pub(crate) hedged: bool,
    /// Whether the second is the one that counts.
    pub(crate) second_won: bool,
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

/// Runs `first`; once `leave` lets a second be sent, runs `second` beside it. A bad end of one lets the other go on;
/// the loser of a good end is dropped.
///
/// # Cancel safety
/// Dropping the future drops both.
pub(crate) async fn race<T, L, S: Future<Output = T>>(
    first: impl Future<Output = T>,
    leave: impl Future<Output = L>,
    second: impl FnOnce(L) -> S,
    good: impl Fn(&T) -> bool,
) -> Raced<T> {
    let mut first = std::pin::pin!(first);
    let leave = tokio::select! {
        biased;
        end = &mut first => return Raced { end, other: None, hedged: false, second_won: false },
        leave = leave => leave,
    };
    let mut second = std::pin::pin!(second(leave));
    let (end, second_won) = tokio::select! {
        biased;
        end = &mut first => (end, false),
        end = &mut second => (end, true),
    };
    if good(&end) {
        return Raced { end, other: None, hedged: true, second_won };
    }
    let last = if second_won { first.await } else { second.await };
    let (end, other, second_won) =
        if good(&last) { (last, end, !second_won) } else { (end, last, second_won) };
    Raced { end, other: Some(other), hedged: true, second_won }
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
            leave(
                || Some(Duration::from_millis(10)),
                || async move { (denied.replace(denied.get() + 1) >= denials).then_some(()) },
            ),
            |()| ends(second.0, second.1),
            Result::is_ok,
        )
        .await;
        (raced, u64::try_from(start.elapsed().as_millis()).expect("short"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_quick_first_is_alone() {
        let (raced, took) = raced((5, Ok(1)), 0, (0, Ok(2))).await;
        assert_eq!((raced.end, raced.hedged, took), (Ok(1), false, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_first_is_replaced() {
        let (raced, took) = raced((5000, Ok(1)), 0, (7, Ok(2))).await;
        assert_eq!((raced.end, raced.hedged, raced.second_won, took), (Ok(2), true, true, 17));
    }

    #[tokio::test(start_paused = true)]
    async fn without_leave_the_first_goes_on_and_leave_is_asked_for_again() {
        let (one, took) = raced((50, Ok(1)), 1, (0, Ok(2))).await;
        assert_eq!((one.end, one.hedged, took), (Ok(1), false, 50));
        let (two, took) = raced((5000, Ok(1)), 2, (5, Ok(2))).await;
        assert_eq!((two.end, two.hedged, took), (Ok(2), true, 215));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_end_waits_for_the_other() {
        let (one, took) = raced((12, Err(1)), 0, (20, Ok(2))).await;
        assert_eq!((one.end, one.other, one.second_won, took), (Ok(2), Some(Err(1)), true, 30));
        let (two, took) = raced((50, Ok(1)), 0, (5, Err(2))).await;
        assert_eq!((two.end, two.other, two.second_won, took), (Ok(1), Some(Err(2)), false, 50));
        let (three, _) = raced((50, Err(1)), 0, (5, Err(2))).await;
        assert_eq!((three.end, three.other), (Err(2), Some(Err(1))));
    }
}
