//! What goes wrong, and when.

use serde::Deserialize;

use super::Hint;
use crate::provider::span::Span;

/// One rule: `{ when = { probability = 0.03 }, act = { status = { code = 503 } } }`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests; by default all.
    #[serde(default)]
    pub when: When,
    /// What happens to them.
    pub act: Act,
}

impl Fault {
    /// `act` happens to every request.
    #[must_use]
    pub fn always(act: Act) -> Self {
        Self { when: When::default(), act }
    }

    /// `act` happens to the requests with these numbers, counted from 1.
    #[must_use]
    pub fn at(numbers: impl Into<Vec<u64>>, act: Act) -> Self {
        Self { when: When { at: numbers.into(), ..When::default() }, act }
    }

    /// `act` happens to this share of the requests, from 0 to 1.
    #[must_use]
    pub fn share(probability: f64, act: Act) -> Self {
        Self { when: When { probability: Some(probability), ..When::default() }, act }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.when.probability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("a `probability` is from 0 to 1".to_owned());
        }
        if self.when.every == Some(0) {
            return Err("`every` is above 0: 1 is every request".to_owned());
        }
        match &self.act {
            Act::Status { code, .. } if !(400..=599).contains(code) => {
                Err(format!("`status` plays errors, 400 to 599, not {code}"))
            }
            Act::Slow { times } if !(0.0..=1e6).contains(times) => {
                Err("`slow` needs `times` from 0 to 1000000".to_owned())
            }
            Act::Truncated { keep } if !(0.0..=1.0).contains(keep) => {
                Err("`truncated` needs `keep` from 0 to 1".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Which requests a fault happens to: those that fulfil every condition that is given.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// A share of them, drawn for each: 0.05 is one in twenty.
    pub probability: Option<f64>,
    /// Every nth: 20 is the 20th, the 40th and so on.
    pub every: Option<u64>,
    /// Those with these numbers, counted from 1.
    pub at: Vec<u64>,
    /// Those with a number above this: what happens after n calls.
    pub after: Option<u64>,
    /// Only the first so many requests with the same texts: 1 lets the second try pass.
    pub tries: Option<u32>,
    /// Not before this time since the start.
    pub from: Option<Span>,
    /// Before this time since the start.
    pub to: Option<Span>,
    /// Those for this model.
    pub model: Option<String>,
    /// Those with this in their path.
    pub path: Option<String>,
    /// Those with a text that contains this.
    pub text: Option<String>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    // Answers that are errors, in the words of the wire format.
    /// An error of this status.
    Status {
        /// 400 to 599.
        code: u16,
        /// The message instead of the provider's usual words.
        #[serde(default)]
        message: Option<String>,
    },
    /// A refusal for lack of quota, whatever the limits say.
    TooMany {
        /// How the wait is told.
        #[serde(default)]
        hint: Hint,
        /// How long it is; by default a second.
        #[serde(default)]
        wait: Option<Span>,
    },
    /// The account has no money left, in the provider's words: waiting does not help.
    InsufficientQuota,
    /// The quota of the day is used up, with a wait hint of seconds all the same, as Google's has.
    DailyQuota,
    /// 402.
    PaymentRequired,
    /// 401, as if the key had been withdrawn.
    WrongKey,

    // Connections.
    /// Reset before a byte of the request is read.
    ResetBeforeReading,
    /// Reset instead of an answer; the work has been done and is billed.
    ResetInsteadOfAnswer,
    /// Reset after so many bytes of the body; by default after half of it.
    ResetMidBody {
        /// Bytes of the body that are sent.
        #[serde(default)]
        after: Option<usize>,
    },
    /// Closed after so many bytes of the body, with the length or the end missing; by default after half of it.
    Cut {
        /// Bytes of the body that are sent.
        #[serde(default)]
        after: Option<usize>,
    },
    /// No answer ever.
    HangBeforeHeaders,
    /// Status and headers, then nothing.
    HangAfterHeaders,
    /// So many bytes of the body, then nothing; by default half of it.
    HangMidBody {
        /// Bytes of the body that are sent.
        #[serde(default)]
        after: Option<usize>,
    },
    /// A pause in the middle of the body, after which the rest comes.
    Stall {
        /// Bytes of the body that are sent before it; by default half.
        #[serde(default)]
        after: Option<usize>,
        /// How long it is.
        pause: Span,
    },
    /// Takes so many times as long.
    Slow {
        /// 20.0 is twenty times.
        times: f64,
    },

    // Bodies that are not what they should be, with status 200.
    /// JSON that ends in the middle, with a matching length.
    Truncated {
        /// The share of the body that is kept.
        keep: f64,
    },
    /// A page of a proxy.
    Html,
    /// Nothing.
    Empty,
    /// A byte order mark before the JSON.
    Bom,
    /// An error in the words of the wire format, with status 200.
    ErrorInOk,
    /// Any body.
    Body {
        /// What it says.
        text: String,
        /// Its type; by default `application/json`.
        #[serde(default)]
        content_type: Option<String>,
    },
    /// A body of so many bytes of white space before the JSON ends; by default 1 GiB.
    Gigabyte {
        /// Its size.
        #[serde(default)]
        bytes: Option<u64>,
    },
    /// A body that a client which unpacks gzip finds to be this large; by default 1 GiB.
    GzipBomb {
        /// Its size when unpacked.
        #[serde(default)]
        bytes: Option<u64>,
    },
    /// `Content-Length` is off by so many bytes, then the connection closes.
    WrongLength {
        /// Above 0: more is announced than comes; below: less.
        by: i64,
    },
    /// Chunked, all of the body, but no last chunk before the connection closes.
    ChunkedWithoutEnd,

    // Embeddings that are not what they should be.
    /// So many vectors too many, or too few.
    WrongCount {
        /// Above 0: too many; below: too few.
        by: i64,
    },
    /// The rows in another order, each with its right index where the format has one.
    Permuted,
    /// Two rows with the same index; where the format has none, two equal rows.
    DuplicateIndex,
    /// A row without its index; where the format has none, without the row.
    MissingIndex,
    /// One vector with another number of components.
    WrongDimensions {
        /// How many it has.
        to: usize,
    },
    /// A component that is not a number.
    Nan,
    /// A `null` among the components.
    Null,
    /// A vector of zeros.
    Zeros,

    // Streams and chats.
    /// A stream that ends without its end marker, cleanly.
    NoEndMarker,
    /// An error in the middle of a stream, after so many pieces; by default after half of them.
    ErrorEvent {
        /// Pieces that are sent before it.
        #[serde(default)]
        after: Option<usize>,
    },
    /// A piece of the stream comes twice.
    DuplicatePiece,
    /// The answer stops at the limit on its length.
    LengthStop,
    /// The answer is stopped by a content filter.
    Filtered,
    /// The model refuses, in words.
    Refusal,
    /// An answer without content.
    NoContent,
    /// An answer that does not fit the schema it was asked to follow.
    UnfitAnswer,

    // Lies.
    /// The answer names another model than the one asked for.
    OtherModel {
        /// The name it gives.
        name: String,
    },
    /// What the rate-limit headers say.
    LyingHeaders {
        /// Which lie.
        lie: Lie,
    },
}

impl Act {
    /// Its name in scripts and in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::TooMany { .. } => "too_many",
            Self::InsufficientQuota => "insufficient_quota",
            Self::DailyQuota => "daily_quota",
            Self::PaymentRequired => "payment_required",
            Self::WrongKey => "wrong_key",
            Self::ResetBeforeReading => "reset_before_reading",
            Self::ResetInsteadOfAnswer => "reset_instead_of_answer",
            Self::ResetMidBody { .. } => "reset_mid_body",
            Self::Cut { .. } => "cut",
            Self::HangBeforeHeaders => "hang_before_headers",
            Self::HangAfterHeaders => "hang_after_headers",
            Self::HangMidBody { .. } => "hang_mid_body",
            Self::Stall { .. } => "stall",
            Self::Slow { .. } => "slow",
            Self::Truncated { .. } => "truncated",
            Self::Html => "html",
            Self::Empty => "empty",
            Self::Bom => "bom",
            Self::ErrorInOk => "error_in_ok",
            Self::Body { .. } => "body",
            Self::Gigabyte { .. } => "gigabyte",
            Self::GzipBomb { .. } => "gzip_bomb",
            Self::WrongLength { .. } => "wrong_length",
            Self::ChunkedWithoutEnd => "chunked_without_end",
            Self::WrongCount { .. } => "wrong_count",
            Self::Permuted => "permuted",
            Self::DuplicateIndex => "duplicate_index",
            Self::MissingIndex => "missing_index",
            Self::WrongDimensions { .. } => "wrong_dimensions",
            Self::Nan => "nan",
            Self::Null => "null",
            Self::Zeros => "zeros",
            Self::NoEndMarker => "no_end_marker",
            Self::ErrorEvent { .. } => "error_event",
            Self::DuplicatePiece => "duplicate_piece",
            Self::LengthStop => "length_stop",
            Self::Filtered => "filtered",
            Self::Refusal => "refusal",
            Self::NoContent => "no_content",
            Self::UnfitAnswer => "unfit_answer",
            Self::OtherModel { .. } => "other_model",
            Self::LyingHeaders { .. } => "lying_headers",
        }
    }

    /// Whether work goes on for as long as the client waits.
    pub(crate) fn hangs(&self) -> bool {
        matches!(self, Self::HangBeforeHeaders | Self::HangAfterHeaders | Self::HangMidBody { .. })
    }
}

/// What rate-limit headers say that is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// Nothing is left, and more comes in an hour.
    Drained,
    /// Nothing is left, and more came an hour ago.
    ResetInPast,
    /// Nothing is left, with no time at which more comes.
    NoReset,
    /// Everything is left, always.
    Plenty,
    /// Words where numbers belong.
    Nonsense,
}
