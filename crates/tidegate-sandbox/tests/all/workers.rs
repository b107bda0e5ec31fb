//! Programs that work on records: real ones, good and bad.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tidegate_core::{Fault, FaultKind};
use tidegate_sandbox::{Program, Seen, Talk, WorkerOptions, Workers, find_tool};

use crate::kit::misbehaving;

/// A record goes out as "NUMBER RECORD", and comes back as "NUMBER ANSWER".
struct Numbered;

impl Talk for Numbered {
    type Line<'a> = &'a str;
    type Answer = String;

    fn write(&self, number: u64, record: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        if record == "unspeakable" {
            return Err(Fault::new(FaultKind::Malformed, "cannot be said"));
        }
        out.extend_from_slice(format!("{number} {record}\n").as_bytes());
        Ok(())
    }

    fn read<'a>(&self, line: &'a [u8]) -> Result<Seen<&'a str>, String> {
        let text = std::str::from_utf8(line).map_err(|_| "wrote no text".to_owned())?;
        let (number, line) = text.split_once(' ').ok_or_else(|| format!("wrote {text}"))?;
        let number = number.parse().map_err(|_| format!("wrote {text}"))?;
        Ok(Seen { number: Some(number), line })
    }

    fn take(&self, record: &str, line: &str) -> Result<String, Fault> {
        Ok(format!("{record} -> {line}"))
    }
}

fn options(name: &str, arguments: &[&str]) -> WorkerOptions {
    WorkerOptions {
        name: name.to_owned(),
        program: find_tool(name, std::env::var_os("PATH")).unwrap_or_else(|| panic!("there is no {name}")),
        arguments: arguments.iter().map(OsString::from).collect(),
        folder: "/".into(),
        processes: 2,
        timeout: Duration::from_secs(30),
        start: Duration::from_secs(30),
        longest: 1 << 20,
    }
}

fn pool(options: WorkerOptions) -> Workers<Numbered> {
    Workers::new(Program::new(misbehaving(), ["launcher"]), options, Numbered)
}

fn sh(script: &str) -> WorkerOptions {
    options("sh", &["-c", script])
}

/// A loop over lines that does `case` for some words, and answers all else.
fn each(case: &str) -> WorkerOptions {
    sh(&format!("while read -r n word; do case $word in {case} esac; echo \"$n $word $$\"; done"))
}

/// What becomes of these records, all asked about at once.
async fn ask(pool: &Workers<Numbered>, records: &[&str]) -> Vec<Result<String, Fault>> {
    join_all(records.iter().map(|record| pool.ask(Arc::from(*record)))).await
}

fn said(fault: &Fault) -> String {
    fault.chain().join(": ")
}

/// Of records all is answered but those of which `bad` says so; their faults.
async fn costs(options: WorkerOptions, bad: &str, count: usize) -> Vec<Fault> {
    let pool = pool(options);
    let records: Vec<String> =
        (0..count).map(|at| if at % 17 == 3 { bad.to_owned() } else { format!("r{at}") }).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let mut faults = Vec::new();
    for (record, result) in records.iter().zip(ask(&pool, &records).await) {
        match result {
            Ok(answer) => {
                assert!(*record != bad && answer.starts_with(&format!("{record} -> {record}")), "{answer}");
            }
            Err(fault) => {
                assert_eq!(*record, bad, "{fault}");
                faults.push(fault);
            }
        }
    }
    assert_eq!(faults.len(), (0..count).filter(|at| at % 17 == 3).count());
    faults
}

#[tokio::test]
async fn records_come_back_to_whoever_asked() {
    let pool = pool(options("cat", &[]));
    let records: Vec<String> = (0..3_000).map(|at| format!("r{at}")).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    for (record, answer) in records.iter().zip(ask(&pool, &records).await) {
        assert_eq!(answer.unwrap(), format!("{record} -> {record}"));
    }
    let long = "x".repeat(1 << 19);
    assert!(ask(&pool, &[&long, "y", &long]).await.iter().all(Result::is_ok));
    let unsaid = ask(&pool, &["a", "unspeakable", "b"]).await;
    assert!(unsaid[0].is_ok() && unsaid[2].is_ok());
    assert_eq!(unsaid[1].as_ref().unwrap_err().kind(), FaultKind::Malformed);
    drop(pool);
    let shuffled = "while read -r n a; do read -r m b || { echo \"$n $a\"; break; }; echo \"$m $b\"; echo \"$n $a\"; done";
    let one_line = Workers::new(
        Program::new(misbehaving(), ["launcher"]),
        WorkerOptions { processes: 1, timeout: Duration::from_millis(500), ..sh(shuffled) },
        Numbered,
    );
    // It waits for a second line, which a slow program is not given: that is a hang like any other.
    let late = ask(&one_line, &["a"]).await.remove(0).unwrap_err();
    assert_eq!(late.kind(), FaultKind::TooSlow, "{late}");
}

#[tokio::test]
async fn a_crash_costs_the_record_that_it_came_of() {
    for fault in costs(each("bad) echo first >&2; echo \"no such $word\" >&2; exit 3;;"), "bad", 100).await {
        assert_eq!(fault.kind(), FaultKind::Panic);
        let said = said(&fault);
        assert!(said.contains("exit status: 3") && said.contains("first\nno such bad"), "{said}");
    }
    for fault in costs(each("bad) kill -SEGV $$;;"), "bad", 40).await {
        assert!(fault.to_string().contains("signal 11"), "{fault}");
    }
    // It ends without a word, and closes its answers without ending.
    for script in ["bad) exit 0;;", "bad) exec >&-; read -r n;;"] {
        for fault in costs(each(script), "bad", 20).await {
            assert_eq!(fault.kind(), FaultKind::Panic, "{fault}");
        }
    }
}

#[tokio::test]
async fn a_record_is_not_judged_by_a_signal_from_outside_unless_it_comes_again() {
    for fault in costs(each("bad) kill -TERM $$;;"), "bad", 40).await {
        assert_eq!(fault.kind(), FaultKind::Panic);
        assert!(fault.to_string().contains("signal 15"), "{fault}");
    }
    let folder = tempfile::tempdir().unwrap();
    let once = format!("bad) mkdir {}/once 2>/dev/null && kill -TERM $$;;", folder.path().display());
    assert!(ask(&pool(each(&once)), &["bad"]).await.remove(0).unwrap().starts_with("bad -> bad "));
}

#[tokio::test]
async fn what_a_program_leaves_running_ends_with_the_pool() {
    for script in ["sleep 7402 & while read -r line; do echo \"$line\"; done", "sleep 7402 & exec cat"] {
        let pool = pool(sh(script));
        assert!(ask(&pool, &["a", "b"]).await.iter().all(Result::is_ok));
        drop(pool);
        gone("sleep 7402");
    }
}

#[tokio::test]
async fn a_hang_costs_the_record_that_it_came_of() {
    let hurried = WorkerOptions { timeout: Duration::from_millis(400), ..each("bad) sleep 7401;;") };
    for fault in costs(hurried, "bad", 20).await {
        assert_eq!(fault.kind(), FaultKind::TooSlow);
        assert!(fault.to_string().contains("sh did not answer within 400 ms"), "{fault}");
    }
    gone("sleep 7401");
}

#[tokio::test]
async fn what_is_no_answer_costs_the_record_that_it_came_of() {
    let check = async |case: &str, kind: FaultKind, words: &str| {
        for fault in costs(each(case), "bad", 40).await {
            assert_eq!(fault.kind(), kind, "{case}: {fault}");
            assert!(fault.to_string().contains(words), "{case}: {fault}");
        }
    };
    check("bad) echo gibberish;;", FaultKind::BadResponse, "wrote gibberish").await;
    check("bad) echo 999999 hello;;", FaultKind::BadResponse, "answers none of the records").await;
    check("bad) printf '\\377\\n';;", FaultKind::BadResponse, "wrote no text").await;
    check("bad) head -c 3000000 /dev/zero | tr '\\0' x;;", FaultKind::TooLarge, "longer than 1 MiB").await;
    // Complaints without end are no answers, and keep nobody from answering.
    let pool = pool(each("*) yes complaint | head -c 300000 >&2;;"));
    assert!(ask(&pool, &["a", "b", "c"]).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_program_that_ends_after_some_records_is_started_again() {
    let pool = pool(sh("for i in 1 2 3; do read -r n word || exit 0; echo \"$n $word\"; done"));
    let records: Vec<String> = (0..50).map(|at| format!("r{at}")).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    assert!(ask(&pool, &records).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_program_that_cannot_work_is_given_up() {
    let check = async |options: WorkerOptions, words: &[&str]| {
        let pool = pool(options);
        let records: Vec<String> = (0..300).map(|at| format!("r{at}")).collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let results = ask(&pool, &records).await;
        let stops = results.iter().filter_map(|result| result.as_ref().err());
        let stops: Vec<&Fault> = stops.filter(|fault| fault.kind() == FaultKind::Config).collect();
        assert!(stops.len() >= 285, "{} of {results:?}", stops.len());
        let said = said(stops[0]);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(pool.ask(Arc::from("later")).await.is_err());
    };
    let missing = "echo \"No module named 'torch'\" >&2; exit 1";
    check(sh(missing), &["started 3 times and read nothing", "No module named 'torch'", "exit status: 1"])
        .await;
    check(sh("echo loading; sleep 7402"), &["read nothing", "wrote loading"]).await;
    check(each("*) exit 1;;"), &["lost over 10 records in a row"]).await;
    check(each("*) echo \"$n $word\";;"), &["more lines than it reads", "a second line for a record"]).await;
    let deaf = WorkerOptions { start: Duration::from_millis(300), ..options("sleep", &["7403"]) };
    check(deaf, &["does not read its standard input", "within 300 ms"]).await;
    let mut none = options("cat", &[]);
    none.program = "/no/such/program".into();
    check(none, &["cannot be started"]).await;
    gone("sleep 7402");
    gone("sleep 7403");
}

#[tokio::test]
async fn the_environment_and_the_folder_are_as_where_it_was_started() {
    let folder = tempfile::tempdir().unwrap();
    let script = "read -r n word; echo \"$n $(pwd) $PYTHONUNBUFFERED ${TIDEGATE_LAUNCH-none} $PATH\"";
    let pool = pool(WorkerOptions { folder: folder.path().to_owned(), ..sh(script) });
    let answer = ask(&pool, &["a"]).await.remove(0).unwrap();
    let path = std::env::var("PATH").unwrap();
    let folder = folder.path().canonicalize().unwrap();
    assert_eq!(answer, format!("a -> {} 1 none {path}", folder.display()));
}

/// Nothing with these words in its command is there any more.
fn gone(words: &str) {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        assert!(!command.contains(words), "{command}");
    }
}

#[tokio::test]
async fn nothing_is_left_when_the_pool_is_gone() {
    let script = "sleep 7404 & while read -r n word; do echo \"$n $word\"; done; sleep 7404";
    let idle = pool(sh(script));
    assert!(ask(&idle, &["a", "b"]).await.iter().all(Result::is_ok));
    drop(idle);
    gone("sleep 7404");
    // In the middle of a record.
    let busy = pool(each("bad) sleep 7405;;"));
    tokio::select! {
        biased;
        results = ask(&busy, &["bad", "good"]) => panic!("{results:?}"),
        good = async { ask(&busy, &["good"]).await } => assert!(good[0].is_ok()),
    }
    drop(busy);
    gone("sleep 7405");
    // One that is told that nothing more comes may finish what it does.
    let folder = tempfile::tempdir().unwrap();
    let polite = WorkerOptions {
        folder: folder.path().to_owned(),
        ..sh("while read -r n word; do echo \"$n $word\"; done; echo done > last")
    };
    let polite = pool(WorkerOptions { processes: 1, ..polite });
    assert!(ask(&polite, &["a"]).await[0].is_ok());
    drop(polite);
    assert_eq!(std::fs::read_to_string(folder.path().join("last")).unwrap(), "done\n");
}
