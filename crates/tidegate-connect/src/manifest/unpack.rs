//! Undoes the codings of a body, and stops at what no document needs.

use std::io::Read;

use tidegate_core::{Fault, FaultKind};

use crate::walk::too_large;

/// What is asked for.
pub(super) const ACCEPTED: &str = "gzip, deflate, zstd";

/// A body may unpack to so many times its length …
const RATIO: u64 = 100;
/// … and to so many bytes however short it is.
const ALWAYS: u64 = 10 << 20;
/// Codings upon codings, at most.
const MOST: usize = 2;

/// The bytes of a body that came in `codings`, as `Content-Encoding` names them; at most `limit`.
///
/// # Errors
/// [`FaultKind::Unsupported`] for a coding that was not asked for, [`FaultKind::TooLarge`] for what unpacks to more than
/// a document may be, [`FaultKind::Malformed`] for damaged bytes.
pub(crate) fn unpack(mut body: Vec<u8>, codings: &str, limit: u64) -> Result<Vec<u8>, Fault> {
    let codings: Vec<String> = codings
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    if codings.len() > MOST {
        return Err(Fault::new(FaultKind::TooDeep, format!("the answer is packed {} times", codings.len())));
    }
    for coding in codings.iter().rev() {
        let most = limit.min(ALWAYS.max(RATIO.saturating_mul(body.len() as u64)));
        let reader: Box<dyn Read + '_> = match coding.as_str() {
            "identity" => continue,
            "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(&body[..])),
            // The name means a zlib stream; some servers send the bare one.
            "deflate" if is_zlib(&body) => Box::new(flate2::read::ZlibDecoder::new(&body[..])),
            "deflate" => Box::new(flate2::read::DeflateDecoder::new(&body[..])),
            "zstd" => Box::new(zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(damaged)?),
            _ => {
                let message = "the answer is packed in a way that was not asked for";
                return Err(Fault::new(FaultKind::Unsupported, message));
            }
        };
        let mut whole = Vec::new();
        reader.take(most + 1).read_to_end(&mut whole).map_err(damaged)?;
        if whole.len() as u64 > most {
            let fault = if most == limit { too_large(most + 1, limit) } else { bomb(body.len(), most) };
            return Err(fault.during("unpacking the answer"));
        }
        body = whole;
    }
    Ok(body)
}

fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [a, b, ..] if a & 0x0f == 8 && (u16::from(*a) << 8 | u16::from(*b)) % 31 == 0)
}

fn bomb(packed: usize, most: u64) -> Fault {
    Fault::new(FaultKind::TooLarge, format!("{packed} bytes unpack to more than {most}, which no text does"))
}

fn damaged(error: std::io::Error) -> Fault {
    Fault::new(FaultKind::Malformed, "the packed answer is damaged").cause(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    #[test]
    fn codings_are_undone_in_turn() {
        let text = b"the primer must be wet, ".repeat(100);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(&text).unwrap();
        for (body, codings) in [
            (text.clone(), ""),
            (text.clone(), "identity"),
            (gzip(&text), "gzip"),
            (gzip(&text), "X-GZIP"),
            (zlib.finish().unwrap(), "deflate"),
            (bare.finish().unwrap(), "deflate"),
            (zstd::encode_all(&text[..], 3).unwrap(), "zstd"),
            (gzip(&zstd::encode_all(&text[..], 3).unwrap()), "zstd, gzip"),
        ] {
            assert_eq!(unpack(body, codings, 1 << 20).unwrap(), text, "{codings}");
        }
    }

    #[test]
    fn bombs_and_damage_are_the_documents_own() {
        let zeros = gzip(&vec![0; 30 << 20]);
        for (body, codings, limit, kind) in [
            (zeros.clone(), "gzip", 1 << 30, FaultKind::TooLarge),
            (zeros.clone(), "gzip", 1 << 20, FaultKind::TooLarge),
            (gzip(&zeros), "gzip, gzip", 1 << 30, FaultKind::TooLarge),
            (zeros[..zeros.len() - 9].to_vec(), "gzip", 1 << 30, FaultKind::TooLarge),
            (gzip(b"abc")[..15].to_vec(), "gzip", 1 << 20, FaultKind::Malformed),
            (b"abc".to_vec(), "zstd", 1 << 20, FaultKind::Malformed),
            (b"abc".to_vec(), "br", 1 << 20, FaultKind::Unsupported),
            (b"abc".to_vec(), "gzip,gzip,gzip", 1 << 20, FaultKind::TooDeep),
        ] {
            assert_eq!(unpack(body, codings, limit).unwrap_err().kind(), kind, "{codings}");
        }
    }
}
