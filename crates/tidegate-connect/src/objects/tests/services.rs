use std::collections::VecDeque;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate_core::{Advice, FaultKind, Head, HttpRequest, Incoming, Pieces, advise};

use super::*;

/// An answer: status, headers, body.
type Page = (u16, Vec<(&'static str, &'static str)>, String);

/// Answers in turn, and remembers what was asked; the last answer stays.
struct Service {
    answers: Mutex<VecDeque<Result<Page, WireFaultKind>>>,
    asked: Mutex<Vec<HttpRequest>>,
}

impl Service {
    fn new(answers: impl IntoIterator<Item = Result<Page, WireFaultKind>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }
}

struct Once(Option<String>);

#[async_trait]
impl Pieces for Once {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        self.0.take().map(|text| Ok(text.into()))
    }
}

#[async_trait]
impl Transport for Service {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        self.asked.lock().unwrap().push(request);
        let mut answers = self.answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let (status, told, body) = next.unwrap().map_err(|kind| WireFault::new(kind, "lost"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in told {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Incoming {
            head: Head { status, headers, at: SystemTime::now() },
            body: Box::new(Once(Some(body))),
        })
    }
}

fn refused(status: u16, code: &str) -> Result<Page, WireFaultKind> {
    Ok((status, Vec::new(), format!("<Error><Code>{code}</Code><Message>secret canary</Message></Error>")))
}

fn listed(keys: &[&str]) -> Result<Page, WireFaultKind> {
    let contents: String = keys
        .iter()
        .map(|key| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
                 <ETag>&quot;1&quot;</ETag><Size>3</Size></Contents>"
            )
        })
        .collect();
    let body = format!(
        "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    );
    Ok((200, vec![("content-type", "application/xml")], body))
}

fn over(service: &Arc<Service>) -> ObjectsOptions {
    let mut options = options();
    options.storage.storage = service.clone();
    options.storage.endpoint = Some("https://objects.example.org:9000".to_owned());
    options
}

async fn list(service: &Arc<Service>) -> Result<Vec<SourceItem>, Fault> {
    let mut source = Objects::open(&[Place::parse("s3://b/docs/").unwrap()], over(service)).unwrap();
    match source.list(&cx(), 10).await? {
        tidegate_core::Listing::Items(items) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_once_is_asked_for_again() {
    let service =
        Service::new([Err(WireFaultKind::Connect), refused(503, "SlowDown"), listed(&["docs/a.md"])]);
    let items = list(&service).await.unwrap();
    assert_eq!(&*items[0].key, "s3://b/docs/a.md");
    let asked = service.asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].url.starts_with("https://objects.example.org:9000/b?"), "{}", asked[0].url);
    assert!(asked[0].url.contains("prefix=docs%2F"), "{}", asked[0].url);
    assert!(!asked[0].headers.contains_key("authorization"), "nobody is told who asks for a public bucket");
}

#[tokio::test(start_paused = true)]
async fn what_a_service_says_decides_who_waits_and_who_is_told() {
    for (answer, kind, holds) in [
        (refused(503, "SlowDown"), FaultKind::RateLimited, true),
        (refused(429, ""), FaultKind::RateLimited, true),
        (refused(500, "InternalError"), FaultKind::Unavailable, true),
        (Err(WireFaultKind::ConnectRefused), FaultKind::Unavailable, true),
        (Err(WireFaultKind::Dns), FaultKind::Unavailable, true),
        (Err(WireFaultKind::FirstByteTimeout), FaultKind::Timeout, true),
        (Err(WireFaultKind::Forbidden), FaultKind::Config, false),
        (refused(403, "AccessDenied"), FaultKind::Blocked, false),
        (refused(403, "InvalidAccessKeyId"), FaultKind::Blocked, false),
        (refused(404, "NoSuchBucket"), FaultKind::Config, false),
        (refused(301, "PermanentRedirect"), FaultKind::Config, false),
    ] {
        let shown = format!("{answer:?}");
        let fault = list(&Service::new([answer])).await.unwrap_err();
        assert_eq!(fault.kind(), kind, "{shown}: {fault}");
        assert_eq!(matches!(advise(&fault), Advice::Hold(_)), holds, "{shown}");
        assert_eq!(holds, fault.hint_text().is_none(), "{shown}");
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{fault}");
    }
    let denied = list(&Service::new([refused(403, "AccessDenied")])).await.unwrap_err();
    assert!(denied.hint_text().unwrap().contains("credentials tried: none"), "{denied}");
    let slow = Ok((503, vec![("retry-after", "7")], String::new()));
    let service = Service::new([slow]);
    let fault = list(&service).await.unwrap_err();
    assert_eq!(service.asked.lock().unwrap().len(), 1, "nothing is repeated inside a hint");
    assert_eq!(advise(&fault), Advice::Hold(Duration::from_secs(7)));
}

#[tokio::test(start_paused = true)]
async fn one_odd_name_does_not_spoil_a_page() {
    let service = Service::new([listed(&["docs/a.md", "docs//b.md", "docs/c/", "docs/../d.md"])]);
    let items = list(&service).await.unwrap();
    let told: Vec<(&str, bool)> = items.iter().map(|item| (&*item.key, item.fault.is_some())).collect();
    assert_eq!(
        told,
        [
            ("s3://b/docs/a.md", false),
            ("s3://b/docs//b.md", true),
            ("s3://b/docs/c/", true),
            ("s3://b/docs/../d.md", true)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_alone_at_fault_is_put_aside_once_others_are_read() {
    let good = || {
        Ok((
            200,
            vec![
                ("etag", "\"1\""),
                ("content-length", "3"),
                ("last-modified", "Fri, 02 Jan 2026 03:04:05 GMT"),
                ("content-range", "bytes 0-2/3"),
            ],
            "abc".to_owned(),
        ))
    };
    let partial = || good().map(|(_, headers, body): Page| (206, headers, body));
    let bad =
        || [refused(500, "InternalError"), refused(500, "InternalError"), refused(500, "InternalError")];
    let answers = [
        vec![listed(&["docs/a.md", "docs/b.md"])],
        bad().into(),
        vec![partial()],
        bad().into(),
        bad().into(),
    ];
    let service = Service::new(answers.concat());
    let mut source = Objects::open(&[Place::parse("s3://b/docs/").unwrap()], over(&service)).unwrap();
    let (items, _) = {
        let tidegate_core::Listing::Items(items) = source.list(&cx(), 10).await.unwrap() else {
            panic!("no items")
        };
        (items, ())
    };
    let fetcher = source.fetcher();
    let try_one = async |at: usize| fetcher.fetch(&cx(), &items[at]).await;
    assert!(matches!(advise(&try_one(0).await.unwrap_err()), Advice::Hold(_)));
    assert_eq!(content(try_one(1).await).0, b"abc");
    assert!(matches!(advise(&try_one(0).await.unwrap_err()), Advice::Hold(_)));
    let fault = try_one(0).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unreadable, "{fault}");
    let conditions: Vec<bool> = service.asked.lock().unwrap()[1..]
        .iter()
        .map(|request| request.headers.get("if-match").is_some_and(|tag| tag == "\"1\""))
        .collect();
    assert!(conditions.iter().all(|bound| *bound), "every request names the listed state");
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_looked_at_before_anything_is_sent() {
    let open = |endpoint: &str, change: fn(&mut Storage)| {
        let mut options = options();
        options.storage.endpoint = Some(endpoint.to_owned());
        change(&mut options.storage);
        Objects::open(&[Place::parse("s3://b").unwrap()], options).err()
    };
    let nothing = |_: &mut Storage| {};
    for (endpoint, said) in [
        ("https://127.0.0.1:9000", "--allow-private"),
        ("https://[::1]", "--allow-private"),
        ("https://10.0.0.1", "--allow-private"),
        ("http://objects.example.org", "allow_http"),
        ("objects.example.org", "https://host"),
        ("https://u:p@objects.example.org", "https://host"),
    ] {
        let fault = open(endpoint, nothing).unwrap();
        assert_eq!(fault.kind(), FaultKind::Config);
        assert!(fault.hint_text().unwrap().contains(said), "{endpoint}: {fault} {:?}", fault.hint_text());
    }
    assert!(open("http://127.0.0.1:9000", |storage| storage.policy.private = true).is_none());
    assert!(open("http://objects.example.org", |storage| storage.allow_http = true).is_none());
    // Where clouds hand out keys is closed whatever is allowed.
    assert!(open("http://169.254.169.254", |storage| storage.policy.private = true).is_some());
}
