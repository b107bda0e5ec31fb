//! Search hits for a terminal.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use crate::clean::{clean, clean_block, fit_end, width};
use crate::color::Paint;
use crate::units::count;

/// One hit. Texts may hold anything; they are made harmless here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HitView {
    /// Position, from 1.
    pub rank: usize,
    /// The fused score.
    pub score: f64,
    /// The document's key, a path in most pipelines.
    pub source: String,
    /// The document's title.
    pub title: Option<String>,
    /// The headings above the chunk, outermost first.
    pub heading: Vec<String>,
    /// Page, slide or sheet, from 1.
    pub page: Option<u32>,
    /// The text to show: a snippet, or the whole chunk.
    pub text: String,
    /// What matched, as byte ranges of `text`; ranges that fit no characters are ignored.
    pub matches: Vec<Range<usize>>,
}

/// How hits are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Columns of the terminal; also where lines are wrapped.
    pub columns: usize,
    /// Colours.
    pub paint: Paint,
    /// Paths below this folder are shown relative to it.
    pub cwd: &'a Path,
    /// Whether `text` is whole and its lines are kept; otherwise it is run together and cut to three lines.
    pub full: bool,
    /// How long the search took, milliseconds.
    pub took_ms: f64,
}

/// Lines of a snippet.
const SNIPPET_LINES: usize = 3;
/// Snippets are indented by this much.
const INDENT: usize = 4;
/// Lines are not wrapped wider than this, even on a wide terminal.
const WIDEST: usize = 100;

/// Renders hits, best first, with a line at the end that says how many and how fast.
#[must_use]
pub fn render_hits(hits: &[HitView], page: Page<'_>) -> String {
    let mut out = String::new();
    for hit in hits {
        head(&mut out, hit, page);
        body(&mut out, hit, page);
        out.push('\n');
    }
    let found = match hits.len() {
        0 => "no hits".to_owned(),
        1 => "1 hit".to_owned(),
        n => format!("{} hits", count(n as u64)),
    };
    let _ = writeln!(out, "{}", page.paint.dim(format!("{found} in {:.0} ms", page.took_ms.max(1.0))));
    out
}

fn head(out: &mut String, hit: &HitView, page: Page<'_>) {
    let (rank, score) = (hit.rank.to_string(), format!("{:.3}", hit.score));
    let taken = rank.len() + 2 + score.len() + 2;
    let place = hit.page.map(|number| format!(", page {number}")).unwrap_or_default();
    let room = page.columns.saturating_sub(taken + place.len()).max(20);
    let source = relative(&hit.source, page.cwd);
    let source = fit_end(&source, room).into_owned();
    let paint = page.paint;
    let _ = writeln!(out, "{}  {}  {}{place}", paint.bold(rank), paint.dim(score), paint.name(source));
    let title = hit.title.as_deref().map(clean).filter(|title| !title.is_empty());
    let first = hit.heading.first().map(|first| clean(first));
    let mut path: Vec<String> = hit.heading.iter().map(|heading| clean(heading).into_owned()).collect();
    if let Some(title) = title.filter(|title| first.as_ref() != Some(title)) {
        path.insert(0, title.into_owned());
    }
    if !path.is_empty() {
        let text = path.join(" › ");
        let text = fit_end(&text, page.columns.saturating_sub(INDENT).max(20)).into_owned();
        let _ = writeln!(out, "{:INDENT$}{}", "", paint.dim(text));
    }
}

/// A path below `cwd` as it would be typed there, without control characters.
pub(crate) fn relative(source: &str, cwd: &Path) -> String {
    let short = cwd.to_str().and_then(|cwd| source.strip_prefix(cwd)?.strip_prefix('/'));
    let short = short.or_else(|| source.strip_prefix("./")).filter(|short| !short.is_empty());
    clean(short.unwrap_or(source)).into_owned()
}

fn body(out: &mut String, hit: &HitView, page: Page<'_>) {
    let columns = page.columns.min(WIDEST).saturating_sub(INDENT).max(20);
    let lines = if page.full {
        let pieces = pieces(&hit.text, &hit.matches, clean_block);
        full_lines(&pieces)
    } else {
        let pieces = pieces(&hit.text, &hit.matches, |text| text.to_owned());
        wrapped(&pieces, columns)
    };
    for line in lines {
        let _ = write!(out, "{:INDENT$}", "");
        for (text, matched) in line {
            if matched { out.push_str(&page.paint.mark(text)) } else { out.push_str(&text) }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// A stretch of text, and whether it matched.
type Piece = (String, bool);

/// `text` cut at the borders of the matches. Overlapping and impossible ranges are ignored.
fn pieces(text: &str, matches: &[Range<usize>], make: impl Fn(&str) -> String) -> Vec<Piece> {
    let mut ranges: Vec<&Range<usize>> = matches.iter().collect();
    ranges.sort_by_key(|range| range.start);
    let mut out = Vec::new();
    let mut at = 0;
    for range in ranges {
        let (Some(before), Some(matched)) = (text.get(at..range.start), text.get(range.start..range.end))
        else {
            continue;
        };
        if matched.is_empty() {
            continue;
        }
        out.push((make(before), false));
        out.push((make(matched), true));
        at = range.end;
    }
    out.push((make(text.get(at..).unwrap_or_default()), false));
    out
}

fn full_lines(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut lines = vec![Vec::new()];
    for (text, matched) in pieces {
        for (i, part) in text.split('\n').enumerate() {
            if i > 0 {
                lines.push(Vec::new());
            }
            if let (false, Some(line)) = (part.is_empty(), lines.last_mut()) {
                line.push((part.to_owned(), *matched));
            }
        }
    }
    while lines.len() > 1 && lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// Words of the pieces in at most [`SNIPPET_LINES`] lines, with an ellipsis where something is left out.
fn wrapped(pieces: &[Piece], columns: usize) -> Vec<Vec<Piece>> {
    let mut lines: Vec<Vec<Piece>> = vec![Vec::new()];
    let (mut used, mut space) = (0, false);
    for (text, matched) in pieces {
        for (i, word) in text.split(char::is_whitespace).enumerate() {
            space |= i > 0;
            let word = clean(word);
            if word.is_empty() {
                continue;
            }
            let gap = usize::from(space && used > 0);
            // A word wider than a line is cut; part of a word stays with its other part.
            let word = crate::clean::fit(&word, columns).into_owned();
            let wide = width(&word) + if *matched { 4 } else { 0 };
            if used > 0 && used + gap + wide > columns {
                if lines.len() == SNIPPET_LINES {
                    if let Some(line) = lines.last_mut() {
                        line.push((" …".to_owned(), false));
                    }
                    return lines;
                }
                lines.push(Vec::new());
                used = 0;
            }
            let gap = if used > 0 { gap } else { 0 };
            if let Some(line) = lines.last_mut() {
                if gap > 0 {
                    line.push((" ".to_owned(), false));
                }
                line.push((word, *matched));
            }
            used += gap + wide;
            space = false;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(columns: usize) -> Page<'static> {
        Page { columns, paint: Paint::default(), cwd: Path::new("/home/me"), full: false, took_ms: 12.3 }
    }

    fn hit() -> HitView {
        let text =
            "The tide gate opens\nwhen the water\u{1b}[31m falls, and closes again when it rises.".to_owned();
        let at = text.find("water").unwrap();
        HitView {
            rank: 1,
            score: 0.873_4,
            source: "/home/me/docs/sluices.md".to_owned(),
            title: Some("Sluices".to_owned()),
            heading: vec!["Sluices".to_owned(), "Gates".to_owned()],
            page: Some(3),
            matches: vec![4..8, at..at + 5],
            text,
        }
    }

    #[test]
    fn a_hit_shows_rank_score_path_heading_and_the_match() {
        assert_eq!(
            render_hits(&[hit()], page(60)),
            "1  0.873  docs/sluices.md, page 3\n    \
             Sluices › Gates\n    \
             The **tide** gate opens when the **water**[31m falls,\n    \
             and closes again when it rises.\n\n\
             1 hit in 12 ms\n"
        );
        assert_eq!(render_hits(&[], page(60)), "no hits in 12 ms\n");
    }

    #[test]
    fn a_whole_chunk_keeps_its_lines() {
        let full = render_hits(&[hit()], Page { full: true, ..page(20) });
        assert!(
            full.contains("    The **tide** gate opens\n    when the **water**[31m falls, and closes"),
            "{full}"
        );
    }

    #[test]
    fn matches_are_coloured_where_colour_is_on() {
        let paint = crate::ColorMode::Always.resolve(false, &|_| None);
        let text = render_hits(&[hit()], Page { paint, ..page(80) });
        assert!(text.contains("The \u{1b}[1;33mtide\u{1b}[0m gate"), "{text:?}");
        assert!(!text.contains("\u{1b}[31m"), "the document's own colour got through");
    }

    #[test]
    fn long_texts_end_after_three_lines() {
        let text = render_hits(&[HitView { text: "word ".repeat(500), ..HitView::default() }], page(40));
        assert_eq!(text.lines().filter(|line| line.contains("word")).count(), 3);
        assert!(text.contains(" …\n"), "{text}");
    }

    proptest! {
        #[test]
        fn no_text_and_no_range_panics_or_escapes(
            text in any::<String>(), source in any::<String>(),
            matches in proptest::collection::vec((0usize..60, 0usize..60).prop_map(|(a, b)| a..b), 0..5),
            columns in 0usize..90, full in any::<bool>(),
        ) {
            let hit = HitView { source, text, matches, ..hit() };
            let out = render_hits(&[hit], Page { full, ..page(columns) });
            prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{:?}", out);
        }
    }
}
