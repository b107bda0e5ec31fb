//! `[[step]]`: one thing that happens to a record.

use std::collections::BTreeSet;
use std::path::Path;

use tidegate_core::Fault;
use toml::Value;

use super::section::Section;
use super::{Example, Prompt, Setting, Step, exec, includes, response};
use crate::config::check::placed;
use crate::config::file::load_prompt;
use crate::config::model_ref::{ModelRef, is_name};
use crate::config::validate::A_MODEL;
use tidegate_expr::{Expr, Template};

pub(super) const COMMON: [&str; 2] = ["name", "when"];
/// The keys of a step that asks.
pub(super) const ASKS: [&str; 15] = [
    "model",
    "system",
    "system_file",
    "prompt",
    "prompt_file",
    "example",
    "response",
    "output",
    "merge",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "concurrency",
];
pub(super) const OTHERS: [&str; 4] = ["filter", "set", "keep", "remove"];

/// Names of other parts of a run in reports.
const TAKEN: [&str; 6] = ["input", "validate", "fetch", "store", "parse", "document"];
/// More tokens than any model answers with.
const MOST_TOKENS: u64 = 1 << 20;
/// The most tokens of an answer where nothing is said.
const TOKENS: u32 = 1_024;
/// More of one kind at once than any service bears.
const MOST_AT_ONCE: u64 = 4_096;

const KINDS: &str = "a step has a model and a prompt, or exec = [\"PROGRAM\", \"ARGUMENT\"], or some of filter = \"expression\", set = { field = \"expression\" }, keep and remove";

/// Reads the steps of a job, whose files are in `folder`.
///
/// # Errors
/// What is unknown, missing, of the wrong kind, or does not compile, and where it stands.
pub(super) fn read(steps: &[Section<'_>], folder: &Path) -> Result<Vec<Step>, Fault> {
    let mut names = BTreeSet::new();
    let mut list = Vec::new();
    for (at, section) in steps.iter().enumerate() {
        let step = step(section, at, folder)?;
        if !names.insert(step.name.clone()) {
            let fault = section.refuse("name", format!("a second step called {}", step.name));
            return Err(fault.hint("give it another name, such as name = \"label\""));
        }
        list.push(step);
    }
    Ok(list)
}

fn step(section: &Section<'_>, at: usize, folder: &Path) -> Result<Step, Fault> {
    if let Some(step) = exec::read(section, at, folder)? {
        return Ok(step);
    }
    let known: Vec<&str> = COMMON.into_iter().chain(ASKS).chain(OTHERS).collect();
    section.only(&known)?;
    let asks = ASKS.iter().find(|key| section.value(key).is_some());
    let changes = OTHERS.iter().any(|key| section.value(key).is_some());
    if asks.is_some() == changes {
        let what = if changes { "both asks and changes records by itself" } else { "does nothing" };
        return Err(section.refuse("", format!("{} {what}", section.title)).hint(KINDS));
    }
    let mut step = Step {
        name: name_of(section, at)?,
        when: expression(section, "when")?,
        filter: expression(section, "filter")?,
        set: set(section, folder)?,
        keep: section.texts("keep")?,
        remove: section.texts("remove")?,
        ask: None,
        exec: None,
    };
    if asks.is_some() {
        step.ask = Some(Box::new(ask(section, &step.name, folder)?));
    }
    Ok(step)
}

/// What a step is called, which is the one at this place of the job.
pub(super) fn name_of(section: &Section<'_>, at: usize) -> Result<String, Fault> {
    let name = section.text("name")?.unwrap_or_else(|| format!("step{}", at + 1));
    if !is_name(&name) || TAKEN.contains(&name.as_str()) {
        let fault =
            section.refuse("name", format!("name: a step cannot be called \"{}\"", name.escape_debug()));
        return Err(fault.hint("use letters, digits, `-` and `_`, and no other part's name"));
    }
    Ok(name)
}

/// The expression at `key`, which compiles.
pub(super) fn expression(section: &Section<'_>, key: &str) -> Result<Option<String>, Fault> {
    let Some(source) = section.text(key)? else { return Ok(None) };
    Expr::new(key, &source).map_err(|fault| placed(fault, &section.at(key)))?;
    Ok(Some(source))
}

fn set(section: &Section<'_>, folder: &Path) -> Result<Vec<(String, Setting)>, Fault> {
    let Some(fields) = section.table("set", "a table such as { year = \".date[:4]\" }")? else {
        return Ok(Vec::new());
    };
    let mut set = Vec::new();
    for field in fields.values.keys() {
        let setting = match fields.value(field) {
            Some(Value::Table(_)) => Setting::Template(filled(&fields, field, folder)?),
            _ => Setting::Value(expression(&fields, field)?.expect("it is one of its keys")),
        };
        set.push((field.clone(), setting));
    }
    if set.is_empty() {
        return Err(section.refuse("set", "set names no field").hint("write set = { year = \".date[:4]\" }"));
    }
    Ok(set)
}

/// `field = { template = "…" }`.
fn filled(fields: &Section<'_>, field: &str, folder: &Path) -> Result<String, Fault> {
    const WANTED: &str = "an expression, or a table such as { template = \"Label: {{ text }}\" }";
    let none = || fields.refuse(field, format!("{field} has no template")).hint(WANTED);
    let table = fields.table(field, WANTED)?.ok_or_else(none)?;
    table.only(&["template", "template_file"])?;
    template(&table, "template", folder)?.ok_or_else(none)
}

fn ask(section: &Section<'_>, name: &str, folder: &Path) -> Result<Prompt, Fault> {
    let model = model(section)?;
    let Some(prompt) = template(section, "prompt", folder)? else {
        let fault = section.refuse("", format!("{} has no prompt", section.title));
        return Err(fault.hint("write prompt = \"…{{ text }}…\", or prompt_file = \"prompt.txt\""));
    };
    let schema = response::schema(section, folder)?;
    let ask = Prompt {
        model,
        system: template(section, "system", folder)?.unwrap_or_default(),
        prompt,
        examples: examples(section, folder)?,
        output: output(section, name, schema.is_some())?,
        schema,
        max_tokens: section.whole("max_tokens", 1..=MOST_TOKENS)?.map_or(TOKENS, |tokens| tokens as u32),
        temperature: section.number("temperature", 0.0..=2.0)?,
        top_p: section.number("top_p", 0.0..=1.0)?,
        seed: section.whole("seed", 0..=i64::MAX as u64)?,
        stop: section.texts("stop")?,
        concurrency: section.whole("concurrency", 0..=MOST_AT_ONCE)?.unwrap_or_default() as usize,
    };
    Ok(ask)
}

fn model(section: &Section<'_>) -> Result<ModelRef, Fault> {
    let Some(text) = section.text("model")? else {
        return Err(section.refuse("", format!("{} has no model", section.title)).hint(A_MODEL));
    };
    let bare = !text.contains(':') && !text.contains('/');
    match text.parse::<ModelRef>() {
        Err(_) if bare => {
            let shown = text.escape_debug();
            let fault = section.refuse("model", format!("model: `{shown}` names no provider"));
            Err(fault.hint(format!("write the provider before it, as in \"openai:{shown}\"")))
        }
        Ok(model @ ModelRef::Remote { .. }) => Ok(model),
        Ok(other) => Err(section.refuse("model", format!("model: {other} does not answer")).hint(A_MODEL)),
        Err(what) => Err(section.refuse("model", format!("model: {what}"))),
    }
}

/// The template at `key`, or in the file that `key_file` names, with all that it includes; it compiles.
fn template(section: &Section<'_>, key: &str, folder: &Path) -> Result<Option<String>, Fault> {
    let in_file = format!("{key}_file");
    let (at, source) = match (section.text(key)?, section.text(&in_file)?) {
        (Some(_), Some(_)) => {
            return Err(section
                .refuse(&in_file, format!("{in_file} stands beside {key}"))
                .hint("leave one of them out"));
        }
        (Some(source), None) => (key, source),
        (None, Some(file)) => {
            let text = load_prompt(&folder.join(file));
            (&*in_file, text.map_err(|fault| placed(fault, &section.at(&in_file)))?)
        }
        (None, None) => return Ok(None),
    };
    let whole = includes::expand(&source, folder).and_then(|whole| Template::new(at, &whole).map(|_| whole));
    whole.map(Some).map_err(|fault| placed(fault, &section.at(at)))
}

fn examples(section: &Section<'_>, folder: &Path) -> Result<Vec<Example>, Fault> {
    let mut examples = Vec::new();
    for example in section.tables("example", "example")? {
        example.only(&["prompt", "answer"])?;
        let need = |key: &str| {
            example
                .refuse("", format!("{} has no {key}", example.title))
                .hint("an example has a prompt and an answer")
        };
        let prompt = template(&example, "prompt", folder)?.ok_or_else(|| need("prompt"))?;
        let answer = match example.value("answer") {
            // An answer that is JSON may be written as a table.
            Some(value @ Value::Table(_)) => serde_json::to_string(value)
                .map_err(|error| example.refuse("answer", format!("answer: {error}")))?,
            _ => example.text("answer")?.ok_or_else(|| need("answer"))?,
        };
        examples.push(Example { prompt, answer });
    }
    Ok(examples)
}

/// The field that takes the answer; none where its properties become fields themselves.
fn output(section: &Section<'_>, name: &str, schema: bool) -> Result<String, Fault> {
    let named = section.text("output")?;
    if !section.flag("merge")? {
        return Ok(named.unwrap_or_else(|| name.to_owned()));
    }
    if named.is_some() {
        let fault = section.refuse("output", "output stands beside merge = true");
        return Err(
            fault.hint("leave one of them out: merged, each property of the answer is a field of the record")
        );
    }
    if !schema {
        let fault = section.refuse("merge", "merge needs an answer with properties, and this one is text");
        return Err(fault.hint("give response a schema, or name the field with output"));
    }
    Ok(String::new())
}
