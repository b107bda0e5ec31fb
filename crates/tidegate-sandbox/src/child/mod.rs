//! The child: it locks itself in, says so, and parses what it is handed until nothing more comes.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
mod lock;
mod serve;

pub(crate) use lock::PARENT;
pub use lock::Protection;
pub use serve::serve;
