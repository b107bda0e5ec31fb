//! Whether what a configuration names is there and answers: the store, and each model of a provider with one cheap
//! call, which is not kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_call::{CallCx, LaneView, Priority};
use tidegate_core::{Embedder as _, Fault, FaultKind, Task, TraceId};
use tidegate_model::{Chat, ChatParams, Text, is_another_model};
use tidegate_sandbox::{Program, Protection};
use tidegate_store::{OpenMode, Store};

use crate::config::{Config, Embed, ModelRef, Ocr, Stage};
use crate::map;
use crate::models;
use crate::parser;
use crate::readers::Readers;
use crate::remembered::remembered_configs;
use crate::services::{Reached, RemoteChat, RemoteEmbedding, Services, UNKNOWN};

/// How long a service has to answer one word.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was looked at, and what was found.
#[derive(Debug)]
pub struct Checked {
    /// What it is, such as `store` or `embed openai:text-embedding-3-small`.
    pub subject: String,
    /// What was found, as names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What is wrong, if anything is.
    pub fault: Option<Fault>,
}

/// What a model is used for.
#[derive(Debug, Clone, Copy)]
enum Work<'a> {
    Embed(&'a Embed),
    Answer,
}

/// Looks at everything that `config` names, and at the models that the store is searched with. Each call costs a few
/// tokens.
pub async fn doctor(config: &Config, parser: Option<Program>) -> Vec<Checked> {
    let mut checked = vec![store(config)];
    let mut seen = Vec::new();
    for config in std::iter::once(config.clone()).chain(remembered(config)) {
        let rescore = config.rescore();
        for embed in config.embed().into_iter().chain(&rescore).filter(|embed| embed.model.is_of_files()) {
            let subject = format!("embed {}", embed.model);
            if !seen.contains(&subject) {
                seen.push(subject.clone());
                checked.push(here(subject, embed));
            }
        }
        let services = match Services::new(&config) {
            Ok(services) => services,
            Err(fault) => {
                let at = config.limits.prices.clone().unwrap_or_default();
                let facts = vec![("at", at)];
                checked.push(Checked { subject: "prices".to_owned(), facts, fault: Some(fault) });
                continue;
            }
        };
        for (work, model) in models(&config, rescore.as_ref()) {
            let name = if matches!(work, Work::Embed(_)) { "embed" } else { "answer" };
            let subject = format!("{name} {model}");
            if seen.contains(&subject) {
                continue;
            }
            seen.push(subject.clone());
            let mut one = Checked { subject, facts: Vec::new(), fault: None };
            if let Err(fault) = look(&services, (work, &model), &mut one.facts).await {
                one.fault = Some(fault);
            }
            checked.push(one);
        }
    }
    checked.extend(readers(config, parser.as_ref()));
    checked.extend(config.stages.iter().filter_map(program));
    checked.push(sandbox(config, parser));
    checked
}

/// What the runs that filled the store were told; where a provider is now is said by whoever asks now. A store that
/// does not open, or remembers nothing that reads, is told elsewhere.
fn remembered(config: &Config) -> Vec<Config> {
    let read = Store::open(&config.store.url, OpenMode::Read).and_then(|store| remembered_configs(&store));
    let mut configs = read.unwrap_or_default();
    for remembered in &mut configs {
        remembered.providers.extend(config.providers.clone());
        remembered.limits.prices = config.limits.prices.clone();
    }
    configs
}

/// The models of providers that a configuration uses.
fn models<'a>(config: &'a Config, rescore: Option<&'a Embed>) -> Vec<(Work<'a>, ModelRef)> {
    let embeds = config.embed().into_iter().chain(rescore);
    let embeds = embeds.map(|embed| (Work::Embed(embed), embed.model.clone()));
    let enriching = config.stages.iter().filter_map(|stage| match stage {
        Stage::Enrich(enrich) => Some(&enrich.model),
        _ => None,
    });
    let mut answering: Vec<&ModelRef> = enriching.chain([&config.ask.model, &config.ask.fallback]).collect();
    answering.sort_by_key(|model| model.to_string());
    answering.dedup();
    let answering = answering.into_iter().map(|model| (Work::Answer, model.clone()));
    embeds.chain(answering).filter(|(_, model)| model.provider().is_some()).collect()
}

/// Reads a model whose files are on this machine, and embeds a word with it.
fn here(subject: String, embed: &Embed) -> Checked {
    let mut checked = Checked { subject, facts: Vec::new(), fault: None };
    if let Err(fault) = embed_here(embed, &mut checked.facts) {
        checked.fault = Some(fault);
    }
    checked
}

fn embed_here(embed: &Embed, facts: &mut Facts) -> Result<(), Fault> {
    if let Some(folder) = models::find(&embed.model)? {
        facts.push(("at", folder.display().to_string()));
    }
    let started = Instant::now();
    let Some(model) = models::open(embed)? else { return Ok(()) };
    facts.push(("read in", format!("{} ms", started.elapsed().as_millis())));
    facts.push(("vectors", model.identity().to_owned()));
    facts.push(("dimensions", model.dimensions().to_string()));
    facts.push(("pooling", model.pooling().name().to_owned()));
    facts.push(("tokens", format!("at most {} of a text", model.max_tokens())));
    for (name, words) in [("documents", &model.prefixes().document), ("questions", &model.prefixes().query)] {
        if !words.is_empty() {
            facts.push((name, format!("after {words:?}")));
        }
    }
    let started = Instant::now();
    model.embed(&["tidegate"], Task::Query)?;
    facts.push(("answered in", format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3)));
    Ok(())
}

/// Whether the program of a stage is there.
fn program(stage: &Stage) -> Option<Checked> {
    let Stage::Exec(own) = stage else { return None };
    let subject = format!("program {}", stage.name());
    Some(match map::find(&own.program()) {
        Ok(path) => Checked { subject, facts: vec![("at", path.display().to_string())], fault: None },
        Err(fault) => Checked { subject, facts: Vec::new(), fault: Some(fault) },
    })
}

/// Looks for the programs that read documents in the place of the parsers inside.
fn readers(config: &Config, program: Option<&Program>) -> Option<Checked> {
    let mut facts: Facts = Vec::new();
    for (name, format) in &config.formats {
        facts.extend(format.parser.as_ref().map(|parser| ("parser", format!("{name} by {parser}"))));
        if format.ocr != Ocr::Off {
            let found = match crate::readers::needed() {
                lacking if lacking.is_empty() => "the programs are there".to_owned(),
                lacking => format!("not on PATH: {}; such files are put aside", lacking.join(", ")),
            };
            facts.push(("ocr", format!("{name}: {found}")));
        }
    }
    let fault = Readers::open(config, program, None).err();
    (!facts.is_empty()).then_some(Checked { subject: "parsers".to_owned(), facts, fault })
}

/// Starts a parser child, to see how it is held.
fn sandbox(config: &Config, program: Option<Program>) -> Checked {
    let mut checked = Checked { subject: "sandbox".to_owned(), facts: Vec::new(), fault: None };
    let Some(pool) = parser::children(config, program) else {
        checked
            .facts
            .push(("state", "off: PDF, Office, mail and archive files are put aside unread".to_owned()));
        return checked;
    };
    checked.facts.push(("children", pool.width().to_string()));
    match pool.probe() {
        Ok(Protection { filtered, tethered }) => {
            let filter = match filtered {
                true => "by a filter of system calls, and limits",
                false => "by limits and the clock only: this system has no filter of system calls",
            };
            checked.facts.push(("held", filter.to_owned()));
            if !tethered {
                checked.facts.push((
                    "ends",
                    "when its pipe does; this system does not end it with its parent".to_owned(),
                ));
            }
        }
        Err(fault) => checked.fault = Some(fault),
    }
    checked
}

fn store(config: &Config) -> Checked {
    let url = &config.store.url;
    let mut checked = Checked { subject: "store".to_owned(), facts: vec![("at", url.clone())], fault: None };
    match Store::open(url, OpenMode::Read).and_then(|store| Ok((store.status()?, store.models()?))) {
        Ok((status, models)) => {
            checked.facts.push(("documents", status.documents.to_string()));
            for (name, dimensions) in models {
                checked.facts.push(("vectors", format!("{name}, {dimensions} dimensions")));
            }
        }
        // That there is none yet is how every first run begins.
        Err(fault)
            if fault.kind() == FaultKind::Config && fault.message().starts_with("there is no store") =>
        {
            checked.facts.push(("state", "not made yet; the first run makes it".to_owned()));
        }
        Err(fault) => checked.fault = Some(fault),
    }
    checked
}

type Facts = Vec<(&'static str, String)>;

async fn look(
    services: &Services,
    (work, model): (Work<'_>, &ModelRef),
    facts: &mut Facts,
) -> Result<(), Fault> {
    let reached = services.reach(model)?;
    facts.push(("at", reached.service.endpoint().base().to_owned()));
    facts.push(("speaks", reached.service.profile().family.name().to_owned()));
    facts.push((
        "key",
        if reached.service.endpoint().fingerprint().is_empty() { "none" } else { "found" }.to_owned(),
    ));
    if let Some(proxy) = &reached.proxy {
        facts.push(("proxy", format!("{}, from {}", proxy.place(), proxy.variable())));
    }
    let started = Instant::now();
    let asked = match work {
        Work::Embed(wanted) => embed(services, &reached, wanted, facts).await,
        Work::Answer => answer(services, model, facts).await,
    };
    match asked {
        Ok(()) => facts.push(("answered in", format!("{} ms", started.elapsed().as_millis()))),
        Err(fault) => return Err(with_names(fault, services, &reached).await),
    }
    let asked = reached.service.model();
    let named = reached.lane.models_named();
    let another = |told: &&String| !reached.service.profile().aliases && is_another_model(asked, told);
    for told in named.iter().filter(another) {
        facts.push(("warning", format!("answered by {told}, as the answer says: is it the same model?")));
    }
    limits(&reached.lane.view(), facts);
    facts.push(("price", price(&reached)));
    Ok(())
}

/// What tokens cost, and who says so.
fn price(reached: &Reached) -> String {
    let Some(price) = reached.service.prices() else {
        return "not known; it counts as nothing, and only a limit of tokens bounds it".to_owned();
    };
    let from = if price.own { "from your table" } else { "as published" };
    format!("{} sent, {} answered, for a million tokens, {from}", price.input, price.output)
}

async fn embed(
    services: &Services,
    reached: &Reached,
    wanted: &Embed,
    facts: &mut Facts,
) -> Result<(), Fault> {
    for (name, task) in [("documents", Task::Document), ("questions", Task::Query)] {
        let words = wanted.prefix(task);
        if !words.is_empty() {
            facts.push((name, format!("after {words:?}")));
        }
    }
    let model = RemoteEmbedding::new(services, reached, (Task::Document, wanted), UNKNOWN)?;
    let answers = model.embed(&[Text::new("tidegate", 4)], &cx()).await?;
    let vector = answers.results.into_iter().next().transpose()?;
    facts.push(("dimensions", vector.map_or(0, |vector| vector.len()).to_string()));
    facts.push(("tokens", answers.told.usage.input_tokens.to_string()));
    Ok(())
}

async fn answer(services: &Services, model: &ModelRef, facts: &mut Facts) -> Result<(), Fault> {
    let chat = RemoteChat::unkept(services, model)?;
    let params = ChatParams { max_tokens: Some(16), ..ChatParams::default() };
    let question = Chat::question(None, "Answer with the word yes.", Arc::new(params));
    let said = chat.stream(&question, &cx(), &mut |_| {}).await?;
    match said.answer {
        Ok(completion) => {
            let usage = completion.usage;
            facts.push(("model", completion.model.to_string()));
            facts.push(("tokens", format!("{} sent, {} answered", usage.input_tokens, usage.output_tokens)));
        }
        // It answers; that so few tokens were not enough says nothing against it.
        Err(fault) if fault.kind() == FaultKind::Incomplete => {}
        Err(fault) => return Err(fault),
    }
    Ok(())
}

fn cx() -> CallCx {
    CallCx::new(Priority::Interactive, TraceId(0)).until(tokio::time::Instant::now() + PATIENCE)
}

/// A model that does not exist is most often one whose name is slightly another.
async fn with_names(fault: Fault, services: &Services, reached: &Reached) -> Fault {
    if !matches!(fault.kind(), FaultKind::Config | FaultKind::Blocked) {
        return fault;
    }
    let Some(names) = services.model_names(reached).await else { return fault };
    if names.iter().any(|name| name == reached.service.model()) || names.is_empty() {
        return fault;
    }
    let shown: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    fault.hint(format!("the service has {}{more}", shown.join(", ")))
}

/// What the service says of its limits, and what is set.
fn limits(view: &LaneView, facts: &mut Facts) {
    for limit in &view.limits {
        let seconds = limit.limit.per.as_secs();
        let window = match seconds {
            60 => "a minute".to_owned(),
            86_400 => "a day".to_owned(),
            seconds => format!("in {seconds} s"),
        };
        let from = if limit.learned { "told by the service" } else { "configured" };
        facts.push(("limit", format!("{} {} {window}, {from}", limit.limit.amount, limit.limit.unit.name())));
    }
    if view.limits.is_empty() {
        facts.push(("limit", "none told; it is found out while calling".to_owned()));
    }
}
