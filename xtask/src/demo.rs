//! The README's main job, as a newcomer sees it: build, index the shipped documents, ask them something.

use std::process::Command;

use crate::Done;
use crate::args::{Args, Spec};
use crate::readme::SOURCES;
use crate::shell::{cargo, root, run as shell_run};

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask demo [QUESTION…]

Builds the release binary, indexes the documents this repository ships (examples/corpus, docs and
ARCHITECTURE.md) into target/demo.db, and asks them a question. Prints the commands it runs.
",
    values: &[],
    flags: &[],
};

const QUESTION: &str = "how does a transaction survive a power failure";
const STORE: &str = "target/demo.db";

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let question = if args.words.is_empty() { QUESTION.to_owned() } else { args.words.join(" ") };
    show("cargo build --release --package tidegate-cli");
    shell_run(cargo().args(["build", "--release", "--package", "tidegate-cli"]))?;
    let mut index = vec!["index"];
    index.extend(SOURCES);
    tidegate(&index)?;
    tidegate(&["search", &question, "--limit", "3"])?;
    println!("\nThe binary is target/release/tidegate. Try it on a folder of your own:");
    println!("    target/release/tidegate index ~/some/folder");
    println!("    target/release/tidegate search \"what you want to know\"");
    Ok(())
}

fn tidegate(words: &[&str]) -> Done {
    let quoted =
        words.iter().map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() });
    show(&format!("target/release/tidegate {} --store {STORE}", quoted.collect::<Vec<_>>().join(" ")));
    let mut command = Command::new("target/release/tidegate");
    shell_run(command.current_dir(root()).args(words).args(["--store", STORE]))
}

fn show(line: &str) {
    println!("\n$ {line}");
}
