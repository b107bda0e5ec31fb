//! The command `tidegate`: arguments in, exit code out.
//!
//! This crate must not contain anything a program using the library would miss: it parses arguments, calls the
//! library, and renders through `tidegate-observe`.

#![deny(unsafe_code)] // `allocator` alone is allowed it, for two calls
#![expect(
    unreachable_pub,
    reason = "nothing in a binary is reachable from outside; `pub` means: for the other modules"
)]

mod adapt_args;
mod allocator;
mod args;
mod ask_args;
mod bench_args;
mod commands;
mod errors;
mod eval_args;
mod exit;
mod help;
mod index_args;
mod map_args;
mod out;
mod plan_args;
mod query_file;
mod regenerating;
mod running;
mod schema_args;
mod search_args;
mod tape_args;
mod terminal;
mod typed;

use std::process::ExitCode;

use clap::Parser as _;
use tidegate_core::Fault;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    allocator::set();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for and go to standard output; a reader that has gone does not matter.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    if matches!(cli.command, Command::ParserChild) {
        return commands::parser_child::run(); // before anything else is set up: it is about to be locked in
    }
    let terminal = Terminal::new(&cli.global);
    let result = dispatch(&cli, &terminal);
    result.unwrap_or_else(|fault| terminal.fail(&fault)).into()
}

/// Runs the command. Every command is one function that takes its arguments and says how it ended.
fn dispatch(cli: &Cli, terminal: &Terminal) -> Result<Exit, Fault> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(args) => commands::init::run(args, terminal),
        Command::Schema(args) => commands::schema::run(args),
        Command::Config(args) => commands::config::run(args, global, terminal),
        Command::Completions(args) => commands::completions::run(args),
        Command::Bench(command) => commands::bench::run(command, global, terminal),
        Command::Debug(args::Debug::Calls(args)) => commands::bench::calls(args, global, terminal),
        Command::Debug(args::Debug::Killpoints) => commands::killpoints::run(),
        Command::Index(args) => commands::index::run(args, global, terminal),
        Command::Search(args) => commands::search::run(args, global, terminal),
        Command::Ask(args) => commands::ask::run(args, global, terminal),
        Command::Eval(args) => commands::eval::run(args, global, terminal),
        Command::Adapt(args) => commands::adapt::run(args, global, terminal),
        Command::Map(args) => commands::map::run(args, global, terminal),
        Command::Plan(args) => commands::plan::run(args, global, terminal),
        Command::Run(args) => commands::run::run(args, global, terminal),
        Command::ParserChild => Ok(Exit::Usage), // ran before anything was set up
        Command::Status => commands::status::run(global, terminal),
        Command::Journal(args) => commands::journal::run(args, global, terminal),
        Command::Generations(args) => commands::generations::run(args, global, terminal),
        Command::Model(args) => commands::model::run(args, global, terminal),
        Command::Doctor(args) => commands::doctor::run(args, global, terminal),
        Command::MockProvider(args) => commands::mock_provider::run(args, terminal),
        Command::Quarantine(args) => commands::quarantine::run(args, global, terminal),
    }
}
