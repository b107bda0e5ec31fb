use std::io::Write as _;

use tidegate_core::{Advice, FaultKind, Fetched, Version, WireFaultKind, advise};

use super::*;

const A: &str = "https://example.org/a";

fn document(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_run_asks_whether_it_changed() {
    let web = Web::new(|request, _| {
        let tag = if request.url.ends_with('b') { "\"2\"" } else { "\"1\"" };
        if request.headers.get("if-none-match").is_some_and(|asked| asked == tag) {
            return Page::new(304, "");
        }
        Page::new(200, "text").with("etag", tag).with("content-type", "text/markdown; charset=utf-8")
    });
    let mut shelf = Shelf::of(&[A, "https://example.org/b"], options(&web)).await;
    let (bytes, version, fields) = content(shelf.fetch(0).await);
    assert_eq!((bytes.as_slice(), fields["file_name"].as_str()), (&b"text"[..], "a.md"));
    assert_eq!(fields["content_type"], "text/markdown; charset=utf-8");
    assert!(matches!(shelf.again(0, &version).await, Ok(Fetched::Unchanged)));
    // The version of another document asks nothing; neither does an unknown one.
    for version in [&version, &Version::default(), &Version("17-4".into())] {
        content(shelf.again(1, version).await);
    }
    let asked = web.told("if-none-match");
    assert_eq!(asked.iter().filter(|(_, asked)| asked.is_some()).count(), 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_put_aside_is_asked_for_only_if_it_changed() {
    let web = Web::new(|request, _| {
        let known = request.headers.get("if-none-match").is_some_and(|asked| asked == "\"2\"");
        if known { Page::new(304, "") } else { Page::new(200, "bad").with("etag", "\"2\"") }
    });
    let mut shelf = Shelf::of(&[A], options(&web)).await;
    let (_, version, _) = content(shelf.fetch(0).await);
    // An older state of it is stored: what was seen last is what was put aside.
    shelf.items[0].aside = Some(version);
    let older = Version("{\"l\":\"\"}".into());
    assert!(matches!(shelf.again(0, &older).await, Ok(Fetched::Unchanged)));
    shelf.items[0].aside = None;
    content(shelf.again(0, &older).await);
}

#[tokio::test(start_paused = true)]
async fn nobody_says_unchanged_who_was_not_asked() {
    let web = Web::new(|_, _| Page::new(304, ""));
    let shelf = Shelf::of(&[A], options(&web)).await;
    assert_eq!(shelf.fetch(0).await.unwrap_err().kind(), FaultKind::BadResponse);
}

#[tokio::test(start_paused = true)]
async fn a_broken_download_goes_on_where_it_broke() {
    let whole = document(50_000);
    let served = whole.clone();
    let web = Web::new(move |request, before| {
        let page = match request.headers.get("range").map(|range| range.to_str().unwrap().to_owned()) {
            None => Page::new(200, served.clone()).with("content-length", "50000"),
            Some(range) => {
                let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
                Page::new(206, &served[from..]).with("content-range", format!("bytes {from}-49999/50000"))
            }
        };
        let page = page.with("etag", "\"1\"");
        if before < 2 { page.cut(20_000) } else { page }
    });
    let shelf = Shelf::of(&[A], options(&web)).await;
    let (bytes, ..) = content(shelf.fetch(0).await);
    assert!(bytes == whole);
    let ranges: Vec<_> = web.told("range").into_iter().map(|(_, range)| range).collect();
    assert_eq!(ranges, [None, Some("bytes=20000-".to_owned()), Some("bytes=40000-".to_owned())]);
    assert_eq!(web.told("if-range")[1].1.as_deref(), Some("\"1\""));
}

#[tokio::test(start_paused = true)]
async fn parts_of_two_states_are_never_joined() {
    let (old, new) = (document(30_000), vec![b'n'; 30_000]);
    for mischief in 0..5 {
        let (old, new) = (old.clone(), new.clone());
        let served = new.clone();
        let web = Web::new(move |request, before| match (before, mischief) {
            (0, 4) => Page::new(200, old.clone()).with("etag", "W/\"1\"").cut(10_000),
            (0, _) => {
                Page::new(200, old.clone()).with("etag", "\"1\"").with("content-length", "30000").cut(10_000)
            }
            // It changed, so the whole comes, as it should.
            (1, 0) => Page::new(200, new.clone()).with("etag", "\"2\""),
            // A part from elsewhere, of another length, of nothing named, or none to be had.
            (1, 1) => Page::new(206, &new[5..]).with("content-range", "bytes 5-29999/30000"),
            (1, 2) => Page::new(206, &new[10_000..]).with("content-range", "bytes 10000-29999/40000"),
            (1, 3) => Page::new(416, ""),
            _ => {
                assert!(!request.headers.contains_key("range"), "{mischief}");
                Page::new(200, new.clone()).with("etag", "\"2\"")
            }
        });
        let shelf = Shelf::of(&[A], options(&web)).await;
        let (bytes, ..) = content(shelf.fetch(0).await);
        assert!(bytes == served, "{mischief}");
    }
}

#[tokio::test(start_paused = true)]
async fn large_documents_are_not_read() {
    let web = Web::new(|request, _| {
        let page = Page::new(200, document(1_000_000));
        if request.url.ends_with('a') { page.with("content-length", "1000000") } else { page }
    });
    let shelf = Shelf::of(&[A, "https://example.org/b"], options(&web)).await;
    for (at, read) in [(0, 0), (1, 101)] {
        let before = *web.read.lock().unwrap();
        assert_eq!(shelf.fetch(at).await.unwrap_err().kind(), FaultKind::TooLarge);
        assert_eq!(*web.read.lock().unwrap() - before, read, "pieces of 1,000 bytes of at most 100,000");
    }
    assert_eq!(web.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn packed_answers_are_unpacked_within_limits() {
    let gzip = |bytes: &[u8]| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    };
    let (small, bomb) = (gzip(b"text"), gzip(&vec![0; 1 << 20]));
    let web = Web::new(move |request, _| {
        let body = if request.url.ends_with('a') { small.clone() } else { bomb.clone() };
        Page::new(200, body).with("content-encoding", "gzip")
    });
    let shelf = Shelf::of(&[A, "https://example.org/b"], options(&web)).await;
    assert_eq!(content(shelf.fetch(0).await).0, b"text");
    assert_eq!(shelf.fetch(1).await.unwrap_err().kind(), FaultKind::TooLarge);
    assert_eq!(web.told("accept-encoding")[0].1.as_deref(), Some("gzip, deflate, zstd"));
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_with_care() {
    let web = Web::new(|request, _| {
        let to = match request.url.as_str() {
            A => "/b",
            "https://example.org/b" => "https://other.org/c",
            "https://other.org/c" => "https://example.org/d",
            "https://example.org/d" => return Page::new(200, "text").with("etag", "\"1\""),
            "https://example.org/home" => "http://127.0.0.1/",
            "https://example.org/cloud" => "//169.254.169.254/latest",
            "https://example.org/file" => "file:///etc/passwd",
            "https://example.org/user" => "https://user@other.org/",
            url if url.contains("/loop") => return Page::new(302, "").with("location", format!("{url}x")),
            _ => return Page::new(302, ""),
        };
        Page::new(302, "").with("location", to)
    });
    let mut secrets = BTreeMap::new();
    secrets.insert("env:TOKEN".to_owned(), HeaderValue::from_static("canary"));
    let options = ManifestOptions { secrets: Arc::new(secrets), ..options(&web) };
    let line = |path: &str| {
        let headers = "{\"Authorization\":{\"env\":\"TOKEN\"},\"X-Team\":\"a\"}";
        format!("{{\"id\":\"{path}\",\"url\":\"https://example.org/{path}\",\"headers\":{headers}}}\n")
    };
    let lines: String = ["a", "home", "cloud", "file", "user", "loop", "nowhere"].map(line).concat();
    let mut shelf = Shelf::list(&lines, options).await;
    let (_, version, _) = content(shelf.fetch(0).await);
    // What was meant for one server was told no other, also on the way back.
    let told: Vec<_> = web.told("authorization").into_iter().map(|(_, told)| told).collect();
    let canary = Some("Bearer canary".to_owned());
    assert_eq!(told, [canary.clone(), canary, None, None]);
    assert_eq!(web.told("x-team")[3].1, None);
    for (at, kind) in [
        (1, FaultKind::Forbidden),
        (2, FaultKind::Forbidden),
        (3, FaultKind::Malformed),
        (4, FaultKind::Malformed),
        (5, FaultKind::Refused),
        (6, FaultKind::Refused),
    ] {
        let fault = shelf.fetch(at).await.unwrap_err();
        assert_eq!((fault.kind(), fault.hint_text().is_some()), (kind, true), "{fault}");
        assert!(!format!("{fault}").contains("canary"));
    }
    assert_eq!(web.told("x").iter().filter(|(url, _)| url.contains("/loop")).count(), 6);
    // The tag belongs to where the document was found.
    let before = web.count();
    content(shelf.again(0, &version).await);
    let asked: Vec<bool> =
        web.told("if-none-match")[before..].iter().map(|(_, asked)| asked.is_some()).collect();
    assert_eq!(asked, [false, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn each_answer_has_its_own_consequence() {
    let web = Web::new(|request, _| {
        let status: u16 = request.url.rsplit('/').next().unwrap().parse().unwrap();
        Page::new(status, "words of a page")
    });
    for (status, kind) in [
        (401, FaultKind::Unreadable),
        (403, FaultKind::Unreadable),
        (402, FaultKind::Unreadable),
        (451, FaultKind::Unreadable),
        (400, FaultKind::Refused),
        (405, FaultKind::Refused),
        (501, FaultKind::Refused),
        (300, FaultKind::Refused),
        (305, FaultKind::Refused),
        (204, FaultKind::BadResponse),
        (404, FaultKind::Unreadable),
        (410, FaultKind::Unreadable),
    ] {
        let shelf = Shelf::of(&[&format!("https://example.org/{status}")], options(&web)).await;
        let fault = shelf.fetch(0).await.unwrap_err();
        assert_eq!((fault.kind(), advise(&fault)), (kind, Advice::Quarantine), "{status}");
        assert!(fault.to_string().contains(&status.to_string()) && fault.hint_text().is_some(), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn stored_documents_that_are_gone_are_removed_but_not_all_at_once() {
    let web =
        Web::new(
            |request, _| {
                if request.url.contains("gone") { Page::new(410, "") } else { Page::new(200, "text") }
            },
        );
    let urls: Vec<String> = (0..5).map(|at| format!("https://example.org/gone{at}")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut shelf = Shelf::of(&urls, options(&web)).await;
    for at in 0..2 {
        assert!(matches!(shelf.again(at, &Version::default()).await, Ok(Fetched::Gone)));
    }
    let fault = shelf.again(2, &Version::default()).await.unwrap_err();
    assert!(advise(&fault) == Advice::Quarantine && fault.hint_text().unwrap().contains("--allow-delete"));
    let sweep = SweepPolicy { allow_delete: true, ..options(&web).sweep };
    let mut shelf = Shelf::of(&urls, ManifestOptions { sweep, ..options(&web) }).await;
    for at in 0..5 {
        assert!(matches!(shelf.again(at, &Version::default()).await, Ok(Fetched::Gone)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_once_is_fetched_again() {
    let web = Web::new(|request, before| match (before, request.url.as_str()) {
        (0, _) => Page::lost(WireFaultKind::Reset),
        (1, _) => Page::new(503, "").with("retry-after", "3"),
        (2, _) => Page::new(429, "").with("retry-after", "2"),
        _ => Page::new(200, "text"),
    });
    let shelf = Shelf::of(&[A], options(&web)).await;
    let started = tokio::time::Instant::now();
    assert_eq!(content(shelf.fetch(0).await).0, b"text");
    assert!(started.elapsed() >= Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(web.count(), 4);
}
