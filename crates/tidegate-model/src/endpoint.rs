//! Where a service is, and how one shows that one may use it.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate_core::wire::HttpRequest;
use tidegate_core::{Fault, FaultKind};

use crate::secret::Secret;

/// How a key is shown to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthStyle {
    /// Not at all.
    None,
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// In a header of its own, such as `api-key` or `x-api-key`.
    Header(HeaderName),
}

/// One model of a service: address, key, and name of the model.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Scheme, host and path, without a slash at the end.
    base: String,
    /// What follows the `?` of the base URL; kept on every request, as Azure's `api-version` must be.
    query: Option<String>,
    /// The key, where the service wants one.
    key: Option<Secret>,
    /// How the key is shown.
    auth: AuthStyle,
    /// Further headers. Their values may be secrets too.
    headers: Vec<(HeaderName, Secret)>,
    /// The model, as the service names it.
    model: String,
}

impl Endpoint {
    /// The model `model` at `base_url`, which ends before `/embeddings` or `/chat/completions`.
    ///
    /// # Errors
    /// The URL is not an `http` or `https` one, or names a user (keys belong into headers).
    pub fn new(base_url: &str, model: &str) -> Result<Self, Fault> {
        let (base, query) = parse(base_url)?;
        if model.trim().is_empty() {
            return Err(Fault::new(FaultKind::Config, "no model is named")
                .hint("write it after the provider: openai:text-embedding-3-small"));
        }
        let model = model.trim().to_owned();
        Ok(Self { base, query, key: None, auth: AuthStyle::Bearer, headers: Vec::new(), model })
    }

    /// With `key`, shown as `auth` says.
    #[must_use]
    pub fn with_key(mut self, key: Option<Secret>, auth: AuthStyle) -> Self {
        self.key = key;
        self.auth = auth;
        self
    }

    /// With one more header on every request, in place of one of the same name.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: Secret) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The model, as the service names it.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Scheme, host and path, for messages.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The first digits of a hash of the key, to name lanes by; empty without a key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.as_ref().map(Secret::fingerprint).unwrap_or_default()
    }

    /// A request to `path`, which begins with a slash, with the key and all headers. A body is JSON.
    #[must_use]
    pub fn request(&self, method: Method, path: &str, fixed: &HeaderMap, body: Bytes) -> HttpRequest {
        let mut headers = fixed.clone();
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        match (&self.key, &self.auth) {
            (Some(key), AuthStyle::Bearer) => drop(headers.insert(AUTHORIZATION, key.header("Bearer "))),
            (Some(key), AuthStyle::Header(name)) => drop(headers.insert(name, key.header(""))),
            (_, AuthStyle::None) | (None, _) => {}
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.header(""));
        }
        HttpRequest { method, url: self.url(path), headers, body }
    }

    /// The URL of `path`. A path with a query of its own comes before the query of the base.
    fn url(&self, path: &str) -> String {
        // Some paths name the version, and some users add it to the base.
        let path = match path.strip_prefix("/v1/") {
            Some(_) if self.base.ends_with("/v1") => &path[3..],
            _ => path,
        };
        match &self.query {
            None => format!("{}{path}", self.base),
            Some(query) if path.contains('?') => format!("{}{path}&{query}", self.base),
            Some(query) => format!("{}{path}?{query}", self.base),
        }
    }

    /// `text` without any secret of this endpoint, whole or in part.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let values = self.query.iter().flat_map(|query| query.split('&')).filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            // Versions are no secrets, and messages about them are useful.
            (!name.to_ascii_lowercase().contains("version")).then(|| Secret::new(value).ok())?
        });
        let headers = self.headers.iter().map(|(_, value)| value.clone());
        self.key
            .clone()
            .into_iter()
            .chain(headers)
            .chain(values)
            .fold(text.to_owned(), |text, secret| secret.redact(&text))
    }
}

/// Splits a base URL into what precedes the paths and what follows them.
fn parse(base_url: &str) -> Result<(String, Option<String>), Fault> {
    let wrong = |what: &str| {
        Err(Fault::new(FaultKind::Config, format!("the base URL {what}"))
            .hint("write it as https://host/v1, without /embeddings or /chat/completions"))
    };
    let url = base_url.trim();
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return wrong("does not begin with http:// or https://");
    };
    if url.bytes().any(|byte| !byte.is_ascii_graphic()) || url.contains('#') {
        return wrong("holds a space, a fragment, or characters that must be escaped");
    }
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.contains('@') {
        return wrong("names a user; keys go into the key setting");
    }
    if host.is_empty() || host.starts_with(':') || base.parse::<http::Uri>().is_err() {
        return wrong("names no host");
    }
    let query = query.filter(|query| !query.is_empty()).map(str::to_owned);
    Ok((base.trim_end_matches('/').to_owned(), query))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, path: &str) -> String {
        Endpoint::new(base, "m").unwrap().request(Method::GET, path, &HeaderMap::new(), Bytes::new()).url
    }

    #[test]
    fn paths_join_with_one_slash_and_queries_stay() {
        assert_eq!(url("https://api.example.org/v1", "/embeddings"), "https://api.example.org/v1/embeddings");
        assert_eq!(
            url("https://api.example.org/v1//", "/embeddings"),
            "https://api.example.org/v1/embeddings"
        );
        assert_eq!(url("http://localhost:80", "/x"), "http://localhost:80/x");
        assert_eq!(url("https://h/d?api-version=1", "/x"), "https://h/d/x?api-version=1");
        assert_eq!(url("https://h/d/?api-version=1", "/x?alt=sse"), "https://h/d/x?alt=sse&api-version=1");
        assert_eq!(url("https://h/d?", "/x"), "https://h/d/x");
    }

    #[test]
    fn a_base_that_is_no_address_is_refused() {
        for base in [
            "",
            "api.example.org",
            "ftp://h",
            "https://",
            "https:///v1",
            "https://u:p@h/v1",
            "https://h/ v1",
            "https://h#x",
            "http://:80",
            "https://[::1",
        ] {
            let fault = Endpoint::new(base, "m").err().unwrap();
            assert_eq!(fault.kind(), FaultKind::Config, "{base}");
            assert!(fault.hint_text().is_some());
        }
        assert!(Endpoint::new("https://h", " ").is_err());
    }

    #[test]
    fn keys_go_where_the_service_wants_them_and_print_nowhere() {
        let key = Secret::new("sk-canary-0123456789").unwrap();
        let endpoint = Endpoint::new("https://h/v1?sig=canary-in-query", "m").unwrap();
        for auth in [AuthStyle::Bearer, AuthStyle::Header(HeaderName::from_static("api-key"))] {
            let endpoint = endpoint
                .clone()
                .with_key(Some(key.clone()), auth)
                .with_header(HeaderName::from_static("x-team"), Secret::new("canary-in-header").unwrap());
            let request = endpoint.request(Method::POST, "/x", &HeaderMap::new(), Bytes::from_static(b"{}"));
            assert!(
                request.headers.values().any(|value| value.as_bytes().ends_with(b"sk-canary-0123456789"))
            );
            let printed = format!("{request:?} {:?}", request.headers);
            assert!(!printed.contains("canary"), "{printed}");
            let said = endpoint.redact("sk-canary-0123456789 canary-in-query canary-in-header fine");
            assert_eq!(said, "[redacted] [redacted] [redacted] fine");
        }
    }
}
