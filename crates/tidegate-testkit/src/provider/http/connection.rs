//! One connection: request after request, each answered by its plan.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::read::{Parsed, Reader};
use super::write::{put_body, put_end, put_head};
use crate::provider::memory::Provider;
use crate::provider::plan::{Framing, Plan, Step};
use crate::provider::request::Request;
use crate::provider::world::Sent;

/// Written at once; more is written in parts, so that a body of a gigabyte is never held.
const WRITE_AT: usize = 256 * 1_024;
/// What a client may send ahead while it waits for an answer.
const READ_AHEAD: usize = 1 << 20;

/// Serves `stream` until the client leaves, the script ends the connection, or `stopping` turns true while nothing
/// is being answered.
pub(in crate::provider) async fn serve_connection(
    stream: TcpStream,
    provider: Provider,
    stopping: watch::Receiver<bool>,
) {
    // Without this the last part of an answer waits for the acknowledgement of the first, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut connection =
        Connection { stream, reader: Reader::default(), out: BytesMut::new(), provider, stopping };
    // Whatever goes wrong here is the client's doing or the script's, and is in the log already.
    let _ = connection.run().await;
}

struct Connection {
    stream: TcpStream,
    reader: Reader,
    /// What is still to be written.
    out: BytesMut,
    provider: Provider,
    /// True when the server stops.
    stopping: watch::Receiver<bool>,
}

/// How a plan ends for the connection.
enum After {
    KeepOpen,
    Close,
    Reset,
}

/// Tells the log how a plan ended, however it ended: the task may be dropped at any await.
struct Playing<'a> {
    provider: &'a Provider,
    plan: &'a Plan,
    bytes: u64,
    over: bool,
}

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        let sent = Sent { bytes: self.bytes, left_early: !self.over };
        self.provider.world().finish(self.provider.now(), self.plan, sent);
    }
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            if self.reader.buffer.is_empty() && !self.first_byte().await? {
                return Ok(());
            }
            let arrival = self.provider.world().arrive(self.provider.now());
            if !arrival.read {
                return self.stream.set_zero_linger();
            }
            let Some((request, close)) = self.request().await? else { return Ok(()) };
            let plan = self.provider.world().answer(self.provider.now(), arrival, &request);
            match self.play(&plan).await? {
                After::KeepOpen if !close => {}
                After::KeepOpen | After::Close => return self.stream.shutdown().await,
                After::Reset => return self.stream.set_zero_linger(),
            }
        }
    }

    /// Waits for the next request to begin. False if the client has left or the server stops.
    async fn first_byte(&mut self) -> io::Result<bool> {
        tokio::select! {
            read = self.stream.read_buf(&mut self.reader.buffer) => Ok(read? > 0),
            _ = self.stopping.wait_for(|stopping| *stopping) => Ok(false),
        }
    }

    /// Reads the rest of a request.
    async fn request(&mut self) -> io::Result<Option<(Request, bool)>> {
        loop {
            match self.reader.next() {
                Parsed::Whole(request, close) => return Ok(Some((request, close))),
                Parsed::Partial => {}
                Parsed::WaitsToContinue => self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?,
                Parsed::Bad => {
                    let refusal =
                        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    self.stream.write_all(refusal).await?;
                    return Ok(None);
                }
            }
            if self.stream.read_buf(&mut self.reader.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn play(&mut self, plan: &Plan) -> io::Result<After> {
        let provider = self.provider.clone();
        let mut playing = Playing { provider: &provider, plan, bytes: 0, over: false };
        let mut framing = Framing::Length(0);
        for step in &plan.steps {
            match step {
                Step::Wait(time) => {
                    self.flush().await?;
                    self.wait(*time).await?;
                }
                Step::Head(head) => {
                    framing = head.framing;
                    put_head(&mut self.out, head);
                }
                Step::Body(bytes) => self.body(framing, bytes, 1, &mut playing).await?,
                Step::Flood(bytes, times) => self.body(framing, bytes, *times, &mut playing).await?,
                Step::End => put_end(&mut self.out, framing),
                Step::Hang => {
                    self.flush().await?;
                    return Err(self.client_leaves().await);
                }
                Step::Reset | Step::Close => {}
            }
        }
        self.flush().await?;
        playing.over = true;
        Ok(match plan.steps.last() {
            Some(Step::Reset) => After::Reset,
            Some(Step::End) => After::KeepOpen,
            _ => After::Close,
        })
    }

    /// The same bytes of the body so many times.
    async fn body(
        &mut self,
        framing: Framing,
        bytes: &[u8],
        times: u64,
        playing: &mut Playing<'_>,
    ) -> io::Result<()> {
        for _ in 0..times {
            put_body(&mut self.out, framing, bytes);
            playing.bytes += bytes.len() as u64;
            if self.out.len() >= WRITE_AT {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Waits, though not for a client that has left.
    async fn wait(&mut self, time: Duration) -> io::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            gone = self.client_leaves() => Err(gone),
        }
    }

    /// Returns when the client has left. What it sends meanwhile is kept for later.
    async fn client_leaves(&mut self) -> io::Error {
        while self.reader.buffer.len() < READ_AHEAD {
            match self.stream.read_buf(&mut self.reader.buffer).await {
                Ok(0) => return io::ErrorKind::ConnectionAborted.into(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
        std::future::pending().await
    }
}
