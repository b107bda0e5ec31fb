//! The rows of an output that no full part holds, read again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use tidegate_connect::{Committed, write_fault};
use tidegate_core::Fault;

use crate::manifest::Manifest;
use crate::output::refuse;
use crate::plan::{Cut, Plan};

/// Takes the lines that count for a plan; how many bytes they are, and where parts end in them.
///
/// # Errors
/// [`tidegate_core::FaultKind::Guarded`]: a tail that is not what was committed.
pub(crate) fn replay(
    tail: &File,
    (manifest, committed): (&Manifest, Committed),
    plan: &mut Plan,
) -> Result<(u64, Vec<Cut>), Fault> {
    let Some(length) = committed.length.checked_sub(manifest.base) else {
        return Err(refuse("its parts hold more rows than were committed"));
    };
    let has = tail.metadata().map_err(write_fault)?.len();
    if has < length {
        return Err(refuse(&format!("its last rows have {has} bytes, but {length} were committed")));
    }
    let mut lines = tail;
    lines.seek(SeekFrom::Start(0)).map_err(write_fault)?;
    let mut lines = BufReader::new(lines.take(length));
    let mut taking = plan.taking();
    let mut line = String::new();
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) if line.ends_with('\n') => {}
            _ => return Err(refuse("its last rows were changed by somebody else")),
        }
        taking
            .row(line.trim_end_matches('\n'))
            .map_err(|_| refuse("its last rows were changed by somebody else"))?;
    }
    let cuts = taking.cuts;
    if committed.tail.is_some_and(|known| known != plan.chain) {
        return Err(refuse("it was changed by somebody else"));
    }
    Ok((length, cuts))
}
