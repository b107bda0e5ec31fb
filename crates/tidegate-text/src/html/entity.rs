//! Character references: `&amp;`, `&#233;`, `&#xE9;`, and the old ones that work without a semicolon.

/// Every name of the HTML standard, a line each, sorted by bytes: name (with its semicolon, if it needs one), tab,
/// text. Searched in place, so that it costs nothing until it is needed.
const TABLE: &str = include_str!("entities.tsv");

/// The longest name in the table.
const LONGEST: usize = 32;

/// Decodes the reference at the start of `text`, which begins with `&`. Returns its text and how many bytes it
/// takes, or nothing if this is just an ampersand.
pub(crate) fn decode(text: &str) -> Option<(Decoded, usize)> {
    let body = &text[1..];
    if let Some(number) = body.strip_prefix('#') {
        return numeric(number).map(|(c, length)| (Decoded::Char(c), length + 2));
    }
    let run = body.bytes().take(LONGEST).take_while(u8::is_ascii_alphanumeric).count();
    let name = &body[..run];
    if body.as_bytes().get(run) == Some(&b';') {
        let common = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "nbsp" => Some('\u{a0}'),
            _ => None,
        };
        let found = common.map(Decoded::Char).or_else(|| look_up(&body[..=run]).map(Decoded::Text));
        if let Some(found) = found {
            return Some((found, run + 2));
        }
    }
    // Names that work without a semicolon have 2 to 6 letters; the longest that fits is meant.
    (2..=run.min(6)).rev().find_map(|length| Some((Decoded::Text(look_up(&name[..length])?), length + 1)))
}

/// What a reference stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoded {
    Char(char),
    Text(&'static str),
}

impl Decoded {
    pub(crate) fn push_to(self, out: &mut String) {
        match self {
            Self::Char(c) => out.push(c),
            Self::Text("\\n") => out.push('\n'),
            Self::Text("\\t") => out.push('\t'),
            Self::Text(text) => out.push_str(text),
        }
    }
}

/// Appends `text` with its references decoded.
pub(crate) fn push_decoded(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match decode(rest) {
            Some((decoded, length)) => {
                decoded.push_to(out);
                length
            }
            None => {
                out.push('&');
                1
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
}

fn numeric(text: &str) -> Option<(char, usize)> {
    let (digits, radix, prefix) = match text.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16, 1),
        None => (text, 10, 0),
    };
    let count = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    if count == 0 {
        return None;
    }
    let code = u32::from_str_radix(&digits[..count], radix).unwrap_or(u32::MAX);
    let semicolon = usize::from(digits.as_bytes().get(count) == Some(&b';'));
    Some((character(code), prefix + count + semicolon))
}

/// The character for a code, as browsers see it: C1 controls are windows-1252, and what cannot stand in a text
/// becomes U+FFFD.
fn character(code: u32) -> char {
    if let Ok(byte @ 0x80..=0x9f) = u8::try_from(code) {
        let byte = [byte];
        let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte);
        return text.chars().next().unwrap_or('\u{fffd}');
    }
    char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r')).unwrap_or('\u{fffd}')
}

fn look_up(name: &str) -> Option<&'static str> {
    let table = TABLE.as_bytes();
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = memchr::memrchr(b'\n', &table[..middle]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &table[middle..]).map_or(table.len(), |at| middle + at);
        let (found, value) = TABLE[start..end].split_once('\t')?;
        match found.cmp(name) {
            std::cmp::Ordering::Equal => return Some(value),
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_browsers_decode() {
        let check = |text: &str, expect: &str| {
            let mut out = String::new();
            push_decoded(&mut out, text);
            assert_eq!(out, expect, "{text}");
        };
        check("a &lt; b &amp;amp; &eacute;&Eacute; &hellip;", "a < b &amp; éÉ …");
        check(
            "&#233; &#xE9; &#x1F600; &#150; &#0; &#xD800; &#99999999999;",
            "é é 😀 – \u{fffd} \u{fffd} \u{fffd}",
        );
        check("AT&T &copy 2020 &notit; &nosuch; & &; &#; &#x;", "AT&T © 2020 ¬it; &nosuch; & &; &#; &#x;");
        check("&CounterClockwiseContourIntegral;&zwnj;&AElig;", "∳\u{200c}Æ");
        check("&NewLine;&Tab;x", "\n\tx");
    }

    #[test]
    fn the_whole_table_can_be_found() {
        assert_eq!(TABLE.lines().count(), 2231);
        for line in TABLE.lines() {
            let (name, value) = line.split_once('\t').unwrap();
            assert_eq!(look_up(name), Some(value), "{name}");
        }
    }
}
