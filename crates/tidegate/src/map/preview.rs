//! What would be asked, without asking.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tidegate_connect::{Jsonl, peek_rows};
use tidegate_core::{Advice, Body, Fault, FaultKind, Listing, SourceItem, advise};
use tidegate_model::Chat;
use tidegate_sandbox::Program;

use super::ask::Asks;
use super::exec::ExecStage;
use super::kept::{journal_of, store_of};
use super::nothing::Nothing;
use super::parsed::Parsed;
use super::select::SelectStage;
use super::set::SetStage;
use crate::config::{Config, Exec, Files, Map, RowFormat, Source};
use crate::services::Services;
use crate::source::{Opened, jsonl_options, stdin_options};

/// A record, and what a job would ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The record's key.
    pub source: String,
    /// What each step would ask; steps that set fields and programs are done, and not shown.
    pub steps: Vec<Asked>,
    /// What the record becomes, where no step asks about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
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

/// What the job that `config` is would ask about the first `count` records, or about those in the first `count`
/// documents. Nothing is sent and nothing is stored; programs of the job are run, and documents parsed, by way of
/// `launcher`. Blocks the calling thread while records are read.
///
/// # Errors
/// [`FaultKind::Config`]: no map job, or one that could not be run either; inputs that cannot be read.
///
/// # Cancel safety
/// Safe.
pub async fn preview(
    config: &Config,
    count: usize,
    launcher: Option<&Program>,
) -> Result<Vec<Preview>, Fault> {
    let Some(map) = &config.map else { return Err(Fault::new(FaultKind::Config, "this is no map job")) };
    let services = Arc::new(Services::offline(config)?);
    let select = SelectStage::new(config, map)?;
    let steps = map.steps.iter().map(|step| Step::new(config, (map, step), (&services, launcher)));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let records = match &config.source {
        Source::Files(files) => documents((config, files), (&services, launcher), count).await?,
        _ => rows(config, count)?.into_iter().map(of_row).collect(),
    };
    let mut previews = Vec::with_capacity(records.len());
    for record in records {
        previews.push(of_record(record, select.as_ref(), &steps).await?);
    }
    Ok(previews)
}

/// A record's key, and its object or what is wrong with it.
type Read = (Arc<str>, Result<String, Fault>);

fn rows(config: &Config, count: usize) -> Result<Vec<SourceItem>, Fault> {
    match &config.source {
        Source::Jsonl(jsonl) if jsonl.format == RowFormat::Parquet => {
            crate::parquet::open(jsonl, (config, false))?.peek(count)
        }
        Source::Jsonl(jsonl) => {
            let paths: Vec<PathBuf> = jsonl.paths.iter().map(PathBuf::from).collect();
            Jsonl::open(&paths, jsonl_options(jsonl, config))?.peek(count)
        }
        Source::Stdin(stdin) => peek_rows(std::io::stdin(), stdin_options(stdin, config), count),
        _ => Err(Fault::new(FaultKind::Internal, "a map job reads no rows")),
    }
}

fn of_row(item: SourceItem) -> Read {
    let object = match (item.fault, &item.body) {
        (Some(fault), _) => Err(fault),
        (None, body) => Ok(body.as_ref().and_then(Body::as_text).unwrap_or_default().to_owned()),
    };
    (item.key, object)
}

/// What is in the first `count` documents.
async fn documents(
    (config, files): (&Config, &Files),
    (services, launcher): (&Arc<Services>, Option<&Program>),
    count: usize,
) -> Result<Vec<Read>, Fault> {
    let journal = journal_of(store_of(config)?.as_ref());
    let parsed = Parsed::new((config, files), (services, &journal), launcher)?;
    let mut source = Opened::new(config, services, (None, true))?.source.whole();
    let mut items = Vec::new();
    while items.len() < count {
        match source.list(parsed.context(), count - items.len()).await? {
            Listing::Items(listed) => items.extend(listed),
            Listing::End(_) => break,
            Listing::Quiet | Listing::Covered(_) => {}
        }
    }
    items.truncate(count);
    Ok(parsed.of_all(items, &*source.fetcher()).await.into_iter().flatten().collect())
}

enum Step<'a> {
    Ask(&'a crate::config::Step, Box<Asks>),
    Set(Box<SetStage>),
    Exec(&'a str, Box<ExecStage>),
}

impl<'a> Step<'a> {
    fn new(
        config: &Config,
        (map, step): (&Map, &'a crate::config::Step),
        (services, launcher): (&Services, Option<&Program>),
    ) -> Result<Self, Fault> {
        Ok(match (&step.ask, &step.exec) {
            (_, Some(exec)) => {
                // A few records need no more.
                let exec = Exec { processes: 1, ..(**exec).clone() };
                let stage = ExecStage::new(config, (map, step, &exec), launcher)?;
                Self::Exec(&step.name, Box::new(stage))
            }
            (Some(ask), None) => {
                Self::Ask(step, Box::new(Asks::new((step, ask), services, Arc::new(Nothing))?))
            }
            (None, None) => Self::Set(Box::new(SetStage::new(map, step)?)),
        })
    }
}

async fn of_record(
    (key, object): Read,
    select: Option<&SelectStage>,
    steps: &[Step<'_>],
) -> Result<Preview, Fault> {
    let mut preview = Preview { source: key.to_string(), steps: Vec::new(), becomes: None, stopped: None };
    let walked = match object {
        Ok(object) => walk(object, (select, steps), &mut preview).await,
        Err(fault) => Err(fault),
    };
    match walked {
        Err(fault) if advise(&fault) != Advice::Quarantine => return Err(fault),
        Err(fault) => {
            let asked =
                preview.steps.last().map(|asked| format!(" (the answer of {} may have it)", asked.step));
            preview.stopped = Some(format!("{fault}{}", asked.unwrap_or_default()));
        }
        Ok(()) => {}
    }
    Ok(preview)
}

async fn walk(
    mut object: String,
    (select, steps): (Option<&SelectStage>, &[Step<'_>]),
    preview: &mut Preview,
) -> Result<(), Fault> {
    if let Some(select) = select
        && !select.takes(&object)?
    {
        preview.stopped = Some("left out".to_owned());
        return Ok(());
    }
    for step in steps {
        let after = match step {
            Step::Ask(step, asks) => {
                preview.steps.extend(asks.question(&object)?.map(|chat| asked(step, &chat)));
                continue;
            }
            Step::Exec(name, exec) => match preview.steps.last() {
                None => exec.through(&object).await?,
                Some(asked) => {
                    let why = format!("{name} runs a program, which needs the answer of {}", asked.step);
                    preview.stopped = Some(why);
                    return Ok(());
                }
            },
            Step::Set(set) => set.apply(&object)?,
        };
        let Some(after) = after else {
            preview.stopped = Some("left out".to_owned());
            return Ok(());
        };
        object = after;
    }
    preview.becomes = Some(object).filter(|_| preview.steps.is_empty());
    Ok(())
}

fn asked(step: &crate::config::Step, chat: &Chat) -> Asked {
    let messages = chat.messages.iter();
    Asked {
        step: step.name.clone(),
        model: step.ask.as_ref().map(|ask| ask.model.to_string()).unwrap_or_default(),
        system: chat.system.as_deref().map(str::to_owned),
        messages: messages.map(|one| (one.role.name().to_owned(), one.content.to_string())).collect(),
    }
}
