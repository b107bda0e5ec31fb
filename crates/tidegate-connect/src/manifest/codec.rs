//! What servers of documents answer, in the words of the call layer.

use std::sync::Arc;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use tidegate_core::{
    Answer, Charge, Codec, ContentHash, Fault, FaultKind, Head, HttpRequest, Refusal, RefusalKind, Reply,
    Shape, Taker,
};

use super::date;
use super::download::Download;

/// Asks for documents.
pub(super) struct Documents;

/// What was answered.
#[derive(Debug, Clone)]
pub(super) enum Arrived {
    /// The document is there, with these headers.
    Whole(Arc<HeaderMap>),
    /// It is as it was.
    NotModified,
    /// It is elsewhere.
    Elsewhere(Arc<str>),
    /// It is not there any more.
    Gone(u16),
    /// Somebody answered.
    Somebody,
}

/// What a status other than the usual ones means.
enum Meaning {
    /// The document's own fault.
    Document(Fault),
    /// The server's.
    Server(RefusalKind, &'static str),
}

impl Codec for Documents {
    type Item = Arc<Download>;
    type Answer = Arrived;

    fn key(&self, _: &Arc<Download>) -> Option<ContentHash> {
        None // documents change
    }

    fn estimate(&self, items: &[Arc<Download>]) -> Charge {
        Charge { inputs: items.len() as u64, ..Charge::default() }
    }

    fn shape(&self) -> Shape {
        Shape { items: 1, ..Shape::default() }
    }

    fn encode(&self, items: &[Arc<Download>]) -> Result<HttpRequest, Fault> {
        Ok(one(items)?.request())
    }

    fn taker(&self, items: &[Arc<Download>], head: &Head) -> Option<Box<dyn Taker>> {
        items.first().map(|download| download.taker(head))
    }

    fn decode(&self, items: &[Arc<Download>], answer: &Answer) -> Result<Reply<Arrived>, Refusal> {
        let head = &answer.head;
        let refuse = |kind, message: &str| Refusal {
            kind,
            status: head.status.as_u16(),
            message: message.to_owned(),
            wait: date::retry_after(&head.headers, head.at),
            request_id: None,
            excerpt: bytes::Bytes::new(),
        };
        let download = one(items).map_err(|fault| refuse(RefusalKind::BadResponse, fault.message()))?;
        let arrived = match (head.status, download.is_knock()) {
            (status, true) => match meaning(status) {
                Meaning::Server(kind, message) => return Err(refuse(kind, message)),
                Meaning::Document(_) => Ok(Arrived::Somebody),
            },
            (StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION | StatusCode::PARTIAL_CONTENT, _) => {
                match download.is_whole() {
                    Ok(true) => Ok(Arrived::Whole(Arc::new(head.headers.clone()))),
                    Ok(false) => {
                        return Err(refuse(RefusalKind::BadResponse, "only a part of the document came"));
                    }
                    Err(fault) => Err(fault),
                }
            }
            (StatusCode::NOT_MODIFIED, _) if download.is_conditional() => Ok(Arrived::NotModified),
            (status @ (StatusCode::NOT_FOUND | StatusCode::GONE), _) => Ok(Arrived::Gone(status.as_u16())),
            (status, _) if is_redirect(status) && location(&head.headers).is_some() => {
                Ok(Arrived::Elsewhere(location(&head.headers).unwrap_or_default().into()))
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                download.start_over();
                return Err(refuse(RefusalKind::BadResponse, "the rest of the document cannot be had"));
            }
            (status, _) => match meaning(status) {
                Meaning::Document(fault) => Err(fault),
                Meaning::Server(kind, message) => return Err(refuse(kind, message)),
            },
        };
        Ok(Reply { answers: vec![arrived], usage: None, model: None })
    }
}

fn one(items: &[Arc<Download>]) -> Result<&Arc<Download>, Fault> {
    items.first().ok_or_else(|| Fault::new(FaultKind::Internal, "a request for no document"))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn location(headers: &HeaderMap) -> Option<&str> {
    // Many servers send UTF-8 here, which the guard encodes.
    headers.get(LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// A server that has trouble is given time, and charged to a document only if it answers for others meanwhile; what it
/// says of the document itself stands.
fn meaning(status: StatusCode) -> Meaning {
    let document = |kind, message: &str, hint: &str| {
        Meaning::Document(Fault::new(kind, format!("{}: {message}", status.as_u16())).hint(hint))
    };
    match status.as_u16() {
        429 => Meaning::Server(RefusalKind::RateLimited, "the server asks for fewer requests"),
        408 | 421 | 425 | 500 | 502..=504 | 507..=599 => {
            Meaning::Server(RefusalKind::Unavailable, "the server has trouble")
        }
        401 | 403 | 407 => document(
            FaultKind::Unreadable,
            "the server does not let this request in",
            "give the line `headers` with a secret: {\"Authorization\": {\"env\": \"NAME\"}}, and --secret NAME",
        ),
        402 => document(FaultKind::Unreadable, "the server wants money", "leave the line out"),
        451 => document(FaultKind::Unreadable, "the document is withheld by law", "leave the line out"),
        200..=299 | 304 => {
            document(FaultKind::BadResponse, "a good status without a document", "look at the URL")
        }
        300..=399 => document(FaultKind::Refused, "the server names no other place", "correct the URL"),
        _ => document(FaultKind::Refused, "the server refuses the request", "correct the URL"),
    }
}
