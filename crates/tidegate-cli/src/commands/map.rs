//! `tidegate map`.

use tidegate::config::{Config, load_map};
use tidegate::{PlanOptions, Preview, preview};
use tidegate_core::report::Taken;
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::clean_block;

use crate::args::Global;
use crate::exit::Exit;
use crate::map_args::MapArgs;
use crate::out::Out;
use crate::running;
use crate::terminal::Terminal;

/// Asks models about every record of a data set, or shows what would be asked.
pub fn run(args: &MapArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let config = load_map(&args.job, args.options(global))?;
    if args.dry_run {
        return show(&config, args, global);
    }
    let planned = if args.plan { Some(planned(&config, args, terminal)?) } else { None };
    let asked = running::Asked { planned, tape: args.tape(), ..running::Asked::of(global) };
    running::run(&config, &asked, terminal)
}

/// What the run will take, which is also said.
fn planned(config: &Config, args: &MapArgs, terminal: &Terminal) -> Result<Taken, Fault> {
    if args.inputs == [std::path::PathBuf::from("-")] {
        return Err(Fault::new(FaultKind::Config, "what comes on standard input cannot be read twice")
            .hint("put it into a file, or leave --plan out"));
    }
    let options = PlanOptions { launcher: Some(super::parser_child::program()?), ..PlanOptions::default() };
    let plan = super::plan::looked(config, &options, terminal)?;
    terminal.say(super::plan::text_of((config, &plan), terminal.columns, terminal.paint_err).trim_end());
    Ok(plan.total)
}

fn show(config: &Config, args: &MapArgs, global: &Global) -> Result<Exit, Fault> {
    let count = args.limit.unwrap_or(1).try_into().unwrap_or(usize::MAX);
    let launcher = super::parser_child::program()?;
    let previews = running::runtime()?.block_on(preview(config, count, Some(&launcher)))?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&previews)?;
    } else {
        for preview in &previews {
            out.text(&text_of(preview))?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// A preview for people. What a record says must not move the cursor of whoever reads it.
fn text_of(preview: &Preview) -> String {
    let mut text = format!("# {}\n", clean_block(&preview.source));
    for asked in &preview.steps {
        text.push_str(&format!("\n## {} asks {}\n", asked.step, asked.model));
        let system = asked.system.iter().map(|said| ("system", said));
        let said = asked.messages.iter().map(|(role, said)| (role.as_str(), said));
        for (role, said) in system.chain(said) {
            text.push_str(&format!("\n[{role}]\n{}\n", clean_block(said)));
        }
    }
    if let Some(object) = &preview.becomes {
        text.push_str(&format!("\n{}\n", clean_block(object.trim())));
    }
    if let Some(why) = &preview.stopped {
        text.push_str(&format!("\n({})\n", clean_block(why)));
    }
    text.push('\n');
    text
}
