//! A transport that counts how tries end on the wire, whatever the call layer makes of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_call::Http;
use tidegate_core::wire::Pieces;
use tidegate_core::{HttpRequest, Incoming, Transport, WireFault};

/// Tries that brought no answer, by kind: a status, what became of the connection, or `given up` where the caller
/// waited no longer.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures(Arc<Mutex<BTreeMap<String, u64>>>);

impl Failures {
    /// What was counted so far.
    pub(super) fn counted(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, kind: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    fn lost(&self, fault: &WireFault) {
        self.count(snake(&format!("{:?}", fault.kind)));
    }
}

/// `ConnectRefused` as `connect refused`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The transport.
pub(super) struct Counting {
    pub(super) http: Arc<Http>,
    pub(super) failures: Failures,
}

/// Counts a try that is given up before it has an end.
struct Open<'a>(Option<&'a Failures>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(failures) = self.0 {
            failures.count("given up".to_owned());
        }
    }
}

#[async_trait]
impl Transport for Counting {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        let mut open = Open(Some(&self.failures));
        let sent = self.http.send(request).await;
        open.0 = None;
        match sent {
            Ok(incoming) if incoming.head.status.is_success() => {
                let body = Box::new(Counted { body: incoming.body, failures: self.failures.clone() });
                Ok(Incoming { head: incoming.head, body })
            }
            Ok(incoming) => {
                self.failures.count(incoming.head.status.as_u16().to_string());
                Ok(incoming)
            }
            Err(fault) => {
                self.failures.lost(&fault);
                Err(fault)
            }
        }
    }
}

/// A body whose loss is counted.
struct Counted {
    body: Box<dyn Pieces>,
    failures: Failures,
}

#[async_trait]
impl Pieces for Counted {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        let piece = self.body.next().await;
        if let Some(Err(fault)) = &piece {
            self.failures.lost(fault);
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::snake;

    #[test]
    fn kinds_are_told_in_words() {
        assert_eq!(snake("Reset"), "reset");
        assert_eq!(snake("FirstByteTimeout"), "first byte timeout");
    }
}
