//! Programs that parse instead: real ones, good and bad.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use tidegate_core::{Fault, FaultKind};
use tidegate_sandbox::{Limits, Program, ToolJob, Tools, find_tool};

use crate::kit::{limits, misbehaving};

fn tools() -> Tools {
    Tools::new(Program::new(misbehaving(), ["launcher"]), 2)
}

fn job(name: &str, arguments: &[&str], bytes: &[u8]) -> ToolJob {
    let program = find_tool(name, std::env::var_os("PATH")).unwrap_or_else(|| panic!("there is no {name}"));
    ToolJob {
        program,
        arguments: arguments.iter().map(OsString::from).collect(),
        bytes: bytes.to_vec().into(),
        extension: "txt".to_owned(),
        limits: limits(),
    }
}

fn sh(script: &str) -> ToolJob {
    job("sh", &["-c", script], b"")
}

async fn fault(job: ToolJob) -> Fault {
    tools().run(job).await.map(|out| String::from_utf8_lossy(&out).into_owned()).unwrap_err()
}

#[tokio::test]
async fn a_document_goes_through_standard_input_or_a_file() {
    let long = b"granite ".repeat(100_000);
    assert_eq!(tools().run(job("cat", &[], &long)).await.unwrap(), long);
    assert_eq!(tools().run(job("cat", &["{file}"], &long)).await.unwrap(), long);
    assert_eq!(tools().run(job("cat", &[], b"")).await.unwrap(), b"");
    let name = tools().run(job("sh", &["-c", "echo \"$1\"; pwd", "sh", "{file}"], b"")).await.unwrap();
    let name = String::from_utf8(name).unwrap();
    let (path, folder) = name.trim().split_once('\n').unwrap();
    assert_eq!(path, format!("{folder}/document.txt"));
    assert!(!std::path::Path::new(folder).exists(), "the folder is gone when the run is over");
    // One that reads nothing, or half, has not failed for that.
    assert_eq!(tools().run(job("head", &["-c", "7"], &long)).await.unwrap(), b"granite");
    assert_eq!(tools().run(job("echo", &["$HOME; `id`"], &long)).await.unwrap(), b"$HOME; `id`\n");
}

#[tokio::test]
async fn nothing_of_the_environment_goes_along_that_is_not_needed() {
    let out = tools().run(job("env", &[], b"")).await.unwrap();
    let out = String::from_utf8(out).unwrap();
    let known = [
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "TESSDATA_PREFIX",
        "SSL_CERT_FILE",
    ];
    for line in out.lines() {
        let name = line.split('=').next().unwrap();
        assert!(known.contains(&name), "{line}");
    }
}

#[tokio::test]
async fn what_a_program_says_last_is_in_the_fault() {
    let failed = fault(sh("echo first >&2; echo 'page 3 is no page' >&2; echo >&2; exit 4")).await;
    assert_eq!(failed.kind(), FaultKind::Malformed);
    let said = failed.chain().join(": ");
    assert!(said.contains("sh failed (exit status: 4)") && said.contains("page 3 is no page"), "{said}");
    let killed = fault(sh("kill -SEGV $$")).await;
    assert!(killed.to_string().contains("signal 11"), "{killed}");
    let mut missing = sh("");
    missing.program = "/no/such/program".into();
    let missing = fault(missing).await;
    assert_eq!(missing.kind(), FaultKind::Config);
    assert!(missing.to_string().contains("cannot be started"), "{missing}");
    assert_eq!(find_tool("no-such-program", std::env::var_os("PATH")), None);
    assert_eq!(find_tool("/etc/passwd", None), None);
}

/// Nothing with these words in its command is there any more.
fn gone(words: &str) {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        assert!(!command.contains(words), "{command}");
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_all_that_it_started() {
    let hurried = Limits { wall: Duration::from_millis(400), ..limits() };
    let started = Instant::now();
    let script = "sleep 7301 & (sleep 7301 & sleep 7301) & echo half; sleep 7301";
    let late = fault(ToolJob { limits: hurried, ..sh(script) }).await;
    assert_eq!(late.kind(), FaultKind::TooSlow);
    assert!(late.to_string().contains("sh took longer than 400 ms"), "{late}");
    assert!(started.elapsed() < Duration::from_secs(20));
    gone("sleep 7301");
    // One that ends and leaves others behind has ended, and so have they.
    let left = tools().run(sh("sleep 7302 & echo done")).await.unwrap();
    assert_eq!(left, b"done\n");
    gone("sleep 7302");
}

#[tokio::test]
async fn nobody_waiting_ends_it_too() {
    let tools = tools();
    tokio::select! {
        biased;
        out = tools.run(sh("sleep 7303")) => panic!("{out:?}"),
        () = tokio::task::yield_now() => {}
    }
    gone("sleep 7303");
}

#[tokio::test]
async fn output_memory_processes_and_processor_time_have_an_end() {
    let endless = fault(job("sh", &["-c", "cat /dev/zero"], b"")).await;
    assert_eq!(endless.kind(), FaultKind::TooLarge);
    assert!(endless.to_string().contains("sh wrote more than 4 MiB"), "{endless}");
    let muttering = fault(sh("yes more and more | head -c 3000000 >&2; exit 3")).await;
    assert!(muttering.chain().join(": ").contains("more and"), "{muttering}");
    // As many as a bomb would make before it is looked at, and no more: for root nothing else bounds them.
    let many = "i=0; while [ $i -lt 400 ]; do sleep 7304 & i=$((i + 1)); done; wait";
    let many = fault(sh(many)).await;
    assert_eq!(many.kind(), FaultKind::TooLarge, "{many}");
    gone("sleep 7304");
    let busy = Limits { cpu: Duration::from_secs(1), ..limits() };
    let busy = fault(ToolJob { limits: busy, ..sh("while :; do :; done") }).await;
    assert_eq!(busy.kind(), FaultKind::TooSlow);
    assert!(busy.to_string().contains("on the processor"), "{busy}");
    let files = fault(sh("head -c 200000000 /dev/zero > big")).await;
    assert!([FaultKind::Malformed, FaultKind::Panic].contains(&files.kind()), "{files}");
}
