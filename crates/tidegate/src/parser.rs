//! The parser in its child: what the child runs, and what it is limited to.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidegate_core::{Fault, FaultKind};
use tidegate_sandbox::{Limits, Listener, Options, Part, Pool, Program, Request};

use crate::config::{Config, Ocr};

/// Serves as a parser child of another tidegate, or becomes the program that parses for it: this is all that a program does that was started for it. The process
/// must have one thread, and must not have used standard input or output.
///
/// # Errors
/// It was not started by a parent that speaks to it.
pub fn parser_child() -> Result<(), Fault> {
    if let Some(fault) = tidegate_sandbox::launch() {
        return Err(fault);
    }
    tidegate_sandbox::serve(parse)
}

fn parse(request: &Request<'_>, listener: &mut dyn Listener) -> Result<(), Fault> {
    let limits = serde_json::from_str(request.settings)
        .map_err(|error| Fault::new(FaultKind::Unsupported, "limits of another version").cause(error))?;
    let from = tidegate_formats::Resume {
        done: request.from.done,
        after: request.from.after,
        lost: request.from.lost.clone(),
        output: request.from.output,
    };
    tidegate_formats::parse_from(request.name, request.bytes, (&limits, &from), &mut Told(listener))
}

/// Passes on what a parser tells.
struct Told<'a>(&'a mut dyn Listener);

impl tidegate_formats::Listener for Told<'_> {
    fn doing(&mut self, what: &str) {
        self.0.doing(what);
    }

    fn member(&mut self, number: u64, path: &str, what: &str) {
        self.0.member(number, path, what);
    }

    fn part(&mut self, part: tidegate_formats::Part) -> ControlFlow<()> {
        self.0.part(Part { path: part.path, format: part.format.to_owned(), result: part.result })
    }
}

/// The children that `config` allows, running `program`; none where either is missing.
pub(crate) fn children(config: &Config, program: Option<Program>) -> Option<Arc<Pool>> {
    let sandbox = &config.sandbox;
    let options = Options {
        children: width(config),
        documents: sandbox.documents,
        resident: sandbox.memory.bytes() / 2,
        ..Options::default()
    };
    program.filter(|_| sandbox.enabled).map(|program| Arc::new(Pool::new(program, options)))
}

/// Files that are parsed by other processes at once.
pub(crate) fn width(config: &Config) -> usize {
    match (config.sandbox.children, config.limits.cores) {
        (0, 0) => Options::default().children,
        (0, cores) => cores,
        (children, _) => children,
    }
}

/// What a file of `format` may cost: to the child, and to the parser in its own words.
pub(crate) fn limits(config: &Config, format: &str) -> (Limits, String) {
    let general = &config.sandbox;
    let own = config.formats.get(format).cloned().unwrap_or_default();
    let limits = Limits {
        memory: own.memory.unwrap_or(general.memory).bytes(),
        cpu: own.cpu.unwrap_or(general.cpu).duration(),
        wall: own.timeout.unwrap_or(general.timeout).duration(),
        output: own.max_output_bytes.unwrap_or(general.max_output_bytes).bytes(),
    };
    let parser = tidegate_formats::Limits {
        // What is larger was not let in; the parser holds what it unpacks to the same.
        max_bytes: u64::MAX,
        max_output_bytes: limits.output,
        max_unpacked_bytes: own.max_unpacked_bytes.unwrap_or(general.max_unpacked_bytes).bytes(),
        max_ratio: own.max_ratio.unwrap_or(general.max_ratio),
        max_pages: own.max_pages.unwrap_or(general.max_pages),
        max_entries: own.max_entries.unwrap_or(general.max_entries),
        max_depth: general.max_depth,
        max_nesting: general.max_nesting,
        keep_blank: own.ocr != Ocr::Off,
        ..tidegate_formats::Limits::default()
    };
    let settings = serde_json::to_string(&parser).expect("a struct of numbers is always JSON");
    (limits, settings)
}
