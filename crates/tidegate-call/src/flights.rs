//! Single-flight: what several ask for at the same time is asked once.
//!
//! Who asks first leads: it sends, and lands the flight with what came. The others wait for that. A leader that goes
//! away without landing leaves the flight to whoever of the waiters looks next, so nobody hangs on it. Waiters are
//! not woken one by one in a queue of successors: a successor that is busy elsewhere would then hold up the rest.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tidegate_core::{ContentHash, Fault};
use tokio::sync::Notify;

use crate::lane::Priority;
use crate::mutant::planted;

/// What a flight is known by. Interactive and bulk calls fly apart: a person must not wait out an outage because a
/// run asked first.
type Key = (ContentHash, Priority);

/// How a flight ended.
#[derive(Debug, Clone)]
pub(crate) enum Landing<A> {
    /// The item has its answer, or its own fault.
    Item(Result<A, Fault>),
    /// The lane, or the storage, failed; no item is to blame.
    Lane(Fault),
}

enum State<A> {
    Flying,
    /// The leader went away; the next waiter who looks leads.
    Adrift,
    Landed(Landing<A>),
}

struct Flight<A> {
    state: Mutex<State<A>>,
    changed: Notify,
}

/// What is being asked just now.
pub(crate) struct Flights<A> {
    aloft: Mutex<FxHashMap<Key, Arc<Flight<A>>>>,
}

impl<A> Default for Flights<A> {
    fn default() -> Self {
        Self { aloft: Mutex::default() }
    }
}

/// A place in a flight.
pub(crate) enum Seat<A: Clone> {
    /// This one sends.
    Lead(Lead<A>),
    /// Another one sends.
    Wait(Wait<A>),
}

/// A seat of either kind, which leaves no trace in the map when it is dropped.
struct Aboard<A> {
    flights: Arc<Flights<A>>,
    key: Key,
    /// `None` only while it is dropped: its share in the flight ends under the lock, or two who leave together
    /// would each think that the other stays.
    flight: Option<Arc<Flight<A>>>,
}

impl<A> Aboard<A> {
    fn flight(&self) -> &Arc<Flight<A>> {
        self.flight.as_ref().expect("a seat has its flight until it is dropped")
    }
}

/// The duty to land a flight.
pub(crate) struct Lead<A>(Aboard<A>);

/// A wait for a flight to land.
pub(crate) struct Wait<A>(Aboard<A>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both locks guard single assignments: nothing can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A: Clone> Flights<A> {
    /// A seat in the flight for `key`.
    pub(crate) fn board(self: &Arc<Self>, key: ContentHash, priority: Priority) -> Seat<A> {
        let key = (key, priority);
        let mut aloft = locked(&self.aloft);
        match aloft.entry(key) {
            Entry::Vacant(free) => {
                let flight = Arc::new(Flight { state: Mutex::new(State::Flying), changed: Notify::new() });
                free.insert(Arc::clone(&flight));
                Seat::Lead(Lead(Aboard { flights: Arc::clone(self), key, flight: Some(flight) }))
            }
            Entry::Occupied(taken) => {
                let flight = Arc::clone(taken.get());
                Seat::Wait(Wait(Aboard { flights: Arc::clone(self), key, flight: Some(flight) }))
            }
        }
    }

    /// How many flights there are.
    pub(crate) fn aloft(&self) -> usize {
        locked(&self.aloft).len()
    }
}

impl<A> Lead<A> {
    /// What is asked.
    pub(crate) fn key(&self) -> ContentHash {
        self.0.key.0
    }

    /// Ends the flight: everybody who waits gets `landing`.
    pub(crate) fn land(self, landing: Landing<A>) {
        let flight = self.0.flight();
        locked(&self.0.flights.aloft).remove(&self.0.key);
        *locked(&flight.state) = State::Landed(landing);
        flight.changed.notify_waiters();
    }
}

impl<A> Drop for Lead<A> {
    fn drop(&mut self) {
        if planted("waiters are left behind") {
            return;
        }
        let flight = self.0.flight();
        let mut state = locked(&flight.state);
        if matches!(*state, State::Flying) {
            *state = State::Adrift;
            drop(state);
            flight.changed.notify_waiters();
        }
    }
}

impl<A> Drop for Aboard<A> {
    fn drop(&mut self) {
        let mut aloft = locked(&self.flights.aloft);
        let Some(flight) = self.flight.take() else { return };
        // Seats are only made under this lock, so two owners are this seat and the map: nobody is left.
        let mine = aloft.get(&self.key).is_some_and(|it| Arc::ptr_eq(it, &flight));
        if mine && Arc::strong_count(&flight) == 2 {
            aloft.remove(&self.key);
        }
        drop(flight);
    }
}

/// What a waiter sees.
pub(crate) enum Seen<A> {
    /// The flight goes on.
    Flying(Wait<A>),
    /// It ended so.
    Landed(Landing<A>),
    /// Its leader went away, and this waiter leads now.
    Lead(Lead<A>),
}

impl<A: Clone> Wait<A> {
    /// How the flight stands, taking over the lead if nobody has it.
    pub(crate) fn look(self) -> Seen<A> {
        let mut state = locked(&self.0.flight().state);
        match &*state {
            State::Flying => {}
            State::Landed(landing) => return Seen::Landed(landing.clone()),
            State::Adrift => {
                *state = State::Flying;
                drop(state);
                return Seen::Lead(Lead(self.0));
            }
        }
        drop(state);
        Seen::Flying(self)
    }

    /// Waits until the flight is no longer flying: [`Self::look`] then says what became of it, unless another waiter
    /// takes over first.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn changed(&self) {
        let flight = self.0.flight();
        let mut changed = std::pin::pin!(flight.changed.notified());
        changed.as_mut().enable(); // or a change between the look and the wait would be missed
        if matches!(*locked(&flight.state), State::Flying) {
            changed.await;
        }
    }

    /// Waits for the landing, or takes over the lead. To be awaited once.
    #[cfg(test)]
    async fn landing(mut self) -> Result<Landing<A>, Lead<A>> {
        loop {
            self.changed().await;
            match self.look() {
                Seen::Flying(wait) => self = wait,
                Seen::Landed(landing) => return Ok(landing),
                Seen::Lead(lead) => return Err(lead),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tidegate_core::FaultKind;

    use super::*;

    fn board(flights: &Arc<Flights<u32>>) -> Seat<u32> {
        flights.board(ContentHash::of(b"k"), Priority::Bulk)
    }

    fn lead(seat: Seat<u32>) -> Lead<u32> {
        match seat {
            Seat::Lead(lead) => lead,
            Seat::Wait(_) => panic!("somebody leads already"),
        }
    }

    fn wait(seat: Seat<u32>) -> Wait<u32> {
        match seat {
            Seat::Wait(wait) => wait,
            Seat::Lead(_) => panic!("nobody leads"),
        }
    }

    #[tokio::test]
    async fn who_waits_gets_what_landed() {
        let flights = Arc::default();
        let leader = lead(board(&flights));
        let early = wait(board(&flights));
        let late = wait(board(&flights));
        let mut early = Box::pin(early.landing());
        assert!((&mut early).now_or_never().is_none());
        leader.land(Landing::Item(Ok(7)));
        assert!(matches!(early.await, Ok(Landing::Item(Ok(7)))));
        assert!(matches!(late.landing().await, Ok(Landing::Item(Ok(7)))));
        assert_eq!(flights.aloft(), 0);
    }

    #[tokio::test]
    async fn a_fault_of_the_lane_is_shared() {
        let flights = Arc::default();
        let leader = lead(board(&flights));
        let waiter = wait(board(&flights));
        leader.land(Landing::Lane(Fault::new(FaultKind::Unavailable, "down")));
        assert!(matches!(waiter.landing().await, Ok(Landing::Lane(_))));
    }

    #[tokio::test]
    async fn a_flight_without_leader_goes_to_one_waiter() {
        let flights = Arc::default();
        let leader = lead(board(&flights));
        let mut first = Box::pin(wait(board(&flights)).landing());
        let mut second = Box::pin(wait(board(&flights)).landing());
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(leader);
        let successor = second.await.expect_err("the lead is free");
        assert!((&mut first).now_or_never().is_none(), "only one leads");
        successor.land(Landing::Item(Ok(1)));
        assert!(matches!(first.await, Ok(Landing::Item(Ok(1)))));
        assert_eq!(flights.aloft(), 0);
    }

    #[tokio::test]
    async fn nothing_is_left_whoever_goes_first() {
        for order in 0..3 {
            let flights = Arc::default();
            let leader = lead(board(&flights));
            let waiter = wait(board(&flights));
            match order {
                0 => drop((leader, waiter)),
                1 => drop((waiter, leader)),
                _ => {
                    drop(leader);
                    drop(waiter.landing().await.expect_err("the lead is free"));
                }
            }
            assert_eq!(flights.aloft(), 0);
            lead(board(&flights));
        }
    }

    #[test]
    fn a_person_does_not_wait_for_a_run() {
        let flights: Arc<Flights<u32>> = Arc::default();
        let run = lead(board(&flights));
        let person = lead(flights.board(ContentHash::of(b"k"), Priority::Interactive));
        assert_eq!(flights.aloft(), 2);
        drop((run, person));
        assert_eq!(flights.aloft(), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_order_of_coming_and_going_leaves_nothing(steps in proptest::collection::vec(0_u8..5, 1..60)) {
            let flights: Arc<Flights<u32>> = Arc::default();
            let mut leads = Vec::new();
            let mut waits = Vec::new();
            for step in steps {
                match step {
                    0 | 1 => match board(&flights) {
                        Seat::Lead(lead) => leads.push(lead),
                        Seat::Wait(wait) => waits.push(Box::pin(wait.landing())),
                    },
                    2 => drop(leads.pop()),
                    3 => drop(waits.pop()),
                    _ => if let Some(lead) = leads.pop() { lead.land(Landing::Item(Ok(1))) },
                }
                let mut at = 0;
                while at < waits.len() {
                    match waits[at].as_mut().now_or_never() {
                        None => { at += 1; }
                        Some(ended) => {
                            drop(waits.swap_remove(at));
                            if let Err(lead) = ended { leads.push(lead); }
                        }
                    }
                }
                proptest::prop_assert!(leads.len() <= 1);
                proptest::prop_assert!(waits.is_empty() || leads.len() == 1, "nobody waits for nobody");
            }
            drop(waits);
            drop(leads);
            proptest::prop_assert_eq!(flights.aloft(), 0);
        }
    }
}
