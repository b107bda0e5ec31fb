//! The bytes of a stream, decoded within the budget.
//!
//! The library decodes whatever a stream unpacks to; here the filters that content and fonts use are applied one by one
//! and stop at the budget. Filters for pictures are of no use for text.

use std::borrow::Cow;
use std::io::Read;

use hayro_syntax::Filter;
use hayro_syntax::object::{Array, Dict, Stream};
use tidegate_core::{Fault, FaultKind};

use super::nesting::Nesting;
use crate::budget::Budget;

/// Filters of one stream, at most; more are only found in attacks.
const MOST_FILTERS: usize = 4;

/// What a stream decodes to; `None` if it is damaged, or a picture. Damaged streams keep what came before the damage.
///
/// # Errors
/// The fault of a stream that unpacks to more than the budget has left.
pub(super) fn decode<'a>(
    stream: &Stream<'a>,
    budget: &mut Budget<'_>,
) -> Result<Option<Cow<'a, [u8]>>, Fault> {
    let filters = stream.filters();
    if filters.len() > MOST_FILTERS {
        return Ok(None);
    }
    let mut data = stream.raw_data();
    for filter in filters {
        let limit = room(data.len(), budget);
        let decoded = match filter {
            Filter::FlateDecode => inflate(&data, limit),
            Filter::LzwDecode => Some(lzw(&data, limit, early_change(stream))),
            Filter::AsciiHexDecode => Some(hex(&data)),
            Filter::Ascii85Decode => Some(ascii_85(&data)),
            Filter::RunLengthDecode => Some(run_length(&data, limit)),
            Filter::Crypt => continue,
            _ => None,
        };
        let Some(decoded) = decoded else { return Ok(None) };
        budget.unpacked(decoded.len() as u64);
        if decoded.len() > limit {
            let message = format!("a stream of {} bytes unpacks to more than {limit}", data.len());
            return Err(
                Fault::new(FaultKind::TooLarge, message).hint("raise max_ratio if the file is to be trusted")
            );
        }
        data = Cow::Owned(decoded);
    }
    if predictor(stream) > 1 {
        // Rows of differences, as in pictures. It was just seen that it unpacks to little.
        return Ok(stream.decoded_data().ok());
    }
    Ok(Some(data))
}

/// Streams of objects and of the table of objects are unpacked by the library, without a limit: those that would not
/// stay within the budget are found before it sees them.
///
/// # Errors
/// The fault of a file with such a stream.
pub(super) fn check_tables(bytes: &[u8], budget: &Budget<'_>) -> Result<(), Fault> {
    /// How far before its data a stream may say what it is.
    const REACH: usize = 1000;
    let mut total = 0_u64;
    for at in memchr::memmem::find_iter(bytes, b"stream") {
        let head = &bytes[at.saturating_sub(REACH)..at];
        let head = memchr::memmem::rfind(head, b"obj").map_or(head, |start| &head[start..]);
        let is_table =
            [b"ObjStm".as_slice(), b"XRef"].iter().any(|kind| memchr::memmem::find(head, kind).is_some());
        if head.ends_with(b"end") || !is_table {
            continue;
        }
        let data = bytes[at + 6..].trim_ascii_start();
        let packed = memchr::memmem::find(data, b"endstream").unwrap_or(data.len());
        let most = (room(packed, budget) as u64).min(budget.unpacked_left().saturating_sub(total));
        let mut nesting = Nesting::default();
        let size = unpacked_size(data, most.saturating_add(1), &mut nesting);
        total += size;
        if size > most {
            let message = format!("a table of objects of {packed} bytes unpacks to more than {most}");
            return Err(
                Fault::new(FaultKind::TooLarge, message).hint("raise max_ratio if the file is to be trusted")
            );
        }
        if memchr::memmem::find(head, b"ObjStm").is_some() {
            nesting.check(budget.limits.max_nesting)?; // the other kind is numbers
        }
    }
    Ok(())
}

/// How much zlib data unpacks to, up to `most`, shown to `nesting` on the way.
fn unpacked_size(data: &[u8], most: u64, nesting: &mut Nesting) -> u64 {
    let mut reader = flate2::read::ZlibDecoder::new(data).take(most);
    let (mut buffer, mut size) = (vec![0; 64 << 10], 0);
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        size += count as u64;
        nesting.feed(&buffer[..count]);
    }
    size
}

fn room(packed: usize, budget: &Budget<'_>) -> usize {
    let limits = budget.limits;
    let by_ratio = (packed as u64).saturating_mul(limits.max_ratio).max(limits.ratio_free_bytes);
    usize::try_from(by_ratio.min(budget.unpacked_left())).unwrap_or(usize::MAX - 1)
}

fn parameters<'a>(stream: &Stream<'a>) -> Option<Dict<'a>> {
    let dict = stream.dict();
    dict.get::<Dict<'_>>("DecodeParms")
        .or_else(|| dict.get::<Array<'_>>("DecodeParms")?.iter::<Dict<'_>>().next())
}

fn predictor(stream: &Stream<'_>) -> i32 {
    parameters(stream).and_then(|parameters| parameters.get("Predictor")).unwrap_or(1)
}

fn early_change(stream: &Stream<'_>) -> bool {
    parameters(stream).and_then(|parameters| parameters.get::<i32>("EarlyChange")) != Some(0)
}

/// Reads up to a byte more than `limit`, so that the caller sees what was too much.
fn inflate(data: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let most = limit as u64 + 1;
    let _ = flate2::read::ZlibDecoder::new(data).take(most).read_to_end(&mut out);
    if out.is_empty() && data.len() > 2 {
        // Some writers leave the header out, or write a wrong one.
        let _ = flate2::read::DeflateDecoder::new(&data[2..]).take(most).read_to_end(&mut out);
    }
    (!out.is_empty() || data.len() <= 10).then_some(out)
}

fn lzw(data: &[u8], limit: usize, early: bool) -> Vec<u8> {
    const CLEAR: usize = 256;
    const END: usize = 257;
    /// Codes have at most 12 bits.
    const TABLE: usize = 4096;
    let mut out: Vec<u8> = Vec::new();
    // Each entry is a stretch of what was written already: where it starts, how long it is.
    let mut table: Vec<(usize, usize)> = Vec::with_capacity(TABLE);
    let mut last: Option<(usize, usize)> = None;
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in data {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        let next = 258 + table.len() + usize::from(early);
        let width = match next {
            0..=511 => 9,
            512..=1023 => 10,
            1024..=2047 => 11,
            _ => 12,
        };
        if held < width {
            continue;
        }
        held -= width;
        let code = ((bits >> held) & ((1 << width) - 1)) as usize;
        let start = out.len();
        match code {
            CLEAR => {
                table.clear();
                last = None;
                continue;
            }
            END => break,
            0..=255 => out.push(code as u8),
            _ => {
                // The entry just being made is the last stretch and its own first byte.
                let known = table.get(code - 258).copied();
                let Some((from, length)) = known.or_else(|| last.map(|(from, length)| (from, length + 1)))
                else {
                    break;
                };
                for at in from..from + length {
                    let byte = out[at];
                    out.push(byte);
                }
            }
        }
        if let Some((from, length)) = last
            && table.len() < TABLE - 258
        {
            table.push((from, length + 1));
        }
        last = Some((start, out.len() - start));
        if out.len() > limit {
            break;
        }
    }
    out
}

fn hex(data: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = data
        .iter()
        .take_while(|b| **b != b'>')
        .filter_map(|b| char::from(*b).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

fn ascii_85(data: &[u8]) -> Vec<u8> {
    let data = data.strip_prefix(b"<~").unwrap_or(data);
    let mut out = Vec::with_capacity(data.len() / 5 * 4);
    let mut group: Vec<u8> = Vec::with_capacity(5);
    for byte in data {
        match byte {
            b'z' if group.is_empty() => out.extend([0; 4]),
            b'!'..=b'u' => group.push(byte - b'!'),
            b'~' => break,
            _ => {}
        }
        if group.len() == 5 {
            out.extend(group_value(&group).to_be_bytes());
            group.clear();
        }
    }
    if group.len() > 1 {
        let keep = group.len() - 1;
        group.resize(5, 84);
        out.extend(&group_value(&group).to_be_bytes()[..keep]);
    }
    out
}

fn group_value(group: &[u8]) -> u32 {
    group.iter().fold(0, |value: u32, digit| value.wrapping_mul(85).wrapping_add(u32::from(*digit)))
}

fn run_length(data: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = data;
    while let [length, tail @ ..] = rest {
        match *length {
            128 => break,
            0..128 => {
                let count = (usize::from(*length) + 1).min(tail.len());
                out.extend(&tail[..count]);
                rest = &tail[count..];
            }
            _ => {
                let Some((byte, tail)) = tail.split_first() else { break };
                out.extend(std::iter::repeat_n(*byte, 257 - usize::from(*length)));
                rest = tail;
            }
        }
        if out.len() > limit {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_decode_what_the_reference_says() {
        assert_eq!(hex(b"48 65 6C6c6 F7>zz"), b"Hello\x70");
        assert_eq!(ascii_85(b"87cURD]i,\"Ebo80~>"), b"Hello World!");
        assert_eq!(ascii_85(b"z!!"), [0, 0, 0, 0, 0]);
        assert_eq!(run_length(b"\x02abc\xfeX\x80junk", 100), b"abcXXX");
        // The example of the reference: 45 45 45 45 45 65 45 45 45 66.
        assert_eq!(lzw(&[0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01], 100, true), b"-----A---B");
    }

    #[test]
    fn decoding_stops_soon_after_the_limit() {
        assert!(run_length(&[0x81, 0].repeat(1000), 500).len() < 1000);
        let zeros = {
            use std::io::Write;
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            writer.write_all(&vec![0; 1 << 20]).unwrap();
            writer.finish().unwrap()
        };
        assert_eq!(inflate(&zeros, 1000).unwrap().len(), 1001);
    }
}
