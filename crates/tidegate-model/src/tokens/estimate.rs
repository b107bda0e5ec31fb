//! An estimate for models whose tokenizer is not known.

use tidegate_core::Tokenizer;

/// Units of a token. Weights are whole units so that counts of parts add up exactly.
const TOKEN: u32 = 3;

/// Counts a token for every three letters, which is more than any tokenizer makes of prose, and more for what
/// tokenizers take apart: digits and signs (some make a token of each), Chinese, Japanese and Korean, and emoji.
#[derive(Debug, Clone, Copy, Default)]
pub struct Estimate;

fn weight(character: char) -> u32 {
    match character {
        '0'..='9' => TOKEN,
        '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => 2,
        '\0'..='\x7f' => 1,
        // Hangul: a token each for new tokenizers, up to three for old.
        '\u{ac00}'..='\u{d7ff}' | '\u{1100}'..='\u{11ff}' => 6,
        // Kana, ideographs, full-width forms: a token each for new tokenizers, up to two for old.
        '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' => 4,
        // Emoji and other rare characters: byte by byte, less what usual pairs save.
        '\u{10000}'.. => 9,
        // Other scripts: as many units as bytes in UTF-8.
        _ => character.len_utf8() as u32,
    }
}

impl Tokenizer for Estimate {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        // So that the first character begins a token.
        let mut units = TOKEN - 1;
        for (at, character) in text.char_indices() {
            units += weight(character);
            while units >= TOKEN {
                starts.push(at as u32);
                units -= TOKEN;
            }
        }
    }

    fn count(&self, text: &str) -> usize {
        let units: u64 = text.chars().map(|character| u64::from(weight(character))).sum();
        units.div_ceil(u64::from(TOKEN)) as usize
    }
}
