//! Cuts HTML into text, start tags and end tags, as browsers do where it matters for text.

use memchr::{memchr, memchr_iter, memchr3, memmem};

use super::tag::Tag;

/// One piece of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Text with its entities undecoded.
    Text(&'a str),
    /// A start tag and its attributes as written.
    Open(Tag, &'a str),
    /// An end tag.
    Close(Tag),
    /// The content of an element that holds no markup, such as a title or a script.
    Raw(Tag, &'a str),
}

/// Reads tokens from front to back, each byte about once.
pub(crate) struct Scanner<'a> {
    page: &'a str,
    at: usize,
    /// The element whose raw content comes next: its tag and its name as written.
    raw: Option<(Tag, &'a str)>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(page: &'a str) -> Self {
        Self { page, at: 0, raw: None }
    }

    /// Skips everything up to the end of a `<!…>` or `<?…>`.
    fn skip_declaration(&mut self, rest: &str) {
        let length = match rest.strip_prefix("<!--") {
            // `<!-->` and `<!--->` are whole comments.
            Some(inner) if inner.starts_with('>') => 5,
            Some(inner) if inner.starts_with("->") => 6,
            Some(inner) => memmem::find(inner.as_bytes(), b"-->").map_or(rest.len(), |end| end + 7),
            None => memchr(b'>', rest.as_bytes()).map_or(rest.len(), |end| end + 1),
        };
        self.at += length;
    }

    /// Reads a tag whose name starts at `name_at` within `rest`; nothing if the file ends inside it.
    fn tag(&mut self, rest: &'a str, name_at: usize) -> Option<(&'a str, &'a str)> {
        let bytes = rest.as_bytes();
        let name_end = bytes[name_at..]
            .iter()
            .position(|b| matches!(b, b'>' | b'/' | b' ' | b'\n' | b'\t' | b'\r' | 0x0c))
            .map_or(bytes.len(), |length| name_at + length);
        let Some(end) = tag_end(bytes, name_end) else {
            self.at = self.page.len();
            return None;
        };
        self.at += end + 1;
        Some((&rest[name_at..name_end], &rest[name_end..end]))
    }

    /// The content of a raw element: up to its end tag, or to the end of the file.
    fn raw_content(&mut self, name: &str) -> &'a str {
        let rest = &self.page[self.at..];
        let is_end = |at: &usize| {
            let tail = &rest.as_bytes()[at + 1..];
            tail.first() == Some(&b'/')
                && tail.get(1..=name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
                && tail
                    .get(name.len() + 1)
                    .is_none_or(|b| matches!(b, b'>' | b'/') || b.is_ascii_whitespace())
        };
        let end = memchr_iter(b'<', rest.as_bytes()).find(is_end).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

/// Where the `>` of a tag is. A quote counts as one only after `=`.
fn tag_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr3(b'>', b'"', b'\'', &bytes[at..])?;
        if bytes[at] == b'>' {
            return Some(at);
        }
        let before = bytes[from..at].trim_ascii_end();
        at += 1;
        if before.last() == Some(&b'=') {
            at += memchr(bytes[at - 1], &bytes[at..])? + 1;
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some((tag, name)) = self.raw.take() {
            return Some(Token::Raw(tag, self.raw_content(name)));
        }
        loop {
            let rest = &self.page[self.at..];
            let bytes = rest.as_bytes();
            if bytes.first()? != &b'<' {
                let end = memchr(b'<', bytes).unwrap_or(bytes.len());
                self.at += end;
                return Some(Token::Text(&rest[..end]));
            }
            match bytes.get(1) {
                Some(b'!' | b'?') => self.skip_declaration(rest),
                Some(b'/') if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => {
                    let (name, _) = self.tag(rest, 2)?;
                    return Some(Token::Close(Tag::of(name)));
                }
                Some(b'/') => self.skip_declaration(rest),
                Some(byte) if byte.is_ascii_alphabetic() => {
                    let (name, attributes) = self.tag(rest, 1)?;
                    let tag = Tag::of(name);
                    if matches!(tag, Tag::Raw | Tag::Title) && !attributes.ends_with('/') {
                        self.raw = Some((tag, name));
                    }
                    return Some(Token::Open(tag, attributes));
                }
                _ => {
                    // A lone "less than" is text.
                    self.at += 1;
                    return Some(Token::Text(&rest[..1]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page: &str, expect: &[Token<'_>]) {
        assert_eq!(Scanner::new(page).collect::<Vec<_>>(), expect, "{page}");
    }

    #[test]
    fn cuts_as_browsers_do() {
        use Token::{Close, Open, Raw, Text};
        check(
            "a<P x='1>2'>b</p >c",
            &[Text("a"), Open(Tag::P, " x='1>2'"), Text("b"), Close(Tag::P), Text("c")],
        );
        check("<p title=it's>x", &[Open(Tag::P, " title=it's"), Text("x")]);
        check(
            "1 < 2 <!-- <p> -->3<!doctype html><?x y?>4",
            &[Text("1 "), Text("<"), Text(" 2 "), Text("3"), Text("4")],
        );
        check(
            "<script>if (a</b) '</p>'</SCRIPT>x",
            &[Open(Tag::Raw, ""), Raw(Tag::Raw, "if (a</b) '</p>'"), Close(Tag::Raw), Text("x")],
        );
        check("</>a<!-->b<!--->c", &[Text("a"), Text("b"), Text("c")]);
    }

    #[test]
    fn ends_where_the_file_ends() {
        use Token::{Open, Raw, Text};
        check("a<p x=\"b>", &[Text("a")]);
        check("a<!-- b", &[Text("a")]);
        check("<title>t", &[Open(Tag::Title, ""), Raw(Tag::Title, "t")]);
        check("<", &[Text("<")]);
        check("a<p", &[Text("a")]);
    }
}
