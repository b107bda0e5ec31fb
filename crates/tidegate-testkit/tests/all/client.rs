//! A client written by hand on the standard library's sockets: what it reads is what was on the wire.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    addr: SocketAddr,
    /// How long it waits for the next bytes.
    pub(crate) patience: Duration,
}

/// No machine is so busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as it came: the head in small letters, and the body with chunks taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body was as long as announced, or ended with its last chunk.
    pub(crate) complete: bool,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// How an answer failed to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Refused,
    Reset,
    /// Closed before the head was complete.
    Closed,
    /// Nothing came for as long as the client was told to wait.
    Silent,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).unwrap(), addr, patience: PATIENCE }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.stream.write_all(bytes).map_err(|e| broken(&e))
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, line: &str, headers: &[&str], body: &str) -> Result<Reply, Broken> {
        let mut request =
            format!("{line} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.addr, body.len());
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        self.send(format!("{request}\r\n{body}").as_bytes())?;
        self.read()
    }

    pub(crate) fn read(&mut self) -> Result<Reply, Broken> {
        self.stream.set_read_timeout(Some(self.patience)).unwrap();
        let mut bytes = Vec::new();
        let mut fate = None;
        while fate.is_none() && !whole(&bytes) {
            let mut piece = [0; 65_536];
            match self.stream.read(&mut piece) {
                Ok(0) => fate = Some(Broken::Closed),
                Ok(n) => bytes.extend_from_slice(&piece[..n]),
                Err(e) => fate = Some(broken(&e)),
            }
        }
        match (parse(&bytes), fate) {
            (_, Some(fate @ (Broken::Reset | Broken::Silent))) => Err(fate),
            (Some(reply), _) => Ok(reply),
            (None, fate) => Err(fate.unwrap_or(Broken::Closed)),
        }
    }
}

fn broken(error: &std::io::Error) -> Broken {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => Broken::Silent,
        std::io::ErrorKind::ConnectionRefused => Broken::Refused,
        _ => Broken::Reset,
    }
}

fn whole(bytes: &[u8]) -> bool {
    parse(bytes).is_some_and(|reply| reply.complete)
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head[9..12].parse().unwrap();
    let rest = &bytes[end + 4..];
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let (body, complete) = match length {
        Some(length) => {
            let length: usize = length.parse().unwrap();
            (rest[..rest.len().min(length)].to_vec(), rest.len() >= length)
        }
        None => unchunk(rest),
    };
    Some(Reply { status, head, body, complete })
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return (body, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, rest.starts_with(b"\r\n"));
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(&rest[..rest.len().min(size)]);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(addr: SocketAddr, line: &str, headers: &[&str], body: &str) -> Result<Reply, Broken> {
    let stream = TcpStream::connect(addr).map_err(|e| broken(&e))?;
    Client { stream, addr, patience: PATIENCE }.ask(line, headers, body)
}

/// The same, where the answer is expected never to come: a fifth of a second counts as for ever.
pub(crate) fn ask_in_vain(addr: SocketAddr, line: &str, body: &str) -> Result<Reply, Broken> {
    let mut client = Client::connect(addr);
    client.patience = Duration::from_millis(200);
    client.ask(line, &[], body)
}
