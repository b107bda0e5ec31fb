//! What kind of document some bytes are: the content decides where it speaks clearly, the name otherwise.

use crate::magic;

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// Markdown (`CommonMark` with tables, footnotes and front matter).
    Markdown,
    /// HTML or XHTML.
    Html,
    /// Comma- or semicolon-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// Source code or configuration.
    Code(Lang),
    /// Something this crate does not parse, and what it looks like ("a PNG image").
    Unsupported(&'static str),
}

/// A programming or configuration language, by its usual name in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lang(pub &'static str);

impl Format {
    /// The short name kept as `format` in a document's metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Code(_) => "code",
            Self::Unsupported(_) => "unsupported",
        }
    }

    /// Whether a name of this kind is believed even when the content starts like an HTML page: templates and
    /// scripts often do.
    fn may_hold_html(self) -> bool {
        matches!(self, Self::Code(_) | Self::Html)
    }
}

/// Says what `bytes` are. `name` is a file name or URL path; only what follows its last slash matters.
///
/// ```
/// use tidegate_text::{Format, sniff};
/// assert_eq!(sniff("notes.txt", b"plain words"), Format::Text);
/// assert_eq!(sniff("notes.txt", b"<!doctype html><p>a page"), Format::Html);
/// assert_eq!(sniff("notes.txt", b"\x89PNG\r\n\x1a\n"), Format::Unsupported("a PNG image"));
/// ```
#[must_use]
pub fn sniff(name: &str, bytes: &[u8]) -> Format {
    if let Some(what) = magic::binary(bytes) {
        return Format::Unsupported(what);
    }
    let named = by_name(name);
    if !named.is_some_and(Format::may_hold_html) && starts_like_html(bytes) {
        return Format::Html;
    }
    match named.or_else(|| by_first_line(bytes)) {
        Some(format) => format,
        None if magic::looks_binary(bytes) => Format::Unsupported("binary data"),
        None => Format::Text,
    }
}

fn by_name(name: &str) -> Option<Format> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let lower = file.to_ascii_lowercase();
    if let Some(lang) = lang_of_file(&lower) {
        return Some(Format::Code(Lang(lang)));
    }
    let (stem, extension) = lower.rsplit_once('.')?;
    if stem.is_empty() {
        return None; // ".bashrc" has a name, not an extension
    }
    Some(match extension {
        "txt" | "text" | "log" | "rst" | "adoc" | "asciidoc" | "org" | "tex" | "srt" | "vtt" | "po" => {
            Format::Text
        }
        "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd" => Format::Markdown,
        "html" | "htm" | "xhtml" | "xht" => Format::Html,
        "csv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        "json" | "geojson" | "ipynb" | "webmanifest" => Format::Json,
        "jsonl" | "ndjson" | "jsonlines" => Format::JsonLines,
        other => Format::Code(Lang(lang_of_extension(other)?)),
    })
}

fn lang_of_file(name: &str) -> Option<&'static str> {
    Some(match name {
        "makefile" | "gnumakefile" => "make",
        "dockerfile" | "containerfile" => "dockerfile",
        "cmakelists.txt" => "cmake",
        "rakefile" | "gemfile" => "ruby",
        ".bashrc" | ".profile" | ".zshrc" | ".bash_profile" => "shell",
        _ => return None,
    })
}

fn lang_of_extension(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "rs" => "rust",
        "py" | "pyi" | "pyw" => "python",
        "js" | "mjs" | "cjs" | "jsx" => "javascript",
        "ts" | "tsx" | "mts" | "cts" => "typescript",
        "go" => "go",
        "c" | "h" => "c",
        "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "ino" => "cpp",
        "cs" => "csharp",
        "java" => "java",
        "kt" | "kts" => "kotlin",
        "scala" => "scala",
        "swift" => "swift",
        "rb" => "ruby",
        "php" => "php",
        "pl" | "pm" => "perl",
        "lua" => "lua",
        "r" => "r",
        "jl" => "julia",
        "hs" => "haskell",
        "ml" | "mli" => "ocaml",
        "ex" | "exs" => "elixir",
        "erl" | "hrl" => "erlang",
        "clj" | "cljs" | "edn" => "clojure",
        "el" | "lisp" | "scm" => "lisp",
        "zig" => "zig",
        "sh" | "bash" | "zsh" | "fish" | "ksh" => "shell",
        "ps1" => "powershell",
        "sql" => "sql",
        "toml" => "toml",
        "yaml" | "yml" => "yaml",
        "ini" | "cfg" | "conf" | "properties" | "env" => "ini",
        "json5" | "jsonc" => "json5",
        "xml" | "xsd" | "xsl" | "svg" | "rss" | "atom" | "plist" => "xml",
        "css" | "scss" | "less" => "css",
        "vue" | "svelte" => "vue",
        "proto" => "protobuf",
        "graphql" | "gql" => "graphql",
        "tf" | "hcl" => "hcl",
        "nix" => "nix",
        "cmake" => "cmake",
        "mk" => "make",
        "asm" | "s" => "assembly",
        "v" | "sv" | "vhd" | "vhdl" => "hdl",
        "diff" | "patch" => "diff",
        _ => return None,
    })
}

fn by_first_line(bytes: &[u8]) -> Option<Format> {
    let rest = bytes.strip_prefix(b"#!")?;
    let line = rest.split(|b| *b == b'\n').next().unwrap_or(rest);
    let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
    let known = [
        ("python", "python"),
        ("node", "javascript"),
        ("ruby", "ruby"),
        ("perl", "perl"),
        ("lua", "lua"),
        ("sh", "shell"),
    ];
    let lang = known.iter().find(|(program, _)| line.contains(program)).map_or("script", |(_, lang)| lang);
    Some(Format::Code(Lang(lang)))
}

/// Whether the first thing in `bytes`, after white space, comments and processing instructions, is the start of an
/// HTML page. A text that merely mentions tags is not one.
pub(crate) fn starts_like_html(bytes: &[u8]) -> bool {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    rest = &rest[..rest.len().min(4096)];
    loop {
        rest = rest.trim_ascii_start();
        let (open, close): (&[u8], &[u8]) = if rest.starts_with(b"<!--") {
            (b"<!--", b"-->")
        } else if rest.starts_with(b"<?") {
            (b"<?", b">")
        } else {
            break;
        };
        let Some(end) = memchr::memmem::find(&rest[open.len()..], close) else { return false };
        rest = &rest[open.len() + end + close.len()..];
    }
    let starts = |tag: &str| {
        rest.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag.as_bytes()))
            && rest.get(tag.len()).is_none_or(|b| matches!(b, b'>' | b'/') || b.is_ascii_whitespace())
    };
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| starts(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_where_the_content_is_silent() {
        let check = |name: &str, expect: Format| assert_eq!(sniff(name, b"words"), expect, "{name}");
        check("README", Format::Text);
        check("docs/a.MD", Format::Markdown);
        check("a.b/c", Format::Text);
        check("page.htm", Format::Html);
        check("t.tsv", Format::Tsv);
        check("rows.ndjson", Format::JsonLines);
        check("src/lib.rs", Format::Code(Lang("rust")));
        check("Makefile", Format::Code(Lang("make")));
        check("unknown.xyz", Format::Text);
        check("", Format::Text);
    }

    #[test]
    fn content_overrules_a_wrong_name() {
        let check =
            |name: &str, bytes: &[u8], expect: Format| assert_eq!(sniff(name, bytes), expect, "{name}");
        check("a.txt", b"\x89PNG\r\n\x1a\n\0\0", Format::Unsupported("a PNG image"));
        check("a.md", b"%PDF-1.7\n", Format::Unsupported("a PDF document"));
        check("a.json", b"\x1f\x8b\x08\0", Format::Unsupported("gzip data"));
        check("a.txt", b"\xef\xbb\xbf \n<!-- x --><!DOCTYPE HTML PUBLIC>", Format::Html);
        check("a", b"<?xml version='1.0'?>\n<html xmlns='x'>", Format::Html);
        check("a.txt", b"<header> files of C", Format::Text);
        check("a.php", b"<html><?php", Format::Code(Lang("php")));
        check("run", b"#!/usr/bin/env python3\n", Format::Code(Lang("python")));
        check("blob", b"\x01\x02\0\0\xfe\xff\x80\0", Format::Unsupported("binary data"));
    }
}
