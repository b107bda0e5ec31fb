//! What carries requests: HTTP/1.1 over TCP or TLS, with connections that are kept and used again.
//!
//! A connection has no task of its own: whoever waits for an answer drives it. A general client spawns a task for
//! every connection and wakes it and its caller in turn for every message; here one poll writes the request, reads
//! the answer and hands it up, and dropping the wait is dropping the connection.

mod body;
mod dial;
mod exempt;
mod http;
mod io;
mod link;
mod proxy;
mod site;
#[cfg(test)]
mod tests;
mod tls;
mod tunnel;

pub use dial::{Resolve, SystemNames};
pub use http::{Connections, Http, HttpSettings};
pub use proxy::{Proxies, Proxy};
