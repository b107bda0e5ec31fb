//! The lines of a cassette.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use tidegate_core::{Advice, ContentHash, Fault, FaultKind, Usage, advise};
use tidegate_model::{Completion, Finish};

use super::Reply;

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
    /// The vector of a text: numbers of four bytes, the least significant first, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vector: Option<String>,
    /// The class of the record's fault, where there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The hash of all that was asked: model, system prompt, examples, parameters and prompt.
    key: String,
}

/// What came of a question.
pub(super) type Said = Result<Reply, Fault>;

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
    pub(super) fn new((prompt, key): (&str, &ContentHash), answer: &Said) -> Option<Self> {
        let line = Self { prompt: prompt.to_owned(), key: key.to_hex(), ..Self::default() };
        match answer {
            Ok(Reply::Vector(vector)) => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                Some(Self { vector: Some(BASE64.encode(bytes)), ..line })
            }
            Ok(Reply::Text(answer)) => Some(Self {
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
        let said = match (self.answer, self.vector, self.fault) {
            (Some(text), None, None) => Ok(Reply::Text(Arc::new(Completion {
                text,
                finish: self.finish.unwrap_or(Finish::Stop),
                model: self.model.unwrap_or_else(|| "".into()),
                usage: self.usage.unwrap_or_default(),
            }))),
            (None, Some(vector), None) => Ok(Reply::Vector(numbers(&vector)?)),
            (None, None, Some(class)) => {
                let kind = FAULTS.into_iter().find(|kind| kind.name() == class);
                let kind = kind.ok_or_else(|| format!("there is no fault \"{}\"", class.escape_debug()))?;
                Err(Fault::new(kind, self.message.unwrap_or_default()))
            }
            _ => return Err("it has neither an answer nor a fault, or both".to_owned()),
        };
        Ok((key, self.prompt, said))
    }
}

/// The numbers of a vector.
fn numbers(text: &str) -> Result<Arc<[f32]>, String> {
    let bytes = BASE64.decode(text).map_err(|_| "`vector` is not base64")?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if numbers.is_empty() || !rest.is_empty() {
        return Err("`vector` is no list of numbers of four bytes".to_owned());
    }
    let numbers: Arc<[f32]> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    match numbers.iter().all(|number| number.is_finite()) {
        true => Ok(numbers),
        false => Err("`vector` has what is no number".to_owned()),
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
