//! Reads the part of jq that is compiled. What it does not know it leaves to the full language, mistakes included.

use super::{Call, Comparison, Quick};

/// Deepest nesting of parentheses that is compiled.
const DEEPEST: usize = 32;

/// The compiled form, if all of `source` belongs to this part.
pub(super) fn parse(source: &str) -> Option<Quick> {
    let mut reader = Reader { rest: source, depth: 0 };
    let quick = reader.pipe()?;
    reader.skip();
    reader.rest.is_empty().then_some(quick)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// `x | f | g`, which binds least.
    fn pipe(&mut self) -> Option<Quick> {
        let mut quick = self.otherwise()?;
        while self.symbol("|") {
            quick = Quick::Pipe(Box::new(quick), self.call()?);
        }
        Some(quick)
    }

    /// `x // y`, from the right.
    fn otherwise(&mut self) -> Option<Quick> {
        let left = self.or()?;
        if self.symbol("//") {
            let right = self.otherwise()?;
            return Some(Quick::Else(Box::new([left, right])));
        }
        Some(left)
    }

    fn or(&mut self) -> Option<Quick> {
        let mut quick = self.and()?;
        while self.word("or") {
            quick = Quick::Or(Box::new([quick, self.and()?]));
        }
        Some(quick)
    }

    fn and(&mut self) -> Option<Quick> {
        let mut quick = self.comparison()?;
        while self.word("and") {
            quick = Quick::And(Box::new([quick, self.comparison()?]));
        }
        Some(quick)
    }

    fn comparison(&mut self) -> Option<Quick> {
        let left = self.term()?;
        let signs = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        for (sign, comparison) in signs {
            if self.symbol(sign) {
                let right = self.term()?;
                return Some(Quick::Compare(comparison, Box::new([left, right])));
            }
        }
        Some(left)
    }

    fn term(&mut self) -> Option<Quick> {
        self.skip();
        match self.rest.as_bytes().first()? {
            b'.' => self.path(),
            b'"' => self.text().map(Quick::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b'(' => self.group(),
            _ if self.word("null") => Some(Quick::Null),
            _ if self.word("true") => Some(Quick::Bool(true)),
            _ if self.word("false") => Some(Quick::Bool(false)),
            _ => None,
        }
    }

    fn group(&mut self) -> Option<Quick> {
        self.depth += 1;
        if self.depth > DEEPEST || !self.symbol("(") {
            return None;
        }
        let quick = self.pipe()?;
        self.depth -= 1;
        self.symbol(")").then_some(quick)
    }

    /// `.name`, `."any name"`, and these one after another. Spaces within are left to the full language.
    fn path(&mut self) -> Option<Quick> {
        let mut path = Vec::new();
        while let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            if rest.starts_with('"') {
                path.push(self.text()?);
            } else {
                let name = self.name()?;
                path.push(name.to_owned());
            }
        }
        // `.a[0]`, `.a?` and the like belong to the full language.
        (!self.rest.starts_with(['[', '?', '"', ':'])).then_some(Quick::Path(path))
    }

    fn name(&mut self) -> Option<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        self.rest = rest;
        starts.then_some(name)
    }

    /// A string without anything to be filled in.
    fn text(&mut self) -> Option<String> {
        let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        let text = stream.next()?.ok()?;
        let (written, rest) = self.rest.split_at(stream.byte_offset());
        self.rest = rest;
        (!written.contains("\\(")).then_some(text)
    }

    fn number(&mut self) -> Option<Quick> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(length);
        // `1-.a` or `-.a` are no numbers.
        serde_json::from_str::<serde_json::Number>(number).ok()?;
        self.rest = rest;
        Some(Quick::Number(number.to_owned()))
    }

    fn call(&mut self) -> Option<Call> {
        if self.word("not") {
            return Some(Call::Not);
        }
        if self.word("length") {
            return Some(Call::Length);
        }
        let names = ["startswith", "endswith", "contains", "has"];
        let name = names.into_iter().find(|name| self.word(name))?;
        if !self.symbol("(") {
            return None;
        }
        self.skip();
        let argument = self.text()?;
        if !self.symbol(")") {
            return None;
        }
        Some(match name {
            "startswith" => Call::StartsWith(argument),
            "endswith" => Call::EndsWith(argument),
            "contains" => Call::Contains(argument),
            _ => Call::Has(argument),
        })
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes a sign, if it comes next and is not the beginning of a longer one.
    fn symbol(&mut self, symbol: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(symbol) else { return false };
        let longer = match symbol {
            "|" | "//" | "==" => rest.starts_with('='),
            "<" | ">" => rest.starts_with('='),
            _ => false,
        };
        if !longer {
            self.rest = rest;
        }
        !longer
    }

    /// Takes a word, if it comes next and is whole.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        if rest.starts_with(is_part) {
            return false;
        }
        self.rest = rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_binds_how() {
        let parsed = |source| format!("{:?}", parse(source));
        assert_eq!(parsed(".a == 1 and .b or .c"), parsed("((.a == 1) and .b) or .c"));
        assert_eq!(parsed(".a // .b // 1"), parsed(".a // (.b // 1)"));
        assert_eq!(parsed(".a == 1 | not"), parsed("(.a == 1) | not"));
        assert_eq!(parse(".a"), Some(Quick::Path(vec!["a".to_owned()])));
        assert_eq!(parse(r#" ."a b".c "#), Some(Quick::Path(vec!["a b".to_owned(), "c".to_owned()])));
    }

    #[test]
    fn the_rest_of_the_language_is_left_alone() {
        for source in [
            ".",
            "",
            ".a[0]",
            ".a?",
            ".a + 1",
            ".[]",
            "..",
            ".a |= 1",
            ".a = 1",
            "-.a",
            "1-.a",
            "\"\\(.a)\"",
            "map(.a)",
            ".a as $x | $x",
            ".a, .b",
            ".a //= 1",
            "nullx",
            ".a | test(\"x\")",
            ".a < ",
            "(.a",
            ".a)",
            "# .a",
            ".a # x",
            "@base64",
            ".a == .b == .c",
            ".a .b",
            "{a}",
            "01",
            "1.",
            ".1",
            "nan",
            ".a::b",
        ] {
            assert_eq!(parse(source), None, "{source}");
        }
        assert_eq!(parse(&format!("{}.a{}", "(".repeat(5_000), ")".repeat(5_000))), None);
    }
}
