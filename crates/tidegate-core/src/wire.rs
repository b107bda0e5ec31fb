//! HTTP as data: what is sent, what comes back, and the trait of whatever carries it.
//!
//! A transport carries bytes once. It never retries, follows no redirect, decodes no status: a second place that
//! repeats requests is how one failing call becomes twelve.

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// A request, ready to send. Header values that hold keys are marked sensitive, so that printing it shows none.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL, `http` or `https`. May hold a secret in its query: never print it, print [`Self::place`].
    pub url: String,
    /// Headers without `Host` and `Content-Length`, which the transport adds.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpRequest {
    /// The URL without user, query and fragment, for logs and errors.
    #[must_use]
    pub fn place(&self) -> &str {
        let end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        let shown = &self.url[..end];
        match (shown.find("://"), shown.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => &shown[at + 1..],
            _ => shown,
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.place(), self.body.len())
    }
}

/// The beginning of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// When the head arrived by the wall clock: hints such as `Retry-After: <date>` and reset times are relative to it.
    pub at: SystemTime,
}

/// A whole answer: its body ended as its framing said it would.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// Its body, decompressed.
    pub body: Bytes,
}

/// What happened to a request that brought no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireFault {
    /// Where on the way.
    pub kind: WireFaultKind,
    /// What the system said, without URL and headers.
    pub message: String,
}

impl WireFault {
    /// A fault of `kind`.
    #[must_use]
    pub fn new(kind: WireFaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Where on the way a request was lost. Each timeout is its own kind, so that an error names which one ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireFaultKind {
    /// The URL is not one.
    BadUrl,
    /// The proxy on the way lets nothing through, or not for this user and password.
    Proxy,
    /// A guard does not let anybody connect there.
    Forbidden,
    /// The name does not resolve.
    Dns,
    /// Nothing listens there.
    ConnectRefused,
    /// The network does not reach there, or the connection ended while it was being made.
    Connect,
    /// Connecting, TLS included, took too long.
    ConnectTimeout,
    /// The certificate is not to be trusted, or TLS was spoken wrongly.
    Tls,
    /// The connection ended before a byte of the answer; the request may have been served.
    Reset,
    /// No head in time.
    FirstByteTimeout,
    /// The first token of a stream did not come in time.
    FirstTokenTimeout,
    /// The body stopped coming.
    IdleTimeout,
    /// The next token of a stream did not come in time.
    TokenTimeout,
    /// The whole exchange took too long.
    TotalTimeout,
    /// The connection ended, or its framing broke, in the middle of the answer.
    Cut,
    /// What came is not HTTP.
    NotHttp,
    /// The body is larger than allowed, as it came or once decompressed.
    TooLarge,
}

impl WireFaultKind {
    /// Whether a time ran out.
    #[must_use]
    pub fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout
                | Self::FirstByteTimeout
                | Self::FirstTokenTimeout
                | Self::IdleTimeout
                | Self::TokenTimeout
                | Self::TotalTimeout
        )
    }

    /// Whether the server may have received and served the request, so that sending it again may be paid twice.
    #[must_use]
    pub fn may_have_been_served(self) -> bool {
        !matches!(
            self,
            Self::BadUrl
                | Self::Proxy
                | Self::Forbidden
                | Self::Dns
                | Self::ConnectRefused
                | Self::Connect
                | Self::ConnectTimeout
                | Self::Tls
        )
    }
}

/// Carries one request to a server and the answer back.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` and waits for the head of the answer. Connecting has a time limit of its own; all other
    /// times are the caller's.
    ///
    /// # Errors
    /// Where the request was lost.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; whether the request was served is then unknown.
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault>;
}

/// An answer whose body is still coming.
pub struct Incoming {
    /// Its head.
    pub head: Head,
    /// Its body, as it comes. Dropping it closes the connection unless the body has ended.
    pub body: Box<dyn Pieces>,
}

/// A body as it comes.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece, as it was sent (not decompressed: transports ask for no compression unless they undo it
    /// themselves); `None` once the body has ended as its framing said.
    ///
    /// # Errors
    /// The body was cut short.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost.
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_request_shows_neither_query_nor_user() {
        let request = HttpRequest {
            method: Method::POST,
            url: "https://user:pass@example.org/v1/embed?key=sk-1#x".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        };
        assert_eq!(request.place(), "example.org/v1/embed");
        assert_eq!(format!("{request:?}"), "POST example.org/v1/embed (2 bytes)");
    }
}
