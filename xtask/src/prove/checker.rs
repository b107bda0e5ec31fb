//! Calls the checkers, which are small programs in another language that share no code with the store.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::{output, python};
use crate::tool::{finish, tail};

/// When a store is judged.
#[derive(Clone, Copy)]
pub(crate) enum When<'a> {
    /// After a run that ended: the store holds exactly the documents.
    Ended,
    /// After a kill: every document is there as it is, as it was (in this folder), or not yet or no more.
    Killed {
        /// The documents before the latest change.
        old: &'a Path,
    },
    /// After a run that was asked to stop: as after a kill, but its report must agree with what is durable.
    Stopped {
        /// The documents before the latest change.
        old: &'a Path,
    },
}

/// What a checker counted in a store it found sound.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// Vectors in the journal.
    pub(crate) journal: u64,
}

/// After which run a store and the log of its provider are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// One that ended: all that was sent is kept.
    Ended,
    /// One that was killed, when at most so many texts may have been in flight.
    Killed(u64),
}

/// What a judge counted of one run's calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paid {
    /// Requests.
    pub(crate) sent: u64,
    /// Different texts in them.
    pub(crate) texts: u64,
    /// Texts that were sent and are not in the journal.
    pub(crate) in_flight: u64,
    /// Texts that a run before had sent, and whose answer it had not kept.
    pub(crate) sent_again: u64,
    /// Texts sent again after a failed try.
    pub(crate) retried: u64,
    /// Texts sent a second time while the first try was under way.
    pub(crate) hedged: u64,
}

/// Judges a store.
pub(crate) fn store(store: &Path, docs: &Path, when: When<'_>) -> Result<Counted, String> {
    let mut command = python();
    command.arg("xtask/checker/check_store.py").arg(store).arg(docs);
    judge_when(&mut command, when);
    judge(&mut command)
}

/// Judges a store after several runs in a row were killed; `olds` are the documents before each change since the last
/// run that ended, the oldest first.
pub(crate) fn store_since(store: &Path, docs: &Path, olds: &[PathBuf]) -> Result<Counted, String> {
    let mut command = python();
    command.arg("xtask/checker/check_store.py").arg(store).arg(docs);
    for old in olds {
        command.arg("--old").arg(old);
    }
    judge(&mut command)
}

fn judge_when(command: &mut std::process::Command, when: When<'_>) {
    match when {
        When::Ended => {}
        When::Killed { old } => drop(command.arg("--old").arg(old)),
        When::Stopped { old } => drop(command.arg("--stopped").arg("--old").arg(old)),
    }
}

/// Judges what the latest run over a store paid for. Everything is in the folder `dir`: `log.jsonl` of the provider,
/// the store, and what the judge noted about the runs before. `steady` if nothing fails and nothing is hedged.
pub(crate) fn paid(dir: &Path, run: Run, steady: bool) -> Result<Paid, String> {
    let mut command = python();
    command.arg("xtask/checker/check_paid.py");
    command.args(["log.jsonl", "store.db", "seen.json"].map(|name| dir.join(name)));
    if let Run::Killed(most) = run {
        command.args(["--killed", "--in-flight", &most.to_string()]);
    }
    if steady {
        command.arg("--steady");
    }
    let verdict = verdict(&mut command)?;
    let count = |name: &str| verdict[name].as_u64().unwrap_or(0);
    Ok(Paid {
        sent: count("sent"),
        texts: count("texts"),
        in_flight: count("in_flight"),
        sent_again: count("sent_again"),
        retried: count("retried"),
        hedged: count("hedged"),
    })
}

/// Makes a store look as if a run on another machine had taken it over, and died since.
pub(crate) fn take_over(store: &Path) -> Result<(), String> {
    output(python().arg("xtask/checker/take_over.py").arg(store)).map(drop)
}

/// Judges the vectors of a store by asking the server at `url` again; how many texts it asked for.
pub(crate) fn real(store: &Path, (url, model, key): (&str, &str, &str)) -> Result<u64, String> {
    let mut command = python();
    command.arg("xtask/checker/check_real.py").arg(store).args([url, model]).env("OPENAI_API_KEY", key);
    verdict(&mut command).map(|verdict| verdict["asked"].as_u64().unwrap_or(0))
}

/// Judges what a JSON Lines sink wrote.
pub(crate) fn lines(out: &Path, docs: &Path) -> Result<Counted, String> {
    judge(python().arg("xtask/checker/check_jsonl.py").arg(out).arg(docs))
}

fn judge(command: &mut std::process::Command) -> Result<Counted, String> {
    verdict(command).map(|verdict| Counted { journal: verdict["journal"].as_u64().unwrap_or(0) })
}

/// What a checker that found nothing wrong says.
fn verdict(command: &mut std::process::Command) -> Result<Value, String> {
    let ran = finish(command)?;
    let verdict: Value = serde_json::from_str(&ran.stdout)
        .map_err(|_| format!("the checker itself failed: {}", tail(&ran.stderr)))?;
    let violations: Vec<&str> =
        verdict["violations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match (ran.code, violations.is_empty()) {
        (Some(0), true) => Ok(verdict),
        (Some(1), false) => Err(violations.join("; ")),
        _ => Err(format!("the checker contradicts itself: {}", tail(&ran.stdout))),
    }
}

#[cfg(test)]
mod tests {
    use crate::shell::{python, root};
    use crate::tool::finish;

    /// The checkers' own tests: each kind of damage, planted in a sound store, must be found.
    #[test]
    fn every_planted_damage_is_found() {
        let mut command = python();
        command.current_dir(root().join("xtask/checker")).args(["-m", "unittest", "-q"]);
        let ran = finish(&mut command).expect("python3 runs");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(!ran.stderr.contains("Ran 0 tests"), "{}", ran.stderr);
    }
}
