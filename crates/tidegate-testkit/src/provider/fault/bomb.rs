//! A gzip body that is small on the wire and huge when unpacked.
//!
//! Packing a gigabyte would hold up every other answer for seconds. A piece that is packed on its own and flushed in
//! full does not depend on what came before it, so that one piece can be sent any number of times.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};

const MIB: usize = 1 << 20;

/// The parts of the body: the beginning, a piece that comes so many times, the end.
pub(super) struct Bomb {
    pub(super) begin: Bytes,
    pub(super) piece: Bytes,
    pub(super) times: u64,
    pub(super) end: Bytes,
}

impl Bomb {
    /// `bytes` of white space, rounded down to whole pieces, and then `body`.
    pub(super) fn new(bytes: u64, body: &[u8]) -> Self {
        let size = if bytes < 16 * MIB as u64 { MIB / 16 } else { MIB };
        let times = bytes / size as u64;
        let spaces = vec![b' '; size];
        let (mut all, mut one, mut last) = (Crc::new(), Crc::new(), Crc::new());
        one.update(&spaces);
        last.update(body);
        for _ in 0..times {
            all.combine(&one);
        }
        all.combine(&last);
        let mut end = pack(body, FlushCompress::Finish);
        end.extend(all.sum().to_le_bytes());
        // The format keeps the length modulo 2^32.
        end.extend(((times * size as u64 + body.len() as u64) as u32).to_le_bytes());
        Self {
            begin: Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\xff"),
            piece: pack(&spaces, FlushCompress::Full).into(),
            times,
            end: end.into(),
        }
    }

    /// Bytes on the wire.
    pub(super) fn len(&self) -> u64 {
        (self.begin.len() + self.end.len()) as u64 + self.piece.len() as u64 * self.times
    }
}

/// `bytes` packed without a header, by a packer that has seen nothing else.
fn pack(bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
    // Packing never makes anything longer than by a few bytes in every block.
    let mut packed = Vec::with_capacity(bytes.len() + bytes.len() / 100 + 1_024);
    let mut packer = Compress::new(Compression::best(), false);
    packer.compress_vec(bytes, &mut packed, flush).expect("there is room for all of it");
    packed
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn it_unpacks_to_what_it_was_made_of() {
        for (bytes, pieces) in [(0, 0), (200_000, 3 * 65_536), (40 * MIB as u64 + 5, 40 * MIB)] {
            let bomb = Bomb::new(bytes, b"{\"a\":1}");
            let mut wire = bomb.begin.to_vec();
            (0..bomb.times).for_each(|_| wire.extend_from_slice(&bomb.piece));
            wire.extend_from_slice(&bomb.end);
            assert_eq!(wire.len() as u64, bomb.len());
            let mut unpacked = String::new();
            flate2::read::GzDecoder::new(wire.as_slice()).read_to_string(&mut unpacked).unwrap();
            assert_eq!(unpacked.len(), pieces + 7);
            assert_eq!(unpacked.trim_start(), "{\"a\":1}");
        }
    }
}
