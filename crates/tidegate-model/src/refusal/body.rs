//! What the body of a refusal says, wherever a service puts it.

use std::time::Duration;

use serde_json::Value;

use crate::hint;

/// A larger body is no error message, and is not read as one.
const MOST: usize = 256 * 1024;
/// Where messages stand.
const MESSAGES: [&str; 11] = [
    "/error/message",
    "/error/metadata/raw",
    "/error/error",
    "/error",
    "/message",
    "/detail/message",
    "/detail/0/msg",
    "/detail",
    "/errors/0/message",
    "/msg",
    "/title",
];
/// Where codes and types stand.
const CODES: [&str; 12] = [
    "/error/code",
    "/error/type",
    "/error/status",
    "/error/innererror/code",
    "/code",
    "/type",
    "/status",
    "/error_type",
    "/error_code",
    "/name",
    "/raw_status_code",
    "/error/error_type",
];
/// Where waits stand as numbers of seconds.
const WAITS: [&str; 3] = ["/error/retry_after", "/retry_after", "/parameters/retry_after"];

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    /// The message.
    pub(super) message: Option<String>,
    /// Codes, types and reasons, in small letters.
    pub(super) codes: Vec<String>,
    /// The names of quotas that are used up.
    pub(super) quotas: Vec<String>,
    /// Whether the body has an `error` at all.
    pub(super) is_error: bool,
    /// Whether the input was held to be objectionable.
    pub(super) flagged: bool,
    wait: Option<Duration>,
}

impl ErrorBody {
    /// What `body` says; nothing if it is no JSON object.
    pub(super) fn read(body: &[u8]) -> Self {
        if body.len() > MOST {
            return Self::default();
        }
        match serde_json::from_slice(body) {
            // Gemini wraps the error of a stream into a list.
            Ok(Value::Array(mut list)) if !list.is_empty() => Self::of(&list.swap_remove(0)),
            Ok(value @ Value::Object(_)) => Self::of(&value),
            _ => Self::default(),
        }
    }

    fn of(value: &Value) -> Self {
        let details =
            value.pointer("/error/details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut codes: Vec<String> = CODES.iter().filter_map(|path| code(value.pointer(path)?)).collect();
        codes.extend(details.iter().filter_map(|detail| code(detail.get("reason")?)));
        let violations = details.iter().filter_map(|detail| detail.get("violations")?.as_array()).flatten();
        let quotas = violations.filter_map(|violation| code(violation.get("quotaId")?)).collect();
        let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str());
        Self {
            message: MESSAGES
                .iter()
                .find_map(|path| value.pointer(path)?.as_str())
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            codes,
            quotas,
            is_error: value.get("error").is_some_and(|error| !error.is_null())
                || value.get("type").is_some_and(|kind| kind == "error"),
            flagged: value.pointer("/error/metadata/flagged_input").is_some(),
            wait: delay
                .and_then(plain)
                .or_else(|| WAITS.iter().find_map(|path| plain(&value.pointer(path)?.to_string()))),
        }
    }

    /// How long the body asks to wait, in a field or in words.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.wait.or_else(|| hint::of_words(self.message.as_deref()?)).filter(|wait| !wait.is_zero())
    }

    /// The status that the body names, where it differs from that of the answer or where there is none.
    pub(super) fn status(&self) -> Option<u16> {
        self.codes.iter().filter_map(|code| code.parse().ok()).find(|status| (400..600).contains(status))
    }
}

/// An interval without a date, from any moment.
fn plain(text: &str) -> Option<Duration> {
    hint::interval(text.trim_matches('"'))
}

/// A code: a short text, or a number.
fn code(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.len() <= 120 => Some(text.to_ascii_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
