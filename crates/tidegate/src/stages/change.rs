//! Records are left out, or their fields are changed, by what they say themselves.

use tidegate_core::{Cpu, Cx, Emit, Fault, FaultKind, Record};
use tidegate_expr::{Decision, Record as Row, Step};

use super::values::{Sight, change_fields};
use crate::config;
use crate::map;

/// A filter, or a stage that sets fields: a step of a map job, over what stages of a pipeline see of a record.
pub(crate) struct ChangeStage {
    name: String,
    step: Step,
    /// Whether anything of it depends on the text, which may be long.
    text: bool,
}

impl ChangeStage {
    /// What `step` says; `name` is the stage's.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: an expression or a template that does not compile.
    pub(crate) fn new(name: &str, step: &config::Step) -> Result<Self, Fault> {
        let step = map::compiled(step)?;
        Ok(Self { name: name.to_owned(), text: step.sees("text"), step })
    }

    fn decide(&self, record: &Record) -> Result<Decision<'_>, Fault> {
        let object = Sight::of(record).object(self.text)?;
        self.step.decide(&Row::parse(object.as_bytes())?)
    }

    /// The record as it goes on; nothing if it is left out.
    fn change(&self, mut record: Record) -> Result<Option<Record>, Fault> {
        match self.decide(&record)? {
            Decision::Passed => {}
            Decision::Dropped => {
                tracing::info!(source = %record.key, stage = self.name, "dropped");
                return Ok(None);
            }
            Decision::Set(values) => self.set(&mut record, values)?,
        }
        Ok(Some(record))
    }

    fn set(&self, record: &mut Record, values: Vec<(&str, String)>) -> Result<(), Fault> {
        let read = |(name, json): (&str, String)| match serde_json::from_str(&json) {
            Ok(value) => Ok((name.to_owned(), value)),
            Err(error) => Err(Fault::new(FaultKind::TooDeep, format!("field {name:?}: {error}"))),
        };
        let values: Vec<(String, serde_json::Value)> =
            values.into_iter().map(read).collect::<Result<_, Fault>>()?;
        change_fields(record, |fields| {
            fields.extend(values);
            fields.retain(|name, _| self.step.keeps(name));
        });
        Ok(())
    }
}

impl Cpu for ChangeStage {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        Ok(self.change(record)?.map_or(Emit::None, Emit::One))
    }
}

#[cfg(test)]
mod tests;
