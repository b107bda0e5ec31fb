//! Undoes compression, recognised by how the bytes begin rather than by what the file is called.

use std::io::{self, Read};

use crate::pack::Packing;

/// Reads what `raw` holds: gzip (of one or many members), Zstandard, or plain bytes.
///
/// Nothing guards against a small file that unpacks to a huge one, and nothing needs to: whoever reads holds one
/// bounded line at a time, and stops when told to.
pub(crate) fn decoded(mut raw: impl Read + Send + 'static) -> io::Result<(Box<dyn Read + Send>, Packing)> {
    let mut magic = [0; 4];
    let mut got = 0;
    while got < magic.len() {
        match raw.read(&mut magic[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let packing = Packing::of(&magic[..got]);
    let whole = io::Cursor::new(magic).take(got as u64).chain(raw);
    let reader: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(whole),
        Packing::Gzip => {
            Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(64 << 10, whole)))
        }
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(whole)?),
    };
    Ok((reader, packing))
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A Zstandard frame, or one of the frames that decoders skip.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}
