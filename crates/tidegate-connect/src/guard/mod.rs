//! Where a URL may lead. Documents name addresses, and so do lists that somebody else wrote; nothing that they name may
//! reach what only this machine and its network can reach, unless the user says so.
//!
//! The refused alternative was to check the name before a general client connects: between the check and the
//! connection a name can be given another address. Here names are resolved once, what they resolve to is checked, and
//! the connection goes to exactly that.

mod address;
mod names;
#[cfg(test)]
mod tests;
mod url;

pub use address::{Reach, reach};
pub use names::GuardedNames;
pub use url::Url;

/// What the guard lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Also loopback and private networks. Link-local addresses, at which clouds hand out keys, stay closed.
    pub private: bool,
    /// Also ports other than 80 and 443. Private networks imply it.
    pub any_port: bool,
}

impl Policy {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn admits(self, reach: Reach) -> bool {
        match reach {
            Reach::Public => true,
            Reach::Private(_) => self.private,
            Reach::Never(_) => false,
        }
    }

    pub(crate) fn admits_port(self, port: u16) -> bool {
        matches!(port, 80 | 443) || self.any_port || self.private
    }
}
