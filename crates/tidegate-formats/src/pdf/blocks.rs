//! From lines to paragraphs, lists and headings.

use tidegate_core::{BlockKind, Fault};

use super::lines::Line;
use crate::draft::Draft;

/// What all pages together say about the sizes of text.
pub(super) struct Sizes {
    body: f64,
    /// Sizes of headings, largest first.
    headings: Vec<f64>,
}

/// Headings have at most this many bytes; larger text that is longer is a title page, a slide, a quotation.
const MAX_HEADING: usize = 200;
/// Levels that are told apart by size.
const MOST_LEVELS: usize = 4;

impl Sizes {
    /// The size that most characters have is that of running text; what is clearly larger is for headings.
    pub(super) fn of<'l>(lines: impl Iterator<Item = &'l Line>) -> Self {
        let mut counts: std::collections::BTreeMap<i64, usize> = std::collections::BTreeMap::new();
        for line in lines {
            *counts.entry(half_points(line.size)).or_default() += line.text.len();
        }
        let body = counts.iter().max_by_key(|(_, count)| **count).map_or(10, |(size, _)| *size);
        let body = body as f64 / 2.0;
        let larger = counts.keys().rev().map(|size| *size as f64 / 2.0).filter(|size| *size >= body * 1.15);
        Self { body, headings: larger.take(MOST_LEVELS).collect() }
    }

    fn level(&self, lines: &[&Line], text: &str) -> Option<u8> {
        let size = lines.iter().map(|line| line.size).fold(0.0, f64::max);
        if text.len() > MAX_HEADING || lines.len() > 3 || !text.contains(char::is_alphabetic) {
            return None;
        }
        if size >= self.body * 1.15 {
            let at =
                self.headings.iter().position(|known| size + 0.3 >= *known).unwrap_or(self.headings.len());
            return u8::try_from(at + 1).ok();
        }
        let bold = lines.iter().all(|line| line.bold) && lines.len() == 1 && size > self.body * 0.95;
        let ends_open = !text.ends_with(['.', ',', ';', ':']);
        (bold && ends_open && text.len() <= 100)
            .then(|| u8::try_from(self.headings.len() + 1).unwrap_or(6).min(6))
    }
}

fn half_points(size: f64) -> i64 {
    (size * 2.0).round().clamp(0.0, 1e6) as i64
}

/// Writes the lines of one page as blocks.
pub(super) fn write(lines: &[Line], sizes: &Sizes, draft: &mut Draft) -> Result<(), Fault> {
    let pitch = pitch(lines);
    let mut open: Vec<&Line> = Vec::new();
    for line in lines {
        if open.last().is_some_and(|last| begins_anew(&open, last, line, pitch)) {
            flush(&open, sizes, draft)?;
            open.clear();
        }
        open.push(line);
    }
    flush(&open, sizes, draft)
}

/// The usual distance between lines, as a share of their size.
fn pitch(lines: &[Line]) -> f64 {
    let mut steps: Vec<f64> = lines
        .windows(2)
        .filter(|pair| pair[0].group == pair[1].group && pair[0].size > 0.0)
        .map(|pair| (pair[0].y - pair[1].y) / pair[0].size)
        .filter(|step| (0.8..2.5).contains(step))
        .collect();
    steps.sort_by(f64::total_cmp);
    // The smaller ones are within paragraphs, the larger ones between them.
    steps.get(steps.len() / 3).copied().unwrap_or(1.2)
}

fn begins_anew(open: &[&Line], last: &Line, line: &Line, pitch: f64) -> bool {
    let step = (last.y - line.y) / last.size.max(1.0);
    let sizes_differ = (last.size - line.size).abs() > 0.12 * last.size;
    let left = open.iter().map(|line| line.x0).fold(f64::INFINITY, f64::min);
    let right = open.iter().map(|line| line.x1).fold(0.0, f64::max);
    let indented = line.x0 > left + 0.8 * line.size && open.len() > 1 && line.x0 > last.x0 + 0.8 * line.size;
    let ended_early = open.len() > 1
        && last.x1 < right - 0.25 * (right - left)
        && last.text.ends_with(['.', '!', '?', ':']);
    line.group != last.group
        || sizes_differ
        || line.bold != last.bold && (open.iter().all(|line| line.bold) || line.bold)
        || step > pitch * 1.3 + 0.1
        || step < -0.5
        || indented
        || ended_early
        || is_item(&line.text)
}

/// Whether a line begins with what begins the items of lists.
fn is_item(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or(' ');
    if matches!(first, '•' | '‣' | '◦' | '▪' | '■' | '●' | '○' | '–' | '∙' | '·' | '\u{2043}' | '➢' | '✓')
    {
        return chars.next().is_some_and(char::is_whitespace);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits) && matches!(text.as_bytes().get(digits..digits + 2), Some(b". " | b") "))
}

fn flush(lines: &[&Line], sizes: &Sizes, draft: &mut Draft) -> Result<(), Fault> {
    let Some(first) = lines.first() else { return Ok(()) };
    let text = join(lines);
    let kind = match sizes.level(lines, &text) {
        Some(level) => BlockKind::Heading(level),
        None if is_item(&first.text) => BlockKind::List,
        None => BlockKind::Paragraph,
    };
    if matches!(kind, BlockKind::Heading(_)) {
        return draft.block(kind, &crate::docx::one_line(&text));
    }
    draft.block(kind, &text)
}

/// Lines as one text: words that were parted at the end of a line are whole again, and lines that end early, as in
/// addresses and code, stay lines.
fn join(lines: &[&Line]) -> String {
    let left = lines.iter().map(|line| line.x0).fold(f64::INFINITY, f64::min);
    let right = lines.iter().map(|line| line.x1).fold(f64::NEG_INFINITY, f64::max);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        push_without_leader(&mut out, &line.text);
        let Some(next) = lines.get(index + 1) else { break };
        if is_parted(&out, &next.text) {
            out.pop();
        } else if has_leader(&line.text) {
            out.push('\n');
        } else if line.x1 > right - 0.2 * (right - left) {
            out.push(' ');
        } else {
            out.push('\n');
        }
    }
    out
}

/// The dots that lead from an entry of a table of contents to its page.
const LEADER: &str = ". . . .";

fn has_leader(text: &str) -> bool {
    text.contains(LEADER) || text.contains("......")
}

fn push_without_leader(out: &mut String, text: &str) {
    if !has_leader(text) {
        return out.push_str(text);
    }
    let is_dots = |word: &&str| word.bytes().all(|b| b == b'.');
    let words: Vec<&str> = text.split_whitespace().collect();
    for run in words.chunk_by(|a, b| is_dots(a) == is_dots(b)) {
        if !out.is_empty() && !out.ends_with(['\n', ' ']) {
            out.push(' ');
        }
        if is_dots(&run[0]) { out.push('…') } else { out.push_str(&run.join(" ")) }
    }
}

/// Whether a line ends within a word.
fn is_parted(text: &str, next: &str) -> bool {
    let Some(stem) = text.strip_suffix(['-', '\u{2010}', '\u{ad}']) else { return false };
    stem.ends_with(char::is_lowercase) && next.starts_with(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn line(y: f64, x1: f64, size: f64, text: &str) -> Line {
        Line { text: text.to_owned(), x0: 50.0, x1, y, size, bold: false, group: 0 }
    }

    #[test]
    fn lines_become_headings_paragraphs_and_items() {
        let lines = [
            line(800.0, 200.0, 18.0, "A Title"),
            line(770.0, 500.0, 10.0, "Running text of some lines, parted with a hy-"),
            line(758.0, 498.0, 10.0, "phen and going on to the end of the line and"),
            line(746.0, 300.0, 10.0, "then ending."),
            line(722.0, 300.0, 10.0, "• an item"),
            line(710.0, 300.0, 10.0, "• another"),
            line(680.0, 120.0, 10.0, "Street 1"),
            line(668.0, 400.0, 10.0, "12345 A Town with a rather long name"),
        ];
        let mut draft = Draft::new(10_000);
        write(&lines, &Sizes::of(lines.iter()), &mut draft).unwrap();
        let document = draft.finish(Kind::Pdf).unwrap();
        let blocks: Vec<_> =
            document.blocks.iter().map(|block| (block.kind, &document.text[block.span.clone()])).collect();
        use BlockKind::{Heading, List, Paragraph};
        assert_eq!(
            blocks,
            [
                (Heading(1), "A Title"),
                (
                    Paragraph,
                    "Running text of some lines, parted with a hyphen and going on to the end of the line and \
                     then ending."
                ),
                (List, "• an item"),
                (List, "• another"),
                (Paragraph, "Street 1\n12345 A Town with a rather long name"),
            ]
        );
    }
}
