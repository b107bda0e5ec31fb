//! From text to a filter.

use std::iter::Peekable;
use std::str::CharIndices;

use tidegate_core::{Fault, FaultKind};

use super::{Field, Filter, Op, Value};

/// Parentheses and negations within each other.
const DEPTH: usize = 32;
/// Comparisons in one filter.
const TERMS: usize = 256;
/// Bytes of one filter.
const BYTES: usize = 64 << 10;

/// What went wrong, and where.
struct Wrong {
    at: usize,
    what: String,
}

type Parsed<T> = Result<T, Wrong>;

struct Parser<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    terms: usize,
}

pub(super) fn parse(text: &str) -> Result<Filter, Fault> {
    let mut parser = Parser { text, chars: text.char_indices().peekable(), terms: 0 };
    let parsed = if text.len() > BYTES {
        Err(Wrong { at: 0, what: format!("a filter longer than {BYTES} bytes") })
    } else {
        parser.any(0).and_then(|filter| parser.end().map(|()| filter))
    };
    parsed.map_err(|wrong| {
        let column = text[..wrong.at].chars().count() + 1;
        Fault::new(FaultKind::Config, format!("{} at column {column}", wrong.what))
            .during(format!("reading the filter `{text}`"))
            .hint(r#"for example: path:docs/** and lang = "en" and year >= 2024"#)
    })
}

impl<'a> Parser<'a> {
    /// Alternatives.
    fn any(&mut self, depth: usize) -> Parsed<Filter> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    /// What must hold together.
    fn all(&mut self, depth: usize) -> Parsed<Filter> {
        let mut parts = vec![self.one(depth)?];
        while self.keyword("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Parsed<Filter> {
        if depth > DEPTH {
            return Err(self.wrong(format!("more than {DEPTH} levels")));
        }
        if self.keyword("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.symbol("(") {
            let inner = self.any(depth + 1)?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.wrong("expected `)`")) };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Filter> {
        self.terms += 1;
        if self.terms > TERMS {
            return Err(self.wrong(format!("more than {TERMS} comparisons")));
        }
        let name = self.name()?;
        if name == ["path"] && self.chars.next_if(|(_, c)| *c == ':').is_some() {
            return self.glob();
        }
        let field = match name.as_slice() {
            [one] if one == "path" => Field::Path,
            [one] if one == "title" => Field::Title,
            _ => Field::Meta(name),
        };
        if self.keyword("exists") {
            return Ok(Filter::Exists(field));
        }
        if self.keyword("in") {
            return Ok(Filter::In(field, self.list()?));
        }
        let ops = [
            ("==", Op::Eq),
            ("!=", Op::Ne),
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("=", Op::Eq),
            ("<", Op::Lt),
            (">", Op::Gt),
        ];
        for (symbol, op) in ops {
            if self.symbol(symbol) {
                return Ok(Filter::Compare(field, op, self.value()?));
            }
        }
        Err(self.wrong("expected =, !=, <, <=, >, >=, `in` or `exists`"))
    }

    fn glob(&mut self) -> Parsed<Filter> {
        let at = self.at();
        let pattern = match self.quoted()? {
            Some(pattern) => pattern,
            None => self.bare().to_owned(),
        };
        match super::sql::matcher(&pattern) {
            Ok(_) if !pattern.is_empty() => Ok(Filter::Path(pattern)),
            Ok(_) => Err(Wrong { at, what: "expected a path pattern".to_owned() }),
            Err(error) => Err(Wrong { at, what: format!("a path pattern that is none ({error})") }),
        }
    }

    fn list(&mut self) -> Parsed<Vec<Value>> {
        if !self.symbol("(") {
            return Err(self.wrong("expected `(`"));
        }
        let mut values = vec![self.value()?];
        while self.symbol(",") {
            if values.len() == TERMS {
                return Err(self.wrong(format!("more than {TERMS} values")));
            }
            values.push(self.value()?);
        }
        if self.symbol(")") { Ok(values) } else { Err(self.wrong("expected `,` or `)`")) }
    }

    fn value(&mut self) -> Parsed<Value> {
        self.space();
        if let Some(text) = self.quoted()? {
            return Ok(Value::Text(text));
        }
        let at = self.at();
        let bare = self.bare();
        match bare {
            "" => Err(Wrong { at, what: "expected a value".to_owned() }),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Ok(match bare.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Number(number, bare.to_owned()),
                _ => Value::Text(bare.to_owned()),
            }),
        }
    }

    /// A name, or several joined by dots.
    fn name(&mut self) -> Parsed<Vec<String>> {
        self.space();
        let start = self.at();
        while self.chars.next_if(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).is_some() {}
        let name = &self.text[start..self.at()];
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return Err(Wrong { at: start, what: "expected the name of a field".to_owned() });
        }
        Ok(name.split('.').map(str::to_owned).collect())
    }

    /// Text in double quotes, with `\"` and `\\`, if it begins here.
    fn quoted(&mut self) -> Parsed<Option<String>> {
        let at = self.at();
        if self.chars.next_if(|(_, c)| *c == '"').is_none() {
            return Ok(None);
        }
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some((_, '"')) => return Ok(Some(text)),
                Some((_, '\\')) => match self.chars.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((at, _)) => return Err(Wrong { at, what: r#"expected `"` or `\`"#.to_owned() }),
                    None => break,
                },
                Some((_, c)) => text.push(c),
                None => break,
            }
        }
        Err(Wrong { at, what: "a quote that is not closed".to_owned() })
    }

    /// What stands here up to white space, a comma or a parenthesis. Braces may hold commas.
    fn bare(&mut self) -> &'a str {
        let start = self.at();
        let mut braces = 0usize;
        while let Some((_, c)) = self.chars.next_if(|(_, c)| {
            !(c.is_whitespace() || matches!(c, '(' | ')' | '"') || *c == ',' && braces == 0)
        }) {
            braces = match c {
                '{' => braces + 1,
                '}' => braces.saturating_sub(1),
                _ => braces,
            };
        }
        &self.text[start..self.at()]
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.space();
        let rest = &self.text[self.at()..];
        let there = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let ends = rest.get(word.len()..).is_some_and(|rest| {
            !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
        });
        if there && ends {
            self.skip(word);
        }
        there && ends
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.space();
        let there = self.text[self.at()..].starts_with(symbol);
        if there {
            self.skip(symbol);
        }
        there
    }

    fn skip(&mut self, what: &str) {
        for _ in what.chars() {
            self.chars.next();
        }
    }

    fn space(&mut self) {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
    }

    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn wrong(&mut self, what: impl Into<String>) -> Wrong {
        self.space();
        Wrong { at: self.at(), what: what.into() }
    }

    fn end(&mut self) -> Parsed<()> {
        self.space();
        if self.chars.peek().is_none() { Ok(()) } else { Err(self.wrong("expected `and`, `or` or the end")) }
    }
}
