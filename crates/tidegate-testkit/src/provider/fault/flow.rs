//! An answer's way over the wire, and where it ends too soon.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::bomb::Bomb;
use crate::provider::plan::{Framing, Head, Step};
use crate::provider::reply::Answer;
use crate::provider::script::Act;

const GIB: u64 = 1 << 30;
/// What a flood is made of.
const FLOOD_PIECE: usize = 64 * 1_024;

/// The steps of an answer after `latency`, spoiled by the first of `acts` that spoils the way. Returns them and
/// whether all of the answer arrives.
pub(in crate::provider) fn lay_out(answer: &Answer, latency: Duration, acts: &[&Act]) -> (Vec<Step>, bool) {
    let mut steps = Vec::with_capacity(answer.pieces.len() + 3);
    if !latency.is_zero() {
        steps.push(Step::Wait(latency));
    }
    for act in acts {
        if let Some(arrives) = spoiled(answer, act, &mut steps) {
            return (steps, arrives);
        }
    }
    steps.push(head(answer, None));
    push_pieces(answer, &mut steps);
    steps.push(Step::End);
    (steps, true)
}

/// The steps of an act that spoils the way; nothing if it is none.
fn spoiled(answer: &Answer, act: &Act, steps: &mut Vec<Step>) -> Option<bool> {
    match act {
        Act::HangBeforeHeaders => steps.push(Step::Hang),
        Act::ResetInsteadOfAnswer => steps.push(Step::Reset),
        Act::HangAfterHeaders => steps.extend([head(answer, None), Step::Hang]),
        Act::ResetMidBody { after } => partly(answer, *after, steps, &[Step::Reset]),
        Act::Cut { after } => partly(answer, *after, steps, &[Step::Close]),
        Act::HangMidBody { after } => partly(answer, *after, steps, &[Step::Hang]),
        Act::Stall { after, pause } => {
            stalled(answer, *after, pause.0, steps);
            return Some(true);
        }
        Act::ChunkedWithoutEnd => {
            steps.push(head(answer, Some(Framing::Chunked)));
            push_pieces(answer, steps);
            steps.push(Step::Close);
        }
        Act::WrongLength { by } => {
            let length = (answer.len() as i64).saturating_add(*by).max(0) as u64;
            steps.push(head(answer, Some(Framing::Length(length))));
            push_pieces(answer, steps);
            steps.push(Step::Close);
            return Some(*by == 0);
        }
        Act::Gigabyte { bytes } => flood(answer, bytes.unwrap_or(GIB), steps),
        Act::GzipBomb { bytes } => bomb(answer, bytes.unwrap_or(GIB), steps),
        _ => return None,
    }
    Some(false)
}

fn head(answer: &Answer, framing: Option<Framing>) -> Step {
    let usual = if answer.streamed { Framing::Chunked } else { Framing::Length(answer.len() as u64) };
    let mut headers = Vec::with_capacity(answer.headers.len() + 1);
    headers.push(("content-type".to_owned(), answer.content_type.clone()));
    headers.extend(answer.headers.iter().cloned());
    Step::Head(Head { status: answer.status, headers, framing: framing.unwrap_or(usual) })
}

fn push_pieces(answer: &Answer, steps: &mut Vec<Step>) {
    for (n, piece) in answer.pieces.iter().enumerate() {
        if n > 0 && !answer.gap.is_zero() {
            steps.push(Step::Wait(answer.gap));
        }
        steps.push(Step::Body(piece.clone()));
    }
}

/// The first `after` bytes of the body, then `last`.
fn partly(answer: &Answer, after: Option<usize>, steps: &mut Vec<Step>, last: &[Step]) {
    steps.push(head(answer, None));
    split(answer, after, steps);
    steps.extend_from_slice(last);
}

/// Pushes the first `after` bytes and returns the pieces that remain.
fn split(answer: &Answer, after: Option<usize>, steps: &mut Vec<Step>) -> Vec<Bytes> {
    let mut room = after.unwrap_or(answer.len() / 2);
    let mut rest = Vec::new();
    for (n, piece) in answer.pieces.iter().enumerate() {
        let taken = room.min(piece.len());
        room -= taken;
        if taken > 0 {
            if n > 0 && !answer.gap.is_zero() {
                steps.push(Step::Wait(answer.gap));
            }
            steps.push(Step::Body(piece.slice(..taken)));
        }
        if taken < piece.len() {
            rest.push(piece.slice(taken..));
        }
    }
    rest
}

fn stalled(answer: &Answer, after: Option<usize>, pause: Duration, steps: &mut Vec<Step>) {
    steps.push(head(answer, None));
    let rest = split(answer, after, steps);
    steps.push(Step::Wait(pause));
    steps.extend(rest.into_iter().map(Step::Body));
    steps.push(Step::End);
}

/// White space before the body, so that a reader which gives up early cannot say what was to come.
fn flood(answer: &Answer, bytes: u64, steps: &mut Vec<Step>) {
    let piece = BytesMut::from(&[b' '; FLOOD_PIECE][..]).freeze();
    let times = bytes / FLOOD_PIECE as u64;
    let total = times * FLOOD_PIECE as u64 + answer.len() as u64;
    steps.push(head(answer, Some(Framing::Length(total))));
    steps.push(Step::Flood(piece, times));
    push_pieces(answer, steps);
    steps.push(Step::End);
}

fn bomb(answer: &Answer, bytes: u64, steps: &mut Vec<Step>) {
    let bomb = Bomb::new(bytes, &answer.whole());
    let mut head = head(answer, Some(Framing::Length(bomb.len())));
    if let Step::Head(head) = &mut head {
        head.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    }
    steps.extend([head, Step::Body(bomb.begin), Step::Flood(bomb.piece, bomb.times)]);
    steps.extend([Step::Body(bomb.end), Step::End]);
}
