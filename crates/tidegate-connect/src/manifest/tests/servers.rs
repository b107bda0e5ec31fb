//! Whose fault it is that a document does not come.

use futures_util::StreamExt as _;
use tidegate_core::{Advice, FaultKind, WireFaultKind, advise};

use super::*;

const ALIVE: &str = "https://alive.example/a";
const DEAD: &str = "https://dead.example/a";

/// A web in which one server is down in some way, and the rest answers.
fn web(dead: impl Fn() -> Page + Send + Sync + 'static) -> Arc<Web> {
    Web::new(move |request, _| if request.url.contains("dead") { dead() } else { Page::new(200, "text") })
}

fn ways() -> Vec<Page> {
    vec![
        Page::lost(WireFaultKind::Dns),
        Page::lost(WireFaultKind::ConnectRefused),
        Page::lost(WireFaultKind::Reset),
        Page::new(500, ""),
        Page::new(503, "").with("retry-after", "1"),
        Page::new(429, ""),
        Page::new(503, "").with("retry-after", "3600"),
    ]
}

#[tokio::test(start_paused = true)]
async fn while_nobody_answers_nothing_is_judged() {
    for way in ways() {
        let web = Web::new(move |_, _| way.clone());
        let shelf = Shelf::of(&[DEAD, ALIVE], options(&web)).await;
        for at in [0, 1, 0] {
            let fault = shelf.fetch(at).await.unwrap_err();
            assert!(matches!(advise(&fault), Advice::Hold(_)), "{fault}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_server_costs_its_own_documents_and_little_time() {
    for way in ways() {
        let web = web(move || way.clone());
        let other = "https://dead.example/b";
        let shelf = Shelf::of(&[ALIVE, DEAD, other], options(&web)).await;
        let of = |url: &str| shelf.items.iter().position(|item| &*item.key == url).unwrap();
        content(shelf.fetch(of(ALIVE)).await);
        tokio::time::sleep(Duration::from_secs(600)).await;
        let fault = shelf.settle(of(DEAD)).await.unwrap_err();
        assert_eq!(advise(&fault), Advice::Quarantine, "{fault}");
        assert!(fault.to_string().contains("dead.example") && fault.hint_text().is_some(), "{fault}");
        // The living one was asked whether it is the network.
        assert!(web.asked.lock().unwrap().iter().any(|request| request.method == http::Method::HEAD));
        let (count, now) = (web.count(), tokio::time::Instant::now());
        let fault = shelf.fetch(of(other)).await.unwrap_err();
        assert_eq!((advise(&fault), web.count(), now.elapsed()), (Advice::Quarantine, count, Duration::ZERO));
        content(shelf.fetch(of(ALIVE)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_document_of_a_server_costs_no_other() {
    let web =
        Web::new(
            |request, _| {
                if request.url.ends_with("bad") { Page::new(500, "") } else { Page::new(200, "text") }
            },
        );
    let shelf =
        Shelf::of(&[ALIVE, "https://alive.example/bad", "https://alive.example/b"], options(&web)).await;
    content(shelf.fetch(0).await);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let started = tokio::time::Instant::now();
    let fault = shelf.fetch(1).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unreadable, "{fault}");
    content(shelf.fetch(2).await);
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}

/// Fetches everything, 16 at a time; how many were put aside, and how long that took.
async fn all(shelf: &Shelf) -> (usize, Duration) {
    let started = tokio::time::Instant::now();
    let each = futures_util::stream::iter(0..shelf.items.len()).map(|at| shelf.settle(at));
    let ended: Vec<_> = each.buffer_unordered(16).collect().await;
    let aside = ended.iter().filter_map(|end| end.as_ref().err()).inspect(|fault| {
        assert_eq!(advise(fault), Advice::Quarantine, "{fault}");
    });
    (aside.count(), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_ends_with_bad_documents_ends_soon() {
    for page in [Page::new(503, ""), Page::lost(WireFaultKind::Reset)] {
        let web = Web::new(
            move |request, _| {
                if request.url.contains("bad") { page.clone() } else { Page::new(200, "text") }
            },
        );
        let name = |at| format!("https://alive.example/{}{at}", if at < 20 { "good" } else { "bad" });
        let urls: Vec<String> = (0..60).map(name).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let shelf = Shelf::of(&urls, options(&web)).await;
        let (aside, took) = all(&shelf).await;
        assert_eq!(aside, 40);
        // 16 at a time are asked three times each, with rests between: no longer.
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_document_is_blamed_for_an_outage_that_ends() {
    for ms in (500..12_000).step_by(250) {
        let down = Arc::new(Mutex::new(None));
        let until = down.clone();
        let web = Web::new(move |_, _| {
            let down = until.lock().unwrap().is_some_and(|until| tokio::time::Instant::now() < until);
            if down { Page::new(503, "") } else { Page::new(200, "text") }
        });
        let urls: Vec<String> = (0..17).map(|at| format!("https://alive.example/{at}")).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let shelf = Shelf::of(&urls, options(&web)).await;
        content(shelf.fetch(0).await);
        *down.lock().unwrap() = Some(tokio::time::Instant::now() + Duration::from_millis(ms));
        let (aside, _) = all(&shelf).await;
        assert_eq!(aside, 0, "an outage of {ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_went_away_is_waited_out() {
    let up = Arc::new(Mutex::new(true));
    let state = up.clone();
    let web = Web::new(move |_, _| {
        if *state.lock().unwrap() {
            Page::new(200, "text")
        } else {
            Page::lost(WireFaultKind::ConnectTimeout)
        }
    });
    let shelf = Shelf::of(&[ALIVE, DEAD], options(&web)).await;
    content(shelf.fetch(0).await);
    *up.lock().unwrap() = false;
    tokio::time::sleep(Duration::from_secs(600)).await;
    for at in [1, 0] {
        let fault = shelf.fetch(at).await.unwrap_err();
        assert!(matches!(advise(&fault), Advice::Hold(_)), "{fault}");
    }
    *up.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_secs(600)).await;
    content(shelf.fetch(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_bad_stops_no_other_server() {
    let web = web(|| Page::lost(WireFaultKind::Tls));
    let shelf = Shelf::of(&[DEAD, ALIVE], options(&web)).await;
    assert_eq!(advise(&shelf.fetch(0).await.unwrap_err()), Advice::Quarantine);
    content(shelf.fetch(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_home_is_the_documents_fault_at_once() {
    let web = web(|| Page::lost(WireFaultKind::Forbidden));
    let shelf = Shelf::of(&[DEAD], options(&web)).await;
    let fault = shelf.fetch(0).await.unwrap_err();
    assert_eq!((fault.kind(), web.count()), (FaultKind::Forbidden, 1));
    assert!(fault.hint_text().unwrap().contains("--allow-private"));
}

#[tokio::test(start_paused = true)]
async fn servers_are_forgotten_before_there_are_too_many() {
    let web = Web::new(|_, _| Page::new(200, "text"));
    let urls: Vec<String> = (0..1_500).map(|at| format!("https://h{at}.example/")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let shelf = Shelf::of(&urls, options(&web)).await;
    for at in 0..urls.len() {
        content(shelf.fetch(at).await);
    }
    assert!(shelf.source.hosts_known() <= 1_024);
}
