use bytes::BytesMut;
use proptest::prelude::*;

use super::read::{Parsed, Reader};

const KNOWN: &[u8] =
    b"POST /v1/embeddings?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n";
const CHUNKED: &[u8] =
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n";

/// All requests in `bytes`, which come in parts cut at `cuts`: target, body, close.
fn requests(bytes: &[u8], cuts: &[usize]) -> Vec<(String, Vec<u8>, bool)> {
    let mut reader = Reader { buffer: BytesMut::new(), ..Reader::default() };
    let mut found = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        reader.buffer.extend_from_slice(&bytes[from..to]);
        from = to;
        while let Parsed::Whole(request, close) = reader.next() {
            found.push((request.target, request.body.to_vec(), close));
        }
    }
    found
}

#[test]
fn requests_are_the_same_wherever_they_are_cut() {
    for bytes in [KNOWN, CHUNKED] {
        let whole = requests(bytes, &[]);
        assert_eq!(whole.len(), 2);
        assert_eq!((whole[0].1.as_slice(), whole[0].2, whole[1].2), (&b"hello"[..], false, true));
        for cut in 0..bytes.len() {
            assert_eq!(requests(bytes, &[cut]), whole, "cut at {cut}");
        }
    }
}

#[test]
fn what_is_not_http_is_bad() {
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"POST / HTTP/1.1\r\ncontent-length: five\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ] {
        let mut reader = Reader { buffer: BytesMut::from(bytes), ..Reader::default() };
        assert!(matches!(reader.next(), Parsed::Bad), "{}", String::from_utf8_lossy(bytes));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), tail in any::<bool>()) {
        let mut reader = Reader::default();
        if tail {
            reader.buffer.extend_from_slice(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
        }
        reader.buffer.extend_from_slice(&bytes);
        let _ = reader.next();
    }
}
