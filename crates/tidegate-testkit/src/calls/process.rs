//! One life of the process: everything that a crash takes with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_call::{CallSettings, Caller, Lane, LaneName, LaneSettings, Parts, Replied, Timeouts, Vectors};
use tidegate_core::{Codec, Task, Tokenizer};
use tidegate_engine::Flow;
use tidegate_model::{AnyChat, EmbedOptions, Endpoint, Profiles, Service, chat_codec, embedding_codec};

use super::books::{Books, Lister, Reader, Writer};
use super::codec::Embeds;
use super::journal::Shelf;
use super::limits::known;
use super::people::{DIMENSIONS, Desk, MODEL};
use super::plan::{LanePlan, Plan, Work};
use super::stages::{Ask, Embed, Split};
use super::texts;
use super::wire::{Road, Wire};
use crate::provider::Provider;

/// What every life finds as the last one left it.
pub(crate) struct Lasting {
    pub(crate) plan: Arc<Plan>,
    pub(crate) roads: Vec<Arc<Road>>,
    /// The providers of all lanes before they were repaired.
    pub(crate) old: Mutex<Vec<Provider>>,
    pub(crate) shelf: Shelf,
    pub(crate) books: Arc<Books>,
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) seed: u64,
}

/// One life.
pub(crate) struct Process {
    pub(crate) life: u32,
    pub(crate) lanes: Vec<Arc<Lane>>,
    pub(crate) desks: Vec<Desk>,
}

/// Counts tokens as the provider does.
struct Quarters;

impl Tokenizer for Quarters {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        starts.extend((0..texts::tokens(text)).map(|n| n * 4));
    }
}

impl Process {
    /// Begins a life.
    pub(crate) fn start(lasting: &Lasting, life: u32) -> Self {
        let mut process = Self { life, lanes: Vec::new(), desks: Vec::new() };
        for (n, plan) in lasting.plan.lanes.iter().enumerate() {
            let lane = lane(lasting, (n, plan), life);
            process.desks.push(desk(lasting, (n, plan), (life, &lane)));
            process.lanes.push(lane);
        }
        process
    }

    /// Questions that are being asked of lane `n`.
    pub(crate) fn in_flight(&self, n: usize) -> usize {
        match &self.desks[n] {
            Desk::Vectors(caller) => caller.in_flight(),
            Desk::Answers(caller) => caller.in_flight(),
        }
    }

    /// The flow from documents to outcomes.
    pub(crate) fn flow(&self, lasting: &Lasting) -> Flow {
        let books = || lasting.books.clone();
        let source = Box::new(Lister { books: books(), next: 0 });
        let sink = Box::new(Writer { books: books(), life: self.life });
        let ledger = Arc::new(Reader(books()));
        let mut flow =
            Flow::new(source, sink, ledger, lasting.plan.options.clone()).cpu("split", Arc::new(Split));
        for (n, (desk, plan)) in self.desks.iter().zip(&lasting.plan.lanes).enumerate() {
            let (shelf, books) = (lasting.shelf.clone(), books());
            flow = match (desk, plan.work) {
                (Desk::Vectors(caller), Work::Vectors(grouping)) => {
                    let stage =
                        Embed { caller: caller.clone(), grouping, shelf, books, lane: n, life: self.life };
                    flow.batch(&format!("lane{n}"), plan.width, Arc::new(stage))
                }
                (Desk::Answers(caller), _) => {
                    let stage = Ask { caller: caller.clone(), shelf, books };
                    flow.each(&format!("lane{n}"), plan.width, Arc::new(stage))
                }
                (Desk::Vectors(_), Work::Answers) => unreachable!("a desk is made for its lane's work"),
            };
        }
        flow
    }
}

fn lane(lasting: &Lasting, (n, plan): (usize, &LanePlan), life: u32) -> Arc<Lane> {
    let name = LaneName { provider: format!("p{n}"), model: MODEL.to_owned(), key: String::new() };
    let settings = LaneSettings {
        limits: plan.known.iter().filter_map(known).collect(),
        concurrency: plan.concurrency,
        max_hold: lasting.plan.max_hold,
        max_tokens: plan.max_tokens.filter(|_| (life as usize) < lasting.plan.rounds.len()),
        seed: lasting.seed ^ (u64::from(life) << 40) ^ ((n as u64) << 32),
        ..LaneSettings::default()
    };
    Lane::new(name, settings)
}

fn desk(lasting: &Lasting, (n, plan): (usize, &LanePlan), (life, lane): (u32, &Arc<Lane>)) -> Desk {
    let profile = lasting.profiles.get(plan.profile).expect("it is among the built-in ones").clone();
    let endpoint = Endpoint::new(&format!("http://p{n}.example/v1"), MODEL).expect("a good url");
    let service = Service::new(profile, endpoint, None);
    let wire = Wire { road: lasting.roads[n].clone(), life };
    // Each lane has its own names in the journal, as if each had its own model.
    match plan.work {
        Work::Vectors(_) => {
            let learned = Some(DIMENSIONS);
            let task = if n == 0 { Task::Document } else { Task::Query };
            let options = EmbedOptions { learned, ..EmbedOptions::new(task) };
            let codec = Arc::new(Embeds(embedding_codec(service, options).expect("it embeds")));
            let paid = Arc::new(Vectors(Arc::new(lasting.shelf.clone())));
            let settings = settings(plan, Timeouts::EMBED);
            let parts = Parts { lane: lane.clone(), transport: Arc::new(wire), paid, settings };
            Desk::Vectors(Arc::new(Caller::new(codec, parts)))
        }
        Work::Answers => {
            let codec: Arc<AnyChat> = Arc::new(chat_codec(service, Arc::new(Quarters)).expect("it chats"));
            let paid = Arc::new(Replied(Arc::new(lasting.shelf.clone())));
            let settings = settings(plan, Timeouts::CHAT);
            let parts = Parts { lane: lane.clone(), transport: Arc::new(wire), paid, settings };
            Desk::Answers(Arc::new(Caller::new(codec, parts)))
        }
    }
}

fn settings(plan: &LanePlan, timeouts: Timeouts) -> CallSettings {
    CallSettings {
        model: MODEL.to_owned(),
        timeouts,
        hedge: plan.hedge && plan.work != Work::Answers,
        interactive_time: Duration::from_secs(30),
        ..CallSettings::default()
    }
}

/// The key under which lane `n` keeps what belongs to `text`.
pub(crate) fn key_of(process: &Process, n: usize, text: &str) -> Option<tidegate_core::ContentHash> {
    match &process.desks[n] {
        Desk::Vectors(caller) => caller.codec().key(&tidegate_model::Text::new(text, texts::tokens(text))),
        Desk::Answers(caller) => caller.codec().key(&super::stages::question(text)),
    }
}
