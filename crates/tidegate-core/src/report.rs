//! The shape of a run's report: what `--json` prints and what terminal and dashboard render.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A finished run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// How it ended.
    pub state: RunState,
    /// Why, where it did not simply finish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What became of the source items. `seen` is the sum of the others.
    pub records: Records,
    /// Documents within stored items (members of archives, attachments of mails) that are in the quarantine now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parts_quarantined: u64,
    /// Chunks made.
    pub chunks: Chunks,
    /// Vectors.
    pub embedded: EmbeddedCounts,
    /// Outbound calls.
    pub calls: Calls,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Peak resident memory of the process, bytes.
    pub peak_memory_bytes: u64,
    /// Per stage, in flow order.
    pub stages: Vec<StageReport>,
    /// Per lane that was called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LaneReport>,
    /// The stage or limit that bound the run.
    pub bottleneck: String,
    /// What a plan said that it would take, beside what it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Beside>,
}

/// What a run was thought to take, and what it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// As it was thought before anything was sent.
    pub predicted: Taken,
    /// As it was.
    pub actual: Taken,
}

/// What calls take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Requests.
    pub calls: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens answered.
    pub output_tokens: u64,
    /// Money, in the currency of the price table; zero where no price is known.
    pub cost: f64,
    /// Wall time, seconds.
    pub seconds: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Every item has its outcome.
    #[default]
    Done,
    /// Stopped on request or held too long; the next run goes on.
    Stopped,
    /// Stopped before it would have spent more than it may; what was done is kept, the next run goes on.
    Budget,
    /// Aborted by a second signal; the next run goes on.
    Aborted,
    /// Could not go on.
    Failed,
}

/// Outcomes of source items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Items listed, and items found gone.
    pub seen: u64,
    /// Processed and committed.
    pub stored: u64,
    /// Already there.
    pub unchanged: u64,
    /// Put aside.
    pub quarantined: u64,
    /// Gone from the source and removed.
    pub deleted: u64,
    /// Left for the next run.
    pub pending: u64,
}

impl Records {
    /// Whether the outcomes add up to what was seen.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.seen == self.stored + self.unchanged + self.quarantined + self.deleted + self.pending
    }
}

/// Chunks of stored documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunks {
    /// Written.
    pub written: u64,
    /// Of these, with a vector that was already in the journal.
    pub reused: u64,
}

/// Vectors made or found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddedCounts {
    /// Texts embedded now.
    pub texts: u64,
    /// Texts answered from the journal.
    pub from_journal: u64,
    /// Tokens of the texts embedded now.
    pub tokens: u64,
}

/// Outbound calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// Requests sent.
    pub sent: u64,
    /// Of these, repeats.
    pub retried: u64,
    /// Answers that asked for less.
    pub rate_limited: u64,
    /// Calls given up.
    pub failed: u64,
    /// Of those sent, second tries begun because the first one took long.
    #[serde(default)]
    pub hedged: u64,
    /// Answers from the journal, which cost nothing.
    #[serde(default)]
    pub from_journal: u64,
    /// Tokens sent and answered, as the services counted them.
    #[serde(default)]
    pub tokens: u64,
    /// Money spent, in the currency of the price table.
    pub cost: f64,
}

/// What one lane did: a model of a provider under one key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LaneReport {
    /// Provider and model.
    pub name: String,
    /// Requests sent.
    pub sent: u64,
    /// Requests that may be in flight, as it was set or found out.
    pub concurrency: u32,
    /// Seconds that calls waited, by what they waited for: `requests`, `tokens`, `concurrency`, `pause`, `breaker`,
    /// `backoff`. Summed over calls, which wait side by side.
    pub waits: BTreeMap<String, f64>,
    /// What calls waited for longest, in words, such as `600 requests a minute`; empty if they hardly waited.
    pub binding: String,
    /// Models that answered, by what the answers say, where that is another than was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered_by: Vec<String>,
    /// Milliseconds from request to whole answer, on average.
    #[serde(default)]
    pub mean_ms: f64,
    /// Median milliseconds from request to whole answer.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

/// What one stage did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// Records taken in.
    #[serde(rename = "in")]
    pub taken: u64,
    /// Records handed on.
    #[serde(rename = "out")]
    pub emitted: u64,
    /// Records put aside.
    pub failed: u64,
    /// Records left out on purpose.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// Seconds its workers waited for input.
    pub wait_input_s: f64,
    /// Seconds its workers waited for room downstream.
    pub wait_output_s: f64,
    /// Seconds records waited for a limit or a held lane.
    pub wait_limit_s: f64,
    /// Seconds of work, summed over workers.
    pub work_s: f64,
    /// Median milliseconds of work per record or group.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}
