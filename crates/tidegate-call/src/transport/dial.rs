//! Making a connection: the name, the addresses, the handshake, each with its own fault.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tidegate_core::{WireFault, WireFaultKind};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

use super::io::Io;
use super::site::Site;
use super::tls::Tls;
use super::tunnel::{dig, fault};

/// How long an address is tried before the next one is tried beside it (RFC 8305, section 5): a host whose IPv6
/// leads nowhere costs a quarter of a second, not the whole time limit.
const STAGGER: Duration = Duration::from_millis(250);

/// Finds the addresses of a host.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, a name or an address as it stands in a URL, with `port`. Every new connection asks, and
    /// goes to one of these addresses and no other.
    ///
    /// # Errors
    /// [`WireFaultKind::Dns`] where there are none, [`WireFaultKind::Forbidden`] where a guard lets nobody go there.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, WireFault>;
}

/// Asks the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

#[async_trait]
impl Resolve for SystemNames {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, WireFault> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = lookup_host((bare, port)).await;
        Ok(found.map_err(|error| WireFault::new(WireFaultKind::Dns, error.to_string()))?.collect())
    }
}

/// Time limits of making a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the name and TCP.
    pub(super) connect: Duration,
    /// For these and TLS.
    pub(super) tls: Duration,
}

/// Connects to `site`, through its proxy where it has one.
///
/// # Errors
/// What went wrong: the name, the connection, its time, TLS, or the proxy.
///
/// # Cancel safety
/// Dropping the future closes what was begun.
pub(super) async fn dial(
    site: &Site,
    names: &dyn Resolve,
    tls: &Tls,
    patience: Patience,
) -> Result<Io, WireFault> {
    let (host, port) = match &site.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (site.host.as_str(), site.port),
    };
    let plain = async {
        let limit = timeout(patience.connect, connect((host, port), names)).await;
        let stream = limit.unwrap_or_else(|_| Err(too_slow("connecting", patience.connect)));
        stream.map_err(|lost| match &site.proxy {
            Some(proxy) => fault(lost.kind, proxy, &lost.message),
            None => lost,
        })
    };
    if !site.encrypted && site.proxy.as_ref().is_none_or(|proxy| !proxy.encrypted) {
        return Ok(Io::Plain(plain.await?));
    }
    let all = async { secure(site, tls, Io::Plain(plain.await?)).await };
    timeout(patience.tls, all).await.unwrap_or_else(|_| Err(too_slow("the tls handshake", patience.tls)))
}

/// TLS with the proxy, the way through it, TLS with the server: as far as they are wanted.
async fn secure(site: &Site, tls: &Tls, mut io: Io) -> Result<Io, WireFault> {
    if let Some(proxy) = &site.proxy {
        if proxy.encrypted {
            let shaken = tls.shake(&proxy.host, io).await;
            io = Io::Tls(Box::new(shaken.map_err(|lost| fault(lost.kind, proxy, &lost.message))?));
        }
        if site.encrypted {
            dig(&mut io, proxy, (&site.host, site.port)).await?;
        }
    }
    if site.encrypted {
        io = Io::Tls(Box::new(tls.shake(&site.host, io).await?));
    }
    Ok(io)
}

fn too_slow(what: &str, limit: Duration) -> WireFault {
    WireFault::new(WireFaultKind::ConnectTimeout, format!("{what} took longer than {limit:?}"))
}

async fn connect((host, port): (&str, u16), names: &dyn Resolve) -> Result<TcpStream, WireFault> {
    let addresses = names.resolve(host, port).await?;
    let stream = race(&addresses).await?;
    // Requests are written whole; waiting for more to send only adds latency.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// The first of `addresses` that answers; the first one's fault if none does.
async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, WireFault> {
    let mut rest = addresses.iter();
    let mut trying = FuturesUnordered::new();
    let mut fault = None;
    loop {
        match rest.next() {
            Some(address) => trying.push(TcpStream::connect(*address)),
            None if trying.is_empty() => {
                return Err(fault.unwrap_or_else(|| {
                    WireFault::new(WireFaultKind::Dns, "the name resolves to no address")
                }));
            }
            None => {}
        }
        let more = rest.len() > 0;
        tokio::select! {
            Some(tried) = trying.next() => match tried {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    fault.get_or_insert(classify(&error));
                }
            },
            () = sleep(STAGGER), if more => {}
        }
    }
}

fn classify(error: &io::Error) -> WireFault {
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => WireFaultKind::ConnectRefused,
        io::ErrorKind::TimedOut => WireFaultKind::ConnectTimeout,
        _ => WireFaultKind::Connect,
    };
    WireFault::new(kind, error.to_string())
}
