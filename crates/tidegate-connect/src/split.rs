//! Rows and fields of tables in bytes that are in memory: the same as `csv_core` finds them, with searches for single
//! bytes instead of a step of an automaton for each.
//!
//! What cannot be held in memory, a row that never ends, is left to [`crate::record_ends`].

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

/// How the fields of a row are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    /// What stands between them.
    pub(crate) delimiter: u8,
    /// Whether they may stand in quotes.
    pub(crate) quotes: bool,
}

const QUOTE: u8 = b'"';

/// Where a field stands in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// As it is, between quotes or without any.
    Plain(Range<usize>),
    /// With quotes to be taken out of it, which [`unquote`] does.
    Quoted(Range<usize>),
}

impl Split {
    /// Where the first row of `bytes` ends, without its line end, and where the next one begins; `None` if it does not
    /// end there. `last` says that nothing follows. A blank line is a row that is empty.
    pub(crate) fn end(self, bytes: &[u8], last: bool) -> Option<(usize, usize)> {
        let end = memchr2(b'\n', b'\r', bytes);
        let row = &bytes[..end.unwrap_or(bytes.len())];
        let end =
            if self.quotes && memchr(QUOTE, row).is_some() { self.end_behind_quotes(bytes) } else { end };
        let Some(end) = end else {
            return (last && !bytes.is_empty()).then_some((bytes.len(), bytes.len()));
        };
        match (bytes[end], bytes.get(end + 1)) {
            (b'\r', Some(b'\n')) => Some((end, end + 2)),
            // Half a line end, perhaps.
            (b'\r', None) if !last => None,
            _ => Some((end, end + 1)),
        }
    }

    /// The same for a row with quotes in it.
    fn end_behind_quotes(self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            at = self.field(bytes, at)?;
            match bytes.get(at)? {
                b'\n' | b'\r' => return Some(at),
                _ => at += 1,
            }
        }
    }

    /// Where the field that begins at `start` ends; `None` if its quotes are never closed.
    fn field(self, bytes: &[u8], start: usize) -> Option<usize> {
        let mut at = start;
        if self.quotes && bytes.get(at) == Some(&QUOTE) {
            at += 1;
            loop {
                at += memchr(QUOTE, &bytes[at..])? + 1;
                if bytes.get(at) != Some(&QUOTE) {
                    break;
                }
                at += 1;
            }
        }
        let rest = &bytes[at..];
        Some(memchr3(self.delimiter, b'\n', b'\r', rest).map_or(bytes.len(), |length| at + length))
    }

    /// Tells `take` of the fields of a row, in their order; whether its quotes are all closed.
    pub(crate) fn fields(self, row: &[u8], mut take: impl FnMut(Field)) -> bool {
        if !self.quotes || memchr(QUOTE, row).is_none() {
            let mut start = 0;
            for end in memchr::memchr_iter(self.delimiter, row) {
                take(Field::Plain(start..end));
                start = end + 1;
            }
            take(Field::Plain(start..row.len()));
            return true;
        }
        let mut start = 0;
        loop {
            let Some(end) = self.field(row, start) else { return false };
            take(match &row[start..end] {
                [QUOTE, inner @ .., QUOTE] if memchr(QUOTE, inner).is_none() => {
                    Field::Plain(start + 1..end - 1)
                }
                [QUOTE, ..] => Field::Quoted(start..end),
                _ => Field::Plain(start..end),
            });
            if end == row.len() {
                return true;
            }
            start = end + 1;
        }
    }
}

/// Appends a field without its quotes: what stands in them with those that are doubled once, and what stands behind them.
pub(crate) fn unquote(field: &[u8], out: &mut Vec<u8>) {
    let mut rest = field.strip_prefix(b"\"").unwrap_or(field);
    while let Some(at) = memchr(QUOTE, rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.first() {
            Some(&QUOTE) => {
                out.push(QUOTE);
                rest = &rest[1..];
            }
            // Behind the quotes a field is as it stands.
            _ => break,
        }
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record_ends::{Found, RecordEnds};
    use crate::table::{cells_of, reader_of};

    fn rows_of(bytes: &[u8], split: Split) -> Vec<(usize, usize)> {
        let (mut at, mut rows) = (0, Vec::new());
        while let Some((end, next)) = split.end(&bytes[at..], true) {
            rows.push((at + end, at + next));
            at += next;
        }
        rows
    }

    /// The same by the automaton.
    fn rows_by(bytes: &[u8], split: Split) -> Vec<(usize, usize)> {
        let mut ends = RecordEnds::new(reader_of(split.delimiter, split.quotes), false);
        let (mut at, mut rows) = (0, Vec::new());
        while at < bytes.len() {
            match ends.find(&bytes[at..], true) {
                Found::End(end, next) => {
                    rows.push((at + end, at + next));
                    at += next;
                }
                Found::More(_) => {
                    rows.push((bytes.len(), bytes.len()));
                    break;
                }
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn rows_and_fields_are_those_of_the_automaton(
            bytes in proptest::collection::vec(proptest::sample::select(&b"\"\"\"\",,;\n\r a\xc3\xa4\0"[..]), 0..60),
            quotes: bool,
            delimiter in proptest::sample::select(&b",;\t"[..]),
        ) {
            let split = Split { delimiter, quotes };
            let rows = rows_of(&bytes, split);
            prop_assert_eq!(&rows, &rows_by(&bytes, split));
            let mut start = 0;
            for (end, next) in rows {
                let row = &bytes[start..end];
                start = next;
                if row.is_empty() {
                    continue;
                }
                let mut fields: Vec<Vec<u8>> = Vec::new();
                let closed = split.fields(row, |field| {
                    let mut text = Vec::new();
                    match field {
                        Field::Plain(at) => text.extend_from_slice(&row[at]),
                        Field::Quoted(at) => unquote(&row[at], &mut text),
                    }
                    fields.push(text);
                });
                let known = cells_of(&mut reader_of(delimiter, quotes), row, 3);
                prop_assert_eq!(closed, known.is_some());
                if let Some(known) = known {
                    prop_assert_eq!(fields, known.bytes());
                }
            }
        }

        #[test]
        fn a_row_is_only_told_where_it_ends(
            bytes in proptest::collection::vec(proptest::sample::select(&b"\"\",\n\r a"[..]), 0..40),
        ) {
            let split = Split { delimiter: b',', quotes: true };
            let whole = split.end(&bytes, true);
            for length in 0..bytes.len() {
                if let Some(found) = split.end(&bytes[..length], false) {
                    prop_assert_eq!(Some(found), whole);
                }
            }
        }
    }
}
