//! What tests are written with: a scripted provider that speaks the wire formats of model services and fails in
//! every way they do, a TCP fault proxy, and the simulated worlds in which the real engine, and the real call layer
//! under it, run on virtual time.
//!
//! This crate must not contain anything that judges with the judged: the provider shares no code with the call
//! layer or the codecs, and the checker of the simulation never calls into the engine. What should have happened is
//! worked out here a second time, on its own.

#![forbid(unsafe_code)]

#[cfg(feature = "calls")]
pub mod calls;
#[cfg(feature = "doubles")]
pub mod doubles;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "provider")]
pub mod proxy;
#[cfg(feature = "sim")]
pub mod sim;
