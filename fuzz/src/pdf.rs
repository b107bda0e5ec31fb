//! PDF files are damaged inside of their streams: what is packed hides the programs of pages and the tables of fonts.

use std::io::{Read as _, Write as _};

use memchr::memmem::{find, rfind};

use crate::dice::Dice;

/// Where the streams of a file stand that can be unpacked, with what they hold.
#[must_use]
pub fn streams(bytes: &[u8]) -> Vec<(std::ops::Range<usize>, Vec<u8>)> {
    const MOST: u64 = 4 << 20;
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = find(&bytes[at..], b"stream").map(|found| at + found + b"stream".len()) {
        let start =
            start + bytes[start..].iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let Some(end) = find(&bytes[start..], b"endstream").map(|found| start + found) else { break };
        let mut content = Vec::new();
        let read = flate2::read::ZlibDecoder::new(&bytes[start..end]).take(MOST).read_to_end(&mut content);
        if read.is_ok() && !content.is_empty() {
            out.push((start..end, content));
        } else if bytes[start..end].is_ascii() {
            out.push((start..end, bytes[start..end].to_vec()));
        }
        at = end + b"endstream".len();
    }
    out
}

/// Puts `content` into the place of a stream. Where it fits it is filled up, so that the tables of the file stay true;
/// where it does not, they are wrong, and the reader has to find the objects by itself.
#[must_use]
pub fn with_stream(bytes: &[u8], place: &std::ops::Range<usize>, content: &[u8], dice: &mut Dice) -> Vec<u8> {
    let was_packed =
        flate2::read::ZlibDecoder::new(&bytes[place.clone()]).read(&mut [0]).is_ok_and(|read| read > 0);
    let mut new = if was_packed { packed(content) } else { content.to_vec() };
    let length = place.len();
    if new.len() < length {
        new.resize(length, if was_packed { 0 } else { b'\n' });
    }
    let mut out = bytes[..place.start].to_vec();
    if new.len() > length && dice.one_in(2) {
        set_length(&mut out, new.len());
    }
    out.extend(new);
    out.extend(&bytes[place.end..]);
    out
}

/// Writes the length into the dictionary that ends `out`, if it stands there as a number.
fn set_length(out: &mut Vec<u8>, length: usize) {
    let near = out.len().saturating_sub(400);
    let Some(at) = rfind(&out[near..], b"/Length ").map(|at| near + at + b"/Length ".len()) else { return };
    let digits = out[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !out[at + digits..].starts_with(b" 0 R") {
        out.splice(at..at + digits, length.to_string().bytes());
    }
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = writer.write_all(content);
    written.and_then(|()| writer.finish()).expect("memory takes what is written")
}
