//! The low-water mark: up to where everything is settled, though items settle in any order.

use tidegate_core::Position;

use crate::mutant::planted;
use crate::spans::Spans;

/// Follows settled ordinals and the positions that go with them.
#[derive(Debug, Default)]
pub(crate) struct LowWater {
    /// Every ordinal below this is settled.
    next: u64,
    /// Settled ordinals beyond a gap, and their positions. There is a gap for each item in flight at most.
    ahead: Spans<Position>,
    /// The last position below the mark, until it is asked for.
    passed: Option<Position>,
}

impl LowWater {
    /// Notes that `ordinal` is settled, and where its source may resume after it.
    pub(crate) fn settle(&mut self, ordinal: u64, position: Option<Position>) {
        self.ahead.insert(ordinal, position);
        if planted("mark skips a gap") {
            self.next = self.next.max(ordinal);
        }
        if let Some((end, latest)) = self.ahead.take(self.next) {
            self.next = end;
            self.passed = latest.or(self.passed.take());
        }
    }

    /// The furthest position whose every earlier item is settled, if it moved since the last call.
    pub(crate) fn advance(&mut self) -> Option<Position> {
        self.passed.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_holds_the_mark() {
        let mut water = LowWater::default();
        let at = |n: u64| Some(Position(n.to_string()));
        water.settle(0, at(0));
        water.settle(2, at(2));
        assert_eq!(water.advance(), at(0));
        assert_eq!(water.advance(), None);
        water.settle(1, at(1));
        assert_eq!(water.advance(), at(2));
    }

    proptest! {
        #[test]
        fn the_mark_never_passes_an_unsettled_ordinal(order in Just((0u64..40).collect::<Vec<_>>()).prop_shuffle(), stop in 0usize..40) {
            let mut water = LowWater::default();
            for ordinal in &order[..stop] {
                water.settle(*ordinal, Some(Position(ordinal.to_string())));
            }
            let first_gap = (0..40).find(|n| !order[..stop].contains(n)).unwrap_or(40);
            prop_assert_eq!(water.next, first_gap);
            let expected = first_gap.checked_sub(1).map(|n| Position(n.to_string()));
            prop_assert_eq!(water.advance(), expected);
        }
    }
}
