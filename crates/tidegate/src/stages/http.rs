//! Any service is asked about each record, and the value it answers becomes a field.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use tidegate_call::{CallCx, Caller, Priority};
use tidegate_core::{Cx, Each, Emitted, Fault, FaultKind, Record, Replies};
use tidegate_model::web::{WebAsk, WebCall};

use super::values::Values;
use super::when::When;
use crate::address::Address;
use crate::config::Http;
use crate::services::{self, Services};
use tidegate_expr::Template;

/// Asks a service about each record.
pub(crate) struct HttpStage {
    when: When,
    caller: Caller<WebAsk>,
    address: Address,
    body: Option<Template>,
    headers: Vec<(HeaderName, Template)>,
    /// Whether bodies are JSON, so that what a template made of a text can be checked.
    json: bool,
    field: String,
}

impl HttpStage {
    /// What `settings` say; `name` is the stage's. Answers are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a template or an expression that does not read, an address that is none, a secret that is not there.
    pub(crate) fn new(
        (name, settings): (&str, &Http),
        services: &Services,
        journal: Arc<dyn Replies>,
    ) -> Result<Self, Fault> {
        let key = |key: &str| format!("stage.{name}.{key}");
        let address = Address::new(&key("url"), &settings.url)?;
        let texts = settings.headers.texts().into_iter();
        let header = |(header, text): (&str, &str)| {
            Ok((services::header_name(header)?, Template::new(&key(&format!("headers.{header}")), text)?))
        };
        let body = Some(&settings.body).filter(|body| !body.is_empty());
        Ok(Self {
            when: When::new(name, settings.when.as_deref())?,
            caller: services.web_ask((name, settings), &address, journal)?,
            address,
            body: body.map(|body| Template::new(&key("body"), body)).transpose()?,
            headers: texts.map(header).collect::<Result<_, Fault>>()?,
            json: !settings.headers.has(CONTENT_TYPE.as_str()),
            field: settings.field.clone(),
        })
    }

    /// The request for `record`.
    fn call(&self, record: &Record) -> Result<WebCall, Fault> {
        let values = Values::of(record)?;
        let body = match &self.body {
            Some(template) => template.render(&values)?,
            None => String::new(),
        };
        if self.json && !body.is_empty() {
            serde_json::from_str::<IgnoredAny>(&body).map_err(|error| {
                Fault::new(FaultKind::Validation, format!("the body is no JSON: {error}"))
                    .hint("write values with `tojson`, such as { \"q\": {{ text | tojson }} }")
            })?;
        }
        let header = |(name, template): &(HeaderName, Template)| {
            let value = services::header_value(name.as_str(), &template.render(&values)?)?;
            Ok((name.clone(), value))
        };
        let headers =
            self.headers.iter().map(header).collect::<Result<Vec<(HeaderName, HeaderValue)>, Fault>>()?;
        Ok(WebCall { url: self.address.fill(&values)?.into(), headers: headers.into(), body: body.into() })
    }
}

#[async_trait]
impl Each for HttpStage {
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        if !self.when.holds(cx, record).await? {
            return Ok(Emitted::Keep);
        }
        let asked = self.call(record)?;
        let call = CallCx::new(Priority::Bulk, record.trace).stopping(cx.stop_signal());
        let mut answers = self.caller.call(std::slice::from_ref(&asked), &call).await?;
        cx.note_wait(answers.told.waited);
        let none = || Fault::new(FaultKind::Internal, "a question without an answer");
        let value = answers.results.pop().ok_or_else(none)??;
        Arc::make_mut(&mut record.fields).insert(self.field.clone(), Arc::unwrap_or_clone(value));
        Ok(Emitted::Keep)
    }
}
