//! `tidegate eval`.

use tidegate::config;
use tidegate::eval::{Evaluation, Figures, Judgements, Labelled, evaluate, mode_name};
use tidegate::{Index, Mode, SearchOptions};
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::{Counting, EvaluationView, MeasuredView, evaluation};

use crate::args::Global;
use crate::commands::search;
use crate::eval_args::EvalArgs;
use crate::exit::Exit;
use crate::out::Out;
use crate::query_file::{Questions, open};
use crate::running::runtime;
use crate::terminal::Terminal;

/// Searches for questions whose answers are known, and says how many were found.
pub fn run(args: &EvalArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    if args.queries == args.qrels {
        let why = "questions and judgements must be two files";
        return Err(Fault::new(FaultKind::Config, why).hint("tidegate eval QUERIES QRELS"));
    }
    let questions = questions(args)?;
    let judgements = Judgements::read(open(&args.qrels)?, &args.qrels.display().to_string())?;
    let overrides = args.rescore.overrides(global.store.clone());
    let resolved = config::load(global.config.as_deref(), overrides)?;
    let index = Index::open_with(&resolved.config.store.url, &resolved.config)?;
    let filter = search::filter(args.filter.as_deref(), &args.path)?;
    let options = SearchOptions { filter, ..SearchOptions::default() };
    let mut progress = Counting::start("searches", terminal.progress, &terminal.stderr);
    let found = runtime()?.block_on(evaluate(
        &index,
        (&questions, &judgements),
        (&modes(args), &options),
        &mut |done, all| progress.at(done, all),
    ))?;
    drop(progress);
    let mut out = Out::stdout();
    if global.json {
        out.json(&found)?;
    } else {
        out.text(&evaluation(&view(&found), terminal.columns, terminal.paint))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn questions(args: &EvalArgs) -> Result<Vec<Labelled>, Fault> {
    let mut lines = Questions::open(&args.queries)?;
    let mut questions = Vec::new();
    while let Some(question) = lines.next()? {
        questions.push(Labelled { id: question.name(), text: question.text });
    }
    Ok(questions)
}

/// Those asked for, each once; all if none is.
fn modes(args: &EvalArgs) -> Vec<Mode> {
    let mut modes = Vec::new();
    for mode in args.mode.iter().map(|mode| search::mode(*mode)) {
        if !modes.contains(&mode) {
            modes.push(mode);
        }
    }
    if modes.is_empty() { vec![Mode::Text, Mode::Vector, Mode::Hybrid] } else { modes }
}

fn view(found: &Evaluation) -> EvaluationView {
    let figures = |figures: &Figures| {
        [figures.ndcg_10, figures.recall_10, figures.recall_100, figures.mrr]
            .map(|figure| (figure.mean, figure.low, figure.high))
    };
    let measured = found.modes.iter().map(|measured| MeasuredView {
        mode: mode_name(measured.mode),
        rescored: measured.rescored,
        figures: figures(&measured.figures),
    });
    EvaluationView {
        questions: found.questions,
        without_judgement: found.without_judgement,
        relevant: found.relevant,
        modes: measured.collect(),
    }
}
