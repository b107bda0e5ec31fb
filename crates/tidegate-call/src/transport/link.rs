//! One connection, driven by whoever waits on it.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tidegate_core::{WireFault, WireFaultKind};
use tokio::time::Instant;

use super::io::Io;

/// The largest head and the largest piece of a body that is read at once. Bounds what a connection holds in memory.
const BUFFER: usize = 64 * 1024;

/// A body that is all there.
pub(super) struct Whole(Option<Bytes>);

impl Whole {
    /// Nothing is sent where `bytes` is empty.
    pub(super) fn new(bytes: Bytes) -> Self {
        Self((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Counts a connection for as long as it lives.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// One more.
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a request did not get its head.
pub(super) enum Unsent {
    /// The connection had ended before a byte was written: the request is given back, to be sent on another.
    Back(Box<http::Request<Whole>>),
    /// It was written, at least in part.
    Lost(WireFault),
}

/// A connection.
pub(super) struct Link {
    send: SendRequest<Whole>,
    /// Reads and writes while it is polled; `None` once it has ended.
    drive: Option<Connection<TokioIo<Io>, Whole>>,
    /// When it was made: names are looked up again when it is replaced.
    pub(super) born: Instant,
    /// When it was last put aside.
    pub(super) idle: Instant,
    /// A number of its own.
    number: u64,
    _counted: Counted,
}

impl Link {
    /// Speaks HTTP/1.1 on `io`.
    ///
    /// # Errors
    /// [`WireFaultKind::Connect`], which does not happen: nothing is exchanged yet.
    pub(super) async fn new(io: Io, number: u64, counted: Counted) -> Result<Self, WireFault> {
        let made = Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(io)).await;
        let (send, drive) =
            made.map_err(|error| WireFault::new(WireFaultKind::Connect, error.to_string()))?;
        let now = Instant::now();
        Ok(Self { send, drive: Some(drive), born: now, idle: now, number, _counted: counted })
    }

    /// How long it may be used where connections may live for `longest`: between three quarters of it and the whole,
    /// so that connections made together are not remade together.
    pub(super) fn life(&self, longest: Duration) -> Duration {
        let share = (self.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u32; // of 256
        longest - longest / 1024 * share
    }

    /// Lets the connection read and write what it can. Ready once it has ended.
    pub(super) fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(drive) = &mut self.drive else { return Poll::Ready(()) };
        // Its error reaches whoever waits for the answer; here it only means the end.
        match Pin::new(drive).poll(cx) {
            Poll::Ready(_) => {
                self.drive = None;
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether another request can be sent, after letting the connection see whether the other side has closed it.
    pub(super) fn poll_usable(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_drive(cx).is_pending() && matches!(self.send.poll_ready(cx), Poll::Ready(Ok(())))
    }

    /// Sends `request` and waits for the head.
    pub(super) async fn send(
        &mut self,
        request: http::Request<Whole>,
    ) -> Result<http::Response<hyper::body::Incoming>, Unsent> {
        let mut answer = pin!(self.send.try_send_request(request));
        let drive = &mut self.drive;
        let answered = std::future::poll_fn(|cx| {
            loop {
                if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                    return Poll::Ready(answer);
                }
                let Some(driven) = drive else { return Poll::Pending };
                if Pin::new(driven).poll(cx).is_pending() {
                    return answer.as_mut().poll(cx); // the drive may have brought it
                }
                *drive = None; // ended: the answer, or its fault, is there now
            }
        })
        .await;
        answered.map_err(|mut error| match error.take_message() {
            Some(request) => Unsent::Back(Box::new(request)),
            None => Unsent::Lost(before_head(error.error())),
        })
    }
}

/// What `error` says of a request whose head did not come.
fn before_head(error: &hyper::Error) -> WireFault {
    if error.is_parse() {
        return WireFault::new(
            WireFaultKind::NotHttp,
            format!("what came is not http: {}", innermost(error)),
        );
    }
    WireFault::new(
        WireFaultKind::Reset,
        format!("the connection ended before the answer: {}", innermost(error)),
    )
}

/// What `error` says of an answer whose body did not end.
pub(super) fn in_body(error: &hyper::Error) -> WireFault {
    WireFault::new(WireFaultKind::Cut, format!("the answer broke off: {}", innermost(error)))
}

/// The words of the system where it spoke, else the client's own.
fn innermost(error: &hyper::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(system) = inner.downcast_ref::<io::Error>() {
            return system.to_string();
        }
        cause = inner.source();
    }
    error.to_string()
}
