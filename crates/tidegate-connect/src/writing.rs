//! One commit on its way into an output, apart from the sink that makes it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use tidegate_core::{Fault, FaultKind, Outcome, Unit};

use crate::fit::Fitted;
use crate::jsonl_sink::JsonlOptions;
use crate::open::write_fault;
use crate::output::{self, Append, Target};
use crate::select::{lines_of, render};
use crate::spool::Spool;

/// What is needed to write units, apart from the sink itself.
pub(crate) struct Writing {
    pub(crate) target: Target,
    pub(crate) options: JsonlOptions,
    pub(crate) units: Arc<Vec<Unit>>,
    /// The rows of the units, for a table.
    pub(crate) table: Option<Fitted>,
    pub(crate) spools: Vec<Vec<Spool>>,
    pub(crate) delivered: BTreeSet<u64>,
    pub(crate) committed: u64,
    pub(crate) unknown: bool,
}

/// What a unit is known by on a stream: its first item.
pub(crate) fn name_of(unit: &Unit) -> Option<u64> {
    unit.items.first().map(|item| item.ordinal)
}

pub(crate) fn is_stored(unit: &Unit) -> bool {
    unit.items.iter().all(|item| item.outcome == Outcome::Stored)
}

impl Writing {
    /// Appends the units behind what is committed; the length and, of a file, the tail reached.
    pub(crate) fn run(self) -> Result<(u64, Option<u64>), Fault> {
        for (unit, spools) in self.units.iter().zip(&self.spools) {
            if is_stored(unit) && spools.iter().map(|spool| spool.lines).sum::<u64>() != unit.staged {
                return Err(Fault::new(FaultKind::Internal, "lines kept for a large item are missing"));
            }
        }
        let Target::File(file) = &self.target else {
            return self.append().map(|length| (length, None)).map_err(write_fault);
        };
        let length = file.metadata().map_err(write_fault)?.len();
        if length < self.committed {
            return Err(Fault::new(FaultKind::Guarded, "somebody else cut the output short")
                .hint("put it back, or give the pipeline another `name` to start over"));
        }
        if !self.unknown && length > self.committed {
            file.set_len(self.committed).map_err(write_fault)?;
        }
        let appended = self.append().and_then(|length| Ok((length, Some(output::tail_of(file, length)?))));
        appended.map_err(|error| {
            if !self.unknown {
                let _ = file.set_len(self.committed); // gives the room back on a full disk; else done next time
            }
            write_fault(error)
        })
    }

    /// Writes the units from the committed length on. After an unknown commit, the same units give the same bytes,
    /// so that writing over them changes nothing the ledger may count on.
    fn append(&self) -> io::Result<u64> {
        let mut append = Append::new(&self.target, self.committed, self.options.packing);
        let mut header = self.table.as_ref().map(|table| &table.header[..]);
        for (at, (unit, spools)) in self.units.iter().zip(&self.spools).enumerate() {
            if !is_stored(unit) || name_of(unit).is_some_and(|name| self.delivered.contains(&name)) {
                continue;
            }
            if let Some(table) = &self.table {
                let row = table.rows.get(at).map(Vec::as_slice).unwrap_or_default();
                if !row.is_empty() || !spools.is_empty() {
                    append.buffer.extend_from_slice(header.take().unwrap_or_default());
                    append_rows(&mut append, (table, spools))?;
                    append.buffer.extend_from_slice(row);
                }
                append.relieve()?;
                continue;
            }
            for spool in spools {
                append.copy(&spool.path, spool.length)?;
            }
            for record in &unit.records {
                if let Some(lines) = lines_of(record, &self.options.fields) {
                    append.large(lines)?;
                    continue;
                }
                render(record, &self.options.fields, self.options.vectors, &mut append.buffer);
                append.relieve()?;
            }
        }
        append.finish()
    }
}

/// Appends the rows of what was kept aside.
fn append_rows(append: &mut Append<'_>, (table, spools): (&Fitted, &[Spool])) -> io::Result<()> {
    let Some(cells) = &table.cells else { return Ok(()) };
    spools.iter().try_for_each(|spool| {
        spool.each(|line| {
            // That it fits was seen before.
            cells.put(line, &mut append.buffer).map_err(|fault| io::Error::other(fault.to_string()))?;
            append.relieve()
        })
    })
}
