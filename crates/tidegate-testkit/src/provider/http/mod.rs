//! HTTP/1.1 as far as model services speak it, straight on the socket: a library would refuse to send what a broken
//! server sends.

mod connection;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use connection::serve_connection;
