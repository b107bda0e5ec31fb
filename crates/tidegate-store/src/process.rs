//! Which process this is, and whether another is still alive.

/// Names this machine since its last start and this set of process ids, so that a process id from elsewhere is never
/// looked up here. Empty where that cannot be known; leases then end only by their time.
pub(crate) fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let boot = read("/proc/sys/kernel/random/boot_id");
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if boot.is_empty() {
        return String::new();
    }
    format!("{} {} {}", read("/proc/sys/kernel/hostname").trim(), boot.trim(), space.display())
}

/// When a process started, in ticks since the machine did; `None` if there is no such process.
pub(crate) fn started(pid: u32) -> Option<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, spaces and parentheses too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None; // dead, and only waiting to be noticed by its parent
    }
    fields.nth(18)?.parse().ok()
}

/// 16 random hexadecimal digits.
pub(crate) fn random_hex() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The keys of a `RandomState` come from the system's random numbers.
    let state = std::collections::hash_map::RandomState::new();
    let mut hasher = state.build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

/// Wall time in milliseconds since 1970, for rows people read and for leases.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_alive_and_an_impossible_one_is_not() {
        assert!(started(std::process::id()).is_some_and(|ticks| ticks > 0));
        assert_eq!(started(u32::MAX), None);
        assert!(!host().is_empty());
    }

    #[test]
    fn random_names_differ() {
        assert_ne!(random_hex(), random_hex());
    }
}
