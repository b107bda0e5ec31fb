use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_core::{
    Body, Budget, Commit, Coverage, Embedded, Fault, FaultKind, ItemOutcome, Ledger, Outcome, Place,
    Position, Record, Sink as _, SourceItem, Sweep, SweepPolicy, Tether, TraceId, Unit, Verdict, Version,
};

use super::doubles::{block_on, cx};
use crate::{Committed, FieldSelection, JsonlOptions, JsonlSink, OUTPUT, OUTPUT_TAIL, VectorFormat};

/// What the ledger does when it is next asked to commit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plan {
    Take,
    Refuse(FaultKind),
    /// Takes the commit, but the answer is lost.
    TakeSilently,
}

/// A ledger that remembers lengths and which units it has.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) plan: Mutex<Option<Plan>>,
    lengths: Mutex<Vec<(String, u64)>>,
    pub(crate) units: Mutex<Vec<u64>>,
}

impl Account {
    pub(crate) fn committed(&self) -> Option<Committed> {
        let lengths = self.lengths.lock().unwrap();
        let find = |name: &str| lengths.iter().find(|(known, _)| known == name).map(|(_, length)| *length);
        find(OUTPUT).map(|length| Committed { length, tail: find(OUTPUT_TAIL) })
    }

    pub(crate) fn length(&self, name: &str) -> Option<u64> {
        self.lengths.lock().unwrap().iter().find(|(known, _)| known == name).map(|(_, length)| *length)
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
        let plan = if claim { Plan::Take } else { self.plan.lock().unwrap().take().unwrap_or(Plan::Take) };
        if let Plan::Refuse(kind) = plan {
            return Err(Fault::new(kind, "refused"));
        }
        let mut lengths = self.lengths.lock().unwrap();
        for (name, length) in &commit.lengths {
            lengths.retain(|(known, _)| known != name);
            lengths.push((name.clone(), *length));
        }
        drop(lengths);
        let mut units = self.units.lock().unwrap();
        for unit in &commit.units {
            let ordinal = unit.items[0].ordinal;
            if !units.contains(&ordinal) {
                units.push(ordinal);
            }
        }
        if plan == Plan::Take { Ok(()) } else { Err(Fault::new(FaultKind::StorageBusy, "no answer")) }
    }
    async fn sweep(&self, _: &Coverage, _: SweepPolicy) -> Result<Sweep, Fault> {
        unreachable!("a sink sweeps nothing")
    }
}

pub(super) fn record(ordinal: u64, text: &str) -> Record {
    let permit = Budget::new(1 << 30).force(1);
    Record::new(format!("k{ordinal}").into(), ordinal, Body::Text(text.into()), (permit, Tether::none()))
}

pub(crate) fn unit(ordinal: u64, texts: &[&str]) -> Unit {
    let item = ItemOutcome {
        item: Arc::new(SourceItem::new(format!("k{ordinal}"), Version::default(), 0)),
        ordinal,
        content: None,
        outcome: Outcome::Stored,
        failure: None,
        asides: Vec::new(),
        trace: TraceId(0),
    };
    Unit { items: vec![item], records: texts.iter().map(|text| record(ordinal, text)).collect(), staged: 0 }
}

pub(crate) fn commit(units: Vec<Unit>) -> Commit {
    Commit { units, ..Commit::default() }
}

fn text_only() -> JsonlOptions {
    JsonlOptions { fields: FieldSelection::Only(vec!["text".into()]), ..JsonlOptions::default() }
}

struct Fixture {
    dir: tempfile::TempDir,
    ledger: Arc<Account>,
}

impl Fixture {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), ledger: Arc::default() }
    }
    fn path(&self) -> PathBuf {
        self.dir.path().join("out.jsonl")
    }
    fn open(&self) -> Result<JsonlSink, Fault> {
        JsonlSink::open(&self.path(), self.ledger.committed(), self.ledger.clone(), text_only())
    }
    fn overwrite(&self) -> Result<JsonlSink, Fault> {
        JsonlSink::open(
            &self.path(),
            None,
            self.ledger.clone(),
            JsonlOptions { overwrite: true, ..text_only() },
        )
    }
    fn texts(&self) -> Vec<String> {
        texts(&fs::read_to_string(self.path()).unwrap())
    }
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn texts(lines: &str) -> Vec<String> {
    assert!(lines.is_empty() || lines.ends_with('\n'), "only whole lines: {lines:?}");
    lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect()
}

fn kind(result: Result<JsonlSink, Fault>) -> FaultKind {
    let fault = result.err().expect("refused");
    assert!(fault.hint_text().is_some(), "{fault}");
    fault.kind()
}

fn line(record: &Record, fields: &FieldSelection, vectors: VectorFormat) -> String {
    let mut out = Vec::new();
    crate::select::render(record, fields, vectors, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_record_becomes_a_line_of_what_was_selected() {
    let mut record = record(1, "a\n\"b\"");
    assert_eq!(
        line(&record, &FieldSelection::All, VectorFormat::Floats),
        "{\"key\":\"k1\",\"text\":\"a\\n\\\"b\\\"\"}\n"
    );
    let place = Place { ordinal: 0, heading: Arc::new(["A".into(), "B".into()]), span: 3..9, page: Some(2) };
    record.place = Some(place);
    record.tokens = 4;
    record.set_embedded(Embedded { vector: Arc::new([0.5, -1.0]), key: tidegate_core::ContentHash([0; 32]) });
    let fields = [("lang".to_owned(), json!("de")), ("key".to_owned(), json!(7))];
    record.fields = Arc::new(fields.into_iter().collect());
    let all: Value =
        serde_json::from_str(&line(&record, &FieldSelection::All, VectorFormat::Base64)).unwrap();
    let expected = json!({
        "key": "k1", "text": "a\n\"b\"", "heading": ["A", "B"], "span": [3, 9], "page": 2, "tokens": 4,
        "vector": "AAAAPwAAgL8=", "lang": "de", "fields.key": 7
    });
    assert_eq!(all, expected);
    let only = |names: &[&str]| FieldSelection::Only(names.iter().map(|name| (*name).to_owned()).collect());
    let chosen = line(&record, &only(&["vector", "fields.key", "nothing", "lang"]), VectorFormat::None);
    assert_eq!(chosen, "{\"vector\":[0.5,-1.0],\"fields.key\":7,\"nothing\":null,\"lang\":\"de\"}\n");
    assert_eq!(line(&record, &only(&[]), VectorFormat::None), "{}\n");
}

#[tokio::test]
async fn committed_lines_are_continued() {
    let fixture = Fixture::new();
    for (ordinal, text) in [(0, "a"), (1, "b")] {
        let mut sink = fixture.open().unwrap();
        sink.commit(&cx(), &mut commit(vec![unit(ordinal, &[text, "x"])])).await.unwrap();
        sink.finish(&cx()).await.unwrap();
    }
    assert_eq!(fixture.texts(), ["a", "x", "b", "x"]);
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let fixture = Fixture::new();
    fs::write(fixture.path(), "precious\n").unwrap();
    assert_eq!(kind(fixture.open()), FaultKind::Guarded);
    assert_eq!(fs::read_to_string(fixture.path()).unwrap(), "precious\n");
    let mut sink = fixture.overwrite().unwrap();
    assert_eq!(kind(fixture.overwrite()), FaultKind::Guarded, "locked");
    sink.commit(&cx(), &mut commit(vec![unit(0, &["a", "b"])])).await.unwrap();
    drop(sink);
    let ours = fs::read_to_string(fixture.path()).unwrap();
    let changed = ours.replace('a', "z");
    for other in ["", &ours[..ours.len() - 1], &changed, &format!(" {ours}")] {
        fs::write(fixture.path(), other).unwrap();
        assert_eq!(kind(fixture.open()), FaultKind::Guarded, "{other:?}");
        assert_eq!(fs::read_to_string(fixture.path()).unwrap(), other, "untouched");
    }
    fs::remove_file(fixture.path()).unwrap();
    assert_eq!(kind(fixture.open()), FaultKind::Guarded, "gone");
    assert!(!fixture.path().exists(), "a refusal left a file");
    let folder = JsonlSink::open(fixture.dir.path(), None, fixture.ledger.clone(), text_only());
    assert_eq!(kind(folder), FaultKind::Config);
}

#[tokio::test]
async fn an_output_of_ours_is_continued_even_where_others_may_be_replaced() {
    let fixture = Fixture::new();
    fs::write(fixture.path(), "theirs\n").unwrap();
    let options = || JsonlOptions { overwrite: true, ..text_only() };
    for ordinal in 0..2 {
        let committed = fixture.ledger.committed();
        let mut sink =
            JsonlSink::open(&fixture.path(), committed, fixture.ledger.clone(), options()).unwrap();
        sink.commit(&cx(), &mut commit(vec![unit(ordinal, &["line"])])).await.unwrap();
        sink.finish(&cx()).await.unwrap();
    }
    assert_eq!(fixture.texts(), ["line", "line"]);
    fs::write(fixture.path(), "theirs\n").unwrap();
    let again =
        JsonlSink::open(&fixture.path(), fixture.ledger.committed(), fixture.ledger.clone(), options());
    assert_eq!(kind(again), FaultKind::Guarded);
}

#[tokio::test]
async fn a_retry_doubles_nothing() {
    for plan in [Plan::Refuse(FaultKind::StorageBusy), Plan::TakeSilently] {
        let fixture = Fixture::new();
        let mut sink = fixture.open().unwrap();
        sink.commit(&cx(), &mut commit(vec![unit(0, &["a"])])).await.unwrap();
        let mut retried = commit(vec![unit(1, &["b", "c"]), unit(2, &["d"])]);
        for _ in 0..3 {
            *fixture.ledger.plan.lock().unwrap() = Some(plan);
            sink.commit(&cx(), &mut retried).await.unwrap_err();
            assert_eq!(retried.units.len(), 2, "the units are given back");
            let length = fs::metadata(fixture.path()).unwrap().len();
            assert!(
                length >= fixture.ledger.committed().unwrap().length,
                "never shorter than the ledger may believe"
            );
        }
        sink.commit(&cx(), &mut retried).await.unwrap();
        assert_eq!(fixture.texts(), ["a", "b", "c", "d"]);
    }
}

#[tokio::test]
async fn after_a_refused_batch_each_unit_is_written_by_itself() {
    let fixture = Fixture::new();
    let mut sink = fixture.open().unwrap();
    *fixture.ledger.plan.lock().unwrap() = Some(Plan::Refuse(FaultKind::Validation));
    let (mut a, b) = (unit(0, &["a long line that must not show through"]), unit(1, &["b"]));
    let mut both = commit(vec![unit(0, &["a long line that must not show through"]), unit(1, &["b"])]);
    sink.commit(&cx(), &mut both).await.unwrap_err();
    a.items[0].outcome = Outcome::Quarantined;
    sink.commit(&cx(), &mut commit(vec![b])).await.unwrap();
    sink.commit(&cx(), &mut commit(vec![a])).await.unwrap();
    sink.finish(&cx()).await.unwrap();
    assert_eq!(fixture.texts(), ["b"]);
}

#[tokio::test]
async fn a_large_unit_is_kept_aside_until_it_commits() {
    let fixture = Fixture::new();
    fs::write(fixture.dir.path().join(".out.jsonl.spool-7"), "left by a crash").unwrap();
    fs::write(fixture.dir.path().join(".out.jsonl.spool-x"), "not ours").unwrap();
    let mut sink = fixture.open().unwrap();
    assert_eq!(fixture.names(), [".out.jsonl.spool-x", "out.jsonl"]);
    let many: Vec<String> = (0..20_000).map(|n| format!("line {n:070}")).collect();
    for part in many.chunks(6_000) {
        let records: Vec<Record> = part.iter().map(|text| record(3, text)).collect();
        sink.stage(&cx(), 3, &records).await.unwrap();
    }
    sink.stage(&cx(), 4, &[record(4, "of a unit that fails")]).await.unwrap();
    sink.stage(&cx(), 5, &[record(5, "of a unit that never comes")]).await.unwrap();
    assert_eq!(fixture.texts(), [""; 0]);
    let mut failed = Unit { staged: 1, ..unit(4, &[]) };
    failed.items[0].outcome = Outcome::Quarantined;
    let mut units = commit(vec![Unit { staged: 20_000, ..unit(3, &["last"]) }, failed, unit(6, &["next"])]);
    *fixture.ledger.plan.lock().unwrap() = Some(Plan::TakeSilently);
    sink.commit(&cx(), &mut units).await.unwrap_err();
    sink.commit(&cx(), &mut units).await.unwrap();
    let mut expected = many;
    expected.extend(["last".to_owned(), "next".to_owned()]);
    assert_eq!(fixture.texts(), expected);
    sink.finish(&cx()).await.unwrap();
    assert_eq!(fixture.names(), [".out.jsonl.spool-x", "out.jsonl"]);
}

#[tokio::test]
async fn an_output_cut_short_meanwhile_is_noticed() {
    let fixture = Fixture::new();
    let mut sink = fixture.open().unwrap();
    sink.commit(&cx(), &mut commit(vec![unit(0, &["a"])])).await.unwrap();
    OpenOptions::new().write(true).open(fixture.path()).unwrap().set_len(3).unwrap();
    let fault = sink.commit(&cx(), &mut commit(vec![unit(1, &["b"])])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded);
    assert_eq!(*fixture.ledger.units.lock().unwrap(), [0]);
}

/// Collects what is written; fails as a closed pipe does once told to.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<(Vec<u8>, bool)>>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (written, closed) = &mut *self.0.lock().unwrap();
        if *closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stream_gets_each_line_once_unless_the_process_dies() {
    let (pipe, ledger) = (Pipe::default(), Arc::new(Account::default()));
    let mut sink = JsonlSink::stream(pipe.clone(), ledger.clone(), text_only());
    sink.stage(&cx(), 1, &[record(1, "b")]).await.unwrap();
    let mut units = commit(vec![unit(0, &["a"]), Unit { staged: 1, ..unit(1, &["c"]) }]);
    *ledger.plan.lock().unwrap() = Some(Plan::Refuse(FaultKind::StorageBusy));
    sink.commit(&cx(), &mut units).await.unwrap_err();
    sink.commit(&cx(), &mut units).await.unwrap();
    assert_eq!(texts(std::str::from_utf8(&pipe.0.lock().unwrap().0).unwrap()), ["a", "b", "c"]);
    assert_eq!(ledger.committed(), None, "a stream has no length to go back to");
    pipe.0.lock().unwrap().1 = true;
    let fault = sink.commit(&cx(), &mut commit(vec![unit(2, &["d"])])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Cancelled);
    assert_eq!(*ledger.units.lock().unwrap(), [0, 1]);
}

#[tokio::test]
async fn a_device_is_written_as_a_stream_and_a_full_one_holds() {
    let ledger = Arc::new(Account::default());
    let mut sink = JsonlSink::open(Path::new("/dev/null"), None, ledger.clone(), text_only()).unwrap();
    sink.commit(&cx(), &mut commit(vec![unit(0, &["a"])])).await.unwrap();
    let mut sink = JsonlSink::open(Path::new("/dev/full"), None, ledger.clone(), text_only()).unwrap();
    let fault = sink.commit(&cx(), &mut commit(vec![unit(1, &["b"])])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::StorageFull);
}

/// What happens to one batch on its way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Committed,
    /// The ledger fails for certain, then takes it.
    Retried,
    /// The process dies before the ledger takes it, with this share of what was appended on the disk.
    DiesBefore(u8),
    /// The process dies after the ledger took it and before the sink heard of it.
    DiesAfter,
}

fn fates() -> impl Strategy<Value = Vec<(Fate, Vec<u8>)>> {
    let fate = prop_oneof![
        Just(Fate::Committed),
        Just(Fate::Retried),
        any::<u8>().prop_map(Fate::DiesBefore),
        Just(Fate::DiesAfter)
    ];
    proptest::collection::vec((fate, proptest::collection::vec(0u8..4, 1..4)), 0..8)
}

async fn live_through(fixture: &Fixture, fates: &[(Fate, Vec<u8>)]) -> Vec<String> {
    let mut expected = Vec::new();
    let mut sink = fixture.open().unwrap();
    for (at, (fate, sizes)) in fates.iter().enumerate() {
        let texts: Vec<Vec<String>> = sizes
            .iter()
            .enumerate()
            .map(|(u, lines)| (0..*lines).map(|l| format!("{at}.{u}.{l}")).collect())
            .collect();
        let batch = || {
            let units = texts.iter().enumerate().map(|(u, texts)| {
                unit((at * 10 + u) as u64, &texts.iter().map(String::as_str).collect::<Vec<_>>())
            });
            commit(units.collect())
        };
        *fixture.ledger.plan.lock().unwrap() = match fate {
            Fate::Committed => None,
            Fate::Retried | Fate::DiesBefore(_) => Some(Plan::Refuse(FaultKind::StorageBusy)),
            Fate::DiesAfter => Some(Plan::TakeSilently),
        };
        let before = fixture.ledger.committed().map_or(0, |committed| committed.length);
        let mut first = batch();
        let failed = sink.commit(&cx(), &mut first).await.is_err();
        if let Fate::DiesBefore(share) = fate {
            drop(sink);
            let file = OpenOptions::new().write(true).open(fixture.path()).unwrap();
            let appended = file.metadata().unwrap().len() - before;
            file.set_len(before + appended * u64::from(*share) / 255).unwrap();
            sink = fixture.open().unwrap();
        } else if let Fate::DiesAfter = fate {
            drop(sink);
            sink = fixture.open().unwrap();
        }
        if failed && !matches!(fate, Fate::DiesAfter) {
            sink.commit(&cx(), &mut batch()).await.unwrap();
        }
        expected.extend(texts.into_iter().flatten());
    }
    sink.finish(&cx()).await.unwrap();
    expected
}

proptest! {
    // Each case waits for the disk a dozen times.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whenever_the_process_dies_every_line_is_there_once(fates in fates()) {
        let fixture = Fixture::new();
        let expected = block_on(live_through(&fixture, &fates));
        prop_assert_eq!(fixture.texts(), expected);
    }
}
