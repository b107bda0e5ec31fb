//! A way through a proxy to a server that is spoken to over TLS.

use tidegate_core::{WireFault, WireFaultKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::io::Io;
use super::proxy::Proxy;

/// The longest head of a proxy's answer.
const LONGEST: usize = 16 * 1024;

/// Asks `proxy`, which is at the other end of `io`, for a way to `host`:`port`.
///
/// # Errors
/// [`WireFaultKind::Proxy`] where it refuses, or is no proxy, which waiting does not change; [`WireFaultKind::Connect`]
/// where it cannot reach the server, or goes.
pub(super) async fn dig(io: &mut Io, proxy: &Proxy, (host, port): (&str, u16)) -> Result<(), WireFault> {
    let lost = |error: std::io::Error| fault(WireFaultKind::Connect, proxy, &error.to_string());
    io.write_all(&asked(proxy, host, port)).await.map_err(lost)?;
    io.flush().await.map_err(lost)?;
    let mut head = Vec::with_capacity(512);
    let end = loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if head.len() >= LONGEST {
            return Err(fault(WireFaultKind::Proxy, proxy, "its answer has no end"));
        }
        if io.read_buf(&mut head).await.map_err(lost)? == 0 {
            return Err(fault(WireFaultKind::Connect, proxy, "it closed the connection"));
        }
    };
    match status(&head) {
        // Who speaks TLS is silent until spoken to: more than a head is not from the server.
        Some(200..300) if head.len() == end => Ok(()),
        Some(200..300) | None => Err(fault(WireFaultKind::Proxy, proxy, "it answered with something else")),
        Some(code) => Err(refused(proxy, code)),
    }
}

/// What a refusal of the proxy means. Its words are not repeated: they may hold what it was sent.
pub(super) fn refused(proxy: &Proxy, code: u16) -> WireFault {
    match code {
        407 if proxy.authorization.is_none() => {
            fault(WireFaultKind::Proxy, proxy, "407: it wants a user and a password")
        }
        407 => fault(WireFaultKind::Proxy, proxy, "407: it does not take this user and password"),
        408 | 429 | 500.. => {
            fault(WireFaultKind::Connect, proxy, &format!("{code}: it does not reach the server"))
        }
        code => fault(WireFaultKind::Proxy, proxy, &format!("{code}: it does not let this through")),
    }
}

pub(super) fn fault(kind: WireFaultKind, proxy: &Proxy, words: &str) -> WireFault {
    WireFault::new(kind, format!("the proxy {}: {words}", proxy.place()))
}

fn asked(proxy: &Proxy, host: &str, port: u16) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let mut head = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\nuser-agent: tidegate/{version}\r\n"
    )
    .into_bytes();
    if let Some(value) = &proxy.authorization {
        head.extend_from_slice(b"proxy-authorization: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The status of an answer that begins as one of HTTP/1.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let code = std::str::from_utf8(rest.get(2..5)?).ok()?;
    (rest.get(1) == Some(&b' ') && matches!(rest.get(5), None | Some(b' '))).then(|| code.parse().ok())?
}
