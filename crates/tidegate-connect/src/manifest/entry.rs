//! One line of a list of URLs.

use std::collections::BTreeMap;
use std::path::Path;

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tidegate_core::{Fault, FaultKind, Fields};

use super::headers::{self, Asked};
use super::mark::short_hash;
use crate::guard::{Policy, Url};
use crate::key::encode_key;

/// A document to fetch.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it is.
    pub(super) url: Url,
    /// What it is called within its list.
    pub(super) id: String,
    /// Sent with the request, and with no other server's.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// What the line calls the document's state.
    pub(super) given: Option<String>,
    /// What the line calls the file.
    pub(super) name: Option<String>,
    /// What else the line says of the document.
    pub(super) fields: Fields,
    /// Hash of all that decides what is stored beside the document itself.
    pub(super) line: String,
    /// Whether the line says anything but the URL.
    pub(super) says_more: bool,
}

/// What is wrong with a line. The line is not repeated: it may hold what its writer should not have put there.
pub(super) struct Wrong {
    /// The document that it names all the same.
    pub(super) id: Option<String>,
    pub(super) fault: Fault,
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self { id: None, fault }
    }
}

/// Reads a line; `None` for one that holds nothing: a blank one, or a comment in a plain list.
///
/// # Errors
/// [`FaultKind::Malformed`], [`FaultKind::Validation`] or [`FaultKind::Forbidden`].
pub(super) fn read(
    line: &[u8],
    policy: Policy,
    secrets: &BTreeMap<String, HeaderValue>,
) -> Result<Option<Entry>, Wrong> {
    let line = std::str::from_utf8(line).map_err(|_| {
        Fault::new(FaultKind::Encoding, "not UTF-8").hint("convert the list, for example with iconv")
    })?;
    let line = line.trim();
    match line.bytes().next() {
        None | Some(b'#') => Ok(None),
        Some(b'{') => of_object(line, policy, secrets).map(Some),
        Some(_) => of_url(line, policy).map(Some).map_err(|fault| Wrong { id: typed_id(line), fault }),
    }
}

/// Whether a line names a document.
pub(crate) fn fuzz_line(line: &[u8], policy: Policy, secrets: &BTreeMap<String, HeaderValue>) -> bool {
    let Ok(Some(entry)) = read(line, policy, secrets) else { return false };
    assert!(!entry.id.is_empty() && !entry.line.is_empty(), "a document without a name");
    assert!(entry.headers.iter().all(|(name, _)| !name.as_str().is_empty()));
    let again = Url::parse(entry.url.as_str(), policy);
    assert!(again.is_ok_and(|again| again.as_str() == entry.url.as_str()), "a URL that is not in one form");
    true
}

/// What a document is called whose URL is refused: as far as that can be told, what it would be called otherwise.
fn typed_id(url: &str) -> Option<String> {
    let plain = url.len() <= 1_024 && !url.contains(['?', '@', '#']) && url.contains("://");
    plain.then(|| encode_key(Path::new(url)))
}

/// A document known by its URL alone.
///
/// # Errors
/// As [`read`].
pub(super) fn of_url(text: &str, policy: Policy) -> Result<Entry, Fault> {
    let url = Url::parse(text, policy)?;
    let fields = Fields::from_iter([("url".to_owned(), shown(&url).into())]);
    Ok(Entry {
        id: own_id(&url),
        line: short_hash(url.as_str()),
        url,
        headers: Vec::new(),
        given: None,
        name: None,
        fields,
        says_more: false,
    })
}

fn of_object(line: &str, policy: Policy, secrets: &BTreeMap<String, HeaderValue>) -> Result<Entry, Wrong> {
    let wrong = |message: &str| Fault::new(FaultKind::Malformed, message);
    let mut fields: Fields = serde_json::from_str(line).map_err(|error| {
        wrong(&format!("no JSON object (column {})", error.column()))
            .hint("each line is a URL, or an object such as {\"id\": \"a\", \"url\": \"https://…\"}")
    })?;
    let text = |fields: &mut Fields, name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(wrong(&format!("`{name}` is no text"))),
    };
    let id = match fields.get("id") {
        None => None,
        Some(Value::String(id)) if !id.is_empty() => Some(encode_key(Path::new(id))),
        Some(Value::Number(id)) if !id.is_f64() => Some(id.to_string()),
        Some(_) => return Err(wrong("`id` is neither text nor a whole number").into()),
    };
    let mut of_fields = || {
        let typed = text(&mut fields, "url")?.ok_or_else(|| wrong("no `url`"))?;
        let (given, name) = (text(&mut fields, "etag")?, text(&mut fields, "file_name")?);
        let url = Url::parse(&typed, policy)?;
        let asked = fields.remove("headers").map(|value| headers::read(&value, secrets)).transpose()?;
        let Asked { headers, secret } = asked.unwrap_or_default();
        if secret && !url.is_encrypted() && !policy.private {
            let fault = Fault::new(FaultKind::Validation, "a secret would be sent in the clear");
            return Err(fault.hint("write https://"));
        }
        let says_more = !fields.is_empty();
        fields.insert("url".to_owned(), shown(&url).into());
        let decisive = serde_json::to_string(&(url.as_str(), &fields, &name)).unwrap_or_default();
        let line = short_hash(&decisive);
        let (id, fields) = (own_id(&url), std::mem::take(&mut fields));
        Ok(Entry { line, url, id, headers, given, name, fields, says_more })
    };
    match of_fields() {
        Ok(entry) => Ok(Entry { id: id.unwrap_or(entry.id.clone()), ..entry }),
        Err(fault) => Err(Wrong { id, fault }),
    }
}

/// Whether a query holds what gives access. Such URLs are made anew for each visitor.
fn holds_secret(url: &Url) -> bool {
    let (_, query) = url.as_str().split_once('?').unwrap_or_default();
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    names.into_iter().any(|name| headers::is_secret_name(name) || name.to_ascii_lowercase().contains("sig"))
}

/// The URL as it may be kept.
fn shown(url: &Url) -> String {
    if holds_secret(url) { url.place().to_owned() } else { url.as_str().to_owned() }
}

/// What a document without an id is called.
fn own_id(url: &Url) -> String {
    if holds_secret(url) {
        format!("{}?{}", url.place(), short_hash(url.as_str()))
    } else {
        url.as_str().to_owned()
    }
}
