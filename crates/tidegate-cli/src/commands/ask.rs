//! `tidegate ask`.

use std::io::Write as _;

use serde::Serialize;
use tidegate::{Asked, Asker, Hit, SearchOptions};
use tidegate_core::report::Calls;
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::{clean_block, passages};

use crate::args::Global;
use crate::ask_args::AskArgs;
use crate::commands::search;
use crate::exit::Exit;
use crate::out::Out;
use crate::running;
use crate::terminal::Terminal;

/// Answers a question from what the store holds, in the words of a model, as they come.
pub fn run(args: &AskArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = args.overrides(global.store.clone());
    let resolved = tidegate::config::load(global.config.as_deref(), overrides)?;
    let options = SearchOptions {
        mode: search::mode(args.mode),
        limit: resolved.config.ask.passages,
        filter: search::filter(args.filter.as_deref(), &args.path)?,
        ..SearchOptions::default()
    };
    let question = args.question.join(" ");
    let asker = Asker::open(&resolved.config)?;
    let mut live = Live::default();
    let asked = running::runtime()?.block_on(async {
        let mut signals = running::Signals::listen()?;
        let mut speak = |text: &str| {
            if !global.json {
                live.speak(text);
            }
        };
        tokio::select! {
            biased;
            () = signals.next() => Err(Fault::new(FaultKind::Cancelled, "interrupted; what came is not kept")),
            asked = asker.ask(&question, &options, &mut speak) => asked,
        }
    });
    live.end();
    let asked = asked?;
    if global.json {
        let mut out = Out::stdout();
        out.json(&Shape::of(&asked))?;
        out.finish()?;
    } else {
        let cwd = std::env::current_dir().unwrap_or_default();
        let sources = asked.passages.iter().map(|hit| (hit.source.as_str(), hit.heading.as_slice()));
        let mut out = Out::stdout();
        out.text(&passages(sources, &asked.answer, (&cwd, terminal.columns, terminal.paint)))?;
        out.finish()?;
    }
    let model = &resolved.config.ask.model;
    if let Some(other) = &asked.elsewhere {
        terminal.say(&format!("{other} answered, because {model} could not be reached"));
    }
    if asked.stale {
        terminal.say(&format!("this answer is an old one, because {model} could not be reached"));
    }
    match &asked.incomplete {
        None => Ok(Exit::Done),
        Some(fault) => {
            let told = fault.clone().during("the answer is incomplete");
            terminal.fail(&told);
            Ok(Exit::Failed)
        }
    }
}

/// The words as they come, on standard output.
#[derive(Default)]
struct Live {
    spoke: bool,
    ended: bool,
}

impl Live {
    /// A reader that has gone does not keep the answer from being kept.
    fn speak(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(clean_block(text).as_bytes()).and_then(|()| out.flush());
        self.spoke = true;
        self.ended = text.ends_with('\n');
    }

    fn end(&self) {
        if self.spoke && !self.ended {
            let _ = std::io::stdout().lock().write_all(b"\n");
        }
    }
}

/// The stable shape of an answer.
#[derive(Serialize)]
struct Shape<'a> {
    answer: &'a str,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    passages: &'a [Hit],
    from_journal: bool,
    stale: bool,
    elsewhere: Option<&'a str>,
    calls: &'a Calls,
    took_ms: f64,
}

impl<'a> Shape<'a> {
    fn of(asked: &'a Asked) -> Self {
        Self {
            answer: &asked.answer,
            complete: asked.incomplete.is_none(),
            reason: asked.incomplete.as_ref().map(ToString::to_string),
            passages: &asked.passages,
            from_journal: asked.from_journal,
            stale: asked.stale,
            elsewhere: asked.elsewhere.as_deref(),
            calls: &asked.calls,
            took_ms: asked.took.as_secs_f64() * 1e3,
        }
    }
}
