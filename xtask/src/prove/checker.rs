//! Calls the checkers, which are small programs in another language that share no code with the store.

use std::path::Path;

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

/// Judges a store.
pub(crate) fn store(store: &Path, docs: &Path, when: When<'_>) -> Result<Counted, String> {
    let mut command = python();
    command.arg("xtask/checker/check_store.py").arg(store).arg(docs);
    match when {
        When::Ended => {}
        When::Killed { old } => drop(command.arg("--old").arg(old)),
        When::Stopped { old } => drop(command.arg("--stopped").arg("--old").arg(old)),
    }
    judge(&mut command)
}

/// Makes a store look as if a run on another machine had taken it over, and died since.
pub(crate) fn take_over(store: &Path) -> Result<(), String> {
    output(python().arg("xtask/checker/take_over.py").arg(store)).map(drop)
}

/// Judges what a JSON Lines sink wrote.
pub(crate) fn lines(out: &Path, docs: &Path) -> Result<Counted, String> {
    judge(python().arg("xtask/checker/check_jsonl.py").arg(out).arg(docs))
}

fn judge(command: &mut std::process::Command) -> Result<Counted, String> {
    let ran = finish(command)?;
    let verdict: Value = serde_json::from_str(&ran.stdout)
        .map_err(|_| format!("the checker itself failed: {}", tail(&ran.stderr)))?;
    let violations: Vec<&str> =
        verdict["violations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match (ran.code, violations.is_empty()) {
        (Some(0), true) => Ok(Counted { journal: verdict["journal"].as_u64().unwrap_or(0) }),
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
