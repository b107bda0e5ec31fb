//! Documents that are not worth going on with are put aside or left out, before any model is paid for them.

use tidegate_core::{Body, Cpu, Cx, Emit, Fault, FaultKind, Record};
use tidegate_text::{Rules, Subject};

use crate::config::{Config, OnFailure, RowFormat, Source, Validate};

/// Checks each document against the rules of a configuration.
pub(crate) struct ValidateStage {
    rules: Rules,
    on_failure: OnFailure,
    /// The field that texts come from, where records are rows.
    text_field: Option<String>,
}

impl ValidateStage {
    /// What `config` says; `None` where it has no rule.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: rules that cannot be followed.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Fault> {
        let settings: &Validate = &config.validate;
        if !settings.is_on() {
            return Ok(None);
        }
        let (rules, on_failure) = (settings.rules()?, settings.on_failure);
        let text_field = text_field(&config.source).map(str::to_owned);
        Ok(Some(Self { rules, on_failure, text_field }))
    }

    fn check(&self, record: &Record) -> Result<(), Fault> {
        let none = || Fault::new(FaultKind::Internal, "there is no text to validate");
        let text_field = self.text_field.as_deref();
        let subject = match &record.body {
            Body::Document(document) => Subject { text_field, ..Subject::document(document, &record.fields) },
            body => Subject {
                text: body.as_text().ok_or_else(none)?,
                pages: 0,
                fields: &record.fields,
                text_field,
            },
        };
        self.rules.check(&subject)
    }
}

impl Cpu for ValidateStage {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        match (self.check(&record), self.on_failure) {
            (Ok(()), _) => Ok(Emit::One(record)),
            (Err(fault), OnFailure::Drop) if fault.kind() == FaultKind::Validation => {
                tracing::info!(source = %record.key, stage = "validate", %fault, "dropped");
                Ok(Emit::None)
            }
            (Err(fault), _) => Err(fault),
        }
    }
}

/// Where the text of a row stands. Lines of plain text are rows that have nothing else.
fn text_field(source: &Source) -> Option<&str> {
    let (format, field) = match source {
        Source::Files(_) | Source::Urls(_) | Source::Objects(_) => return None,
        Source::Jsonl(rows) => return Some(&rows.text_field),
        Source::Stdin(rows) => (rows.format, &rows.text_field),
        Source::Tail(rows) => (rows.format, &rows.text_field),
    };
    (format == RowFormat::Jsonl).then_some(field)
}
