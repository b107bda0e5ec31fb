//! Rows that become parts, whatever interrupts them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_connect::{Committed, OUTPUT, OUTPUT_TAIL};
use tidegate_core::{
    Body, Budget, Commit, Coverage, Fault, FaultKind, ItemOutcome, Ledger, Outcome, Position, Record,
    Sink as _, SourceItem, Sweep, SweepPolicy, Tether, TraceId, Unit, Verdict, Version,
};

use super::doubles::{block_on, cx};
use crate::manifest::{Manifest, Places};
use crate::plan::Bounds;
use crate::{TableOptions, TableSink, Type, holds, read_table, remove, replace, settled};

/// What the ledger does when it is next asked to commit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    Take,
    Refuse(FaultKind),
    /// Takes the commit, but the answer is lost.
    TakeSilently,
}

/// A ledger that remembers lengths.
#[derive(Default)]
struct Account {
    next: Mutex<Option<Next>>,
    lengths: Mutex<Vec<(String, u64)>>,
}

impl Account {
    fn committed(&self) -> Option<Committed> {
        let lengths = self.lengths.lock().unwrap();
        let find = |name: &str| lengths.iter().find(|(known, _)| known == name).map(|(_, length)| *length);
        find(OUTPUT).map(|length| Committed { length, tail: find(OUTPUT_TAIL) })
    }
}

#[async_trait]
impl Ledger for Account {
    async fn assess(&self, _: &[SourceItem]) -> Result<Vec<Verdict>, Fault> {
        unreachable!("a sink assesses nothing")
    }
    async fn resume(&self) -> Result<Option<Position>, Fault> {
        Ok(None)
    }
    async fn commit(&self, commit: &Commit) -> Result<(), Fault> {
        let claim = commit.units.is_empty();
        let next = if claim { Next::Take } else { self.next.lock().unwrap().take().unwrap_or(Next::Take) };
        if let Next::Refuse(kind) = next {
            return Err(Fault::new(kind, "refused"));
        }
        *self.lengths.lock().unwrap() = commit.lengths.clone();
        if next == Next::Take { Ok(()) } else { Err(Fault::new(FaultKind::StorageBusy, "no answer")) }
    }
    async fn sweep(&self, _: &Coverage, _: SweepPolicy) -> Result<Sweep, Fault> {
        unreachable!("a sink sweeps nothing")
    }
}

fn unit(row: &str) -> Unit {
    let item = ItemOutcome {
        item: Arc::new(SourceItem::new("k", Version::default(), 0)),
        ordinal: 0,
        content: None,
        outcome: Outcome::Stored,
        failure: None,
        asides: Vec::new(),
        trace: TraceId(0),
    };
    let permit = Budget::new(1 << 30).force(1);
    let record = Record::new("k".into(), 0, Body::Text(row.into()), (permit, Tether::none()));
    Unit { items: vec![item], records: vec![record], staged: 0 }
}

struct Fixture {
    dir: tempfile::TempDir,
    ledger: Arc<Account>,
    columns: Vec<(String, Option<Type>)>,
}

impl Fixture {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), ledger: Arc::default(), columns: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("out.parquet")
    }

    fn open(&self) -> Result<TableSink, Fault> {
        self.open_at(&self.path(), false)
    }

    fn open_at(&self, path: &Path, overwrite: bool) -> Result<TableSink, Fault> {
        let options = TableOptions { columns: self.columns.clone(), ordered: true, overwrite };
        let bounds = Bounds { rows: 5, bytes: 1 << 20 };
        TableSink::open_with(path, (self.ledger.committed(), self.ledger.clone()), options, bounds)
    }

    /// The parts that readers see, by name.
    fn parts(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path()).unwrap().map(Result::unwrap);
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect()
    }

    fn rows(&self) -> Vec<String> {
        self.parts().keys().flat_map(|name| read_table(&self.path().join(name)).unwrap()).collect()
    }
}

#[test]
fn an_item_of_very_many_rows_is_taken_whole_or_put_aside_alone() {
    let fixture = Fixture::new();
    let mut sink = fixture.open().unwrap();
    let of = |ordinal: u64, rows: &[&str]| -> Vec<Record> {
        let permit = || (Budget::new(1 << 30).force(1), Tether::none());
        let record = |row: &&str| Record::new("k".into(), ordinal, Body::Text((*row).into()), permit());
        rows.iter().map(record).collect()
    };
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20 << 20));
    for (ordinal, rows) in
        [(1, &["{\"a\":1}", "{\"a\":2}"][..]), (2, &[&long]), (2, &[&long]), (1, &["{\"a\":3}"])]
    {
        block_on(sink.stage(&cx(), ordinal, &of(ordinal, rows))).unwrap();
    }
    let with = |ordinal: u64, staged: u64, row: &str| {
        let mut unit = Unit { staged, ..unit(row) };
        unit.items[0].ordinal = ordinal;
        unit
    };
    let units = vec![with(1, 3, "{\"a\":4}"), with(2, 2, "{\"a\":5}"), with(3, 0, "{\"a\":6}")];
    let mut commit = Commit { units, ..Commit::default() };
    block_on(sink.commit(&cx(), &mut commit)).unwrap();
    let put_aside = aside(&commit);
    assert_eq!((put_aside.len(), put_aside[0].1.kind()), (1, FaultKind::TooLarge));
    block_on(sink.finish(&cx())).unwrap();
    assert_eq!(fixture.rows(), [1, 2, 3, 4, 6].map(|a| format!("{{\"a\":{a}}}")));
    let mut lost = Commit { units: vec![with(9, 1, "{\"a\":7}")], ..Commit::default() };
    assert_eq!(block_on(sink.commit(&cx(), &mut lost)).unwrap_err().kind(), FaultKind::Internal);
}

#[test]
fn a_number_beyond_its_column_is_put_aside() {
    let fixture = Fixture {
        columns: vec![("n".to_owned(), Some(Type::Float(32))), ("h".to_owned(), Some(Type::Float(16)))],
        ..Fixture::new()
    };
    let mut sink = fixture.open().unwrap();
    commit(&mut sink, &["{\"n\":3e38,\"h\":\"Infinity\"}".to_owned()]).unwrap();
    for row in ["{\"n\":1e39}", "{\"n\":-1e300}", "{\"h\":70000}"] {
        let fault = commit(&mut sink, &[row.to_owned()]).unwrap_err();
        assert!(fault.to_string().contains(" bits"), "{fault}");
    }
    block_on(sink.finish(&cx())).unwrap();
    let rows = fixture.rows();
    assert!(
        rows.len() == 1 && rows[0].contains("\"h\":\"Infinity\"") && rows[0].contains("\"n\":3e"),
        "{rows:?}"
    );
}

fn commit(sink: &mut TableSink, rows: &[String]) -> Result<(), Fault> {
    let mut commit = Commit { units: rows.iter().map(|row| unit(row)).collect(), ..Commit::default() };
    block_on(sink.commit(&cx(), &mut commit))?;
    // A test without rows that do not fit has none put aside.
    match aside(&commit).into_iter().next() {
        Some((_, fault)) => Err(fault),
        None => Ok(()),
    }
}

/// What was put aside of a commit, by its place.
fn aside(commit: &Commit) -> Vec<(usize, Fault)> {
    let units = commit.units.iter().enumerate();
    units.filter_map(|(at, unit)| Some((at, unit.items[0].failure.as_ref()?.fault.clone()))).collect()
}

fn finish(mut sink: TableSink) {
    block_on(sink.finish(&cx())).unwrap();
}

fn row(at: usize) -> String {
    format!("{{\"n\":{at},\"text\":\"row {at}\"}}")
}

fn rows(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(row).collect()
}

/// The parts of a run that nothing interrupts.
fn expected(rows: &[String]) -> BTreeMap<String, Vec<u8>> {
    let whole = Fixture::new();
    let mut sink = whole.open().unwrap();
    commit(&mut sink, rows).unwrap();
    finish(sink);
    whole.parts()
}

#[derive(Debug, Clone)]
enum Act {
    Commit(usize),
    /// Refused by the ledger, then committed.
    Again(usize),
    /// Committed, but the answer is lost; then committed again.
    Lost(usize),
    /// Dropped without an end and opened again.
    Crash,
    /// Ended and opened again.
    End,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..12_usize).prop_map(Act::Commit),
        1 => (1..12_usize).prop_map(Act::Again),
        1 => (1..12_usize).prop_map(Act::Lost),
        2 => Just(Act::Crash),
        1 => Just(Act::End),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn parts_are_the_same_whatever_interrupts_them(acts in vec(act(), 1..12)) {
        let world = Fixture::new();
        let mut sink = world.open().unwrap();
        let mut done = 0;
        for act in acts {
            let next = |next| *world.ledger.next.lock().unwrap() = Some(next);
            match act {
                Act::Commit(count) => commit(&mut sink, &rows(done..done + count)).unwrap(),
                Act::Again(count) => {
                    next(Next::Refuse(FaultKind::StorageBusy));
                    commit(&mut sink, &rows(done..done + count)).unwrap_err();
                    commit(&mut sink, &rows(done..done + count)).unwrap();
                }
                Act::Lost(count) => {
                    next(Next::TakeSilently);
                    commit(&mut sink, &rows(done..done + count)).unwrap_err();
                    commit(&mut sink, &rows(done..done + count)).unwrap();
                }
                Act::Crash => {
                    drop(sink);
                    sink = world.open().unwrap();
                }
                Act::End => {
                    finish(sink);
                    prop_assert_eq!(world.rows(), rows(0..done));
                    sink = world.open().unwrap();
                }
            }
            if let Act::Commit(count) | Act::Again(count) | Act::Lost(count) = act {
                done += count;
            }
        }
        finish(sink);
        prop_assert_eq!(world.rows(), rows(0..done));
        prop_assert_eq!(world.parts(), expected(&rows(0..done)));
        if let Some(committed) = world.ledger.committed() {
            prop_assert!(holds(&world.path(), committed).unwrap());
        }
    }
}

#[test]
fn a_row_that_does_not_fit_is_refused_alone() {
    let mut world = Fixture::new();
    world.columns = vec![("n".to_owned(), Some(Type::INTEGER)), ("score".to_owned(), None)];
    let mut sink = world.open().unwrap();
    let fault = commit(&mut sink, &["{\"n\":1}".into(), "{\"n\":\"one\"}".into()]).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Validation);
    assert!(fault.to_string().contains("column \"n\": \"one\" is not a whole number"), "{fault}");
    assert!(fault.hint_text().unwrap().contains("[output.types]"), "{fault}");
    assert_eq!(
        world.ledger.committed().unwrap().length,
        "{\"n\":1}\n".len() as u64,
        "the other row is there"
    );
    // Until the first part is full, types follow from what comes; then they stand.
    commit(&mut sink, &["{\"n\":2,\"score\":2.5}".into(), "{}".into()]).unwrap();
    commit(&mut sink, &["{\"n\":4,\"new\":[true]}".into(), "{\"score\":null}".into()]).unwrap();
    let fault = commit(&mut sink, &["{\"score\":\"high\"}".into()]).unwrap_err();
    assert!(fault.to_string().contains("\"high\" is not a number"), "{fault}");
    let fault = commit(&mut sink, &["{\"other\":1}".into()]).unwrap_err();
    assert!(fault.to_string().contains("no such column"), "{fault}");
    finish(sink);
    assert_eq!(world.rows()[3], "{\"n\":4,\"score\":null,\"new\":[true]}");
    assert_eq!(world.rows()[0], "{\"n\":1,\"score\":null,\"new\":null}");
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let world = Fixture::new();
    fs::write(world.path(), "a letter").unwrap();
    assert!(world.open().err().unwrap().to_string().contains("a file stands there"));
    fs::remove_file(world.path()).unwrap();
    fs::create_dir(world.path()).unwrap();
    fs::write(world.path().join("letter.txt"), "").unwrap();
    let fault = world.open_at(&world.path(), true).err().unwrap();
    assert!(fault.to_string().contains("letter.txt, which is no part"), "{fault}");
    fs::remove_file(world.path().join("letter.txt")).unwrap();
    fs::write(world.path().join("part-00000.parquet"), "").unwrap();
    assert!(world.open().is_err());
    let mut sink = world.open_at(&world.path(), true).unwrap();
    commit(&mut sink, &rows(0..12)).unwrap();
    assert!(world.open().err().unwrap().to_string().contains("another process"));
    finish(sink);
    // Parts, and rows behind them, that somebody changed.
    let part = world.path().join("part-00001.parquet");
    let whole = fs::read(&part).unwrap();
    fs::write(&part, b"PAR1").unwrap();
    assert!(world.open().err().unwrap().to_string().contains("part-00001.parquet was changed"));
    fs::remove_file(&part).unwrap();
    assert!(world.open().err().unwrap().to_string().contains("part-00001.parquet is gone"));
    fs::write(&part, whole).unwrap();
    let places = Places::of(&world.path());
    let tail = places.tail(Manifest::read(&places).unwrap().unwrap().base);
    let lines = fs::read_to_string(&tail).unwrap();
    fs::write(&tail, lines.replace("row 11", "row 99")).unwrap();
    assert!(world.open().err().unwrap().to_string().contains("changed by somebody else"));
    fs::write(&tail, lines).unwrap();
    finish(world.open().unwrap());
    assert_eq!(world.rows(), rows(0..12));
}

#[test]
fn one_table_takes_the_place_of_another_or_does_not() {
    for killed in ["", "intent", "parts", "state"] {
        let (old, fresh) = (Fixture::new(), Fixture::new());
        let mut sink = old.open().unwrap();
        commit(&mut sink, &rows(0..8)).unwrap();
        finish(sink);
        let aside = old.dir.path().join(".out.parquet.retry");
        let mut sink = fresh.open_at(&aside, true).unwrap();
        commit(&mut sink, &rows(0..13)).unwrap();
        let made = fresh.ledger.committed().unwrap();
        assert!(!settled(&old.path(), &aside, made).unwrap(), "it is not whole yet");
        finish(sink);
        assert!(!settled(&old.path(), &aside, made).unwrap(), "nobody says that it should");
        let (from, to) = (Places::of(&aside), Places::of(&old.path()));
        let exchange = |from: &PathBuf, to: &PathBuf| {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, flags).unwrap();
        };
        if killed.is_empty() {
            replace(&aside, &old.path()).unwrap();
        } else {
            let chain = made.tail.unwrap();
            fs::write(from.state.join("replaces"), format!("{} {chain}\n", made.length)).unwrap();
            if killed != "intent" {
                exchange(&from.data, &to.data);
            }
            if killed == "state" {
                exchange(&from.state, &to.state);
            }
        }
        assert!(settled(&old.path(), &aside, made).unwrap(), "{killed}");
        assert_eq!(old.rows(), rows(0..13), "{killed}");
        assert!(holds(&old.path(), made).unwrap(), "{killed}");
        remove(&aside);
        let left: Vec<_> =
            fs::read_dir(old.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        // It is gone on with under the account of the new one.
        let mut sink = fresh.open_at(&old.path(), false).unwrap();
        commit(&mut sink, &rows(13..16)).unwrap();
        finish(sink);
        assert_eq!(old.rows(), rows(0..16), "{killed}");
    }
}

#[test]
fn a_part_that_was_being_filled_when_the_process_died_is_made_again() {
    // What is left of the state before the part was full: the manifest, the rows, the rows behind them.
    for (old, rest) in [(true, true), (true, false), (false, true)] {
        let world = Fixture::new();
        let places = Places::of(&world.path());
        let mut sink = world.open().unwrap();
        commit(&mut sink, &rows(0..4)).unwrap();
        let manifest = fs::read(places.state.join("manifest.json")).unwrap();
        commit(&mut sink, &rows(4..7)).unwrap();
        drop(sink);
        let lines: String = rows(0..7).iter().map(|row| format!("{row}\n")).collect();
        let base = Manifest::read(&places).unwrap().unwrap().base;
        assert!(base > 0 && !places.tail(0).exists() && places.part(0).exists());
        fs::write(places.tail(0), lines).unwrap();
        if old {
            fs::write(places.state.join("manifest.json"), manifest).unwrap();
        }
        if !rest {
            fs::remove_file(places.tail(base)).unwrap();
        }
        fs::write(places.scratch(), "half a part").unwrap();
        let mut sink = world.open().unwrap();
        commit(&mut sink, &rows(7..12)).unwrap();
        finish(sink);
        assert_eq!(world.parts(), expected(&rows(0..12)), "{old} {rest}");
        let left: Vec<_> =
            fs::read_dir(&places.state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "a manifest, a tail and a lock: {left:?}");
    }
}
