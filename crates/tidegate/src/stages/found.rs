//! What was found in one file: documents that go on, and those that are put aside alone.

use std::collections::HashMap;
use std::ffi::OsStr;
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
    /// What the good ones weigh.
    bytes: u64,
    /// Keys given out, so that each is given out once, and how often one was asked for: ten thousand attachments of
    /// one name must not be numbered from the start each time.
    keys: HashMap<Arc<str>, u64>,
    /// Why the file was not read to its end.
    ended: Option<Fault>,
}

impl<'a> Found<'a> {
    pub(super) fn new(record: &'a mut Record) -> Self {
        Self { record, good: Vec::new(), bad: Vec::new(), bytes: 0, keys: HashMap::new(), ended: None }
    }

    /// Takes a document. It is a record from here on, whose memory is accounted for.
    pub(super) fn take(&mut self, part: Part) {
        let own = part.path.is_empty();
        match part.result {
            Ok(document) if own => {
                let mut whole = self.record.child(Body::Empty);
                hold(&mut whole, document);
                self.bytes += whole.weight();
                self.good.insert(0, whole);
            }
            Ok(document) => {
                let key = self.key(&part.path);
                let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
                let mut inner = self.record.part(key, number, Body::Empty);
                hold(&mut inner, document);
                self.bytes += inner.weight();
                self.good.push(inner);
            }
            // What a listing would have passed over is passed over here too: pictures are no bad documents.
            Err(_) if tidegate_connect::holds_no_text(OsStr::new(file_name(&part.path))) => {}
            Err(fault) => {
                let key = self.key(&part.path);
                self.bad.push((key, fault));
            }
        }
    }

    /// Bytes that what was found so far takes.
    pub(super) fn weight(&self) -> u64 {
        self.bytes
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
        let Some(mut number) = self.keys.get(plain.as_str()).copied() else {
            let key: Arc<str> = plain.into();
            self.keys.insert(key.clone(), 1);
            return key;
        };
        loop {
            number += 1;
            let key: Arc<str> = format!("{plain} ({number})").into();
            if !self.keys.contains_key(&key) {
                self.keys.insert(key.clone(), 1);
                self.keys.insert(plain.into(), number);
                return key;
            }
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tidegate_core::{Book, Budget, Document, Tether, UnitId};

    use super::*;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Book for Log {
        fn released(&self, _: UnitId) {}
        fn failed(&self, _: UnitId, _: &str, fault: &Fault) {
            self.0.lock().unwrap().push(format!("all: {fault}"));
        }
        fn part_failed(&self, _: UnitId, part: &Arc<str>, (_, fault): (&str, &Fault)) -> bool {
            self.0.lock().unwrap().push(format!("{part}: {fault}"));
            false
        }
        fn joined(&self, _: &[UnitId]) {}
        fn pended(&self, _: UnitId) {}
    }

    fn part(path: &str, result: Result<&str, FaultKind>) -> Part {
        let result = match result {
            Ok(text) => Ok(Document { text: text.to_owned(), ..Document::default() }),
            Err(kind) => Err(Fault::new(kind, "no good")),
        };
        Part { path: path.to_owned(), format: "text".to_owned(), result }
    }

    /// Keys and texts of what goes on, or the fault.
    type Settled = Result<Vec<(String, String)>, String>;

    /// What goes on, and what was put aside beside it.
    fn check(parts: Vec<Part>, ended: Option<Fault>) -> (Settled, Vec<String>) {
        let log = Arc::new(Log::default());
        let held = (Budget::new(1 << 20).force(0), Tether::open(1, log.clone()));
        let mut record = Record::new("a.zip".into(), 1, Body::Bytes(b"zip".to_vec().into()), held);
        let mut found = Found::new(&mut record);
        parts.into_iter().for_each(|part| found.take(part));
        ended.into_iter().for_each(|fault| found.end(fault));
        let settled = match found.settle() {
            Ok(Emitted::Replace(records)) => {
                let shown = |record: &Record| {
                    (record.key.to_string(), record.body.as_text().unwrap_or_default().to_owned())
                };
                Ok(records.iter().map(shown).collect())
            }
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err(fault.to_string()),
        };
        let aside = log.0.lock().unwrap().clone();
        (settled, aside)
    }

    fn pairs(list: &[(&str, &str)]) -> Settled {
        Ok(list.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn a_bad_member_costs_no_good_one() {
        let bad = || part("b/bad.pdf", Err(FaultKind::Malformed));
        let (good, aside) =
            check(vec![bad(), part("x", Ok("one")), part("", Ok("own")), part("x", Ok("two"))], None);
        assert_eq!(good, pairs(&[("a.zip", "own"), ("a.zip!/x", "one"), ("a.zip!/x (2)", "two")]));
        assert_eq!(aside, ["a.zip!/b/bad.pdf: no good"]);
    }

    #[test]
    fn many_documents_of_one_name_are_told_apart() {
        let parts = (0..20_000).map(|_| part("x", Ok("one"))).chain([part("x (2)", Ok("two"))]).collect();
        let (good, _) = check(parts, None);
        let good = good.unwrap();
        let keys: std::collections::HashSet<&str> = good.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            (keys.len(), good[1].0.as_str(), good[19_999].0.as_str()),
            (20_001, "a.zip!/x (2)", "a.zip!/x (20000)")
        );
        assert_eq!(good[20_000].0, "a.zip!/x (2) (2)");
    }

    #[test]
    fn what_could_not_be_read_any_more_is_named_too() {
        let late = || Some(Fault::new(FaultKind::TooSlow, "took too long"));
        let (good, aside) = check(vec![part("x", Ok("one"))], late());
        assert_eq!(good, pairs(&[("a.zip!/x", "one")]));
        assert_eq!(aside, ["a.zip!/: took too long"]);
        assert_eq!(
            check(vec![part("x", Err(FaultKind::Empty))], late()),
            (Err("took too long".to_owned()), vec![])
        );
        let outage = Fault::new(FaultKind::Unavailable, "no process");
        assert_eq!(check(vec![part("x", Ok("one"))], Some(outage)), (Err("no process".to_owned()), vec![]));
    }

    #[test]
    fn a_file_without_anything_good_is_bad_itself() {
        let bad = |path| part(path, Err(FaultKind::Malformed));
        let refused = |parts, expect: &str| assert_eq!(check(parts, None), (Err(expect.to_owned()), vec![]));
        refused(vec![bad("")], "no good");
        refused(vec![bad("x.pdf")], "reading x.pdf: no good");
        refused(
            vec![bad("x.pdf"), bad("y.pdf")],
            "none of 2 documents in it can be read, the first because of: reading x.pdf: no good",
        );
        refused(vec![], "there is no document in it");
        refused(vec![bad("picture.png")], "there is no document in it");
    }

    #[test]
    fn a_path_from_a_file_is_only_a_name() {
        let (good, _) = check(vec![part("a\0b\n", Ok("x")), part(&"ä".repeat(5_000), Ok("y"))], None);
        let good = good.unwrap();
        assert_eq!(good[0].0, "a.zip!/a\u{fffd}b\u{fffd}");
        assert!(good[1].0.len() <= 1_024 + "a.zip!/".len());
    }
}
