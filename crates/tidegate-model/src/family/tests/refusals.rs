//! Every way in which each service says no, as recorded in `golden/PROVIDER/refusals.jsonl`.

use serde::Deserialize;
use serde_json::Value;
use tidegate_core::wire::Answer;
use tidegate_core::{Codec, Refusal};

use super::{answered, chat, embed, file, ranking, rerank, texts};
use crate::golden::answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    status: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    /// A text is the body itself; anything else is its JSON.
    #[serde(default)]
    body: Value,
    /// A file beside this one that holds the body.
    #[serde(default)]
    file: Option<String>,
    kind: String,
    #[serde(default)]
    wait_ms: Option<u128>,
    says: String,
    /// What the message must not say.
    #[serde(default)]
    silent: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

impl Case {
    fn answer(&self, provider: &str) -> Answer {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = match (&self.file, &self.body) {
            (Some(name), _) => file(&format!("{provider}/{name}")),
            (None, Value::String(text)) => text.clone().into_bytes(),
            (None, value) => value.to_string().into_bytes(),
        };
        answer(self.status, &headers, body)
    }
}

/// What everything that can be asked of `provider` makes of `answer`.
fn refusals(provider: &str, answer: &Answer) -> Vec<Refusal> {
    let model = "the-model";
    let mut refusals = vec![answered(&chat(provider, model), answer).expect_err("no answer")];
    if provider != "anthropic" {
        refusals.push(embed(provider, model).decode(&texts(2), answer).expect_err("no answer"));
    }
    if provider == "cohere" {
        refusals.push(rerank(provider, model).decode(&[ranking(2, 0)], answer).expect_err("no answer"));
    }
    refusals
}

#[test]
fn each_refusal_is_of_its_kind_with_its_wait_and_words() {
    for provider in ["anthropic", "gemini", "cohere", "ollama"] {
        let cases = String::from_utf8(file(&format!("{provider}/refusals.jsonl"))).unwrap();
        for line in cases.lines() {
            let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            for refusal in refusals(provider, &case.answer(provider)) {
                assert_eq!(format!("{:?}", refusal.kind), case.kind, "{provider} {line}\n{refusal:?}");
                assert_eq!(refusal.status, case.status, "{line}");
                assert_eq!(refusal.wait.map(|wait| wait.as_millis()), case.wait_ms, "{line}\n{refusal:?}");
                assert!(refusal.message.contains(&case.says), "{line}\n{refusal:?}");
                let silent = case.silent.as_deref();
                assert!(silent.is_none_or(|words| !refusal.message.contains(words)), "{line}\n{refusal:?}");
                assert!(refusal.message.len() < 600, "{line}");
                if case.id.is_some() {
                    assert_eq!(refusal.request_id, case.id, "{line}");
                }
            }
        }
    }
}
