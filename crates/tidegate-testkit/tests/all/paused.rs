//! The same provider without a socket, on paused time.

use std::time::Duration;

use tidegate_testkit::provider::script::{
    Act, Distribution, Fault, Knee, Latency, Limit, Outage, OutageKind, Unit,
};
use tidegate_testkit::provider::{Exchange, Failure, Provider, Request, Script, Span};
use tokio::time::{Instant, sleep, timeout};

fn request() -> Request {
    Request::post("/v1/embeddings", r#"{"model":"m","input":"hello","dimensions":4}"#)
}

/// The status and the body, or how it failed.
async fn read(mut exchange: Exchange) -> Result<(u16, Vec<u8>), Failure> {
    let head = exchange.head().await?;
    let mut body = Vec::new();
    while let Some(piece) = exchange.next().await {
        body.extend_from_slice(&piece?);
    }
    Ok((head.status, body))
}

fn slow(ms: u64) -> Script {
    let latency = Latency { base: Distribution::Fixed(Span::from_millis(ms)), ..Latency::default() };
    Script { latency, ..Script::default() }
}

#[tokio::test(start_paused = true)]
async fn latency_is_virtual_and_exact() {
    let provider = Provider::new(slow(3_600_000));
    let begun = Instant::now();
    let (status, body) = read(provider.serve(&request())).await.unwrap();
    assert_eq!((status, begun.elapsed()), (200, Duration::from_secs(3_600)));
    assert!(body.starts_with(br#"{"object":"list""#));
    let answered = provider.log().entries()[0].answered.clone().unwrap();
    assert!(answered.whole && answered.at == Duration::from_secs(3_600));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ten_minutes_is_over_after_them() {
    for (kind, seen) in [
        (OutageKind::Status, Ok(503)),
        (OutageKind::Reset, Err(Failure::Reset)),
        (OutageKind::Refuse, Err(Failure::Refused)),
    ] {
        let outage = Outage { from: Span::from_secs(60), to: Span::from_secs(660), kind };
        let provider = Provider::new(Script { outages: vec![outage], ..Script::default() });
        let mut found = Vec::new();
        for _ in 0..12 {
            found.push(read(provider.serve(&request())).await.map(|(status, _)| status));
            sleep(Duration::from_secs(60)).await;
        }
        let right: Vec<_> = (0..12).map(|n| if (1..11).contains(&n) { seen } else { Ok(200) }).collect();
        assert_eq!(found, right, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn exactly_the_quota_passes() {
    let limits = vec![Limit::per_minute(Unit::Requests, 600)];
    let provider = Provider::new(Script { limits, ..Script::default() });
    for _ in 0..30_000 {
        let _ = read(provider.serve(&request())).await;
        sleep(Duration::from_millis(10)).await;
    }
    let whole = provider.log().count(|entry| entry.answered.as_ref().is_some_and(|answered| answered.whole));
    assert_eq!(whole, 5 * 600);
}

#[tokio::test(start_paused = true)]
async fn a_knee_stretches_in_proportion() {
    let knee = Some(Knee { at: 10, queue: None, steepness: 1.0 });
    let provider = Provider::new(Script { knee, ..slow(100) });
    let begun = Instant::now();
    let mut all: Vec<_> = (0..40).map(|_| provider.serve(&request())).collect();
    let last = all.pop().unwrap();
    let first = all.remove(0);
    read(first).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(100));
    read(last).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(400));
    assert_eq!(provider.log().entries()[39].busy, 39);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_a_hang_gives_its_place_back() {
    let limit = Limit { unit: Unit::Concurrent, ..Limit::per_minute(Unit::Requests, 1) };
    let faults = vec![Fault::at([1], Act::HangBeforeHeaders)];
    let provider = Provider::new(Script { limits: vec![limit], faults, ..Script::default() });
    let hanging = provider.serve(&request());
    assert_eq!(read(provider.serve(&request())).await.unwrap().0, 429);
    assert!(timeout(Duration::from_secs(9), read(hanging)).await.is_err());
    assert_eq!(read(provider.serve(&request())).await.unwrap().0, 200);
    let answered = provider.log().entries()[0].answered.clone().unwrap();
    assert!(answered.left_early && answered.billed_input == 0);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_break_say_so() {
    for (act, fate) in [
        (Act::ResetMidBody { after: Some(9) }, Failure::Reset),
        (Act::Cut { after: Some(9) }, Failure::CutShort),
        (Act::WrongLength { by: 3 }, Failure::CutShort),
        (Act::ChunkedWithoutEnd, Failure::CutShort),
        (Act::ResetBeforeReading, Failure::Reset),
    ] {
        let name = act.name();
        let provider = Provider::new(Script { faults: vec![Fault::always(act)], ..Script::default() });
        assert_eq!(read(provider.serve(&request())).await, Err(fate), "{name}");
    }
    let stall = Act::Stall { after: None, pause: Span::from_secs(60) };
    let provider = Provider::new(Script { faults: vec![Fault::always(stall)], ..Script::default() });
    let begun = Instant::now();
    assert_eq!(read(provider.serve(&request())).await.unwrap().0, 200);
    assert_eq!(begun.elapsed(), Duration::from_secs(60));
    let act = Act::Gigabyte { bytes: Some(10) };
    let provider = Provider::new(Script { faults: vec![Fault::always(act)], ..Script::default() });
    assert!(read(provider.serve(&request())).await.unwrap().1.starts_with(b"{"));
    let flood = Act::Gigabyte { bytes: None };
    let provider = Provider::new(Script { faults: vec![Fault::always(flood)], ..Script::default() });
    let mut exchange = provider.serve(&request());
    assert!(exchange.head().await.unwrap().headers.iter().any(|(name, _)| name == "content-length"));
    let mut size = 0;
    while let Some(Ok(piece)) = exchange.next().await {
        size += piece.len();
    }
    assert!(size > 1 << 30, "{size}");
}

#[tokio::test(start_paused = true)]
async fn a_heavy_tail_has_the_percentiles_it_was_given() {
    let base = Distribution::LogNormal { p50: Span::from_millis(50), p99: Span::from_millis(500) };
    let latency = Latency { base, ..Latency::default() };
    let provider = Provider::new(Script { latency, ..Script::default() });
    let mut times = Vec::new();
    for _ in 0..4_000 {
        let begun = Instant::now();
        read(provider.serve(&request())).await.unwrap();
        times.push(begun.elapsed().as_millis());
    }
    times.sort_unstable();
    assert!((45..56).contains(&times[2_000]), "p50 {}", times[2_000]);
    assert!((400..620).contains(&times[3_960]), "p99 {}", times[3_960]);
}
