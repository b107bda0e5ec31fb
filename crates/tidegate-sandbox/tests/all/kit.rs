//! A pool of misbehaving children, and what to look at afterwards.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_core::Fault;
use tidegate_sandbox::{Job, Limits, Options, Part, Pool, Program};

/// The child's program: an example of this crate, which `cargo test` builds beside the tests.
pub(crate) fn misbehaving() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/misbehaving");
    assert!(
        path.exists(),
        "{} is missing: run the tests with `cargo test -p tidegate-sandbox`",
        path.display()
    );
    path
}

pub(crate) fn pool(children: usize) -> Pool {
    Pool::new(Program::new(misbehaving(), ["parser-child"]), Options { children, ..Options::default() })
}

pub(crate) fn limits() -> Limits {
    Limits { memory: 64 << 20, cpu: Duration::from_secs(20), wall: Duration::from_secs(30), output: 4 << 20 }
}

pub(crate) fn job(words: &str, limits: Limits) -> Job {
    Job {
        name: "dir/a.txt".to_owned(),
        format: "test".to_owned(),
        settings: "{}".to_owned(),
        bytes: words.to_owned().into(),
        limits,
    }
}

/// All answers: the parts before the fault, and the fault.
pub(crate) async fn ask(pool: &Pool, job: Job) -> (Vec<Part>, Option<Fault>) {
    let mut reply = pool.submit(job);
    let mut parts = Vec::new();
    while let Some(answer) = reply.next().await {
        match answer {
            Ok(part) => parts.push(part),
            Err(fault) => return (parts, Some(fault)),
        }
    }
    (parts, None)
}

/// The one text of a document that goes well.
pub(crate) async fn text(pool: &Pool, words: &str) -> String {
    let (parts, fault) = ask(pool, job(words, limits())).await;
    assert!(fault.is_none(), "{fault:?}");
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.into_iter().next().unwrap().result.unwrap().text
}

/// Children of this process that run the misbehaving program, zombies included.
pub(crate) fn children_of(parent: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // "PID (NAME) STATE PARENT …"; the name may hold anything.
        let after = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        if after.split_whitespace().nth(1) == Some(&parent.to_string()) {
            found.insert(pid);
        }
    }
    found
}
