//! People who ask beside the run: they go first, wait a limited time, and some leave before they are answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_call::{CallCx, Caller, Priority};
use tidegate_core::{Codec, ContentHash, Fault, FaultKind, TraceId};
use tidegate_model::{AnyChat, Text};
use tokio::time::{Instant, sleep, timeout};

use super::codec::Embeds;
use super::stages::question;
use super::texts::{hash, tokens};
use crate::provider::{reply_of, vector_of};

/// One person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Which lane is asked.
    pub lane: usize,
    /// When, in milliseconds after the start.
    pub at: u64,
    /// What.
    pub question: String,
    /// How long the answer is of use, milliseconds.
    pub patience: u64,
    /// When the person leaves, in milliseconds after asking.
    pub leaves: Option<u64>,
    /// Whether the answer is read as it comes.
    pub streams: bool,
}

/// What became of it.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) person: Person,
    pub(crate) life: u32,
    pub(crate) key: Option<ContentHash>,
    pub(crate) asked: Duration,
    pub(crate) ended: Duration,
    /// None: the person left.
    pub(crate) result: Option<Result<(), Fault>>,
    /// What was wrong with the answer.
    pub(crate) wrong: Option<String>,
}

/// Whom a lane's people ask.
#[derive(Clone)]
pub(crate) enum Desk {
    Vectors(Arc<Caller<Embeds>>),
    Answers(Arc<Caller<AnyChat>>),
}

/// An answer, or why there is none; and what is wrong with the answer.
type Came = (Result<(), Fault>, Option<String>);

impl Desk {
    async fn ask(&self, person: &Person, words: usize) -> Came {
        let until = Instant::now() + Duration::from_millis(person.patience);
        let cx = CallCx::new(Priority::Interactive, TraceId(1)).until(until);
        match self {
            Self::Vectors(caller) => {
                let text = Text::new(person.question.as_str(), tokens(&person.question));
                let came = match caller.call(&[text], &cx).await {
                    Ok(mut answers) => answers.results.pop().unwrap_or_else(|| unreachable!("one result")),
                    Err(fault) => return (Err(fault), None),
                };
                let right = |vector: &Arc<[f32]>| is_vector(vector, &person.question);
                let wrong = came.as_ref().is_ok_and(|vector| !right(vector));
                (came.map(drop), wrong.then(|| "a vector of another text".to_owned()))
            }
            Self::Answers(caller) if person.streams => {
                let mut shown = String::new();
                let chat = question(&person.question);
                let came = caller.stream(&chat, &cx, &mut |piece| shown.push_str(piece)).await;
                let streamed = match came {
                    Ok(streamed) => streamed,
                    Err(fault) => {
                        let stored = matches!(fault.kind(), FaultKind::StorageBusy | FaultKind::StorageFull);
                        let wrong =
                            (!shown.is_empty() && !stored).then(|| "text came before the fault".to_owned());
                        return (Err(fault), wrong);
                    }
                };
                let due = reply_of(hash(&person.question), words);
                let whole = streamed.answer.as_ref().is_ok_and(|answer| *answer.text != *due);
                let part = shown != streamed.text || !due.starts_with(&*shown);
                let wrong = (whole || part).then(|| format!("{shown:?} of {due:?}"));
                (streamed.answer.map(drop), wrong)
            }
            Self::Answers(caller) => {
                let came = match caller.call(&[question(&person.question)], &cx).await {
                    Ok(mut answers) => answers.results.pop().unwrap_or_else(|| unreachable!("one result")),
                    Err(fault) => return (Err(fault), None),
                };
                let due = reply_of(hash(&person.question), words);
                let wrong = came.as_ref().is_ok_and(|answer| *answer.text != *due);
                (came.map(drop), wrong.then(|| "an answer to another question".to_owned()))
            }
        }
    }

    pub(crate) fn key(&self, question_text: &str) -> Option<ContentHash> {
        match self {
            Self::Vectors(caller) => caller.codec().key(&Text::new(question_text, tokens(question_text))),
            Self::Answers(caller) => caller.codec().key(&question(question_text)),
        }
    }
}

/// Components of every vector.
pub(crate) const DIMENSIONS: usize = 8;
/// The model of every lane.
pub(crate) const MODEL: &str = "m";

/// Whether `vector` is that of `text`.
pub(crate) fn is_vector(vector: &[f32], text: &str) -> bool {
    let due = vector_of(hash(text), MODEL, DIMENSIONS);
    vector.len() == due.len() && vector.iter().zip(&due).all(|(came, due)| (came - due).abs() < 1e-5)
}

/// A person comes, asks, and goes.
pub(crate) async fn visit(
    desk: Desk,
    (person, life): (Person, u32),
    words: usize,
    (started, visits): (Instant, Arc<Mutex<Vec<Visit>>>),
) {
    sleep(Duration::from_millis(person.at)).await;
    let asked = started.elapsed();
    let leaves = person.leaves.map_or(Duration::from_secs(1 << 20), Duration::from_millis);
    let came = timeout(leaves, desk.ask(&person, words)).await;
    let (result, wrong) = came.map_or((None, None), |(result, wrong)| (Some(result), wrong));
    let key = desk.key(&person.question);
    let visit = Visit { person, life, key, asked, ended: started.elapsed(), result, wrong };
    visits.lock().unwrap_or_else(PoisonError::into_inner).push(visit);
}
