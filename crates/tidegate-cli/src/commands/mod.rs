//! One file a command: a function that takes the parsed arguments and says how it ended.

pub mod adapt;
pub mod ask;
pub mod bench;
pub mod completions;
pub mod config;
pub mod doctor;
pub mod eval;
pub mod generations;
pub mod index;
pub mod init;
pub mod journal;
pub mod killpoints;
pub mod map;
pub mod mock_provider;
pub mod model;
pub mod parser_child;
pub mod plan;
pub mod quarantine;
pub mod run;
pub mod schema;
pub mod search;
pub mod status;
