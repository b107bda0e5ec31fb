//! `[[stage]] type = "http"`: any service that is asked about each record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::headers::Headers;
use super::period::Period;

/// How a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Asking a service about each record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// What the stage is called in reports; needed where there are several of its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lookup")]
    pub name: Option<String>,
    /// Asks only about records for which this holds; the others pass by unchanged. An expression in the language of jq
    /// over `text`, `heading`, `title`, `source` and `fields`, such as .fields.lang == "en".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"(.text | length) > 200")]
    pub when: Option<String>,
    /// "GET", "POST", "PUT", "PATCH" or "DELETE".
    pub method: Method,
    /// Where the service is, as a template over `text`, `heading`, `title`, `source`, `fields` and `vector`. What is
    /// filled in is escaped, and cannot change the host.
    pub url: String,
    /// What is sent, as a template over the same; write JSON with `tojson`: { "q": {{ text | tojson }} }.
    pub body: String,
    /// Further headers: templates, or secrets as { env = "NAME" } or { file = "PATH" }. A secret for Authorization
    /// that names no scheme is sent as a bearer token.
    pub headers: Headers,
    /// Where in the JSON of the answer the value is, such as "results[0].name"; all of it if empty.
    pub answer: String,
    /// The field that takes the value.
    pub field: String,
    /// The most requests a minute; 0 if not known: it is then learned from what the service says.
    pub requests_per_minute: u64,
    /// Requests in flight; 0 finds out how many the service bears.
    pub concurrency: u32,
    /// How long to wait for the first byte of an answer; "0s" takes 30s.
    pub timeout: Period,
    /// How long a kept answer counts before the service is asked again; "0s" is for ever.
    pub fresh_for: Period,
    /// Send an Idempotency-Key with POST and PATCH, and repeat them where an answer was lost. Without one they are
    /// sent once, unless `headers` brings a key.
    pub idempotency_key: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            name: None,
            when: None,
            method: Method::Get,
            url: String::new(),
            body: String::new(),
            headers: Headers::default(),
            answer: String::new(),
            field: "http".to_owned(),
            requests_per_minute: 0,
            concurrency: 0,
            timeout: Period::from_millis(0),
            fresh_for: Period::from_millis(0),
            idempotency_key: true,
        }
    }
}
