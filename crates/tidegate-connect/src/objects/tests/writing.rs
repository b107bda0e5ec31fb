use std::collections::BTreeSet;

use tidegate_core::{FaultKind, Sink as _, Unit};

use super::*;
use crate::objects::parts::Folder;
use crate::objects::sink::ObjectsSink;
use crate::tests::jsonl_sink::{Account, Plan, commit, unit};
use crate::{FieldSelection, JsonlOptions};

/// An output in a bucket, and the account of it.
struct Output {
    shop: Shop,
    ledger: Arc<Account>,
}

impl Output {
    async fn new() -> Self {
        Self { shop: Shop::of(&[("out/other.txt", "not ours")]).await, ledger: Arc::default() }
    }

    async fn open_with(&self, overwrite: bool) -> Result<ObjectsSink, Fault> {
        let place = Place::parse("s3://b/out/").unwrap();
        let bucket = Arc::new(Bucket::of(&place, Arc::new(self.shop.clone()), Arc::new(self.shop.clone())));
        let fields = FieldSelection::Only(vec!["text".into()]);
        let options = JsonlOptions { fields, overwrite, ..JsonlOptions::default() };
        let folder = Folder { bucket, prefix: "out/".to_owned() };
        ObjectsSink::over(folder, self.ledger.committed(), (self.ledger.clone(), options)).await
    }

    async fn open(&self) -> Result<ObjectsSink, Fault> {
        self.open_with(false).await
    }

    /// Lines that a reader finds, in order; every part that the manifest names must be there and hold what it says.
    async fn lines(&self) -> Vec<String> {
        let Ok(manifest) = self.object("out/manifest.json").await else { return Vec::new() };
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let mut lines = Vec::new();
        for part in manifest["parts"].as_array().unwrap() {
            let bytes = self.object(&format!("out/{}", part["name"].as_str().unwrap())).await.unwrap();
            assert_eq!(part["bytes"], bytes.len());
            assert_eq!(bytes.last(), Some(&b'\n'));
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(part["lines"], text.lines().count());
            lines.extend(text.lines().map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["text"].as_str().unwrap().to_owned()
            }));
        }
        assert_eq!(manifest["lines"], lines.len());
        lines
    }

    async fn object(&self, name: &str) -> object_store::Result<Bytes> {
        self.shop.memory.get(&Path::from(name)).await?.bytes().await
    }

    async fn names(&self) -> Vec<String> {
        let all: Vec<ObjectMeta> = self.shop.memory.list(None).map(Result::unwrap).collect().await;
        all.into_iter().map(|meta| meta.location.to_string()).collect()
    }

    /// Commits what the ledger does not have yet, two units at a time, up to the first fault.
    async fn go_on(&self, units: u64) -> Result<(), Fault> {
        let mut sink = self.open().await?;
        let missing: Vec<u64> =
            (0..units).filter(|at| !self.ledger.units.lock().unwrap().contains(at)).collect();
        for pair in missing.chunks(2) {
            sink.commit(&cx(), &mut commit(pair.iter().map(|at| wordy(*at)).collect())).await?;
        }
        sink.finish(&cx()).await
    }
}

/// A unit with some lines of its own.
fn wordy(at: u64) -> Unit {
    unit(at, &[&format!("{at}a"), &format!("{at}b")])
}

fn texts(units: impl IntoIterator<Item = u64>) -> BTreeSet<String> {
    units.into_iter().flat_map(|at| [format!("{at}a"), format!("{at}b")]).collect()
}

#[tokio::test]
async fn lines_are_parts_that_the_manifest_names() {
    let output = Output::new().await;
    output.go_on(5).await.unwrap();
    assert_eq!(output.lines().await, ["0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b", "4a", "4b"]);
    output.go_on(6).await.unwrap();
    assert_eq!(output.lines().await.len(), 12);
    assert!(output.names().await.contains(&"out/other.txt".to_owned()));
}

#[tokio::test]
async fn parts_are_bounded_and_hold_whole_lines() {
    let output = Output::new().await;
    let long = "y".repeat(9_000);
    let mut texts: Vec<String> = (0..100).map(|at| format!("{at} {}", "x".repeat(150))).collect();
    texts.push(long);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut sink = output.open().await.unwrap();
    // Some of it was too much for memory, and waits in a file.
    let mut large = unit(7, &texts[60..]);
    let early = unit(7, &texts[..60]);
    sink.stage(&cx(), 7, &early.records).await.unwrap();
    large.staged = 60;
    sink.commit(&cx(), &mut commit(vec![large])).await.unwrap();
    sink.finish(&cx()).await.unwrap();
    assert_eq!(output.lines().await, texts);
    assert!(output.names().await.len() > 4);
}

#[tokio::test]
async fn whatever_write_is_lost_no_line_is_lost_or_doubled() {
    for at in 0..14 {
        for after in [false, true] {
            let output = Output::new().await;
            *output.shop.dies.lock().unwrap() = Some((at, after));
            let died = output.go_on(6).await.is_err();
            // What readers see is true already, and nothing of it is taken back.
            let seen: BTreeSet<String> = output.lines().await.into_iter().collect();
            assert!(seen.is_subset(&texts(output.ledger.units.lock().unwrap().clone())));
            *output.shop.dies.lock().unwrap() = None;
            output.go_on(6).await.unwrap_or_else(|fault| panic!("write {at} lost ({after}): {fault}"));
            let lines = output.lines().await;
            assert_eq!(
                (lines.len(), lines.into_iter().collect::<BTreeSet<_>>()),
                (12, texts(0..6)),
                "{at} {after}"
            );
            // What nobody names was removed.
            let names = output.names().await;
            let manifest = output.object("out/manifest.json").await.unwrap();
            let manifest = String::from_utf8(manifest.to_vec()).unwrap();
            let named = |name: &&String| name.starts_with("out/part-") && !manifest.contains(&name[4..]);
            assert_eq!(names.iter().filter(named).count(), 0, "write {at} lost ({after}), died: {died}");
        }
    }
}

#[tokio::test]
async fn a_ledger_whose_answer_is_lost_has_its_lines_once() {
    for plan in [Plan::TakeSilently, Plan::Refuse(FaultKind::StorageBusy)] {
        for again in [true, false] {
            let output = Output::new().await;
            output.go_on(2).await.unwrap();
            let mut sink = output.open().await.unwrap();
            *output.ledger.plan.lock().unwrap() = Some(plan);
            let mut units = commit(vec![wordy(2), wordy(3)]);
            sink.commit(&cx(), &mut units).await.unwrap_err();
            if again {
                sink.commit(&cx(), &mut units).await.unwrap();
                sink.finish(&cx()).await.unwrap();
            }
            drop(sink);
            output.go_on(4).await.unwrap();
            let lines = output.lines().await;
            assert_eq!(
                (lines.len(), lines.into_iter().collect::<BTreeSet<_>>()),
                (8, texts(0..4)),
                "{plan:?} {again}"
            );
        }
    }
}

#[tokio::test]
async fn of_two_writers_one_stops() {
    let output = Output::new().await;
    output.go_on(2).await.unwrap();
    let mut first = output.open().await.unwrap();
    let mut second = output.open().await.unwrap();
    let fault = first.commit(&cx(), &mut commit(vec![wordy(2)])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded, "{fault}");
    second.commit(&cx(), &mut commit(vec![wordy(2)])).await.unwrap();
    second.finish(&cx()).await.unwrap();
    assert_eq!(output.lines().await, ["0a", "0b", "1a", "1b", "2a", "2b"]);
}

#[tokio::test]
async fn an_output_of_somebody_else_is_left_alone() {
    let output = Output::new().await;
    output.go_on(2).await.unwrap();
    let other = Output { shop: output.shop.clone(), ledger: Arc::default() };
    let fault = other.open().await.map(|_| ()).unwrap_err();
    assert!(
        fault.kind() == FaultKind::Guarded && fault.hint_text().unwrap().contains("overwrite"),
        "{fault}"
    );
    // Asked to, it takes the place of it, and nothing of the old one stays.
    let mut sink = other.open_with(true).await.unwrap();
    sink.commit(&cx(), &mut commit(vec![wordy(9)])).await.unwrap();
    sink.finish(&cx()).await.unwrap();
    assert_eq!(other.lines().await, ["9a", "9b"]);
    assert_eq!(other.names().await.len(), 3);
    // The one whose output it was notices.
    assert_eq!(output.open().await.map(|_| ()).unwrap_err().kind(), FaultKind::Guarded);
    output.shop.delete("out/manifest.json").await;
    assert_eq!(output.open().await.map(|_| ()).unwrap_err().kind(), FaultKind::Guarded);
}

#[tokio::test]
async fn an_output_without_lines_is_an_empty_manifest() {
    let output = Output::new().await;
    output.go_on(0).await.unwrap();
    assert!(output.lines().await.is_empty());
    output.object("out/manifest.json").await.unwrap();
}
