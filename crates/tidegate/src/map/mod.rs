//! What a map job does to records: the objects of a data set, one on a line, that leave as they came but for the fields
//! that the job's steps put into them.
//!
//! A record's body is the object as text, from the input to the output. A step reads of it what it needs and splices its
//! fields in; nothing else of the object is ever written anew.

mod account;
mod ask;
mod documents;
mod exec;
mod kept;
mod left;
mod nothing;
mod parsed;
mod preview;
mod select;
mod set;
mod start;

use std::sync::Arc;

use tidegate_core::{Cpu, Each, Fault, Fields, Record, Replies};
use tidegate_sandbox::Program;

pub(crate) use account::{Merge, SETTINGS, begin, is_whole};
pub(crate) use ask::Asks;
pub(crate) use documents::Documents;
pub(crate) use exec::{ExecStage, Lines, check, find, workers};
pub(crate) use kept::{journal_of, store_of};
pub(crate) use left::{LEFT, Left, Trying, untried};
pub(crate) use nothing::Nothing;
pub(crate) use parsed::Parsed;
pub use preview::{Preview, preview};
pub(crate) use select::SelectStage;
pub(crate) use set::SetStage;
pub(crate) use start::{Start, hinted};

use crate::config::{self, Config, Map};
use crate::services::Services;
use ask::AskStage;
use documents::DocumentStage;
pub(crate) use set::compiled;

/// A step, and how many records it works on at once.
pub(crate) enum Work {
    /// On the compute pool.
    Cpu(Arc<dyn Cpu>),
    /// Waiting for a model or a program.
    Each(usize, Arc<dyn Each>),
}

/// The stages of a map job in their order, with their names.
///
/// # Errors
/// [`tidegate_core::FaultKind::Config`]: a model that cannot be reached as the configuration says.
pub(crate) fn stages(
    config: &Config,
    map: &Map,
    (services, journal): (&Services, &Arc<dyn Replies>),
    (launcher, left): (Option<&Program>, &Arc<Left>),
) -> Result<Vec<(String, Work)>, Fault> {
    let mut stages = Vec::new();
    if let config::Source::Files(files) = &config.source {
        stages.push(("document".to_owned(), Work::Cpu(Arc::new(DocumentStage::new(files, left)?))));
    }
    if let Some(select) = SelectStage::new(config, map)? {
        stages.push(("input".to_owned(), Work::Cpu(Arc::new(select))));
    }
    for step in &map.steps {
        let work = match (&step.ask, &step.exec) {
            (Some(ask), _) => {
                let most =
                    if ask.concurrency > 0 { ask.concurrency } else { config.most_in_flight(&ask.model) };
                Work::Each(most, Arc::new(AskStage::new((map, step, ask), services, journal.clone())?))
            }
            (None, Some(exec)) => {
                let stage = ExecStage::new(config, (map, step, exec), launcher)?;
                Work::Each(stage.width(), Arc::new(stage))
            }
            (None, None) => Work::Cpu(Arc::new(SetStage::new(map, step)?)),
        };
        stages.push((step.name.clone(), work));
    }
    Ok(stages)
}

/// The object that a record is.
///
/// # Errors
/// [`tidegate_core::FaultKind::Internal`]: a record that came from elsewhere.
fn object(record: &Record) -> Result<&str, Fault> {
    let none = || Fault::new(tidegate_core::FaultKind::Internal, "a record without an object");
    record.body.as_text().ok_or_else(none)
}

/// Says of a fault where the record stands in its file, and what it belongs to: the values of the fields that `context`
/// names.
fn placed(fault: Fault, record: &Record, context: &[String]) -> Fault {
    let number = |name: &str| record.fields.get(name).and_then(serde_json::Value::as_u64);
    let place = match (number("line"), number("offset"), number("row")) {
        (Some(line), Some(offset), _) => format!("line {line} at byte {offset}"),
        (_, _, Some(row)) => format!("row {row}"),
        _ => "the record".to_owned(),
    };
    let object = record.body.as_text().unwrap_or_default();
    fault.during(with_context(place, object.as_bytes(), context))
}

/// Where a record stands, and what it belongs to.
pub(crate) fn with_context(place: String, object: &[u8], context: &[String]) -> String {
    match belonging(object, context) {
        belongs if belongs.is_empty() => place,
        belongs => format!("{place}, {belongs}"),
    }
}

/// What a record belongs to, as `user_id=7 prompt_id=a`; empty where there is nothing to say.
fn belongs(record: &Record, context: &[String]) -> String {
    belonging(record.body.as_text().unwrap_or_default().as_bytes(), context)
}

fn belonging(object: &[u8], context: &[String]) -> String {
    if context.is_empty() {
        return String::new();
    }
    let Ok(fields) = serde_json::from_slice::<Fields>(object) else { return String::new() };
    let said = context.iter().filter_map(|name| Some(format!("{name}={}", fields.get(name)?)));
    said.collect::<Vec<_>>().join(" ")
}
