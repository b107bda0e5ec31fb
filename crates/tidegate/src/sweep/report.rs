//! The report of a sweep, in lines.

use tidegate_core::report::Report;

use super::{STAGE, Tally};

/// Puts into a report that counts blocks the lines that they held.
pub(crate) fn in_rows(report: &mut Report, tally: &Tally) {
    let (swept, done, aside) = (tally.swept.get(), tally.done.get(), tally.aside.get());
    // What the engine put aside is a line that is too long or a file that cannot be read: one each.
    let unreadable = report.records.quarantined;
    let records = &mut report.records;
    records.stored = done;
    records.quarantined = aside + unreadable;
    records.pending = swept.saturating_sub(done + aside);
    records.seen = records.stored + records.quarantined + records.pending;
    report.parts_quarantined = 0;
    report.chunks.written = done - tally.dropped.get().min(done);
    for stage in report.stages.iter_mut().filter(|stage| stage.name == STAGE) {
        stage.taken = swept;
        stage.dropped = tally.dropped.get();
        stage.failed = aside;
        stage.emitted = report.chunks.written;
    }
}
