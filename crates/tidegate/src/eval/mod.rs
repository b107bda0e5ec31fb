//! How well searches find what people judged relevant.

mod judged;
mod measure;
#[cfg(test)]
mod tests;

use serde::Serialize;
use tidegate_core::{Fault, FaultKind};
use tidegate_store::search::{Hit, Mode};

use crate::index::{Index, SearchOptions};

pub use judged::Judgements;
pub use measure::{Figure, Figures};

use measure::{Scores, figures};

/// Hits asked for at first, and where these are of fewer than [`DEPTH`] documents. Chunks of one document count once.
const HITS: [usize; 2] = [250, 1_000];
/// The deepest rank that a figure looks at.
const DEPTH: usize = 100;

/// A question with the name that judgements know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The name.
    pub id: String,
    /// The words to search with.
    pub text: String,
}

/// What was measured of one way to search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The way.
    #[serde(serialize_with = "named")]
    pub mode: Mode,
    /// Whether a better model looked at the first hits once more.
    pub rescored: bool,
    /// Means over all questions that count, with their intervals.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The name that the command knows a way to search by.
#[must_use]
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Text => "text",
        Mode::Vector => "vector",
        Mode::Hybrid => "hybrid",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn named<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode_name(*mode))
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Questions that count: those with at least one document judged relevant.
    pub questions: usize,
    /// Questions that do not count, because nothing was judged relevant to them.
    pub without_judgement: usize,
    /// Documents judged relevant, over all questions that count.
    pub relevant: usize,
    /// Each way to search, in the order asked.
    pub modes: Vec<Measured>,
}

/// Searches for every question in each of `modes` and compares what is found with what was judged. `options` gives the
/// filter; its mode and limit are not used. Where hits are rescored, each mode is measured both ways. `watch` is told after each search how many of how many are done.
///
/// # Errors
/// [`FaultKind::Config`] if no question has a judgement; faults of [`Index::find`].
///
/// # Cancel safety
/// Safe; what was embedded by a provider until then is kept and not paid again.
pub async fn evaluate(
    index: &Index,
    (questions, judgements): (&[Labelled], &Judgements),
    (modes, options): (&[Mode], &SearchOptions),
    watch: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Evaluation, Fault> {
    let counted: Vec<&Labelled> =
        questions.iter().filter(|question| judgements.relevant(&question.id) > 0).collect();
    if counted.is_empty() {
        let why = "no question has a document that was judged relevant";
        let hint = "the first column of the judgements must hold the ids of the questions";
        return Err(Fault::new(FaultKind::Config, why).hint(hint));
    }
    let ways: &[bool] = if index.has_rescorer() && options.rescore { &[false, true] } else { &[false] };
    let ways: Vec<(Mode, bool)> =
        ways.iter().flat_map(|rescore| modes.iter().map(|mode| (*mode, *rescore))).collect();
    let (mut measured, total) = (Vec::with_capacity(ways.len()), ways.len() * counted.len());
    for (mode, rescored) in ways {
        let options = SearchOptions { mode, rescore: rescored, ..options.clone() };
        let mut scores = Vec::with_capacity(counted.len());
        for question in &counted {
            let grades = ranked(index, question, judgements, &options).await?;
            scores.push(Scores::of(&grades, &judgements.ideal(&question.id)));
            watch(measured.len() * counted.len() + scores.len(), total);
        }
        measured.push(Measured { mode, rescored, figures: figures(&scores) });
    }
    Ok(Evaluation {
        questions: counted.len(),
        without_judgement: questions.len() - counted.len(),
        relevant: counted.iter().map(|question| judgements.relevant(&question.id)).sum(),
        modes: measured,
    })
}

/// The grades of the first documents found, each document counted once, where it is first.
async fn ranked(
    index: &Index,
    question: &Labelled,
    judgements: &Judgements,
    options: &SearchOptions,
) -> Result<Vec<f64>, Fault> {
    let mut sources: Vec<String> = Vec::new();
    for limit in HITS {
        let options = SearchOptions { limit, ..options.clone() };
        let during = |fault: Fault| fault.during(format!("question {}", question.id));
        let found = index.find(&question.text, &options).await.map_err(during)?;
        sources = distinct(&found.hits);
        if sources.len() >= DEPTH || found.hits.len() < limit {
            break;
        }
    }
    Ok(judgements.grades(&question.id, sources.iter().take(DEPTH).map(String::as_str)))
}

fn distinct(hits: &[Hit]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    hits.iter().filter(|hit| seen.insert(hit.source.as_str())).map(|hit| hit.source.clone()).collect()
}
