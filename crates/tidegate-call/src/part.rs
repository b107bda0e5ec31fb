//! The records that one request carries, and what they still may do.

use std::time::Duration;

use tidegate_core::{Codec, ContentHash, Fault};

use crate::alone::ALONE_FOR;
use crate::flights::{Landing, Lead};
use crate::lane::Priority;
use crate::settings::CallSettings;

/// An item that this call sends itself.
pub(crate) struct Mine<A> {
    /// Which item of the call.
    pub(crate) at: usize,
    /// Its name, if its answer is to be kept.
    pub(crate) key: Option<ContentHash>,
    /// The others who wait for it.
    pub(crate) lead: Option<Lead<A>>,
    /// What became of it.
    pub(crate) result: Option<Result<A, Fault>>,
}

impl<A: Clone> Mine<A> {
    /// It ended: those who wait for it get the same.
    pub(crate) fn end(&mut self, result: Result<A, Fault>) {
        if let Some(lead) = self.lead.take() {
            lead.land(Landing::Item(result.clone()));
        }
        self.result = Some(result);
    }
}

/// Items that are sent in one request.
pub(crate) struct Part<'a, C: Codec> {
    /// The items, at least one.
    pub(crate) items: &'a [C::Item],
    /// Where their results go; as many.
    pub(crate) mine: &'a mut [Mine<C::Answer>],
    /// Whether it is a piece of a larger one that failed.
    pub(crate) piece: bool,
}

/// How many failures of each sort a part may have before its records are to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Failures that look like the service's, while it answered others.
    pub(crate) doubted: u32,
    /// Answers that are none.
    pub(crate) mistrusted: u32,
    /// Tries of any kind; none for bulk work, which its age ends.
    pub(crate) tries: Option<u32>,
    /// Whether what may have been served is sent again.
    pub(crate) repeat: bool,
    /// How long it may fail while nobody else is sent, before the service is asked something else.
    pub(crate) alone: Duration,
}

impl<'a, C: Codec> Part<'a, C> {
    /// Both halves; only for parts of several items.
    pub(crate) fn halve(self) -> [Self; 2] {
        let middle = self.items.len() / 2;
        let (left, right) = self.mine.split_at_mut(middle);
        [
            Part { items: &self.items[..middle], mine: left, piece: true },
            Part { items: &self.items[middle..], mine: right, piece: true },
        ]
    }

    /// What this part may do.
    pub(crate) fn allowance(&self, settings: &CallSettings, priority: Priority) -> Allowance {
        let allowance = Allowance::of(settings, priority, self.piece && self.items.len() > 1);
        // Of a piece it is known already that it is not the service.
        if self.piece { Allowance { alone: Duration::ZERO, ..allowance } } else { allowance }
    }
}

impl Allowance {
    /// A single record has every chance before it is judged. A piece `between` the whole and it has few: what
    /// failed as a whole is known to fail, and is only being narrowed down.
    pub(crate) fn of(settings: &CallSettings, priority: Priority, between: bool) -> Self {
        let tries = match priority {
            Priority::Interactive => Some(settings.interactive_tries.max(1)),
            Priority::Bulk => None,
        };
        let all = tries.unwrap_or(settings.tries.max(1));
        Self {
            doubted: if between { all.min(2) } else { all },
            mistrusted: if between { 1 } else { all.min(3) },
            tries,
            repeat: settings.repeat,
            alone: ALONE_FOR,
        }
    }
}
