//! What answers that were paid for teach about those to come.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tidegate_core::{Tokenizer, Usage};
use tidegate_model::{Completion, Finish};

/// Answers that stand in for others, in turn.
const KEPT: usize = 64;
/// Of what an answer may have, what it is thought to have where nothing else is known.
const SHARE: f64 = 0.25;
/// How much longer an answer with a form is thought to be than one that is made up.
const LONGER: f64 = 2.0;
/// How deep a schema is followed: one that refers to itself has no end.
const DEPTH: usize = 16;

/// What is known of a step's answers.
pub(super) struct Learned {
    tokenizer: Arc<dyn Tokenizer>,
    max_tokens: u64,
    /// Said by whoever asks; nothing else counts then.
    said: Option<u64>,
    /// The schema that answers follow.
    form: Option<Value>,
    /// What stands in where no answer is known.
    made_up: Arc<Completion>,
    kept: Vec<Arc<Completion>>,
    next: usize,
    /// Answers that were found, and what they used.
    pub(super) answers: u64,
    output: u64,
    /// Tokens that were sent, as the service counted them, and as they are counted here.
    sent: u64,
    counted: u64,
    cached: u64,
}

impl Learned {
    /// Nothing yet. `schema` is that of the answers.
    pub(super) fn new(
        tokenizer: Arc<dyn Tokenizer>,
        (max_tokens, said): (u32, Option<u64>),
        schema: Option<&str>,
    ) -> Self {
        let form: Option<Value> = schema.and_then(|schema| serde_json::from_str(schema).ok());
        let mut learned = Self {
            tokenizer,
            max_tokens: u64::from(max_tokens),
            said,
            form,
            made_up: completion(""),
            kept: Vec::new(),
            next: 0,
            answers: 0,
            output: 0,
            sent: 0,
            counted: 0,
            cached: 0,
        };
        let text = match &learned.form {
            Some(form) => sample(form, form, DEPTH).to_string(),
            None => learned.words(learned.output_tokens()),
        };
        learned.made_up = completion(&text);
        learned
    }

    /// Takes note of an answer to a question that is counted as `counted` tokens here.
    pub(super) fn take(&mut self, answer: &Arc<Completion>, counted: u64) {
        self.answers += 1;
        self.output += match answer.usage.output_tokens {
            0 => self.tokenizer.count(&answer.text) as u64,
            told => told,
        };
        if answer.usage.input_tokens > 0 {
            self.sent += answer.usage.input_tokens;
            self.counted += counted;
            self.cached += answer.usage.cached_tokens;
        }
        if self.kept.len() < KEPT {
            self.kept.push(answer.clone());
        }
    }

    /// An answer that might come.
    pub(super) fn stand_in(&mut self) -> Arc<Completion> {
        self.next += 1;
        match self.kept.len() {
            0 => self.made_up.clone(),
            known => self.kept[self.next % known].clone(),
        }
    }

    /// Tokens that an answer has, on average.
    pub(super) fn output_tokens(&self) -> f64 {
        let most = self.max_tokens as f64;
        if let Some(said) = self.said {
            return said as f64;
        }
        if self.answers > 0 {
            return self.output as f64 / self.answers as f64;
        }
        let of_form =
            |form: &Value| LONGER * self.tokenizer.count(&sample(form, form, DEPTH).to_string()) as f64;
        self.form.as_ref().map_or(most, of_form).min(most * SHARE).max(1.0)
    }

    /// What a call uses that is counted as `counted` tokens here.
    pub(super) fn input_tokens(&self, counted: f64) -> f64 {
        if self.counted == 0 { counted } else { counted * self.sent as f64 / self.counted as f64 }
    }

    /// What so many tokens are on a bill.
    pub(super) fn usage(&self, input: f64, output: f64) -> Usage {
        let cached = if self.sent == 0 { 0.0 } else { self.cached as f64 / self.sent as f64 };
        let whole = |tokens: f64| tokens.round().max(0.0) as u64;
        Usage {
            input_tokens: whole(input),
            cached_tokens: whole(input * cached),
            output_tokens: whole(output),
        }
    }

    /// Where the length of answers is from, in words.
    pub(super) fn told(&self) -> String {
        let tokens = self.output_tokens();
        match (self.said, self.answers, &self.form) {
            (Some(said), ..) => format!("answers of {said} tokens, as you said"),
            (None, 1.., _) => {
                format!("answers of {tokens:.1} tokens, as {} in the journal have on average", self.answers)
            }
            (None, 0, Some(_)) if tokens < self.max_tokens as f64 * SHARE => {
                format!(
                    "answers of {tokens:.0} tokens, twice a made-up one that follows the schema: an assumption"
                )
            }
            (None, 0, _) => format!("answers of {tokens:.0} tokens, a quarter of max_tokens: an assumption"),
        }
    }

    /// Whether the length of answers is nothing but an assumption.
    pub(super) fn guesses(&self) -> bool {
        self.said.is_none() && self.answers == 0
    }

    /// About so many tokens of words.
    fn words(&self, tokens: f64) -> String {
        const WORD: &str = " word";
        let each = self.tokenizer.count(&WORD.repeat(64)) as f64 / 64.0;
        WORD.repeat((tokens / each.max(0.1)).round().clamp(1.0, 100_000.0) as usize).trim_start().to_owned()
    }
}

fn completion(text: &str) -> Arc<Completion> {
    let (model, usage) = ("".into(), Usage::default());
    Arc::new(Completion { text: text.into(), finish: Finish::Stop, model, usage })
}

/// A value that follows `schema`, as far as its types go; references are looked up in `root`.
fn sample(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    let of = |schema: &Value| sample(schema, root, depth - 1);
    if let Some(target) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        return root.pointer(target).map_or(Value::Null, of);
    }
    let first = |key: &str| schema[key].as_array().and_then(|list| list.first());
    if let Some(value) = schema.get("const").or(first("enum")) {
        return value.clone();
    }
    if let Some(branch) = first("anyOf").or(first("oneOf")).or(first("allOf")) {
        return of(branch);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") => object(schema, &of),
        None if schema["properties"].is_object() => object(schema, &of),
        Some("array") => Value::Array(schema.get("items").map(of).into_iter().collect()),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!("some words of an answer"),
    }
}

fn object(schema: &Value, of: &dyn Fn(&Value) -> Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    Value::Object(properties.map(|(name, schema)| (name.clone(), of(schema))).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use tidegate_model::tokens::Estimate;

    use super::*;
    use crate::form::Form;

    fn learned(said: Option<u64>, schema: Option<&str>) -> Learned {
        Learned::new(Arc::new(Estimate), (400, said), schema)
    }

    #[test]
    fn an_answer_is_as_long_as_earlier_ones_or_as_is_said() {
        let mut step = learned(None, None);
        assert_eq!(step.output_tokens(), 100.0);
        assert!(step.guesses() && step.told().contains("a quarter of max_tokens"));
        let stand_in = Estimate.count(&step.stand_in().text);
        assert!((95..=105).contains(&stand_in), "{stand_in}");
        for (sent, answered) in [(10, 4), (30, 8)] {
            let usage = Usage { input_tokens: sent, cached_tokens: sent / 2, output_tokens: answered };
            let answer = Completion { usage, ..(*completion("yes")).clone() };
            step.take(&Arc::new(answer), 20);
        }
        assert_eq!((step.output_tokens(), step.input_tokens(1_000.0)), (6.0, 1_000.0));
        assert_eq!(&*step.stand_in().text, "yes");
        assert_eq!(step.usage(100.0, 7.4), Usage { input_tokens: 100, cached_tokens: 50, output_tokens: 7 });
        assert!(!step.guesses() && step.told().contains("as 2 in the journal"), "{}", step.told());
        assert_eq!(learned(Some(7), None).output_tokens(), 7.0);
    }

    #[test]
    fn an_answer_with_a_form_is_thought_as_short_as_its_form() {
        const LABEL: &str = r##"{"type":"object","properties":{"topic":{"enum":["bug","question"]},
            "score":{"type":"number","minimum":3},"tags":{"type":"array","items":{"$ref":"#/$defs/t"}},
            "note":{"type":["null","string"]},"next":{"anyOf":[{"type":"integer"},{"type":"null"}]}},
            "required":["topic","score","tags","note"],"additionalProperties":false,
            "$defs":{"t":{"type":"string"}}}"##;
        let mut step = learned(None, Some(LABEL));
        Form::new(LABEL).unwrap().read(&step.stand_in().text).unwrap();
        assert!(step.output_tokens() <= 100.0 && step.guesses());
        let endless = learned(None, Some(r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##));
        assert!(endless.output_tokens() > 0.0);
    }
}
