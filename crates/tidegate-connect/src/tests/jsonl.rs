use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tidegate_core::{Body, Coverage, FaultKind, Position, SourceItem};

use super::doubles::{block_on, list_all};
use crate::lines::{Lines, Next};
use crate::{Jsonl, RowFields, RowFormat, RowOptions, content_hash_of};

fn with_id() -> RowOptions {
    let fields = RowFields { id: Some("id".into()), ..RowFields::default() };
    RowOptions { format: RowFormat::Json(fields), ..RowOptions::default() }
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn read(paths: &[PathBuf], options: RowOptions) -> (Vec<SourceItem>, Option<Coverage>) {
    list_all(&mut Jsonl::open(paths, options).unwrap(), 7).await
}

/// What an item is, in a line: its row, then its text or its fault.
fn show(item: &SourceItem) -> String {
    let row = item.key.rsplit_once('#').unwrap().1;
    match (&item.fault, &item.body) {
        (Some(fault), _) => format!("{row} {}", fault.kind().name()),
        (None, Some(Body::Text(text))) => format!("{row}={text}"),
        other => panic!("{other:?}"),
    }
}

async fn shown(bytes: impl AsRef<[u8]>, options: RowOptions) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "in.jsonl", bytes);
    read(&[path], options).await.0.iter().map(show).collect()
}

#[tokio::test]
async fn rows_are_listed_with_their_content() {
    let dir = tempfile::tempdir().unwrap();
    let input = "\u{feff}{\"text\":\"a\\n\\\"é\\\"\",\"n\":[1,{\"x\":null}]}\r\n\n  \n{\"lang\":\"de\",\"text\":\"b\"}";
    let path = write(dir.path(), "in#1.jsonl", input);
    let (items, coverage) = read(std::slice::from_ref(&path), RowOptions::default()).await;
    assert_eq!(items.iter().map(show).collect::<Vec<_>>(), ["L1=a\n\"é\"", "L4=b"]);
    assert_eq!(serde_json::to_string(&*items[0].fields).unwrap(), r#"{"n":[1,{"x":null}]}"#);
    assert_eq!(items[1].content, Some(content_hash_of("b", &items[1].fields)));
    assert!(items.iter().all(|item| item.position.is_none() && !item.version.0.is_empty()));
    let prefix = coverage.unwrap().covered.pop().unwrap();
    assert!(prefix.ends_with("in%231.jsonl#") && items[0].key.starts_with(&prefix), "{prefix}");
}

#[tokio::test]
async fn rows_at_fault_are_listed_among_the_good() {
    let input = b"{\"text\":\"a\"}\n{\"text\":\n[1]\n{\"x\":1}\n{\"text\":5}\n{\"text\":\"\xff\"}\n{\"text\":\"b\"} x\n{\"text\":\"c\"}\n";
    let lines = shown(input, RowOptions::default()).await;
    let expected = [
        "L1=a",
        "L2 malformed",
        "L3 malformed",
        "L4 malformed",
        "L5 malformed",
        "L6 encoding",
        "L7 malformed",
        "L8=c",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_fault_says_where_and_shows_what() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "in.jsonl", "{\"text\":\"a\"}\n{\"text\":1}\n{\"text\" 1}\n");
    let (items, _) = read(&[path], RowOptions::default()).await;
    assert_eq!(
        items[1].fault.as_ref().unwrap().to_string(),
        "reading line 2 at byte 13: field \"text\" is a number, not text"
    );
    assert_eq!(
        items[2].fault.as_ref().unwrap().to_string(),
        "reading line 3 at byte 24: expected `:` at column 9"
    );
    assert!(matches!(&items[1].body, Some(Body::Bytes(bytes)) if bytes == "{\"text\":1}"));
    assert_eq!(items[2].fields["offset"], 24);
}

#[tokio::test]
async fn ids_name_rows() {
    let input = "{\"id\":\"x y\",\"text\":\"a\"}\n{\"id\":-7,\"text\":\"b\"}\n{\"text\":\"c\"}\n{\"id\":1.5,\"text\":\"d\"}\n{\"id\":\"\\u001b[1m%\",\"text\":\"e\"}\n";
    assert_eq!(
        shown(input, with_id()).await,
        ["x y=a", "-7=b", ":L3 malformed", ":L4 malformed", "%1B[1m%25=e"]
    );
}

#[tokio::test]
async fn depth_is_limited() {
    let deep = format!("{{\"text\":\"a\",\"x\":{}}}\n{{\"text\":\"b\"}}\n", "[".repeat(100_000));
    assert_eq!(shown(deep, RowOptions::default()).await, ["L1 malformed", "L2=b"]);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_shown_by_its_head() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(3 << 20);
    let path =
        write(dir.path(), "in.jsonl", format!("{{\"text\":\"a\"}}\n{long}\n{{\"text\":\"b\"}}\n{long}"));
    let options = RowOptions { max_line: 1 << 20, ..RowOptions::default() };
    let (items, _) = read(&[path], options).await;
    assert_eq!(items.iter().map(show).collect::<Vec<_>>(), ["L1=a", "L2 too_large", "L3=b", "L4 too_large"]);
    assert!(matches!(&items[1].body, Some(Body::Bytes(head)) if head.len() == 4096));
    assert_eq!((&items[1].fields["length"], &items[3].fields["line"]), (&(3 << 20).into(), &4.into()));
}

#[tokio::test]
async fn compression_is_recognised_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = ("{\"text\":\"a\"}\n{\"te", "xt\":\"b\"}\n");
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let frames = [first, second].map(|part| zstd::encode_all(part.as_bytes(), 1).unwrap()).concat();
    for bytes in [members, frames] {
        let path = write(dir.path(), "mislabelled.txt", bytes);
        let (items, _) = read(&[path], RowOptions::default()).await;
        assert_eq!(items.iter().map(show).collect::<Vec<_>>(), ["L1=a", "L2=b"]);
    }
}

#[tokio::test]
async fn a_truncated_archive_leaves_its_rest_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..5000).map(|n| format!("{{\"text\":\"row {}\"}}\n", n * 7919 % 5003)).collect();
    for bytes in [gzip(rows.as_bytes()), zstd::encode_all(rows.as_bytes(), 1).unwrap()] {
        let path = write(dir.path(), "in", &bytes[..bytes.len() - 30]);
        let good = write(dir.path(), "good", "{\"text\":\"z\"}\n");
        let (items, coverage) = read(&[path, good], RowOptions::default()).await;
        assert_eq!(show(items.last().unwrap()), "L1=z", "the next file is read");
        let broken = &items[items.len() - 2];
        assert_eq!(broken.fault.as_ref().unwrap().kind(), FaultKind::Malformed);
        let coverage = coverage.unwrap();
        assert_eq!((coverage.covered.len(), coverage.unknown.len()), (2, 1));
    }
}

#[tokio::test]
async fn a_bomb_is_read_in_constant_memory() {
    // One line of 256 MB, made as it is read.
    let mut lines = Lines::new(1 << 20);
    let mut reader = io::repeat(b'0').take(256 << 20).chain(&b"\nnext"[..]);
    let mut seen = Vec::new();
    loop {
        match lines.next() {
            Next::Line(line) => seen.push((line.bytes.len(), line.too_long, line.offset)),
            Next::More => lines.fill(&mut reader).unwrap(),
            Next::End => break,
        }
        assert!(lines.capacity() <= (1 << 20) + (512 << 10), "{}", lines.capacity());
    }
    assert_eq!(seen, [(4096, Some(256 << 20), 0), (4, None, (256 << 20) + 1)]);
}

#[test]
fn paths_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "in.jsonl", "");
    for path in [dir.path().join("in.json"), dir.path().to_path_buf()] {
        let fault = Jsonl::open(&[path], RowOptions::default()).err().unwrap();
        assert_eq!(fault.kind(), FaultKind::Config);
        assert!(fault.hint_text().is_some());
    }
}

fn stream() -> RowOptions {
    RowOptions { stream: true, ..RowOptions::default() }
}

async fn resume(paths: &[PathBuf], position: &Position) -> Result<Vec<String>, FaultKind> {
    let mut source = Jsonl::open(paths, stream()).unwrap();
    source.resume(position).map_err(|fault| fault.kind())?;
    let mut all = Vec::new();
    loop {
        use tidegate_core::{Listing, Source as _};
        match source.list(&super::doubles::cx(), 2).await.map_err(|fault| fault.kind())? {
            Listing::Items(items) => all.extend(items.iter().map(show)),
            Listing::Quiet => {}
            Listing::Covered(_) => panic!("not an endless source"),
            Listing::End(coverage) => {
                assert_eq!(coverage, None, "part of a listing speaks for no keys");
                return Ok(all);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..9).map(|n| format!("{{\"text\":\"{n}\"}}\n")).collect();
    let plain = write(dir.path(), "a", &rows);
    for first in [plain.clone(), write(dir.path(), "b", gzip(rows.as_bytes()))] {
        let paths = [first, write(dir.path(), "c", "{\"text\":\"last\"}")];
        let (items, coverage) = read(&paths, stream()).await;
        assert_eq!(coverage, None);
        let all: Vec<String> = items.iter().map(show).collect();
        for (at, item) in items.iter().enumerate() {
            assert_eq!(resume(&paths, item.position.as_ref().unwrap()).await.unwrap(), all[at + 1..]);
        }
    }
    // What is appended is read, whatever was marked before.
    let (items, _) = read(std::slice::from_ref(&plain), stream()).await;
    write(dir.path(), "a", format!("{rows}{{\"text\":\"9\"}}\n"));
    for item in &items {
        assert_eq!(
            resume(std::slice::from_ref(&plain), item.position.as_ref().unwrap())
                .await
                .unwrap()
                .pop()
                .unwrap(),
            "L10=9"
        );
    }
}

#[tokio::test]
async fn another_input_is_not_taken_for_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a", "{\"text\":\"1\"}\n{\"text\":\"2\"}");
    let (items, _) = read(std::slice::from_ref(&path), stream()).await;
    let last = items[1].position.as_ref().unwrap();
    let longer_last_line = "{\"text\":\"1\"}\n{\"text\":\"2\"}   \n{\"text\":\"3\"}\n";
    for other in ["{\"text\":\"1\"}\n", "{\"text\":\"X\"}\n{\"text\":\"2\"}\n", longer_last_line, ""] {
        write(dir.path(), "a", other);
        assert_eq!(resume(std::slice::from_ref(&path), last).await, Err(FaultKind::Guarded), "{other:?}");
    }
    for nonsense in ["", "{}", "{\"f\":9,\"o\":0,\"l\":0,\"n\":0,\"h\":\"\"}"] {
        let paths = std::slice::from_ref(&path);
        assert_eq!(resume(paths, &Position(nonsense.into())).await, Err(FaultKind::Guarded), "{nonsense:?}");
    }
}

/// Hands out as many bytes at a time as the plan says.
struct Chunked<'a> {
    bytes: &'a [u8],
    plan: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Chunked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = *self.plan.next().unwrap();
        self.bytes.read(&mut into[..size])
    }
}

proptest! {
    #[test]
    fn lines_are_those_of_a_naive_split(
        bytes in proptest::collection::vec(prop_oneof![3 => Just(b'\n'), 7 => any::<u8>()], 0..300),
        sizes in proptest::collection::vec(1usize..40, 1..9),
        max_line in 1usize..30,
    ) {
        let mut lines = Lines::new(max_line);
        let mut reader = Chunked { bytes: &bytes, plan: sizes.iter().cycle() };
        let mut got = Vec::new();
        loop {
            match lines.next() {
                Next::Line(line) => got.push((line.bytes.to_vec(), line.too_long, line.offset, line.number)),
                Next::More => lines.fill(&mut reader).unwrap(),
                Next::End => break,
            }
        }
        let mut expected = Vec::new();
        let mut offset = 0;
        let whole = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        for (at, line) in whole.split(|byte| *byte == b'\n').enumerate().filter(|_| !bytes.is_empty()) {
            let too_long = (line.len() > max_line).then_some(line.len() as u64);
            expected.push((line.to_vec(), too_long, offset, at as u64 + 1));
            offset += line.len() as u64 + 1;
        }
        prop_assert_eq!(got, expected);
        prop_assert_eq!(lines.position().0, bytes.len() as u64);
    }

    #[test]
    fn any_bytes_give_an_item_for_each_line_that_is_not_blank(
        lines in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            "[ \\t\\r]{0,3}".prop_map(String::into_bytes),
            ".{0,12}".prop_map(|text| serde_json::json!({"text": text, "n": 1}).to_string().into_bytes()),
        ], 0..20),
        packing in 0..3,
    ) {
        let bytes = lines.join(&b'\n');
        let packed = match packing {
            0 => bytes.clone(),
            1 => gzip(&bytes),
            _ => zstd::encode_all(&bytes[..], 1).unwrap(),
        };
        prop_assume!(packing > 0 || !matches!(bytes.get(..2), Some([0x1f, 0x8b] | [0x28, 0xb5] | [0x50..=0x5f, 0x2a])));
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "in", packed);
        let (items, _) = block_on(read(&[path], RowOptions::default()));
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let expected: Vec<Option<String>> = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
            .map(|line| {
                let value: serde_json::Value = serde_json::from_slice(line).ok()?;
                Some(value.get("text")?.as_str()?.to_owned())
            })
            .collect();
        let got: Vec<Option<String>> = items
            .iter()
            .map(|item| item.body.as_ref().and_then(Body::as_text).map(str::to_owned))
            .collect();
        prop_assert_eq!(got, expected);
    }
}
