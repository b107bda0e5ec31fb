//! Attributes of a start tag, read only where they matter.

/// Iterates over `name` and raw `value` of a tag's attributes; an attribute without value has an empty one.
pub(crate) struct Attrs<'a> {
    rest: &'a str,
}

impl<'a> Attrs<'a> {
    pub(crate) fn new(attributes: &'a str) -> Self {
        Self { rest: attributes }
    }

    /// The value of the first attribute called `name`.
    pub(crate) fn get(attributes: &'a str, name: &str) -> Option<&'a str> {
        Self::new(attributes).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn split(&mut self, end: Option<usize>) -> &'a str {
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> &'a str {
        let after = self.rest.trim_ascii_start();
        let Some(after) = after.strip_prefix('=') else { return "" };
        self.rest = after.trim_ascii_start();
        for quote in ['"', '\''] {
            if let Some(inner) = self.rest.strip_prefix(quote) {
                self.rest = inner;
                let value = self.split(inner.find(quote));
                self.rest = self.rest.get(1..).unwrap_or("");
                return value;
            }
        }
        self.split(self.rest.find(|c: char| c.is_ascii_whitespace()))
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '='));
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/'));
        let name = self.split(end);
        Some((name, self.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_way_of_writing_them() {
        let check =
            |text: &str, expect: &[(&str, &str)]| assert_eq!(Attrs::new(text).collect::<Vec<_>>(), expect);
        check(
            r#" a="1 2" b='x' c=y d e = "z" /"#,
            &[("a", "1 2"), ("b", "x"), ("c", "y"), ("d", ""), ("e", "z")],
        );
        check(" = / a=\"open", &[("a", "open")]);
        check("", &[]);
        assert_eq!(Attrs::get(" ID=main", "id"), Some("main"));
    }
}
