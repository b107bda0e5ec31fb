//! The project's own tasks: test, tidy, bench, prove.
fn main() {}
