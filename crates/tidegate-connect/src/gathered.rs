//! Reading in steps on the compute pool: what most sources of rows do each time that they are asked for items.

use tidegate_core::{Cx, Fault, FaultKind, SourceItem};

use crate::files::FIRST;

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
