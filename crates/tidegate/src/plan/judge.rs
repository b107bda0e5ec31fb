//! From what was counted to what it means: money, time, and whether the budget suffices.

use tidegate_core::Fault;
use tidegate_core::report::Taken;
use tidegate_model::Price;

use super::pace::{self, Load};
use super::past::Past;
use super::walk::{Asking, Walk};
use super::{Allowance, Faults, Plan, PlanOptions, PlannedRows, PlannedStep};
use crate::config::{Config, Map, Source};
use crate::services::{Reached, Services};

/// How long a call is thought to take where nothing is known: until it begins to answer, and for each token.
const BEGINS: f64 = 0.5;
const TOKEN: f64 = 0.02;
/// Points of a curve at most.
const POINTS: usize = 1_024;
/// The share of a limit that lanes use.
const SHARE: f64 = 0.995;

/// What was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    /// Records there are.
    pub(super) total: u64,
    /// Of these, taken through the steps (all, unless there is a sample).
    pub(super) read: u64,
    /// Of a sample: those that could not be read, and are not among those that were taken through the steps.
    pub(super) aside: u64,
}

impl Looked {
    /// How many records each that was looked at stands for.
    fn scale(&self) -> f64 {
        (self.total - self.aside) as f64 / (self.read.max(1)) as f64
    }
}

/// Calls so far, and their tokens as they are counted here.
type Sums = (f64, f64);

/// How calls and tokens add up over the records, for the record at which a budget ends.
#[derive(Debug, Default)]
pub(super) struct Curve {
    /// Records so far, and what there is of each step so far.
    points: Vec<(u64, Vec<Sums>)>,
}

impl Curve {
    /// Takes note of how far `walk` is after so many records.
    pub(super) fn note(&mut self, rows: u64, walk: &Walk) {
        self.points.push((rows, walk.asking().map(|step| (step.tally.calls, step.tally.counted)).collect()));
        if self.points.len() > 2 * POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The record at which `cost` of calls and tokens reaches `money`.
    fn reaches(&self, money: f64, cost: impl Fn(&[Sums]) -> f64) -> Option<u64> {
        let mut before = (0, 0.0);
        for (rows, sums) in &self.points {
            let now = (*rows, cost(sums));
            if now.1 > money {
                let part = (money - before.1) / (now.1 - before.1);
                return Some(before.0 + ((now.0 - before.0) as f64 * part) as u64 + 1);
            }
            before = now;
        }
        None
    }
}

/// A step with what its model costs.
struct Priced<'a> {
    asking: &'a Asking,
    price: Option<Price>,
}

impl Priced<'_> {
    /// What so many calls use that are counted as `counted` tokens here: sent, answered, and their cost.
    fn of(&self, (calls, counted): Sums) -> (f64, f64, Option<f64>) {
        let learned = &self.asking.learned;
        let (input, output) = (learned.input_tokens(counted), calls * learned.output_tokens());
        (input, output, self.price.map(|price| price.of(&learned.usage(input, output))))
    }
}

/// What figures are made from, beside what was counted.
pub(super) struct Judge<'a> {
    pub(super) config: &'a Config,
    pub(super) map: &'a Map,
    pub(super) services: &'a Services,
    pub(super) past: &'a Past,
    pub(super) options: &'a PlanOptions,
    pub(super) looked: Looked,
}

/// A step, judged.
struct Judged<'a> {
    planned: PlannedStep,
    load: Load,
    priced: Priced<'a>,
    notes: Vec<String>,
}

impl Judge<'_> {
    /// Puts together what a plan says.
    ///
    /// # Errors
    /// As reaching the models.
    pub(super) fn plan(&self, walk: &Walk, curve: &Curve) -> Result<Plan, Fault> {
        let mut plan = Plan { rows: self.rows(walk), faults: self.faults(walk), ..Plan::default() };
        let (mut loads, mut priced) = (Vec::new(), Vec::new());
        for asking in walk.asking() {
            let Some(judged) = self.step(asking)? else { continue };
            plan.steps.push(judged.planned);
            plan.notes.extend(judged.notes);
            loads.push(judged.load);
            priced.push(judged.priced);
        }
        let pace = pace::of_all(&loads);
        plan.total = total(&plan.steps, pace.seconds);
        plan.priced = plan.steps.iter().all(|step| step.cost.is_some() || step.records == 0);
        plan.binding = pace.binding;
        plan.margin = (self.options.sample > 0).then(|| margin(walk.spread, self.looked));
        plan.budget = allowance(self.config.limits.budget, &plan, (curve, &priced));
        self.note_all(&mut plan);
        Ok(plan)
    }

    /// So many of those that were looked at, of all.
    fn scaled(&self, n: f64) -> u64 {
        whole(n * self.looked.scale())
    }

    fn rows(&self, walk: &Walk) -> PlannedRows {
        let Looked { total, read, .. } = self.looked;
        PlannedRows { total, read, left_out: self.scaled(walk.left_out as f64) }
    }

    fn faults(&self, walk: &Walk) -> Faults {
        let aside = self.looked.aside;
        let count = aside + self.scaled((walk.faults.count - aside) as f64);
        Faults { count, first: walk.faults.first.clone() }
    }

    fn step<'a>(&self, asking: &'a Asking) -> Result<Option<Judged<'a>>, Fault> {
        let step = &self.map.steps[asking.step];
        let Some(ask) = &step.ask else { return Ok(None) };
        let (reached, tally, scale) = (self.services.reach(&ask.model)?, asking.tally, self.looked.scale());
        let priced = Priced { asking, price: reached.service.prices() };
        let (input, output, cost) = priced.of((tally.calls * scale, tally.counted * scale));
        let lane = reached.lane.name().to_string();
        let most = self.config.most_in_flight(&ask.model) as f64;
        let found = self.past.in_flight(&lane).filter(|_| reached.adapts());
        let load = Load {
            calls: tally.calls * scale,
            input,
            output,
            room: tally.room * scale,
            latency: self.latency(&lane, asking.learned.output_tokens()),
            at_once: if ask.concurrency > 0 { ask.concurrency as f64 } else { most },
            in_flight: found.map_or(most, |found| f64::from(found.max(1)).min(most)),
            adapts: reached.adapts(),
            limits: reached.lane.view().limits.iter().map(|view| view.limit).collect(),
            share: SHARE,
            lane,
        };
        let pace = pace::of_step(&load);
        let planned = PlannedStep {
            step: step.name.clone(),
            model: ask.model.to_string(),
            records: self.scaled(tally.records as f64),
            passed: self.scaled(tally.passed as f64),
            paid: self.scaled(tally.paid as f64),
            repeated: self.scaled((tally.records - tally.paid) as f64 - tally.calls),
            calls: whole(load.calls),
            input_tokens: whole(input),
            output_tokens: whole(output),
            cost,
            seconds: pace.seconds,
            binding: pace.binding,
        };
        let notes =
            if planned.calls > 0 { self.notes(&planned, (asking, &load), &reached) } else { Vec::new() };
        Ok(Some(Judged { planned, load, priced, notes }))
    }

    fn latency(&self, lane: &str, output: f64) -> f64 {
        match (self.options.latency, self.past.latency(lane)) {
            (Some(said), _) => said.as_secs_f64(),
            (None, Some(known)) => known,
            (None, None) => BEGINS + TOKEN * output,
        }
    }

    /// What a step's figures rest on.
    fn notes(&self, step: &PlannedStep, (asking, load): (&Asking, &Load), reached: &Reached) -> Vec<String> {
        let (learned, model, known) = (&asking.learned, &step.model, self.past.latency(&load.lane));
        let mut notes = vec![learned.told()];
        if learned.guesses() {
            let how = "say how long answers are with --output-tokens, or run the job with --limit 20 first";
            notes.push(how.to_owned());
        }
        if !reached.counts_exactly() {
            notes.push(match learned.answers {
                0 => format!(
                    "how {model} counts tokens is not known: those sent are estimated, rather too high"
                ),
                known => {
                    format!("tokens sent are counted as {known} answers in the journal say that {model} does")
                }
            });
        }
        match (self.options.latency, known) {
            (Some(_), _) => {}
            (None, Some(known)) => {
                notes.push(format!("calls of {:.0} ms, as in the latest run", known * 1e3));
            }
            (None, None) => {
                notes.push(format!("calls of {:.1} s: an assumption; say --latency", load.latency));
            }
        }
        if reached.adapts() && self.past.in_flight(&load.lane).is_none() {
            notes.push(format!("{:.0} requests in flight, if the service bears as many", load.in_flight));
        }
        if step.cost.is_none() {
            notes.push(format!(
                "no price of {model} is known: give one in the file that prices in [limits] names"
            ));
        }
        notes.into_iter().map(|note| format!("{}: {note}", step.step)).collect()
    }

    /// What the figures of the whole rest on.
    fn note_all(&self, plan: &mut Plan) {
        if let Some(margin) = plan.margin {
            plan.notes.push(format!(
                "a sample: {} of {} {} were looked at; 95 times of 100 the tokens sent differ by less than {:.1} %",
                self.looked.read,
                self.looked.total,
                if matches!(self.config.source, Source::Files(_)) { "documents" } else { "rows" },
                margin * 1e2
            ));
        }
        if plan.steps.len() > 1 && plan.steps[..plan.steps.len() - 1].iter().any(|step| step.calls > 0) {
            let later = "later steps see answers of earlier ones: where the journal has none, others stood in for them";
            plan.notes.push(later.to_owned());
        }
    }
}

fn whole(n: f64) -> u64 {
    n.round().max(0.0) as u64
}

/// All steps together.
fn total(steps: &[PlannedStep], seconds: f64) -> Taken {
    Taken {
        calls: steps.iter().map(|step| step.calls).sum(),
        input_tokens: steps.iter().map(|step| step.input_tokens).sum(),
        output_tokens: steps.iter().map(|step| step.output_tokens).sum(),
        cost: steps.iter().filter_map(|step| step.cost).sum(),
        seconds,
    }
}

/// By which share a sum over all records may differ from that over a sample, times the records each stands for.
fn margin((n, sum, squares): (f64, f64, f64), looked: Looked) -> f64 {
    if n < 2.0 || sum <= 0.0 {
        return 0.0;
    }
    let mean = sum / n;
    let variance = ((squares - n * mean * mean) / (n - 1.0)).max(0.0);
    let unseen = (1.0 - n / looked.total.max(1) as f64).max(0.0);
    1.96 * (variance / n * unseen).sqrt() / mean
}

fn allowance(money: Option<f64>, plan: &Plan, (curve, priced): (&Curve, &[Priced<'_>])) -> Option<Allowance> {
    let money = money?;
    if money == 0.0 && !plan.priced {
        // A call of unknown price is not sent where nothing may be paid.
        let unknown = plan.steps.iter().any(|step| step.cost.is_none() && step.calls > 0);
        return Some(Allowance {
            money,
            suffices: Some(!unknown && plan.total.cost <= 0.0),
            stops_at_row: None,
        });
    }
    if !plan.priced {
        return Some(Allowance { money, suffices: None, stops_at_row: None });
    }
    let suffices = plan.total.cost <= money;
    let cost =
        |sums: &[Sums]| -> f64 { priced.iter().zip(sums).filter_map(|(step, sums)| step.of(*sums).2).sum() };
    // Of a sample nobody knows how its records follow each other but evenly.
    let evenly = || (plan.rows.total as f64 * money / plan.total.cost) as u64 + 1;
    let row = || curve.reaches(money, cost).unwrap_or_else(evenly).min(plan.rows.total);
    Some(Allowance { money, suffices: Some(suffices), stops_at_row: (!suffices).then(row) })
}
