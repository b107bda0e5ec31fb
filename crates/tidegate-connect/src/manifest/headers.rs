//! The headers that a line asks for. Secrets are named, never written: a list of URLs is passed around.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tidegate_core::{Fault, FaultKind};

/// What belongs to the transport, or to whoever asks whether something changed.
const TAKEN: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Parts of the names of headers that hold secrets.
const SECRET: [&str; 7] = ["auth", "cookie", "credential", "key", "password", "secret", "token"];

/// Whether a name is one of something secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SECRET.iter().any(|part| lower.contains(part))
}

/// Headers of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether one of them is secret.
    pub(super) secret: bool,
}

/// Reads the headers of a line. No value is ever repeated in a fault.
///
/// # Errors
/// [`FaultKind::Validation`].
pub(super) fn read(value: &Value, secrets: &BTreeMap<String, HeaderValue>) -> Result<Asked, Fault> {
    let wrong = |message: String| Fault::new(FaultKind::Validation, message);
    let Some(table) = value.as_object() else {
        let fault = wrong("`headers` is no object".to_owned());
        return Err(fault.hint("write {\"Accept-Language\": \"de\"}"));
    };
    let mut asked = Asked::default();
    for (name, value) in table {
        let shown = name.escape_debug();
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| wrong(format!("`{shown}` cannot name a header")))?;
        if TAKEN.contains(&header.as_str()) {
            return Err(wrong(format!("the header `{shown}` is set by tidegate itself")).hint("leave it out"));
        }
        let value = match value {
            Value::String(_) if is_secret_name(name) => {
                let fault = wrong(format!("a secret stands in the list, for the header `{shown}`"));
                return Err(fault.hint("name its place: {\"env\": \"NAME\"} or {\"file\": \"PATH\"}"));
            }
            Value::String(text) => HeaderValue::try_from(text.as_str())
                .map_err(|_| wrong(format!("the header `{shown}` holds what no header may hold")))?,
            place => {
                asked.secret = true;
                secret(&header, place, secrets)
                    .map_err(|fault| fault.during(format!("the header `{shown}`")))?
            }
        };
        asked.headers.push((header, value));
    }
    Ok(asked)
}

/// The secret that `place` names, if this run may send it. Were any name good enough, a list written by somebody else
/// could have every variable of the environment sent to a server of theirs.
fn secret(
    header: &HeaderName,
    place: &Value,
    secrets: &BTreeMap<String, HeaderValue>,
) -> Result<HeaderValue, Fault> {
    let wrong = |message: String| Fault::new(FaultKind::Validation, message);
    let named = place.as_object().filter(|place| place.len() == 1).and_then(|place| place.iter().next());
    let Some((kind, Some(name))) = named.map(|(kind, name)| (kind.as_str(), name.as_str())) else {
        return Err(wrong("the value is neither text nor the place of a secret".to_owned())
            .hint("write {\"env\": \"NAME\"} or {\"file\": \"PATH\"}"));
    };
    let (key, flag) = match kind {
        "env" => (format!("env:{name}"), name.to_owned()),
        "file" => (format!("file:{name}"), format!("file:{name}")),
        _ => return Err(wrong("a secret is in a variable (env) or in a file".to_owned())),
    };
    let Some(value) = secrets.get(&key) else {
        let message = format!("this run may not send the secret {}", flag.escape_debug());
        return Err(wrong(message).hint(format!("allow it with --secret {}", flag.escape_debug())));
    };
    let bare = header == AUTHORIZATION && !value.as_bytes().contains(&b' ');
    let mut value = if bare {
        HeaderValue::try_from([b"Bearer ", value.as_bytes()].concat()).unwrap_or_else(|_| value.clone())
    } else {
        value.clone()
    };
    value.set_sensitive(true);
    Ok(value)
}
