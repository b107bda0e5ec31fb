//! Admission: limits, concurrency, order, and giving up.

use tidegate_core::QuotaUnit;
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn calls_are_paced_smoothly() {
    let limits = vec![Limit::per_minute(QuotaUnit::Requests, 6_000)];
    let lane = Lane::new(name(), LaneSettings { limits, ..fixed(1_000) });
    let start = Instant::now();
    for _ in 0..1_000 {
        send(&lane, ask(10)).await.unwrap().settle(good());
    }
    let took = start.elapsed();
    assert!(took > ms(9_400) && took < ms(9_700), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_are_in_flight_than_allowed() {
    let lane = Lane::new(name(), fixed(2));
    let (a, _b) = (send(&lane, ask(1)).await.unwrap(), send(&lane, ask(1)).await.unwrap());
    assert!(tokio::time::timeout(ms(100), send(&lane, ask(1))).await.is_err());
    let (c, ()) = tokio::join!(send(&lane, ask(1)), async { a.settle(good()) });
    assert!(c.is_ok());
    assert_eq!(lane.view().in_flight, 2);
}
