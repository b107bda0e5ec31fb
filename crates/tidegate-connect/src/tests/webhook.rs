use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tidegate_call::{Answers, AnyCaller, CallCx, Told};
use tidegate_core::{Commit, Fault, FaultKind, Outcome, Sink as _};

use super::doubles::{block_on, cx};
use super::jsonl_sink::{Account, Plan, commit, record, unit};
use crate::{FieldSelection, WebhookOptions, WebhookSink};

/// A service that refuses records which say that they are bad, and is down when told to be.
#[derive(Default)]
struct Service {
    taken: Mutex<Vec<String>>,
    calls: Mutex<usize>,
    down: Mutex<bool>,
}

#[async_trait]
impl AnyCaller<Arc<str>, ()> for Service {
    async fn call(&self, items: &[Arc<str>], _: &CallCx) -> Result<Answers<()>, Fault> {
        *self.calls.lock().unwrap() += 1;
        if *self.down.lock().unwrap() {
            return Err(Fault::new(FaultKind::Unavailable, "down"));
        }
        let take = |item: &Arc<str>| {
            if item.contains("bad") {
                return Err(Fault::new(FaultKind::Refused, "400: bad"));
            }
            self.taken.lock().unwrap().push(item.to_string());
            Ok(())
        };
        Ok(Answers { results: items.iter().map(take).collect(), told: Told::default() })
    }
}

impl Service {
    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

fn sink() -> (WebhookSink, Arc<Service>, Arc<Account>) {
    let (service, ledger) = (Arc::<Service>::default(), Arc::<Account>::default());
    let fields = FieldSelection::Only(vec!["text".into()]);
    let options = WebhookOptions { fields, ..WebhookOptions::default() };
    (WebhookSink::new(service.clone(), ledger.clone(), options), service, ledger)
}

fn try_commit(sink: &mut WebhookSink, commit: &mut Commit) -> Result<(), Fault> {
    block_on(sink.commit(&cx(), commit))
}

#[test]
fn what_is_committed_was_taken_first() {
    let (mut sink, service, ledger) = sink();
    try_commit(&mut sink, &mut commit(vec![unit(0, &["a", "b"]), unit(1, &["c"])])).unwrap();
    assert_eq!(service.taken(), [r#"{"text":"a"}"#, r#"{"text":"b"}"#, r#"{"text":"c"}"#]);
    assert_eq!((*ledger.units.lock().unwrap()).as_slice(), [0, 1]);
    assert_eq!(*service.calls.lock().unwrap(), 1);
}

#[test]
fn one_refused_record_costs_its_unit_and_sends_no_other_twice() {
    let (mut sink, service, ledger) = sink();
    let fault =
        try_commit(&mut sink, &mut commit(vec![unit(0, &["a"]), unit(1, &["b", "bad"]), unit(2, &["c"])]));
    assert_eq!(fault.unwrap_err().kind(), FaultKind::Refused);
    // The engine now goes one by one, and puts aside what is refused again.
    try_commit(&mut sink, &mut commit(vec![unit(0, &["a"])])).unwrap();
    try_commit(&mut sink, &mut commit(vec![unit(1, &["b", "bad"])])).unwrap_err();
    let mut aside = unit(1, &[]);
    aside.items[0].outcome = Outcome::Quarantined;
    try_commit(&mut sink, &mut commit(vec![aside])).unwrap();
    try_commit(&mut sink, &mut commit(vec![unit(2, &["c"])])).unwrap();
    assert_eq!(*service.calls.lock().unwrap(), 1);
    assert_eq!(service.taken().len(), 3);
    assert_eq!((*ledger.units.lock().unwrap()).as_slice(), [0, 1, 2]);
}

#[test]
fn a_service_that_is_down_commits_nothing() {
    let (mut sink, service, ledger) = sink();
    *service.down.lock().unwrap() = true;
    let mut group = commit(vec![unit(0, &["a"])]);
    assert_eq!(try_commit(&mut sink, &mut group).unwrap_err().kind(), FaultKind::Unavailable);
    assert!(ledger.units.lock().unwrap().is_empty());
    *service.down.lock().unwrap() = false;
    try_commit(&mut sink, &mut group).unwrap();
    assert_eq!(service.taken().len(), 1);
}

#[test]
fn what_was_taken_is_not_sent_again_because_the_ledger_was_busy() {
    let (mut sink, service, ledger) = sink();
    let mut group = commit(vec![unit(0, &["a"])]);
    *ledger.plan.lock().unwrap() = Some(Plan::Refuse(FaultKind::StorageBusy));
    try_commit(&mut sink, &mut group).unwrap_err();
    try_commit(&mut sink, &mut group).unwrap();
    assert_eq!(service.taken().len(), 1);
    // The same item, changed, in another unit is sent.
    try_commit(&mut sink, &mut commit(vec![unit(0, &["b"])])).unwrap();
    assert_eq!(service.taken().len(), 2);
}

#[test]
fn large_units_are_sent_once_they_are_whole() {
    const LARGE: u64 = 910_001; // no other test's, for kept records lie in the folder of all
    let (mut sink, service, _) = sink();
    let parts = [["a", "b"], ["c\\n", "d"]];
    for part in parts {
        let records: Vec<_> = part.iter().map(|text| record(LARGE, text)).collect();
        block_on(sink.stage(&cx(), LARGE, &records)).unwrap();
    }
    assert!(service.taken().is_empty());
    let mut whole = unit(LARGE, &["e"]);
    whole.staged = 4;
    try_commit(&mut sink, &mut commit(vec![whole])).unwrap();
    assert_eq!(service.taken().len(), 5);
    let mut lost = unit(LARGE + 1, &[]);
    lost.staged = 1;
    assert_eq!(try_commit(&mut sink, &mut commit(vec![lost])).unwrap_err().kind(), FaultKind::Internal);
    block_on(sink.finish(&cx())).unwrap();
}
