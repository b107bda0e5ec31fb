use tidegate_core::{Coverage, FaultKind};

use super::*;
use crate::tests::doubles::list_all;

fn keys(shelf: &Shelf) -> Vec<&str> {
    shelf.items.iter().map(|item| item.key.split_once('#').map_or(&*item.key, |(_, id)| id)).collect()
}

#[tokio::test]
async fn lines_are_urls_or_objects() {
    let web = Web::new(|_, _| Page::new(200, ""));
    let lines = "\u{feff}{\"id\":\"a\",\"url\":\"https://example.org/1\",\"team\":\"blue\"}\r\n\n# a comment\n\
                 https://example.org/2?x=1\n  {\"url\":\"https://example.org/3\",\"id\":7}\n\
                 {\"url\":\"https://example.org/4?X-Amz-Signature=canary\"}\nhttps://Example.org:443/5#top";
    let shelf = Shelf::list(lines, options(&web)).await;
    let keys = keys(&shelf);
    assert_eq!(keys[..3], ["a", "https://example.org/2?x=1", "7"]);
    assert!(keys[3].starts_with("https://example.org/4?") && !keys[3].contains("canary"));
    assert_eq!(keys[4], "https://example.org/5");
    let fields = |at: usize| serde_json::to_value(&*shelf.items[at].fields).unwrap();
    assert_eq!(fields(0), serde_json::json!({"id": "a", "url": "https://example.org/1", "team": "blue"}));
    assert_eq!(fields(3), serde_json::json!({"url": "https://example.org/4"}));
    assert!(shelf.items.iter().all(|item| item.version == Version::default() && item.fault.is_none()));
}

#[tokio::test]
async fn a_bad_line_is_its_own_fault_and_is_not_repeated() {
    let web = Web::new(|_, _| Page::new(200, ""));
    let mut options = options(&web);
    options.max_line = 400;
    for (line, kind, id) in [
        ("{\"url\": canary", FaultKind::Malformed, ":L1"),
        ("{\"id\":\"a\"}", FaultKind::Malformed, "a"),
        ("{\"url\":7,\"id\":\"a\"}", FaultKind::Malformed, "a"),
        ("{\"id\":[],\"url\":\"https://example.org/canary\"}", FaultKind::Malformed, ":L1"),
        ("{\"id\":\"a\",\"url\":\"https://u:canary@example.org/\"}", FaultKind::Malformed, "a"),
        ("{\"id\":\"a\",\"url\":\"http://10.0.0.1/\"}", FaultKind::Forbidden, "a"),
        ("{\"id\":\"a\",\"url\":\"http://example.org:22/\"}", FaultKind::Forbidden, "a"),
        ("http://127.0.0.1/x", FaultKind::Forbidden, "http://127.0.0.1/x"),
        ("https://u:canary@example.org/", FaultKind::Malformed, ":L1"),
        ("docs/a.md", FaultKind::Malformed, ":L1"),
        ("\u{1b}[2J", FaultKind::Malformed, ":L1"),
        ("{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":[]}", FaultKind::Validation, "a"),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"Authorization\":\"canary\"}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"X-Api-Key\":\"canary\"}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"Host\":\"x\"}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"Range\":\"x\"}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"a b\":\"x\"}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"X\":\"a\\nb\"}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"X\":{\"env\":\"HOME\"}}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"X\":{\"file\":\"/etc/passwd\"}}}",
            FaultKind::Validation,
            "a",
        ),
        (
            "{\"url\":\"https://example.org/\",\"id\":\"a\",\"headers\":{\"X\":{\"cmd\":\"x\"}}}",
            FaultKind::Validation,
            "a",
        ),
    ] {
        let shelf = Shelf::list(line, options.clone()).await;
        let item = &shelf.items[0];
        let fault = item.fault.as_ref().unwrap_or_else(|| panic!("{line}"));
        assert_eq!((fault.kind(), keys(&shelf)[0]), (kind, id), "{line}: {fault}");
        let shown = format!("{item:?} {fault} {:?} {:?}", fault.hint_text(), item.key);
        assert!(!shown.contains("canary") && item.body.is_none(), "{shown}");
    }
    let long = Shelf::list(&format!("https://example.org/{}", "x".repeat(500)), options).await;
    assert_eq!(long.items[0].fault.as_ref().unwrap().kind(), FaultKind::TooLarge);
}

#[tokio::test]
async fn secrets_go_only_where_they_were_let() {
    let web = Web::new(|_, _| Page::new(200, "text"));
    let mut options = options(&web);
    let secrets = [("env:TOKEN", "canary-1"), ("file:/run/token", "Basic canary-2")];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), HeaderValue::from_static(value)));
    options.secrets = Arc::new(BTreeMap::from(secrets));
    let line = |scheme: &str, place: &str| {
        format!(
            "{{\"id\":\"{scheme}\",\"url\":\"{scheme}://example.org/\",\"headers\":{{\"Authorization\":{place}}}}}"
        )
    };
    let env = "{\"env\":\"TOKEN\"}";
    let shelf = Shelf::list(&line("https", env), options.clone()).await;
    content(shelf.fetch(0).await);
    let shelf = Shelf::list(&line("https", "{\"file\":\"/run/token\"}"), options.clone()).await;
    content(shelf.fetch(0).await);
    let told: Vec<_> = web.told("authorization").into_iter().filter_map(|(_, told)| told).collect();
    assert_eq!(told, ["Bearer canary-1", "Basic canary-2"]);
    assert!(!format!("{:?}", shelf.items).contains("canary"));
    let clear = Shelf::list(&line("http", env), options.clone()).await;
    assert_eq!(clear.items[0].fault.as_ref().unwrap().kind(), FaultKind::Validation);
    options.policy.private = true;
    assert!(Shelf::list(&line("http", env), options).await.items[0].fault.is_none());
}

#[tokio::test]
async fn a_list_speaks_for_its_documents_while_it_can_be_read() {
    let web = Web::new(|_, _| Page::new(200, ""));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("urls.txt");
    let prefix = format!("{}#", path.display());
    for (lines, unknown) in [
        ("https://example.org/1\n{\"id\":\"x\",\"url\":\"ftp://example.org/\"}\n", false),
        ("https://example.org/1\nnonsense\n", true),
    ] {
        std::fs::write(&path, lines).unwrap();
        let mut source = Manifest::open(&[path.clone(), path.clone()], Vec::new(), options(&web)).unwrap();
        let (items, coverage) = list_all(&mut source, 1).await;
        let unknown = if unknown { vec![prefix.clone()] } else { Vec::new() };
        assert_eq!((items.len(), coverage), (2, Some(Coverage { covered: vec![prefix.clone()], unknown })));
    }
    std::fs::write(&path, [0x1f, 0x8b, 8, 0, 1]).unwrap();
    let mut source =
        Manifest::open(std::slice::from_ref(&path), vec!["https://example.org/".into()], options(&web))
            .unwrap();
    let (items, coverage) = list_all(&mut source, 10).await;
    assert_eq!((items.len(), coverage.unwrap().unknown), (2, vec![prefix]));
    assert!(Manifest::open(&[dir.path().to_owned()], Vec::new(), options(&web)).is_err());
    assert!(Manifest::open(&[dir.path().join("none")], Vec::new(), options(&web)).is_err());
    let mut direct = Manifest::open(&[], vec!["https://example.org/".into()], options(&web)).unwrap();
    assert_eq!(list_all(&mut direct, 10).await.1, None);
}

#[tokio::test]
async fn servers_take_turns() {
    let web = Web::new(|_, _| Page::new(200, ""));
    let lines: String = (0..9).map(|at| format!("https://h{}.example/{at}\n", at / 3)).collect();
    let shelf = Shelf::list(&lines, options(&web)).await;
    let hosts: Vec<char> = keys(&shelf).iter().map(|key| key.chars().nth(9).unwrap()).collect();
    assert_eq!(hosts, ['0', '1', '2', '0', '1', '2', '0', '1', '2']);
}

#[tokio::test(start_paused = true)]
async fn a_line_may_say_itself_whether_its_document_changed() {
    let web = Web::new(|_, _| Page::new(200, "text").with("etag", "\"2\""));
    let line = |etag: &str| format!("{{\"id\":\"a\",\"url\":\"https://example.org/\",\"etag\":\"{etag}\"}}");
    let shelf = Shelf::list(&line("2"), options(&web)).await;
    let listed = shelf.items[0].version.clone();
    assert_ne!(listed, Version::default());
    // What came is what the line speaks of: the ledger keeps the line's word.
    assert_eq!(content(shelf.fetch(0).await).1, Version::default());
    assert_eq!(Shelf::list(&line("2"), options(&web)).await.items[0].version, listed);
    // A line that is out of date does not vouch for what came.
    let shelf = Shelf::list(&line("1"), options(&web)).await;
    assert_ne!(shelf.items[0].version, listed);
    let (_, version, _) = content(shelf.fetch(0).await);
    assert!(version != Version::default() && version != shelf.items[0].version);
}

#[tokio::test(start_paused = true)]
async fn what_a_line_says_is_part_of_its_document() {
    let web = Web::new(|request, _| {
        if request.headers.contains_key("if-none-match") {
            Page::new(304, "")
        } else {
            Page::new(200, "text").with("etag", "\"1\"")
        }
    });
    let line = |team: &str| {
        format!(
            "{{\"id\":\"a\",\"url\":\"https://example.org/\",\"team\":\"{team}\",\"file_name\":\"x.md\"}}"
        )
    };
    let hash = |fetched: Result<Fetched, Fault>| match fetched {
        Ok(Fetched::Content { hash, .. }) => hash,
        other => panic!("{other:?}"),
    };
    let shelf = Shelf::list(&line("blue"), options(&web)).await;
    let (_, version, fields) = content(shelf.fetch(0).await);
    assert_eq!(fields["file_name"], "x.md");
    let blue = hash(shelf.fetch(0).await);
    let mut shelf = Shelf::list(&line("red"), options(&web)).await;
    assert_ne!(hash(shelf.again(0, &version).await), blue);
    let mut shelf = Shelf::list(&line("blue"), options(&web)).await;
    assert!(matches!(shelf.again(0, &version).await, Ok(Fetched::Unchanged)));
}
