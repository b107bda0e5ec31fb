//! A step without a model: it sets fields, or leaves records out.

use tidegate_core::{Body, Cpu, Cx, Emit, Fault, Record};

use super::expression::{Expression, Subject};
use super::splice;
use crate::config::{Map, Step};

/// Sets fields of a record from expressions over it, or leaves it out.
pub(super) struct SetStage {
    when: Option<Expression>,
    filter: Option<Expression>,
    set: Vec<(String, Expression)>,
    context: Vec<String>,
}

impl SetStage {
    /// What `step` says.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: an expression that does not compile.
    pub(super) fn new(map: &Map, step: &Step) -> Result<Self, Fault> {
        let compiled = |source: &Option<String>| source.as_deref().map(Expression::new).transpose();
        let field = |(field, source): &(String, String)| Ok((field.clone(), Expression::new(source)?));
        Ok(Self {
            when: compiled(&step.when)?,
            filter: compiled(&step.filter)?,
            set: step.set.iter().map(field).collect::<Result<_, Fault>>()?,
            context: map.context.clone(),
        })
    }

    /// The record as it goes on; `None` if it is left out.
    pub(super) fn apply(&self, object: &str) -> Result<Option<String>, Fault> {
        let subject = Subject::new(object)?;
        if let Some(when) = &self.when
            && !when.holds(&subject)?
        {
            return Ok(Some(object.to_owned()));
        }
        if let Some(filter) = &self.filter {
            return Ok(filter.holds(&subject)?.then(|| object.to_owned()));
        }
        // All of them see the record as it came.
        let value = |(field, source): &(String, Expression)| {
            let value = source.json(&subject).map_err(|fault| fault.during(format!("setting {field}")))?;
            Ok((field.clone(), value))
        };
        let values: Vec<(String, String)> = self.set.iter().map(value).collect::<Result<_, Fault>>()?;
        let fields: Vec<(&str, &str)> = values.iter().map(|(field, value)| (&**field, &**value)).collect();
        splice::put(object, &fields).map(Some)
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
