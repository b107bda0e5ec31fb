//! A conversation to be answered.

use std::sync::Arc;

/// A conversation to be answered once. Cheap to clone: a pipeline makes millions that share their parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// What the model is told before the conversation.
    pub system: Option<Arc<str>>,
    /// The conversation, never empty, the last message being the user's.
    pub messages: Arc<[Message]>,
    /// How to answer.
    pub params: Arc<ChatParams>,
    /// Which of several wanted answers to the same question this is, from zero. It makes journal keys differ, and
    /// is added to the seed, because one seed would give the same answer every time.
    pub sample: u32,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whose.
    pub role: Role,
    /// What it says.
    pub content: Arc<str>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name in most wire formats, and in journal keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// How to answer. What is `None` is left to the service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatParams {
    /// Zero for the likeliest words, higher for variety.
    pub temperature: Option<f32>,
    /// Only words within this share of probability.
    pub top_p: Option<f32>,
    /// The most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// Texts at which the model stops.
    pub stop: Vec<Arc<str>>,
    /// For answers that can be had again, as far as the service goes.
    pub seed: Option<u64>,
    /// The form of the answer.
    pub schema: Option<Schema>,
}

/// A JSON Schema that answers are to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its name: letters, digits, `_` and `-`.
    pub name: Arc<str>,
    /// The schema as JSON text. Text, because the order of its properties is the order in which a model writes them.
    pub json: Arc<str>,
    /// Whether the service is to enforce it, where it can.
    pub strict: bool,
}

impl Chat {
    /// A single question.
    #[must_use]
    pub fn question(system: Option<&str>, question: &str, params: Arc<ChatParams>) -> Self {
        let message = Message { role: Role::User, content: question.into() };
        Self { system: system.map(Into::into), messages: Arc::new([message]), params, sample: 0 }
    }

    /// The seed to send: that of the parameters, moved on by the number of the sample.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.params.seed.map(|seed| seed.wrapping_add(u64::from(self.sample)))
    }

    /// All texts of the conversation, to be counted.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.system.as_deref().into_iter().chain(self.messages.iter().map(|message| &*message.content))
    }

    /// What must be in a journal key beside the model: everything that decides the answer, each part at its place,
    /// absent ones empty. Numbers are their bits, so that no way of printing them can change a key.
    #[must_use]
    pub fn key_parts(&self) -> Vec<Vec<u8>> {
        let params = &*self.params;
        let mut parts = vec![
            self.sample.to_le_bytes().to_vec(),
            option(params.temperature.map(f32::to_bits).map(u32::to_le_bytes)),
            option(params.top_p.map(f32::to_bits).map(u32::to_le_bytes)),
            option(params.max_tokens.map(u32::to_le_bytes)),
            option(params.seed.map(u64::to_le_bytes)),
            (params.stop.len() as u64).to_le_bytes().to_vec(),
        ];
        parts.extend(params.stop.iter().map(|stop| stop.as_bytes().to_vec()));
        parts.extend(params.schema.as_ref().map_or_else(<[_; 3]>::default, |schema| {
            [schema.name.as_bytes().to_vec(), schema.json.as_bytes().to_vec(), vec![schema.strict.into()]]
        }));
        parts.push(vec![self.system.is_some().into()]);
        parts.push(self.system.as_deref().unwrap_or_default().as_bytes().to_vec());
        for message in &*self.messages {
            parts.push(message.role.name().as_bytes().to_vec());
            parts.push(message.content.as_bytes().to_vec());
        }
        parts
    }
}

fn option<const N: usize>(bytes: Option<[u8; N]>) -> Vec<u8> {
    bytes.map(|bytes| bytes.to_vec()).unwrap_or_default()
}
