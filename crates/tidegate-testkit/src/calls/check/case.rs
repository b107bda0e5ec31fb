//! The evidence: the wire, the providers' logs, the ledger, the people.

use std::collections::{BTreeMap, HashMap};

use tidegate_core::{FaultKind, Record};

use crate::calls::books::{Inspect, Row};
use crate::calls::people::{Visit, is_vector};
use crate::calls::plan::{Plan, Work};
use crate::calls::process::Lasting;
use crate::calls::round::Life;
use crate::calls::stages::ANSWER;
use crate::calls::tally::{KINDS, Tally};
use crate::calls::texts::{Document, hash};
use crate::calls::traffic::{How, Sent};
use crate::provider::script::{Act, Distribution, Hint, OutageKind, Shape, Unit};
use crate::provider::{Entry, reply_of};

/// Everything that is known of a seed once it is over.
pub(crate) struct Case<'a> {
    pub(crate) lasting: &'a Lasting,
    pub(crate) plan: &'a Plan,
    pub(crate) sent: Vec<Sent>,
    /// Of each lane: the log of its provider before and after it was repaired, by number.
    logs: Vec<[HashMap<u64, Entry>; 2]>,
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) lives: Vec<Life>,
    pub(crate) visits: Vec<Visit>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(lasting: &'a Lasting, lives: Vec<Life>, visits: Vec<Visit>) -> Self {
        let old = lasting.old.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let numbered = |entries: Vec<Entry>| entries.into_iter().map(|entry| (entry.number, entry)).collect();
        let log = |n: usize| {
            let now = lasting.roads[n].provider().1.log().entries();
            match old.get(n) {
                Some(old) => [numbered(old.log().entries()), numbered(now)],
                None => [numbered(now), HashMap::new()],
            }
        };
        Self {
            lasting,
            plan: &lasting.plan,
            sent: lasting.books.traffic.sent(),
            logs: (0..lasting.roads.len()).map(log).collect(),
            rows: lasting.books.rows().clone(),
            lives,
            visits,
        }
    }

    /// What the provider's log says of a request.
    pub(crate) fn entry(&self, sent: &Sent) -> Option<&Entry> {
        let (version, number) = sent.number?;
        self.logs[sent.lane][version as usize].get(&number)
    }

    /// Whether the client got all of a right answer.
    pub(crate) fn good(&self, sent: &Sent) -> bool {
        let whole = sent.end.is_some_and(|end| end.how == How::Whole);
        whole && sent.status == 200 && self.entry(sent).is_some_and(is_right)
    }

    /// Every request, and how each life ended, in words.
    pub(crate) fn trace(&self) -> Vec<String> {
        let line = |sent: &Sent| {
            let end = sent.end.map(|end| (end.at, end.how));
            let entry = self.entry(sent);
            let acts = entry.map(|entry| entry.acts.join(" ")).unwrap_or_default();
            let verdict =
                entry.and_then(|entry| entry.answered.as_ref()).map_or("-", |answered| answered.verdict);
            let Sent { lane, life, at, status, hint, open, texts, .. } = sent;
            let who = if sent.person { "person" } else { "run" };
            let hedge = if sent.hedge { " hedge" } else { "" };
            let first = texts.first().copied().unwrap_or(0) & 0xFFFF;
            let many = texts.len();
            format!(
                "{at:?} life {life} lane {lane} {who}{hedge} {many}:{first:04x} open {open}: {status} {verdict} [{acts}] hint {hint:?} {end:?}"
            )
        };
        let lives = self.lives.iter().map(|life| format!("{life:?}"));
        self.sent.iter().map(line).chain(lives).collect()
    }

    /// Counts what was injected.
    pub(crate) fn count(&self, tally: &mut Tally) {
        for log in self.logs.iter().enumerate() {
            let script = &self.plan.lanes[log.0].script;
            for entry in log.1.iter().flat_map(HashMap::values) {
                count_entry(entry, script, tally);
            }
            let requests = log.1[0].len() as u64;
            if script.knee.is_some_and(|knee| log.1[0].values().any(|entry| entry.busy >= u64::from(knee.at)))
            {
                tally.add("knee");
            }
            if matches!(script.latency.base, Distribution::LogNormal { .. }) {
                tally.count("latency tail", requests);
            }
        }
        tally.count("hedge", self.sent.iter().filter(|sent| sent.hedge).count() as u64);
        for visit in &self.visits {
            match &visit.result {
                None => tally.add("person left"),
                Some(Err(_)) => tally.add("person in vain"),
                Some(Ok(())) => {}
            }
        }
        self.lives.iter().for_each(|life| count_life(life, tally));
    }
}

/// Whether the log calls an answer right, or as good: a wrong name of the model changes no vector.
pub(crate) fn is_right(entry: &Entry) -> bool {
    let Some(answered) = &entry.answered else { return false };
    answered.whole
        || (answered.verdict == "other_model" && entry.acts.iter().all(|act| *act == "other_model"))
}

fn count_life(life: &Life, tally: &mut Tally) {
    use tidegate_core::report::RunState as S;
    let Some(ended) = &life.ended else { return tally.add("ended by crash") };
    match (ended.report.state, ended.fault.as_ref().map(tidegate_core::Fault::kind)) {
        (S::Aborted, _) => tally.add("ended by abort"),
        (S::Budget, _) => tally.add("ended by the budget"),
        (_, Some(FaultKind::Blocked | FaultKind::Config)) => tally.add("ended by a blocked lane"),
        (S::Stopped, Some(_)) => tally.add("ended by a hold"),
        (S::Stopped, None) => tally.add("ended by drain"),
        _ => {}
    }
}

fn count_entry(entry: &Entry, script: &crate::provider::Script, tally: &mut Tally) {
    for act in &entry.acts {
        if let Some(kind) = KINDS.iter().find(|kind| *kind == act) {
            tally.add(kind);
        }
    }
    let Some(answered) = &entry.answered else { return };
    let many = entry.acts.contains(&"too_many");
    let limited = answered.status == 429 && !many && answered.verdict == "rate_limited";
    match answered.verdict {
        "reset_before_reading" => tally.add("reset_before_reading"),
        "poison" => tally.add("poison"),
        _ => {}
    }
    let status = format!("status {}", answered.status);
    if let Some(kind) = KINDS.iter().find(|kind| **kind == status).filter(|_| entry.acts.contains(&"status"))
    {
        tally.add(kind);
    }
    let of_script = |act: &Act| if let Act::TooMany { hint, .. } = act { Some(hint.clone()) } else { None };
    if many && answered.status == 429 {
        let hint = script.faults.iter().find_map(|fault| of_script(&fault.act));
        hint.iter().for_each(|hint| tally.add(hint_name(hint)));
    }
    if limited {
        tally.add(hint_name(&script.refusals.hint));
        for limit in &script.limits {
            tally.add(match (limit.unit, limit.shape) {
                (Unit::Concurrent, _) => "limit concurrent",
                (_, Shape::Sliding) => "limit sliding",
                (_, Shape::Bucket(_)) => "limit bucket",
                (_, Shape::Fixed) => "limit fixed",
            });
        }
    }
    if let Some(outage) = script.outages.iter().find(|outage| outage.covers(entry.at)) {
        tally.add(match outage.kind {
            OutageKind::Status => "outage status",
            OutageKind::Reset => "outage reset",
            OutageKind::Refuse => "outage refuse",
            OutageKind::Hang => "outage hang",
        });
    }
}

fn hint_name(hint: &Hint) -> &'static str {
    match hint {
        Hint::Usual => "hint usual",
        Hint::Seconds => "hint seconds",
        Hint::FractionalSeconds => "hint fractional seconds",
        Hint::Milliseconds => "hint milliseconds",
        Hint::HttpDate => "hint date",
        Hint::PastHttpDate => "hint past date",
        Hint::Negative => "hint negative",
        Hint::Infinite => "hint infinite",
        Hint::Huge => "hint huge",
        Hint::ResetGoDuration => "hint go duration",
        Hint::ResetUnix => "hint unix",
        Hint::ResetRfc3339 => "hint rfc 3339",
        Hint::MessageText => "hint in words",
        Hint::AzureText => "hint in azure's words",
        Hint::None | Hint::RetryInfo | Hint::Header(..) => "hint none",
    }
}

/// Knows what the records of a stored document must carry.
pub(crate) struct Inspector;

impl Inspector {
    pub(crate) fn of(plan: &Plan) -> Box<Inspect> {
        let vectors = plan.lanes.iter().any(|lane| lane.work != Work::Answers);
        let answers = plan.lanes.iter().position(|lane| lane.work == Work::Answers);
        let words = answers.map(|lane| plan.words(lane));
        Box::new(move |document: &Document, records: &[Record]| {
            let mut own: Vec<&Record> =
                records.iter().filter(|record| *record.key == *document.key).collect();
            own.sort_by_key(|record| record.place.as_ref().map_or(0, |place| place.ordinal));
            let came: Vec<&str> = own.iter().filter_map(|record| record.body.as_text()).collect();
            if came != document.texts {
                return Err(format!("its texts are {came:?} instead of {:?}", document.texts));
            }
            for (record, text) in own.iter().zip(&document.texts) {
                let vector = record.embedded.as_ref().is_some_and(|it| is_vector(&it.vector, text));
                if vectors && !vector {
                    return Err(format!("{text} has not its own vector"));
                }
                let answer = record.fields.get(ANSWER).and_then(serde_json::Value::as_str);
                if let Some(words) = words
                    && answer != Some(&*reply_of(hash(text), words))
                {
                    return Err(format!("{text} has not its own answer, but {answer:?}"));
                }
            }
            Ok(())
        })
    }
}
