//! What becomes of the rest of a file whose child died: whom to blame, and where to go on.

use std::time::{Duration, Instant};

use tidegate_core::{Fault, FaultKind};

use super::exchange::{At, Loss};
use crate::limits::Limits;
use crate::part::{Part, Resume};

/// Children that one file may kill.
const MOST_DEATHS: u32 = 16;
/// How often the time that a file has may be spent on it altogether, before it is given up.
const MOST_TIME: u32 = 4;

/// How far a file was read, over all of its children.
pub(super) struct Onward {
    pub(super) from: Resume,
    deaths: u32,
    /// Members that were left out.
    blamed: u32,
    limits: Limits,
    began: Instant,
}

impl Onward {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { from: Resume::default(), deaths: 0, blamed: 0, limits, began: now }
    }

    /// Takes note of a death. The part of the member that is to blame, if one is; another child can go on.
    ///
    /// # Errors
    /// Why nothing more is read of the file.
    pub(super) fn after(&mut self, loss: Loss, now: Instant) -> Result<Option<Part>, Fault> {
        let Some(at) = loss.at else { return Err(self.given_up(loss.fault)) };
        self.deaths += 1;
        let spent = now.saturating_duration_since(self.began);
        if self.deaths > MOST_DEATHS || spent > self.limits.wall * MOST_TIME {
            return Err(self.given_up(loss.fault));
        }
        let before = (self.from.done, self.from.after);
        self.from.output += loss.output;
        if at.handed {
            // It was read: what came after it is to blame, and nobody knows what that is.
            (self.from.done, self.from.after) = (at.number, true);
        } else if self.is_to_blame(&at, &loss.fault, now) {
            (self.from.done, self.from.after) = (at.number, false);
            self.from.lost.push(at.number);
            self.blamed += 1;
            return Ok(Some(Part { path: at.path, format: "unknown".to_owned(), result: Err(loss.fault) }));
        } else {
            // A child may die of all it read before. This member is the first that the next one reads.
            (self.from.done, self.from.after) = (at.number - 1, true);
        }
        if (self.from.done, self.from.after) == before { Err(self.given_up(loss.fault)) } else { Ok(None) }
    }

    /// Whether a member killed its child, rather than all members together.
    fn is_to_blame(&self, at: &At, fault: &Fault, now: Instant) -> bool {
        let taken = now.saturating_duration_since(at.began);
        let half: Duration = self.limits.wall.min(self.limits.cpu) / 2;
        at.first || (fault.kind() == FaultKind::TooSlow && taken >= half)
    }

    fn given_up(&self, fault: Fault) -> Fault {
        match self.blamed {
            0 => fault,
            1 => fault.during("after one that ended its parser"),
            more => fault.during(format!("after {more} that ended their parsers")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(kind: FaultKind, at: Option<At>) -> Loss {
        Loss { fault: Fault::new(kind, "it died"), at, output: 10 }
    }

    fn at(number: u64, (first, handed): (bool, bool), began: Instant) -> Option<At> {
        Some(At { number, path: format!("m{number}"), began, first, handed })
    }

    fn start() -> (Onward, Instant) {
        let now = Instant::now();
        let limits =
            Limits { wall: Duration::from_secs(60), cpu: Duration::from_secs(30), ..Limits::default() };
        (Onward::new(limits, now), now)
    }

    fn place(onward: &Onward) -> (u64, bool, &[u64]) {
        (onward.from.done, onward.from.after, &onward.from.lost)
    }

    #[test]
    fn a_member_is_blamed_once_it_killed_a_child_of_its_own() {
        let (mut onward, now) = start();
        assert!(onward.after(loss(FaultKind::TooLarge, at(5, (false, false), now)), now).unwrap().is_none());
        assert_eq!(place(&onward), (4, true, &[][..]));
        let part = onward.after(loss(FaultKind::TooLarge, at(5, (true, false), now)), now).unwrap().unwrap();
        assert_eq!((part.path.as_str(), part.result.unwrap_err().kind()), ("m5", FaultKind::TooLarge));
        assert_eq!(place(&onward), (5, false, &[5][..]));
        // What was read is not to blame for what follows it.
        assert!(onward.after(loss(FaultKind::Panic, at(9, (true, true), now)), now).unwrap().is_none());
        assert_eq!((place(&onward), onward.from.output), ((9, true, &[5][..]), 30));
    }

    #[test]
    fn who_took_most_of_the_time_is_to_blame_for_it() {
        let (mut onward, now) = start();
        let late = now + Duration::from_secs(60);
        let slow = |began| loss(FaultKind::TooSlow, at(7, (false, false), began));
        assert!(onward.after(slow(late - Duration::from_secs(2)), late).unwrap().is_none());
        assert!(onward.after(slow(late - Duration::from_secs(20)), late).unwrap().is_some());
    }

    #[test]
    fn it_ends() {
        let (mut onward, now) = start();
        assert!(onward.after(loss(FaultKind::Panic, None), now).is_err());
        for number in 1..=u64::from(MOST_DEATHS) {
            onward.after(loss(FaultKind::Panic, at(number, (true, false), now)), now).unwrap();
        }
        let fault = onward.after(loss(FaultKind::Panic, at(99, (true, false), now)), now).unwrap_err();
        assert_eq!(fault.to_string(), "after 16 that ended their parsers: it died");
        let (mut onward, now) = start();
        let later = now + Duration::from_secs(241);
        assert!(onward.after(loss(FaultKind::Panic, at(1, (true, false), later)), later).is_err());
        // Nor does it go on from where it stands.
        let (mut onward, now) = start();
        let again = || loss(FaultKind::Panic, at(3, (true, true), now));
        assert!(onward.after(again(), now).unwrap().is_none());
        assert!(onward.after(again(), now).is_err());
    }
}
