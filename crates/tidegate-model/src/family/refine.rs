//! What services of one family say in words of their own, beyond what refusals have in common.
//!
//! Words are searched only where neither status nor code has told more, and only for kinds that leave room for doubt.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tidegate_core::Refusal;
use tidegate_core::RefusalKind::{
    self, BadRequest, Exhausted, NotFound, RateLimited, TooLarge, Unauthorised, Unavailable,
};
use tidegate_core::wire::Answer;

use crate::draft::Wrong;
use crate::profile::Family;
use crate::refusal::shown;
use crate::service::Service;

/// In small letters: whose, what it would be taken for, the words, what it is.
const WORDS: &[(Family, RefusalKind, &str, RefusalKind)] = &[
    (Family::Anthropic, BadRequest, "exceed context limit", TooLarge),
    (Family::Anthropic, BadRequest, "reached your specified api usage limits", Exhausted),
    (Family::Gemini, BadRequest, "input token count", TooLarge),
    (Family::Gemini, BadRequest, "payload size exceeds", TooLarge),
    (Family::Gemini, BadRequest, "location is not supported", Unauthorised),
    (Family::Gemini, RateLimited, "credits are depleted", Exhausted),
    (Family::Cohere, BadRequest, "number of texts must be at most", TooLarge),
    (Family::Cohere, BadRequest, "too many texts", TooLarge),
    (Family::Cohere, BadRequest, "is too long", TooLarge),
    (Family::Cohere, BadRequest, "must be no longer than", TooLarge),
    (Family::Ollama, BadRequest, "does not support", NotFound),
    (Family::Ollama, Unavailable, "does not support", NotFound),
    (Family::Ollama, RateLimited, "usage limit", Exhausted),
];

/// What is told of an error without words.
const SILENT: &str = "the service sent an error without a message";
/// Cohere's status for what its filter will not read.
const BLOCKED: u16 = 498;

/// Nothing, if the status of `answer` is a good one.
///
/// # Errors
/// Any other status.
pub(crate) fn good(service: &Service, answer: &Answer) -> Result<(), Refusal> {
    if answer.head.status.is_success() { Ok(()) } else { Err(refine(service, service.bad(answer, ""))) }
}

/// The refusal that an answer with a good status is in which something is wrong.
pub(crate) fn bad(service: &Service, answer: &Answer, wrong: Wrong) -> Refusal {
    match wrong {
        Wrong::Sent => said(service, service.bad(answer, SILENT), true),
        Wrong::Broken(what) => {
            let refusal = service.bad(answer, &format!("the answer is not what was expected: {what}"));
            said(service, refusal, is_error(&answer.body))
        }
        Wrong::Failed(words) => failed(service, service.bad(answer, ""), &words),
    }
}

/// The refusal that a piece of a stream is in which something is wrong.
pub(crate) fn bad_frame(service: &Service, frame: &[u8], wrong: Wrong) -> Refusal {
    match wrong {
        Wrong::Sent => said(service, service.bad_frame(frame, SILENT), true),
        Wrong::Broken(what) => {
            let refusal = service.bad_frame(frame, &format!("the stream is not what was expected: {what}"));
            said(service, refusal, is_error(frame))
        }
        Wrong::Failed(words) => failed(service, service.bad_frame(frame, ""), &words),
    }
}

/// Whether `body` is an error, whatever its status.
fn is_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        error: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Body>(body).is_ok_and(|body| body.error.is_some())
}

/// What is an error with a good status and without a known reason is a service that failed, not an answer that is
/// none.
fn said(service: &Service, refusal: Refusal, error: bool) -> Refusal {
    let kind = if error && refusal.kind == RefusalKind::BadResponse { Unavailable } else { refusal.kind };
    refine(service, Refusal { kind, ..refusal })
}

fn failed(service: &Service, refusal: Refusal, words: &str) -> Refusal {
    Refusal { kind: Unavailable, message: shown(&service.endpoint().redact(words)), ..refusal }
}

fn refine(service: &Service, mut refusal: Refusal) -> Refusal {
    let family = service.profile().family;
    let message = refusal.message.to_ascii_lowercase();
    let entry = WORDS.iter().find(|(whose, taken, words, _)| {
        (*whose, *taken) == (family, refusal.kind) && message.contains(words)
    });
    if let Some((_, _, _, kind)) = entry {
        refusal.kind = *kind;
    }
    if family == Family::Cohere && refusal.status == BLOCKED {
        refusal.kind = BadRequest;
    }
    if refusal.kind == Exhausted {
        // Such a wait is about the next request, not about the money.
        refusal.wait = refusal.wait.filter(|_| entry.is_none());
    }
    if family == Family::Ollama && refusal.kind == NotFound && message.contains("model") {
        refusal.message = format!("{}; type: ollama pull {}", refusal.message, service.model());
    }
    refusal
}
