//! How a child locks itself in: before its first document, and again for each.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use tidegate_core::{Fault, FaultKind};

use crate::wire::Header;

/// The variable that names the parent.
pub(crate) const PARENT: &str = "TIDEGATE_PARSER_OF";

/// What of the kernel's protection a child has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// System calls that no parser needs end the process: no files, no network, no other programs.
    pub filtered: bool,
    /// The kernel ends it with its parent, even in the middle of a document.
    pub tethered: bool,
}

impl Protection {
    pub(crate) fn encode(self) -> [u8; 2] {
        [u8::from(self.filtered), u8::from(self.tethered)]
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [filtered @ 0..=1, tethered @ 0..=1] => {
                Some(Self { filtered: *filtered == 1, tethered: *tethered == 1 })
            }
            _ => None,
        }
    }
}

/// Address space beside the memory a document may take: the program itself, its stack, what an allocator reserves.
const SPACE: u64 = 2 << 30;
/// Memory beside what a document may take: what is there before the first.
const BASE: u64 = 16 << 20;

/// Everything that holds for the whole life of a child.
///
/// # Errors
/// The parent is gone already, or is none.
pub(super) fn lock() -> Result<Protection, Fault> {
    let named = std::env::var(PARENT).ok().and_then(|text| text.parse::<i32>().ok());
    let parent = named.and_then(Pid::from_raw);
    let orphan = || {
        Fault::new(FaultKind::Config, "a parser without a parent")
            .hint("it is started by tidegate itself; there is nothing to run by hand")
    };
    let parent = parent.ok_or_else(orphan)?;
    drop_capabilities();
    let tethered = tether();
    // Whoever died before the tether was tied leaves another parent.
    if rustix::process::getppid() != Some(parent) {
        return Err(orphan());
    }
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        // Input, output and errors are open; there is no number left for another.
        (Resource::Nofile, 3),
    ] {
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    }
    // The first reading of a clock looks for the kernel's page of clocks, which is no business of a locked-in parser.
    let _ = clock_gettime(ClockId::ProcessCPUTime);
    Ok(Protection { filtered: filter(), tethered })
}

/// What holds for one document. The document itself is not counted: it was let in already.
pub(super) fn limit(header: &Header) {
    let limits = &header.limits;
    let memory = limits.memory.saturating_add(header.length).saturating_add(BASE);
    soften(Resource::Data, memory);
    soften(Resource::As, memory.saturating_add(SPACE));
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let spent = u64::try_from(spent.tv_sec).unwrap_or(0);
    // Whole seconds, and the one that has begun.
    soften(Resource::Cpu, spent + limits.cpu.as_secs().max(1) + 1);
}

/// Sets the limit that counts, within the one that only falls.
fn soften(resource: Resource, most: u64) {
    let maximum = getrlimit(resource).maximum;
    let current = maximum.map_or(most, |maximum| maximum.min(most));
    let _ = setrlimit(resource, Rlimit { current: Some(current), maximum });
}

#[cfg(target_os = "linux")]
fn tether() -> bool {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn tether() -> bool {
    false
}

/// A parser of root's is no root.
#[cfg(target_os = "linux")]
fn drop_capabilities() {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    let _ = set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none });
    let _ = rustix::thread::set_no_new_privs(true);
}

#[cfg(not(target_os = "linux"))]
fn drop_capabilities() {}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn filter() -> bool {
    super::filter::install()
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn filter() -> bool {
    false
}
