//! How bytes are damaged.

use crate::dice::Dice;
use crate::words::{self, NUMBERS};

/// Inputs do not grow beyond this: what takes long here takes longer with more.
pub const MOST: usize = 1 << 20;

/// Damages `bytes` in one to four ways; `other` is another input of the same target, to take pieces from.
#[must_use]
pub fn damage(bytes: &[u8], other: &[u8], target: &str, dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..dice.size(4) {
        once(&mut out, other, target, dice);
    }
    out.truncate(MOST.max(bytes.len()));
    out
}

fn once(out: &mut Vec<u8>, other: &[u8], target: &str, dice: &mut Dice) {
    match dice.below(13) {
        0 => out.truncate(dice.below(out.len())),
        1 | 2 => flip(out, dice),
        3 => overwrite(out, dice),
        4 => drop(out.drain(piece(out, dice))),
        5 => copy(out, dice),
        6 => splice(out, other, dice),
        7 => repeat(out, dice),
        8 | 9 => number(out, dice),
        10 | 11 => word(out, target, dice),
        _ => swap(out, dice),
    }
}

/// A stretch of bytes, short as often as long; between the borders of elements half of the time.
fn piece(bytes: &[u8], dice: &mut Dice) -> std::ops::Range<usize> {
    let from = dice.below(bytes.len());
    let to = (from + dice.size(4096)).min(bytes.len());
    if dice.one_in(2) {
        return from..to;
    }
    let border = |byte: &u8| matches!(byte, b'<' | b'\n' | b'{' | b'(' | b'\\' | b',' | b' ');
    let from = bytes[from..].iter().position(border).map_or(from, |at| from + at);
    let to = to.max(from);
    let to = bytes[to..].iter().position(border).map_or(to, |at| to + at);
    from..to
}

fn flip(out: &mut [u8], dice: &mut Dice) {
    for _ in 0..dice.size(16) {
        let at = dice.below(out.len());
        if let Some(byte) = out.get_mut(at) {
            *byte ^= 1 << dice.below(8);
        }
    }
}

fn overwrite(out: &mut [u8], dice: &mut Dice) {
    let at = dice.below(out.len());
    let with: &[u8] = match dice.below(6) {
        0 => &[0],
        1 => &[0xff; 4],
        2 => &[0xff, 0xff, 0xff, 0x7f],
        3 => &[0; 8],
        4 => &[0, 0, 0, 0x80],
        _ => &[0x80],
    };
    for (byte, new) in out.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}

fn copy(out: &mut Vec<u8>, dice: &mut Dice) {
    let piece = out[piece(out, dice)].to_vec();
    let at = dice.below(out.len() + 1);
    out.splice(at..at, piece);
}

fn splice(out: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let piece = &other[piece(other, dice)];
    let at = dice.below(out.len() + 1);
    out.splice(at..at, piece.iter().copied());
}

/// The same many times: what takes the square of its length shows.
fn repeat(out: &mut Vec<u8>, dice: &mut Dice) {
    let range = piece(out, dice);
    let piece = out[range.clone()].to_vec();
    let room = (MOST / 4).saturating_sub(out.len()) / piece.len().max(1);
    let times = if dice.one_in(8) { room } else { dice.size(100).min(room) };
    out.splice(range.end..range.end, piece.repeat(times));
}

/// Another number where one stands.
fn number(out: &mut Vec<u8>, dice: &mut Dice) {
    let from = dice.below(out.len());
    let Some(start) = out[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
    let digits = out[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    out.splice(start..start + digits, dice.pick(NUMBERS).bytes());
}

fn word(out: &mut Vec<u8>, target: &str, dice: &mut Dice) {
    let list = dice.pick(words::of(target));
    let word = dice.pick(list).as_bytes();
    let times = if dice.one_in(16) { dice.size(20_000).min(MOST / 4 / word.len()) } else { 1 };
    let at = dice.below(out.len() + 1);
    out.splice(at..at, word.repeat(times));
}

fn swap(out: &mut Vec<u8>, dice: &mut Dice) {
    let moved: Vec<u8> = out.drain(piece(out, dice)).collect();
    let at = dice.below(out.len() + 1);
    out.splice(at..at, moved);
}
