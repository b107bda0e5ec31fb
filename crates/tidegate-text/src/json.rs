//! JSON as searchable text: lines `path: value`, one block per top-level element or member.
//!
//! The scanner is our own and about as small as the glue to a general one would be: numbers stay as they are
//! written, nothing is built in memory but the text, and depth and position are known at every fault.

use tidegate_core::{BlockKind, Document, Fault, FaultKind};

use crate::page::{Page, Room};
use crate::parse::ParseOptions;

/// JSON deeper than this is refused whatever the options say: the scanner is recursive.
const MAX_DEPTH: usize = 128;
/// Longest key that enters a path, in bytes.
const MAX_KEY: usize = 128;

/// Parses one JSON value.
pub(crate) fn parse(text: &str, options: &ParseOptions, room: Room) -> Result<Document, Fault> {
    let mut page = Page::for_input(text, room);
    let mut scanner = Scanner::new(text, options, (page.limit, room));
    match scanner.peek() {
        Some(b'[') => scanner.array(|scanner, _| scanner.block(&mut page, None))?,
        Some(b'{') => scanner.object(|scanner, key| scanner.block(&mut page, Some(key)))?,
        _ => scanner.block(&mut page, None)?,
    }
    scanner.finish()?;
    Ok(page.into_document())
}

/// Parses one JSON value a line; each is a row.
pub(crate) fn parse_lines(text: &str, options: &ParseOptions, room: Room) -> Result<Document, Fault> {
    let mut page = Page::for_input(text, room);
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let end = offset + line.len();
        if !line.trim().is_empty() {
            let mut scanner = Scanner::new(&text[..end], options, (page.limit, room));
            scanner.at = offset;
            scanner.block(&mut page, None)?;
            scanner.finish()?;
        }
        offset = end;
    }
    Ok(page.into_document())
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
    /// Most bytes of rendered text: paths are repeated on every line.
    limit: usize,
    room: Room,
}

/// Where the rendering of one block stands.
struct Line<'o> {
    out: &'o mut String,
    path: String,
    /// The path of the open line is the current one, so that further scalars of an array join it.
    open: bool,
    /// Where the block starts in `out`.
    start: usize,
}

impl Line<'_> {
    fn scalar(&mut self, write: impl FnOnce(&mut String)) {
        if self.open {
            self.out.push_str(", ");
        } else {
            if self.out.len() > self.start {
                self.out.push('\n');
            }
            if !self.path.is_empty() {
                self.out.push_str(&self.path);
                self.out.push_str(": ");
            }
        }
        write(self.out);
    }

    fn enter(&mut self, segment: &str) -> usize {
        let length = self.path.len();
        if length > 0 && !segment.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(segment);
        self.open = false;
        length
    }

    fn leave(&mut self, length: usize) {
        self.path.truncate(length);
        self.open = false;
    }
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, options: &ParseOptions, (limit, room): (usize, Room)) -> Self {
        Self { text, at: 0, depth: 0, max_depth: options.max_depth.min(MAX_DEPTH), limit, room }
    }

    fn block(&mut self, page: &mut Page, key: Option<&str>) -> Result<(), Fault> {
        page.block(BlockKind::Row, "\n\n", |out| {
            let start = out.len();
            let mut line = Line { out, path: String::new(), open: false, start };
            if let Some(key) = key {
                line.enter(cut(key));
            }
            self.value(&mut line)
        })
    }

    fn value(&mut self, line: &mut Line<'_>) -> Result<(), Fault> {
        if line.out.len() > self.limit {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!("unfolds to more than {} bytes", self.limit),
            ));
        }
        self.room.check(line.out.len(), 0)?;
        match self.peek() {
            Some(b'{') => self.object(|scanner, key| {
                let length = line.enter(cut(key));
                let result = scanner.value(line);
                line.leave(length);
                result
            }),
            Some(b'[') => self.array(|scanner, index| scanner.element(line, index)),
            Some(b'"') => {
                let text = self.string()?;
                if !text.trim().is_empty() {
                    line.scalar(|out| out.push_str(&text));
                }
                Ok(())
            }
            _ => {
                let word = self.word()?;
                if word != "null" {
                    line.scalar(|out| out.push_str(word));
                }
                Ok(())
            }
        }
    }

    /// Scalars of an array share one line; containers get lines of their own under `path[index]`.
    fn element(&mut self, line: &mut Line<'_>, index: usize) -> Result<(), Fault> {
        if matches!(self.peek(), Some(b'{' | b'[')) {
            let length = line.enter(&format!("[{index}]"));
            let result = self.value(line);
            line.leave(length);
            return result;
        }
        let before = line.out.len();
        self.value(line)?;
        line.open |= line.out.len() > before;
        Ok(())
    }

    fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<(), Fault>) -> Result<(), Fault> {
        self.container(b'}', |scanner, _| {
            if scanner.peek() != Some(b'"') {
                return Err(scanner.malformed("expected a key in quotes"));
            }
            let key = scanner.string()?;
            scanner.expect(b':')?;
            member(scanner, &key)
        })
    }

    fn array(&mut self, element: impl FnMut(&mut Self, usize) -> Result<(), Fault>) -> Result<(), Fault> {
        self.container(b']', element)
    }

    fn container(
        &mut self,
        close: u8,
        mut entry: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.max_depth {
            let message = format!("nested more than {} levels deep on {}", self.max_depth, self.position());
            return Err(Fault::new(FaultKind::TooDeep, message));
        }
        self.at += 1;
        let mut index = 0;
        while index > 0 || self.peek() != Some(close) {
            entry(self, index)?;
            index += 1;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => break,
                Some(_) => return Err(self.malformed("expected a comma or the end of the list")),
                None => return Err(self.malformed("the file ends inside a value")),
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    /// A number, `true`, `false` or `null`, as written.
    fn word(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
        let word = &rest[..end.unwrap_or(rest.len())];
        if !matches!(word, "true" | "false" | "null") && !is_number(word) {
            let message =
                if rest.is_empty() { "the file ends where a value should be" } else { "expected a value" };
            return Err(self.malformed(message));
        }
        self.at += word.len();
        Ok(word)
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(length) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)) else {
                self.at = start;
                return Err(self.malformed("a string without end"));
            };
            out.push_str(&self.text[self.at..self.at + length]);
            self.at += length;
            match rest[length] {
                b'"' => break,
                b'\\' => out.push(self.escape()?),
                _ => return Err(self.malformed("a control character in a string")),
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let byte = self.text.as_bytes().get(self.at + 1).copied();
        let simple = match byte {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r' | b'b' | b'f') => ' ',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.malformed("an unknown escape in a string")),
        };
        self.at += 2;
        Ok(simple)
    }

    /// Joins surrogate pairs; a surrogate alone and NUL become U+FFFD, as neither may stand in a text.
    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let high = self.hex(self.at + 2).ok_or_else(|| self.malformed("expected four hexadecimal digits"))?;
        self.at += 6;
        if (0xd800..0xdc00).contains(&high)
            && self.text[self.at..].starts_with("\\u")
            && let Some(low @ 0xdc00..0xe000) = self.hex(self.at + 2)
        {
            self.at += 6;
            let joined = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(joined).unwrap_or('\u{fffd}'));
        }
        Ok(char::from_u32(high).filter(|c| *c != '\0').unwrap_or('\u{fffd}'))
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.malformed(&format!("expected '{}'", char::from(byte))));
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn finish(&mut self) -> Result<(), Fault> {
        if self.peek().is_some() {
            Err(self.malformed("something follows the end of the value"))
        } else {
            Ok(())
        }
    }

    fn malformed(&self, message: &str) -> Fault {
        Fault::new(FaultKind::Malformed, format!("{message} on {}", self.position()))
    }

    fn position(&self) -> String {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        format!("line {line}, column {column}")
    }
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word).as_bytes();
    let starts = match digits {
        [b'0', rest @ ..] => !rest.first().is_some_and(u8::is_ascii_digit),
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    // What remains of JSON's grammar (fraction, exponent) is a subset of what the standard parser takes.
    starts && !word.ends_with('.') && word.parse::<f64>().is_ok()
}

fn cut(key: &str) -> &str {
    &key[..key.floor_char_boundary(MAX_KEY)]
}

#[cfg(test)]
mod tests;
