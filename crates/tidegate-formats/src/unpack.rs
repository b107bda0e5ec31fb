//! Decompression that stops before memory is used.

use std::io::{ErrorKind, Read};

use tidegate_core::{Fault, FaultKind};

use crate::budget::Budget;

/// Reads all of `reader`, which unpacks `packed` bytes, into memory that grows only as bytes come.
///
/// # Errors
/// [`FaultKind::TooLarge`] as soon as it gives more than it may, [`FaultKind::Malformed`] if it is damaged.
pub(crate) fn unpack(reader: impl Read, packed: u64, budget: &mut Budget<'_>) -> Result<Vec<u8>, Fault> {
    let limits = budget.limits;
    let by_ratio = packed.saturating_mul(limits.max_ratio).max(limits.ratio_free_bytes);
    let most = by_ratio.min(limits.max_bytes).min(budget.unpacked_left());
    let mut out = Vec::new();
    let read = read_all(reader.take(most + 1), &mut out);
    budget.unpacked(out.len() as u64);
    if out.len() as u64 > most {
        return Err(bomb(packed, most, by_ratio <= limits.max_bytes));
    }
    match read {
        Ok(()) => Ok(out),
        Err(error) if error.kind() == ErrorKind::OutOfMemory => {
            let message = format!("{packed} bytes unpack to more than there is memory for, {}", out.len());
            Err(Fault::new(FaultKind::TooLarge, message)
                .hint("unpack it yourself, or raise the memory limit"))
        }
        Err(error) => {
            let message = format!("damaged after {} unpacked bytes", out.len());
            Err(Fault::new(FaultKind::Malformed, message).cause(error))
        }
    }
}

/// Reads to the end into a buffer that grows by an eighth at a time: one that doubles, as `read_to_end` has it, needs three
/// times the memory of what is in it at the moment it grows.
fn read_all(mut reader: impl Read, out: &mut Vec<u8>) -> std::io::Result<()> {
    const LEAST: usize = 64 << 10;
    let mut filled = 0;
    loop {
        if filled == out.len() {
            let more = LEAST.max(filled / 8);
            out.try_reserve_exact(more).map_err(|_| std::io::Error::from(ErrorKind::OutOfMemory))?;
            out.resize(filled + more, 0);
        }
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                out.truncate(filled);
                return Err(error);
            }
        }
    }
    out.truncate(filled);
    Ok(())
}

fn bomb(packed: u64, most: u64, by_ratio: bool) -> Fault {
    let message = format!("{packed} bytes unpack to more than {most}");
    let hint = if by_ratio {
        "this is how archive bombs look; unpack it yourself, or raise max_ratio"
    } else {
        "unpack it yourself, or raise max_bytes and max_unpacked_bytes"
    };
    Fault::new(FaultKind::TooLarge, message).hint(hint)
}

/// What gzip-compressed bytes hold; several members one after the other count as one.
pub(crate) fn gunzip(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Vec<u8>, Fault> {
    unpack(flate2::read::MultiGzDecoder::new(bytes), bytes.len() as u64, budget)
}

/// What zstd-compressed bytes hold.
pub(crate) fn unzstd(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Vec<u8>, Fault> {
    /// Windows up to 64 MiB: the largest that `zstd` makes unless told `--long` or `--ultra`.
    const WINDOW_LOG: u32 = 26;
    let fault = |error| Fault::new(FaultKind::Malformed, "no zstd data").cause(error);
    let mut decoder = zstd::stream::read::Decoder::new(bytes).map_err(fault)?;
    decoder.window_log_max(WINDOW_LOG).map_err(fault)?;
    unpack(decoder, bytes.len() as u64, budget)
}
