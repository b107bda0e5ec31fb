//! The call layer against a service of a few lines, in virtual time.

mod alone;
mod dropping;
mod flying;
mod halving;
mod keeping;
mod logging;
mod loopback;
mod outages;
mod retrying;
mod streaming;
mod world;
