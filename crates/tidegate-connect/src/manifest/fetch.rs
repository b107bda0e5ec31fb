//! Fetches one document: asks whether it changed, follows redirects, and makes content of what came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use tidegate_core::{Body, ContentHash, Cx, Fault, FaultKind, Fetch, Fetched, Fields, SourceItem};

use super::codec::Arrived;
use super::download::Download;
use super::entry::Entry;
use super::hosts::Hosts;
use super::mark::Mark;
use super::name::file_name;
use super::options::ManifestOptions;
use super::unpack::unpack;
use crate::files::FIRST;
use crate::guard::Url;

/// Redirects followed at most.
const MOST_HOPS: usize = 5;

/// Fetches documents of a list.
pub(super) struct UrlFetch {
    hosts: Hosts,
    options: ManifestOptions,
    /// Documents asked for.
    asked: AtomicU64,
    /// Stored documents that are gone.
    gone: AtomicU64,
}

impl UrlFetch {
    pub(super) fn new(options: ManifestOptions) -> Self {
        Self {
            hosts: Hosts::new(options.clone()),
            options,
            asked: AtomicU64::new(0),
            gone: AtomicU64::new(0),
        }
    }

    #[cfg(test)]
    pub(super) fn hosts_known(&self) -> usize {
        self.hosts.known()
    }

    async fn follow(&self, cx: &Cx, item: &SourceItem, entry: &Entry) -> Result<Fetched, Fault> {
        // What was put aside is what was seen last.
        let known = item.aside.as_ref().or(item.stored.as_ref());
        let known = known.and_then(|version| Mark::read(version, &entry.line));
        let (mut url, mut headers) = (entry.url.clone(), entry.headers.clone());
        self.asked.fetch_add(1, Ordering::Relaxed);
        for _ in 0..=MOST_HOPS {
            let mut asked = headers.clone();
            asked.extend(known.iter().flat_map(|mark| mark.conditions(&url)));
            let download = Download::get(url.clone(), asked, self.options.max_file_size);
            let during = |fault: Fault| advised(fault).during(format!("fetching {url}"));
            match self.hosts.ask(cx, &url, download.clone()).await.map_err(during)? {
                Arrived::Whole(head) => return self.content(cx, entry, (url, head, download)).await,
                Arrived::NotModified => return Ok(Fetched::Unchanged),
                Arrived::Gone(status) => return self.missing(item, status).map_err(during),
                Arrived::Elsewhere(place) => {
                    let next = url
                        .join(&place, self.options.policy)
                        .map_err(|fault| fault.during(format!("following {url} to another place")))?;
                    if !next.same_origin(&url) {
                        headers.clear(); // what was meant for one server is no other's
                    }
                    url = next;
                }
                Arrived::Somebody => {
                    return Err(Fault::new(FaultKind::Internal, "a document was answered with nothing"));
                }
            }
        }
        Err(Fault::new(FaultKind::Refused, format!("redirected more than {MOST_HOPS} times"))
            .hint("write the URL that it leads to in the end")
            .during(format!("fetching {}", entry.url)))
    }

    /// What came, as content.
    async fn content(
        &self,
        cx: &Cx,
        entry: &Entry,
        (url, head, download): (Url, Arc<HeaderMap>, Arc<Download>),
    ) -> Result<Fetched, Fault> {
        let during = |fault: Fault| fault.during(format!("fetching {url}"));
        let limit = self.options.max_file_size;
        let codings = text(&head, &CONTENT_ENCODING).unwrap_or_default().to_owned();
        let line = entry.says_more.then(|| entry.line.clone());
        let work = move || {
            let bytes = unpack(download.take_body()?, &codings, limit)?;
            // Whatever the line says beside the URL is stored with the document, so it is part of the content.
            let hash = match line {
                None => ContentHash::of(&bytes),
                Some(line) => ContentHash::of_parts(&[&bytes, line.as_bytes()]),
            };
            Ok((bytes, hash))
        };
        let (bytes, hash) = cx.compute(FIRST, work).await.flatten().map_err(during)?;
        let mark = Mark::of(&entry.line, &url, &head);
        let listed = entry.given.as_ref().is_some_and(|given| mark.is(given));
        Ok(Fetched::Content {
            body: Body::Bytes(Bytes::from(bytes)),
            hash,
            version: (!listed).then(|| mark.version()),
            fields: fields(entry, &url, &head),
        })
    }

    /// What it means that a document is not there. Stored ones are removed, but not all at once: a server that was set
    /// up wrongly has none of its documents either.
    fn missing(&self, item: &SourceItem, status: u16) -> Result<Fetched, Fault> {
        let not_there = |message: &str| Fault::new(FaultKind::Unreadable, format!("{status}: {message}"));
        if item.stored.is_none() {
            return Err(not_there("there is no such document").hint("correct the URL, or leave the line out"));
        }
        let (gone, asked) =
            (self.gone.fetch_add(1, Ordering::Relaxed) + 1, self.asked.load(Ordering::Relaxed));
        let policy = self.options.sweep;
        let share = policy.max_share * asked as f64;
        if policy.allow_delete || gone <= policy.max_count || gone as f64 <= share {
            return Ok(Fetched::Gone);
        }
        Err(not_there("the document is gone, as are too many others to remove them all; it is kept")
            .hint("--allow-delete removes however many are gone"))
    }
}

#[async_trait]
impl Fetch for UrlFetch {
    async fn fetch(&self, cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        let entry = item.how.clone().and_then(|how| how.downcast::<Entry>().ok());
        let entry = entry
            .ok_or_else(|| Fault::new(FaultKind::Internal, format!("nobody knows where {} is", item.key)))?;
        self.follow(cx, item, &entry).await
    }
}

/// The call layer knows nothing of guards.
fn advised(fault: Fault) -> Fault {
    match (fault.kind(), fault.hint_text()) {
        (_, Some(_)) => fault,
        (FaultKind::Forbidden, None) => {
            fault.hint("--allow-private fetches from this machine and from private networks too")
        }
        (_, None) => fault.hint("the next run asks again"),
    }
}

/// What is known of a document once it is there.
fn fields(entry: &Entry, url: &Url, head: &HeaderMap) -> Fields {
    let kind = text(head, &CONTENT_TYPE);
    let name = entry.name.clone().unwrap_or_else(|| file_name(url, kind, text(head, &CONTENT_DISPOSITION)));
    let mut fields = Fields::from_iter([("file_name".to_owned(), name.into())]);
    if let Some(kind) = kind.filter(|_| !entry.fields.contains_key("content_type")) {
        fields.insert("content_type".to_owned(), kind.into());
    }
    fields
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}
