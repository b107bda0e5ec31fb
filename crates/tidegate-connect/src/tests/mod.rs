mod blocks;
mod files;
mod jsonl;
pub(crate) mod jsonl_sink;
mod key;
mod stdin;
mod table;
mod table_sink;
mod tail;
mod watch;
mod webhook;

pub(crate) use tidegate_testkit::doubles;
