//! A TCP proxy in front of a real server, which delays, throttles, stalls and cuts by a script: faults of the
//! network for databases and queues that nobody can be asked to break.
//!
//! It knows no protocol, so that it fits in front of any. Where the answer itself is to be wrong, the server has to be
//! a scripted one.

mod pump;
mod script;
mod server;

pub use script::{Link, ProxyScript, Rule, Way};
pub use server::Proxy;
