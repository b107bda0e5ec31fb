//! What a job will take, before it is run.

use std::fmt::Write as _;

use crate::clean::clean;
use crate::color::Paint;
use crate::journal::money;
use crate::table::{Column, table};
use crate::units::{count, counted, seconds};

/// A plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanView {
    /// Records there are.
    pub rows: u64,
    /// Whether these are documents.
    pub documents: bool,
    /// Of these, left out by a filter.
    pub left_out: u64,
    /// Each step that asks.
    pub steps: Vec<PlannedView>,
    /// All of them together.
    pub total: PlannedView,
    /// Records at fault.
    pub faults: u64,
    /// The first of them: which, and what is wrong.
    pub first_faults: Vec<(String, String)>,
    /// What may be spent; whether it suffices, where that is known; at about which record it is used up.
    pub budget: Option<(f64, Option<bool>, Option<u64>)>,
    /// What was assumed.
    pub notes: Vec<String>,
}

impl PlanView {
    /// What a record is called.
    fn noun(&self) -> &'static str {
        if self.documents { "document" } else { "row" }
    }
}

/// What a step will take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlannedView {
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// Records it asks about.
    pub records: u64,
    /// Records that it lets pass.
    pub passed: u64,
    /// Answered in the journal, or with the answer to another record.
    pub paid: u64,
    /// Calls to be sent.
    pub calls: u64,
    /// Tokens to be sent.
    pub input_tokens: u64,
    /// Tokens to be answered.
    pub output_tokens: u64,
    /// Money; `None` where no price is known.
    pub cost: Option<f64>,
    /// Seconds.
    pub seconds: f64,
    /// What makes it take as long.
    pub binding: String,
}

/// Renders a plan.
#[must_use]
pub fn plan(view: &PlanView, columns: usize, paint: Paint) -> String {
    let mut out = paint.bold(counted(view.rows, view.noun()));
    if view.left_out > 0 {
        let _ = write!(out, ", {} left out", count(view.left_out));
    }
    out.push('\n');
    if view.steps.is_empty() {
        out.push_str("no step asks a model: nothing is sent, nothing is paid\n");
    } else {
        let mut rows: Vec<Vec<String>> = view.steps.iter().map(row).collect();
        if view.steps.len() > 1 {
            rows.push(row(&view.total));
        }
        out.push('\n');
        out.push_str(&table(&HEADER, &rows, columns, paint));
    }
    budget(view, &mut out, paint);
    if !view.notes.is_empty() {
        let _ = writeln!(out, "\n{}", paint.dim("figures rest on"));
        for note in &view.notes {
            let _ = writeln!(out, "  {}", clean(note));
        }
    }
    faults(view, &mut out, paint);
    out
}

const HEADER: [(&str, Column); 10] = [
    ("STEP", Column::Left),
    ("RECORDS", Column::Right),
    ("PASSED", Column::Right),
    ("ALREADY PAID", Column::Right),
    ("CALLS", Column::Right),
    ("TOKENS IN", Column::Right),
    ("OUT", Column::Right),
    ("COST", Column::Right),
    ("TIME", Column::Right),
    ("BOUND BY", Column::Rest),
];

fn row(step: &PlannedView) -> Vec<String> {
    let time = if step.calls == 0 { "-".to_owned() } else { format!("about {}", seconds(step.seconds)) };
    vec![
        clean(&step.name).into_owned(),
        count(step.records),
        count(step.passed),
        count(step.paid),
        count(step.calls),
        count(step.input_tokens),
        count(step.output_tokens),
        step.cost.map_or_else(|| "?".to_owned(), money),
        time,
        clean(&step.binding).into_owned(),
    ]
}

fn budget(view: &PlanView, out: &mut String, paint: Paint) {
    let Some((most, suffices, row)) = view.budget else { return };
    let most = money(most);
    let told = match (suffices, row) {
        (Some(true), _) => paint.bold(format!("the budget of {most} suffices")),
        (Some(false), Some(row)) => paint.warn(format!(
            "the budget of {most} does not suffice: it is used up at about {} {}",
            view.noun(),
            count(row)
        )),
        (Some(false), None) => paint.warn(format!("the budget of {most} does not suffice")),
        (None, _) => {
            paint.warn(format!("whether the budget of {most} suffices is not known: a price is missing"))
        }
    };
    let _ = writeln!(out, "\n{told}");
}

fn faults(view: &PlanView, out: &mut String, paint: Paint) {
    if view.faults == 0 {
        return;
    }
    let were = if view.faults == 1 { "is" } else { "are" };
    let told =
        paint.warn(format!("{} {were} at fault, and would be put aside", counted(view.faults, view.noun())));
    let _ = writeln!(out, "\n{told}");
    for (source, message) in &view.first_faults {
        let _ = writeln!(out, "  {}: {}", clean(source), clean(message));
    }
    let more = view.faults.saturating_sub(view.first_faults.len() as u64);
    if more > 0 {
        let _ = writeln!(out, "  and {} more", count(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> PlannedView {
        PlannedView {
            name: name.to_owned(),
            model: "openai:gpt-4o-mini".to_owned(),
            records: 1_200,
            passed: 30,
            paid: 200,
            calls: 1_000,
            input_tokens: 123_456,
            output_tokens: 7_000,
            cost: Some(0.0227),
            seconds: 95.2,
            binding: "the limit of 600 requests a minute".to_owned(),
        }
    }

    #[test]
    fn a_plan_is_a_table_and_what_it_rests_on() {
        let view = PlanView {
            rows: 1_234,
            documents: false,
            left_out: 4,
            steps: vec![step("label"), PlannedView { cost: None, ..step("reply") }],
            total: PlannedView { binding: String::new(), ..step("all") },
            faults: 7,
            first_faults: vec![("in.jsonl#L4".to_owned(), "no \u{1b}json".to_owned())],
            budget: Some((0.01, Some(false), Some(540))),
            notes: vec!["label: answers of 7 tokens".to_owned()],
        };
        let text = plan(&view, usize::MAX, Paint::default());
        assert_eq!(
            text,
            "1,234 rows, 4 left out\n\n\
             STEP   RECORDS  PASSED  ALREADY PAID  CALLS  TOKENS IN    OUT   COST              TIME  BOUND BY\n\
             label    1,200      30           200  1,000    123,456  7,000  0.023  about 1 min 35 s  the limit of 600 requests a minute\n\
             reply    1,200      30           200  1,000    123,456  7,000      ?  about 1 min 35 s  the limit of 600 requests a minute\n\
             all      1,200      30           200  1,000    123,456  7,000  0.023  about 1 min 35 s\n\n\
             the budget of 0.010 does not suffice: it is used up at about row 540\n\n\
             figures rest on\n  label: answers of 7 tokens\n\n\
             7 rows are at fault, and would be put aside\n  in.jsonl#L4: no json\n  and 6 more\n"
        );
        let nothing = plan(&PlanView { rows: 1, ..PlanView::default() }, 80, Paint::default());
        assert_eq!(nothing, "1 row\nno step asks a model: nothing is sent, nothing is paid\n");
    }
}
