//! Which proxy a server is reached through, by the variables that curl reads.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::uri::Uri;
use tidegate_core::{Fault, FaultKind};

use super::exempt::Exempt;

/// The port of a proxy that names none, as curl has it.
const PORT: u16 = 1080;
/// The same of one that is spoken to over TLS.
const PORT_TLS: u16 = 443;

/// A server that passes requests on. Neither printing nor comparing it shows its user and password.
#[derive(Clone)]
pub struct Proxy {
    /// Its host, as in its URL.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// Whether TLS is spoken with the proxy itself.
    pub(super) encrypted: bool,
    /// The header that shows who asks.
    pub(super) authorization: Option<HeaderValue>,
    /// The variable that named it.
    variable: &'static str,
}

impl Proxy {
    /// Host and port.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The variable of the environment that named it.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}, from {})", self.place(), self.variable)
    }
}

/// What the environment says about proxies.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    exempt: Exempt,
}

/// A proxy, or what is wrong with how it is written. Told when it is needed: `all_proxy` may name one of a kind that
/// is not spoken here, while nothing here uses it.
type Named = Result<Arc<Proxy>, Fault>;

impl Proxies {
    /// Reads the variables through `lookup`: `http_proxy` or `https_proxy` by the scheme of a URL, else `all_proxy`,
    /// and `no_proxy` for what is reached without any. Small letters come before capital ones, and an empty variable
    /// is none. `HTTP_PROXY` counts for nothing where `REQUEST_METHOD` is set: there a visitor of a web server may have
    /// set it, with a header called `Proxy`.
    #[must_use]
    pub fn new(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let set =
            |name: &&'static str| lookup(name).filter(|value| !value.is_empty()).map(|value| (*name, value));
        let first = |names: &[&'static str]| {
            let usable = |name: &&&str| **name != "HTTP_PROXY" || lookup("REQUEST_METHOD").is_none();
            let found = names.iter().filter(usable).find_map(set);
            found.map(|(variable, url)| parse(&url, variable).map(Arc::new))
        };
        let exempt = ["no_proxy", "NO_PROXY"].iter().find_map(set).map(|(_, list)| Exempt::new(&list));
        Self {
            http: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exempt: exempt.unwrap_or_default(),
        }
    }

    /// The proxy through which `url` is reached; `None`: without any.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: the variable does not name a proxy that can be spoken to. It is not repeated, because it
    /// may hold a password.
    pub fn of(&self, url: &str) -> Result<Option<Arc<Proxy>>, Fault> {
        match url.parse::<Uri>() {
            Ok(url) => self.of_uri(&url),
            Err(_) => Ok(None), // what is no URL is told where it is used
        }
    }

    pub(super) fn of_uri(&self, url: &Uri) -> Result<Option<Arc<Proxy>>, Fault> {
        let named = match url.scheme_str() {
            Some("https") => &self.https,
            _ => &self.http,
        };
        match (named, url.host()) {
            (Some(named), Some(host)) if !self.exempt.covers(host) => named.clone().map(Some),
            _ => Ok(None),
        }
    }
}

fn parse(url: &str, variable: &'static str) -> Result<Proxy, Fault> {
    let wrong = |what: &str| {
        Fault::new(FaultKind::Config, format!("the proxy in {variable} {what}"))
            .hint("write http://host:port, or http://user:password@host:port; no_proxy lists hosts to reach without")
    };
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
    let encrypted = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(wrong("is neither http nor https")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let parsed = place.parse::<http::uri::Authority>().map_err(|_| wrong("names no host"))?;
    let port = match place.strip_prefix(parsed.host()) {
        Some("" | ":") => {
            if encrypted {
                PORT_TLS
            } else {
                PORT
            }
        }
        _ => parsed.port_u16().filter(|port| *port > 0).ok_or_else(|| wrong("names no port"))?,
    };
    if parsed.host().is_empty() {
        return Err(wrong("names no host"));
    }
    let authorization = user.map(basic).transpose().map_err(wrong)?;
    Ok(Proxy { host: parsed.host().to_owned(), port, encrypted, authorization, variable })
}

/// The header of `user:password`, whose special characters are escaped as in any URL.
fn basic(user: &str) -> Result<HeaderValue, &'static str> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain = unescape(name)?;
    plain.push(b':');
    plain.extend(unescape(password)?);
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain))).expect("base64 is visible ascii");
    value.set_sensitive(true);
    Ok(value)
}

fn unescape(text: &str) -> Result<Vec<u8>, &'static str> {
    const WRONG: &str = "has a user or password with a % that begins no escape";
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(WRONG);
        out.push(if byte == b'%' { (digit()? * 16 + digit()?) as u8 } else { byte });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(set: &[(&str, &str)]) -> Proxies {
        Proxies::new(&|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn place(set: &[(&str, &str)], url: &str) -> Option<String> {
        proxies(set).of(url).unwrap().map(|proxy| proxy.place())
    }

    #[test]
    fn the_variable_is_chosen_as_curl_does() {
        let (plain, tls) = ("http://api.example/v1", "https://api.example/v1");
        let all =
            [("http_proxy", "a:1"), ("HTTP_PROXY", "b:2"), ("https_proxy", "c:3"), ("all_proxy", "d:4")];
        assert_eq!(place(&all, plain).as_deref(), Some("a:1"));
        assert_eq!(place(&all, tls).as_deref(), Some("c:3"));
        assert_eq!(place(&all[1..], plain).as_deref(), Some("b:2"));
        assert_eq!(place(&[("HTTPS_PROXY", "c:3")], plain), None);
        assert_eq!(place(&[("ALL_PROXY", "d:4"), ("https_proxy", "")], tls).as_deref(), Some("d:4"));
        assert_eq!(place(&[], tls), None);
        // A visitor of a web server sets HTTP_PROXY with a header.
        assert_eq!(place(&[("HTTP_PROXY", "b:2"), ("REQUEST_METHOD", "GET")], plain), None);
        let local = [("http_proxy", "a:1"), ("NO_PROXY", "localhost")];
        assert_eq!(place(&local, "http://localhost:11434/api"), None);
        assert_eq!(place(&local, "http://127.0.0.1:11434/api").as_deref(), Some("a:1"));
        assert_eq!(proxies(&local).of(plain).unwrap().unwrap().variable(), "http_proxy");
    }

    #[test]
    fn a_proxy_is_read_as_it_is_written() {
        for (written, at, encrypted) in [
            ("http://proxy.example:3128", "proxy.example:3128", false),
            ("proxy.example:3128/", "proxy.example:3128", false),
            ("proxy.example", "proxy.example:1080", false),
            ("HTTPS://proxy.example", "proxy.example:443", true),
            ("http://user:p%40ss@[::1]:8080", "[::1]:8080", false),
        ] {
            let proxy = parse(written, "all_proxy").unwrap();
            assert_eq!((proxy.place().as_str(), proxy.encrypted), (at, encrypted), "{written}");
        }
        let shown = |url: &str| parse(url, "all_proxy").unwrap().authorization;
        assert_eq!(shown("http://h:1"), None);
        assert_eq!(shown("http://user:p%40s@h:1").unwrap(), format!("Basic {}", STANDARD.encode("user:p@s")));
        assert_eq!(shown("http://user@h:1").unwrap(), format!("Basic {}", STANDARD.encode("user:")));
    }

    #[test]
    fn a_proxy_that_cannot_be_spoken_to_is_told_when_it_is_needed_and_without_its_password() {
        for written in [
            "socks5://user:canary@h:1080",
            "http://user:canary%4@h:1",
            "http://user:canary@",
            "http://user:canary@h:port",
            "http://user:canary@h:0",
            "http://user:canary@h h:1",
        ] {
            let proxies = proxies(&[("http_proxy", written), ("https_proxy", "h:1"), ("no_proxy", "near")]);
            let fault = proxies.of("http://far/").unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config);
            assert!(fault.to_string().contains("http_proxy") && fault.hint_text().is_some(), "{fault}");
            assert!(!format!("{fault} {proxies:?}").contains("canary"), "{fault} {proxies:?}");
            assert!(proxies.of("https://far/").unwrap().is_some());
            assert!(proxies.of("http://near/").unwrap().is_none());
        }
        let good = proxies(&[("http_proxy", "http://user:canary@h:1")]);
        let told = format!("{good:?} {:?}", good.of("http://far/").unwrap().unwrap().authorization);
        assert!(!told.contains("canary") && !told.contains(&STANDARD.encode("user:canary")), "{told}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_written_panics(url in "\\PC{0,40}", list in "\\PC{0,40}", host in "[a-z0-9.:\\[\\]-]{0,20}") {
            let proxies = proxies(&[("all_proxy", &url), ("no_proxy", &list)]);
            let _ = proxies.of(&format!("http://{host}/"));
        }
    }
}
