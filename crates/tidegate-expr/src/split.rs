//! Where the fields of a line begin and end, for lines as nearly all are.
//!
//! Of a record most bytes are text that nobody looks at. A library that reads JSON goes through it a few bytes at a
//! time; here it is passed over as fast as quotes and backslashes can be looked for. Whatever is not plain sailing is
//! left to the library, which also says what is wrong with a line: nothing is accepted here that it would refuse.

use memchr::memchr2;
use serde_json::value::RawValue;

/// A name and a value as they stand in the line; the name needs no unescaping, and is without its quotes.
pub(crate) type Pair<'a> = (&'a str, &'a str);

/// Calls `each` with the fields of an object; `None` if the library must look at it, after some or no calls.
pub(crate) fn split<'a>(object: &'a str, mut each: impl FnMut(Pair<'a>)) -> Option<()> {
    // Characters below the space may not stand in strings. Elsewhere they are rare enough not to be told apart.
    if object.bytes().fold(u8::MAX, u8::min) < b' ' {
        return None;
    }
    let mut scan = Scan { text: object, at: 0 };
    scan.pass(b'{')?;
    if scan.peek()? == b'}' {
        return scan.last();
    }
    loop {
        let name = scan.name()?;
        scan.pass(b':')?;
        each((name, scan.value()?));
        match scan.peek()? {
            b',' => scan.at += 1,
            b'}' => return scan.last(),
            _ => return None,
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// What comes next that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().position(|byte| *byte != b' ')?;
        self.text.as_bytes().get(self.at).copied()
    }

    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The bracket at hand ends the line.
    fn last(&self) -> Option<()> {
        (self.at + 1 == self.text.len()).then_some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        self.pass(b'"')?;
        let start = self.at;
        let length = memchr2(b'"', b'\\', self.text.as_bytes().get(start..)?)?;
        self.at = start + length;
        self.pass(b'"')?;
        self.text.get(start..start + length)
    }

    fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let start = self.at;
        if first == b'"' {
            self.at = end_of_string(self.text.as_bytes(), start + 1)?;
            return self.text.get(start..self.at);
        }
        let rest = self.text.get(start..)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value.get())
    }
}

/// How long an escape is, by its second character; 0 if there is none such. A table, because in text which of them
/// comes next cannot be foretold, and a jump by a wrong guess costs more than all else that is done about it.
const ESCAPES: [u8; 256] = {
    let mut lengths = [0; 256];
    let short = b"\"\\/bfnrt";
    let mut at = 0;
    while at < short.len() {
        lengths[short[at] as usize] = 2;
        at += 1;
    }
    lengths[b'u' as usize] = 6;
    lengths
};

/// Behind the quote that ends the string whose contents begin at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        match ESCAPES[usize::from(*bytes.get(at + 1)?)] {
            2 => at += 2,
            6 if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ours(line: &str) -> Option<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        split(line, |(name, value)| pairs.push((name.to_owned(), value.to_owned())))?;
        Some(pairs)
    }

    /// The library's fields of the same line.
    fn theirs(line: &str) -> Option<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        let each = |name: std::borrow::Cow<'_, str>, value: &RawValue| {
            pairs.push((name.into_owned(), value.get().to_owned()));
        };
        tidegate_core::each_field(line, each).ok()?;
        Some(pairs)
    }

    #[test]
    fn plain_lines_need_no_library() {
        for line in [
            "{}",
            "{ }",
            r#"{"a":1}"#,
            r#"{ "a" : "b\n\"c\" \u00e4" , "d":[1,{"e":"]"}] ,"f":null,"ü":-1.5e3,"":""}"#,
        ] {
            assert!(ours(line).is_some(), "{line}");
            assert_eq!(ours(line), theirs(line), "{line}");
        }
    }

    #[test]
    fn nothing_is_accepted_that_the_library_refuses() {
        for line in [
            "",
            " ",
            "{",
            "}",
            "{}}",
            "{} {}",
            "[1]",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 2}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":tru}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":"\"}"#,
            r#"{"a":"b}"#,
            r#"{"a":"\u12"}"#,
            r#"{a:1}"#,
            "{\"a\":\"\t\"}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":[}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a\ud800":1}"#,
            "{\"a\":1}\u{a0}",
        ] {
            assert_eq!(ours(line), None, "{line}");
            assert_eq!(theirs(line), None, "{line}");
        }
    }

    #[test]
    fn nesting_takes_no_stack() {
        let line = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(ours(&line).unwrap().len(), 1);
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            any::<f64>().prop_map(|n| serde_json::to_string(&n).unwrap()),
            any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
            prop::sample::select(vec!["null", "true", "-0", "1e5", r#""\ud83d\ude00\/""#, r#""\ud800""#])
                .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(" ,"))),
                prop::collection::vec(inner, 0..4).prop_map(|v| {
                    let pairs: Vec<String> =
                        v.iter().enumerate().map(|(n, v)| format!("\"k{n}\": {v}")).collect();
                    format!("{{{}}}", pairs.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_split_here_is_split_as_the_library_does(
            pairs in prop::collection::vec((any::<String>(), json()), 0..5),
            gap in "[ ]{0,2}",
            cut in any::<prop::sample::Index>(),
            put in prop::sample::select(b" \"\\{}[],:0u\x01".to_vec()),
        ) {
            let pairs: Vec<String> =
                pairs.iter().map(|(k, v)| format!("{gap}{}{gap}:{gap}{v}{gap}", serde_json::to_string(k).unwrap())).collect();
            let line = format!("{{{}}}", pairs.join(","));
            if let Some(found) = ours(&line) {
                prop_assert_eq!(Some(found), theirs(&line));
            }
            // One byte is put in the place of another: nearly a line.
            let mut bytes = line.into_bytes();
            let at = cut.index(bytes.len());
            bytes[at] = put;
            if let Ok(line) = String::from_utf8(bytes)
                && let Some(found) = ours(&line)
            {
                prop_assert_eq!(Some(found), theirs(&line), "{}", line);
            }
        }
    }
}
