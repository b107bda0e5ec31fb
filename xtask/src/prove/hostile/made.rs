//! Containers made byte by byte: honest ones, and such as no program would write.

use std::io::Write as _;

use flate2::{Compress, Compression, Crc, FlushCompress};

const MIB: usize = 1 << 20;

/// Compressed bytes without a header, what they unpack to, and how much.
#[derive(Clone)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) crc: u32,
    pub(super) size: u64,
}

/// `content`, compressed.
pub(super) fn deflated(content: &[u8]) -> Packed {
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    let bytes = writer.write_all(content).and_then(|()| writer.finish()).unwrap_or_default();
    Packed { bytes, crc: crc(content), size: content.len() as u64 }
}

/// `content` as it is.
pub(super) fn stored(content: &[u8]) -> Packed {
    Packed { bytes: content.to_vec(), crc: crc(content), size: content.len() as u64 }
}

/// Some MiB of one byte, compressed without making them.
pub(super) fn blanks(byte: u8, mib: u64) -> Packed {
    let block = vec![byte; MIB];
    let mut packer = Compress::new(Compression::best(), false);
    let mut pack = || {
        let mut out = Vec::with_capacity(64 << 10);
        // There is room for all of it, and a flush ends it at a whole byte.
        let _ = packer.compress_vec(&block, &mut out, FlushCompress::Sync);
        out
    };
    let mut bytes = pack();
    // What follows looks back at nothing but the same, so that it may be said again and again.
    let again = pack();
    (1..mib).for_each(|_| bytes.extend_from_slice(&again));
    bytes.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    let (mut all, mut one) = (Crc::new(), Crc::new());
    one.update(&block);
    (0..mib).for_each(|_| all.combine(&one));
    Packed { bytes, crc: all.sum(), size: mib * MIB as u64 }
}

pub(super) fn crc(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

/// A zlib stream of some MiB of one byte.
pub(super) fn zlib_blanks(byte: u8, mib: u64) -> Vec<u8> {
    const MODULUS: u64 = 65_521;
    let packed = blanks(byte, mib);
    let (n, c) = (packed.size % MODULUS, u64::from(byte));
    let a = (1 + n * c) % MODULUS;
    // The sum of 1 + c, 1 + 2c and so on; halving is multiplying by the inverse of 2.
    let half = MODULUS.div_ceil(2);
    let b = (n + c * (n * ((n + 1) % MODULUS) % MODULUS) % MODULUS * half) % MODULUS;
    let mut out = vec![0x78, 0xda];
    out.extend(packed.bytes);
    out.extend(((b << 16 | a) as u32).to_be_bytes());
    out
}

pub(super) fn zlib(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    writer.write_all(content).and_then(|()| writer.finish()).unwrap_or_default()
}

/// A gzip file.
pub(super) fn gzip(packed: &Packed) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend_from_slice(&packed.bytes);
    out.extend(packed.crc.to_le_bytes());
    out.extend((packed.size as u32).to_le_bytes());
    out
}

/// A zstd file of so many times 128 KiB of one byte: each is a block of four bytes.
pub(super) fn zstd_blanks(byte: u8, blocks: u64) -> Vec<u8> {
    let size: u32 = 128 << 10;
    // No checksum, no size, a window of 1 MiB.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x50];
    for at in 0..blocks {
        let last = u32::from(at + 1 == blocks);
        let head = size << 3 | 1 << 1 | last;
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.push(byte);
    }
    out
}

/// A member of a ZIP file, with what it says of itself.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) packed: Packed,
    /// Bytes that it takes packed, as it says.
    pub(super) length: u32,
    /// 0 if it is stored as it is, 8 if compressed.
    pub(super) method: u16,
    pub(super) flags: u16,
    /// The kind of file, as Unix counts them, in the upper half.
    pub(super) attributes: u32,
}

impl Entry {
    pub(super) fn new(name: &str, packed: Packed) -> Self {
        let method = if packed.bytes.len() as u64 == packed.size { 0 } else { 8 };
        let length = packed.bytes.len() as u32;
        Self { name: name.as_bytes().to_vec(), packed, length, method, flags: 0x800, attributes: 0 }
    }

    pub(super) fn local(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0".to_vec();
        self.facts(&mut out);
        out.extend([0, 0]);
        out.extend(&self.name);
        out
    }

    /// What stands both before a member and in the list of all.
    fn facts(&self, out: &mut Vec<u8>) {
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0, 0, 0x21, 0x58]); // a day in 2024
        out.extend(self.packed.crc.to_le_bytes());
        out.extend(self.length.to_le_bytes());
        out.extend((self.packed.size as u32).to_le_bytes());
        out.extend((self.name.len() as u16).to_le_bytes());
    }

    pub(super) fn listed(&self, at: usize) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x03\x14\0".to_vec();
        self.facts(&mut out);
        out.extend([0; 8]);
        out.extend(self.attributes.to_le_bytes());
        out.extend((at as u32).to_le_bytes());
        out.extend(&self.name);
        out
    }
}

/// The end of a ZIP file whose list of `count` members begins at `from` and ends here.
pub(super) fn zip_end(out: &mut Vec<u8>, from: usize, count: usize) {
    let size = (out.len() - from) as u32;
    let count = count.min(0xffff) as u16;
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend((from as u32).to_le_bytes());
    out.extend([0, 0]);
}

/// A ZIP file of these members.
pub(super) fn zip_of(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for entry in entries {
        list.extend(entry.listed(out.len()));
        out.extend(entry.local());
        out.extend_from_slice(&entry.packed.bytes);
    }
    let from = out.len();
    out.extend(list);
    zip_end(&mut out, from, entries.len());
    out
}

/// A ZIP file of members with this content.
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let entry = |(name, content): &(&str, &[u8])| {
        // What says what a package is stands first and as it is.
        let packed = if *name == "mimetype" { stored(content) } else { deflated(content) };
        Entry::new(name, packed)
    };
    zip_of(&members.iter().map(entry).collect::<Vec<_>>())
}

/// A header of a tar archive. `size` is written as larger archives do where it needs more than eleven digits.
pub(super) fn tar_header(name: &str, size: u64, kind: u8) -> [u8; 512] {
    let mut head = [0; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..107].copy_from_slice(b"0000644");
    head[108..115].copy_from_slice(b"0000000");
    head[116..123].copy_from_slice(b"0000000");
    if size < 1 << 33 {
        head[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        head[124] = 0x80;
        head[128..136].copy_from_slice(&size.to_be_bytes());
    }
    head[136..147].copy_from_slice(b"14000000000");
    head[156] = kind;
    head[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut head);
    head
}

/// Writes the checksum of a header that was changed.
pub(super) fn seal(head: &mut [u8; 512]) {
    head[148..156].copy_from_slice(b"        ");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A tar archive of plain files.
pub(super) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members {
        out.extend(tar_header(name, content.len() as u64, b'0'));
        tar_content(&mut out, content);
    }
    out.extend([0; 1024]);
    out
}

pub(super) fn tar_content(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn blanks_unpack_to_what_they_say() {
        let mut out = Vec::new();
        flate2::read::ZlibDecoder::new(&zlib_blanks(b' ', 3)[..]).read_to_end(&mut out).expect("whole");
        assert!(out.len() == 3 * MIB && out.iter().all(|byte| *byte == b' '));
        out.clear();
        flate2::read::GzDecoder::new(&gzip(&blanks(7, 5))[..]).read_to_end(&mut out).expect("whole");
        assert!(out.len() == 5 * MIB && out.iter().all(|byte| *byte == 7));
    }
}
