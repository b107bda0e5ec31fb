//! Faults on the wire.

use tidegate_core::{Fault, FaultKind};

use super::Garbled;
use super::cursor::{Cursor, put_maybe, put_number, put_text};

/// What a child may say is wrong: always with the record. A parser that was taken over must not be able to stop the
/// run or hold it.
const KINDS: &[FaultKind] = &[
    FaultKind::Malformed,
    FaultKind::Unsupported,
    FaultKind::TooLarge,
    FaultKind::TooDeep,
    FaultKind::TooSlow,
    FaultKind::Encoding,
    FaultKind::Empty,
    FaultKind::Validation,
    FaultKind::Incomplete,
    FaultKind::Unreadable,
    FaultKind::Panic,
];

/// Longest text of a fault, and most of them.
const TEXT: usize = 2 << 10;
const LINES: usize = 16;

pub(crate) fn encode(out: &mut Vec<u8>, fault: &Fault) {
    put_text(out, fault.kind().name(), 64);
    put_maybe(out, fault.hint_text(), TEXT);
    let chain = fault.chain();
    // The innermost lines say most.
    let lines = &chain[chain.len().saturating_sub(LINES)..];
    put_number(out, lines.len() as u64);
    lines.iter().for_each(|line| put_text(out, line, TEXT));
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Fault, Garbled> {
    let mut cursor = Cursor::new(bytes);
    let fault = read(&mut cursor)?;
    cursor.end()?;
    Ok(fault)
}

pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Fault, Garbled> {
    let name = cursor.text(64)?;
    let kind = KINDS.iter().find(|kind| kind.name() == name).copied().unwrap_or(FaultKind::Malformed);
    let hint = cursor.maybe(TEXT)?;
    let count = cursor.count()?;
    if count > LINES {
        return Err(Garbled::new("a fault with too many lines"));
    }
    let lines = (0..count).map(|_| cursor.text(TEXT)).collect::<Result<Vec<_>, _>>()?;
    let (message, context) = lines.split_last().ok_or_else(|| Garbled::new("a fault without a reason"))?;
    let fault = context.iter().rev().fold(Fault::new(kind, *message), |fault, line| fault.during(*line));
    Ok(match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    })
}
