//! The part of a text that shows why it was found.

use std::ops::Range;

use super::text;

/// A word of the text.
struct Word {
    span: Range<usize>,
    /// Which term of the query it is, if any.
    term: Option<usize>,
}

/// The stretch of `text` of at most about `width` characters with the most different words of `query` in it, and
/// the byte ranges of those words in the result. Words stay whole; cut ends get an ellipsis; control characters
/// become spaces, so that text cannot drive a terminal.
///
/// ```
/// let (shown, marks) = tidegate_store::snippet("The moon\npulls the sea, twice a day.", "sea", 15);
/// assert_eq!(shown, "…the sea, twice…");
/// assert_eq!(&shown[marks[0].clone()], "sea");
/// ```
#[must_use]
pub fn snippet(text: &str, query: &str, width: usize) -> (String, Vec<Range<usize>>) {
    let words_asked: Vec<String> = text::terms(query)
        .iter()
        .flat_map(|term| term.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let terms = telling(&words_asked);
    let words = words(text, &terms);
    let Some(window) = best_window(text, &words, terms.len(), width) else {
        return (String::new(), Vec::new());
    };
    let (start, end) = (words[window.start].span.start, words[window.end - 1].span.end);
    let mut shown = String::with_capacity(end - start + 8);
    if window.start > 0 {
        shown.push('…');
    }
    let shift = shown.len();
    for c in text[start..end].chars() {
        // As many bytes as before, so that the marks stay true.
        if c.is_control() || c.is_whitespace() {
            (0..c.len_utf8()).for_each(|_| shown.push(' '));
        } else {
            shown.push(c);
        }
    }
    if window.end < words.len() {
        shown.push('…');
    }
    let marks = words[window].iter().filter(|word| word.term.is_some()).map(|word| trimmed(text, word));
    let marks = marks.map(|span| span.start - start + shift..span.end - start + shift).collect();
    (shown, marks)
}

/// Words that say nothing about what a question is after. Marking them would mark every line.
const EMPTY_WORDS: &[&str] = &[
    "a", "about", "an", "and", "are", "as", "at", "be", "by", "can", "did", "do", "does", "for", "from",
    "had", "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "not", "of", "on", "or",
    "should", "so", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "we",
    "were", "what", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// The stems of the words worth marking: all of them, if none tells anything.
fn telling(words: &[String]) -> Vec<String> {
    let tells = |word: &String| !EMPTY_WORDS.contains(&word.to_lowercase().as_str());
    let any = words.iter().any(tells);
    words.iter().filter(|word| !any || tells(word)).map(|word| stem(word)).collect()
}

/// Words are what stands between white space; what is compared is their letters and digits.
fn words(text: &str, terms: &[String]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    for piece in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let start = at;
        at += piece.len() + text[at + piece.len()..].chars().next().map_or(0, char::len_utf8);
        if piece.is_empty() {
            continue;
        }
        // A piece such as `tide-gate` holds several words; one that matches marks the piece.
        let parts = piece.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(stem);
        let term = parts.filter_map(|part| terms.iter().position(|term| *term == part)).next();
        words.push(Word { span: start..start + piece.len(), term });
    }
    words
}

/// The range of words with the most different terms, then the most matches, then the earliest. Extended to the
/// left a little, because a match reads better with what leads to it.
fn best_window(text: &str, words: &[Word], terms: usize, width: usize) -> Option<Range<usize>> {
    if words.is_empty() {
        return None;
    }
    let length = |range: &Range<usize>| {
        text[words[range.start].span.start..words[range.end - 1].span.end].chars().count()
    };
    let mut counts = vec![0usize; terms];
    let (mut distinct, mut matches) = (0, 0);
    let mut best = (0, 0, 0..0);
    let mut start = 0;
    let mut chars = 0; // characters from the first word of the window to the end of its last
    for end in 0..words.len() {
        let from = if end == start { words[end].span.start } else { words[end - 1].span.end };
        chars += text[from..words[end].span.end].chars().count();
        if let Some(term) = words[end].term {
            distinct += usize::from(counts[term] == 0);
            counts[term] += 1;
            matches += 1;
        }
        while chars > width && start < end {
            if let Some(term) = words[start].term {
                counts[term] -= 1;
                distinct -= usize::from(counts[term] == 0);
                matches -= 1;
            }
            chars -= text[words[start].span.start..words[start + 1].span.start].chars().count();
            start += 1;
        }
        if (distinct, matches) > (best.0, best.1)
            || best.2.is_empty()
            || best.2.start == start && matches == best.1
        {
            best = (distinct, matches, start..end + 1);
        }
    }
    Some(centred(best.2, words, width, length))
}

/// Moves a window so that its matches do not stand at its very end.
fn centred(
    window: Range<usize>,
    words: &[Word],
    width: usize,
    length: impl Fn(&Range<usize>) -> usize,
) -> Range<usize> {
    let matched = |at: &usize| words[*at].term.is_some();
    let (Some(first), Some(last)) = (window.clone().find(matched), window.clone().rev().find(matched)) else {
        return window;
    };
    let mut range = first..last + 1;
    loop {
        let before = range.clone();
        if range.end < words.len() && length(&(range.start..range.end + 1)) <= width {
            range.end += 1;
        }
        if range.start > 0 && length(&(range.start - 1..range.end)) <= width {
            range.start -= 1;
        }
        if range == before {
            return range;
        }
    }
}

/// The word without punctuation around it.
fn trimmed(text: &str, word: &Word) -> Range<usize> {
    let piece = &text[word.span.clone()];
    let start = piece.len() - piece.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
    let end = piece.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
    word.span.start + start.min(end)..word.span.start + end
}

/// A rough stem, for marking only: lower case without the commonest endings.
fn stem(word: &str) -> String {
    let lower = word.to_lowercase();
    for ending in ["ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "y"] {
        if let Some(stem) = lower.strip_suffix(ending)
            && stem.chars().count() >= 3
        {
            return stem.trim_end_matches('e').to_owned();
        }
    }
    lower.trim_end_matches('e').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_window_holds_the_most_different_words() {
        let text =
            "gate gate gate and then a long stretch about nothing much until the tide meets the gate at last";
        let (shown, marks) = snippet(text, "tides gates", 40);
        let marked: Vec<&str> = marks.iter().map(|mark| &shown[mark.clone()]).collect();
        assert_eq!(marked, ["tide", "gate"], "{shown}");
    }

    #[test]
    fn a_text_without_matches_shows_its_beginning() {
        assert_eq!(snippet("one two three four", "x", 9).0, "one two…");
        assert_eq!(snippet("  ", "x", 9), (String::new(), vec![]));
    }

    #[test]
    fn control_characters_are_not_shown() {
        let (shown, _) = snippet("a\u{1b}[31mred\u{9b}x", "red", 50);
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }

    proptest! {
        #[test]
        fn marks_lie_on_characters_within_the_snippet(
            text in "[a-cé世\u{301} \n\t\u{1b}\\-,.]{0,80}", query in "[a-cé世 \"]{0,10}", width in 0usize..40,
        ) {
            let (shown, marks) = snippet(&text, &query, width);
            for mark in &marks {
                prop_assert!(shown.get(mark.clone()).is_some(), "{mark:?} in {shown:?}");
            }
            prop_assert!(marks.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let longest = text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
            prop_assert!(shown.chars().count() <= width.max(longest) + 8);
        }
    }
}
