//! Letters whose accents were printed on their own, as TeX does with its old fonts.

use unicode_normalization::char::compose;

use super::ink::{Glyph, Ink};

/// Puts accents onto the letters that they stand over or under.
pub(super) fn compose_accents(ink: &mut Ink) {
    let mut at = 0;
    while at + 1 < ink.glyphs.len() {
        let (first, second) = (&ink.glyphs[at], &ink.glyphs[at + 1]);
        let (first_text, second_text) = (single(ink, first), single(ink, second));
        let composed = match (first_text, second_text) {
            _ if !overlap(first, second) => None,
            (Some(a), Some(b)) => combining(a)
                .and_then(|mark| compose(dotted(b), mark).map(|c| (c, 1)))
                .or_else(|| combining(b).and_then(|mark| compose(dotted(a), mark).map(|c| (c, 0)))),
            _ => None,
        };
        if let Some((c, letter)) = composed {
            let start = ink.text.len();
            ink.text.push(c);
            let end = ink.text.len();
            let mut glyph = ink.glyphs[at + letter].clone();
            (glyph.start, glyph.end) = (start, end);
            ink.glyphs[at + 1] = glyph;
            // The other one is printed by this one now; an empty text is passed over.
            ink.glyphs[at].end = ink.glyphs[at].start;
        }
        at += 1;
    }
    ink.glyphs.retain(|glyph| glyph.start < glyph.end);
}

fn single(ink: &Ink, glyph: &Glyph) -> Option<char> {
    let mut chars = ink.text[glyph.start..glyph.end].chars();
    let c = chars.next()?;
    chars.next().is_none().then_some(c)
}

fn overlap(a: &Glyph, b: &Glyph) -> bool {
    let middle = |glyph: &Glyph| (glyph.x0 + glyph.x1) / 2.0;
    let size = a.size.max(b.size);
    a.turn == b.turn && (middle(a) - middle(b)).abs() < 0.25 * size && (a.y - b.y).abs() < 0.6 * size
}

/// An i that gives up its dot for an accent.
fn dotted(c: char) -> char {
    match c {
        'ı' => 'i',
        'ȷ' => 'j',
        c => c,
    }
}

fn combining(c: char) -> Option<char> {
    Some(match c {
        '`' | '\u{2cb}' => '\u{300}',
        '´' | '\u{2ca}' => '\u{301}',
        'ˆ' | '^' => '\u{302}',
        '˜' | '~' => '\u{303}',
        '¯' | '\u{2c9}' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' | '°' => '\u{30a}',
        '˝' => '\u{30b}',
        'ˇ' => '\u{30c}',
        '¸' => '\u{327}',
        '˛' => '\u{328}',
        _ => return None,
    })
}
