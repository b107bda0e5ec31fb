//! A step without a model: it sets fields, or leaves records or fields out.

use tidegate_core::{Body, Cpu, Cx, Emit, Fault, Record};
use tidegate_expr::{Change, Expr, Record as Row, Text, Verdict};

use crate::config::{Map, Setting, Step};

/// Sets fields of a record from expressions over it, or leaves it out.
pub(crate) struct SetStage {
    step: tidegate_expr::Step,
    context: Vec<String>,
}

/// What a step without a model does.
///
/// # Errors
/// [`tidegate_core::FaultKind::Config`]: an expression or a template that does not compile.
pub(crate) fn compiled(step: &Step) -> Result<tidegate_expr::Step, Fault> {
    let expression = |key: &str, source: &Option<String>| {
        source.as_deref().map(|source| Expr::new(key, source)).transpose()
    };
    let change = |(field, setting): &(String, Setting)| {
        let change = match setting {
            Setting::Value(source) => Change::Value(Box::new(Expr::new(field, source)?)),
            Setting::Template(source) => Change::Text(Box::new(Text::new(field, source)?)),
        };
        Ok((field.clone(), change))
    };
    Ok(tidegate_expr::Step {
        when: expression("when", &step.when)?,
        filter: expression("filter", &step.filter)?,
        set: step.set.iter().map(change).collect::<Result<_, Fault>>()?,
        keep: step.keep.clone(),
        remove: step.remove.clone(),
    })
}

impl SetStage {
    /// What `step` says.
    ///
    /// # Errors
    /// As [`compiled`].
    pub(crate) fn new(map: &Map, step: &Step) -> Result<Self, Fault> {
        Ok(Self { step: compiled(step)?, context: map.context.clone() })
    }

    /// The record as it goes on; `None` if it is left out.
    pub(crate) fn apply(&self, object: &str) -> Result<Option<String>, Fault> {
        let mut row = Row::parse(object.as_bytes())?;
        if self.step.apply(&mut row)? == Verdict::Dropped {
            return Ok(None);
        }
        Ok(Some(row.text()))
    }
}

impl Cpu for SetStage {
    fn run(&self, _: &Cx, mut record: Record) -> Result<Emit, Fault> {
        match super::object(&record).and_then(|object| self.apply(object)) {
            Ok(Some(object)) => {
                record.set_body(Body::Text(object.into()));
                Ok(Emit::One(record))
            }
            Ok(None) => Ok(Emit::None),
            Err(fault) => Err(super::placed(fault, &record, &self.context)),
        }
    }
}
