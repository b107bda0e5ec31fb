//! Each misdeed costs one document, for a reason that is true, and the next is fine.

use std::time::{Duration, Instant};

use tidegate_core::FaultKind;
use tidegate_sandbox::Limits;

use crate::kit::{ask, job, limits, pool, text};

/// One document after another through one pool: `words` is killed for `expect`, then a good one is parsed.
async fn check(words: &str, limits: Limits, (kind, expect): (FaultKind, &str)) {
    let pool = pool(1);
    assert_eq!(text(&pool, "before").await, "before");
    let (_, fault) = ask(&pool, job(words, limits)).await;
    let fault = fault.unwrap_or_else(|| panic!("{words} went well"));
    assert_eq!(fault.to_string(), expect, "{words}");
    assert_eq!(fault.kind(), kind, "{words}");
    assert_eq!(text(&pool, "after").await, "after", "{words}");
}

fn short() -> Limits {
    Limits { wall: Duration::from_millis(400), ..limits() }
}

#[tokio::test]
async fn a_child_that_hangs_is_killed() {
    let late = |doing: &str| format!("parsing test: took longer than 400 ms at word {doing}");
    check("ok spin", short(), (FaultKind::TooSlow, &late("spin"))).await;
    check("wait", short(), (FaultKind::TooSlow, &late("wait"))).await;
    check("stop", short(), (FaultKind::TooSlow, &late("stop"))).await;
}

#[tokio::test]
async fn a_child_that_works_too_long_is_ended_by_the_kernel() {
    let limits = Limits { cpu: Duration::from_secs(1), ..limits() };
    let expect = "parsing test: took longer than 1 s on the processor at word spin";
    check("spin", limits, (FaultKind::TooSlow, expect)).await;
}

#[tokio::test]
async fn a_child_that_eats_memory_ends() {
    for words in ["eat", "eat-at-once"] {
        let expect = format!("parsing test: out of memory at word {words} (limit 64 MiB)");
        check(words, limits(), (FaultKind::TooLarge, &expect)).await;
    }
}

#[tokio::test]
async fn a_stack_that_overflows_is_a_document_nested_too_deep() {
    let expect = "parsing test: out of stack, so deeply is it nested at word recurse";
    check("recurse", limits(), (FaultKind::TooDeep, expect)).await;
}

#[tokio::test]
async fn what_no_parser_may_do_ends_it() {
    for words in ["fork", "thread", "open", "write-file", "connect"] {
        let expect = format!(
            "parsing test: the parser tried what no parser may (files, network, other programs) and was killed at \
             word {words}"
        );
        check(words, limits(), (FaultKind::Forbidden, &expect)).await;
    }
    assert!(!std::path::Path::new("/tidegate-sandbox-was-here").exists());
}

#[tokio::test]
async fn answers_that_make_no_sense_end_it() {
    let answered = |what: &str, at: &str| format!("parsing test: the parser answered {what} at word {at}");
    let check = async |words: &str, what: &str| {
        check(words, limits(), (FaultKind::Panic, &answered(what, words))).await;
    };
    check("garbage", "something that is no frame").await;
    check("flood", "more than it may: text of 4 MiB is the most").await;
    check("outside", "a block outside of its text").await;
}

#[tokio::test]
async fn a_child_that_never_stops_talking_is_ended() {
    let pool = pool(1);
    let (_, fault) = ask(&pool, job("chatter", limits())).await;
    let fault = fault.unwrap().to_string();
    assert_eq!(
        fault,
        "parsing test: the parser answered more than it may: text of 4 MiB is the most at this and that"
    );
    assert_eq!(text(&pool, "after").await, "after");
}

#[tokio::test]
async fn a_child_that_ends_is_replaced() {
    let gone = |what: &str, at: &str| format!("parsing test: {what} at word {at}");
    let check = async |words: &str, kind: FaultKind, what: &str| {
        check(words, limits(), (kind, &gone(what, words))).await;
    };
    check("abort", FaultKind::Panic, "the parser gave up (it aborted)").await;
    check("half", FaultKind::Panic, "the parser gave up (it aborted)").await;
    check("exit", FaultKind::Panic, "the parser ended in the middle (exit status: 3)").await;
    check("crash", FaultKind::Panic, "the parser crashed: an illegal instruction").await;
    check("terminate", FaultKind::Changing, "the parser was asked to end from outside").await;
}

#[tokio::test]
async fn a_panic_is_told_in_its_own_words() {
    let expect = "parsing test: word panic: as planned";
    check("panic", limits(), (FaultKind::Panic, expect)).await;
}

#[tokio::test]
async fn a_child_can_only_blame_its_document() {
    check("stop-the-run", limits(), (FaultKind::Malformed, "a lie")).await;
    check("bad", limits(), (FaultKind::Malformed, "reading: no such thing")).await;
}

#[tokio::test]
async fn what_came_before_a_fault_was_whole() {
    let pool = pool(1);
    let (parts, fault) = ask(&pool, job("one bad-part two abort three", limits())).await;
    let shown: Vec<_> = parts.iter().map(|part| (part.path.as_str(), part.result.is_ok())).collect();
    assert_eq!(shown, [("", true), ("b/ä.txt", false), ("", true)]);
    assert!(fault.is_some());
}

#[tokio::test]
async fn standard_error_is_drained_and_forgotten() {
    let pool = pool(1);
    assert_eq!(text(&pool, "mutter done").await, "done");
    let (_, fault) = ask(&pool, job("mutter eat", limits())).await;
    assert_eq!(fault.unwrap().kind(), FaultKind::TooLarge);
}

#[tokio::test]
async fn a_document_larger_than_a_pipe_arrives() {
    let pool = pool(2);
    let words = format!("settings {}", " ".repeat(8 << 20));
    assert_eq!(text(&pool, &words).await, "{}");
}

#[tokio::test]
async fn a_hang_holds_nobody_else_up() {
    let pool = pool(2);
    let started = Instant::now();
    let hangs = pool.submit(job("wait", limits()));
    for _ in 0..5 {
        assert_eq!(text(&pool, "quick").await, "quick");
    }
    drop(hangs);
    drop(pool);
    assert!(started.elapsed() < Duration::from_secs(20), "nobody waited for the one that hangs");
}

/// What was said of each part, and of the whole.
async fn members(words: &str, limits: Limits) -> (Vec<String>, Option<String>) {
    let (parts, fault) = ask(&pool(1), job(words, limits)).await;
    let said = |part: &tidegate_sandbox::Part| match &part.result {
        Ok(document) => document.text.clone(),
        Err(fault) => format!("{}: {fault}", part.path),
    };
    (parts.iter().map(said).collect(), fault.map(|fault| fault.to_string()))
}

#[tokio::test]
async fn what_follows_a_member_that_killed_its_child_is_read() {
    let (said, fault) = members("m:one m:abort m:two m:eat m:crash m:three", limits()).await;
    let aborted = "abort: parsing test: the parser gave up (it aborted) at member abort";
    let ate = "eat: parsing test: out of memory at member eat (limit 64 MiB)";
    let crashed = "crash: parsing test: the parser crashed: an illegal instruction at member crash";
    assert_eq!(said, ["one", aborted, "two", ate, crashed, "three"]);
    assert_eq!(fault, None);
    let (said, fault) = members("m:one m:spin m:two", short()).await;
    assert_eq!(said, ["one", "spin: parsing test: took longer than 400 ms at member spin", "two"]);
    assert_eq!(fault, None);
    let (said, _) = members("m:one m:panic m:two", limits()).await;
    assert_eq!((said.len(), said[2].as_str()), (3, "two"), "{said:?}");
}

#[tokio::test]
async fn a_file_kills_only_so_many_children() {
    let (said, fault) = members(&"m:abort ".repeat(100), limits()).await;
    assert_eq!(said.len(), 16);
    let last =
        "after 16 that ended their parsers: parsing test: the parser gave up (it aborted) at member abort";
    assert_eq!(fault.as_deref(), Some(last));
    // Who answers nonsense is not believed about where it was.
    let (said, fault) = members("m:one m:garbage m:two", limits()).await;
    assert_eq!((said.len(), fault.is_some()), (1, true));
}
