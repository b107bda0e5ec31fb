//! Why an answer is none: status, headers and body of a refusal, or of what only looks like an answer, made into
//! one kind with the service's own words.

mod body;
mod kind;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tidegate_core::wire::{Answer, Head};
use tidegate_core::{Refusal, RefusalKind};

use crate::endpoint::Endpoint;
use crate::hint;
use crate::profile::Profile;
use crate::quota;

use body::ErrorBody;

/// Characters of a message.
const MESSAGE: usize = 300;
/// Characters of a request id.
const ID: usize = 100;
/// Bytes of a body that are kept for the quarantine.
const EXCERPT: usize = 2_048;
/// Headers that name a request, the service's own first.
const IDS: [&str; 5] = ["x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "cf-ray"];

/// The refusal that `answer` is. Call it for any status but a good one, or for a good one that brought no answer:
/// `wrong` then says what was expected.
#[must_use]
pub fn of_answer(profile: &Profile, endpoint: &Endpoint, answer: &Answer, wrong: Option<&str>) -> Refusal {
    let head = &answer.head;
    let body = ErrorBody::read(&answer.body);
    let said = kind::Said { status: head.status.as_u16(), headers: &head.headers, body: &body };
    let asked = hint::of_headers(head).or_else(|| body.wait());
    let wait = asked.or_else(|| drained(profile, head));
    let kind = kind::of(&said, wait);
    // What failed otherwise did not fail because a limit was used up, and may work long before that fills.
    let wait = if for_a_limit(kind) { wait } else { asked };
    let message = match (&body.message, wrong) {
        (Some(message), _) => message.clone(),
        (None, Some(wrong)) if head.status.is_success() => instead(&answer.body, wrong),
        (None, _) => without_message(head, &answer.body),
    };
    Refusal {
        kind,
        status: head.status.as_u16(),
        message: shown(&endpoint.redact(&message)),
        wait: worth(kind, wait),
        request_id: request_id(&head.headers),
        excerpt: excerpt(endpoint, &answer.body),
    }
}

/// The refusal that an error in the middle of a stream is, whose head was a good one. `body` is the frame.
#[must_use]
pub fn of_frame(endpoint: &Endpoint, body: &[u8], wrong: &str) -> Refusal {
    let said = ErrorBody::read(body);
    let wait = said.wait();
    let kind = kind::of(&kind::Said { status: 200, headers: &HeaderMap::new(), body: &said }, wait);
    let message = said.message.clone().unwrap_or_else(|| instead(body, wrong));
    Refusal {
        kind,
        status: 200,
        message: shown(&endpoint.redact(&message)),
        wait: worth(kind, wait),
        request_id: None,
        excerpt: excerpt(endpoint, body),
    }
}

/// `text` as it may be printed: without control characters, at most [`MESSAGE`] characters.
#[must_use]
pub fn shown(text: &str) -> String {
    shorten(text, MESSAGE)
}

fn shorten(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for character in text.trim().chars() {
        let piece: String = match character {
            '\n' | '\r' | '\t' => " ".to_owned(),
            // Beside control characters, those that turn the direction of text around, or are not seen at all.
            character if character.is_control() || is_unseen(character) => {
                character.escape_unicode().collect()
            }
            character => character.to_string(),
        };
        count += piece.chars().count();
        if count > most - 1 {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
    }
    shown
}

fn is_unseen(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// When the last of the limits is filled again that the head says are used up.
fn drained(profile: &Profile, head: &Head) -> Option<Duration> {
    let quotas = quota::of_head(profile, head);
    let resets = quotas.iter().filter(|quota| quota.remaining == Some(0)).filter_map(|quota| quota.reset);
    resets.max().filter(|wait| !wait.is_zero())
}

fn for_a_limit(kind: RefusalKind) -> bool {
    matches!(kind, RefusalKind::RateLimited | RefusalKind::Exhausted)
}

/// A quota that lasts until tomorrow is not back in the few seconds some services name nevertheless.
fn worth(kind: RefusalKind, wait: Option<Duration>) -> Option<Duration> {
    wait.filter(|wait| kind != RefusalKind::Exhausted || *wait >= Duration::from_secs(60))
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = IDS.iter().find_map(|name| headers.get(*name))?.to_str().ok()?;
    (!id.is_empty()).then(|| shorten(id, ID))
}

/// What came instead of what was expected.
fn instead(body: &[u8], wrong: &str) -> String {
    let start = body.trim_ascii_start();
    if start.is_empty() {
        return "the answer is empty".to_owned();
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        return "the answer begins with a byte order mark".to_owned();
    }
    if start[0] == b'<' { format!("the answer is HTML or XML: {}", title(body)) } else { wrong.to_owned() }
}

/// What a refusal without a message is called.
fn without_message(head: &Head, body: &[u8]) -> String {
    let status = head.status;
    let name = status
        .canonical_reason()
        .map_or_else(|| status.as_str().to_owned(), |name| format!("{} {name}", status.as_u16()));
    if status.is_redirection() {
        return format!("{name}: redirects are not followed; set the base URL to where the service is");
    }
    match body.trim_ascii_start().first() {
        None => name,
        Some(b'<') => format!("{name}: {}", title(body)),
        Some(_) => format!("{name}: {}", String::from_utf8_lossy(&body[..body.len().min(EXCERPT)])),
    }
}

/// The title of a page, or its beginning.
fn title(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]).into_owned();
    let lower = text.to_ascii_lowercase();
    let inner =
        lower.find("<title>").map(|at| at + 7).and_then(|from| Some(from..from + lower[from..].find('<')?));
    inner.map_or_else(|| text.clone(), |range| text[range].to_owned())
}

/// The first bytes of a body, without secrets. Redacted before it is cut, so that no half of a key stays.
fn excerpt(endpoint: &Endpoint, body: &[u8]) -> Bytes {
    let text = endpoint.redact(&String::from_utf8_lossy(&body[..body.len().min(2 * EXCERPT)]));
    let mut end = text.len().min(EXCERPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Bytes::from(text.into_bytes()).slice(..end)
}
