//! The whole call over a real connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method};
use tidegate_core::{Answer, Charge, Codec, ContentHash, Fault, HttpRequest, Refusal, Reply, Shape};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::{Line, Lines, bulk};
use crate::{CallSettings, Caller, Concurrency, Http, Lane, LaneName, LaneSettings, Parts, Unpaid};

/// As [`Lines`], at a real address.
struct At(u16);

impl Codec for At {
    type Item = Line;
    type Answer = Line;

    fn key(&self, item: &Line) -> Option<ContentHash> {
        Lines::default().key(item)
    }

    fn estimate(&self, items: &[Line]) -> Charge {
        Lines::default().estimate(items)
    }

    fn shape(&self) -> Shape {
        Shape::default()
    }

    fn encode(&self, items: &[Line]) -> Result<HttpRequest, Fault> {
        Ok(HttpRequest {
            method: Method::POST,
            url: format!("http://127.0.0.1:{}/lines", self.0),
            headers: HeaderMap::new(),
            body: items.join("\n").into(),
        })
    }

    fn decode(&self, items: &[Line], answer: &Answer) -> Result<Reply<Line>, Refusal> {
        Lines::default().decode(items, answer)
    }
}

/// Answers requests of one connection in capitals; every fifth request of all is lost with the connection, and
/// every seventh is answered 503.
async fn serve(mut stream: TcpStream, count: &AtomicUsize) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.expect("a length").parse().expect("a number");
        while bytes.len() < end + length {
            stream.read_buf(&mut bytes).await?;
        }
        let body = String::from_utf8_lossy(&bytes[end..end + length]).to_uppercase();
        bytes.drain(..end + length);
        let number = count.fetch_add(1, Ordering::Relaxed);
        let status = match number {
            number if number % 5 == 4 => return Ok(()),
            number if number % 7 == 6 => "503 busy",
            _ => "200 OK",
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
    }
}

#[tokio::test]
async fn calls_over_real_connections_are_retried_until_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let requests = AtomicUsize::new(0);
    let server = async {
        let mut serving = futures_util::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                came = listener.accept() => serving.push(serve(came.expect("a connection").0, &requests)),
                Some(_) = futures_util::StreamExt::next(&mut serving) => {}
            }
        }
    };
    let http = Arc::new(Http::default());
    let name = LaneName { provider: "p".to_owned(), model: "m".to_owned(), key: String::new() };
    let lane =
        Lane::new(name, LaneSettings { concurrency: Concurrency::Fixed(8), ..LaneSettings::default() });
    let parts = Parts {
        lane,
        transport: Arc::clone(&http) as _,
        paid: Arc::new(Unpaid),
        settings: CallSettings { hedge: true, ..CallSettings::default() },
    };
    let caller = Caller::new(Arc::new(At(port)), parts);
    let cx = bulk();
    let items: Vec<Line> = (0..12).map(|n| Line::from(format!("line {n}"))).collect();
    let calls = join_all(items.chunks(1).map(|item| caller.call(item, &cx)));
    let ended = tokio::select! {
        ended = calls => ended,
        () = server => unreachable!("it does not end"),
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("not done in a minute"),
    };
    let (mut sent, mut failed) = (0, 0);
    for (n, ended) in ended.into_iter().enumerate() {
        let answers = ended.expect("answered");
        assert_eq!(&**answers.results[0].as_ref().expect("answered"), format!("LINE {n}"));
        sent += answers.told.sent;
        failed += answers.told.failed + answers.told.throttled;
    }
    assert_eq!(sent, requests.load(Ordering::Relaxed) as u64);
    assert_eq!(failed, sent - 12);
    assert!(failed > 0, "nothing went wrong, so nothing was shown");
    assert!(http.connections().open <= 8);
}
