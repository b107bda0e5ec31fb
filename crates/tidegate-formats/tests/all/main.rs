//! Real files, broken files and bombs.

#![allow(clippy::unwrap_used)]

mod bombs;
mod broken;
mod containers;
mod golden;
mod kit;
mod made;
