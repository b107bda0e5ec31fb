use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use http::{HeaderMap, Method};
use tidegate_core::{HttpRequest, Transport, WireFault, WireFaultKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Http, HttpSettings, Proxies};

mod proxied;

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn request(at: SocketAddr) -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        url: format!("http://{at}/v1/embed?x=1"),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"a\":1}"),
    }
}

async fn whole(http: &Http, request: HttpRequest) -> Result<Bytes, WireFault> {
    let mut incoming = http.send(request).await?;
    let mut body = Vec::new();
    while let Some(piece) = incoming.body.next().await {
        body.extend_from_slice(&piece?);
    }
    Ok(body.into())
}

/// Reads one request: its head as text, and its body by its length.
async fn hear(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.trim().parse::<usize>().expect("a length"));
            while bytes.len() < end + 4 + length {
                stream.read_buf(&mut bytes).await?;
            }
            return Ok(Some(head));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

type Script = for<'a> fn(&'a mut TcpStream) -> BoxFuture<'a, io::Result<()>>;

/// A server that does `script` to the first connection, and what `calls` got from it.
async fn served<T>(script: Script, calls: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = script(&mut stream).await;
    };
    join(calls(at), server).await.0
}

async fn fault_of(script: Script) -> WireFault {
    served(script, async |at| whole(&Http::default(), request(at)).await.expect_err("no answer")).await
}

#[tokio::test]
async fn a_request_is_sent_whole_with_its_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = hear(&mut stream).await.expect("readable").expect("a request");
        stream.write_all(GOOD).await.expect("writable");
        head
    };
    let http = Http::default();
    let (body, head) = join(whole(&http, request(at)), server).await;
    assert_eq!(body.expect("an answer"), "hello");
    assert!(head.starts_with("post /v1/embed?x=1 http/1.1"), "{head}");
    assert!(head.contains(&format!("host: {at}")), "{head}");
    assert!(head.contains("accept-encoding: identity"), "{head}");
    assert!(head.contains("content-length: 7"), "{head}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let script: Script = |stream| {
        async move {
            for _ in 0..3 {
                hear(stream).await?;
                stream.write_all(GOOD).await?;
            }
            hear(stream).await.map(|_| ()) // until the client goes
        }
        .boxed()
    };
    served(script, async |at| {
        let http = Http::default();
        for _ in 0..3 {
            assert_eq!(whole(&http, request(at)).await.expect("an answer"), "hello");
        }
        assert_eq!(http.connections().made, 1);
        assert_eq!(http.connections().open, 1);
    })
    .await;
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let http = Http::default();
    let mut heard = 0;
    for _ in 0..3 {
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            hear(&mut stream).await.expect("readable").expect("a request");
            stream.write_all(GOOD).await.expect("writable");
        };
        let (body, ()) = join(whole(&http, request(at)), server).await;
        assert_eq!(body.expect("an answer"), "hello");
        heard += 1;
    }
    assert_eq!((heard, http.connections().made), (3, 3));
    assert!(http.connections().open <= 1, "closed connections are dropped");
}

#[tokio::test]
async fn an_old_connection_is_not_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let http = Http::new(HttpSettings { max_age: Duration::ZERO, ..HttpSettings::default() });
    for made in 1..3 {
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            hear(&mut stream).await.expect("readable").expect("a request");
            stream.write_all(GOOD).await.expect("writable");
            stream
        };
        let (body, _stream) = join(whole(&http, request(at)), server).await;
        assert_eq!(body.expect("an answer"), "hello");
        assert_eq!((http.connections().made, http.connections().open), (made, 0));
    }
}

#[tokio::test]
async fn each_loss_names_itself() {
    let table: [(&str, Script, WireFaultKind); 8] = [
        (
            "closed before a byte",
            |stream| async move { hear(stream).await.map(|_| ()) }.boxed(),
            WireFaultKind::Reset,
        ),
        (
            "reset before a byte",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream.set_zero_linger()
                }
                .boxed()
            },
            WireFaultKind::Reset,
        ),
        (
            "half a head",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await
                }
                .boxed()
            },
            WireFaultKind::Reset,
        ),
        (
            "half a body",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await
                }
                .boxed()
            },
            WireFaultKind::Cut,
        ),
        (
            "chunks without an end",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
                        .await
                }
                .boxed()
            },
            WireFaultKind::Cut,
        ),
        (
            "chunks that are none",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n")
                        .await
                }
                .boxed()
            },
            WireFaultKind::Cut,
        ),
        (
            "something else",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream.write_all(b"220 mail.example.org ESMTP\r\n\r\n").await
                }
                .boxed()
            },
            WireFaultKind::NotHttp,
        ),
        (
            "a head without an end",
            |stream| {
                async move {
                    hear(stream).await?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                    for _ in 0..400 {
                        stream.write_all(format!("x: {}\r\n", "y".repeat(1000)).as_bytes()).await?;
                    }
                    Ok(())
                }
                .boxed()
            },
            WireFaultKind::NotHttp,
        ),
    ];
    for (what, script, kind) in table {
        let fault = fault_of(script).await;
        assert_eq!(fault.kind, kind, "{what}: {fault:?}");
        assert!(!fault.message.contains("x=1"), "no query in {fault:?}");
    }
}

#[tokio::test]
async fn bytes_after_an_answer_are_no_answer_to_the_next() {
    let script: Script = |stream| {
        async move {
            hear(stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello").await?;
            // Whether the next request comes here at all is up to the client; it must not read "llo".
            hear(stream).await?;
            Ok(())
        }
        .boxed()
    };
    served(script, async |at| {
        let http = Http::default();
        assert_eq!(whole(&http, request(at)).await.expect("an answer"), "he");
        assert_eq!(http.connections().open, 0, "a connection with stray bytes is not kept");
    })
    .await;
}

#[tokio::test]
async fn nothing_listening_is_told_from_no_such_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    drop(listener);
    let refused = whole(&Http::default(), request(at)).await.expect_err("nothing listens");
    assert_eq!(refused.kind, WireFaultKind::ConnectRefused, "{refused:?}");
    let nowhere = HttpRequest { url: "http://no-such-name.invalid/".to_owned(), ..request(at) };
    let unknown = whole(&Http::default(), nowhere).await.expect_err("no such name");
    assert_eq!(unknown.kind, WireFaultKind::Dns, "{unknown:?}");
}

#[tokio::test]
async fn bad_urls_are_refused_without_a_connection() {
    let at = SocketAddr::from(([127, 0, 0, 1], 9));
    for url in ["", "/v1/embed", "ftp://example.org/", "http://user:secret@example.org/", "http://exa mple/"]
    {
        let http = Http::default();
        let fault =
            whole(&http, HttpRequest { url: url.to_owned(), ..request(at) }).await.expect_err("no url");
        assert_eq!(fault.kind, WireFaultKind::BadUrl, "{url}: {fault:?}");
        assert!(!fault.message.contains("secret"));
        assert_eq!(http.connections().made, 0);
    }
}

#[tokio::test]
async fn dropping_a_wait_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let http = Http::default();
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        hear(&mut stream).await.expect("readable").expect("a request");
        (stream, ())
    };
    let mut call = Box::pin(whole(&http, request(at)));
    let mut stream = tokio::select! {
        _ = &mut call => panic!("nothing was answered"),
        (stream, ()) = server => stream,
    };
    assert_eq!(http.connections().open, 1);
    drop(call);
    assert_eq!(http.connections().open, 0);
    assert_eq!(stream.read(&mut [0; 1]).await.expect("a clean end"), 0, "the server sees it close");
}

#[tokio::test]
async fn a_body_over_the_cap_is_not_read() {
    let capped = || Http::new(HttpSettings { max_body: 1000, ..HttpSettings::default() });
    let declared: Script = |stream| {
        async move {
            hear(stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await
        }
        .boxed()
    };
    let endless: Script = |stream| {
        async move {
            hear(stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 4096]).await?; // until the client closes
            }
        }
        .boxed()
    };
    for script in [declared, endless] {
        served(script, async |at| {
            let http = capped();
            let fault = whole(&http, request(at)).await.expect_err("too large");
            assert_eq!(fault.kind, WireFaultKind::TooLarge, "{fault:?}");
            assert_eq!(http.connections().open, 0);
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_may_come_in_any_pieces() {
    let script: Script = |stream| {
        async move {
            hear(stream).await?;
            for byte in
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
            {
                stream.write_all(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
            hear(stream).await?;
            stream.write_all(GOOD).await
        }
        .boxed()
    };
    served(script, async |at| {
        let http = Http::default();
        assert_eq!(whole(&http, request(at)).await.expect("an answer"), "hello");
        assert_eq!(whole(&http, request(at)).await.expect("an answer"), "hello");
        assert_eq!(http.connections().made, 1);
    })
    .await;
}

mod tls {
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A certificate for `name`, and what serves it.
    pub(super) fn identity(name: &str) -> (Vec<u8>, TlsAcceptor) {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .and_then(|parameters| parameters.self_signed(&key))
            .expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a configuration");
        (certificate.der().to_vec(), TlsAcceptor::from(Arc::new(config)))
    }

    async fn asked(name: &str, trusted: bool) -> Result<Bytes, WireFault> {
        let (certificate, acceptor) = identity(name);
        let certificates = if trusted { vec![certificate] } else { vec![identity("localhost").0] };
        let http = Http::new(HttpSettings { certificates, ..HttpSettings::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut bytes = [0; 1024];
            if stream.read(&mut bytes).await.is_ok() {
                let _ = stream.write_all(GOOD).await;
                let _ = stream.shutdown().await;
            }
        };
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        let sent = HttpRequest { url: format!("https://localhost:{port}/"), ..request(at) };
        join(whole(&http, sent), server).await.0
    }

    #[tokio::test]
    async fn a_trusted_certificate_is_spoken_with_and_no_other() {
        assert_eq!(asked("localhost", true).await.expect("an answer"), "hello");
        for (name, trusted) in [("localhost", false), ("elsewhere.example", true)] {
            let fault = asked(name, trusted).await.expect_err("not to be trusted");
            assert_eq!(fault.kind, WireFaultKind::Tls, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_server_without_tls_is_a_tls_fault() {
        let script: Script = |stream| {
            async move {
                stream.readable().await?;
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
            }
            .boxed()
        };
        let fault = served(script, async |at| {
            let sent = HttpRequest { url: format!("https://localhost:{}/", at.port()), ..request(at) };
            let (certificate, _) = identity("localhost");
            let settings = HttpSettings { certificates: vec![certificate], ..HttpSettings::default() };
            whole(&Http::new(settings), sent).await.expect_err("no tls")
        })
        .await;
        assert_eq!(fault.kind, WireFaultKind::Tls, "{fault:?}");
    }
}
