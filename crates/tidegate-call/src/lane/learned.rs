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
/// How long the way back takes.
const BACK: Duration = Duration::from_secs(20);
/// For how many seconds calls are counted: services limit by the minute.
const MEMORY: usize = 60;
/// Refusals below this share are bad luck, whatever their number.
const LUCK: f64 = 0.05;
/// Fewer ends, or a shorter time, are not judged.
const ENOUGH: u32 = 100;
const LONG: Duration = Duration::from_secs(5);
/// The slowest pace ever learned, in requests a second.
const LEAST: f64 = 0.5;

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// The pace at which the refusals began: requests a second, or 1 for the whole of known limits.
    peak: f64,
    since: Instant,
}

/// What refusals taught a lane.
#[derive(Debug)]
pub(super) struct Learned {
    /// Calls sent less calls refused in each of the last seconds, by second modulo [`MEMORY`]. Not answers: when the
    /// first refusals come, the answers to what was sent before them are still on their way.
    accepted: [(u64, i32); MEMORY],
    origin: Instant,
    cut: Option<Cut>,
    /// Ends and refusals since `judged`.
    ended: u32,
    limited: u32,
    judged: Instant,
}

impl Learned {
    pub(super) fn new(now: Instant) -> Self {
        Self { accepted: [(0, 0); MEMORY], origin: now, cut: None, ended: 0, limited: 0, judged: now }
    }

    /// A call was let in.
    pub(super) fn sent(&mut self, now: Instant) {
        self.count(now, 1);
    }

    /// A call ended, well or not, but was not refused.
    pub(super) fn ended(&mut self) {
        self.ended += 1;
    }

    /// A call was told "too many"; whether such refusals go on for so long that they are not bad luck.
    pub(super) fn limited(&mut self, now: Instant) -> bool {
        self.count(now, -1);
        self.ended += 1;
        self.limited += 1;
        if self.ended < ENOUGH || now < self.judged + LONG {
            return false;
        }
        let ended = f64::from(self.ended);
        let luck = LUCK + 3.0 * (LUCK * (1.0 - LUCK) / ended).sqrt();
        let many = f64::from(self.limited) > luck * ended;
        (self.ended, self.limited, self.judged) = (0, 0, now);
        many
    }

    /// The lane was refused as a whole and rests for `wait`. At most one cut in `wait` and a round trip.
    pub(super) fn cut(&mut self, now: Instant, wait: Duration, known: bool) {
        let peak = if known { 1.0 } else { self.borne(now, wait) };
        self.cut = Some(Cut { peak, since: now + wait });
        (self.ended, self.limited, self.judged) = (0, 0, now);
    }

    /// The pace now, in the measure of the peak; `None` where nothing was learned.
    pub(super) fn pace(&mut self, now: Instant, known: bool) -> Option<f64> {
        let cut = self.cut?;
        let way = now.saturating_duration_since(cut.since).as_secs_f64() / BACK.as_secs_f64();
        if known && way >= 1.0 {
            self.cut = None;
            return None;
        }
        Some((cut.peak * (1.0 + (1.0 - CUT) * (way - 1.0).powi(3))).max(if known { 0.0 } else { LEAST }))
    }

    /// When the last cut was, and the rest after it.
    pub(super) fn cut_until(&self) -> Option<Instant> {
        self.cut.map(|cut| cut.since)
    }

    fn count(&mut self, now: Instant, by: i32) {
        let second = self.second(now);
        let slot = &mut self.accepted[(second % MEMORY as u64) as usize];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += by;
    }

    fn accepted_of_late(&self, now: Instant) -> f64 {
        let second = self.second(now);
        let late = |slot: &&(u64, i32)| slot.0 + MEMORY as u64 > second;
        self.accepted.iter().filter(late).map(|slot| f64::from(slot.1)).sum()
    }

    /// Requests a second that were accepted.
    fn borne(&self, now: Instant, wait: Duration) -> f64 {
        (PLATEAU * self.accepted_of_late(now) / self.span(now, wait)).max(LEAST)
    }

    /// The time in which they were answered, the rest that the service asks for included: a service with windows of
    /// a minute that was used up in three seconds bears a minute's worth a minute.
    fn span(&self, now: Instant, wait: Duration) -> f64 {
        let past = now.saturating_duration_since(self.origin);
        (past + wait).as_secs_f64().clamp(0.1, MEMORY as f64)
    }

    /// From one, so that an empty slot is never of this second.
    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_secs() + 1 + MEMORY as u64
    }
}
