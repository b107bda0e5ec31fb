//! `tidegate plan`.

use tidegate::config::{Config, Source, load_map};
use tidegate::{Plan, PlanOptions, PlannedStep, plan};
use tidegate_core::Fault;
use tidegate_observe::{Counting, PlanView, PlannedView};

use crate::args::Global;
use crate::exit::Exit;
use crate::out::Out;
use crate::plan_args::PlanArgs;
use crate::running;
use crate::terminal::Terminal;

/// Says what a map job will take.
pub fn run(args: &PlanArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let config = load_map(&args.job, args.job(global))?;
    let plan = looked(&config, &args.options()?, terminal)?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&plan)?;
    } else {
        out.text(&text_of((&config, &plan), terminal.columns, terminal.paint))?;
    }
    out.finish()?;
    Ok(exit_of(&plan))
}

/// The plan, while it is shown how far it has come.
pub fn looked(config: &Config, options: &PlanOptions, terminal: &Terminal) -> Result<Plan, Fault> {
    let what = if reads_documents(config) { "documents looked at" } else { "rows looked at" };
    let mut progress = Counting::start(what, terminal.progress, &terminal.stderr);
    running::runtime()?.block_on(plan(config, options, &mut |rows| progress.so_far(rows)))
}

/// The plan of a job for people.
pub fn text_of((config, plan): (&Config, &Plan), columns: usize, paint: tidegate_observe::Paint) -> String {
    let view = PlanView { documents: reads_documents(config), ..view(plan) };
    tidegate_observe::plan(&view, columns, paint)
}

fn reads_documents(config: &Config) -> bool {
    matches!(config.source, Source::Files(_))
}

fn exit_of(plan: &Plan) -> Exit {
    let short = plan.budget.is_some_and(|budget| budget.suffices == Some(false));
    match plan.faults.count {
        _ if short => Exit::Budget,
        0 => Exit::Done,
        _ => Exit::Quarantined,
    }
}

fn view(plan: &Plan) -> PlanView {
    let sum = |of: fn(&PlannedStep) -> u64| plan.steps.iter().map(of).sum();
    let total = PlannedView {
        name: "all".to_owned(),
        model: String::new(),
        records: sum(|step| step.records),
        passed: sum(|step| step.passed),
        paid: sum(|step| step.paid + step.repeated),
        calls: plan.total.calls,
        input_tokens: plan.total.input_tokens,
        output_tokens: plan.total.output_tokens,
        cost: plan.priced.then_some(plan.total.cost),
        seconds: plan.total.seconds,
        binding: plan.binding.clone(),
    };
    let faults = plan.faults.first.iter();
    PlanView {
        rows: plan.rows.total,
        documents: false,
        left_out: plan.rows.left_out,
        steps: plan.steps.iter().map(step_view).collect(),
        total,
        faults: plan.faults.count,
        first_faults: faults.map(|fault| (fault.source.clone(), fault.message.clone())).collect(),
        budget: plan.budget.map(|budget| (budget.money, budget.suffices, budget.stops_at_row)),
        notes: plan.notes.clone(),
    }
}

fn step_view(step: &PlannedStep) -> PlannedView {
    PlannedView {
        name: step.step.clone(),
        model: step.model.clone(),
        records: step.records,
        passed: step.passed,
        paid: step.paid + step.repeated,
        calls: step.calls,
        input_tokens: step.input_tokens,
        output_tokens: step.output_tokens,
        cost: step.cost,
        seconds: step.seconds,
        binding: step.binding.clone(),
    }
}
