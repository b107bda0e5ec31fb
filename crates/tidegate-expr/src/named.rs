//! The filters and tests that a template names, so that a mistyped one is found before anything is filled in: the
//! template language itself looks for them only when it comes to them.

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Behind a `|`, or of a `{% filter %}`.
    Filter,
    /// Behind `is`.
    Test,
}

/// A name, what it is to be, and the line it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) sort: Sort,
    pub(crate) name: &'a str,
    pub(crate) line: usize,
}

/// The filters and tests in `source`, in their order. What does not read as a template has none that matter.
pub(crate) fn named(source: &str) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = source[at..].find('{').map(|open| at + open) {
        let inner = open + 2;
        at = match source.as_bytes().get(open + 1) {
            Some(b'#') => past(source, inner, "#}"),
            Some(b'{') => tag(source, inner, "}}", &mut found),
            Some(b'%') => {
                let end = tag(source, inner, "%}", &mut found);
                let word = source[inner..end].trim_start_matches(['-', '+']).trim_start();
                if is_word(word, "raw") { raw(source, end) } else { end }
            }
            _ => open + 1,
        };
    }
    found
}

/// Behind the `{% endraw %}` that follows `from`.
fn raw(source: &str, mut from: usize) -> usize {
    while let Some(open) = source[from..].find("{%").map(|open| from + open) {
        from = open + 2;
        let word = source[from..].trim_start_matches(['-', '+']).trim_start();
        if is_word(word, "endraw") {
            return past(source, from, "%}");
        }
    }
    source.len()
}

fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(in_name))
}

fn past(source: &str, from: usize, end: &str) -> usize {
    source[from..].find(end).map_or(source.len(), |at| from + at + end.len())
}

fn in_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Reads a tag from behind its opening up to behind its `end`.
fn tag<'a>(source: &'a str, from: usize, end: &str, found: &mut Vec<Named<'a>>) -> usize {
    let mut at = from;
    // What the next name is, if it is one of ours.
    let mut next = None;
    let mut first = true;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        if rest.starts_with(end) {
            return at + end.len();
        }
        if c == '"' || c == '\'' {
            at = text(source, at, c);
            next = None;
        } else if in_name(c) {
            let length = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            next = match (next, word) {
                (Some(Sort::Test), "not") => next,
                (Some(sort), name) => {
                    let line = source[..at].matches('\n').count() + 1;
                    found.push(Named { sort, name, line });
                    None
                }
                (None, "is") if !first && !before(source, at).ends_with('.') => Some(Sort::Test),
                (None, "filter") if first && end == "%}" => Some(Sort::Filter),
                (None, _) => None,
            };
            first = false;
            at += length;
        } else {
            if c == '|' {
                next = Some(Sort::Filter);
            } else if !c.is_whitespace() {
                next = None;
            }
            at += c.len_utf8();
        }
    }
    source.len()
}

fn before(source: &str, at: usize) -> &str {
    source[..at].trim_end()
}

/// Behind the text in quotes that begins at `from`.
fn text(source: &str, from: usize, quote: char) -> usize {
    let mut chars = source[from..].char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return from + at + 1;
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_and_tests_are_found_where_they_are_named() {
        let names = |source| -> Vec<(Sort, &str, usize)> {
            named(source).into_iter().map(|named| (named.sort, named.name, named.line)).collect()
        };
        use Sort::{Filter, Test};
        for (source, found) in [
            (
                "{{ a | upper }}\n{{ b|join(\", | x \")|trim }}",
                vec![(Filter, "upper", 1), (Filter, "join", 2), (Filter, "trim", 2)],
            ),
            (
                "{% if a is defined and b is not odd %}x{% endif %}",
                vec![(Test, "defined", 1), (Test, "odd", 1)],
            ),
            ("{%- filter upper -%}x{% endfilter %}", vec![(Filter, "upper", 1)]),
            ("{% for x in y | sort %}{{ x }}{% endfor %}", vec![(Filter, "sort", 1)]),
            ("{# a | none #} a | none {{ '| none' }}{{ filter }}{{ a.is }} is odd", vec![]),
            ("{% raw %}{{ a | none }}{% endraw %}{{ a | some }}", vec![(Filter, "some", 1)]),
            ("{% rawest %}{{ a | some }}", vec![(Filter, "some", 1)]),
            ("{{ {'a': 1} | tojson }}", vec![(Filter, "tojson", 1)]),
        ] {
            assert_eq!(names(source), found, "{source}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_ends(source in "[{}%#|'\"\\\\ a-zé.\n]{0,60}") {
            for named in named(&source) {
                prop_assert!(source.contains(named.name));
            }
        }
    }
}
