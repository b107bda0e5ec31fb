//! A refused request is sent again in halves until the record at fault stands alone.
//!
//! The halves of a request of `n` records, and theirs, are `2n - 1` at most; one bad record among them costs about
//! twice the logarithm. Halves fly side by side: one after the other a batch of 64 would wait for thirteen answers.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tidegate_core::Codec;

use crate::caller::Caller;
use crate::halt::Halt;
use crate::lane::CallCx;
use crate::part::Part;
use crate::told::Told;

impl<C: Codec> Caller<C> {
    /// Sends `parts` and the halves of what is refused until every record has its result.
    ///
    /// # Errors
    /// The first fault that is no record's. The other parts are finished first: what is in flight is paid for.
    ///
    /// # Cancel safety
    /// As [`Caller::call`].
    pub(crate) async fn bisect<'a>(
        &self,
        mut parts: Vec<Part<'a, C>>,
        cx: &CallCx,
        told: &mut Told,
    ) -> Result<(), Halt> {
        if parts.len() == 1 {
            // Nearly every call is this one, which needs no list of futures.
            let Some(only) = parts.pop() else { return Ok(()) };
            match self.retry(only, cx, told).await? {
                None => return Ok(()),
                Some(part) => parts.extend(part.halve()),
            }
        }
        let mut running: FuturesUnordered<_> = FuturesUnordered::new();
        let run = |part| async move {
            let mut told = Told::default();
            let done = self.retry(part, cx, &mut told).await;
            (done, told)
        };
        running.extend(parts.into_iter().map(run));
        let mut halt = None;
        while let Some((done, took)) = running.next().await {
            told.add(&took);
            match done {
                Ok(None) => {}
                Ok(Some(part)) => part.halve().into_iter().for_each(|half| running.push(run(half))),
                Err(other) => {
                    halt.get_or_insert(other);
                }
            }
        }
        halt.map_or(Ok(()), Err)
    }
}
