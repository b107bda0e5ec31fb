//! The command as it is used: the real binary in folders of their own, from the outside.

mod bad_input;
mod full_disk;
mod nothing_twice;
mod outputs;
mod rows;
mod searching;
mod stopping;
mod stores;
mod usage;
mod watching;
mod whole_or_old;
mod world;
