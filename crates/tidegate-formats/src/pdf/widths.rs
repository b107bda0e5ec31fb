//! How wide glyphs are, in thousandths of the font size.

use std::collections::HashMap;

use hayro_syntax::object::{Array, Dict, Object};

/// Widths of a font by code or glyph id.
#[derive(Debug, Default)]
pub(super) struct Widths {
    /// Of the first codes, which are nearly all that Latin text has; not a number where nothing is known. It is asked for
    /// every glyph of a document.
    low: Vec<f32>,
    /// Of all others: a table of them all would be large, and a small file may have many fonts.
    high: HashMap<u32, f32>,
    /// Ranges of glyphs of one width: lowest, highest, width.
    ranges: Vec<(u32, u32, f32)>,
    default: f32,
}

/// Entries of the tables, at most: a font has at most 65,536 glyphs.
const MOST_ENTRIES: usize = 100_000;
/// Codes that have a width of their own: they are two bytes at most.
const MOST_CODES: u32 = 65_536;
/// Codes of the quick table.
const LOW: u32 = 1_024;

impl Widths {
    pub(super) fn get(&self, code: u32) -> f32 {
        let in_range = || {
            // Sorted by their lowest glyph; where ranges overlap, one of the last few that begin before it will do.
            let before = self.ranges.partition_point(|range| range.0 <= code);
            let range = self.ranges[..before].iter().rev().take(8).find(|range| code <= range.1)?;
            Some(range.2)
        };
        let known = match self.low.get(code as usize) {
            Some(width) => Some(*width).filter(|width| !width.is_nan()),
            None => self.high.get(&code).copied(),
        };
        known.or_else(in_range).unwrap_or(self.default)
    }

    /// Sets the widths of codes from `first` on.
    fn set(&mut self, first: u32, widths: impl Iterator<Item = f32>) {
        for (code, width) in (first..MOST_CODES).zip(widths) {
            if code >= LOW {
                self.high.insert(code, width);
                continue;
            }
            if code as usize >= self.low.len() {
                self.low.resize(code as usize + 1, f32::NAN);
            }
            self.low[code as usize] = width;
        }
    }

    /// The widths of a simple font; those of the fonts that every reader has, if it names none.
    pub(super) fn simple(font: &Dict<'_>, name: &str) -> Self {
        let first = font.get::<i32>("FirstChar").and_then(|first| u32::try_from(first).ok()).unwrap_or(0);
        let missing = font
            .get::<Dict<'_>>("FontDescriptor")
            .and_then(|descriptor| descriptor.get::<f32>("MissingWidth"));
        let mut out = Self { default: missing.unwrap_or(0.0), ..Self::default() };
        if let Some(widths) = font.get::<Array<'_>>("Widths") {
            out.set(first, widths.iter::<f32>().take(256));
        }
        if out.low.is_empty() && out.high.is_empty() {
            return Self::of_standard_font(name);
        }
        if missing.is_none() && font.get::<Dict<'_>>("FontDescriptor").is_none() {
            out.default = 500.0;
        }
        out
    }

    fn of_standard_font(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        if lower.contains("courier") || lower.contains("mono") {
            return Self { default: 600.0, ..Self::default() };
        }
        let table = if lower.contains("times") || lower.contains("serif") { &TIMES } else { &HELVETICA };
        let bold = if lower.contains("bold") { 1.06 } else { 1.0 };
        let mut out = Self { default: 540.0, ..Self::default() };
        out.set(32, table.iter().map(|width| f32::from(*width) * bold));
        out
    }

    /// The widths of a composite font, by glyph id.
    pub(super) fn composite(descendant: &Dict<'_>) -> Self {
        let mut out = Self { default: descendant.get::<f32>("DW").unwrap_or(1000.0), ..Self::default() };
        let Some(array) = descendant.get::<Array<'_>>("W") else { return out };
        let mut items = array.iter::<Object<'_>>();
        let mut entries = 0;
        while let Some(first) = items.next().and_then(code) {
            match items.next() {
                Some(Object::Array(widths)) => {
                    out.set(first, widths.iter::<f32>().inspect(|_| entries += 1));
                }
                Some(last) => {
                    let (Some(last), Some(width)) = (code(last), items.next().and_then(Object::into_f32))
                    else {
                        break;
                    };
                    out.ranges.push((first, last, width));
                }
                None => break,
            }
            if entries + out.ranges.len() > MOST_ENTRIES {
                break;
            }
        }
        out.ranges.sort_by_key(|range| range.0);
        out
    }
}

fn code(object: Object<'_>) -> Option<u32> {
    u32::try_from(object.into_number()?.as_i64()).ok()
}

/// Widths of Helvetica from the space to the tilde, from Adobe's metrics.
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// Widths of Times, likewise.
const TIMES: [u16; 95] = [
    250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500, 500, 500,
    500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611, 556, 722, 722, 333,
    389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611, 333, 278, 333, 469,
    500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500, 278, 778, 500, 500, 500, 500, 333, 389,
    278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_the_usual_width() {
        let mut widths = Widths { default: 7.0, ranges: vec![(10, 20, 3.0)], ..Widths::default() };
        widths.set(4, [1.0, 2.0].into_iter());
        widths.set(1_023, [4.0, 5.0].into_iter());
        widths.set(u32::MAX, [9.0].into_iter());
        let found: Vec<f32> =
            [3, 4, 5, 6, 15, 1_023, 1_024, 65_536, u32::MAX].map(|code| widths.get(code)).to_vec();
        assert_eq!(found, [7.0, 1.0, 2.0, 7.0, 3.0, 4.0, 5.0, 7.0, 7.0]);
    }
}
