//! `tidegate doctor`.

use serde::Serialize;
use tidegate::config::{self, Overrides};
use tidegate::{Checked, doctor};
use tidegate_core::Fault;
use tidegate_observe::clean;

use crate::args::{DoctorArgs, Global};
use crate::commands::parser_child;
use crate::errors;
use crate::exit::Exit;
use crate::out::Out;
use crate::running;
use crate::terminal::Terminal;

/// What is looked at beside models: the store and the sandbox.
const BESIDE: usize = 2;

/// Checks what the configuration names: the store, and each model of a provider with one cheap call.
pub fn run(args: &DoctorArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides {
        store: global.store.clone(),
        embed: args.embed.clone(),
        ask: args.model.clone(),
        base_url: args.base_url.clone(),
        ..Overrides::default()
    };
    let config = config::load(global.config.as_deref(), overrides)?.config;
    let checked = running::runtime()?.block_on(doctor(&config, Some(parser_child::program()?)));
    let mut out = Out::stdout();
    if global.json {
        out.json(&checked.iter().map(Shape::of).collect::<Vec<_>>())?;
    } else {
        for one in &checked {
            out.text(&shown(one, terminal))?;
        }
        if checked.len() == BESIDE {
            out.text("no model of a provider is configured: everything runs on this machine\n")?;
        }
    }
    out.finish()?;
    let worst = checked.iter().find_map(|one| one.fault.as_ref()).map_or(Exit::Done, Exit::of_fault);
    Ok(worst)
}

fn shown(one: &Checked, terminal: &Terminal) -> String {
    let paint = terminal.paint;
    let mark = if one.fault.is_none() { paint.bold("ok") } else { paint.error("not ok") };
    let mut text = format!("{}  {mark}\n", paint.bold(clean(&one.subject)));
    for (name, value) in &one.facts {
        text.push_str(&format!("  {}{}\n", paint.dim(format!("{name:<12}")), clean(value)));
    }
    if let Some(fault) = &one.fault {
        for line in errors::render(fault, paint).lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// The stable shape of a check.
#[derive(Serialize)]
struct Shape<'a> {
    subject: &'a str,
    ok: bool,
    facts: Vec<Fact<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// What was found.
#[derive(Serialize)]
struct Fact<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> Shape<'a> {
    fn of(one: &'a Checked) -> Self {
        Self {
            subject: &one.subject,
            ok: one.fault.is_none(),
            facts: one.facts.iter().map(|(name, value)| Fact { name, value }).collect(),
            error: one.fault.as_ref().map(ToString::to_string),
            hint: one.fault.as_ref().and_then(Fault::hint_text),
        }
    }
}
