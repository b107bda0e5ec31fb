//! The right answer to a request, before anything spoils it: first its size, which limits and latency need, then
//! the answer itself, once it is sure that it is wanted.

use std::time::Duration;

use super::fault::spoil_rows;
use super::reply::Answer;
use super::rng::Rng;
use super::script::{Act, Script};
use super::vector::{text_hash, vector_of};
use super::wire::{Asked, Body, ChatAsk, Detail, EmbedAsk, Finish, RerankAsk, Row, Said, fill};
use super::words::{relevance_of, reply_of};

/// What a model says that refuses.
const REFUSAL: &str = "I cannot help with that.";

/// An answer whose size is known.
pub(super) struct Draft {
    /// Its words, if it is a chat.
    said: Option<Said>,
    /// Whether it is right so far.
    pub(super) right: bool,
}

impl Draft {
    /// What will be said to `asked`.
    pub(super) fn new(asked: &Asked, script: &Script, acts: &[&Act], created: Duration) -> Self {
        let Detail::Chat(chat) = &asked.detail else { return Self { said: None, right: true } };
        let hash = asked.texts.last().map_or(0, |text| text.hash);
        let mut pieces = pieces(&answer_text(chat, script, acts, hash));
        let mut finish = Finish::Stop;
        if let Some(most) = chat.max_tokens.map(|most| usize::try_from(most).unwrap_or(usize::MAX))
            && pieces.len() > most
        {
            pieces.truncate(most);
            finish = Finish::Length;
        }
        for act in acts {
            match act {
                Act::LengthStop => finish = Finish::Length,
                Act::Filtered => finish = Finish::Filtered,
                Act::NoContent => pieces.clear(),
                Act::Refusal => {
                    (finish, pieces) = (Finish::Refused, self::pieces(REFUSAL));
                    continue;
                }
                _ => continue,
            }
            pieces.truncate(pieces.len().div_ceil(2));
        }
        // An answer that stops at the client's own limit is what was asked for: whether it is enough is for the
        // client to judge. The log calls it right.
        let spoiled = |act: &&Act| {
            use Act as A;
            matches!(act, A::LengthStop | A::Filtered | A::Refusal | A::NoContent | A::UnfitAnswer)
        };
        let right = !acts.iter().any(spoiled);
        let tokens = pieces.len() as u64;
        let id = hash ^ text_hash(asked.model.as_bytes());
        Self { said: Some(Said { pieces, finish, tokens, id, created: created.as_secs() }), right }
    }

    /// Tokens of the answer.
    pub(super) fn tokens(&self) -> u64 {
        self.said.as_ref().map_or(0, |said| said.tokens)
    }

    /// The time between its first and its last piece.
    pub(super) fn streaming(&self, gap: Duration) -> Duration {
        gap.mul_f64(self.tokens() as f64)
    }

    /// Writes it down. A chat that is not streamed comes as late as its last piece would have.
    pub(super) fn write(&mut self, asked: &Asked, script: &Script, acts: &[&Act], rng: &mut Rng) -> Answer {
        let renamed = acts.iter().find_map(|act| match act {
            Act::OtherModel { name } => Some(Asked { model: name.clone(), ..asked.clone() }),
            _ => None,
        });
        self.right &= renamed.is_none();
        let shown = renamed.as_ref().unwrap_or(asked);
        let body = match (&asked.detail, &self.said) {
            (Detail::Embed(embed), _) => {
                let mut rows = rows(asked, embed, script);
                self.right &= spoil_rows(&mut rows, acts, embed.indexed, rng);
                Body::Whole((embed.write)(shown, embed, &rows))
            }
            (Detail::Chat(chat), Some(said)) => (chat.write)(shown, chat, said),
            (Detail::Rerank(rerank), _) => Body::Whole((rerank.write)(shown, rerank, &ranked(asked, rerank))),
            (Detail::Models(write), _) if asked.model.is_empty() => Body::Whole(write(&script.models)),
            (Detail::Models(write), _) => Body::Whole(write(std::slice::from_ref(&asked.model))),
            (Detail::Count(write), _) => Body::Whole(write(asked.input_tokens())),
            (Detail::Chat(_), None) => Body::Whole(Vec::new()),
        };
        match body {
            Body::Whole(body) => Answer::json(200, body),
            Body::Stream { content_type, events, end_marker } => Answer {
                content_type: content_type.to_owned(),
                pieces: events,
                streamed: true,
                gap: script.latency.per_piece.0,
                end_marker,
                ..Answer::json(200, Vec::new())
            },
        }
    }
}

fn answer_text(chat: &ChatAsk, script: &Script, acts: &[&Act], hash: u64) -> String {
    match (&chat.schema, &script.chat.reply) {
        (Some(_), _) if acts.contains(&&Act::UnfitAnswer) => r#"{"unexpected": ["value"]}"#.to_owned(),
        (Some(schema), _) => fill(schema, hash).to_string(),
        (None, Some(reply)) => reply.clone(),
        (None, None) => reply_of(hash, script.chat.words),
    }
}

/// Words, each with the space behind it; text without spaces in parts of a few letters.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for word in text.split_inclusive(' ') {
        let letters: Vec<char> = word.chars().collect();
        pieces.extend(letters.chunks(12).map(|part| part.iter().collect::<String>()));
    }
    pieces
}

fn rows(asked: &Asked, embed: &EmbedAsk, script: &Script) -> Vec<Row> {
    let dimensions = embed.dimensions.unwrap_or(script.embedding.dimensions);
    let row =
        |(n, hash)| Row { index: Some(n), values: vector_of(hash, &asked.model, dimensions), null_at: None };
    asked.texts.iter().map(|text| text.hash).enumerate().map(row).collect()
}

/// Places of documents with their scores, best first.
fn ranked(asked: &Asked, rerank: &RerankAsk) -> Vec<(usize, f64)> {
    let Some((query, documents)) = asked.texts.split_first() else { return Vec::new() };
    let score = |(n, hash)| (n, relevance_of(query.hash, hash));
    let mut ranked: Vec<(usize, f64)> =
        documents.iter().map(|text| text.hash).enumerate().map(score).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(rerank.top.unwrap_or(usize::MAX));
    ranked
}
