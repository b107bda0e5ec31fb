//! A provider on TCP.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::http::serve_connection;
use super::log::Log;
use super::memory::Provider;
use super::script::Script;

/// Connections that may wait to be accepted: a thousand clients begin at once.
const BACKLOG: u32 = 4_096;
/// What answers may still take after a stop.
const GRACE: Duration = Duration::from_secs(1);

/// A provider on a port of this machine, in a thread and a runtime of its own: its CPU time is that of its thread
/// (`tidegate-provider`), and a busy client cannot make it late.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    provider: Provider,
    /// Turned true to stop.
    stop: watch::Sender<bool>,
    /// Joined when the server stops.
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Plays `script` on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port, thread or runtime could be had.
    pub fn start(script: Script) -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script, Log::default())
    }

    /// Plays `script` at `addr` (port 0: a free one) and writes `log`.
    ///
    /// # Errors
    /// No port, thread or runtime could be had.
    pub fn start_at(addr: SocketAddr, script: Script, log: Log) -> io::Result<Self> {
        let (stop, mut stopping) = watch::channel(false);
        let (ready, started) = sync_channel(1);
        let body = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async move {
                let listener = match listen(addr) {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let provider = Provider::with_log(script, log);
                let _ = ready.send(listener.local_addr().map(|addr| (addr, provider.clone())));
                let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
                // A listener that fails for good has nothing left to serve; clients see it as refused connections.
                let _ = serve(listener, provider, stopped).await;
            });
        };
        let thread = std::thread::Builder::new().name("tidegate-provider".to_owned()).spawn(body)?;
        let (addr, provider) =
            started.recv().map_err(|_| io::Error::other("the provider's thread ended before it began"))??;
        Ok(Self { addr, provider, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What was asked and answered.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.provider.log()
    }

    /// The provider behind it.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Stops: no more connections, what is being answered has a second, then all connections close. Dropping the
    /// server does the same.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by the runtime, and a test that lost its provider fails by itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A listener for many connections at once.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves `provider` on `listener`, in the caller's runtime, until `stop` is ready; then what is being answered has
/// a second to end.
///
/// # Errors
/// The port could not be had again after an outage in which nobody listened.
pub async fn serve(
    listener: TcpListener,
    provider: Provider,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stopping, watching) = watch::channel(false);
    let mut connections = JoinSet::new();
    let accepted = tokio::select! {
        result = accept(listener, &provider, &mut connections, &watching) => result,
        () = stop => Ok(()),
    };
    stopping.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, all).await;
    connections.shutdown().await;
    accepted
}

async fn accept(
    mut listener: TcpListener,
    provider: &Provider,
    connections: &mut JoinSet<()>,
    stopping: &watch::Receiver<bool>,
) -> io::Result<()> {
    let addr = listener.local_addr()?;
    loop {
        if let Some(until) = provider.world().refusing_until(provider.now()) {
            drop(listener);
            tokio::time::sleep(until.saturating_sub(provider.now())).await;
            listener = listen(addr)?;
        }
        let next_refusal = provider.world().next_refusal(provider.now());
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, provider.clone(), stopping.clone()));
                }
                // Out of file descriptors, or a client that left while it waited: the others go on.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = tokio::time::sleep(next_refusal.unwrap_or(Duration::MAX)), if next_refusal.is_some() => {}
        }
    }
}
