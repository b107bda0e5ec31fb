//! The targets: each takes any bytes, and says whether they made sense.

use std::ops::ControlFlow;

use tidegate_formats::{Kind, Limits, Listener, Part};
use tidegate_text::ParseOptions;

use crate::document;

/// A target, what its inputs are called, and which files it begins with.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Extensions of files to begin with; the first is that of inputs.
    pub extensions: &'static [&'static str],
}

const fn target(name: &'static str, extensions: &'static [&'static str]) -> Target {
    Target { name, extensions }
}

/// All of them.
pub const ALL: &[Target] = &[
    target("pdf", &["pdf"]),
    target("docx", &["docx"]),
    target("pptx", &["pptx"]),
    target("xlsx", &["xlsx"]),
    target("odf", &["odt", "odp", "ods"]),
    target("epub", &["epub"]),
    target("mail", &["eml"]),
    target("rtf", &["rtf"]),
    target("zip", &["zip"]),
    target("tar", &["tar", "tgz", "zst"]),
    target("html", &["html", "htm"]),
    target("markdown", &["md"]),
    target("csv", &["csv", "tsv"]),
    target("json", &["json", "jsonl"]),
    target("text", &["txt", "rst", "rs", "py", "c"]),
    target("frames", &["frames"]),
    target("lines", &["lines"]),
    target("table", &["table"]),
    target("parquet", &["parquet"]),
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// Feeds a target. Whether the bytes made sense to it.
///
/// # Panics
/// If the bytes show a mistake, or there is no such target.
#[must_use]
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let target = find(name).expect("the name of a target");
    match name {
        "frames" => frames(bytes),
        "lines" => tidegate_connect::fuzz_lines(bytes) > 0,
        "table" => tidegate_connect::fuzz_table(bytes) > 0,
        "parquet" => parquet(bytes),
        "html" | "markdown" | "csv" | "json" | "text" => text(target, bytes),
        _ => file(target, bytes),
    }
}

fn frames(bytes: &[u8]) -> bool {
    let whole = tidegate_sandbox::fuzz_answers(bytes, 64 << 10);
    let pieces = tidegate_sandbox::fuzz_answers(bytes, 7);
    assert_eq!(whole, pieces, "how frames arrive makes a difference");
    tidegate_sandbox::fuzz_job(bytes.get(5..).unwrap_or_default()) || whole > 0
}

/// Reads a file of columns. Such a file is read from its end, so it must be one.
fn parquet(bytes: &[u8]) -> bool {
    let path = std::env::temp_dir().join(format!("tidegate-fuzz-{}.parquet", std::process::id()));
    std::fs::write(&path, bytes).expect("a temporary file can be written");
    let read = tidegate_table::read_table(&path);
    let _ = std::fs::remove_file(&path);
    let Ok(rows) = read else { return false };
    for row in &rows {
        assert!(row.starts_with('{') && !row.contains('\n'), "a row is no object on one line: {row}");
        assert!(serde_json::from_str::<&serde_json::value::RawValue>(row).is_ok(), "a row is no JSON: {row}");
    }
    !rows.is_empty()
}

fn text(target: &Target, bytes: &[u8]) -> bool {
    // The first byte chooses among extensions, so that a fuzzer can.
    let at = usize::from(bytes.first().copied().unwrap_or(0)) % target.extensions.len();
    let name = format!("a.{}", target.extensions[at]);
    let mut good = false;
    for keep_boilerplate in [false, true] {
        let options = ParseOptions { keep_boilerplate, max_bytes: 16 << 20, ..ParseOptions::default() };
        if let Ok(document) = tidegate_text::parse(&name, bytes, &options) {
            document::check(&document);
            document::chunk(&document);
            good = true;
        }
        if target.name != "html" {
            break;
        }
    }
    good
}

/// Limits that keep an input that is a bomb by accident from taking long: what they do is tested elsewhere.
fn limits() -> Limits {
    Limits { max_unpacked_bytes: 64 << 20, max_output_bytes: 16 << 20, ..Limits::default() }
}

fn file(target: &Target, bytes: &[u8]) -> bool {
    struct Checks(u64);
    impl Listener for Checks {
        fn doing(&mut self, _what: &str) {}
        fn part(&mut self, part: Part) -> ControlFlow<()> {
            if let Ok(document) = &part.result {
                document::check(document);
                self.0 += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut checks = Checks(0);
    let name = format!("a.{}", target.extensions[0]);
    let result = tidegate_formats::parse(&name, bytes, &limits(), &mut checks);
    let may_hold_nothing_good =
        target.name == "mail" || tidegate_formats::recognise(&name, bytes).is_some_and(is_archive);
    assert!(result.is_err() || checks.0 > 0 || may_hold_nothing_good, "a success with nothing read");
    checks.0 > 0
}

/// What holds documents may hold nothing but bad ones; and a package without its first part is an archive.
fn is_archive(kind: Kind) -> bool {
    matches!(kind, Kind::Zip | Kind::Tar | Kind::Gzip | Kind::Zstd)
}
