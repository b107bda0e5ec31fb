//! Everything that a tool started: counted, weighed and ended together.

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
    members(leader).fold(Weight::default(), |sum, (_, pages)| Weight {
        processes: sum.processes + 1,
        memory: sum.memory + pages * page,
    })
}

/// Ends all of it. A group is ended at once, so that nothing in it can start another meanwhile; what left the group and
/// kept the session is ended one by one.
pub(super) fn end(leader: Pid) {
    let _ = kill_process_group(leader, Signal::KILL);
    for (pid, _) in members(leader) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The processes of the session that `leader` leads, and how many pages of memory each holds.
fn members(leader: Pid) -> impl Iterator<Item = (Pid, u64)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // "PID (NAME) STATE PARENT GROUP SESSION …"; the name may hold anything.
        let (_, after) = stat.rsplit_once(')')?;
        let mut fields = after.split_whitespace();
        let session = fields.nth(3)?.parse::<i32>().ok()?;
        let pages = fields.nth(17)?.parse::<u64>().ok()?;
        (session == leader.as_raw_nonzero().get()).then_some((Pid::from_raw(pid)?, pages))
    })
}
