//! The lines of a cassette.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_core::{Advice, ContentHash, Fault, FaultKind, Usage, advise};
use tidegate_model::{Completion, Finish};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// The first line of a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The version of the format.
    pub(super) cassette: u32,
    pub(super) step: String,
    pub(super) model: String,
}

/// Every other line: a question with what came of it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// What was asked last.
    pub(super) prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish: Option<Finish>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    /// The class of the record's fault, where there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The hash of all that was asked: model, system prompt, examples, parameters and prompt.
    key: String,
}

/// What came of a question.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Answer(Arc<Completion>),
    Fault(Fault),
}

/// Faults that answers of a service are to a record.
const FAULTS: [FaultKind; 5] = [
    FaultKind::Validation,
    FaultKind::Incomplete,
    FaultKind::Refused,
    FaultKind::BadResponse,
    FaultKind::TooLarge,
];

impl Line {
    /// What came of the question `prompt`, whose key is `key`; `None` for what is no answer to it: an outage, a stop.
    pub(super) fn new(
        (prompt, key): (&str, &ContentHash),
        answer: &Result<Arc<Completion>, Fault>,
    ) -> Option<Self> {
        let line = Self { prompt: prompt.to_owned(), key: key.to_hex(), ..Self::default() };
        match answer {
            Ok(answer) => Some(Self {
                answer: Some(answer.text.clone()),
                finish: Some(answer.finish).filter(|finish| *finish != Finish::Stop),
                model: Some(answer.model.clone()),
                usage: Some(answer.usage),
                ..line
            }),
            Err(fault) if advise(fault) == Advice::Quarantine => {
                let class = fault.kind().name().to_owned();
                Some(Self { fault: Some(class), message: Some(fault.message().to_owned()), ..line })
            }
            Err(_) => None,
        }
    }

    /// Its key, its prompt, and what came of it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read(self) -> Result<(ContentHash, String, Said), String> {
        let key = key_of(&self.key).ok_or("`key` is not 64 hexadecimal digits")?;
        let said = match (self.answer, self.fault) {
            (Some(text), None) => Said::Answer(Arc::new(Completion {
                text,
                finish: self.finish.unwrap_or(Finish::Stop),
                model: self.model.unwrap_or_else(|| "".into()),
                usage: self.usage.unwrap_or_default(),
            })),
            (None, Some(class)) => {
                let kind = FAULTS.into_iter().find(|kind| kind.name() == class);
                let kind = kind.ok_or_else(|| format!("there is no fault \"{}\"", class.escape_debug()))?;
                Said::Fault(Fault::new(kind, self.message.unwrap_or_default()))
            }
            _ => return Err("it has neither an answer nor a fault, or both".to_owned()),
        };
        Ok((key, self.prompt, said))
    }
}

fn key_of(hex: &str) -> Option<ContentHash> {
    let digits = hex.as_bytes();
    let mut key = [0; 32];
    if digits.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(ContentHash(key))
}
