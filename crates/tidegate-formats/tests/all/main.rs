//! Real files, broken files and bombs.

mod bombs;
mod broken;
mod containers;
mod golden;
mod kit;
mod made;
