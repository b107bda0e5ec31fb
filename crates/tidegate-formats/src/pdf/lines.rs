//! From glyphs to lines in the order in which they are read.
//!
//! Programs write the text of a page in reading order far more often than not, so that order is kept unless it jumps
//! about. Two columns are found by the gutter between them, and are then read one after the other whatever the file says.

use super::ink::{Glyph, Ink};

/// A stretch of text on one line without a wide gap in it; later, a whole line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) x0: f64,
    pub(super) x1: f64,
    pub(super) y: f64,
    pub(super) size: f64,
    pub(super) bold: bool,
    /// What it belongs to: a column, a band across the page, text in another direction. Paragraphs end with it.
    pub(super) group: u32,
}

impl Line {
    fn chars(&self) -> usize {
        self.text.len()
    }

    fn same_row(&self, other: &Self) -> bool {
        (self.y - other.y).abs() < 0.4 * self.size.min(other.size).max(1.0)
    }
}

/// The lines of a page.
pub(super) fn lines(ink: &Ink) -> Vec<Line> {
    let mut out = Vec::new();
    let mut group = 0;
    for turn in 0..4 {
        let pieces = pieces(ink, turn);
        if !pieces.is_empty() {
            arrange(pieces, &mut group, &mut out);
            group += 1;
        }
    }
    out
}

/// Gaps between glyphs, as shares of the font size: less is the same word, more another column or cell.
const WORD_GAP: f64 = 0.17;
const PIECE_GAP: f64 = 1.4;

fn pieces(ink: &Ink, turn: u8) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let mut open: Option<Line> = None;
    let mut blank = false;
    let mut last: Option<&Glyph> = None;
    for glyph in ink.glyphs.iter().filter(|glyph| glyph.turn == turn) {
        let text = &ink.text[glyph.start..glyph.end];
        if text.chars().all(char::is_whitespace) {
            blank = true;
            continue;
        }
        // Bold letters are sometimes made by printing a letter twice.
        let again = last.is_some_and(|last| {
            ink.text[last.start..last.end] == *text
                && (last.x0 - glyph.x0).abs() < 0.1 * glyph.size
                && (last.y - glyph.y).abs() < 0.1 * glyph.size
        });
        last = Some(glyph);
        if again {
            continue;
        }
        match &mut open {
            Some(line) if joins(line, glyph) => extend(line, glyph, text, blank),
            _ => {
                out.extend(open.take());
                open = Some(Line {
                    text: text.to_owned(),
                    x0: glyph.x0,
                    x1: glyph.x1,
                    y: glyph.y,
                    size: glyph.size,
                    bold: glyph.bold,
                    group: 0,
                });
            }
        }
        blank = false;
    }
    out.extend(open);
    without_shadows(out)
}

fn joins(line: &Line, glyph: &Glyph) -> bool {
    let size = line.size.max(glyph.size);
    let gap = glyph.x0 - line.x1;
    // Raised and lowered signs stand beside the line, but right after it.
    let lift = (glyph.y - line.y).abs();
    let on_line = lift < 0.25 * size || (lift < 0.6 * size && gap.abs() < 0.3 * size);
    on_line && gap > -0.6 * size && gap < PIECE_GAP * size
}

fn extend(line: &mut Line, glyph: &Glyph, text: &str, blank: bool) {
    let size = line.size.max(glyph.size);
    if blank || glyph.x0 - line.x1 > WORD_GAP * size {
        line.text.push(' ');
    }
    line.text.push_str(text);
    line.x1 = line.x1.max(glyph.x1);
    line.bold &= glyph.bold;
    if glyph.size > line.size {
        (line.size, line.y) = (glyph.size, glyph.y);
    }
}

/// Drops pieces that repeat one of the few before them in the same place: shadows, and bold made by printing twice.
fn without_shadows(pieces: Vec<Line>) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let near = |a: f64, b: f64| (a - b).abs() < 0.2 * piece.size;
        let shadow =
            |other: &Line| near(other.x0, piece.x0) && near(other.y, piece.y) && other.text == piece.text;
        if !out.iter().rev().take(8).any(shadow) {
            out.push(piece);
        }
    }
    out
}

/// Puts pieces into reading order and joins those of one row.
fn arrange(pieces: Vec<Line>, group: &mut u32, out: &mut Vec<Line>) {
    match gutter(&pieces) {
        Some(x) => columns(pieces, x, group, out),
        None => rows(pieces, *group, out),
    }
}

/// Where two columns part, if the page has two: hardly anything crosses it, and on both sides there is running text.
fn gutter(pieces: &[Line]) -> Option<f64> {
    if pieces.len() < 12 {
        return None;
    }
    let left = pieces.iter().map(|piece| piece.x0).fold(f64::INFINITY, f64::min);
    let right = pieces.iter().map(|piece| piece.x1).fold(f64::NEG_INFINITY, f64::max);
    let width = right - left;
    if !(width.is_finite() && width > 0.0) {
        return None;
    }
    // The middle half of the page in steps, each with the number of pieces that cross it.
    const STEPS: usize = 100;
    let at = |step: usize| left + width * (0.25 + 0.5 * step as f64 / STEPS as f64);
    let mut crossing = [0_usize; STEPS + 1];
    for piece in pieces {
        for (step, count) in crossing.iter_mut().enumerate() {
            *count += usize::from(piece.x0 < at(step) && at(step) < piece.x1);
        }
    }
    let least = *crossing.iter().min()?;
    let longest = crossing
        .split(|count| *count > least)
        .max_by_key(|run| run.len())
        .map(|run| run.as_ptr() as usize)?;
    let first = (longest - crossing.as_ptr() as usize) / size_of::<usize>();
    let length = crossing[first..].iter().take_while(|count| **count == least).count();
    let x = at(first + length / 2);
    (least * 5 <= pieces.len() && is_text_beside(pieces, x)).then_some(x)
}

fn is_text_beside(pieces: &[Line], x: f64) -> bool {
    let beside = |is_there: &dyn Fn(&Line) -> bool| {
        let there = pieces.iter().filter(|piece| is_there(piece));
        there.fold((0, 0), |(count, chars), piece| (count + 1, chars + piece.chars()))
    };
    let (left_count, left_chars) = beside(&|piece| piece.x1 <= x);
    let (right_count, right_chars) = beside(&|piece| piece.x0 >= x);
    let all = left_chars + right_chars;
    // Cells of a table are shorter than lines of a column.
    let running = |count: usize, chars: usize| count >= 5 && chars / count >= 18 && chars * 5 >= all;
    running(left_count, left_chars) && running(right_count, right_chars)
}

/// Reads what crosses the gutter in between the columns above and below it.
fn columns(pieces: Vec<Line>, x: f64, group: &mut u32, out: &mut Vec<Line>) {
    let across = |piece: &Line| piece.x0 < x && x < piece.x1;
    let (mut crossing, beside): (Vec<Line>, Vec<Line>) = pieces.into_iter().partition(across);
    let (mut left, mut right): (Vec<Line>, Vec<Line>) = beside.into_iter().partition(|piece| piece.x1 <= x);
    for part in [&mut crossing, &mut left, &mut right] {
        part.sort_by(|a, b| b.y.total_cmp(&a.y));
    }
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut crossing = crossing.into_iter().peekable();
    loop {
        let until = crossing.peek().map(|piece| piece.y);
        let above = |piece: &Line| until.is_none_or(|end| piece.y > end);
        for column in [&mut left, &mut right] {
            let band: Vec<Line> = std::iter::from_fn(|| column.next_if(above)).collect();
            if !band.is_empty() {
                rows(band, *group, out);
                *group += 1;
            }
        }
        let Some(piece) = crossing.next() else { break };
        join(piece, *group, out);
        // Lines across the page that follow each other are one band.
        if crossing.peek().is_none_or(|next| left.peek().is_some_and(|piece| piece.y > next.y)) {
            *group += 1;
        }
    }
}

/// Reads top to bottom, left to right; in the order of the file, if that mostly does so anyway.
fn rows(mut pieces: Vec<Line>, group: u32, out: &mut Vec<Line>) {
    let jumps = pieces.windows(2).filter(|pair| pair[1].y > pair[0].y + 0.5 * pair[0].size).count();
    let back =
        pieces.windows(2).filter(|pair| pair[0].same_row(&pair[1]) && pair[1].x1 <= pair[0].x0).count();
    if (jumps + back) * 8 > pieces.len() {
        pieces.sort_by(|a, b| b.y.total_cmp(&a.y));
        // Pieces of one row rarely share a baseline to the last digit.
        let mut start = 0;
        for end in 1..=pieces.len() {
            if end == pieces.len() || !pieces[end].same_row(&pieces[end - 1]) {
                pieces[start..end].sort_by(|a, b| a.x0.total_cmp(&b.x0));
                start = end;
            }
        }
    }
    for piece in pieces {
        join(piece, group, out);
    }
}

/// Appends a piece: to the line it stands beside, or as a line of its own.
fn join(piece: Line, group: u32, out: &mut Vec<Line>) {
    if let Some(last) = out.last_mut()
        && last.group == group
        && last.same_row(&piece)
        && piece.x0 >= last.x1 - 0.3 * piece.size
    {
        let gap = piece.x0 - last.x1;
        let touching = gap < WORD_GAP * piece.size;
        last.text.push_str(if touching { "" } else { " " });
        last.text.push_str(&piece.text);
        last.x1 = piece.x1;
        last.bold &= piece.bold;
        last.size = last.size.max(piece.size);
        return;
    }
    out.push(Line { group, ..piece });
}
