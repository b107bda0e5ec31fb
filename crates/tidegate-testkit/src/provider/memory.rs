//! A provider with a clock, and its door for tests that need no socket.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::log::Log;
use super::plan::{Framing, Head, Plan, Step};
use super::request::Request;
use super::script::Script;
use super::world::{Sent, World};

/// A [`World`] whose start is a moment of tokio's clock. Clones are the same provider.
#[derive(Debug, Clone)]
pub struct Provider {
    world: Arc<World>,
    start: Instant,
}

impl Provider {
    /// A provider that starts now. To have it follow paused time, make it inside the paused runtime.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self::with_log(script, Log::default())
    }

    /// The same with a log that is also appended to the file at `path`.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn with_log_file(script: Script, path: &Path) -> io::Result<Self> {
        Ok(Self::with_log(script, Log::with_file(path)?))
    }

    /// The same with any log.
    #[must_use]
    pub fn with_log(script: Script, log: Log) -> Self {
        Self { world: Arc::new(World::new(script, log)), start: Instant::now() }
    }

    /// The brain.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What was asked and answered.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.world.log()
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// Sends a request, as if over a perfect network. It has arrived when this returns; its answer comes through
    /// [`Exchange::head`] and [`Exchange::next`]. Dropping the exchange is leaving.
    #[must_use]
    pub fn serve(&self, request: &Request) -> Exchange {
        let now = self.now();
        let refused = self.world.refusing_until(now).is_some();
        let mut plan = self.world.handle(now, request);
        Exchange {
            provider: self.clone(),
            steps: std::mem::take(&mut plan.steps).into(),
            plan,
            refused,
            due: Instant::now(),
            missing: None,
            bytes: 0,
            over: false,
        }
    }
}

/// Why an answer does not come, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the answer was complete.
    CutShort,
}

/// An answer on its way.
#[derive(Debug)]
pub struct Exchange {
    provider: Provider,
    plan: Plan,
    /// What is still to happen.
    steps: VecDeque<Step>,
    /// When what is next happens, whether or not anybody is reading by then.
    due: Instant,
    refused: bool,
    /// Bytes of the announced length that have not come; nothing for a chunked body.
    missing: Option<u64>,
    bytes: u64,
    over: bool,
}

impl Exchange {
    /// The request's number in the log.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.plan.number
    }

    /// Waits for status and headers; with the headers that tell the length among them.
    ///
    /// # Errors
    /// The connection failed before.
    ///
    /// # Cancel safety
    /// Nothing is lost: what is next happens at its time, whoever waits for it.
    pub async fn head(&mut self) -> Result<Head, Failure> {
        if self.refused {
            return Err(self.fail(Failure::Refused));
        }
        self.wait().await;
        let Some(Step::Head(head)) = self.steps.front() else {
            return match self.steps.front() {
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Reset) => Err(self.fail(Failure::Reset)),
                _ => Err(self.fail(Failure::CutShort)),
            };
        };
        let mut head = head.clone();
        self.steps.pop_front();
        head.headers.push(match head.framing {
            Framing::Length(length) => ("content-length".to_owned(), length.to_string()),
            Framing::Chunked => ("transfer-encoding".to_owned(), "chunked".to_owned()),
        });
        self.missing = if let Framing::Length(length) = head.framing { Some(length) } else { None };
        Ok(head)
    }

    /// Waits until what is next happens.
    async fn wait(&mut self) {
        while let Some(Step::Wait(time)) = self.steps.front() {
            self.due += *time;
            self.steps.pop_front();
        }
        tokio::time::sleep_until(self.due).await;
    }

    /// Waits for the next bytes of the body; nothing when it is complete.
    ///
    /// # Errors
    /// The connection failed before the body was complete.
    ///
    /// # Cancel safety
    /// Nothing is lost: what is next happens at its time, whoever waits for it.
    pub async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            // A client reads no further than the announced length.
            if self.missing == Some(0) {
                self.end();
                return None;
            }
            self.wait().await;
            match self.steps.front_mut()? {
                Step::Body(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.steps.pop_front();
                    if let Some(bytes) = self.deliver(bytes) {
                        return Some(Ok(bytes));
                    }
                }
                Step::Flood(_, 0) => drop(self.steps.pop_front()),
                Step::Flood(bytes, times) => {
                    let bytes = bytes.clone();
                    *times = times.saturating_sub(1);
                    if *times == 0 {
                        self.steps.pop_front();
                    }
                    return self.deliver(bytes).map(Ok);
                }
                Step::End if self.missing.is_none() => {
                    self.end();
                    return None;
                }
                Step::Hang => std::future::pending().await,
                Step::Reset => return Some(Err(self.fail(Failure::Reset))),
                Step::Wait(_) | Step::End | Step::Close | Step::Head(_) => {
                    return Some(Err(self.fail(Failure::CutShort)));
                }
            }
        }
    }

    /// Counts bytes that go to the client, and keeps back those beyond the announced length.
    fn deliver(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        if let Some(missing) = &mut self.missing {
            bytes.truncate(usize::try_from(*missing).unwrap_or(usize::MAX));
            *missing -= bytes.len() as u64;
        }
        self.bytes += bytes.len() as u64;
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The answer is over: the log is told once.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.tell(false);
        }
    }

    fn tell(&self, left_early: bool) {
        let sent = Sent { bytes: self.bytes, left_early };
        self.provider.world.finish(self.provider.now(), &self.plan, sent);
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        self.end();
        failure
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.over {
            self.tell(true);
        }
    }
}
