//! The command as it is used: the real binary in folders of their own, from the outside.

#![expect(clippy::unwrap_used, reason = "this is a test throughout: what cannot be done fails it")]

mod adapting;
mod any_service;
mod aside;
mod asking;
mod bad_input;
mod bench;
mod cassettes;
mod emulator;
mod enriching;
mod evaluating;
mod folders;
mod full_disk;
mod generations;
mod journal;
mod local_models;
mod loopback;
mod map_faults;
mod map_forms;
mod mapping;
mod nothing_twice;
mod objects;
mod outputs;
mod pages;
mod parser_services;
mod parsing;
mod planning;
mod programs;
mod readers;
mod recipes;
mod remote;
mod rescoring;
mod rows;
mod searching;
mod services;
mod stopping;
mod stores;
mod sweeping;
mod urls;
mod usage;
mod validating;
mod watching;
mod whole_or_old;
mod world;
