//! A web in memory, on paused time.

mod fetching;
mod listing;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate_call::{CallSettings, Concurrency, Lane, LaneName, LaneSettings, Timeouts};
use tidegate_core::{
    Advice, Fault, Fetched, Head, HttpRequest, Incoming, Pieces, Source as _, SourceItem, SweepPolicy,
    Transport, Version, WireFault, WireFaultKind, advise,
};

use super::{Manifest, ManifestOptions};
use crate::guard::Policy;
use crate::tests::doubles::cx;

/// What a server answers.
#[derive(Clone, Default)]
pub(super) struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection breaks after so many bytes of it.
    cut: Option<usize>,
    /// No answer comes at all.
    lost: Option<WireFaultKind>,
}

impl Page {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn cut(self, after: usize) -> Self {
        Self { cut: Some(after), ..self }
    }

    pub(super) fn lost(kind: WireFaultKind) -> Self {
        Self { lost: Some(kind), ..Self::default() }
    }
}

type Respond = dyn Fn(&HttpRequest, usize) -> Page + Send + Sync;

/// Answers every request, given how many for the same URL came before, and remembers them.
pub(super) struct Web {
    respond: Box<Respond>,
    pub(super) asked: Mutex<Vec<HttpRequest>>,
    /// Pieces of bodies that were read.
    pub(super) read: Arc<Mutex<usize>>,
}

impl Web {
    pub(super) fn new(respond: impl Fn(&HttpRequest, usize) -> Page + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { respond: Box::new(respond), asked: Mutex::default(), read: Arc::default() })
    }

    /// What was asked: URLs with the named header.
    pub(super) fn told(&self, header: &str) -> Vec<(String, Option<String>)> {
        let text = |request: &HttpRequest| {
            request.headers.get(header).map(|value| value.to_str().unwrap().to_owned())
        };
        self.asked.lock().unwrap().iter().map(|request| (request.url.clone(), text(request))).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Web {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let before = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.clone());
            asked.iter().filter(|earlier| earlier.url == request.url).count() - 1
        };
        let page = (self.respond)(&request, before);
        if let Some(kind) = page.lost {
            return Err(WireFault::new(kind, "lost"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &page.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value.as_str()).unwrap());
        }
        let status = StatusCode::from_u16(page.status).unwrap();
        let body = Body { page, at: 0, read: self.read.clone() };
        Ok(Incoming { head: Head { status, headers, at: SystemTime::now() }, body: Box::new(body) })
    }
}

struct Body {
    page: Page,
    at: usize,
    read: Arc<Mutex<usize>>,
}

#[async_trait]
impl Pieces for Body {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        let end = self.page.cut.unwrap_or(self.page.body.len());
        if self.at >= end {
            let cut = || Err(WireFault::new(WireFaultKind::Cut, "cut"));
            return self.page.cut.is_some().then(cut);
        }
        *self.read.lock().unwrap() += 1;
        let to = end.min(self.at + 1_000);
        let piece = Bytes::copy_from_slice(&self.page.body[self.at..to]);
        self.at = to;
        Some(Ok(piece))
    }
}

pub(super) fn options(web: &Arc<Web>) -> ManifestOptions {
    let lane = |site: &str| {
        let name = LaneName { provider: site.to_owned(), model: String::new(), key: String::new() };
        let max_hold = Duration::from_secs(2);
        Lane::new(
            name,
            LaneSettings {
                concurrency: Concurrency::Fixed(4),
                max_hold,
                repeats_per_minute: 60.0,
                ..LaneSettings::default()
            },
        )
    };
    let patience = Duration::from_secs(60);
    ManifestOptions {
        policy: Policy::default(),
        max_file_size: 100_000,
        max_line: 10_000,
        secrets: Arc::default(),
        sweep: SweepPolicy { allow_delete: false, max_share: 0.1, max_count: 2 },
        calls: CallSettings {
            timeouts: Timeouts::EMBED,
            tries: 4,
            record_time: Duration::from_secs(10),
            ..CallSettings::default()
        },
        patience,
        lane: Arc::new(lane),
        transport: web.clone(),
    }
}

/// Some documents of a web, to be fetched.
pub(super) struct Shelf {
    pub(super) source: Manifest,
    pub(super) items: Vec<SourceItem>,
}

impl Shelf {
    /// What `urls` name directly.
    pub(super) async fn of(urls: &[&str], options: ManifestOptions) -> Self {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Self::listed(Manifest::open(&[], urls, options).unwrap()).await
    }

    /// What a list of these lines names.
    pub(super) async fn list(lines: &str, options: ManifestOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path: PathBuf = dir.path().join("urls.jsonl");
        std::fs::write(&path, lines).unwrap();
        Self::listed(Manifest::open(&[path], Vec::new(), options).unwrap()).await
    }

    async fn listed(mut source: Manifest) -> Self {
        let (items, _) = crate::tests::doubles::list_all(&mut source, 10).await;
        Self { source, items }
    }

    pub(super) async fn fetch(&self, at: usize) -> Result<Fetched, Fault> {
        self.source.fetcher().fetch(&cx(), &self.items[at]).await
    }

    /// Fetches the item at `at`, however often that is held.
    pub(super) async fn settle(&self, at: usize) -> Result<Fetched, Fault> {
        for _ in 0..100 {
            match self.fetch(at).await {
                Err(fault) if matches!(advise(&fault), Advice::Hold(_)) => {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
                other => return other,
            }
        }
        panic!("held for ever");
    }

    /// Fetches the item at `at`, which is stored in `version`.
    pub(super) async fn again(&mut self, at: usize, version: &Version) -> Result<Fetched, Fault> {
        self.items[at].stored = Some(version.clone());
        self.fetch(at).await
    }
}

/// The bytes, version and fields of content.
#[track_caller]
pub(super) fn content(fetched: Result<Fetched, Fault>) -> (Vec<u8>, Version, BTreeMap<String, String>) {
    match fetched {
        Ok(Fetched::Content { body: tidegate_core::Body::Bytes(bytes), version, fields, .. }) => {
            let fields =
                fields.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()));
            (bytes.to_vec(), version.unwrap_or_default(), fields.collect())
        }
        other => panic!("no content: {other:?}"),
    }
}
