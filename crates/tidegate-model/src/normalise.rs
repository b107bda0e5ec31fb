//! What BERT models see of a character: controls dropped, accents stripped and lower case unless they are cased, and
//! which characters stand alone.
//!
//! The table is data of this crate and not of the compiler or of a Unicode crate, because token ids, and with
//! them every stored vector, must not change when either follows a new Unicode version.

include!(concat!(env!("OUT_DIR"), "/normalise_table.rs"));

/// What becomes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It is part of a word as it is.
    Keep,
    /// It is nothing.
    Drop,
    /// It ends a word.
    Space,
    /// It is a word of its own: punctuation and ideographs.
    Alone,
    /// It is replaced by these, none of which is replaced again.
    Replace(&'static str),
    /// It is a syllable that is replaced by these, its letters; the last may be absent.
    Letters([char; 2], Option<char>),
}

/// What uncased models make of a character.
#[inline]
pub(crate) fn class(c: char) -> Class {
    match entry(c) & !(KEPT | APART) {
        0 => syllable(c).unwrap_or(Class::Keep),
        1 => Class::Drop,
        2 => Class::Space,
        3 => Class::Alone,
        replacement => Class::Replace(REPLACEMENTS[usize::from(replacement) - 4]),
    }
}

/// What cased models make of a character, which is never replaced.
#[inline]
pub(crate) fn cased(c: char) -> Class {
    let entry = entry(c);
    match entry & !(KEPT | APART) {
        _ if entry & KEPT != 0 => Class::Keep,
        _ if entry & APART != 0 => Class::Alone,
        1 => Class::Drop,
        2 => Class::Space,
        3 => Class::Alone,
        _ => Class::Keep,
    }
}

#[inline]
fn entry(c: char) -> u16 {
    let code = c as usize;
    let page = usize::from(PAGES[code >> 8]);
    ENTRIES[page << 8 | code & 0xFF]
}

/// Takes a Hangul syllable apart by the arithmetic of the Unicode Standard, section 3.12.
#[inline]
fn syllable(c: char) -> Option<Class> {
    let index = (c as u32).wrapping_sub(0xAC00);
    if index >= 11_172 {
        return None;
    }
    let letter = |first: u32, offset: u32| char::from_u32(first + offset);
    let tail = match index % 28 {
        0 => None,
        tail => letter(0x11A7, tail),
    };
    Some(Class::Letters([letter(0x1100, index / 588)?, letter(0x1161, index % 588 / 28)?], tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_what_the_model_was_trained_on() {
        let check = |c, expected| assert_eq!(class(c), expected, "{c:?}");
        check('a', Class::Keep);
        check('A', Class::Replace("a"));
        check('É', Class::Replace("e"));
        check('İ', Class::Replace("i"));
        check('ß', Class::Keep);
        check('\u{301}', Class::Drop);
        check('\0', Class::Drop);
        check('\u{FFFD}', Class::Drop);
        check('\u{E000}', Class::Drop);
        check('\u{B}', Class::Drop);
        check('\n', Class::Space);
        check('\u{3000}', Class::Space);
        check('$', Class::Alone);
        check('¿', Class::Alone);
        check('中', Class::Alone);
        check('≠', Class::Replace("="));
        check('가', Class::Letters(['ᄀ', 'ᅡ'], None));
        check('힣', Class::Letters(['ᄒ', 'ᅵ'], Some('ᇂ')));
    }

    #[test]
    fn cased_models_see_characters_as_they_are() {
        let check = |c, expected| assert_eq!(cased(c), expected, "{c:?}");
        for kept in ['a', 'A', 'É', 'İ', 'ß', '\u{301}', '≠', '가', '힣'] {
            check(kept, Class::Keep);
        }
        for dropped in ['\0', '\u{FFFD}', '\u{E000}', '\u{AD}', '\u{B}'] {
            check(dropped, Class::Drop);
        }
        for alone in ['$', '¿', '中', '\u{37E}', '\u{F900}'] {
            check(alone, Class::Alone);
        }
        check('\u{3000}', Class::Space);
    }

    #[test]
    fn replacements_are_final() {
        for c in REPLACEMENTS.iter().flat_map(|r| r.chars()) {
            assert!(matches!(class(c), Class::Keep | Class::Alone), "{c:?}");
        }
    }
}
