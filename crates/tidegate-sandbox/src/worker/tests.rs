//! The parts that need no process: lines, windows, deadlines, and when a program is given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tidegate_core::{Fault, FaultKind};
use tokio::sync::oneshot;

use super::flight::Flight;
use super::inbox::Inbox;
use super::queue::{Job, Queue, Strike};

type Told = oneshot::Receiver<Result<(), Fault>>;

fn job() -> (Job<()>, Told) {
    let (tell, told) = oneshot::channel();
    (Job { record: Arc::from("{}"), tell, lone: false, spared: false }, told)
}

const MS: Duration = Duration::from_millis(1);

proptest! {
    #[test]
    fn lines_are_the_same_however_they_come(
        lines in proptest::collection::vec("[a-z]{1,9}", 0..20),
        cuts in proptest::collection::vec(1usize..12, 1..40),
        rest in "[a-z]{0,5}",
    ) {
        let whole: String = lines.iter().map(|line| format!("{line}\n \r\n\n")).collect::<String>() + &rest;
        let mut inbox = Inbox::default();
        let (mut found, mut left) = (Vec::new(), whole.as_bytes());
        for cut in cuts.into_iter().cycle() {
            let (now, later) = left.split_at(cut.min(left.len()));
            inbox.put(now);
            while let Some(line) = inbox.line() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            left = later;
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(found, lines);
        prop_assert_eq!(inbox.rest(), rest.as_bytes());
    }
}

#[test]
fn fast_programs_have_more_on_their_way_and_slow_ones_one() {
    let window_of = |each: Duration| {
        let mut now = Instant::now();
        let mut flight = Flight::new(now);
        assert_eq!(flight.window(), 1, "nothing is known");
        flight.push((1, 0), (), now);
        now += Duration::from_secs(20); // it started
        flight.moved(1, now);
        assert_eq!(flight.window(), 1, "the start says nothing");
        for number in 2..50 {
            flight.push((number, 0), (), now);
            now += each;
            assert!(flight.take(Some(number)).is_some());
            flight.moved(1, now);
        }
        flight.window()
    };
    assert_eq!(window_of(Duration::from_micros(20)), 256);
    assert_eq!(window_of(MS), 8);
    assert_eq!(window_of(8 * MS), 1);
    assert_eq!(window_of(Duration::from_secs(5)), 1);
}

#[test]
fn answers_are_left_to_gather_while_there_is_much_to_do() {
    let mut now = Instant::now();
    let mut flight = Flight::new(now);
    for number in 1..=200 {
        flight.push((number, 0), (), now);
    }
    assert_eq!(flight.gather(), None, "nothing is known");
    let mut rest = 200;
    for _ in 0..120 {
        now += Duration::from_micros(2);
        assert!(flight.take(None).is_some());
        flight.moved(1, now);
        rest -= 1;
        let expect = Duration::from_micros(2) * (rest / 2);
        assert_eq!(flight.gather().is_some(), rest > 64 && rest < 199, "{rest}");
        assert!(flight.gather().is_none_or(|pause| pause == expect));
    }
}

#[test]
fn a_record_has_its_time_from_when_the_program_is_at_it() {
    let start = Instant::now();
    let timeout = Duration::from_secs(30);
    let mut flight = Flight::new(start);
    assert_eq!(flight.deadline(timeout), None);
    for number in 1..=3 {
        flight.push((number, 10 * number), number, start);
    }
    assert_eq!(flight.deadline(timeout), Some(start + timeout));
    assert_eq!(flight.take(None), Some(1));
    flight.moved(1, start + 10 * MS);
    assert_eq!(flight.deadline(timeout), Some(start + 10 * MS + timeout));
    // One that is passed over by others has the time of those before it, and then it is late.
    let mut now = start;
    for number in 4..200 {
        now += Duration::from_secs(10);
        flight.push((number, 10 * number), number, now);
        assert_eq!(flight.take(Some(number)), Some(number));
        flight.moved(1, now);
    }
    assert_eq!(flight.deadline(timeout), Some(start + 2 * timeout));
    assert_eq!((flight.take(Some(4)), flight.part(21)), (None, (vec![2], vec![3])));
}

#[test]
fn what_waits_is_shared_by_all_processes() {
    let queue = Queue::<()>::new(2);
    let jobs: Vec<Told> = (0..10)
        .map(|at| {
            let (job, told) = job();
            assert_eq!(queue.submit(job).unwrap(), [Some(0), Some(1), None][at.min(2)]);
            told
        })
        .collect();
    let _bells = (queue.seat(0).unwrap(), queue.seat(1).unwrap());
    let first = queue.take(0, (64, 0));
    assert_eq!((first.jobs.len(), first.more), (5, true));
    let second = queue.take(1, (1, 0));
    assert_eq!((second.jobs.len(), second.more), (1, true));
    assert_eq!(queue.take(1, (0, 1)).jobs.len(), 0);
    queue.close();
    assert!(queue.take(0, (64, 5)).closed);
    let over = |mut told: Told| matches!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    let lost = jobs.into_iter().map(over).filter(|over| *over).count();
    assert_eq!(lost, 4, "whoever waits for what was in the queue is told");
}

#[test]
fn a_program_is_given_up_after_a_few_starts_or_many_deaths() {
    let given_up = |strikes: &[Strike], answered: bool| {
        let queue = Queue::<()>::new(1);
        if answered {
            queue.answered(1);
        }
        let broken = |count: u32| Fault::new(FaultKind::Config, format!("{count} times"));
        for (at, strike) in strikes.iter().enumerate() {
            queue.strike(*strike, broken);
            if queue.submit(job().0).is_err() {
                return Some(at + 1);
            }
        }
        None
    };
    assert_eq!(given_up(&[Strike::Unread; 9], false), Some(3));
    assert_eq!(given_up(&[Strike::Unread; 9], true), Some(3));
    assert_eq!(given_up(&[Strike::Deaf; 9], false), Some(1));
    assert_eq!(given_up(&[Strike::Deaf; 9], true), Some(3));
    assert_eq!(given_up(&[Strike::Died; 200], false), Some(10));
    assert_eq!(given_up(&[Strike::Died; 200], true), Some(100));
    assert_eq!(given_up(&[Strike::Stray; 9], true), Some(3));
    // Answers in between say that it works.
    let queue = Queue::<()>::new(1);
    for _ in 0..500 {
        queue.strike(Strike::Died, |_| Fault::new(FaultKind::Config, "x"));
        queue.answered(1);
    }
    queue.submit(job().0).unwrap();
}
