//! Tables and compressed files as outputs.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use tidegate_core::{Fault, FaultKind, Outcome, Sink as _, Unit};

use super::doubles::{cx, stoppable};
use super::jsonl_sink::{Account, Plan, commit, record, unit};
use crate::cells::Cells;
use crate::decode::decoded;
use crate::pack::{Packer, pack};
use crate::whole;
use crate::{
    Committed, FieldSelection, JsonlOptions, JsonlSink, OUTPUT_NEXT, OUTPUT_WHOLE, Packing, TableShape,
    settled,
};

fn shape(columns: &[&str], also: &[&str]) -> TableShape {
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    TableShape { delimiter: b',', columns: texts(columns), also: texts(also) }
}

struct Fixture {
    dir: tempfile::TempDir,
    ledger: Arc<Account>,
    options: JsonlOptions,
}

impl Fixture {
    fn new(table: Option<TableShape>, packing: Packing) -> Self {
        let options = JsonlOptions {
            fields: FieldSelection::Body,
            table,
            packing,
            ordered: true,
            ..JsonlOptions::default()
        };
        Self { dir: tempfile::tempdir().unwrap(), ledger: Arc::default(), options }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn open(&self) -> Result<JsonlSink, Fault> {
        JsonlSink::open(&self.path(), self.ledger.committed(), self.ledger.clone(), self.options.clone())
    }
}

/// What a file holds, unpacked.
fn content(path: &Path) -> String {
    let mut text = String::new();
    decoded(fs::File::open(path).unwrap()).unwrap().0.read_to_string(&mut text).unwrap();
    text
}

fn rows(units: &[(u64, &str)]) -> Vec<Unit> {
    units.iter().map(|(ordinal, object)| unit(*ordinal, &[object])).collect()
}

#[tokio::test]
async fn rows_that_were_kept_aside_are_rows_of_the_table() {
    for packing in [Packing::Plain, Packing::Gzip] {
        let fixture = Fixture::new(Some(shape(&[], &[])), packing);
        let mut sink = fixture.open().unwrap();
        for part in [[r#"{"a":1}"#, r#"{"a":"x,\ny"}"#], [r#"{"a":null}"#, r#"{"a":4}"#]] {
            let records: Vec<_> = part.iter().map(|object| record(1, object)).collect();
            sink.stage(&cx(), 1, &records).await.unwrap();
        }
        sink.stage(&cx(), 2, &[record(2, r#"{"a":5}"#), record(2, r#"{"b":5}"#)]).await.unwrap();
        let mut first = commit(vec![
            Unit { staged: 4, ..unit(1, &[r#"{"a":7}"#]) },
            Unit { staged: 2, ..unit(2, &[r#"{"a":8}"#]) },
            unit(3, &[r#"{"a":9}"#]),
        ]);
        *fixture.ledger.plan.lock().unwrap() = Some(Plan::TakeSilently);
        sink.commit(&cx(), &mut first).await.unwrap_err();
        sink.commit(&cx(), &mut first).await.unwrap();
        assert_eq!(content(&fixture.path()), "a\n1\n\"x,\ny\"\n\"\"\n4\n7\n9\n");
        let outcomes: Vec<Outcome> = first.units.iter().map(|unit| unit.items[0].outcome).collect();
        assert_eq!(outcomes, [Outcome::Stored, Outcome::Quarantined, Outcome::Stored], "whole or not at all");
        sink.finish(&cx()).await.unwrap();
        assert_eq!(fs::read_dir(fixture.dir.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn the_first_row_says_what_the_columns_are() {
    let fixture = Fixture::new(Some(shape(&[], &["label", "b"])), Packing::Plain);
    let mut sink = fixture.open().unwrap();
    let mut first = commit(rows(&[
        (1, r#"{"b":1.50,"a":"x \"y\", z"}"#),
        (2, r#"{"a":null,"label":{"k": [1]},"b":true}"#),
        (3, r#"{"c":1}"#),
        (4, "{}"),
    ]));
    sink.commit(&cx(), &mut first).await.unwrap();
    let outcomes: Vec<Outcome> = first.units.iter().map(|unit| unit.items[0].outcome).collect();
    assert_eq!(outcomes, [Outcome::Stored, Outcome::Stored, Outcome::Quarantined, Outcome::Stored]);
    let failure = first.units[2].items[0].failure.clone().unwrap();
    assert_eq!((&*failure.stage, failure.fault.kind()), ("output", FaultKind::Validation));
    assert_eq!(failure.exhibit.as_text(), Some(r#"{"c":1}"#));
    assert!(failure.fault.hint_text().unwrap().contains("[output]"), "{}", failure.fault);
    let table = "b,a,label\n1.50,\"x \"\"y\"\", z\",\ntrue,,\"{\"\"k\"\": [1]}\"\n,,\n";
    assert_eq!(content(&fixture.path()), table);
    drop(sink);
    // Another run goes on with the columns that are there.
    let mut sink = fixture.open().unwrap();
    sink.commit(&cx(), &mut commit(rows(&[(5, r#"{"label":"l","a":"1\u0020\n2"}"#)]))).await.unwrap();
    assert_eq!(content(&fixture.path()), format!("{table},\"1 \n2\",l\n"));
}

#[tokio::test]
async fn columns_that_are_named_leave_others_out() {
    let fixture = Fixture::new(Some(shape(&["b", "zz"], &["label"])), Packing::Plain);
    let mut sink = fixture.open().unwrap();
    sink.commit(&cx(), &mut commit(rows(&[(1, r#"{"a":1,"b":2}"#)]))).await.unwrap();
    assert_eq!(content(&fixture.path()), "b,zz\n2,\n");
    // Not one that holds something else where the header should be.
    let other = Fixture::new(Some(shape(&[], &[])), Packing::Plain);
    let mut sink = other.open().unwrap();
    sink.commit(&cx(), &mut commit(rows(&[(1, r#"{"a":""}"#)]))).await.unwrap();
    assert_eq!(content(&other.path()), "a\n\"\"\n", "an empty row of one column is no blank line");
}

#[tokio::test]
async fn a_header_is_written_once_whatever_becomes_of_a_commit() {
    for plan in [Plan::Refuse(FaultKind::StorageBusy), Plan::TakeSilently] {
        let fixture = Fixture::new(Some(shape(&[], &[])), Packing::Plain);
        let mut sink = fixture.open().unwrap();
        *fixture.ledger.plan.lock().unwrap() = Some(plan);
        // A unit without rows (left out by a filter) brings no header.
        let mut units = commit(vec![unit(1, &[]), unit(2, &[r#"{"a":1}"#])]);
        sink.commit(&cx(), &mut units).await.unwrap_err();
        sink.commit(&cx(), &mut units).await.unwrap();
        sink.commit(&cx(), &mut commit(rows(&[(3, r#"{"a":2}"#)]))).await.unwrap();
        assert_eq!(content(&fixture.path()), "a\n1\n2\n", "{plan:?}");
    }
    let fixture = Fixture::new(Some(shape(&[], &[])), Packing::Plain);
    let stream = fs::File::create(fixture.path()).unwrap();
    let mut sink = JsonlSink::stream(stream, fixture.ledger.clone(), fixture.options.clone());
    *fixture.ledger.plan.lock().unwrap() = Some(Plan::Refuse(FaultKind::StorageBusy));
    let mut units = commit(rows(&[(1, r#"{"a":1}"#)]));
    sink.commit(&cx(), &mut units).await.unwrap_err();
    sink.commit(&cx(), &mut units).await.unwrap();
    sink.commit(&cx(), &mut commit(rows(&[(2, r#"{"a":2}"#)]))).await.unwrap();
    assert_eq!(content(&fixture.path()), "a\n1\n2\n");
}

#[tokio::test]
async fn a_compressed_output_is_whole_wherever_it_was_committed() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        for table in [None, Some(shape(&[], &[]))] {
            let fixture = Fixture::new(table.clone(), packing);
            let mut expected = String::from(if table.is_some() { "a\n" } else { "" });
            for round in 0..4u64 {
                let mut sink = fixture.open().unwrap();
                let object = format!("{{\"a\":{round}}}");
                sink.commit(&cx(), &mut commit(rows(&[(round, &object)]))).await.unwrap();
                expected += &if table.is_some() { format!("{round}\n") } else { format!("{object}\n") };
                // Committed, and cut off there after more was appended.
                let committed = fixture.ledger.committed().unwrap().length;
                *fixture.ledger.plan.lock().unwrap() = Some(Plan::Refuse(FaultKind::Validation));
                let lost = commit(rows(&[(99, r#"{"a":"lost"}"#)]));
                sink.commit(&cx(), &mut { lost }).await.unwrap_err();
                fs::OpenOptions::new().write(true).open(fixture.path()).unwrap().set_len(committed).unwrap();
                assert_eq!(content(&fixture.path()), expected, "{packing:?}");
                drop(sink);
            }
            // Nothing to write brings no empty member either.
            let before = fs::metadata(fixture.path()).unwrap().len();
            let mut sink = fixture.open().unwrap();
            sink.commit(&cx(), &mut commit(vec![unit(50, &[])])).await.unwrap();
            assert_eq!(fs::metadata(fixture.path()).unwrap().len(), before);
        }
    }
}

#[test]
fn a_field_without_a_column_leaves_nothing_behind() {
    let cells = Cells::new(vec!["a".into()], &shape(&[], &[]));
    let mut out = b"a\n".to_vec();
    assert_eq!(cells.put(r#"{"a":1,"b":2}"#, &mut out).unwrap_err().kind(), FaultKind::Validation);
    assert_eq!(cells.put("[]", &mut out).unwrap_err().kind(), FaultKind::Malformed);
    assert_eq!(out, b"a\n");
}

/// The file written in one go.
fn in_one(text: &str, packing: Packing) -> Vec<u8> {
    let mut packed = Vec::new();
    pack(&mut text.as_bytes(), &mut packed, packing, &|| true).unwrap();
    packed
}

#[tokio::test]
async fn a_compressed_output_is_one_member_or_frame_in_the_end() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        let fixture = Fixture::new(None, packing);
        let mut sink = fixture.open().unwrap();
        let (mut text, mut many) = (String::new(), Vec::new());
        for round in 0..5 {
            let object = format!("{{\"a\":{round}}}");
            sink.commit(&cx(), &mut commit(rows(&[(round, &object)]))).await.unwrap();
            text += &format!("{object}\n");
            many.extend(in_one(&format!("{object}\n"), packing));
        }
        assert_eq!(fs::read(fixture.path()).unwrap(), many);
        let before = fixture.ledger.committed();
        sink.finish(&cx()).await.unwrap();
        let one = in_one(&text, packing);
        assert_eq!(fs::read(fixture.path()).unwrap(), one);
        let length = one.len() as u64;
        let after = fixture.ledger.committed().unwrap();
        assert_eq!((after.length, fixture.ledger.length(OUTPUT_WHOLE)), (length, Some(length)));
        assert_eq!(fixture.ledger.length(OUTPUT_NEXT), Some(0));
        assert_eq!(fs::read_dir(fixture.dir.path()).unwrap().count(), 1, "nothing else is left");
        // Killed between the two: whichever file is there is known.
        let next = Some(after);
        assert_eq!(settled(&fixture.path(), before, next).unwrap(), next);
        // So it is where the run that went on was killed as well, behind the first rows that it appended.
        fs::write(fixture.path(), [&one[..], b"half a member"].concat()).unwrap();
        assert_eq!(settled(&fixture.path(), before, next).unwrap(), next);
        fs::write(fixture.path(), &many).unwrap();
        assert_eq!(settled(&fixture.path(), before, next).unwrap(), before);
        assert_eq!(
            settled(&fixture.path(), before, Some(Committed { length: 0, tail: None })).unwrap(),
            before
        );
        fs::remove_file(fixture.path()).unwrap();
        assert_eq!(settled(&fixture.path(), before, next).unwrap(), before);
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_does_not_write_everything_anew() {
    let fixture = Fixture::new(None, Packing::Gzip);
    let mut sink = fixture.open().unwrap();
    for round in 0..2 {
        sink.commit(&cx(), &mut commit(rows(&[(round, "{}")]))).await.unwrap();
    }
    let many = fs::read(fixture.path()).unwrap();
    let (cx, stop) = stoppable();
    stop.drain();
    sink.finish(&cx).await.unwrap();
    assert_eq!(fs::read(fixture.path()).unwrap(), many);
    drop(sink);
    // Nor does one that is stopped in the middle of it.
    let pieces = std::cell::Cell::new(0);
    let go = || pieces.replace(pieces.get() + 1) < 1;
    let length = many.len() as u64;
    assert!(whole::rewrite(&fixture.path(), (length, Packing::Gzip), &go).unwrap().is_none());
    assert_eq!(fs::read_dir(fixture.dir.path()).unwrap().count(), 1);
    // The run that goes on does, though it has no row to write.
    let up_to = fixture.ledger.length(OUTPUT_WHOLE).unwrap();
    let mut sink = fixture.open().unwrap().whole_up_to(up_to);
    sink.finish(&super::doubles::cx()).await.unwrap();
    assert_eq!(fs::read(fixture.path()).unwrap(), in_one("{}\n{}\n", Packing::Gzip));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn compressed_bytes_do_not_depend_on_how_they_came(
        text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..5_000),
        times in 1usize..150,
        cuts in proptest::collection::vec(1usize..100_000, 1..20),
    ) {
        let text = text.repeat(times);
        for packing in [Packing::Gzip, Packing::Zstd] {
            let mut packer = Packer::new(packing).unwrap().unwrap();
            let (mut rest, mut cuts) = (&text[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                packer.put(piece).unwrap();
                rest = after;
            }
            let mut packed = Vec::new();
            pack(&mut &text[..], &mut packed, packing, &|| true).unwrap();
            prop_assert!(packer.finish().unwrap() == packed, "{packing:?}");
        }
    }
}
