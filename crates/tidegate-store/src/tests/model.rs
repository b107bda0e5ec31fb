//! Random sequences of operations against a model of a few lines.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_core::{ContentHash, Ledger as _, Outcome, Verdict};

use super::world::*;
use crate::PipelineLedger;

#[derive(Debug, Clone)]
enum Step {
    Store {
        key: u8,
        version: u8,
        texts: Vec<u8>,
    },
    Stage {
        key: u8,
        version: u8,
        texts: Vec<u8>,
    },
    Quarantine {
        key: u8,
        version: u8,
    },
    Refresh {
        key: u8,
        version: u8,
    },
    Delete {
        key: u8,
    },
    /// A new run lists these keys in these versions and sweeps.
    Run {
        listed: Vec<(u8, u8)>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let texts = || proptest::collection::vec(0u8..6, 0..4);
    prop_oneof![
        4 => (0u8..5, 0u8..4, texts()).prop_map(|(key, version, texts)| Step::Store { key, version, texts }),
        1 => (0u8..5, 0u8..4, texts()).prop_map(|(key, version, texts)| Step::Stage { key, version, texts }),
        2 => (0u8..5, 0u8..4).prop_map(|(key, version)| Step::Quarantine { key, version }),
        1 => (0u8..5, 0u8..4).prop_map(|(key, version)| Step::Refresh { key, version }),
        1 => (0u8..5).prop_map(|key| Step::Delete { key }),
        2 => proptest::collection::vec((0u8..5, 0u8..4), 0..5).prop_map(|listed| Step::Run { listed }),
    ]
}

#[derive(Default)]
struct Model {
    /// Key → version, content (the version it was stored with), texts.
    stored: BTreeMap<u8, (u8, u8, Vec<u8>)>,
    /// Key → version.
    aside: BTreeMap<u8, u8>,
}

impl Model {
    fn verdict(&self, key: u8, version: u8) -> Verdict {
        if self.aside.get(&key) == Some(&version) {
            return Verdict::StillQuarantined;
        }
        match self.stored.get(&key) {
            Some((stored, ..)) if *stored == version => Verdict::Unchanged,
            stored => {
                let hash = |version: u8| ContentHash::of(v(version).as_bytes());
                let aside = self.aside.get(&key).map(|version| hash(*version));
                Verdict::Go { known: stored.map(|(_, content, _)| hash(*content)), aside }
            }
        }
    }

    /// What a run does to what it lists; everything else under the folder is gone.
    fn list(&mut self, listed: &BTreeMap<u8, u8>) {
        for (key, version) in listed {
            if self.verdict(*key, *version) == Verdict::Unchanged {
                self.aside.remove(key);
            }
        }
        self.stored.retain(|key, _| listed.contains_key(key));
        self.aside.retain(|key, _| listed.contains_key(key));
    }
}

fn k(key: u8) -> String {
    format!("/d/{key}")
}

fn v(version: u8) -> String {
    format!("v{version}")
}

fn t(text: u8) -> String {
    format!("word{text}")
}

async fn apply(world: &World, ledger: &mut PipelineLedger, model: &mut Model, (at, step): (u64, &Step)) {
    match step {
        Step::Store { key, version, texts } | Step::Stage { key, version, texts } => {
            let names: Vec<String> = texts.iter().map(|text| t(*text)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut unit = stored(&k(*key), &v(*version), at, &names);
            if matches!(step, Step::Stage { .. }) {
                let head: Vec<_> = unit.records.drain(..names.len() / 2).collect();
                ledger.stage(at, &head).await.unwrap();
                unit.staged = head.len() as u64;
            }
            ledger.commit(&commit(vec![unit])).await.unwrap();
            model.stored.insert(*key, (*version, *version, texts.clone()));
            model.aside.remove(key);
        }
        Step::Quarantine { key, version } => {
            ledger.commit(&commit(vec![quarantined(&k(*key), &v(*version), at)])).await.unwrap();
            model.aside.insert(*key, *version);
        }
        Step::Refresh { key, version } => {
            let unit = commit(vec![plain(&k(*key), &v(*version), at, Outcome::Unchanged)]);
            let result = ledger.commit(&unit).await;
            assert_eq!(result.is_ok(), model.stored.contains_key(key));
            if let Some(stored) = model.stored.get_mut(key) {
                stored.0 = *version;
                model.aside.remove(key);
            }
        }
        Step::Delete { key } => {
            ledger.commit(&commit(vec![plain(&k(*key), "", at, Outcome::Deleted)])).await.unwrap();
            model.stored.remove(key);
            model.aside.remove(key);
        }
        Step::Run { listed } => {
            let listed: BTreeMap<u8, u8> = listed.iter().copied().collect();
            let lease = ledger.store().clone();
            // Opening again takes the lease of the run before, once that gave it back.
            replace(ledger, world, &format!("r{at}")).await;
            for (key, version) in &listed {
                assert_eq!(verdict(ledger, &k(*key), &v(*version)).await, model.verdict(*key, *version));
            }
            let known = model.stored.len() as u64;
            model.list(&listed);
            let sweep = sweep(ledger, "/d").await;
            assert_eq!((sweep.known, sweep.deleted), (known, known - model.stored.len() as u64));
            drop(lease);
        }
    }
}

async fn replace(ledger: &mut PipelineLedger, world: &World, run: &str) {
    // A ledger on another pipeline stands in while the lease goes from one run to the next.
    let stand_in = world.store.ledger(crate::PipelineRun::new("stand-in", "f", run)).await.unwrap();
    std::mem::replace(ledger, stand_in).close().await.unwrap();
    *ledger = world.run(run).await;
}

fn compare(world: &World, model: &Model) {
    world.assert_sound();
    for text in 0..6u8 {
        let expected: Vec<String> = model
            .stored
            .iter()
            .filter(|(_, (_, _, texts))| texts.contains(&text))
            .map(|(key, _)| k(*key))
            .collect();
        assert_eq!(world.found(&t(text)), expected);
    }
    let aside: Vec<String> = model.aside.keys().map(|key| k(*key)).collect();
    let mut found: Vec<String> =
        world.store.quarantine_list().unwrap().into_iter().map(|item| item.source).collect();
    found.sort();
    assert_eq!(found, aside);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let mut model = Model::default();
            let mut ledger = world.run("first").await;
            for (at, step) in (0..).zip(&steps) {
                apply(&world, &mut ledger, &mut model, (at, step)).await;
                compare(&world, &model);
            }
        });
    }
}
