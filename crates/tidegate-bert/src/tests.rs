//! Tests that need a folder.
