//! What would be asked, without asking.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tidegate_connect::{Jsonl, peek_rows};
use tidegate_core::{Fault, FaultKind, SourceItem};

use super::ask::Asks;
use super::nothing::Nothing;
use super::select::SelectStage;
use super::set::SetStage;
use crate::config::{Config, Map, RowFormat, Source};
use crate::services::Services;
use crate::source::{jsonl_options, stdin_options};

/// A record, and what a job would ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The record's key.
    pub source: String,
    /// What each step would ask; steps that set fields are done, and not shown.
    pub steps: Vec<Asked>,
    /// Why there is nothing to see, or no more: the record is left out, is at fault, or the next step needs an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// What a step would ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The step.
    pub step: String,
    /// The model.
    pub model: String,
    /// What the model would be told first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The conversation, as pairs of who speaks and what is said.
    pub messages: Vec<(String, String)>,
}

/// What the job that `config` is would ask about the first `count` records. Nothing is sent and nothing is stored;
/// blocks the calling thread while the records are read.
///
/// # Errors
/// [`FaultKind::Config`]: no map job, or one that could not be run either; inputs that cannot be read.
pub fn preview(config: &Config, count: usize) -> Result<Vec<Preview>, Fault> {
    let Some(map) = &config.map else { return Err(Fault::new(FaultKind::Config, "this is no map job")) };
    let services = Services::offline(config)?;
    let select = SelectStage::new(config, map)?;
    let steps =
        map.steps.iter().map(|step| Step::new((map, step), &services)).collect::<Result<Vec<_>, _>>()?;
    let items = first(config, count)?;
    Ok(items.into_iter().map(|item| of_item(item, select.as_ref(), &steps)).collect())
}

fn first(config: &Config, count: usize) -> Result<Vec<SourceItem>, Fault> {
    match &config.source {
        Source::Jsonl(jsonl) if jsonl.format == RowFormat::Parquet => {
            crate::parquet::open(jsonl, (config, false))?.peek(count)
        }
        Source::Jsonl(jsonl) => {
            let paths: Vec<PathBuf> = jsonl.paths.iter().map(PathBuf::from).collect();
            Jsonl::open(&paths, jsonl_options(jsonl, config))?.peek(count)
        }
        Source::Files(_) => Err(Fault::new(FaultKind::Config, "documents are not parsed without a run")
            .hint("try a few of them: --limit 3 -o -")),
        Source::Stdin(stdin) => peek_rows(std::io::stdin(), stdin_options(stdin, config), count),
        _ => Err(Fault::new(FaultKind::Internal, "a map job reads no rows")),
    }
}

enum Step<'a> {
    Ask(&'a crate::config::Step, Box<Asks>),
    Set(Box<SetStage>),
    Exec(&'a crate::config::Step),
}

impl<'a> Step<'a> {
    fn new((map, step): (&Map, &'a crate::config::Step), services: &Services) -> Result<Self, Fault> {
        Ok(match &step.ask {
            _ if step.exec.is_some() => Self::Exec(step),
            Some(ask) => Self::Ask(step, Box::new(Asks::new((step, ask), services, Arc::new(Nothing))?)),
            None => Self::Set(Box::new(SetStage::new(map, step)?)),
        })
    }
}

fn of_item(item: SourceItem, select: Option<&SelectStage>, steps: &[Step<'_>]) -> Preview {
    let mut preview = Preview { source: item.key.to_string(), steps: Vec::new(), stopped: None };
    let object = item.body.as_ref().and_then(|body| body.as_text());
    let (None, Some(object)) = (&item.fault, object) else {
        preview.stopped = Some(item.fault.map(|fault| fault.to_string()).unwrap_or_default());
        return preview;
    };
    if let Err(fault) = walk(object, (select, steps), &mut preview) {
        let asked = preview.steps.last().map(|asked| format!(" (the answer of {} may have it)", asked.step));
        preview.stopped = Some(format!("{fault}{}", asked.unwrap_or_default()));
    }
    preview
}

fn walk(
    object: &str,
    (select, steps): (Option<&SelectStage>, &[Step<'_>]),
    preview: &mut Preview,
) -> Result<(), Fault> {
    let mut object = object.to_owned();
    if let Some(select) = select
        && !select.takes(&object)?
    {
        preview.stopped = Some("left out".to_owned());
        return Ok(());
    }
    for step in steps {
        match step {
            Step::Ask(step, asks) => {
                let Some(chat) = asks.question(&object)? else { continue };
                let messages = chat.messages.iter();
                preview.steps.push(Asked {
                    step: step.name.clone(),
                    model: step.ask.as_ref().map(|ask| ask.model.to_string()).unwrap_or_default(),
                    system: chat.system.as_deref().map(str::to_owned),
                    messages: messages
                        .map(|one| (one.role.name().to_owned(), one.content.to_string()))
                        .collect(),
                });
            }
            Step::Exec(step) => {
                preview.stopped = Some(format!("{} runs a program, which is not done here", step.name));
                return Ok(());
            }
            Step::Set(set) => match set.apply(&object)? {
                Some(after) => object = after,
                None => {
                    preview.stopped = Some("left out".to_owned());
                    return Ok(());
                }
            },
        }
    }
    Ok(())
}
