//! One request for many records, which a service takes or refuses.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use tidegate_core::wire::{Answer, HttpRequest};
use tidegate_core::{Charge, Codec, ContentHash, Fault, Refusal, Reply, Shape};

use super::ask::with_key;
use super::site::Site;

/// Posts records as `{"pipeline": NAME, "records": [...]}`; any good status says that it has all of them. Each request
/// has an `Idempotency-Key`: the same for the same records, and another for others.
#[derive(Debug, Clone)]
pub struct WebPost {
    site: Site,
    url: Arc<str>,
    headers: Arc<[(HeaderName, HeaderValue)]>,
    pipeline: Arc<str>,
    batch: usize,
}

impl WebPost {
    /// Posts up to `batch` records at once to `url` in the name of `pipeline`.
    #[must_use]
    pub fn new(
        site: Site,
        (url, headers): (&str, Vec<(HeaderName, HeaderValue)>),
        (pipeline, batch): (&str, usize),
    ) -> Self {
        Self {
            site,
            url: url.into(),
            headers: headers.into(),
            pipeline: pipeline.into(),
            batch: batch.max(1),
        }
    }
}

impl Codec for WebPost {
    /// A record as JSON.
    type Item = Arc<str>;
    type Answer = ();

    /// None: that a record was taken once says nothing of whether it is to be sent again.
    fn key(&self, _: &Arc<str>) -> Option<ContentHash> {
        None
    }

    fn estimate(&self, items: &[Arc<str>]) -> Charge {
        Charge { inputs: items.len() as u64, ..Charge::default() }
    }

    fn shape(&self) -> Shape {
        Shape { items: self.batch, ..Shape::default() }
    }

    fn encode(&self, items: &[Arc<str>]) -> Result<HttpRequest, Fault> {
        let name = serde_json::Value::from(&*self.pipeline).to_string();
        let mut body = format!("{{\"pipeline\":{name},\"records\":[");
        body.push_str(&items.join(","));
        body.push_str("]}");
        let mut request = self.site.request((Method::POST, &self.url), &self.headers, Bytes::from(body));
        let mut parts: Vec<&[u8]> = vec![b"tidegate webhook 1", self.pipeline.as_bytes()];
        parts.extend(items.iter().map(|item| item.as_bytes()));
        with_key(&mut request, &ContentHash::of_parts(&parts));
        Ok(request)
    }

    fn decode(&self, items: &[Arc<str>], answer: &Answer) -> Result<Reply<()>, Refusal> {
        if !answer.head.status.is_success() {
            return Err(self.site.refusal(answer, None));
        }
        Ok(Reply { answers: items.iter().map(|_| Ok(())).collect(), usage: None, model: None })
    }
}
