//! A ready-made window: every so many records, or whatever came within a time, become one.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{Body, Cx, Fault, Record, Window};

use crate::tasks::guarded_now;

/// Makes the body of a window from its members, in listing order.
pub type Merge = Arc<dyn Fn(&[Record]) -> Result<Body, Fault> + Send + Sync>;

/// A tumbling window: members are in exactly one window each.
pub struct Tumbling {
    size: usize,
    linger: Option<Duration>,
    merge: Merge,
    open: Vec<Record>,
}

impl Tumbling {
    /// A window of `size` records (at least one).
    #[must_use]
    pub fn of(size: usize, merge: Merge) -> Self {
        Self { size: size.max(1), linger: None, merge, open: Vec::new() }
    }

    /// Also closes a window this long after its first member.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = Some(linger);
        self
    }

    fn close(&mut self) -> Result<Vec<Record>, Fault> {
        let members = std::mem::take(&mut self.open);
        if members.is_empty() {
            return Ok(Vec::new());
        }
        match guarded_now(|| (self.merge)(&members)) {
            Ok(body) => Ok(Record::merge(&members, body).into_iter().collect()),
            Err(fault) => {
                // All of them made the window that cannot be: none is stored as if it had been.
                members.iter().for_each(|member| member.tether().fail("window", &fault));
                Ok(Vec::new())
            }
        }
    }
}

impl Window for Tumbling {
    fn push(&mut self, _cx: &Cx, record: Record) -> Result<Vec<Record>, Fault> {
        self.open.push(record);
        if self.open.len() < self.size { Ok(Vec::new()) } else { self.close() }
    }

    fn flush(&mut self, _cx: &Cx) -> Vec<Record> {
        self.close().unwrap_or_default()
    }

    fn take_open(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.open)
    }

    fn linger(&self) -> Option<Duration> {
        self.linger
    }
}
