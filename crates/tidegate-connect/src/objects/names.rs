//! Names of objects that the library knows no path for: with empty steps, `.`, `..`, control characters, a slash at an
//! end. It refuses a whole page of a listing for one of them; so they are written in another way before it reads the
//! page, and the listing puts them aside one by one.

use std::borrow::Cow;

use object_store::path::Path;

/// What such a name begins with once it is written so: a private character, which hardly any real name begins with; one
/// that does is written so too.
const MARK: char = '\u{F8FF}';

/// A page of a listing in XML with every name such that the library reads it. `tag` is the element of a name.
pub(super) fn readable<'a>(page: &'a str, tag: &str) -> Cow<'a, str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let (mut out, mut rest) = (String::new(), page);
    let mut changed = false;
    while let Some(start) = rest.find(&open).map(|at| at + open.len()) {
        let Some(end) = rest[start..].find(&close).map(|at| at + start) else { break };
        let name = unescaped(&rest[start..end]);
        out.push_str(&rest[..start]);
        if is_plain(&name) {
            out.push_str(&rest[start..end]);
        } else {
            changed = true;
            out.push_str(&marked(&name));
        }
        rest = &rest[end..];
    }
    if !changed {
        return Cow::Borrowed(page);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The name behind a path that was written in another way; `None` for a path that is its own name.
pub(super) fn original(path: &Path) -> Option<String> {
    let text = path.as_ref().strip_prefix(MARK)?;
    let digits = text.as_bytes().chunks_exact(2);
    let bytes = digits.map(|pair| {
        let digit = |byte: u8| (byte as char).to_digit(16);
        Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

fn is_plain(name: &str) -> bool {
    !name.starts_with(MARK) && Path::parse(name).is_ok_and(|path| path.as_ref() == name)
}

fn marked(name: &str) -> String {
    let digits = name.bytes().map(|byte| format!("{byte:02x}"));
    std::iter::once(MARK.to_string()).chain(digits).collect()
}

/// The text of an element, its references resolved; one that is none stands for itself.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end <= 10);
        match end.and_then(|end| Some((character(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_names_survive_the_library() {
        let page = "<Name>b</Name><Contents><Key>a/b.md</Key></Contents><Contents><Key>a//b &amp; c</Key></Contents>\
                    <Contents><Key>folder/</Key></Contents><Contents><Key>x&#x1;</Key></Contents>";
        let read = readable(page, "Key");
        let keys: Vec<&str> = read.split("<Key>").skip(1).filter_map(|part| part.split('<').next()).collect();
        assert_eq!(keys[0], "a/b.md");
        let names: Vec<_> = keys.iter().map(|key| original(&Path::parse(key).unwrap())).collect();
        assert_eq!(names, [None, Some("a//b & c".into()), Some("folder/".into()), Some("x\u{1}".into())]);
        assert!(matches!(readable("<Key>plain</Key>", "Key"), Cow::Borrowed(_)));
        assert!(matches!(readable("<Key>cut", "Key"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn whatever_a_name_is_the_library_reads_it_and_it_comes_back(name in "[/.a&<\u{1}\u{F8FF}é ]{1,12}") {
            let escaped = name.replace('&', "&amp;").replace('<', "&lt;");
            let page = format!("<Contents><Key>{escaped}</Key></Contents>");
            let read = readable(&page, "Key").into_owned();
            let inner = read.strip_prefix("<Contents><Key>").and_then(|rest| rest.strip_suffix("</Key></Contents>"));
            let path = Path::parse(unescaped(inner.unwrap()).as_ref()).unwrap();
            prop_assert_eq!(original(&path).unwrap_or(path.as_ref().to_owned()), name);
        }
    }
}
