//! Requests out of bytes.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::provider::request::Request;

const MAX_HEADERS: usize = 64;
/// A head beyond this is no client's of ours.
const MAX_HEAD: usize = 64 * 1_024;
/// Bodies beyond this are refused before they are read; the script's own cap is lower.
const MAX_BODY: usize = 1 << 30;

/// Bytes that have come, and the head of a request whose body is still coming.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) buffer: BytesMut,
    pub(super) head: Option<Head>,
}

#[derive(Debug)]
pub(super) struct Head {
    request: Request,
    body: BodyLength,
    close: bool,
    /// The client waits for a word before it sends the body.
    expects: bool,
}

#[derive(Debug)]
enum BodyLength {
    Known(usize),
    Chunked(BytesMut),
}

/// What the bytes so far are.
#[derive(Debug)]
pub(super) enum Parsed {
    /// Not yet a whole request.
    Partial,
    /// Not yet a whole request, and the client waits for `100 Continue`.
    WaitsToContinue,
    /// A request, and whether the client wants the connection closed after it.
    Whole(Request, bool),
    /// Not HTTP.
    Bad,
}

impl Reader {
    /// Takes the next request out of the buffer, if it is all there.
    pub(super) fn next(&mut self) -> Parsed {
        if self.head.is_none() {
            match take_head(&mut self.buffer) {
                Ok(Some(head)) => self.head = Some(head),
                Ok(None) if self.buffer.len() > MAX_HEAD => return Parsed::Bad,
                Ok(None) => return Parsed::Partial,
                Err(()) => return Parsed::Bad,
            }
        }
        let Some(head) = self.head.as_mut() else { return Parsed::Partial };
        let body = match &mut head.body {
            BodyLength::Known(length) => take_known(&mut self.buffer, *length),
            BodyLength::Chunked(body) => match take_chunks(&mut self.buffer, body) {
                Ok(done) => done.then(|| std::mem::take(body).freeze()),
                Err(()) => return Parsed::Bad,
            },
        };
        match (body, self.head.take()) {
            (Some(body), Some(head)) => Parsed::Whole(Request { body, ..head.request }, head.close),
            (_, Some(mut head)) => {
                let waits = std::mem::take(&mut head.expects);
                self.head = Some(head);
                if waits { Parsed::WaitsToContinue } else { Parsed::Partial }
            }
            (_, None) => Parsed::Partial,
        }
    }
}

fn take_known(buffer: &mut BytesMut, length: usize) -> Option<Bytes> {
    (buffer.len() >= length).then(|| buffer.split_to(length).freeze())
}

fn take_head(buffer: &mut BytesMut) -> Result<Option<Head>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(buffer).map_err(|_| ())? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: origin_form(parsed.path.unwrap_or_default()).to_owned(),
        ..Request::default()
    };
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value).into_owned();
        request.headers.push((header.name.to_ascii_lowercase(), value));
    }
    let old = parsed.version == Some(0);
    buffer.advance(length);
    let says = |name: &str, word: &str| {
        request.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    let body = if says("transfer-encoding", "chunked") {
        BodyLength::Chunked(BytesMut::new())
    } else {
        let length = request.header("content-length").map_or(Ok(0), |value| value.trim().parse());
        BodyLength::Known(length.ok().filter(|length| *length <= MAX_BODY).ok_or(())?)
    };
    let (close, expects) = (old || says("connection", "close"), says("expect", "100-continue"));
    Ok(Some(Head { request, body, close, expects }))
}

/// Moves whole chunks from `buffer` to `body`. Returns whether the last one was among them.
fn take_chunks(buffer: &mut BytesMut, body: &mut BytesMut) -> Result<bool, ()> {
    loop {
        let (start, size) = match httparse::parse_chunk_size(buffer).map_err(|_| ())? {
            httparse::Status::Complete((start, size)) => (start, usize::try_from(size).map_err(|_| ())?),
            httparse::Status::Partial => return Ok(false),
        };
        if body.len().saturating_add(size) > MAX_BODY {
            return Err(());
        }
        if buffer.len() < start + size + 2 {
            return Ok(false);
        }
        body.extend_from_slice(&buffer[start..start + size]);
        buffer.advance(start + size + 2);
        if size == 0 {
            return Ok(true);
        }
    }
}

/// The path and query of a target: who thinks that it speaks to a proxy sends the whole URL.
fn origin_form(target: &str) -> &str {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    }
}
