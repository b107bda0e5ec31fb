//! One direction of one connection.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::Way;

/// What one direction holds back at most; beyond it the sender waits.
const HELD: usize = 4 << 20;

/// Why both directions end at once.
#[derive(Debug)]
pub(super) enum Fate {
    /// The script closes the connection.
    Close,
    /// The script resets the connection, or it broke.
    Reset,
}

impl From<io::Error> for Fate {
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

/// Passes on what comes until the sender ends; then the receiver is told. `passed` counts bytes as they leave.
pub(super) async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    passed: &AtomicU64,
) -> Result<(), Fate> {
    let mut held: VecDeque<(Instant, Bytes)> = VecDeque::new();
    let (mut bytes, mut ended) = (0, false);
    let mut sent = 0;
    while !(ended && held.is_empty()) {
        let due = held.front().map(|(due, _)| *due);
        let mut buffer = BytesMut::with_capacity(64 * 1_024);
        tokio::select! {
            read = from.read_buf(&mut buffer), if !ended && bytes < HELD => {
                ended = read? == 0;
                bytes += buffer.len();
                if !ended {
                    held.push_back((Instant::now() + way.latency.0, buffer.freeze()));
                }
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some((_, piece)) = held.pop_front() else { continue };
                bytes -= piece.len();
                pass(&mut to, &piece, &way, &mut sent, passed).await?;
            }
        }
    }
    Ok(to.shutdown().await?)
}

/// Sends `piece` as fast as allowed and as far as the script lets it.
async fn pass(
    to: &mut WriteHalf<'_>,
    piece: &[u8],
    way: &Way,
    sent: &mut u64,
    passed: &AtomicU64,
) -> Result<(), Fate> {
    let end = [way.close_after, way.reset_after, way.stall_after].into_iter().flatten().min();
    let room = end.map_or(u64::MAX, |end| end.saturating_sub(*sent));
    let allowed = &piece[..piece.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
    // A fiftieth of a second's worth at a time: slow, though not in lumps.
    let slice = way.bytes_per_second.map_or(usize::MAX, |rate| (rate / 50).max(1) as usize);
    for part in allowed.chunks(slice) {
        *sent += part.len() as u64;
        passed.fetch_add(part.len() as u64, Ordering::Relaxed);
        to.write_all(part).await?;
        if let Some(rate) = way.bytes_per_second {
            tokio::time::sleep(Duration::from_secs_f64(part.len() as f64 / rate as f64)).await;
        }
    }
    match end {
        Some(end) if *sent >= end => {
            if way.stall_after == Some(end) {
                std::future::pending::<()>().await;
            }
            Err(if way.reset_after == Some(end) { Fate::Reset } else { Fate::Close })
        }
        _ => Ok(()),
    }
}
