//! A small web on loopback: documents that a test puts there, and servers that behave as badly as real ones.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
    /// The status it was answered with.
    pub(crate) status: u16,
}

/// What is answered: status, headers, body, and what happens to the connection then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) length: Length,
}

/// How long the body says it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Length {
    /// As long as it is.
    #[default]
    True,
    /// Longer: the connection ends before it does.
    Longer(usize),
    /// It does not say, and ends with the connection.
    Unsaid,
}

impl Page {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A document with a tag: not sent again to whoever has it, and in parts to whoever asks for the rest.
pub(crate) fn tagged(asked: &Asked, tag: &str, body: &[u8]) -> Page {
    if asked.headers.get("if-none-match").is_some_and(|have| have == tag) {
        return Page::new(304, "").with("ETag", tag);
    }
    let rest =
        asked.headers.get("if-range").filter(|have| *have == tag).and_then(|_| asked.headers.get("range"));
    let from = rest.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from.filter(|from| *from < body.len()) {
        Some(from) => Page::new(206, &body[from..])
            .with("ETag", tag)
            .with("Content-Range", format!("bytes {from}-{}/{}", body.len() - 1, body.len())),
        None => Page::new(200, body).with("ETag", tag),
    }
}

type Respond = dyn Fn(&Asked, usize) -> Page + Send + Sync;

/// The server; it goes away with the test's process.
pub(crate) struct Pages {
    pub(crate) port: u16,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Pages {
    /// Starts one. It is told how often the same path was asked for before.
    pub(crate) fn start(respond: impl Fn(&Asked, usize) -> Page + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (respond, seen): (Arc<Respond>, _) = (Arc::new(respond), log.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, respond) = (seen.clone(), respond.clone());
                std::thread::spawn(move || serve(&stream, &seen, &*respond));
            }
        });
        Self { port, log }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What came so far, in order of arrival.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<Asked>>, respond: &Respond) {
    let mut reader = BufReader::new(stream);
    while let Some(mut asked) = read(&mut reader) {
        let before = log.lock().unwrap().iter().filter(|earlier| earlier.path == asked.path).count();
        let page = respond(&asked, before);
        asked.status = page.status;
        let method = asked.method.clone();
        log.lock().unwrap().push(asked);
        if page.status == 0 || answer(stream, &method, &page).is_err() || page.length != Length::True {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn answer(mut stream: &TcpStream, method: &str, page: &Page) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\n", page.status);
    for (name, value) in &page.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match page.length {
        Length::True => head += &format!("Content-Length: {}\r\n", page.body.len()),
        Length::Longer(length) => head += &format!("Content-Length: {length}\r\n"),
        Length::Unsaid => head += "Connection: close\r\n",
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    if method == "HEAD" || page.status == 304 { Ok(()) } else { stream.write_all(&page.body) }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Asked { method, path, headers, status: 0 })
}
