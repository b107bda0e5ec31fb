//! What is different about a question that is not on a cassette.

/// Characters that are shown around the first difference.
const SHOWN: usize = 40;

/// Where `now` first differs from `then`, in words.
pub(super) fn difference(then: &str, now: &str) -> String {
    let same = common(then, now);
    let place = now[..same].chars().count() + 1;
    format!("from character {place} on it was {}, and is {}", shown(then, same), shown(now, same))
}

/// Of `prompts`, the one that has most in common with `now`, at its beginning and at its end.
pub(super) fn nearest<'a>(prompts: impl Iterator<Item = &'a str>, now: &str) -> Option<&'a str> {
    let score = |then: &&str| {
        let start = common(then, now);
        let (then, now) = (&then.as_bytes()[start..], &now.as_bytes()[start..]);
        start + then.iter().rev().zip(now.iter().rev()).take_while(|(a, b)| a == b).count()
    };
    prompts.max_by_key(score)
}

/// Bytes that both begin with, whole characters.
fn common(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

fn shown(text: &str, from: usize) -> String {
    let rest: String = text[from..].chars().take(SHOWN).collect();
    if rest.is_empty() {
        return "at its end".to_owned();
    }
    let more = if text[from..].chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("“{}{more}”", rest.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown() {
        for (then, now, said) in [
            ("a ä b", "a ä c", "from character 5 on it was “b”, and is “c”"),
            ("ab", "ab\n", "from character 3 on it was at its end, and is “\\n”"),
            ("", "x", "from character 1 on it was at its end, and is “x”"),
        ] {
            assert_eq!(difference(then, now), said);
        }
        assert!(difference("x", &"y".repeat(100)).ends_with("…”"));
    }

    #[test]
    fn the_nearest_is_the_one_with_most_in_common() {
        let prompts = ["About: the tide", "About: gulls that cry", "Label: gulls"];
        assert_eq!(nearest(prompts.into_iter(), "About: gulls that sing"), Some(prompts[1]));
        assert_eq!(nearest(prompts.into_iter(), "Tell: gulls"), Some(prompts[2]));
        assert_eq!(nearest(std::iter::empty(), "x"), None);
    }
}
