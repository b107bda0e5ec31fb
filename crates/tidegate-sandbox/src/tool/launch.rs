//! The step between: it takes limits upon itself and becomes the tool.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidegate_core::{Fault, FaultKind};

use crate::limits::Limits;

/// The variable that says what is to be started. Programs get it from their parent only, never from a user.
const LAUNCH: &str = "TIDEGATE_LAUNCH";
/// What a launcher says before why it could not start the tool.
const MARK: &str = "tidegate-launch: ";
/// What stands for a limit that there is not.
const NONE: &[u8] = b"-";
/// Processes beside those that the whole system has now: a bomb ends there where the kernel counts users' processes.
const PROCESSES: u64 = 256;
/// Variables that tools need to find their parts; everything else may be a secret.
const KEPT: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TESSDATA_PREFIX", "SSL_CERT_FILE"];

/// Becomes the tool that the environment names, under its limits; `None` if it names none. A program that is to launch
/// tools calls this before it does anything else.
#[must_use]
pub fn launch() -> Option<Fault> {
    let asked = std::env::var_os(LAUNCH)?;
    let fault = become_tool(asked.as_bytes());
    let _ = writeln!(std::io::stderr(), "{MARK}{fault}");
    Some(fault)
}

fn become_tool(asked: &[u8]) -> Fault {
    let stranger = || Fault::new(FaultKind::Config, "a launcher is started by tidegate itself");
    let mut parts = asked.split(|byte| *byte == b'\x1f');
    let mut number = || match parts.next()? {
        NONE => Some(None),
        text => std::str::from_utf8(text).ok()?.parse::<u64>().ok().map(Some),
    };
    let (Some(memory), Some(cpu)) = (number(), number()) else { return stranger() };
    let Some(program) = parts.next() else { return stranger() };
    let arguments = parts.map(|part| OsString::from_vec(part.to_vec()));
    // A session of its own: what it starts is found by it, and no terminal is within reach.
    if let Err(error) = rustix::process::setsid() {
        return Fault::new(FaultKind::Unavailable, "no session of its own").cause(error);
    }
    tether();
    if let (Some(memory), Some(cpu)) = (memory, cpu) {
        no_new_rights();
        limit(memory, cpu);
    }
    let error = Command::new(std::ffi::OsStr::from_bytes(program)).args(arguments).env_remove(LAUNCH).exec();
    Fault::new(FaultKind::Config, "the program cannot be started").cause(error)
}

fn limit(memory: u64, cpu: u64) {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let running = text.split(['/', ' ']).nth(4).and_then(|all| all.parse::<u64>().ok());
    for (resource, most) in [
        (Resource::Core, Some(0)),
        (Resource::Data, Some(memory)),
        (Resource::Fsize, Some(memory)),
        (Resource::Cpu, Some(cpu)),
        (Resource::Nproc, running.map(|running| running + PROCESSES)),
    ] {
        let Some(most) = most else { continue };
        let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
        // One second between the warning that the processor time is over and the end.
        let hard = if resource == Resource::Cpu { most + 1 } else { most };
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(hard) })
            .or_else(|_| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }));
    }
}

#[cfg(target_os = "linux")]
fn tether() {
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

#[cfg(not(target_os = "linux"))]
fn tether() {}

#[cfg(target_os = "linux")]
fn no_new_rights() {
    let _ = rustix::thread::set_no_new_privs(true);
}

#[cfg(not(target_os = "linux"))]
fn no_new_rights() {}

/// What a launcher is told: limits, program, arguments. Without limits the program is held by nothing but its parent.
pub(crate) fn told(limits: Option<&Limits>, words: impl Iterator<Item = OsString>) -> OsString {
    let mut out = match limits {
        Some(limits) => format!("{}\x1f{}", limits.memory, limits.cpu.as_secs().max(1)).into_bytes(),
        None => [NONE, b"\x1f", NONE].concat(),
    };
    for word in words {
        out.push(b'\x1f');
        out.extend_from_slice(word.as_bytes());
    }
    OsString::from_vec(out)
}

/// The same for a program that sees all of the environment.
pub(crate) fn prepare_open(command: &mut Command, told: OsString) {
    command.env(LAUNCH, told);
}

/// Adds what a launcher needs to a command.
pub(super) fn prepare(command: &mut Command, told: OsString) {
    command.env_clear().env(LAUNCH, told);
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Why a launcher could not start the tool, if that is what it said.
pub(crate) fn failed(said: &str) -> Option<&str> {
    said.strip_prefix(MARK).map(str::trim)
}
