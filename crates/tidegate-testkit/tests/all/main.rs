//! The scripted provider, seen from outside.

mod client;
mod embeddings;
