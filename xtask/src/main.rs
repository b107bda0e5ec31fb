//! The project's own tasks: demo, test, tidy, corpus, bench, fuzz, prove.
//!
//! This crate must not contain anything a user of tidegate needs: it builds, runs, measures and judges the other
//! crates from outside, through their commands, and knows none of their internals.

#![forbid(unsafe_code)]
// A command-line tool for developers: its output is its purpose.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

mod args;
mod bench;
mod corpus;
mod demo;
mod emulators;
mod fuzz;
mod measure;
mod need;
mod prove;
mod random;
mod readme;
mod shell;
mod steps;
mod test;
mod tidy;
mod tool;

/// What every task returns: nothing, or what went wrong and what to do about it.
type Done = Result<(), String>;

const HELP: &str = "\
The project's own tasks.

    cargo xtask demo   [QUESTION…]         build it, index the shipped documents, ask them something
    cargo xtask test   [--fast] [CRATE…]   everything that must pass before a change is merged
    cargo xtask tidy   [--quick]           crate arrows, formatting, lints, licences, floors, house rules
    cargo xtask corpus [--out DIR]         gather real documents of this machine to measure on
    cargo xtask bench  [NAME…]             measure, beside peers where there are any
    cargo xtask fuzz   [TARGET…]           feed every parser with damaged files, or with --libfuzzer
                                           look for inputs that reach new code
    cargo xtask prove  crash|calls|sim|manifest|hostile|real
                                           kill it at every point, also while it calls a provider; run it
                                           in simulated worlds, on a web that misbehaves and on hostile
                                           files; use it with a server not written here

`cargo xtask TASK --help` says more about each.
";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.is_empty() || matches!(words[0].as_str(), "--help" | "-h" | "help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let task = words.remove(0);
    let done = match task.as_str() {
        "demo" => demo::run(words),
        "test" => test::run(words),
        "tidy" => tidy::run(words),
        "corpus" => corpus::run(words),
        "bench" => bench::run(words),
        "fuzz" => fuzz::run(words),
        "prove" => prove::run(words),
        other => Err(format!("there is no task `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
