//! Reading in steps: what most sources of rows do each time that they are asked for items, where they are only looked at,
//! and where they go on.

use serde::de::DeserializeOwned;
use tidegate_core::{Cx, Fault, FaultKind, Position, SourceItem};

use crate::files::FIRST;
use crate::jsonl::other_input;

/// Has `reader` gather items on the compute pool. The reader is away meanwhile, and back in its place afterwards, also
/// where gathering failed.
///
/// # Errors
/// What gathering says. [`FaultKind::Internal`], if the reader never came back from an earlier step.
///
/// # Cancel safety
/// Dropping the future loses the reader; the source is of no use then.
pub async fn gathered<R: Send + 'static>(
    reader: &mut Option<R>,
    cx: &Cx,
    gather: impl FnOnce(&mut R) -> Result<Vec<SourceItem>, Fault> + Send + 'static,
) -> Result<Vec<SourceItem>, Fault> {
    let mut away = reader.take().ok_or_else(|| {
        Fault::new(FaultKind::Internal, "the input was lost when an earlier step failed").hint("run again")
    })?;
    let (back, items) = cx
        .compute(FIRST, move || {
            let items = gather(&mut away);
            (away, items)
        })
        .await?;
    *reader = Some(back);
    items
}

/// The first `max` items that a reader gathers where it is called, or fewer where there are no more.
///
/// # Errors
/// What gathering says.
pub fn peeked<R>(
    reader: &mut R,
    max: usize,
    is_over: impl Fn(&R) -> bool,
    gather: impl Fn(&mut R, usize) -> Result<Vec<SourceItem>, Fault>,
) -> Result<Vec<SourceItem>, Fault> {
    let mut items = Vec::new();
    while items.len() < max && !is_over(reader) {
        items.extend(gather(reader, max - items.len())?);
    }
    Ok(items)
}

/// The place in one of so many `files` that a position says.
///
/// # Errors
/// [`FaultKind::Guarded`]: it says none, or one in another file.
pub fn place_of<P: DeserializeOwned>(
    position: &Position,
    files: usize,
    file_of: impl Fn(&P) -> usize,
) -> Result<P, Fault> {
    let place: P = serde_json::from_str(&position.0).map_err(|error| other_input().cause(error))?;
    if file_of(&place) < files { Ok(place) } else { Err(other_input()) }
}
