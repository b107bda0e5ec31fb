//! Through a proxy: a tunnel where TLS is spoken, whole requests where it is not.

use std::sync::Mutex;

use futures_util::future::select;

use super::tls::identity;
use super::*;

const SHOWN: &str = "proxy-authorization: basic dxnlcjpjyw5hcnk="; // `user:canary`, in small letters as `hear` has it

/// An environment in which everything goes through the proxy at `at`.
fn through(at: SocketAddr, user: &str) -> Proxies {
    let url = format!("http://{user}{at}");
    Proxies::new(&|name| (name == "all_proxy").then(|| url.clone()))
}

/// A proxy that answers every CONNECT with `answer`, and passes bytes on to `to` if that is 200. Keeps the heads.
async fn proxy(listener: &TcpListener, to: SocketAddr, answer: &'static str, heads: &Mutex<Vec<String>>) {
    let (mut near, _) = listener.accept().await.expect("a connection");
    let Ok(Some(head)) = hear(&mut near).await else { return };
    heads.lock().expect("no panic").push(head);
    near.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.expect("writable");
    if answer.starts_with("200") {
        let mut far = TcpStream::connect(to).await.expect("the server listens");
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    }
}

async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

/// What comes of a request to a server with TLS that is reached through a proxy, and what the proxy heard.
async fn tunnelled(answer: &'static str, user: &str) -> (Result<Bytes, WireFault>, Vec<String>) {
    let (certificate, acceptor) = identity("localhost");
    let ((near, at), (far, to)) = (listening().await, listening().await);
    let settings = HttpSettings {
        certificates: vec![certificate],
        proxies: through(at, user),
        ..HttpSettings::default()
    };
    let http = Http::new(settings);
    let server = async {
        let (stream, _) = far.accept().await.expect("a connection");
        let mut stream = acceptor.accept(stream).await.expect("tls");
        let mut bytes = [0; 1024];
        for _ in 0..2 {
            let read = stream.read(&mut bytes).await.expect("readable");
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            assert!(head.starts_with("POST /v1/embed?x=1 HTTP/1.1\r\n"), "{head}");
            assert!(!head.to_lowercase().contains("proxy"), "{head}");
            stream.write_all(GOOD).await.expect("writable");
        }
        std::future::pending::<()>().await;
    };
    let heads = Mutex::default();
    // Nobody resolves this name but the proxy; the certificate is for `localhost`, which is asked for.
    let url = format!("https://localhost:{}/v1/embed?x=1", to.port());
    let asked = || HttpRequest { url: url.clone(), ..request(to) };
    let calls = async {
        let first = whole(&http, asked()).await;
        if first.is_ok() {
            assert_eq!(whole(&http, asked()).await.expect("an answer"), "hello");
            assert_eq!(http.connections().made, 1, "a tunnel is used again");
        }
        first
    };
    let serving = join(server, proxy(&near, to, answer, &heads));
    let body = match select(std::pin::pin!(calls), std::pin::pin!(serving)).await {
        futures_util::future::Either::Left((body, _)) => body,
        futures_util::future::Either::Right(_) => unreachable!("the server never ends"),
    };
    (body, heads.into_inner().expect("no panic"))
}

#[tokio::test]
async fn tls_goes_through_a_tunnel() {
    let (body, heads) = tunnelled("200 Connection established", "user:canary@").await;
    assert_eq!(body.expect("an answer"), "hello");
    let [head] = heads.as_slice() else { panic!("{heads:?}") };
    assert!(head.starts_with("connect localhost:") && head.contains("\r\nhost: localhost:"), "{head}");
    assert!(head.contains(SHOWN), "{head}");
    let (_, heads) = tunnelled("200 OK", "").await;
    assert!(!heads[0].contains("authorization"), "{heads:?}");
}

#[tokio::test]
async fn what_a_proxy_refuses_names_itself_without_the_password() {
    for (answer, kind, words) in [
        ("407 canary wanted", WireFaultKind::Proxy, "407: it does not take this user and password"),
        ("403 Forbidden", WireFaultKind::Proxy, "403: it does not let this through"),
        ("502 Bad Gateway", WireFaultKind::Connect, "502: it does not reach the server"),
        ("nonsense", WireFaultKind::Proxy, "it answered with something else"),
    ] {
        let fault = tunnelled(answer, "user:canary@").await.0.expect_err("no way");
        assert_eq!(fault.kind, kind, "{answer}: {fault:?}");
        assert!(fault.message.contains(words) && !fault.message.contains("canary"), "{fault:?}");
        assert!(!fault.kind.may_have_been_served());
    }
    let fault = tunnelled("407 Who are you", "").await.0.expect_err("no way");
    assert!(fault.message.ends_with("407: it wants a user and a password"), "{fault:?}");
}

#[tokio::test]
async fn a_proxy_that_is_away_or_says_more_than_a_head_is_told_of() {
    let (listener, at) = listening().await;
    drop(listener);
    let http = Http::new(HttpSettings { proxies: through(at, ""), ..HttpSettings::default() });
    let fault = whole(&http, request(at)).await.expect_err("nobody listens");
    assert_eq!(fault.kind, WireFaultKind::ConnectRefused);
    assert!(fault.message.starts_with(&format!("the proxy {at}: ")), "{fault:?}");

    let script: Script = |stream| {
        async move {
            hear(stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nbytes nobody asked for").await?;
            hear(stream).await.map(|_| ())
        }
        .boxed()
    };
    let fault = served(script, async |at| {
        let http = Http::new(HttpSettings { proxies: through(at, ""), ..HttpSettings::default() });
        let sent = HttpRequest { url: "https://far.example/".to_owned(), ..request(at) };
        whole(&http, sent).await.expect_err("no tunnel")
    })
    .await;
    assert_eq!(fault.kind, WireFaultKind::Proxy, "{fault:?}");
}

#[tokio::test]
async fn without_tls_the_proxy_gets_whole_requests() {
    let (listener, at) = listening().await;
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut heads = Vec::new();
        for _ in 0..2 {
            heads.push(hear(&mut stream).await.expect("readable").expect("a request"));
            stream.write_all(GOOD).await.expect("writable");
        }
        heads
    };
    let http = Http::new(HttpSettings { proxies: through(at, "user:canary@"), ..HttpSettings::default() });
    let calls = async {
        for _ in 0..2 {
            // No name of this kind is ever resolved.
            let sent = HttpRequest { url: "http://far.invalid:8000/v1/embed?x=1".to_owned(), ..request(at) };
            assert_eq!(whole(&http, sent).await.expect("an answer"), "hello");
        }
        assert_eq!(http.connections().made, 1);
    };
    let ((), heads) = join(calls, server).await;
    for head in heads {
        assert!(head.starts_with("post http://far.invalid:8000/v1/embed?x=1 http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nhost: far.invalid:8000\r\n") && head.contains(SHOWN), "{head}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_is_not_taken_for_the_server() {
    let script: Script = |stream| {
        async move {
            hear(stream).await?;
            stream.write_all(b"HTTP/1.1 407 No\r\ncontent-length: 6\r\n\r\ncanary").await
        }
        .boxed()
    };
    let fault = served(script, async |at| {
        let http = Http::new(HttpSettings { proxies: through(at, ""), ..HttpSettings::default() });
        whole(&http, request(at)).await.expect_err("not the server's answer")
    })
    .await;
    assert_eq!(fault.kind, WireFaultKind::Proxy, "{fault:?}");
    assert!(!fault.message.contains("canary"), "{fault:?}");
}

#[tokio::test]
async fn what_is_exempt_is_reached_without() {
    let script: Script = |stream| {
        async move {
            hear(stream).await?;
            stream.write_all(GOOD).await
        }
        .boxed()
    };
    served(script, async |at| {
        let proxies = Proxies::new(&|name| match name {
            "http_proxy" => Some("http://far.invalid:1".to_owned()),
            "no_proxy" => Some("127.0.0.0/8".to_owned()),
            _ => None,
        });
        let http = Http::new(HttpSettings { proxies, ..HttpSettings::default() });
        assert_eq!(whole(&http, request(at)).await.expect("an answer"), "hello");
    })
    .await;
}
