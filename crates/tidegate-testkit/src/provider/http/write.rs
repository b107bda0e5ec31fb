//! Answers into bytes.

use bytes::{BufMut as _, BytesMut};

use crate::provider::plan::{Framing, Head};

/// Appends the status line and the headers.
pub(super) fn put_head(out: &mut BytesMut, head: &Head) {
    out.put_slice(format!("HTTP/1.1 {} {}\r\n", head.status, reason(head.status)).as_bytes());
    for (name, value) in &head.headers {
        for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.put_slice(part);
        }
    }
    match head.framing {
        Framing::Length(length) => out.put_slice(format!("content-length: {length}\r\n\r\n").as_bytes()),
        Framing::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n\r\n"),
    }
}

/// Appends bytes of the body, as a chunk where the body is chunked.
pub(super) fn put_body(out: &mut BytesMut, framing: Framing, bytes: &[u8]) {
    if framing != Framing::Chunked {
        out.put_slice(bytes);
    } else if !bytes.is_empty() {
        out.put_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        out.put_slice(bytes);
        out.put_slice(b"\r\n");
    }
}

/// Appends the end of the body.
pub(super) fn put_end(out: &mut BytesMut, framing: Framing) {
    if framing == Framing::Chunked {
        out.put_slice(b"0\r\n\r\n");
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Unknown",
    }
}
