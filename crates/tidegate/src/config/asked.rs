//! Rules of the order of stages, and of those beside parse, chunk and embed.

use tidegate_core::{Fault, FaultKind};
use tidegate_model::web::AnswerPath;

use super::enrich::{Enrich, Into};
use super::http::{Http, Method};
use super::model_ref::is_name;
use super::sink::Sink;
use super::source::Source;
use super::stage::{SEVERAL, Stage};
use super::validate::{A_MODEL, Rules};
use crate::address::Address;
use crate::form::Form;
use crate::stages::{NAMES, VECTOR};
use tidegate_expr::Template;

/// What no stage can be called: other parts of a run have these names in reports.
const TAKEN: [&str; 6] = ["parse", "validate", "chunk", "embed", "fetch", "store"];
/// More of one kind at once than any service bears.
const MOST_AT_ONCE: usize = 4_096;

impl Rules<'_> {
    /// Documents are parsed before all else; parse, chunk and embed keep their order.
    pub(super) fn order(&self) -> Result<(), Fault> {
        let usual = |stage: &Stage| Stage::defaults().iter().position(|known| known.kind() == stage.kind());
        let hint = "the order of stages is parse, chunk, embed; all others stand anywhere after parse";
        for (at, stage) in self.config.stages.iter().enumerate() {
            let Some(place) = usual(stage) else { continue };
            let early = |before: &&Stage| match usual(before) {
                Some(other) => other >= place,
                None => matches!(stage, Stage::Parse(_)),
            };
            if let Some(before) = self.config.stages[..at].iter().find(early) {
                let must = format!("must come before {}", before.name());
                return self.need(false, &format!("stage.{}.type", stage.name()), &must, hint);
            }
        }
        let parses = self.config.parse().is_some()
            || !matches!(self.config.source, Source::Files(_) | Source::Urls(_) | Source::Objects(_));
        let hint = "add [[stage]] with type = \"parse\" as the first stage";
        let must = format!("is {}, whose text must be parsed", self.config.source.kind().name());
        self.need(parses, "source.type", &must, hint)
    }

    /// Every stage of which there may be several.
    pub(super) fn asked(&self) -> Result<(), Fault> {
        for (at, stage) in self.config.stages.iter().enumerate() {
            let name = stage.name();
            if SEVERAL.contains(&stage.kind()) {
                let ok = is_name(name) && !TAKEN.contains(&name);
                let must = "must be letters, digits, `-` and `_`, and no other stage's";
                self.need(ok, &format!("stage.{name}.name"), must, "")?;
            }
            self.field(at, stage)?;
            match stage {
                Stage::Enrich(enrich) => self.enrich((at, name), enrich)?,
                Stage::Http(http) => self.http((at, name), http)?,
                Stage::Filter(filter) => self.filter(name, filter)?,
                Stage::Set(set) => self.set((at, name), set)?,
                Stage::Exec(exec) => self.exec(name, exec)?,
                Stage::Parse(_) | Stage::Chunk(_) | Stage::Embed(_) => {}
            }
        }
        self.webhook()
    }

    /// A field is written once, and where it is kept.
    fn field(&self, at: usize, stage: &Stage) -> Result<(), Fault> {
        let Some(field) = stage.writes() else { return Ok(()) };
        let key = format!("stage.{}.field", stage.name());
        self.need(!field.is_empty(), &key, "is empty", "name the field that takes the answer")?;
        let other = self.config.stages[..at].iter().find(|other| other.writes() == Some(field));
        let must = format!("({field}) is written by {} already", other.map_or("", |other| other.name()));
        self.need(other.is_none(), &key, &must, "name another field")?;
        let must = format!("({field}) would be of a chunk, and the store keeps fields by document");
        self.kept(at, &key, &must)
    }

    /// Fields of chunks are kept where they go.
    pub(super) fn kept(&self, at: usize, key: &str, must: &str) -> Result<(), Fault> {
        let hint = "put the stage before chunk, or write to a sink of type jsonl or webhook";
        self.need(self.config.keeps_fields(at), key, must, hint)
    }

    fn enrich(&self, (at, name): (usize, &str), enrich: &Enrich) -> Result<(), Fault> {
        let key = |key: &str| format!("stage.{name}.{key}");
        self.when(name, enrich.when.as_deref())?;
        self.need(enrich.model.provider().is_some(), &key("model"), "names no model of a provider", A_MODEL)?;
        self.template(&key("prompt"), &enrich.prompt, true)?;
        let must = format!("({}) must be at least 1", enrich.max_tokens);
        self.need(enrich.max_tokens >= 1, &key("max_tokens"), &must, "")?;
        let must = format!("({}) must be from 0 to 2", enrich.temperature);
        self.need((0.0..=2.0).contains(&enrich.temperature), &key("temperature"), &must, "")?;
        let must = format!("({}) must be at most {MOST_AT_ONCE}", enrich.concurrency);
        self.need(enrich.concurrency <= MOST_AT_ONCE, &key("concurrency"), &must, "")?;
        if let Some(schema) = &enrich.schema {
            let place = key("schema");
            Form::new(schema).map_err(|fault| self.at(&place, fault.during(&*place)))?;
        }
        if enrich.into == Into::Context {
            let has = |stages: &[Stage], wanted| stages.iter().any(|stage| stage.kind() == wanted);
            let (before, after) = self.config.stages.split_at(at);
            let between = has(before, "chunk") && !has(before, "embed");
            let hint = "put the stage between chunk and embed";
            let must = if has(after, "chunk") {
                "is context, which belongs to chunks, and there are none yet"
            } else {
                "is context, which is embedded with its chunk"
            };
            self.need(between, &key("into"), must, hint)?;
            let must = "is context, which is text and follows no schema";
            self.need(enrich.schema.is_none(), &key("into"), must, "leave the schema out")?;
        }
        Ok(())
    }

    fn http(&self, (at, name): (usize, &str), http: &Http) -> Result<(), Fault> {
        let key = |key: &str| format!("stage.{name}.{key}");
        self.when(name, http.when.as_deref())?;
        let embedded = self.config.stages[..at].iter().any(|stage| matches!(stage, Stage::Embed(_)));
        let known = [&NAMES[..], if embedded { &[VECTOR] } else { &[] }].concat();
        let url = key("url");
        let address = Address::new(&url, &http.url).map_err(|fault| self.at(&url, fault))?;
        self.names(&url, (address.template(), &known))?;
        let texts = http.headers.texts().into_iter().map(|(name, text)| (format!("headers.{name}"), text));
        for (part, text) in texts.chain([("body".to_owned(), http.body.as_str())]) {
            let place = if part == "body" { key("body") } else { key("headers") };
            let template = Template::new(&key(&part), text).map_err(|fault| self.at(&place, fault))?;
            self.names(&place, (&template, &known))?;
        }
        let bodiless = http.body.is_empty() || http.method != Method::Get;
        let hint = "set method = \"POST\", or put what is asked into the URL";
        self.need(bodiless, &key("body"), "is sent with GET, which services do not read", hint)?;
        let path: Result<AnswerPath, String> = http.answer.parse();
        let must = path.err().unwrap_or_default();
        self.need(must.is_empty(), &key("answer"), &must, "")?;
        let must = format!("({}) must be at most {MOST_AT_ONCE}", http.concurrency);
        self.need(http.concurrency as usize <= MOST_AT_ONCE, &key("concurrency"), &must, "")
    }

    fn webhook(&self) -> Result<(), Fault> {
        let Sink::Webhook(sink) = &self.config.sink else { return Ok(()) };
        let hint = "write the address that records are posted to, such as https://hooks.example.com/records";
        self.need(!sink.url.is_empty(), "sink.url", "is empty", hint)?;
        let address = Address::new("sink.url", &sink.url).map_err(|fault| self.at("sink.url", fault))?;
        let must = "has places to fill in, and records are posted together";
        self.need(!address.varies(), "sink.url", must, "write one address for all")?;
        for (name, text) in sink.headers.texts() {
            let value = crate::services::header_value(name, text);
            self.need(value.is_ok(), "sink.headers", &format!("has a {name} that no header may hold"), "")?;
        }
        let must = "brings an Idempotency-Key, which each request gets of its own";
        self.need(!sink.headers.has("Idempotency-Key"), "sink.headers", must, "leave it out")?;
        let must = format!("({}) must be from 1 to 65536", sink.batch);
        self.need((1..=65_536).contains(&sink.batch), "sink.batch", &must, "")?;
        let must = format!("({}) must be at most {MOST_AT_ONCE}", sink.concurrency);
        self.need(sink.concurrency as usize <= MOST_AT_ONCE, "sink.concurrency", &must, "")
    }

    /// A template that reads, and names nothing that is not there. A prompt that names nothing at all would be asked
    /// of every record alike.
    pub(super) fn template(&self, key: &str, source: &str, must_name: bool) -> Result<Template, Fault> {
        let hint = "write what is asked, with {{ text }} where the text belongs";
        self.need(!must_name || !source.is_empty(), key, "is empty", hint)?;
        let template = Template::new(key, source).map_err(|fault| self.at(key, fault))?;
        self.names(key, (&template, &NAMES))?;
        let some = !must_name || NAMES.iter().any(|name| template.mentions(name));
        self.need(some, key, "says nothing of the record, so that every answer would be the same", hint)?;
        Ok(template)
    }

    fn names(&self, key: &str, (template, known): (&Template, &[&str])) -> Result<(), Fault> {
        let Some(name) = template.unknown(known) else { return Ok(()) };
        let fault = Fault::new(FaultKind::Config, format!("{key} names `{name}`, which there is not"));
        Err(self.at(key, fault.hint(format!("there are {}", known.join(", ")))))
    }
}
