//! What a child may ask of the kernel: a list of what is allowed, and death for everything else.
//!
//! A list of what is forbidden was refused: kernels grow calls, and each would have to be known here first. An error
//! instead of death was refused too, because a library that is told "no" tries the next way.

use std::collections::BTreeMap;

use libc::{SYS_read, SYS_write, SYS_writev};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Built<T> = Result<T, seccompiler::BackendError>;

/// Calls about the process's own memory, signals, time and end, whatever their arguments.
const OWN: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getrusage,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Puts the filter over this thread, and so over the process, which has no other. Whether it is there.
pub(super) fn install() -> bool {
    let Ok(program) = program() else { return false };
    seccompiler::apply_filter(&program).is_ok()
}

fn program() -> Built<BpfProgram> {
    let mut rules: Rules = OWN.iter().map(|call| (*call, Vec::new())).collect();
    let own = u64::from(std::process::id());
    let zero = || eq(0, 0);
    // Input, output, errors, and no descriptor beside them.
    rules.insert(SYS_read, vec![all([zero()?])?]);
    for call in [SYS_write, SYS_writev] {
        rules.insert(call, vec![all([eq(0, 1)?])?, all([eq(0, 2)?])?]);
    }
    // Memory may be had, but none that runs and none that is shared.
    let no_exec = || SeccompCondition::new(2, Len::Dword, Op::MaskedEq(libc::PROT_EXEC as u64), 0);
    let private = SeccompCondition::new(3, Len::Dword, Op::MaskedEq(libc::MAP_SHARED as u64), 0)?;
    rules.insert(libc::SYS_mmap, vec![all([no_exec()?, private])?]);
    rules.insert(libc::SYS_mprotect, vec![all([no_exec()?])?]);
    // Its own limits, its own threads: an abort is a signal to oneself.
    rules.insert(libc::SYS_prlimit64, vec![all([zero()?])?, all([eq(0, own)?])?]);
    rules.insert(libc::SYS_tgkill, vec![all([eq(0, own)?])?]);
    rules.insert(libc::SYS_kill, vec![all([eq(0, own)?])?]);
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch())?.try_into()
}

fn eq(argument: u8, value: u64) -> Built<SeccompCondition> {
    SeccompCondition::new(argument, Len::Dword, Op::Eq, value)
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Built<SeccompRule> {
    SeccompRule::new(conditions.into())
}

fn arch() -> TargetArch {
    if cfg!(target_arch = "aarch64") { TargetArch::aarch64 } else { TargetArch::x86_64 }
}
