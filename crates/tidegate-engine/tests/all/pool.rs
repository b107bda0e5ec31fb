//! The compute pool, on real threads.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier};

use tidegate_core::Compute;
use tidegate_engine::Pool;

#[test]
fn the_most_urgent_job_runs_first_and_equals_in_order() {
    let pool = Pool::new(1).unwrap();
    let (gate, (send, receive)) = (Arc::new(Barrier::new(2)), sync_channel(16));
    let waiting = gate.clone();
    pool.submit(
        0,
        Box::new(move || {
            waiting.wait();
        }),
    );
    for (urgency, name) in [(5, "e"), (1, "a"), (3, "c"), (1, "b"), (3, "d")] {
        let send = send.clone();
        pool.submit(urgency, Box::new(move || send.send(name).unwrap()));
    }
    gate.wait();
    drop(send);
    assert_eq!(receive.iter().collect::<String>(), "abcde");
}

#[test]
fn a_panic_costs_its_job_and_no_thread() {
    let pool = Pool::new(1).unwrap();
    let (send, receive) = sync_channel(1);
    pool.submit(0, Box::new(|| std::panic::resume_unwind(Box::new("planned"))));
    pool.submit(0, Box::new(move || send.send(7).unwrap()));
    assert_eq!(receive.recv(), Ok(7));
}

#[test]
fn dropping_the_pool_drops_what_waits() {
    let pool = Pool::new(1).unwrap();
    let ((began, begun), gate) = (sync_channel(1), Arc::new(Barrier::new(2)));
    let (send, receive) = sync_channel::<()>(1);
    let waiting = gate.clone();
    pool.submit(
        0,
        Box::new(move || {
            began.send(()).unwrap();
            waiting.wait();
        }),
    );
    begun.recv().unwrap();
    pool.submit(1, Box::new(move || drop(send)));
    let opener = std::thread::spawn(move || {
        gate.wait();
    });
    drop(pool);
    opener.join().unwrap();
    assert!(receive.recv().is_err(), "the job that waited is gone, and what it held with it");
}

#[test]
fn a_pool_may_be_dropped_by_its_own_job() {
    let pool = Arc::new(Pool::new(2).unwrap());
    let (send, receive) = sync_channel(1);
    let (own, gate) = (pool.clone(), Arc::new(Barrier::new(2)));
    let waiting = gate.clone();
    pool.submit(
        0,
        Box::new(move || {
            waiting.wait();
            drop(own);
            send.send(()).unwrap();
        }),
    );
    drop(pool);
    gate.wait();
    assert_eq!(receive.recv(), Ok(()));
}
