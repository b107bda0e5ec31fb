//! What a downloaded document is called, so that its format can be told: by its own name where it has one that says
//! something, else by what the server calls its kind.

use crate::guard::Url;

/// Kinds of content and the extensions they are known by.
const KINDS: [(&str, &str); 26] = [
    ("text/html", "html"),
    ("application/xhtml+xml", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
    ("text/x-markdown", "md"),
    ("text/csv", "csv"),
    ("text/tab-separated-values", "tsv"),
    ("text/xml", "xml"),
    ("application/xml", "xml"),
    ("application/json", "json"),
    ("application/x-ndjson", "jsonl"),
    ("application/jsonl", "jsonl"),
    ("application/pdf", "pdf"),
    ("application/rtf", "rtf"),
    ("text/rtf", "rtf"),
    ("application/epub+zip", "epub"),
    ("message/rfc822", "eml"),
    ("application/zip", "zip"),
    ("application/gzip", "gz"),
    ("application/x-tar", "tar"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
];

/// Extensions of programs that answer with something else.
const PROGRAMS: [&str; 9] = ["php", "asp", "aspx", "jsp", "jspx", "cgi", "do", "action", "cfm"];

/// No name is longer, in bytes.
const LONGEST: usize = 200;

/// A name with an extension. `content_type` and `disposition` are the headers of these names.
pub(super) fn file_name(url: &Url, content_type: Option<&str>, disposition: Option<&str>) -> String {
    if let Some(name) = disposition.and_then(offered).filter(|name| tells(name)) {
        return name;
    }
    let path = url.path_and_query().split('?').next().unwrap_or_default();
    with_kind(plain(&decoded(path.rsplit('/').next().unwrap_or_default())), content_type)
}

/// The last part of `path`, which is taken as it stands, with an extension.
pub(crate) fn kind_name(path: &str, content_type: Option<&str>) -> String {
    with_kind(plain(path.rsplit('/').next().unwrap_or_default()), content_type)
}

fn with_kind(own: String, content_type: Option<&str>) -> String {
    if tells(&own) {
        return own;
    }
    let kind =
        content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let known = kind.and_then(|kind| KINDS.iter().find(|(name, _)| *name == kind));
    match (known, own.as_str()) {
        (Some((_, extension)), "") => format!("index.{extension}"),
        (Some((_, extension)), own) => format!("{own}.{extension}"),
        (None, "") => "index".to_owned(),
        (None, _) => own,
    }
}

/// Whether the end of a name says what is in the file.
fn tells(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        let lower = extension.to_ascii_lowercase();
        let plain = (1..=8).contains(&lower.len()) && lower.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // "v1.2" has a number, not an extension.
        let number = lower.bytes().all(|byte| byte.is_ascii_digit());
        !stem.is_empty() && plain && !number && !PROGRAMS.contains(&lower.as_str())
    })
}

/// The name that `Content-Disposition` offers, without folders.
fn offered(disposition: &str) -> Option<String> {
    let parameter = |wanted: &str| {
        disposition.split(';').skip(1).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let extended = parameter("filename*").and_then(|value| {
        let mut parts = value.splitn(3, '\'');
        let (set, _, name) = (parts.next()?, parts.next()?, parts.next()?);
        set.eq_ignore_ascii_case("utf-8").then(|| decoded(name))
    });
    let name = extended.or_else(|| parameter("filename"))?;
    let bare = plain(name.rsplit(['/', '\\']).next().unwrap_or_default());
    (!bare.is_empty()).then_some(bare)
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match pair.and_then(|pair| Some(digit(&pair[0])? << 4 | digit(&pair[1])?)) {
            Some(byte) => {
                out.push(byte as u8);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A name that is no path, holds nothing that a terminal would obey, and is not too long.
fn plain(name: &str) -> String {
    let mut name: String = name.chars().filter(|c| !c.is_control() && !matches!(c, '/' | '\\')).collect();
    if name.len() > LONGEST {
        name.drain(..name.ceil_char_boundary(name.len() - LONGEST));
    }
    if name == "." || name == ".." { String::new() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Policy;

    #[test]
    fn a_name_tells_the_format() {
        for (path, kind, disposition, name) in [
            ("/a/report.pdf", Some("text/html"), None, "report.pdf"),
            ("/a/report", Some("application/pdf"), None, "report.pdf"),
            ("/", Some("text/html; charset=utf-8"), None, "index.html"),
            ("/", None, None, "index"),
            ("/show.php?id=1", Some("Text/HTML"), None, "show.php.html"),
            ("/v1.2", Some("text/markdown"), None, "v1.2.md"),
            ("/a%20b%2Fc.md", None, None, "a bc.md"),
            ("/get", None, Some("attachment; filename=\"x y.docx\""), "x y.docx"),
            ("/get", None, Some("attachment; filename=a.txt; filename*=UTF-8''%C3%BC.odt"), "ü.odt"),
            ("/get", None, Some("attachment; filename=\"../../etc/passwd.txt\""), "passwd.txt"),
            ("/get", None, Some("attachment; filename=\"C:\\\\x\\\\y.txt\""), "y.txt"),
            ("/get", Some("text/csv"), Some("inline"), "get.csv"),
            ("/a.pdf", None, Some("attachment; filename=\"noname\""), "a.pdf"),
            ("/x%1b%5b.txt", None, None, "x[.txt"),
            ("/x", Some("image/png"), None, "x"),
        ] {
            let url = Url::parse(&format!("http://example.org{path}"), Policy::default()).unwrap();
            assert_eq!(file_name(&url, kind, disposition), name, "{path} {kind:?} {disposition:?}");
        }
        let url =
            Url::parse(&format!("http://example.org/{}.txt", "ü".repeat(300)), Policy::default()).unwrap();
        let name = file_name(&url, None, None);
        assert!(name.len() <= LONGEST && name.ends_with(".txt"));
    }
}
