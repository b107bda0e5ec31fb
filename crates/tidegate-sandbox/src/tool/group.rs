//! Everything that a tool started: counted, weighed and ended together.

use rustix::event::{PollFd, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The processes of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) processes: usize,
    /// Bytes of memory that they hold.
    pub(super) memory: u64,
}

/// What the session of `leader` weighs now; nothing where the system does not say.
pub(super) fn weigh(leader: Pid) -> Weight {
    let page = rustix::param::page_size() as u64;
    members(leader).fold(Weight::default(), |sum, (.., pages)| Weight {
        processes: sum.processes + 1,
        memory: sum.memory + pages * page,
    })
}

/// How often, and how far apart, it is looked whether what was ended is gone. The kernel takes a killed process apart
/// when it comes to it: on a busy machine that is later than the signal.
const LOOKS: usize = 2_000;
const APART: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// Ends all of it, and returns when nothing of it runs any more. A group is ended at once, so that nothing in it can
/// start another meanwhile; what left the group and kept the session is ended one by one.
pub(crate) fn end(leader: Pid) {
    for _ in 0..LOOKS {
        let _ = kill_process_group(leader, Signal::KILL);
        let mut gone = true;
        for (pid, ..) in members(leader).filter(|(_, state, _)| !matches!(state, 'Z' | 'X')) {
            gone = false;
            let _ = kill_process(pid, Signal::KILL);
        }
        if gone {
            return;
        }
        let _ = poll(&mut [] as &mut [PollFd<'_>], Some(&APART));
    }
}

/// The processes of the session that `leader` leads: their states, as `/proc` has them, and how many pages of memory each
/// holds.
fn members(leader: Pid) -> impl Iterator<Item = (Pid, char, u64)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // "PID (NAME) STATE PARENT GROUP SESSION …"; the name may hold anything.
        let (_, after) = stat.rsplit_once(')')?;
        let mut fields = after.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let session = fields.nth(2)?.parse::<i32>().ok()?;
        let pages = fields.nth(17)?.parse::<u64>().ok()?;
        (session == leader.as_raw_nonzero().get()).then_some((Pid::from_raw(pid)?, state, pages))
    })
}
