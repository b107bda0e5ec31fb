//! The pace that refusals teach: a share of known limits, or requests a second where no limit is known.
//!
//! After a cut the pace follows a cubic: quickly back towards where the refusals began, slowly past it, then faster
//! and faster. So a lane spends most of its time close to the limit and looks beyond it seldom.

use std::time::Duration;

use tokio::time::Instant;

/// What a cut leaves.
const CUT: f64 = 0.7;
/// Where no limit is known, the way back levels off at this share of what was borne: most of the time no refusals.
const PLATEAU: f64 = 0.95;
/// How long the way back takes, in seconds: the first times shorter, because little is known yet.
const BACK: [f64; 3] = [10.0, 10.0, 20.0];
/// The share of refusals that is bad luck whatever their number, and one that is not: the two sides of a sequential
/// test. It weighs every end by how much likelier the second makes it, and never owes less than nothing.
const LUCK: f64 = 0.05;
const LIMIT: f64 = 0.2;
/// The weight at which refusals are no longer luck: once in some twenty thousand bad strokes of luck.
const SURE: f64 = 10.0;
/// How fast calls fade from the recent ones, in seconds.
const FADE: f64 = 4.0;
/// A shorter rest tells nothing of a window.
const SHORT: Duration = Duration::from_secs(1);
/// In this time, in seconds, the burst of a service is most of what it gives.
const BURST: f64 = 2.0;
/// Refusals that go on are not judged sooner after a cut.
const LONG: Duration = Duration::from_secs(5);
/// One call in so many accepted is a service that is shut.
const SHUT: i64 = 5;
/// What a peak is at least of the one before it.
const LOSS: f64 = 0.5;
/// The slowest pace ever learned, in requests a second.
const LEAST: f64 = 0.5;

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// The pace at which the refusals began: requests a second, or 1 for the whole of known limits.
    peak: f64,
    since: Instant,
    /// Cuts before this one.
    before: usize,
}

/// What refusals taught a lane.
#[derive(Debug)]
pub(super) struct Learned {
    cut: Option<Cut>,
    /// Calls sent less calls refused since the last cut. Not answers: when the first refusals come, the answers to
    /// what was sent before them are still on their way.
    accepted: i64,
    /// Calls sent since then.
    sent: i64,
    since: Instant,
    /// The same, fading within [`FADE`], as of `faded`.
    recent: f64,
    faded: Instant,
    /// How much speaks against luck.
    weight: f64,
}

impl Cut {
    /// How long the way back takes, in seconds.
    fn back(&self, known: bool) -> f64 {
        BACK[if known { BACK.len() - 1 } else { self.before.min(BACK.len() - 1) }]
    }
}

impl Learned {
    pub(super) fn new(now: Instant) -> Self {
        Self { cut: None, accepted: 0, sent: 0, since: now, recent: 0.0, faded: now, weight: 0.0 }
    }

    /// A call was let in.
    pub(super) fn sent(&mut self, now: Instant) {
        self.accepted += 1;
        self.sent += 1;
        let past = now.saturating_duration_since(self.faded).as_secs_f64();
        self.recent = self.recent * (-past / FADE).exp() + 1.0;
        self.faded = self.faded.max(now);
    }

    /// A call ended, well or not, but was not refused.
    pub(super) fn ended(&mut self) {
        self.weight = (self.weight + ((1.0 - LIMIT) / (1.0 - LUCK)).ln()).max(0.0);
    }

    /// A call was told "too many"; whether such refusals go on for so long that they are not bad luck.
    pub(super) fn limited(&mut self, now: Instant) -> bool {
        if self.cut.is_some_and(|cut| now < cut.since + SHORT) {
            return false; // most of these were sent before the cut
        }
        self.accepted -= 1;
        self.recent = (self.recent - 1.0).max(0.0);
        self.weight += (LIMIT / LUCK).ln();
        self.weight >= SURE && self.cut.is_none_or(|cut| now >= cut.since + LONG)
    }

    /// The lane was refused as a whole and rests for `wait`.
    pub(super) fn cut(&mut self, now: Instant, wait: Duration, known: bool) {
        let peak = if known { 1.0 } else { self.borne(now, wait) };
        // A long rest names the window: that much is known at once.
        let before = if wait >= SHORT { BACK.len() } else { self.cut.map_or(0, |cut| cut.before + 1) };
        self.cut = Some(Cut { peak, since: now + wait, before });
        (self.accepted, self.sent, self.since, self.weight) = (0, 0, now + wait, 0.0);
    }

    /// The pace now, in the measure of the peak; `None` where nothing was learned.
    pub(super) fn pace(&mut self, now: Instant, known: bool) -> Option<f64> {
        let cut = self.cut?;
        let way = now.saturating_duration_since(cut.since).as_secs_f64() / cut.back(known);
        if known && way >= 1.0 {
            self.cut = None;
            return None;
        }
        let pace = cut.peak * (1.0 + (1.0 - CUT) * (way - 1.0).powi(3));
        Some(if known { pace } else { pace.max(LEAST) })
    }

    /// The end of the rest after the last cut.
    pub(super) fn cut_until(&self) -> Option<Instant> {
        self.cut.map(|cut| cut.since)
    }

    /// Requests a second that were accepted since the last cut. Both times the service had nothing left, so what it
    /// took in between is what it gives, or less than that if the pace was slow for most of the time: then what it
    /// took lately is nearer. The rest that it asks for counts too: a service with windows of a minute that was used
    /// up in three seconds bears a minute's worth a minute.
    fn borne(&self, now: Instant, wait: Duration) -> f64 {
        let span = (now.saturating_duration_since(self.since) + wait).as_secs_f64().max(0.1);
        // What a lane sends first is mostly a burst that the service had saved up.
        let burst = if self.cut.is_none() && span < BURST { 0.5 } else { 1.0 };
        let mean = burst * self.accepted.max(0) as f64 / span;
        let lately = if self.cut.is_some() && wait < SHORT { self.recent / FADE } else { 0.0 };
        let found = (PLATEAU * mean.max(lately)).max(LEAST);
        match self.cut {
            // Nearly everything was refused: that is a service that is shut, and says nothing of its pace.
            Some(cut) if self.sent >= SHUT && self.accepted * SHUT < self.sent => cut.peak,
            Some(cut) => found.max(cut.peak * LOSS),
            None => found,
        }
    }
}
