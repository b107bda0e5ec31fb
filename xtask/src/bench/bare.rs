//! A client that does nothing but wait: what the provider itself takes on this machine, so that what others add can be
//! told from it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the provider at `url` for `calls` answers, `at_once` over connections of their own, each time for all of them
/// together; how long that took.
///
/// One thread is enough, because the answers of a time come together: the first is waited for, the others are there.
pub(super) fn wait(url: &str, calls: u64, at_once: u64) -> Result<Duration, String> {
    rounds(url, calls, at_once).map_err(|error| format!("a bare client of {url}: {error}"))
}

fn rounds(url: &str, calls: u64, at_once: u64) -> io::Result<Duration> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let body =
        r#"{"model":"m","messages":[{"role":"user","content":"About: the text of row"}],"max_tokens":1024}"#;
    let length = body.len();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer bare\r\n");
    let question = format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    let (mut open, mut left) = (Vec::new(), calls);
    let began = Instant::now();
    while left > 0 {
        let now = left.min(at_once) as usize;
        for place in 0..now {
            if place == open.len() {
                let connection = TcpStream::connect(address)?;
                connection.set_nodelay(true)?;
                connection.set_read_timeout(Some(PATIENCE))?;
                open.push(connection);
            }
            open[place].write_all(question.as_bytes())?;
        }
        open[..now].iter_mut().try_for_each(answer)?;
        left -= now as u64;
    }
    Ok(began.elapsed())
}

/// Reads one answer to its end.
fn answer(connection: &mut TcpStream) -> io::Result<()> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let got = connection.read(&mut buffer)?;
        text.extend_from_slice(&buffer[..got]);
        let whole = length_of(&text);
        if got == 0 || whole.is_some_and(|length| text.len() >= length) {
            break;
        }
    }
    if text.starts_with(b"HTTP/1.1 200") {
        Ok(())
    } else {
        Err(io::Error::other("no answer with status 200"))
    }
}

/// How long the answer is with its head, once that is there.
fn length_of(answer: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(answer);
    let head = text.find("\r\n\r\n")? + 4;
    let length = text[..head].to_ascii_lowercase();
    let length =
        length.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())?;
    Some(head + length)
}
