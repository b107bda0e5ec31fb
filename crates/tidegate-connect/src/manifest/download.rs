//! One document on its way, over as many connections as it takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tidegate_core::{Fault, FaultKind, Head, HttpRequest, Taker};

use super::mark;
use super::spool::Spool;
use super::unpack::ACCEPTED;
use crate::guard::Url;
use crate::open::write_fault;
use crate::walk::too_large;

/// A document that is fetched. What came of it stays when its connection breaks, and the next try asks for the rest.
pub(super) struct Download {
    url: Url,
    method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Bytes that are taken, packed as they come.
    limit: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    body: Spool,
    /// What marks these bytes and no others.
    mark: Option<HeaderValue>,
    /// How many there should be.
    total: Option<u64>,
    /// Requests that were made for it.
    asked: u32,
    /// Why no more were taken.
    ended: Option<Fault>,
    /// A part that came did not fit: from now on only the whole is asked for.
    whole_only: bool,
}

impl Download {
    /// The document at `url`, up to `limit` bytes.
    pub(super) fn get(url: Url, headers: Vec<(HeaderName, HeaderValue)>, limit: u64) -> Arc<Self> {
        Arc::new(Self { url, method: Method::GET, headers, limit, state: Mutex::default() })
    }

    /// A question whether anybody answers there.
    pub(super) fn knock(url: Url) -> Arc<Self> {
        Arc::new(Self { url, method: Method::HEAD, headers: Vec::new(), limit: 0, state: Mutex::default() })
    }

    pub(super) fn is_knock(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether it was asked for only if it changed.
    pub(super) fn is_conditional(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == IF_NONE_MATCH || name == IF_MODIFIED_SINCE)
    }

    /// How often it was asked for.
    pub(super) fn asked(&self) -> u32 {
        self.lock().asked
    }

    /// The request for what is still wanted.
    pub(super) fn request(&self) -> HttpRequest {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        let mut state = self.lock();
        state.asked += 1;
        state.ended = None;
        let from = state.body.len();
        if let Some(mark) = state.mark.as_ref().filter(|_| from > 0 && !state.whole_only) {
            headers.remove(IF_NONE_MATCH);
            headers.remove(IF_MODIFIED_SINCE);
            headers.insert(IF_RANGE, mark.clone());
            headers.extend(HeaderValue::try_from(format!("bytes={from}-")).ok().map(|range| (RANGE, range)));
        }
        HttpRequest {
            method: self.method.clone(),
            url: self.url.as_str().to_owned(),
            headers,
            body: bytes::Bytes::new(),
        }
    }

    /// Who takes the body of an answer.
    pub(super) fn taker(self: &Arc<Self>, head: &Head) -> Box<dyn Taker> {
        let mut state = self.lock();
        let wanted = match head.status {
            StatusCode::OK => {
                state.begin(&head.headers);
                true
            }
            StatusCode::PARTIAL_CONTENT => state.goes_on(&head.headers),
            _ => false,
        };
        if wanted && let Some(total) = state.total.filter(|total| *total > self.limit) {
            state.ended = Some(too_large(total, self.limit));
        }
        drop(state);
        if wanted { Box::new(Taking(self.clone())) } else { Box::new(Leaving(WORTH_READING)) }
    }

    /// Whether the body is there, after its connection ended well.
    ///
    /// # Errors
    /// Why it will never be.
    pub(super) fn is_whole(&self) -> Result<bool, Fault> {
        let state = self.lock();
        match &state.ended {
            Some(fault) => Err(fault.clone()),
            None => Ok(!state.whole_only && state.total.is_none_or(|total| total == state.body.len())),
        }
    }

    /// From now on the whole is asked for.
    pub(super) fn start_over(&self) {
        let mut state = self.lock();
        state.body.clear();
        state.whole_only = true;
    }

    /// The body; what is left is empty.
    ///
    /// # Errors
    /// [`FaultKind::StorageBusy`], if the file that it waited in cannot be read.
    pub(super) fn take_body(&self) -> Result<Vec<u8>, Fault> {
        let body = std::mem::take(&mut self.lock().body);
        body.into_bytes().map_err(|error| {
            Fault::new(FaultKind::StorageBusy, "a download that was put down cannot be read").cause(error)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Bytes are appended or they are not: whoever panicked meanwhile left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A whole answer begins; what came before is not part of it.
    fn begin(&mut self, headers: &HeaderMap) {
        self.body.clear();
        self.whole_only = false;
        self.mark = mark::strong(headers);
        self.total = number(headers.get(CONTENT_LENGTH));
    }

    /// Whether a part begins where the last one ended.
    fn goes_on(&mut self, headers: &HeaderMap) -> bool {
        let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).and_then(part);
        let (Some((from, total)), true) = (range, self.mark.is_some() && self.body.len() > 0) else {
            self.whole_only = true;
            return false;
        };
        if from != self.body.len() || (total.is_some() && self.total.is_some() && total != self.total) {
            self.whole_only = true;
            return false;
        }
        self.total = total.or(self.total);
        true
    }
}

/// From where, and of how many bytes, a part is: `bytes 100-199/1000`.
fn part(range: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = span.split_once('-')?;
    Some((from.trim().parse().ok()?, total.trim().parse().ok()))
}

fn number(value: Option<&HeaderValue>) -> Option<u64> {
    value?.to_str().ok()?.trim().parse().ok()
}

/// Keeps what comes.
struct Taking(Arc<Download>);

impl Taker for Taking {
    fn wants_more(&self) -> bool {
        self.0.lock().ended.is_none()
    }

    fn take(&mut self, piece: &[u8]) {
        let mut state = self.0.lock();
        let size = state.body.len() + piece.len() as u64;
        if size > self.0.limit {
            state.ended = Some(too_large(size, self.0.limit));
        } else if let Err(error) = state.body.push(piece) {
            state.ended = Some(
                write_fault(error).during("putting a download down").hint("set TMPDIR to a folder with room"),
            );
        }
    }
}

/// Bytes of a page about an error that are read so that its connection can be used again.
const WORTH_READING: usize = 64 << 10;

/// Lets what comes go.
struct Leaving(usize);

impl Taker for Leaving {
    fn wants_more(&self) -> bool {
        self.0 > 0
    }

    fn take(&mut self, piece: &[u8]) {
        self.0 = self.0.saturating_sub(piece.len());
    }
}
