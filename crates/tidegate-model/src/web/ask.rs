//! One request for one question.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use tidegate_core::wire::{Answer, HttpRequest};
use tidegate_core::{Charge, Codec, ContentHash, Fault, FaultKind, Refusal, Reply, Shape};

use super::path::AnswerPath;
use super::site::Site;
use crate::journal_key::reply_key;

/// Says which of several equal requests are one.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A question to a service, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebCall {
    /// The absolute URL.
    pub url: Arc<str>,
    /// Headers beside the secrets.
    pub headers: Arc<[(HeaderName, HeaderValue)]>,
    /// The body; empty for none.
    pub body: Arc<str>,
}

/// Asks a service, one question in each request. The answer is a JSON value.
#[derive(Debug, Clone)]
pub struct WebAsk {
    site: Site,
    method: Method,
    answer: AnswerPath,
    /// Whether requests that are not safe to repeat as they are get a key that makes them so.
    keyed: bool,
}

impl WebAsk {
    /// Asks `site` with `method`; `answer` says where in what comes the value is.
    #[must_use]
    pub fn new(site: Site, method: Method, answer: AnswerPath) -> Self {
        Self { site, method, answer, keyed: false }
    }

    /// With an `Idempotency-Key` on requests whose method is not idempotent by itself.
    #[must_use]
    pub fn keyed(mut self, keyed: bool) -> Self {
        self.keyed = keyed;
        self
    }

    /// Whether a request with `headers` may be sent again where it is not known if it was served: its method says so,
    /// or its key does.
    #[must_use]
    pub fn is_repeatable(&self, headers: &[HeaderName]) -> bool {
        self.method.is_idempotent() || self.keyed || headers.contains(&IDEMPOTENCY_KEY)
    }

    fn name(&self, item: &WebCall) -> ContentHash {
        let mut parts = vec![item.url.as_bytes(), item.body.as_bytes()];
        let path = self.answer.to_string();
        parts.push(path.as_bytes());
        for (name, value) in &*item.headers {
            parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
        }
        reply_key("http", self.method.as_str(), &parts)
    }

    fn value(&self, answer: &Answer) -> Result<Result<Value, Fault>, Refusal> {
        let body = &answer.body;
        if body.is_empty() && self.answer.is_whole() {
            return Ok(Ok(Value::Null));
        }
        let json: Value = match serde_json::from_slice(body) {
            Ok(json) => json,
            Err(_) if self.answer.is_whole() && is_plain(answer) => match std::str::from_utf8(body) {
                Ok(text) => Value::from(text),
                Err(_) => return Err(self.site.refusal(answer, Some("the answer is no text"))),
            },
            Err(error) => {
                let wrong = format!("the answer is no JSON: {error}");
                return Err(self.site.refusal(answer, Some(&wrong)));
            }
        };
        let found = self.answer.find(&json).cloned();
        Ok(found.map_err(|wrong| {
            Fault::new(FaultKind::BadResponse, wrong)
                .hint("see where in the answer the value is, and set `answer`")
        }))
    }
}

/// Whether a service says of its answer that it is text without a form.
fn is_plain(answer: &Answer) -> bool {
    let kind = answer.head.headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/plain"))
}

impl Codec for WebAsk {
    type Item = WebCall;
    type Answer = Arc<Value>;

    fn key(&self, item: &WebCall) -> Option<ContentHash> {
        Some(self.name(item))
    }

    fn estimate(&self, items: &[WebCall]) -> Charge {
        Charge { inputs: items.len() as u64, ..Charge::default() }
    }

    fn shape(&self) -> Shape {
        Shape { items: 1, ..Shape::default() }
    }

    fn encode(&self, items: &[WebCall]) -> Result<HttpRequest, Fault> {
        let [item] = items else {
            return Err(Fault::new(FaultKind::Internal, format!("{} questions in one request", items.len())));
        };
        let body = Bytes::copy_from_slice(item.body.as_bytes());
        let mut request = self.site.request((self.method.clone(), &item.url), &item.headers, body);
        if self.keyed && !self.method.is_idempotent() && !request.headers.contains_key(IDEMPOTENCY_KEY) {
            request.headers.insert(IDEMPOTENCY_KEY, key_of(&self.name(item)));
        }
        Ok(request)
    }

    fn decode(&self, items: &[WebCall], answer: &Answer) -> Result<Reply<Arc<Value>>, Refusal> {
        if !answer.head.status.is_success() {
            return Err(self.site.refusal(answer, None));
        }
        let value = self.value(answer)?.map(Arc::new);
        Ok(Reply { answers: items.iter().map(|_| value.clone()).collect(), usage: None, model: None })
    }
}

/// A hash as a header.
pub(super) fn key_of(hash: &ContentHash) -> HeaderValue {
    HeaderValue::try_from(&hash.to_hex()[..32]).expect("hexadecimal digits may stand in a header")
}

/// Puts the key of a request that carries several records.
pub(super) fn with_key(request: &mut HttpRequest, hash: &ContentHash) {
    request.headers.insert(IDEMPOTENCY_KEY, key_of(hash));
}
