//! URLs that mean the same to everybody who reads them. What two readers could read differently is refused, not
//! repaired: the classic way past a guard is a URL that the guard and the client take apart at different places.

use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use tidegate_core::{Fault, FaultKind};

use super::{Policy, reach};

/// No URL of a document is longer, in bytes.
const LONGEST: usize = 8 << 10;

/// An absolute `http` or `https` URL in its one form: a lower-case host, no user, no fragment, no default port.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// All of it.
    text: String,
    encrypted: bool,
    host: String,
    port: u16,
    /// Where in `text` the path begins.
    path: usize,
}

impl Url {
    /// Reads a URL and looks whether `policy` lets anybody ask for it, as far as that can be seen without resolving
    /// its name. Spaces and letters beyond ASCII after the host are percent-encoded.
    ///
    /// # Errors
    /// [`FaultKind::Malformed`] for what is no URL, or one that could be read in two ways; [`FaultKind::Forbidden`] for
    /// an address or a port that the policy does not admit.
    pub fn parse(text: &str, policy: Policy) -> Result<Self, Fault> {
        let text = text.trim_matches(' ');
        plain(text)?;
        let (encrypted, rest) = scheme(text)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = split_port(authority)?;
        let host = canonical(host)?;
        let usual = if encrypted { 443 } else { 80 };
        let port = port.map_or(Ok(usual), port_number)?;
        admitted(&host, port, policy)?;
        let mut url = String::with_capacity(text.len() + 1);
        url.push_str(if encrypted { "https://" } else { "http://" });
        url.push_str(&host);
        if port != usual {
            let _ = write!(url, ":{port}");
        }
        let path = url.len();
        if !rest.starts_with('/') {
            url.push('/');
        }
        encode(rest.split('#').next().unwrap_or_default(), &mut url);
        let url = Self { text: url, encrypted, host, port, path };
        url.read_alike()
    }

    /// The URL that `reference`, such as the target of a redirect, means here.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn join(&self, reference: &str, policy: Policy) -> Result<Self, Fault> {
        let reference = reference.trim_matches(' ');
        plain(reference)?;
        let scheme = if self.encrypted { "https:" } else { "http:" };
        let base = &self.text[..self.path];
        let path = self.text[self.path..].split('?').next().unwrap_or("/");
        let colon = reference.find(':').filter(|colon| !reference[..*colon].contains(['/', '?', '#']));
        let joined = match reference.as_bytes() {
            _ if colon.is_some() => reference.to_owned(),
            [b'/', b'/', ..] => format!("{scheme}{reference}"),
            [b'/', ..] => format!("{base}{}", without_dots(reference)),
            [b'?', ..] => format!("{base}{path}{reference}"),
            [] | [b'#', ..] => self.text.clone(),
            _ => {
                let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
                format!("{base}{}", without_dots(&format!("{folder}{reference}")))
            }
        };
        Self::parse(&joined, policy)
    }

    /// All of it. May hold a secret in its query: show [`Self::place`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// It without its query, for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        self.text.split('?').next().unwrap_or_default()
    }

    /// Path and query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.text[self.path..]
    }

    /// Host and port, which one server answers for.
    #[must_use]
    pub fn site(&self) -> &str {
        let start = if self.encrypted { 8 } else { 7 };
        &self.text[start..self.path]
    }

    /// Whether it is spoken to under TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether what is secret towards `other` may be told here too: scheme, host and port are the same.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        (self.encrypted, &self.host, self.port) == (other.encrypted, &other.host, other.port)
    }

    /// Whoever connects reads a URL with [`Uri`]: it must see the same host and port.
    fn read_alike(self) -> Result<Self, Fault> {
        let seen = Uri::try_from(self.text.as_str()).ok();
        let alike = seen.is_some_and(|uri| {
            let usual = if self.encrypted { 443 } else { 80 };
            uri.host() == Some(&self.host)
                && uri.port_u16().unwrap_or(usual) == self.port
                && uri.path_and_query().is_some_and(|rest| rest.as_str() == self.path_and_query())
        });
        if alike { Ok(self) } else { Err(malformed("the url could be read in two ways")) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.place())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.place())
    }
}

fn malformed(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Malformed, message).hint("write it as http://host/path or https://host/path")
}

/// Refuses what readers of URLs are known to disagree about.
fn plain(text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST {
        return Err(malformed(format!("the url is longer than {LONGEST} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(malformed("the url holds a control character"));
    }
    // A query may hold one, encoded; before that, some read it as a slash.
    if text.contains('\\') {
        return Err(malformed("the url holds a backslash"));
    }
    Ok(())
}

fn scheme(text: &str) -> Result<(bool, &str), Fault> {
    for (encrypted, scheme) in [(true, "https://"), (false, "http://")] {
        if text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            return Ok((encrypted, &text[scheme.len()..]));
        }
    }
    Err(malformed("the url is neither http nor https"))
}

/// The host, in brackets where it is an IPv6 address, and the port.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), Fault> {
    if authority.contains('@') {
        return Err(malformed("the url holds a user or a password").hint("send them in a header"));
    }
    let end = if authority.starts_with('[') {
        authority.find(']').map(|end| end + 1).ok_or_else(|| malformed("the url has half an address"))?
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        Some(port) => Ok((host, Some(port))),
        None => Err(malformed("the url has something between its host and its port")),
    }
}

fn port_number(text: &str) -> Result<u16, Fault> {
    let plain = !text.starts_with('0') && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or_else(|| malformed("the url has no proper port"))
}

/// The host in lower case, if it is written in the one way in which all read it.
fn canonical(host: &str) -> Result<String, Fault> {
    let host = host.to_ascii_lowercase();
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        let address: Ipv6Addr = inner.parse().map_err(|_| malformed("the url has no proper address"))?;
        let shown = address.to_string();
        let same = shown == inner;
        return if same { Ok(host) } else { Err(odd(&format!("[{shown}]"))) };
    }
    if !host.is_ascii() {
        return Err(malformed("the url's host has letters beyond ASCII")
            .hint("write the host as its registry does, beginning with xn--"));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.is_empty() || host.len() > 253 || !host.split('.').all(label) {
        return Err(malformed("the url has no proper host"));
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let number = hexadecimal || last.bytes().all(|digit| digit.is_ascii_digit());
    if number && host.parse::<Ipv4Addr>().is_err() {
        return Err(malformed("the url's host is a number that some read as an address")
            .hint("write addresses as four decimal numbers"));
    }
    Ok(host)
}

fn odd(shown: &str) -> Fault {
    malformed("the url's address is not in its usual form").hint(format!("write {shown}"))
}

/// Whether the policy lets anybody go there, where the host is an address.
fn admitted(host: &str, port: u16, policy: Policy) -> Result<(), Fault> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        let reach = reach(address);
        if !policy.admits(reach) {
            let message = format!("{address} is a {} address", reach.name());
            return Err(forbidden(message, reach));
        }
    }
    if policy.admits_port(port) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Forbidden, format!("port {port} is neither 80 nor 443"))
        .hint("set any_port = true in [source] to fetch from it"))
}

fn forbidden(message: String, reach: super::Reach) -> Fault {
    let fault = Fault::new(FaultKind::Forbidden, message);
    match reach {
        super::Reach::Private(_) => fault.hint("--allow-private fetches from private networks too"),
        _ => fault.hint("no setting opens such addresses"),
    }
}

/// Percent-encodes what may not stand in a path or a query.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}') {
            into.push(byte as char);
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// Takes `.` and `..` out of the path of a reference (RFC 3986, section 5.2.4).
fn without_dots(reference: &str) -> String {
    let end = reference.find(['?', '#']).unwrap_or(reference.len());
    let (path, rest) = reference.split_at(end);
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        match part {
            ".." => {
                kept.pop();
            }
            "." => {}
            part => kept.push(part),
        }
        if parts.peek().is_none() && matches!(part, "." | "..") {
            kept.push("");
        }
    }
    format!("/{}{rest}", kept.join("/"))
}
