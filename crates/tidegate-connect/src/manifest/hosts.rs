//! The servers that documents come from, and which of them answer.
//!
//! A list of URLs has many servers, and some are always down. That one of them answers nobody is an outage like any
//! other, as long as it may be the network of this machine: it is waited out. Once another server is seen to answer, it
//! is this one, and its documents are put aside, so that a dead server does not hold the living ones up.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_call::{CallCx, Caller, Lane, LaneName, LaneSettings, Parts, Priority, Unpaid};
use tidegate_core::{Advice, Cx, Fault, FaultKind, Stop, TraceId, advise};
use tokio::time::Instant;

use super::codec::{Arrived, Documents};
use super::download::Download;
use super::options::ManifestOptions;
use crate::guard::Url;

/// Servers remembered before those that nobody waits for are forgotten.
const MOST_HOSTS: usize = 1_024;
/// Servers that answered last, at most: whom to ask whether it is the network.
const WITNESSES: usize = 4;
/// A document is not blamed for what happened to it before it was asked for so often ...
const TRIES: u32 = 3;
/// ... and is given so many chances to be.
const ROUNDS: u32 = 8;
/// An answer so fresh needs no confirmation.
const FRESH: Duration = Duration::from_secs(2);
/// How long it has to answer otherwise.
const KNOCK: Duration = Duration::from_secs(10);

/// The servers of a run.
pub(super) struct Hosts {
    options: ManifestOptions,
    known: Mutex<HashMap<String, Arc<Host>>>,
    /// What was answered last, by a server each.
    answered: Mutex<VecDeque<(Url, Instant)>>,
}

/// One server.
struct Host {
    caller: Caller<Documents>,
    /// What it answered last.
    good: Mutex<Option<(Url, Instant)>>,
    /// Since when it answers nobody.
    silent: Mutex<Option<Instant>>,
    /// Until when nothing is asked of it, and why.
    given_up: Mutex<Option<(Instant, Fault)>>,
}

impl Hosts {
    pub(super) fn new(options: ManifestOptions) -> Self {
        Self { options, known: Mutex::default(), answered: Mutex::default() }
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        lock(&self.known).len()
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// The document's own fault, or one that is nobody's and is waited out.
    pub(super) async fn ask(&self, cx: &Cx, url: &Url, download: Arc<Download>) -> Result<Arrived, Fault> {
        let host = self.host(url);
        if let Some(fault) = host.given_up() {
            return Err(fault);
        }
        // How often it was asked for when its server was first seen to answer for others.
        let mut vouched: Option<u32> = None;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let fault = match self.call(cx, (&host, url), &download).await {
                Ok(arrived) => return arrived,
                Err(fault) => fault,
            };
            match (advise(&fault), fault.kind()) {
                (Advice::Hold(wait), kind) => {
                    let silent = lock(&host.silent).get_or_insert(started).elapsed();
                    let patient = wait <= self.options.patience && kind != FaultKind::RateLimited;
                    if patient && self.answers_for_others(cx, (&host, url), wait).await {
                        host.caller.lane().vouch();
                        // Its server answered before it failed and afterwards: an outage that ends in between is no
                        // fault of it.
                        let asked = download.asked();
                        if asked >= TRIES && vouched.is_some_and(|before| asked > before) {
                            return Err(alone(fault));
                        }
                        vouched.get_or_insert(asked);
                        continue; // it waited for others that failed
                    }
                    if silent >= self.options.patience && self.others_answer(url).await {
                        return Err(host.give_up(url, fault, wait.max(self.options.patience)));
                    }
                    return Err(fault);
                }
                // Its certificate is bad, or it is no server: that stops its own documents and no others.
                (Advice::StopRun, FaultKind::Blocked | FaultKind::Config) => {
                    return Err(host.give_up(url, fault, self.options.patience));
                }
                _ => return Err(fault),
            }
        }
        let held = Fault::new(
            FaultKind::Unavailable,
            "its turn never came, for all others of its server that failed",
        );
        Err(held.hint("nothing is lost: run again"))
    }

    /// What a server answers to one request, or the fault of the request.
    async fn call(
        &self,
        cx: &Cx,
        (host, url): (&Host, &Url),
        download: &Arc<Download>,
    ) -> Result<Result<Arrived, Fault>, Fault> {
        let call = CallCx::new(Priority::Bulk, TraceId(0)).stopping(cx.stop_signal());
        let mut answers = host.caller.call(std::slice::from_ref(download), &call).await?;
        cx.note_wait(answers.told.waited);
        let none = || Fault::new(FaultKind::Internal, "a request without an answer");
        let arrived = answers.results.pop().ok_or_else(none)?;
        if arrived.is_ok() {
            self.note(host, url);
        }
        Ok(arrived)
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let name = name(url);
        let mut known = lock(&self.known);
        if let Some(host) = known.get(&name) {
            return host.clone();
        }
        if known.len() >= MOST_HOSTS {
            known.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let caller = self.caller((self.options.lane)(&name));
        let host = Arc::new(Host {
            caller,
            good: Mutex::default(),
            silent: Mutex::default(),
            given_up: Mutex::default(),
        });
        known.insert(name, host.clone());
        host
    }

    fn caller(&self, lane: Arc<Lane>) -> Caller<Documents> {
        let (transport, settings) = (self.options.transport.clone(), self.options.calls.clone());
        let parts = Parts { lane, transport, paid: Arc::new(Unpaid), settings };
        Caller::new(Arc::new(Documents), parts)
    }

    /// Notes that a server answered.
    fn note(&self, host: &Host, url: &Url) {
        let now = Instant::now();
        *lock(&host.good) = Some((url.clone(), now));
        *lock(&host.silent) = None;
        let mut answered = lock(&self.answered);
        answered.retain(|(known, _)| name(known) != name(url));
        answered.push_front((url.clone(), now));
        answered.truncate(WITNESSES);
    }

    /// Whether the server of `url` answers for another document, after it was left alone for as long as it asked.
    async fn answers_for_others(&self, cx: &Cx, (host, url): (&Host, &Url), wait: Duration) -> bool {
        let Some(good) = lock(&host.good).clone().filter(|(known, _)| known != url) else { return false };
        tokio::select! {
            () = cx.stopped(Stop::Drain) => false,
            answers = async {
                if good.1.elapsed() > FRESH {
                    tokio::time::sleep(wait).await;
                }
                self.answers(&good).await
            } => answers,
        }
    }

    /// Whether other servers answer: whoever did before is asked again, unless it did just now.
    async fn others_answer(&self, url: &Url) -> bool {
        let others: Vec<(Url, Instant)> =
            lock(&self.answered).iter().filter(|(known, _)| name(known) != name(url)).cloned().collect();
        for other in others {
            if self.answers(&other).await {
                return true;
            }
        }
        false
    }

    /// Whether what answered before answers now. It is not asked in its lane: the question is whether that is right to
    /// wait.
    async fn answers(&self, (url, at): &(Url, Instant)) -> bool {
        if at.elapsed() <= FRESH {
            return true;
        }
        let lane = LaneName { provider: name(url), model: "knock".to_owned(), key: String::new() };
        let caller = self.caller(Lane::new(lane, LaneSettings::default()));
        let call = CallCx::new(Priority::Interactive, TraceId(0)).until(Instant::now() + KNOCK);
        let answered = caller.call(&[Download::knock(url.clone())], &call).await;
        answered.is_ok_and(|answers| answers.results.iter().all(Result::is_ok))
    }
}

impl Host {
    fn given_up(&self) -> Option<Fault> {
        let mut given_up = lock(&self.given_up);
        if given_up.as_ref().is_some_and(|(until, _)| *until <= Instant::now()) {
            *given_up = None;
        }
        given_up.as_ref().map(|(_, fault)| fault.clone())
    }

    fn give_up(&self, url: &Url, fault: Fault, rest: Duration) -> Fault {
        let message = format!("{} does not answer as it should, while others do", url.site());
        let fault = aside(message, fault);
        *lock(&self.given_up) = Some((Instant::now() + rest, fault.clone()));
        fault
    }
}

/// The fault of a document whose server answers for others.
fn alone(fault: Fault) -> Fault {
    aside("the server answers for other documents, and not for this one".to_owned(), fault)
}

fn aside(message: String, fault: Fault) -> Fault {
    Fault::new(FaultKind::Unreadable, message).cause(fault).hint("the next run asks again")
}

/// What a server is known by; the same host is another one with and without TLS.
fn name(url: &Url) -> String {
    format!("{}{}", if url.is_encrypted() { "" } else { "http://" }, url.site())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that may panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
