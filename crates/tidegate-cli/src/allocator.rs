//! How the allocator gives memory back: what is large goes back to the system when it is freed.
//!
//! By itself glibc keeps every large buffer that was freed, in each of its arenas, once it has seen one come and go. A run
//! over documents frees buffers of every size on every thread, and would hold several times what is in use. The only
//! place of the crate where `unsafe` is allowed, and only for the two calls that set this.

#![allow(unsafe_code)]

/// Buffers from this size on are mapped by themselves, in bytes. Smaller ones are too many for a call to the system each.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: libc::c_int = 1 << 20;

/// Freed memory at the end of an arena that is kept for what comes next, in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 4 << 20;

/// Sets it for this process. To be called before there are threads.
pub fn set() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers, touches nothing but the allocator's settings and may be called at any time; what it
    // is told is within what it takes, and were it refused, memory would only be kept as by default.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}
