//! Sets of ordinals that are mostly consecutive, kept as spans.
//!
//! A plain set would grow with every unchanged item that is passed while one early item is still in flight: a
//! million of them are one span.

use std::collections::BTreeMap;

/// Disjoint spans of ordinals, each with the latest value that was given for one of its members.
#[derive(Debug)]
pub(crate) struct Spans<T>(BTreeMap<u64, Span<T>>);

#[derive(Debug)]
struct Span<T> {
    /// The first ordinal after it.
    end: u64,
    latest: Option<T>,
}

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Spans<T> {
    /// Adds an ordinal that is not in yet, and joins it with its neighbours.
    pub(crate) fn insert(&mut self, ordinal: u64, value: Option<T>) {
        let (mut start, mut span) = (ordinal, Span { end: ordinal + 1, latest: value });
        if let Some(after) = self.0.remove(&span.end) {
            span = Span { end: after.end, latest: after.latest.or(span.latest) };
        }
        if let Some((first, before)) = self.0.range_mut(..ordinal).next_back()
            && before.end == ordinal
        {
            start = *first;
            span.latest = span.latest.or_else(|| before.latest.take());
        }
        self.0.insert(start, span);
    }

    /// Removes the span that starts with `ordinal`. Returns its end and its latest value.
    pub(crate) fn take(&mut self, ordinal: u64) -> Option<(u64, Option<T>)> {
        self.0.remove(&ordinal).map(|span| (span.end, span.latest))
    }
}
