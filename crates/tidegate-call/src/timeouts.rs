//! How long to wait for what. Each time that can run out names itself in the fault.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidegate_core::{Answer, Head, HttpRequest, Incoming, Taker, Transport, WireFault, WireFaultKind};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::mutant::planted;

/// Times of one try. Making a connection is the transport's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// From the start to the end of the body.
    pub total: Duration,
    /// Until the first text of a stream.
    pub first_token: Duration,
    /// Between two texts of a stream.
    pub between_tokens: Duration,
}

impl Timeouts {
    /// For embeddings, rankings and lookups: an answer that takes longer is not coming.
    pub const EMBED: Self = Self {
        first_byte: Duration::from_secs(30),
        idle: Duration::from_secs(20),
        total: Duration::from_secs(60),
        first_token: Duration::from_secs(60),
        between_tokens: Duration::from_secs(30),
    };

    /// For generated answers. Never shorter than the service's own limit: a try that is given up earlier goes on
    /// being worked on, and is paid for.
    pub const CHAT: Self =
        Self { first_byte: Duration::from_secs(120), total: Duration::from_secs(600), ..Self::EMBED };
}

/// The clock of one try: what runs out next, and what never gets later than the end.
pub(crate) struct Clock {
    /// One timer for all times: they follow each other, and registering a timer costs more than moving one.
    timer: Pin<Box<Sleep>>,
    end: Instant,
    total: Duration,
}

impl Clock {
    /// Starts a try that has `total`, and ends at `deadline` at the latest.
    pub(crate) fn start(total: Duration, deadline: Option<Instant>) -> Self {
        let now = Instant::now();
        let end = now.checked_add(total).unwrap_or_else(|| now + Duration::from_secs(1 << 30));
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        Self { timer: Box::pin(sleep_until(end)), end, total: end.saturating_duration_since(now) }
    }

    /// Waits for `work`, at most for `limit`; then the fault is of `kind`, or of the total if that ends sooner.
    /// What is there at once costs no timer.
    pub(crate) async fn within<T>(
        &mut self,
        limit: Duration,
        kind: WireFaultKind,
        work: impl Future<Output = T>,
    ) -> Result<T, WireFault> {
        let mut work = std::pin::pin!(work);
        let mut set = false;
        let mut named = (kind, limit);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            if !set {
                set = true;
                let at = Instant::now().checked_add(limit).filter(|at| *at < self.end);
                if at.is_none() {
                    named = (WireFaultKind::TotalTimeout, self.total);
                }
                let at = at.unwrap_or(self.end);
                if self.timer.deadline() != at {
                    self.timer.as_mut().reset(at);
                }
            }
            self.timer.as_mut().poll(cx).map(|()| Err(ran_out(named.0, named.1)))
        })
        .await
    }
}

fn ran_out(kind: WireFaultKind, limit: Duration) -> WireFault {
    let what = match kind {
        WireFaultKind::FirstByteTimeout => "no answer began",
        WireFaultKind::FirstTokenTimeout => "no text came",
        WireFaultKind::IdleTimeout => "nothing more of the answer came",
        WireFaultKind::TokenTimeout => "no more text came",
        _ => "the whole exchange was not done",
    };
    WireFault::new(kind, format!("{what} within {limit:?}"))
}

/// Sends `request` and reads the whole answer; its body goes to whomever `taker` names.
///
/// # Errors
/// Where it was lost, or which time ran out.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(crate) async fn exchange(
    transport: &dyn Transport,
    request: HttpRequest,
    (times, clock): (&Timeouts, &mut Clock),
    taker: impl FnOnce(&Head) -> Option<Box<dyn Taker>>,
) -> Result<Answer, WireFault> {
    let sent = transport.send(request);
    let incoming = clock.within(times.first_byte, WireFaultKind::FirstByteTimeout, sent).await??;
    match taker(&incoming.head) {
        None => read_whole(incoming, times, clock).await,
        Some(taker) => hand_over(incoming, taker, (times, clock)).await,
    }
}

/// Hands what is left of an answer to `taker`, as it comes.
///
/// # Errors
/// As [`exchange`]; what came before is the taker's to keep.
async fn hand_over(
    mut incoming: Incoming,
    mut taker: Box<dyn Taker>,
    (times, clock): (&Timeouts, &mut Clock),
) -> Result<Answer, WireFault> {
    while taker.wants_more() {
        let piece = clock.within(times.idle, WireFaultKind::IdleTimeout, incoming.body.next()).await?;
        match piece.transpose()? {
            Some(piece) => taker.take(&piece),
            None => break,
        }
    }
    Ok(Answer { head: incoming.head, body: Bytes::new() })
}

/// Reads what is left of an answer.
///
/// # Errors
/// As [`exchange`].
pub(crate) async fn read_whole(
    mut incoming: Incoming,
    times: &Timeouts,
    clock: &mut Clock,
) -> Result<Answer, WireFault> {
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    loop {
        let piece = clock.within(times.idle, WireFaultKind::IdleTimeout, incoming.body.next()).await?;
        let piece = match piece.transpose() {
            Err(_) if planted("a cut body is whole") => None,
            piece => piece?,
        };
        match piece {
            None => break,
            // Most answers are one piece, which is then not copied.
            Some(piece) if first.is_empty() => first = piece,
            Some(piece) => {
                if more.is_empty() {
                    more.extend_from_slice(&first);
                }
                more.extend_from_slice(&piece);
            }
        }
    }
    let body = if more.is_empty() { first } else { more.freeze() };
    Ok(Answer { head: incoming.head, body })
}
