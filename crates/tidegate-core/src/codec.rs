//! What a service is asked and what it answers, without saying how bytes travel: codecs turn items into a request
//! and an answer into one result per item. They do no I/O, so recorded answers test them.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::hash::ContentHash;
use crate::wire::{Answer, Head, HttpRequest};

/// Speaks one wire format of one service for one kind of work.
///
/// An item is the unit of payment and of blame: one text to embed, one conversation to answer. A request carries
/// one or several.
pub trait Codec: Send + Sync + 'static {
    /// What is asked. Cheap to clone.
    type Item: Clone + Send + Sync + 'static;
    /// What is answered to one item. Cheap to clone.
    type Answer: Clone + Send + Sync + 'static;

    /// The content-addressed name of what `item` asks: all that decides the answer, and nothing else. `None` where
    /// two equal items want two answers, or answers are not to be kept.
    fn key(&self, item: &Self::Item) -> Option<ContentHash>;

    /// What sending `items` in one request will probably count against the service's limits.
    fn estimate(&self, items: &[Self::Item]) -> Charge;

    /// What one request may carry at most.
    fn shape(&self) -> Shape;

    /// The request for `items`, never empty.
    ///
    /// # Errors
    /// An item that cannot be sent.
    fn encode(&self, items: &[Self::Item]) -> Result<HttpRequest, Fault>;

    /// What `answer` says to `items`. Called for every status. The result has one answer per item, in order: codecs
    /// match by the answer's own indices, never by position alone.
    ///
    /// # Errors
    /// Why the request as a whole brought nothing.
    fn decode(&self, items: &[Self::Item], answer: &Answer) -> Result<Reply<Self::Answer>, Refusal>;

    /// Who takes the body of an answer to `items` as it comes, where it is too large to be held until its end; `decode`
    /// then finds no body. Called for every status.
    fn taker(&self, items: &[Self::Item], head: &Head) -> Option<Box<dyn Taker>> {
        let _ = (items, head);
        None
    }

    /// Something that any service of this kind answers, short and of no account: asked where one record fails alone,
    /// to tell a bad record from a bad service. `None` where nothing can be asked without doing something.
    fn sample(&self) -> Option<Self::Item> {
        None
    }

    /// What the head of any answer says of the service's limits.
    fn quota(&self, head: &Head) -> Vec<Quota> {
        let _ = head;
        Vec::new()
    }

    /// What `usage` costs, in the currency of the price table; `None` where no price is known.
    fn price(&self, usage: &Usage) -> Option<f64> {
        let _ = usage;
        None
    }
}

/// Takes a body as it comes.
pub trait Taker: Send {
    /// Whether it wants the rest. Where it does not, the rest is not read, and the connection is closed.
    fn wants_more(&self) -> bool;

    /// Takes the next piece.
    fn take(&mut self, piece: &[u8]);
}

/// A codec whose service can send its answer piece by piece.
pub trait StreamCodec: Codec {
    /// The request that asks for a stream.
    ///
    /// # Errors
    /// An item that cannot be sent.
    fn encode_stream(&self, item: &Self::Item) -> Result<HttpRequest, Fault>;

    /// What reads the stream.
    fn listen(&self, item: &Self::Item) -> Box<dyn Listener<Self::Answer>>;

    /// The text of a whole answer, for those who expected it piece by piece and get one that was kept.
    fn text<'a>(&self, answer: &'a Self::Answer) -> &'a str;
}

/// Reads a stream, however it is cut into pieces.
pub trait Listener<A>: Send {
    /// Takes the next bytes and appends the text they complete to `text`; never half a character.
    ///
    /// # Errors
    /// An error that the service sent in mid-stream, or what is no stream at all.
    fn push(&mut self, bytes: &[u8], text: &mut String) -> Result<(), Refusal>;

    /// The whole answer, once the body has ended.
    ///
    /// # Errors
    /// The stream lacks its proper end: what came is not whole.
    fn end(self: Box<Self>) -> Result<(Result<A, Fault>, Usage), Refusal>;
}

/// What a request may carry at most. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Items.
    pub items: usize,
    /// Tokens of one item.
    pub item_tokens: u64,
    /// Tokens of all items.
    pub tokens: u64,
    /// Bytes of text of all items.
    pub bytes: u64,
}

/// What a request counts against a service's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charge {
    /// Items (some services count inputs instead of requests).
    pub inputs: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens the answer may have at most, or is expected to have.
    pub output_tokens: u64,
}

/// What an answer says was used. Kept with answers, so its fields keep their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent and paid, those read from the service's cache included.
    pub input_tokens: u64,
    /// Of these, read from the service's cache.
    pub cached_tokens: u64,
    /// Tokens answered.
    pub output_tokens: u64,
}

/// A good answer.
#[derive(Debug, Clone)]
pub struct Reply<A> {
    /// One result per item, in the order of the items. A fault is that item's own.
    pub answers: Vec<Result<A, Fault>>,
    /// What was used; `None` where the service does not say.
    pub usage: Option<Usage>,
    /// The model that answered, where the service says.
    pub model: Option<String>,
}

/// Why a request brought nothing. Only the call layer acts on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal.
    pub kind: RefusalKind,
    /// The HTTP status.
    pub status: u16,
    /// The service's own words, or what came instead; at most a few hundred bytes, keys redacted.
    pub message: String,
    /// How long the service asks to wait, from the arrival of the answer. Already parsed from whichever header or
    /// body field held it; absent where it was malformed, negative or past.
    pub wait: Option<Duration>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The first bytes of the body, for the quarantine.
    pub excerpt: Bytes,
}

/// Kinds of refusal, told apart by what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// Too many requests or tokens: wait, charge nobody.
    RateLimited,
    /// The service or its model is overloaded (503, 529, a full queue): wait, charge nobody.
    Overloaded,
    /// Another failure of the service (500, 502, 504, …).
    Unavailable,
    /// A good status with an answer that is none: not JSON, HTML, empty, the wrong number of vectors, not finite.
    BadResponse,
    /// The service refuses what was sent; with several items, one of them may be to blame.
    BadRequest,
    /// More than one request may carry: with several items, fewer may pass; a single one never will.
    TooLarge,
    /// The key is missing, wrong or may not do this.
    Unauthorised,
    /// The model, or the address, does not exist.
    NotFound,
    /// Money or a quota that does not come back in minutes is used up.
    Exhausted,
}

/// What a head says of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What is counted.
    pub unit: QuotaUnit,
    /// The limit, where said.
    pub limit: Option<u64>,
    /// The window of the limit.
    pub window: Duration,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// In how long it is full again (or, for some services, less drained), from the arrival of the head.
    pub reset: Option<Duration>,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QuotaUnit {
    /// Requests.
    Requests,
    /// Items of requests.
    Inputs,
    /// Tokens sent and answered together.
    Tokens,
    /// Tokens sent.
    InputTokens,
    /// Tokens answered.
    OutputTokens,
}

impl QuotaUnit {
    /// The name in configuration, logs and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Inputs => "inputs",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
        }
    }

    /// How many units `charge` takes of a limit that counts this.
    #[must_use]
    pub fn of(self, charge: &Charge) -> u64 {
        match self {
            Self::Requests => 1,
            Self::Inputs => charge.inputs,
            Self::Tokens => charge.input_tokens + charge.output_tokens,
            Self::InputTokens => charge.input_tokens,
            Self::OutputTokens => charge.output_tokens,
        }
    }
}
