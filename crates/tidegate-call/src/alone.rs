//! A record that fails while no other is sent: whether it or the service is at fault is asked, not guessed.
//!
//! The last record of a run that breaks its service looks like an outage for as long as nobody else is answered. It
//! would be held in this run and in every one after it. The refused alternative was to judge it after enough time: an
//! outage that is long enough then judges records.

use std::time::Duration;

use tidegate_core::Codec;

use crate::attempt::{Tried, Try};
use crate::caller::Caller;
use crate::halt::Halt;
use crate::lane::CallCx;
use crate::told::Told;

/// How long a record fails alone before the service is asked something else. What is shorter passes by itself.
pub(crate) const ALONE_FOR: Duration = Duration::from_secs(120);

/// As many good answers close a breaker.
const MOST_ASKED: usize = 3;

impl<C: Codec> Caller<C> {
    /// Whether the service answers a question of no account, sent in a turn of its own. False where the codec knows
    /// none. Asked again until the breaker is closed: what is well is not to be left alone because of one record.
    ///
    /// # Errors
    /// The lane lets nothing more in, or this caller is to stop.
    ///
    /// # Cancel safety
    /// As [`Caller::call`].
    pub(crate) async fn answers_anything(&self, cx: &CallCx, told: &mut Told) -> Result<bool, Halt> {
        let Some(sample) = self.codec.sample() else { return Ok(false) };
        let items = std::slice::from_ref(&sample);
        for _ in 0..MOST_ASKED {
            let this = Try { items, cx, charge: self.codec.estimate(items), number: 1, prior: None };
            match self.try_once(&this, told).await {
                Tried::Good(good) => told.pay(good.reply.usage.unwrap_or_default(), good.cost),
                Tried::Bad(_) | Tried::Unsendable(_) => return Ok(false),
                Tried::Denied(denied) => return self.denied(denied, None).map(|_| false),
                Tried::Late => return Err(Halt::late()),
            }
            if self.lane.is_closed() {
                break;
            }
        }
        Ok(true)
    }
}
