//! A server, by scheme, host and port, with the connections to it that nobody uses just now.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tidegate_core::{WireFault, WireFaultKind};
use tokio::time::Instant;

use super::http::HttpSettings;
use super::link::Link;
use super::proxy::Proxy;

/// A server.
pub(super) struct Site {
    /// Whether TLS is spoken.
    pub(super) encrypted: bool,
    /// The host, as in the URL.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// The `Host` header.
    pub(super) header: HeaderValue,
    /// The proxy on the way to it.
    pub(super) proxy: Option<Arc<Proxy>>,
    /// Connections that wait for a request, the last used one last: it is used first, so that those too many grow
    /// old and go.
    idle: Mutex<Vec<Link>>,
}

impl Site {
    /// The server that a URL names.
    ///
    /// # Errors
    /// [`WireFaultKind::BadUrl`].
    pub(super) fn new(
        scheme: &Scheme,
        authority: &Authority,
        proxy: Option<Arc<Proxy>>,
    ) -> Result<Self, WireFault> {
        let encrypted = *scheme == Scheme::HTTPS;
        if !encrypted && *scheme != Scheme::HTTP {
            return Err(WireFault::new(WireFaultKind::BadUrl, "the scheme is neither http nor https"));
        }
        if authority.as_str().contains('@') {
            return Err(WireFault::new(
                WireFaultKind::BadUrl,
                "the url holds a user or a password; send them in a header",
            ));
        }
        let standard = if encrypted { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(standard);
        let host = authority.host().to_owned();
        let shown = if port == standard { host.clone() } else { format!("{host}:{port}") };
        let header = HeaderValue::try_from(shown)
            .map_err(|_| WireFault::new(WireFaultKind::BadUrl, "the host has forbidden characters"))?;
        Ok(Self { encrypted, host, port, header, proxy, idle: Mutex::default() })
    }

    /// Host and port, for messages.
    pub(super) fn place(&self) -> &str {
        self.header.to_str().unwrap_or(&self.host)
    }

    /// The proxy that is sent whole requests, where there is one: without TLS it passes them on, with it only bytes.
    pub(super) fn passes_on(&self) -> Option<&Proxy> {
        self.proxy.as_deref().filter(|_| !self.encrypted)
    }

    /// A connection that can be used at once.
    pub(super) async fn take(&self, settings: &HttpSettings) -> Option<Link> {
        loop {
            let mut link = self.lock().pop()?;
            if spent(&link, settings, Instant::now()) {
                continue;
            }
            let usable = std::future::poll_fn(|cx| Poll::Ready(link.poll_usable(cx))).await;
            if usable {
                return Some(link);
            }
        }
    }

    /// Keeps `link` for the next request.
    pub(super) fn keep(self: &Arc<Self>, mut link: Link, settings: &HttpSettings) {
        let now = Instant::now();
        if spent(&link, settings, now) {
            return;
        }
        link.idle = now;
        let mut idle = self.lock();
        let old = idle.iter().take_while(|link| spent(link, settings, now)).count();
        let dropped: Vec<Link> = idle.drain(..old).collect();
        if idle.len() < settings.max_idle {
            idle.push(link);
        }
        drop(idle);
        drop(dropped); // closing sockets is not done under the lock
    }

    /// Whether a connection is kept that could be used again.
    pub(super) fn is_kept(&self, settings: &HttpSettings) -> bool {
        let now = Instant::now();
        self.lock().iter().any(|link| !spent(link, settings, now))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        // A list of connections cannot be left half changed: whoever panicked meanwhile harmed nothing.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `link` is too old to be used again.
fn spent(link: &Link, settings: &HttpSettings, now: Instant) -> bool {
    now.duration_since(link.born) >= link.life(settings.max_age)
        || now.duration_since(link.idle) >= settings.max_idle_time
}
