//! The transport for HTTP/1.1.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::header::{ACCEPT_ENCODING, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Body as _;
use rustc_hash::FxHashMap;
use rustls::pki_types::CertificateDer;
use tidegate_core::{Fault, Head, HttpRequest, Incoming, Transport, WireFault, WireFaultKind};

use super::body::{Coming, too_large};
use super::dial::{Patience, Resolve, SystemNames, dial};
use super::link::{Counted, Link, Unsent, Whole};
use super::proxy::Proxies;
use super::site::Site;
use super::tls::Tls;
use super::tunnel::refused;

/// Servers remembered before those without a connection are forgotten.
const MOST_SITES: usize = 1_024;

/// What a transport does and bears.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// How long making a connection may take: the name and TCP.
    pub connect_timeout: Duration,
    /// How long it may take with TLS.
    pub tls_timeout: Duration,
    /// The most bytes of an answer's body that are read.
    pub max_body: u64,
    /// Connections kept for a server while nobody uses them.
    pub max_idle: usize,
    /// How long an unused connection is kept. Many servers close theirs after a minute or less, and a request that
    /// crosses such a close is lost.
    pub max_idle_time: Duration,
    /// How long a connection is used at all: a name that points elsewhere is seen after this time.
    pub max_age: Duration,
    /// Trusted beside the system's certificates, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// Through which proxy which server is reached. None by default: what reads the environment says so.
    pub proxies: Proxies,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            tls_timeout: Duration::from_secs(10),
            max_body: 64 << 20,
            max_idle: 1024,
            max_idle_time: Duration::from_secs(30),
            max_age: Duration::from_secs(60),
            certificates: Vec::new(),
            proxies: Proxies::default(),
        }
    }
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Now.
    pub open: usize,
    /// Ever made.
    pub made: u64,
}

/// HTTP/1.1 over TCP or TLS, with connections kept and used again. Sends each request once, follows no redirect.
///
/// One per process is enough; it is cheap to share and holds connections to any number of servers.
pub struct Http {
    settings: Arc<HttpSettings>,
    names: Arc<dyn Resolve>,
    /// Servers by whether TLS is spoken and by authority. Where URLs come from data there are many: those without a
    /// connection go when there are too many.
    sites: RwLock<FxHashMap<(bool, Authority), Arc<Site>>>,
    tls: Tls,
    open: Arc<AtomicUsize>,
    made: AtomicU64,
}

impl Default for Http {
    fn default() -> Self {
        Self::new(HttpSettings::default())
    }
}

impl Http {
    /// A transport without connections.
    #[must_use]
    pub fn new(settings: HttpSettings) -> Self {
        Self::resolving(settings, Arc::new(SystemNames))
    }

    /// The same, which connects to no address but those that `names` gives.
    #[must_use]
    pub fn resolving(settings: HttpSettings, names: Arc<dyn Resolve>) -> Self {
        let extra = settings.certificates.iter().cloned().map(CertificateDer::from).collect();
        Self {
            settings: Arc::new(settings),
            names,
            sites: RwLock::default(),
            tls: Tls::new(extra),
            open: Arc::default(),
            made: AtomicU64::new(0),
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections { open: self.open.load(Ordering::Relaxed), made: self.made.load(Ordering::Relaxed) }
    }

    fn site(&self, url: &Uri) -> Result<Arc<Site>, WireFault> {
        let (Some(scheme), Some(authority)) = (url.scheme(), url.authority()) else {
            return Err(WireFault::new(WireFaultKind::BadUrl, "the url lacks its scheme or host"));
        };
        let key = (*scheme == http::uri::Scheme::HTTPS, authority.clone());
        if let Some(site) = self.sites.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(site));
        }
        let wrong = |fault: Fault| WireFault::new(WireFaultKind::Proxy, fault.to_string());
        let proxy = self.settings.proxies.of_uri(url).map_err(wrong)?;
        let site = Arc::new(Site::new(scheme, authority, proxy)?);
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        if sites.len() >= MOST_SITES {
            sites.retain(|_, site| Arc::strong_count(site) > 1 || site.is_kept(&self.settings));
        }
        Ok(Arc::clone(sites.entry(key).or_insert(site)))
    }

    async fn connect(&self, site: &Site) -> Result<Link, WireFault> {
        let patience = Patience { connect: self.settings.connect_timeout, tls: self.settings.tls_timeout };
        let io = dial(site, &*self.names, &self.tls, patience).await.map_err(|fault| match site.proxy {
            Some(_) => fault, // it names the proxy
            // The host stands in the configuration; without it nobody knows who refused.
            None => WireFault { message: format!("{}: {}", site.place(), fault.message), ..fault },
        })?;
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Link::new(io, number, Counted::new(&self.open)).await
    }

    /// The answer's head on a kept connection, or on a new one.
    async fn exchange(
        &self,
        site: &Site,
        mut request: Request<Whole>,
    ) -> Result<(Link, Response<hyper::body::Incoming>), WireFault> {
        // A kept connection may turn out closed before a byte is written: then the next is taken. Their number
        // bounds the loop.
        while let Some(mut link) = site.take(&self.settings).await {
            match link.send(request).await {
                Ok(response) => return Ok((link, response)),
                Err(Unsent::Back(back)) => request = *back,
                Err(Unsent::Lost(fault)) => return Err(fault),
            }
        }
        let mut link = self.connect(site).await?;
        match link.send(request).await {
            Ok(response) => Ok((link, response)),
            Err(Unsent::Lost(fault)) => Err(fault),
            Err(Unsent::Back(_)) => Err(WireFault::new(
                WireFaultKind::Connect,
                "the connection ended before the request was written",
            )),
        }
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        let url = Uri::try_from(request.url)
            .map_err(|error| WireFault::new(WireFaultKind::BadUrl, error.to_string()))?;
        let site = self.site(&url)?;
        let mut sent = Request::new(Whole::new(request.body));
        *sent.method_mut() = request.method;
        // A proxy must be told where to.
        *sent.uri_mut() = if site.passes_on().is_some() { url } else { relative(url) };
        *sent.headers_mut() = request.headers;
        add_headers(sent.headers_mut(), &site);
        let (link, response) = self.exchange(&site, sent).await?;
        let (head, incoming) = response.into_parts();
        if let Some(proxy) =
            site.passes_on().filter(|_| head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED)
        {
            return Err(refused(proxy, head.status.as_u16())); // no answer of the server
        }
        if incoming.size_hint().lower() > self.settings.max_body {
            return Err(too_large(self.settings.max_body)); // and the connection is closed, unread
        }
        let settings = Arc::clone(&self.settings);
        Ok(Incoming {
            head: Head { status: head.status, headers: head.headers, at: SystemTime::now() },
            body: Box::new(Coming { link: Some(link), incoming, site, settings, read: 0 }),
        })
    }
}

/// Path and query, as HTTP/1.1 wants them.
fn relative(url: Uri) -> Uri {
    let path = url.into_parts().path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::from(path)
}

fn add_headers(headers: &mut http::HeaderMap, site: &Site) {
    headers.insert(HOST, site.header.clone());
    if let Some(value) = site.passes_on().and_then(|proxy| proxy.authorization.as_ref()) {
        headers.insert(PROXY_AUTHORIZATION, value.clone());
    }
    // Nothing is decompressed here, and a compressed bomb is best not asked for, unless somebody undoes it.
    if !headers.contains_key(ACCEPT_ENCODING) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
    }
}
