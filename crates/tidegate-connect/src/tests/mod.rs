pub(crate) mod doubles;
mod files;
mod jsonl;
pub(crate) mod jsonl_sink;
mod key;
mod stdin;
mod tail;
mod watch;
mod webhook;
