//! `tidegate parser-child`: what the program is when it parses for another.

use std::process::ExitCode;

use tidegate::Program;
use tidegate_core::Fault;

use crate::exit::Exit;

/// What starts it.
const NAME: &str = "parser-child";

/// Parses what it is handed until nothing more comes.
pub fn run() -> ExitCode {
    let served = tidegate::parser_child();
    served.map_or_else(|fault| Exit::of_fault(&fault), |()| Exit::Done).into()
}

/// This program as a parser.
///
/// # Errors
/// The system does not say which program is running.
pub fn program() -> Result<Program, Fault> {
    Program::this([NAME])
}
