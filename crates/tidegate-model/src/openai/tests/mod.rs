mod chat;
mod embed;
mod rerank;
mod stream;
