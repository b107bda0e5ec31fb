//! Properties that hold for any input, and hostile input.

use proptest::prelude::*;
use tidegate_core::{BlockKind, Document, FaultKind, Tokenizer};
use tidegate_text::{
    ByteEstimate, ChunkOptions, ParseOptions, chunk, chunk_estimated, decode, embed_text, parse, sentences,
    sniff,
};

const NAMES: &[&str] = &["a.txt", "a.md", "a.html", "a.csv", "a.tsv", "a.json", "a.jsonl", "a.rs", "README"];

/// A token is a run of letters and digits, or any other character that is not white space; long words are one
/// unknown token, as in `WordPiece`, so that tokens inside words do not add up.
struct Words;

impl Tokenizer for Words {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        let mut word: Option<usize> = None;
        let end_word = |from: Option<usize>, to: usize, starts: &mut Vec<u32>| {
            let Some(from) = from else { return };
            let step = if to - from > 40 { to - from } else { 3 };
            starts.extend((from..to).step_by(step).map(|at| at as u32));
        };
        for (at, c) in text.char_indices() {
            if c.is_alphanumeric() {
                word.get_or_insert(at);
                continue;
            }
            end_word(word.take(), at, starts);
            if !c.is_whitespace() {
                starts.push(at as u32);
            }
        }
        end_word(word, text.len(), starts);
    }
}

fn check_document(doc: &Document) {
    let mut last = 0;
    for block in &doc.blocks {
        assert!(block.span.start >= last && block.span.end > block.span.start, "{:?}", doc.blocks);
        last = block.span.end;
        assert!(doc.text.get(block.span.clone()).is_some(), "not on character boundaries: {block:?}");
        if let BlockKind::Heading(level) = block.kind {
            assert!((1..=6).contains(&level));
        }
    }
    assert!(!doc.blocks.is_empty());
}

fn check_chunks(doc: &Document, options: &ChunkOptions) {
    let mut covered = vec![false; doc.text.len()];
    let mut last_end = 0;
    let budget = options.max_tokens.max(32);
    for (ordinal, plan) in chunk(doc, &Words, options).enumerate() {
        let span = plan.place.span.start as usize..plan.place.span.end as usize;
        assert_eq!(plan.place.ordinal as usize, ordinal);
        assert!(span.end > last_end && span.start < span.end, "no progress: {span:?} after {last_end}");
        last_end = span.end;
        assert!(doc.text.get(span.clone()).is_some());
        covered[span].fill(true);
        let counted = Words.count(&embed_text(doc, &plan.place));
        assert!(counted <= budget, "{counted} tokens");
        assert!(
            plan.tokens as usize >= counted && plan.tokens as usize <= budget,
            "{} for {counted}",
            plan.tokens
        );
    }
    for block in &doc.blocks {
        for (at, c) in doc.text[block.span.clone()].char_indices() {
            assert!(
                c.is_whitespace() || covered[block.span.start + at],
                "lost {c:?} at {}",
                block.span.start + at
            );
        }
    }
    assert!(chunk_estimated(doc, options).count() >= 1);
}

fn check_all(name: &str, bytes: &[u8], max_tokens: usize) {
    let _ = sniff(name, bytes);
    let _ = decode(bytes);
    for keep_boilerplate in [false, true] {
        let options = ParseOptions { keep_boilerplate, ..ParseOptions::default() };
        if let Ok(doc) = parse(name, bytes, &options) {
            check_document(&doc);
            check_chunks(
                &doc,
                &ChunkOptions { max_tokens, overlap_tokens: max_tokens / 8, min_tokens: max_tokens / 4 },
            );
        }
    }
}

/// Bits of every format, so that random sequences of them reach deep into the parsers.
const BITS: &[&str] = &[
    "# ",
    "## ",
    "\n\n",
    "\n",
    "- ",
    "1. ",
    "> ",
    "```\n",
    "    ",
    "| a | b |\n|---|---|\n",
    "---\n",
    "<div>",
    "</div>",
    "<p>",
    "<ul><li>",
    "</ul>",
    "<h2>",
    "</h2>",
    "<pre>",
    "</pre>",
    "<table><tr><td>",
    "<td>",
    "</table>",
    "<a href=x>",
    "</a>",
    "<nav>",
    "</nav>",
    "<main>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "<title>",
    "&amp;",
    "&#x",
    "&",
    "<",
    "\"",
    "'",
    ",",
    ";",
    "{",
    "}",
    "[",
    "]",
    ":",
    "\\u",
    "\\",
    "1",
    "null",
    "word",
    "Some words. ",
    "A sentence of text goes here. ",
    "日本語。",
    "é",
    "\u{a0}",
    "😀",
    "=====\n",
    "\t",
    "\r\n",
    "<svg>",
    "<dl><dt>",
    "<dd>",
    "<br>",
    "\u{feff}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

fn fragments() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(BITS), 0..120).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(name in proptest::sample::select(NAMES), bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_all(name, &bytes, 32);
    }

    #[test]
    fn any_text(name in proptest::sample::select(NAMES), text in "\\PC{0,300}", max_tokens in 1_usize..200) {
        check_all(name, text.as_bytes(), max_tokens);
    }

    #[test]
    fn any_fragments(name in proptest::sample::select(NAMES), text in fragments(), max_tokens in 1_usize..100) {
        check_all(name, text.as_bytes(), max_tokens);
    }

    #[test]
    fn sentences_cover_the_text(text in fragments()) {
        let mut last = 0;
        for span in sentences(&text) {
            prop_assert!(text[last..span.start].trim().is_empty() && !text[span.clone()].trim().is_empty());
            last = span.end;
        }
        prop_assert!(text[last..].trim().is_empty());
    }
}

#[test]
fn a_piece_of_repeated_text_and_blanks_is_no_chunk() {
    let text = "<div>- <ul><li>| a | b |\n|---|---|\n# # # <ul><li>- ---\n<table><tr><td>1. # # > Some words. &\n\n<ul>\
                <li><div><div><ul><li><div><div><div><div>---\n# # # ";
    check_all("a.txt", text.as_bytes(), 8);
}

fn kind(name: &str, bytes: &[u8]) -> Option<FaultKind> {
    match parse(name, bytes, &ParseOptions::default()) {
        Ok(doc) => {
            check_document(&doc);
            assert!(chunk(&doc, &Words, &ChunkOptions::default()).all(|plan| plan.tokens <= 256));
            assert!(chunk_estimated(&doc, &ChunkOptions::default()).all(|plan| plan.tokens <= 256));
            None
        }
        Err(fault) => Some(fault.kind()),
    }
}

#[test]
fn bad_documents_are_refused_for_the_right_reason() {
    use FaultKind::{Empty, Encoding, Malformed, TooDeep, Unsupported};
    let check =
        |name: &str, bytes: &[u8], expect: FaultKind| assert_eq!(kind(name, bytes), Some(expect), "{name}");
    for name in NAMES {
        check(name, b"", Empty);
        check(name, b"a\0b", if *name == "README" { Unsupported } else { Encoding });
        check(name, b"%PDF-1.7\n...", Unsupported);
    }
    for name in ["a.txt", "a.md", "a.html", "a.csv", "a.rs"] {
        check(name, b" \n\t \r\n", Empty);
    }
    check("a.html", b"<html><body><script>x</script></body></html>", Empty);
    check("a.json", b"{\"a\": ", Malformed);
    check("a.json", "[".repeat(10_000).as_bytes(), TooDeep);
    check("a.jsonl", "{\"a\":".repeat(10_000).as_bytes(), TooDeep);
    check("a.md", ">".repeat(10_000).as_bytes(), TooDeep);
    check("a.html", "<div>".repeat(200_000).as_bytes(), TooDeep);
    let tiny = ParseOptions { max_bytes: 3, ..ParseOptions::default() };
    assert_eq!(parse("a.txt", b"four", &tiny).unwrap_err().kind(), FaultKind::TooLarge);
}

#[test]
fn hostile_documents_end_quickly() {
    let floods: &[(&str, &str)] = &[
        ("a.html", "<"),
        ("a.html", "<a href=\""),
        ("a.html", "<!--"),
        ("a.html", "&"),
        ("a.html", "&#"),
        ("a.html", "&CounterClockwiseContourIntegra"),
        ("a.html", "<script>"),
        ("a.html", "</div>"),
        ("a.html", "<p title=x'>"),
        ("a.html", "<li>"),
        ("a.html", "<a href=x>"),
        ("a.html", "<table><tr><td></table>"),
        ("a.html", "<h1>x"),
        ("a.html", "<pre>\n</pre>"),
        ("a.md", "["),
        ("a.md", "![]("),
        ("a.md", "*a **"),
        ("a.md", "`"),
        ("a.md", "<"),
        ("a.md", "| "),
        ("a.md", "- x\n"),
        ("a.md", "# x\n"),
        ("a.md", "&amp;"),
        ("a.md", "<!--"),
        ("a.md", "> x\n\n"),
        ("a.md", "[^1]: x\n"),
        ("a.csv", "\""),
        ("a.csv", ","),
        ("a.csv", "\n"),
        ("a.json", "\""),
        ("a.json", "\\"),
        ("a.txt", "."),
        ("a.txt", "a"),
        ("a.txt", "a. "),
        ("a.txt", ")"),
        ("a.txt", "。"),
        ("a.txt", "x\n=\n"),
        ("a.rs", "\n\n"),
        ("a.rs", "}\n\n"),
        ("a.txt", " "),
    ];
    for (name, bit) in floods {
        let text = bit.repeat(100_000 / bit.len());
        let _ = kind(name, format!("x {text}").as_bytes());
        let _ = kind(name, text.as_bytes());
    }
}

#[test]
fn ten_megabytes_on_one_line() {
    let doc = parse("a.txt", &b"a".repeat(10 << 20), &ParseOptions::default()).unwrap();
    assert!(chunk(&doc, &ByteEstimate, &ChunkOptions::default()).all(|plan| plan.tokens <= 256));
    assert!(chunk_estimated(&doc, &ChunkOptions::default()).count() >= 10 << 10);
}

#[test]
fn tiny_things_take_no_more_memory_than_there_is() {
    let floods = [
        ("a.txt", "a\n\n"),
        ("a.md", "a\n\n"),
        ("a.md", "# a\n"),
        ("a.md", "*a* "),
        ("a.md", "|a|\n|-|\n"),
        ("a.md", "[a]: b\n\na\n\n"),
        ("a.html", "<p>a"),
        ("a.html", "a</p>"),
        ("a.html", "<h2>a"),
        ("a.csv", "a\n"),
        ("a.json", "1,"),
        ("a.json", "[1],"),
        ("a.rs", "fn\n\n"),
    ];
    for (name, bit) in floods {
        let text = bit.repeat(400_000 / bit.len());
        let text = if name == "a.json" { format!("[{text}1]") } else { text };
        let read = |max_memory: usize| {
            let options = ParseOptions { max_memory, max_depth: 1_000_000, ..ParseOptions::default() };
            parse(name, text.as_bytes(), &options).map_err(|fault| (fault.kind(), fault.to_string()))
        };
        let (kind, message) = read(1 << 20).unwrap_err();
        assert_eq!(kind, FaultKind::TooLarge, "{name} {bit:?}");
        assert!(message.contains("takes more than 1 MiB of memory to read"), "{message}");
        let document = read(256 << 20).unwrap();
        let options = ChunkOptions::default();
        assert!(chunk(&document, &Words, &options).all(|plan| plan.tokens <= 256), "{name} {bit:?}");
    }
}
