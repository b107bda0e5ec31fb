//! One request, as the provider sees it.

use bytes::Bytes;

/// A request without its connection: what a server has parsed, or what a test hands over directly.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST` …, in capitals.
    pub method: String,
    /// Path and query, as in the request line: `/v1/embeddings`, `/v1/models?limit=5`.
    pub target: String,
    /// Names in small letters, values as sent.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    /// A `POST` of `body` to `target`.
    #[must_use]
    pub fn post(target: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: "POST".to_owned(), target: target.into(), headers: Vec::new(), body: body.into() }
    }

    /// A `GET` of `target`.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), target: target.into(), ..Self::default() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The first header called `name` (small letters).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query without its `?`, empty if there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}
