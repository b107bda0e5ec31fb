//! Programs that are no parsers, and what a child is started with.

use std::time::Duration;

use tidegate_core::FaultKind;
use tidegate_sandbox::{Options, Pool, Program};

use crate::kit::{ask, job, limits, misbehaving};

fn running(program: Program) -> Pool {
    Pool::new(program, Options { children: 1, start: Duration::from_millis(500), ..Options::default() })
}

#[tokio::test]
async fn a_program_that_is_none_is_said_so() {
    let check = async |program: Program, kind: FaultKind, expect: &str| {
        let pool = running(program);
        let (_, fault) = ask(&pool, job("x", limits())).await;
        let fault = fault.unwrap();
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(fault.to_string().contains(expect), "{fault}");
        assert_eq!(pool.probe().unwrap_err().to_string(), fault.to_string());
    };
    let none: [&str; 0] = [];
    check(Program::new("/no/such/program", none), FaultKind::Config, "cannot be started").await;
    check(Program::new("/bin/true", none), FaultKind::Config, "ended before it was asked anything").await;
    let with = |word: &str| Program::new(misbehaving(), [word]);
    check(with("greets-wrongly"), FaultKind::Config, "answered something that is no frame").await;
    check(with("never-greets"), FaultKind::Unavailable, "does not come up").await;
}

#[tokio::test]
async fn nothing_of_the_environment_goes_along() {
    assert!(std::env::var("PATH").is_ok(), "there is something to keep from the child");
    let pool = running(Program::new(misbehaving(), ["environment"]));
    let fault = pool.probe().unwrap_err().to_string();
    assert!(fault.contains("left: TIDEGATE_PARSER_OF in \"/\""), "{fault}");
}

#[test]
fn a_parser_without_a_parent_does_not_serve() {
    let ended = std::process::Command::new(misbehaving()).arg("parser-child").output().unwrap();
    assert!(ended.stdout.is_empty());
}
