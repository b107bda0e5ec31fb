//! Exit codes: the only place that knows them.

use std::process::ExitCode;

use tidegate_core::report::{Report, RunState};
use tidegate_core::{Fault, FaultKind};

/// How a command ended, as the calling program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for is done.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    /// The command line, the configuration or a program that it names is wrong, or what is there is not to be touched:
    /// somebody has to say something else. What was done before that showed is kept.
    Usage = 2,
    /// Done, but some documents are in the quarantine.
    Quarantined = 3,
    /// Stopped at the budget; what was done is kept.
    Budget = 4,
    /// The outcomes do not add up to what was seen: a defect.
    Accounting = 70,
    /// Stopped or held too long; running it again goes on.
    Resumable = 75,
    /// Aborted by a second signal.
    Aborted = 130,
    /// The reader of standard output went away. Shells show 141 for a program that SIGPIPE ended, and people and
    /// scripts know what to make of it; that the rest is pending makes it no success.
    ReaderGone = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code of a finished run. Accounting is checked first: when it is wrong, nothing else can be believed.
    pub fn of_run(report: &Report, fault: Option<&Fault>) -> Self {
        if !report.records.add_up() {
            return Self::Accounting;
        }
        match report.state {
            RunState::Aborted => Self::Aborted,
            RunState::Budget => Self::Budget,
            // Once something is done it is no refusal any more.
            RunState::Failed if report.records.stored > 0 && fault.is_some_and(is_refusal) => Self::Failed,
            RunState::Failed => fault.map_or(Self::Failed, Self::of_fault),
            RunState::Stopped => Self::Resumable,
            RunState::Done if report.records.pending > 0 => Self::Resumable,
            RunState::Done if report.records.quarantined + report.parts_quarantined > 0 => Self::Quarantined,
            RunState::Done => Self::Done,
        }
    }

    /// The code of a command that ended with a fault.
    pub fn of_fault(fault: &Fault) -> Self {
        use FaultKind as K;
        match fault.kind() {
            K::Config | K::Guarded => Self::Usage,
            K::Budget => Self::Budget,
            K::Unavailable
            | K::RateLimited
            | K::Timeout
            | K::Blocked
            | K::StorageFull
            | K::StorageBusy
            | K::Changing => Self::Resumable,
            K::Cancelled => Self::Aborted,
            _ => Self::Failed,
        }
    }
}

fn is_refusal(fault: &Fault) -> bool {
    fault.kind() == FaultKind::Guarded
}

#[cfg(test)]
mod tests {
    use tidegate_core::report::Records;

    use super::*;

    #[test]
    fn a_run_ends_with_the_code_that_says_what_to_do_next() {
        let records = |stored, quarantined, pending| Records {
            seen: stored + quarantined + pending,
            stored,
            quarantined,
            pending,
            ..Records::default()
        };
        let config = Fault::new(FaultKind::Config, "x");
        let full = Fault::new(FaultKind::StorageFull, "x");
        let broken = Fault::new(FaultKind::StorageBroken, "x");
        let guarded = Fault::new(FaultKind::Guarded, "x");
        for (state, records, fault, code) in [
            (RunState::Done, records(5, 0, 0), None, 0),
            (RunState::Done, Records::default(), None, 0),
            (RunState::Done, records(5, 1, 0), None, 3),
            (RunState::Done, records(5, 1, 1), None, 75),
            (RunState::Stopped, records(5, 1, 1), None, 75),
            (RunState::Aborted, records(5, 0, 1), None, 130),
            (RunState::Failed, records(0, 0, 0), Some(&config), 2),
            (RunState::Failed, records(0, 0, 0), Some(&full), 75),
            (RunState::Failed, records(0, 0, 0), Some(&broken), 1),
            (RunState::Failed, records(0, 0, 0), None, 1),
            (RunState::Failed, records(0, 0, 0), Some(&guarded), 2),
            (RunState::Failed, records(1, 0, 0), Some(&guarded), 1),
            (RunState::Done, Records { seen: 1, ..Records::default() }, None, 70),
            (RunState::Aborted, Records { seen: 1, ..Records::default() }, None, 70),
        ] {
            let report = Report { state, records, ..Report::default() };
            assert_eq!(Exit::of_run(&report, fault) as u8, code, "{state:?} {records:?} {fault:?}");
        }
        assert_eq!(Exit::Budget as u8, 4);
    }
}
