//! What records must be like to be worked on at all: the `when` of `[input]`, and the rules of `[validate]`.

use tidegate_core::{Cpu, Cx, Emit, Fault, FaultKind, Fields, Record};
use tidegate_expr::{Expr, Record as Row};
use tidegate_text::{Rules, Subject};

use crate::config::{Config, Map, OnFailure, Source};

/// Leaves out records that are not meant, and puts aside those that break a rule.
pub(crate) struct SelectStage {
    when: Option<Expr>,
    rules: Option<(Rules, OnFailure)>,
    /// The field whose text the rules about texts look at.
    text_field: String,
    context: Vec<String>,
}

impl SelectStage {
    /// What a job says; `None` where all records are meant.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: an expression that does not compile, rules that cannot be followed.
    pub(crate) fn new(config: &Config, map: &Map) -> Result<Option<Self>, Fault> {
        let when = map.when.as_deref().map(|source| Expr::new("when", source)).transpose()?;
        let rules = match config.validate.is_on() {
            true => Some((config.validate.rules()?, config.validate.on_failure)),
            false => None,
        };
        let text_field = match &config.source {
            Source::Jsonl(rows) => rows.text_field.clone(),
            Source::Stdin(rows) => rows.text_field.clone(),
            _ => "text".to_owned(),
        };
        let some = when.is_some() || rules.is_some();
        Ok(some.then(|| Self { when, rules, text_field, context: map.context.clone() }))
    }

    /// Whether the record goes on.
    pub(crate) fn takes(&self, object: &str) -> Result<bool, Fault> {
        if let Some(when) = &self.when
            && !when.holds(&Row::parse(object.as_bytes())?)?
        {
            return Ok(false);
        }
        let Some((rules, on_failure)) = &self.rules else { return Ok(true) };
        let fields: Fields = serde_json::from_str(object)
            .map_err(|error| Fault::new(FaultKind::Malformed, format!("{error}")))?;
        let text = fields.get(&self.text_field).and_then(serde_json::Value::as_str).unwrap_or_default();
        let checked = rules.check(&Subject { text, pages: 0, fields: &fields, text_field: None });
        match checked {
            Err(_) if *on_failure == OnFailure::Drop => Ok(false),
            checked => checked.map(|()| true),
        }
    }
}

impl Cpu for SelectStage {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        match super::object(&record).and_then(|object| self.takes(object)) {
            Ok(true) => Ok(Emit::One(record)),
            Ok(false) => Ok(Emit::None),
            Err(fault) => Err(super::placed(fault, &record, &self.context)),
        }
    }
}
