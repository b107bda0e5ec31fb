//! What was found in one file: documents that go on, and those that are put aside alone.

use std::collections::HashSet;
use std::sync::Arc;

use tidegate_core::{Advice, Body, Emitted, Fault, FaultKind, Record, advise};
use tidegate_sandbox::Part;

use super::parse::hold;

/// What separates the key of a file from the path of a document in it.
const INSIDE: &str = "!/";
/// Longest path that is kept of what a file says is in it.
const PATH: usize = 1_024;
/// The stage that documents are put aside at.
const STAGE: &str = "parse";

/// The documents of a file, as they come.
pub(super) struct Found<'a> {
    record: &'a mut Record,
    /// Records of documents within it, and of its own text first.
    good: Vec<Record>,
    bad: Vec<(Arc<str>, Fault)>,
    /// Keys given out, so that each is given out once.
    keys: HashSet<Arc<str>>,
    /// Why the file was not read to its end.
    ended: Option<Fault>,
}

impl<'a> Found<'a> {
    pub(super) fn new(record: &'a mut Record) -> Self {
        Self { record, good: Vec::new(), bad: Vec::new(), keys: HashSet::new(), ended: None }
    }

    /// Takes a document. It is a record from here on, whose memory is accounted for.
    pub(super) fn take(&mut self, part: Part) {
        let own = part.path.is_empty();
        match part.result {
            Ok(document) if own => {
                let mut whole = self.record.child(Body::Empty);
                hold(&mut whole, document);
                self.good.insert(0, whole);
            }
            Ok(document) => {
                let key = self.key(&part.path);
                let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
                let mut inner = self.record.part(key, number, Body::Empty);
                hold(&mut inner, document);
                self.good.push(inner);
            }
            Err(fault) => {
                let key = self.key(&part.path);
                self.bad.push((key, fault));
            }
        }
    }

    /// Notes why nothing more comes.
    pub(super) fn end(&mut self, fault: Fault) {
        self.ended = Some(fault);
    }

    /// What becomes of the file. What is good in it goes on; what is not is put aside by itself, also the rest that
    /// could not be read any more. A file without anything good is at fault as a whole.
    pub(super) fn settle(mut self) -> Result<Emitted, Fault> {
        if let Some(fault) = self.ended.take() {
            // Nothing of this try is kept where another may follow.
            if self.good.is_empty() || advise(&fault) != Advice::Quarantine {
                return Err(fault);
            }
            let rest = self.key("");
            self.bad.push((rest, fault));
        }
        if self.good.is_empty() {
            return Err(self.nothing());
        }
        for (key, fault) in &self.bad {
            tracing::info!(source = %key, stage = STAGE, class = fault.kind().name(), %fault, "quarantined");
            self.record.tether().part(key.clone()).fail(STAGE, fault);
        }
        self.record.set_body(Body::Empty); // the file itself has done its part
        Ok(Emitted::Replace(self.good))
    }

    /// Why there is nothing to go on with.
    fn nothing(&self) -> Fault {
        let Some((key, first)) = self.bad.first() else {
            return Fault::new(FaultKind::Empty, "there is no document in it");
        };
        let path = key.strip_prefix(&*self.record.key).unwrap_or(key).trim_start_matches(INSIDE);
        let fault =
            if path.is_empty() { first.clone() } else { first.clone().during(format!("reading {path}")) };
        match self.bad.len() {
            1 => fault,
            all => fault.during(format!("none of {all} documents in it can be read, the first because of")),
        }
    }

    /// A key for the document at `path`: told apart from others of the same path, and fit to be shown.
    fn key(&mut self, path: &str) -> Arc<str> {
        let path: String = path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let from = path.ceil_char_boundary(path.len().saturating_sub(PATH));
        let plain = format!("{}{INSIDE}{}", self.record.key, &path[from..]);
        let mut key: Arc<str> = plain.as_str().into();
        let mut number = 1;
        while !self.keys.insert(key.clone()) {
            number += 1;
            key = format!("{plain} ({number})").into();
        }
        key
    }
}
