//! Who lives how long: no child outlives its pool, its parent or its usefulness.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tidegate_core::FaultKind;
use tidegate_sandbox::{Options, Pool, Program};

use crate::kit::{ask, children_of, job, limits, misbehaving, pool, text};

async fn pid(pool: &Pool) -> u32 {
    let (parts, _) = ask(pool, job("tell-pid", limits())).await;
    parts[0].path.parse().unwrap()
}

fn is_child(pid: u32) -> bool {
    children_of(std::process::id()).contains(&pid)
}

#[tokio::test]
async fn nothing_starts_before_it_is_needed_and_a_child_is_used_again() {
    let pool = pool(1);
    assert!(pool.protection().is_none());
    let first = pid(&pool).await;
    assert_eq!(pid(&pool).await, first);
    let protection = pool.protection().unwrap();
    assert!(protection.tethered && protection.filtered);
    // A fault of the document is none of the child's.
    assert!(ask(&pool, job("bad", limits())).await.1.is_some());
    assert_eq!(pid(&pool).await, first);
    assert!(is_child(first));
    drop(pool);
    assert!(!is_child(first), "neither alive nor a zombie");
}

#[tokio::test]
async fn a_child_is_replaced_after_its_documents_and_when_it_has_grown() {
    let with = |options| Pool::new(Program::new(misbehaving(), ["parser-child"]), options);
    let pool = with(Options { children: 1, documents: 2, ..Options::default() });
    let (a, b, c) = (pid(&pool).await, pid(&pool).await, pid(&pool).await);
    assert!(a == b && b != c);
    assert!(!is_child(a));
    let pool = with(Options { children: 1, resident: 1, ..Options::default() });
    assert_ne!(pid(&pool).await, pid(&pool).await);
}

#[tokio::test]
async fn a_child_that_dies_between_documents_costs_none() {
    let pool = pool(1);
    let first = pid(&pool).await;
    let victim = rustix::process::Pid::from_raw(first.try_into().unwrap()).unwrap();
    rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
    assert_eq!(text(&pool, "unharmed").await, "unharmed");
    assert!(!is_child(first));
}

#[tokio::test]
async fn a_killed_child_is_no_zombie() {
    let pool = pool(1);
    let (parts, fault) = ask(&pool, job("tell-pid eat", limits())).await;
    assert_eq!(fault.unwrap().kind(), FaultKind::TooLarge);
    let gone: u32 = parts[0].path.parse().unwrap();
    assert_eq!(text(&pool, "next").await, "next");
    assert!(!is_child(gone));
}

#[tokio::test]
async fn who_does_not_want_the_answer_ends_the_work() {
    let pool = pool(1);
    let mut reply = pool.submit(job("tell-pid spin", limits()));
    let busy: u32 = reply.next().await.unwrap().unwrap().path.parse().unwrap();
    drop(reply);
    assert_eq!(text(&pool, "next").await, "next");
    assert!(!is_child(busy));
}

#[test]
fn a_parent_that_is_killed_leaves_no_child() {
    let mut parent = Command::new(misbehaving()).arg("parent").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let child: u32 = line.trim().parse().unwrap();
    assert!(children_of(parent.id()).contains(&child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.is_empty() || stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while !gone() {
        assert!(Instant::now() < deadline, "{child} outlived its parent");
        std::thread::yield_now();
    }
}
