//! Compressed outputs: what is committed together is compressed by itself, so that the file is whole wherever it was
//! committed, and is gone on with by appending.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// How an output is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// With gzip: a member for each commit.
    Gzip,
    /// With Zstandard: a frame for each commit.
    Zstd,
}

/// The level at which Zstandard compresses.
const ZSTD_LEVEL: i32 = 3;

/// Bytes that an encoder is given at a time, so that the same bytes compress to the same however they came: what gzip makes
/// of them depends on how much of them it sees at once.
const PIECE: usize = 256 << 10;

/// Compresses one commit.
pub(crate) struct Packer {
    encoder: Encoder,
    /// Less than a piece.
    pending: Vec<u8>,
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// What compresses as `packing` says; `None` where nothing is compressed.
    pub(crate) fn new(packing: Packing) -> io::Result<Option<Self>> {
        let encoder = match packing {
            Packing::Plain => return Ok(None),
            Packing::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            Packing::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        };
        Ok(Some(Self { encoder, pending: Vec::new() }))
    }

    pub(crate) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.pending.len() + bytes.len() >= PIECE {
            let (piece, rest) = bytes.split_at(PIECE - self.pending.len());
            self.pending.extend_from_slice(piece);
            self.encoder.put(&self.pending)?;
            self.pending.clear();
            bytes = rest;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// What is ready to be written; taken out of it by whoever writes it.
    pub(crate) fn ready(&mut self) -> &mut Vec<u8> {
        match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.get_mut(),
            Encoder::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// Ends the member or frame; the rest of it.
    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.encoder.put(&self.pending)?;
        match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Encoder {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}

/// Compresses all of `from` into one member or frame; `false` if it was left off because `go` said so.
pub(crate) fn pack(
    from: &mut impl Read,
    into: &mut impl Write,
    packing: Packing,
    go: &dyn Fn() -> bool,
) -> io::Result<bool> {
    let Some(mut packer) = Packer::new(packing)? else { return io::copy(from, into).map(|_| true) };
    let mut piece = vec![0; PIECE];
    while go() {
        match from.read(&mut piece) {
            Ok(0) => return into.write_all(&packer.finish()?).map(|()| true),
            Ok(got) => packer.put(&piece[..got])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        into.write_all(packer.ready())?;
        packer.ready().clear();
    }
    Ok(false)
}
