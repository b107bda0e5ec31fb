//! Carries the library's requests over the transport that everything else goes over.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream as _, StreamExt as _};
use http::header::{CONTENT_LENGTH, HOST, RETRY_AFTER};
use http::{HeaderMap, Method, Response};
use http_body::{Body as _, Frame};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use tidegate_core::{Incoming, Pieces, Transport, WireFault, WireFaultKind};

use super::errors::{Lost, Refused};
use super::names::readable;
use super::place::Service;

/// No page of a listing is longer, in bytes.
const LONGEST_PAGE: usize = 64 << 20;
/// What is read of an answer that refuses.
const LONGEST_REFUSAL: usize = 64 << 10;
/// Where credentials are handed out is near, or nowhere.
const NEAR: Duration = Duration::from_secs(3);

/// Speaks for one bucket.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) storage: Arc<dyn Transport>,
    pub(super) keys: Arc<dyn Transport>,
    pub(super) timeout: Duration,
    pub(super) service: Service,
    /// Host and port of the endpoint, where one was named.
    pub(super) endpoint: Option<String>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("service", &self.service).finish_non_exhaustive()
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let ours = parts.uri.authority().is_some_and(|authority| self.is_storage(authority.as_str()));
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let lists = ours && parts.method == Method::GET && is_listing(&query);
        let timeout = if ours { self.timeout } else { self.timeout.min(NEAR) };
        let mut headers = parts.headers;
        headers.remove(HOST);
        headers.remove(CONTENT_LENGTH);
        let request = tidegate_core::HttpRequest {
            method: parts.method,
            url: parts.uri.to_string(),
            headers,
            body: whole(body).await?,
        };
        let transport = if ours { &self.storage } else { &self.keys };
        let lost = |fault| lost(fault, !ours);
        let answer = tokio::time::timeout(timeout, transport.send(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(silent(WireFaultKind::FirstByteTimeout))).map_err(lost)?;
        let Incoming { head, body } = answer;
        let mut coming = Coming { body, timeout, keys: !ours };
        if ours
            && (head.status.is_client_error()
                || head.status.is_server_error()
                || head.status.is_redirection())
        {
            let said = coming.read(LONGEST_REFUSAL).await.unwrap_or_default();
            return Err(refused(head.status.as_u16(), &head.headers, &said));
        }
        let mut response = Response::builder().status(head.status);
        if let Some(headers) = response.headers_mut() {
            *headers = head.headers;
        }
        let body = if lists {
            let page = coming.read(LONGEST_PAGE).await?;
            if let Some(headers) = response.headers_mut() {
                headers.remove(CONTENT_LENGTH);
            }
            HttpResponseBody::from(self.listing(page))
        } else {
            coming.into_body()
        };
        response.body(body).map_err(|error| HttpError::new(HttpErrorKind::Decode, error))
    }
}

impl Wire {
    /// Whether a request to this authority is one to the service, and not one for credentials.
    fn is_storage(&self, authority: &str) -> bool {
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        match &self.endpoint {
            Some(endpoint) => {
                authority == endpoint
                    || authority.strip_suffix(endpoint.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            None => match self.service {
                Service::S3 => {
                    let host = authority
                        .split('.')
                        .any(|part| part == "s3" || part.starts_with("s3-") || part.starts_with("s3express"));
                    host && (authority.ends_with(".amazonaws.com")
                        || authority.ends_with(".amazonaws.com.cn"))
                }
                Service::Gs => authority == "storage.googleapis.com",
                Service::Az => {
                    authority.ends_with(".core.windows.net") || authority.ends_with(".fabric.microsoft.com")
                }
            },
        }
    }

    /// A page of a listing as the library can read it.
    fn listing(&self, page: Vec<u8>) -> Vec<u8> {
        let tag = if self.service == Service::Az { "Name" } else { "Key" };
        match std::str::from_utf8(&page) {
            Ok(text) => match readable(text, tag) {
                std::borrow::Cow::Borrowed(_) => page,
                std::borrow::Cow::Owned(text) => text.into_bytes(),
            },
            Err(_) => page,
        }
    }
}

fn is_listing(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair, "list-type=2" | "comp=list"))
}

/// The body of a request; it is in memory already.
async fn whole(mut body: HttpRequestBody) -> Result<Bytes, HttpError> {
    if let Some(bytes) = body.as_bytes() {
        return Ok(bytes.clone());
    }
    let mut all = Vec::with_capacity(body.content_length());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        all.extend_from_slice(&frame?.into_data().unwrap_or_default());
    }
    Ok(all.into())
}

/// A body as it comes, with a limit to how long it may pause.
struct Coming {
    body: Box<dyn Pieces>,
    timeout: Duration,
    keys: bool,
}

impl Coming {
    async fn next(&mut self) -> Option<Result<Bytes, HttpError>> {
        let piece = tokio::time::timeout(self.timeout, self.body.next()).await;
        let piece = piece.unwrap_or_else(|_| Some(Err(silent(WireFaultKind::IdleTimeout))))?;
        Some(piece.map_err(|fault| lost(fault, self.keys)))
    }

    /// All of it, up to `most` bytes.
    async fn read(&mut self, most: usize) -> Result<Vec<u8>, HttpError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
            if all.len() > most {
                return Err(lost(
                    WireFault::new(WireFaultKind::TooLarge, "an answer without an end"),
                    self.keys,
                ));
            }
        }
        Ok(all)
    }

    fn into_body(self) -> HttpResponseBody {
        let pieces = stream::unfold(self, |mut coming| async move {
            let piece = coming.next().await?;
            Some((piece.map(Frame::data), coming))
        });
        HttpResponseBody::new(Body(Mutex::new(pieces.boxed())))
    }
}

/// A body as the library takes it. It wants to share it between threads, which nobody does: the lock is never taken.
struct Body(Mutex<BoxStream<'static, Result<Frame<Bytes>, HttpError>>>);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let pieces = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(pieces).poll_next(cx)
    }
}

fn silent(kind: WireFaultKind) -> WireFault {
    WireFault::new(kind, "no answer in time")
}

fn lost(fault: WireFault, keys: bool) -> HttpError {
    use WireFaultKind as K;
    let kind = match fault.kind {
        K::Dns | K::ConnectRefused | K::Connect | K::ConnectTimeout => HttpErrorKind::Connect,
        kind if kind.is_timeout() => HttpErrorKind::Timeout,
        K::Reset | K::Cut => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, Lost { fault, keys })
}

/// Statuses that pass by themselves are called what the library repeats; what an object is in stays.
fn refused(status: u16, headers: &HeaderMap, said: &[u8]) -> HttpError {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("x-ms-error-code").map(str::to_owned).unwrap_or_else(|| code_of(said));
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(80).collect();
    let wait =
        text(RETRY_AFTER.as_str()).and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let kind = match status {
        // The library knows nothing of hints, and would not wait.
        _ if wait.is_some_and(|wait| wait > Duration::ZERO) => HttpErrorKind::Unknown,
        408 | 429 | 500.. => HttpErrorKind::Request,
        409 if code == "ConditionalRequestConflict" => HttpErrorKind::Request,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, Refused { status, code, wait })
}

/// What the body of a refusal calls it.
fn code_of(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let code = said.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map(|(code, _)| code.to_owned()).unwrap_or_default()
}
