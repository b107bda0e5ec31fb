//! The proxy itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::pump::{Fate, pump};
use super::{Link, ProxyScript};

/// A proxy on a free port of 127.0.0.1, in a thread of its own.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Changed to reset all connections.
    cut: watch::Sender<u64>,
    /// Turned true to stop.
    stop: watch::Sender<bool>,
    /// Joined when the proxy stops.
    thread: Option<JoinHandle<()>>,
}

/// What the proxy and its connections share.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    script: Mutex<ProxyScript>,
    connections: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

impl Proxy {
    /// Passes connections on to `upstream` as `script` says.
    ///
    /// # Errors
    /// No port, thread or runtime could be had.
    pub fn start(upstream: SocketAddr, script: ProxyScript) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            upstream,
            script: Mutex::new(script),
            connections: AtomicU64::new(0),
            to_server: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
        });
        let (cut, cutting) = watch::channel(0);
        let (stop, mut stopping) = watch::channel(false);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (ready, started) = sync_channel(1);
        let inside = Arc::clone(&shared);
        let body = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async move {
                let listener = match TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let _ = ready.send(Ok(()));
                tokio::select! {
                    () = accept(&listener, &inside, &cutting) => {}
                    _ = stopping.wait_for(|stop| *stop) => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("tidegate-proxy".to_owned()).spawn(body)?;
        started.recv().map_err(|_| io::Error::other("the proxy's thread ended before it began"))??;
        Ok(Self { addr, shared, cut, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Plays another script for the connections made from now on.
    pub fn set(&self, script: ProxyScript) {
        *self.shared.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// Resets all connections there are.
    pub fn reset_all(&self) {
        self.cut.send_modify(|generation| *generation += 1);
    }

    /// How many connections have been made.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many bytes were passed on to the server, and to clients.
    #[must_use]
    pub fn passed(&self) -> (u64, u64) {
        (self.shared.to_server.load(Ordering::Relaxed), self.shared.to_client.load(Ordering::Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>, cutting: &watch::Receiver<u64>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else {
                    // Out of file descriptors: those that are open go on.
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                    continue;
                };
                let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
                let script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
                let link = script.link(number).clone();
                drop(script);
                links.spawn(connect(client, link, Arc::clone(shared), cutting.clone()));
            }
            Some(_) = links.join_next(), if !links.is_empty() => {}
        }
    }
}

/// One connection from its beginning to its end.
async fn connect(mut client: TcpStream, link: Link, shared: Arc<Shared>, mut cutting: watch::Receiver<u64>) {
    // What is reset here has no other way to say why; the client sees a reset either way.
    cutting.mark_unchanged();
    if link.refuse {
        let _ = client.set_zero_linger();
        return;
    }
    tokio::time::sleep(link.connect_delay.0).await;
    let Ok(mut server) = TcpStream::connect(shared.upstream).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let fate = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump(from_client, to_server, link.to_server, &shared.to_server);
        let down = pump(from_server, to_client, link.to_client, &shared.to_client);
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => both.map(drop),
            _ = cutting.changed() => Err(Fate::Reset),
        }
    };
    if let Err(Fate::Reset) = fate {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}
