//! Maps from the codes of a font to text or to glyphs, as PDF files carry them.

use std::borrow::Cow;
use std::collections::HashMap;

/// Entries of one map, at most: a font has at most 65,536 glyphs.
const MOST_ENTRIES: usize = 100_000;

/// A parsed map.
#[derive(Debug, Default)]
pub(super) struct Cmap {
    /// How long codes are: length in bytes, lowest and highest code.
    spaces: Vec<(usize, u32, u32)>,
    text: HashMap<u32, String>,
    /// Ranges of codes that map to consecutive characters: lowest, highest, text of the lowest.
    ranges: Vec<(u32, u32, Vec<u16>)>,
    /// Ranges of codes that map to consecutive glyph ids.
    cids: Vec<(u32, u32, u32)>,
}

impl Cmap {
    pub(super) fn parse(data: &[u8]) -> Self {
        let mut cmap = Self::default();
        let mut tokens = Tokens { rest: data };
        while let Some(token) = tokens.next() {
            let Token::Word(word) = token else { continue };
            match word {
                b"begincodespacerange" => cmap.spaces(&mut tokens),
                b"beginbfchar" => cmap.chars(&mut tokens),
                b"beginbfrange" => cmap.text_ranges(&mut tokens),
                b"begincidrange" => cmap.cid_ranges(&mut tokens),
                b"begincidchar" => cmap.cid_chars(&mut tokens),
                _ => {}
            }
        }
        cmap.ranges.sort_by_key(|range| range.0);
        cmap.cids.sort_by_key(|range| range.0);
        cmap
    }

    /// The text of a code.
    pub(super) fn text(&self, code: u32) -> Option<Cow<'_, str>> {
        if let Some(text) = self.text.get(&code) {
            return Some(Cow::Borrowed(text));
        }
        let after = self.ranges.partition_point(|range| range.0 <= code);
        let (low, _, units) = self.ranges[..after].iter().rev().take(8).find(|range| code <= range.1)?;
        let (last, first) = units.split_last()?;
        let last = last.wrapping_add((code - low) as u16);
        let units = first.iter().copied().chain([last]);
        Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }

    /// The glyph id of a code.
    pub(super) fn cid(&self, code: u32) -> Option<u32> {
        let before = self.cids.partition_point(|range| range.0 <= code);
        let (low, _, cid) = self.cids[..before].iter().rev().take(8).find(|range| code <= range.1)?;
        cid.checked_add(code - low)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.ranges.is_empty()
    }

    /// How many bytes the next code has.
    pub(super) fn code_length(&self, bytes: &[u8]) -> Option<usize> {
        let fits = |(length, low, high): &&(usize, u32, u32)| {
            bytes.get(..*length).is_some_and(|code| (*low..=*high).contains(&number(code)))
        };
        self.spaces.iter().find(fits).or(self.spaces.first()).map(|space| space.0)
    }

    fn has_room(&self) -> bool {
        self.text.len() + self.ranges.len() + self.cids.len() < MOST_ENTRIES && self.spaces.len() < 100
    }

    fn spaces(&mut self, tokens: &mut Tokens<'_>) {
        while let (Some(low), Some(high)) = (tokens.hex(), tokens.hex()) {
            if (1..=4).contains(&low.len()) && self.has_room() {
                self.spaces.push((low.len(), number(&low), number(&high)));
            }
        }
    }

    fn chars(&mut self, tokens: &mut Tokens<'_>) {
        while let (Some(code), Some(text)) = (tokens.hex(), tokens.hex()) {
            if self.has_room() {
                self.text.insert(number(&code), String::from_utf16_lossy(&units(&text)));
            }
        }
    }

    fn text_ranges(&mut self, tokens: &mut Tokens<'_>) {
        while let (Some(low), Some(high)) = (tokens.hex(), tokens.hex()) {
            let (low, high) = (number(&low), number(&high));
            match tokens.next() {
                Some(Token::Hex(text)) if self.has_room() && low <= high => {
                    self.ranges.push((low, high, units(&text)));
                }
                Some(Token::Word(b"[")) => {
                    for code in low..=high {
                        let Some(text) = tokens.hex() else { break };
                        if self.has_room() {
                            self.text.insert(code, String::from_utf16_lossy(&units(&text)));
                        }
                    }
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    fn cid_ranges(&mut self, tokens: &mut Tokens<'_>) {
        while let (Some(low), Some(high)) = (tokens.hex(), tokens.hex()) {
            if let Some(cid) = tokens.integer()
                && self.has_room()
            {
                self.cids.push((number(&low), number(&high), cid));
            }
        }
    }

    fn cid_chars(&mut self, tokens: &mut Tokens<'_>) {
        while let Some(code) = tokens.hex() {
            if let Some(cid) = tokens.integer()
                && self.has_room()
            {
                self.cids.push((number(&code), number(&code), cid));
            }
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// UTF-16 units; a single byte is one unit, as some writers have it. A ligature is short: what is longer is cut.
fn units(bytes: &[u8]) -> Vec<u16> {
    match bytes {
        [byte] => vec![u16::from(*byte)],
        _ => bytes.chunks_exact(2).take(32).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
    }
}

enum Token<'d> {
    Hex(Vec<u8>),
    Word(&'d [u8]),
}

struct Tokens<'d> {
    rest: &'d [u8],
}

impl<'d> Tokens<'d> {
    fn next(&mut self) -> Option<Token<'d>> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            match self.rest {
                [] => return None,
                [b'%', ..] => {
                    let end =
                        self.rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                [b'<', b'<', ..] | [b'>', b'>', ..] => self.rest = &self.rest[2..],
                [b'<', tail @ ..] => {
                    let end = tail.iter().position(|b| *b == b'>').unwrap_or(tail.len());
                    self.rest = tail.get(end + 1..).unwrap_or_default();
                    return Some(Token::Hex(hex(&tail[..end])));
                }
                [b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'>', ..] => return Some(self.word(1)),
                _ => {
                    let ends = |b: &u8| b.is_ascii_whitespace() || b"<>[](){}/%".contains(b);
                    let end = self.rest[1..].iter().position(ends).map_or(self.rest.len(), |at| at + 1);
                    return Some(self.word(end));
                }
            }
        }
    }

    fn word(&mut self, length: usize) -> Token<'d> {
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Token::Word(word)
    }

    /// The next token if it is a string; anything else ends a list.
    fn hex(&mut self) -> Option<Vec<u8>> {
        match self.next()? {
            Token::Hex(bytes) => Some(bytes),
            Token::Word(_) => None,
        }
    }

    fn integer(&mut self) -> Option<u32> {
        match self.next()? {
            Token::Word(word) => std::str::from_utf8(word).ok()?.parse().ok(),
            Token::Hex(_) => None,
        }
    }
}

fn hex(digits: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .iter()
        .filter_map(|b| char::from(*b).to_digit(16))
        .map(|digit| digit as u8)
        .take(1024)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_ranges_and_lists_are_read() {
        let cmap = Cmap::parse(
            b"/CIDInit /ProcSet findresource begin 1 begincodespacerange <0000> <FFFF> endcodespacerange
            2 beginbfchar <0001> <0041> <0002> <00660069> endbfchar % words
            2 beginbfrange <0010> <0012> <0061> <0020> <0021> [<0078> <D83DDE00>] endbfrange endcmap",
        );
        let found: Vec<_> = [1, 2, 0x10, 0x12, 0x21, 0x13]
            .iter()
            .map(|code| cmap.text(*code))
            .map(|text| text.map(Cow::into_owned))
            .collect();
        let expect = [Some("A"), Some("fi"), Some("a"), Some("c"), Some("😀"), None];
        assert_eq!(found, expect.map(|text| text.map(str::to_owned)));
        assert_eq!(cmap.code_length(b"\0\x01rest"), Some(2));
    }

    #[test]
    fn a_hostile_map_stays_small() {
        let cmap =
            Cmap::parse(b"beginbfrange <00000000> <FFFFFFFF> [<0041>] <00> <FFFFFFFF> <0041> endbfrange <");
        assert_eq!(cmap.text(0).as_deref(), Some("A"));
        assert!(cmap.text.len() < 10);
    }
}
