//! `tidegate bench`, and `tidegate debug calls`.

use serde::Serialize;
use tidegate::bench::{Advice, Bench, Estimate, Knee, Load, Trial, Way};
use tidegate::config::{self, Overrides};
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::{BenchView, TrialView, bench, count, money};

use crate::args::Global;
use crate::bench_args::{self, CallsArgs, ProviderArgs};
use crate::exit::Exit;
use crate::out::Out;
use crate::terminal::Terminal;

/// The knee is looked for up to so many times the calls in flight that were asked for.
const FURTHER: usize = 8;

/// Runs the bench.
pub fn run(command: &bench_args::Bench, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let bench_args::Bench::Provider(args) = command;
    let overrides =
        Overrides { budget: args.budget, spend_tokens: args.max_tokens, ..args.called.overrides() };
    let config = config::load(global.config.as_deref(), overrides)?.config;
    let at_once = args.concurrency as usize;
    let load = Load {
        calls: args.calls,
        at_once,
        tokens: args.tokens.0.clone(),
        answer_tokens: args.answer_tokens,
        patience: Some(args.patience.duration()),
        ..args.called.load()?
    };
    let model = load.model.to_string();
    let most = args.knee.then_some(at_once * FURTHER);
    let bench = Bench::fixed(&config, load, most.unwrap_or(0))?;
    let ways = ways(args);
    let estimate = bench.estimate(ways.len(), most)?;
    allow(&estimate, args, terminal)?;
    let benched = measure(&bench, &ways, most, terminal)?;
    let fault = benched.ways.iter().find_map(|trial| trial.fault.clone());
    tell(&model, &benched, (global, terminal))?;
    Ok(fault.map_or(Exit::Done, |fault| terminal.fail(&fault)))
}

/// The ways that were asked for, each once and from the plainest on.
fn ways(args: &ProviderArgs) -> Vec<Way> {
    let asked: Vec<Way> = args.way.iter().copied().map(Way::from).collect();
    Way::ALL.into_iter().filter(|way| asked.is_empty() || asked.contains(way)).collect()
}

/// Says what it will cost, and whether that is agreed.
fn allow(estimate: &Estimate, args: &ProviderArgs, terminal: &Terminal) -> Result<(), Fault> {
    let cost = match estimate.cost {
        Some(0.0) => "for nothing".to_owned(),
        Some(cost) => format!("for about {}", money(cost)),
        None => "at a price that is not known".to_owned(),
    };
    let plan =
        format!("up to {} calls with about {} tokens, {cost}", count(estimate.calls), count(estimate.tokens));
    if estimate.on_this_machine || args.yes {
        terminal.say(&plan);
        return Ok(());
    }
    Err(Fault::new(FaultKind::Config, format!("this sends {plan}"))
        .hint("add --yes to go on; --calls, --budget and --max-tokens make it less"))
}

/// What was found.
#[derive(Serialize)]
struct Benched {
    ways: Vec<Trial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    knee: Option<Knee>,
    advice: Advice,
}

fn measure(bench: &Bench, ways: &[Way], most: Option<usize>, terminal: &Terminal) -> Result<Benched, Fault> {
    let mut trials = Vec::with_capacity(ways.len());
    for way in ways {
        terminal.say(&format!("{way} …"));
        let trial = bench.run(*way)?;
        let over = trial.fault.is_some();
        trials.push(trial);
        if over {
            return Ok(Benched { advice: bench.advice(&trials, None), ways: trials, knee: None });
        }
    }
    let mut say = |at_once: usize| terminal.say(&format!("{at_once} at once …"));
    let knee = most.map(|most| bench.knee(most, &mut say)).transpose()?;
    Ok(Benched { advice: bench.advice(&trials, knee.as_ref()), ways: trials, knee })
}

fn tell(model: &str, benched: &Benched, (global, terminal): (&Global, &Terminal)) -> Result<(), Fault> {
    let mut out = Out::stdout();
    if global.json {
        out.json(benched)?;
        return out.finish();
    }
    let snippet = benched.advice.toml();
    let view = BenchView {
        model,
        ways: benched.ways.iter().map(|trial| view(trial, trial.way.name().to_owned())).collect(),
        steps: benched
            .knee
            .iter()
            .flat_map(|knee| &knee.steps)
            .map(|it| view(it, it.at_once.to_string()))
            .collect(),
        enough: benched.knee.as_ref().map(|knee| knee.at_once),
        snippet: (!benched.advice.settings.is_empty()).then_some(&*snippet),
    };
    out.text(&bench(&view, terminal.columns, terminal.paint))?;
    out.finish()
}

fn view(trial: &Trial, name: String) -> TrialView {
    TrialView {
        name,
        calls: trial.calls,
        lost: trial.lost,
        seconds: trial.seconds,
        per_second: trial.per_second,
        percentiles_ms: [trial.p50_ms, trial.p95_ms, trial.p99_ms],
        first_text_ms: trial.first_text_ms.map(|first| first[0]),
        retried: trial.retried,
        hedged: trial.hedged,
        failures: trial.failures.iter().map(|(kind, many)| (kind.clone(), *many)).collect(),
        cpu_us: trial.cpu_us_per_call,
        memory_bytes: trial.memory_peak_bytes,
        connections: trial.connections,
        files: trial.files,
    }
}

/// Makes one load in one way and prints what came of it as a line of JSON.
pub fn calls(args: &CallsArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let config = config::load(global.config.as_deref(), args.called.overrides())?.config;
    let load = Load {
        calls: args.calls,
        at_once: args.at_once,
        tokens: args.tokens.0.clone(),
        batch: args.batch,
        answer_tokens: args.answer_tokens,
        seed: args.seed,
        patience: None,
        poison_every: args.poison,
        exact: true,
        ..args.called.load()?
    };
    let mut bench = Bench::new(&config, load)?;
    if let Some(journal) = &args.journal {
        bench = bench.keeping(&journal.display().to_string())?;
    }
    let trial = bench.run(args.way.into())?;
    let mut out = Out::stdout();
    out.json(&trial)?;
    out.finish()?;
    Ok(trial.fault.as_ref().map_or(Exit::Done, |fault| terminal.fail(fault)))
}
