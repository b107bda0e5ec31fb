use std::fs;
use std::io::Write as _;

use proptest::prelude::*;
use tidegate_core::{Body, FaultKind, SourceItem};

use super::doubles::{block_on, list_all};
use crate::{Blocks, RowOptions};

async fn read(mut blocks: Blocks) -> Vec<SourceItem> {
    let (items, coverage) = list_all(&mut blocks, 3).await;
    assert!(coverage.is_none());
    items
}

fn bytes(item: &SourceItem) -> &[u8] {
    match &item.body {
        Some(Body::Bytes(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

fn number(item: &SourceItem, field: &str) -> u64 {
    item.fields[field].as_u64().unwrap()
}

fn options(max_line: usize) -> RowOptions {
    RowOptions { max_line, ..RowOptions::default() }
}

#[tokio::test]
async fn a_line_that_is_too_long_is_an_item_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.jsonl");
    let long = "x".repeat(9_000);
    fs::write(&path, format!("a\nb\n{long}\nc\n")).unwrap();
    let items = read(Blocks::open(&[path], &options(100)).unwrap().of(16)).await;
    let fault = items.iter().find(|item| item.fault.is_some()).unwrap();
    assert_eq!(fault.fault.as_ref().unwrap().kind(), FaultKind::TooLarge);
    assert!(
        fault.fault.as_ref().unwrap().to_string().contains("reading line 3 at byte 4: a line of 9001 bytes")
    );
    assert_eq!((fault.key.ends_with("#L3"), bytes(fault).len() < 9_000), (true, true));
    let last = items.last().unwrap();
    assert_eq!((bytes(last), number(last, "line"), number(last, "offset")), (&b"c\n"[..], 4, 9_005));
}

#[tokio::test]
async fn files_follow_each_other_and_one_that_is_damaged_ends_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (packed, plain) = (dir.path().join("a.jsonl.gz"), dir.path().join("b.jsonl"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all("{}\n".repeat(50_000).as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    fs::write(&packed, &whole[..whole.len() - 20]).unwrap();
    fs::write(&plain, "last").unwrap();
    let items = read(Blocks::open(&[packed, plain], &options(100)).unwrap().of(1_000)).await;
    let faults: Vec<_> = items.iter().filter_map(|item| item.fault.as_ref()).collect();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].kind(), FaultKind::Malformed);
    assert_eq!(bytes(items.last().unwrap()), b"last");
}

#[tokio::test]
async fn whole_lines_before_damage_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"a\":1}\n{\"a\":2}\n").unwrap();
    let whole = encoder.finish().unwrap();
    let cut = whole.len() - 5;
    for (damaged, before) in [([&whole[..], b"garbage"].concat(), 2), (whole[..cut].to_vec(), 2)] {
        fs::write(&path, damaged).unwrap();
        let items = read(Blocks::open(std::slice::from_ref(&path), &options(100)).unwrap()).await;
        assert_eq!((items.len(), bytes(&items[0])), (2, &b"{\"a\":1}\n{\"a\":2}\n"[..]));
        let fault = items[1].fault.as_ref().unwrap();
        assert_eq!((fault.kind(), number(&items[1], "line")), (FaultKind::Malformed, before + 1));
        assert!(items[0].position.is_some() && items[1].position.is_none());
    }
}

#[tokio::test]
async fn a_last_line_may_get_its_end_from_what_is_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.jsonl");
    let open = || Blocks::open(std::slice::from_ref(&path), &options(100)).unwrap();
    for (end, rest) in [("\n{}\n", &b"{}\n"[..]), ("\r\n{}", b"{}"), ("\n\n{}", b"\n{}")] {
        fs::write(&path, "{}\n{\"a\":1}").unwrap();
        let position = read(open()).await[0].position.clone().unwrap();
        fs::write(&path, format!("{{}}\n{{\"a\":1}}{end}")).unwrap();
        let mut blocks = open();
        blocks.resume(&position).unwrap();
        let items = read(blocks).await;
        let offset = 10 + end.len() - rest.len();
        assert_eq!((bytes(&items[0]), number(&items[0], "line")), (rest, 3));
        assert_eq!(number(&items[0], "offset") as usize, offset);
    }
    // What goes on with it was no whole line.
    fs::write(&path, "{}\n{\"a\":1").unwrap();
    let position = read(open()).await[0].position.clone().unwrap();
    fs::write(&path, "{}\n{\"a\":1}\n").unwrap();
    let mut blocks = open();
    blocks.resume(&position).unwrap();
    let fault = tidegate_core::Source::list(&mut blocks, &super::doubles::cx(), 3).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded);
}

#[tokio::test]
async fn another_file_in_the_place_of_the_one_that_was_read_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.jsonl");
    fs::write(&path, "aaaa\nbbbb\n").unwrap();
    let open = || Blocks::open(std::slice::from_ref(&path), &options(100)).unwrap().of(4);
    let first = read(open()).await[0].position.clone().unwrap();
    fs::write(&path, "aaxa\nbbbb\n").unwrap();
    let mut blocks = open();
    blocks.resume(&first).unwrap();
    let cx = super::doubles::cx();
    let fault = tidegate_core::Source::list(&mut blocks, &cx, 3).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Blocks hold every line once, in order and where they say; resumed behind any of them, the rest follows.
    #[test]
    fn every_line_once(
        lines in prop::collection::vec("[a-z]{0,12}", 0..40),
        ends in any::<bool>(),
        block in 1_usize..40,
        from in any::<prop::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("in.jsonl");
        let mut text = lines.join("\n");
        if ends && !text.is_empty() {
            text.push('\n');
        }
        fs::write(&path, &text).unwrap();
        let open = || Blocks::open(std::slice::from_ref(&path), &options(100)).unwrap().of(block);
        let items = block_on(read(open()));
        let mut read_so_far = String::new();
        for item in &items {
            prop_assert_eq!(number(item, "offset") as usize, read_so_far.len());
            prop_assert_eq!(number(item, "line") as usize, read_so_far.matches('\n').count() + 1);
            prop_assert!(bytes(item).ends_with(b"\n") || text.ends_with(std::str::from_utf8(bytes(item)).unwrap()));
            read_so_far.push_str(std::str::from_utf8(bytes(item)).unwrap());
        }
        prop_assert_eq!(&read_so_far, &text);
        if !items.is_empty() {
            let at = from.index(items.len());
            let mut again = open();
            again.resume(items[at].position.as_ref().unwrap()).unwrap();
            let rest: Vec<u8> = block_on(read(again)).iter().flat_map(|item| bytes(item).to_vec()).collect();
            let expected: Vec<u8> = items[at + 1..].iter().flat_map(|item| bytes(item).to_vec()).collect();
            prop_assert_eq!(rest, expected);
        }
    }
}
