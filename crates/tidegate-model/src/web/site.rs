//! What every request to a service has, whatever it asks, and what the service's refusals mean.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tidegate_core::wire::{Answer, HttpRequest};
use tidegate_core::{Refusal, RefusalKind};

use crate::hint;
use crate::refusal;
use crate::secret::Secret;

/// A service as its user describes it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Site {
    secrets: Arc<[(HeaderName, Secret)]>,
    /// Whether each question has an address of its own, so that one that does not exist says nothing of the others.
    varies: bool,
}

impl Site {
    /// A service that gets these secrets in its headers. A secret for `Authorization` that names no scheme is sent as
    /// a bearer token.
    #[must_use]
    pub fn new(secrets: Vec<(HeaderName, Secret)>) -> Self {
        Self { secrets: secrets.into(), varies: false }
    }

    /// One whose questions have addresses of their own: a 404 is then the question's fault.
    #[must_use]
    pub fn varying(mut self, varies: bool) -> Self {
        self.varies = varies;
        self
    }

    /// The first digits of a hash of its first secret, to name lanes by; empty without one.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.secrets.first().map(|(_, secret)| secret.fingerprint()).unwrap_or_default()
    }

    /// A request with the secrets and `headers`. A body is JSON unless a header says otherwise.
    pub(super) fn request(
        &self,
        (method, url): (Method, &str),
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> HttpRequest {
        let mut all = HeaderMap::new();
        all.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !body.is_empty() {
            all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in headers {
            all.insert(name, value.clone());
        }
        for (name, secret) in &*self.secrets {
            let bare = secret.header("");
            let scheme = name == AUTHORIZATION && !bare.as_bytes().contains(&b' ');
            all.insert(name, if scheme { secret.header("Bearer ") } else { bare });
        }
        HttpRequest { method, url: url.to_owned(), headers: all, body }
    }

    /// The refusal that `answer` is; `wrong` says what a good status lacks.
    pub(super) fn refusal(&self, answer: &Answer, wrong: Option<&str>) -> Refusal {
        let head = &answer.head;
        // Redacted before it is cut, so that no half of a key stays.
        let mut redacted =
            self.redact(&String::from_utf8_lossy(&answer.body[..answer.body.len().min(2 * EXCERPT)]));
        redacted.truncate(redacted.floor_char_boundary(EXCERPT));
        let message = match wrong {
            Some(wrong) => wrong.to_owned(),
            None if head.status.is_redirection() => {
                "redirects are not followed; write the address that it leads to".to_owned()
            }
            None => refusal::shown(&redacted),
        };
        let reason = head.status.canonical_reason().filter(|_| wrong.is_none() && message.is_empty());
        Refusal {
            kind: if wrong.is_some() { RefusalKind::BadResponse } else { self.kind(head.status) },
            status: head.status.as_u16(),
            message: reason.map_or(message, str::to_owned),
            wait: hint::of_headers(head),
            request_id: None,
            excerpt: Bytes::from(redacted.into_bytes()),
        }
    }

    fn kind(&self, status: StatusCode) -> RefusalKind {
        match status.as_u16() {
            401 | 403 | 407 => RefusalKind::Unauthorised,
            402 => RefusalKind::Exhausted,
            404 | 405 | 410 if !self.varies => RefusalKind::NotFound,
            300..=399 => RefusalKind::NotFound,
            408 | 425 => RefusalKind::Unavailable,
            413 | 414 | 431 => RefusalKind::TooLarge,
            429 => RefusalKind::RateLimited,
            503 | 529 => RefusalKind::Overloaded,
            400..=499 => RefusalKind::BadRequest,
            _ => RefusalKind::Unavailable,
        }
    }

    fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, (_, secret)| secret.redact(&text))
    }
}

/// Bytes of a body that are kept for the quarantine.
const EXCERPT: usize = 2_048;
