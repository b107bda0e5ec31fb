//! A parser that does what hostile files make parsers do: the tests' child. What a document says in its first word is
//! what becomes of it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "misbehaving is what it is for")]

use std::io::Write as _;
use std::ops::ControlFlow;

use tidegate_core::{Block, BlockKind, Document, Fault, FaultKind};
use tidegate_sandbox::{Listener, Part, Request, serve};

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("parser-child") => {
            let _ = serve(parse);
        }
        Some("launcher") => drop(tidegate_sandbox::launch()),
        Some("greets-wrongly") => print!("hello, world"),
        Some("never-greets") => std::thread::park(),
        Some("environment") => {
            let left: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
            eprintln!("left: {} in {:?}", left.join(","), std::env::current_dir().unwrap_or_default());
        }
        // Holds a child in the middle of a document until it is killed itself.
        Some("parent") => parent(),
        _ => eprintln!("this is a part of tests"),
    }
}

fn parent() {
    use tidegate_sandbox::{Job, Limits, Options, Pool, Program};
    let Ok(program) = Program::this(["parser-child"]) else { return };
    let pool = Pool::new(program, Options::default());
    let job = Job {
        name: "a".to_owned(),
        format: "test".to_owned(),
        settings: String::new(),
        bytes: "tell-pid spin".into(),
        limits: Limits { cpu: std::time::Duration::from_secs(600), ..Limits::default() },
    };
    let mut reply = pool.submit(job);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let first = runtime.map(|runtime| runtime.block_on(reply.next()));
    match first {
        Ok(Some(Ok(part))) => println!("{}", part.path),
        other => return println!("{other:?}"),
    }
    let _ = std::io::stdout().flush();
    std::thread::park();
}

fn parse(request: &Request<'_>, listener: &mut dyn Listener) -> Result<(), Fault> {
    let text = String::from_utf8_lossy(request.bytes).into_owned();
    let mut number = 0;
    for word in text.split_whitespace() {
        // A member, which is passed over if it was read before.
        if let Some(member) = word.strip_prefix("m:") {
            number += 1;
            if number > request.from.done {
                listener.member(number, member, &format!("member {member}"));
                if act(member, request, listener)?.is_break() {
                    return Ok(());
                }
            }
            continue;
        }
        listener.doing(&format!("word {word}"));
        if act(word, request, listener)?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn act(word: &str, request: &Request<'_>, listener: &mut dyn Listener) -> Result<ControlFlow<()>, Fault> {
    let mut say = |path: String, text: String| {
        let blocks = vec![Block { kind: BlockKind::Paragraph, span: 0..text.len() }];
        let document = Document { text, blocks, ..Document::default() };
        listener.part(Part { path, format: "test".to_owned(), result: Ok(document) })
    };
    match word {
        "settings" => return Ok(say(request.name.to_owned(), request.settings.to_owned())),
        "tell-pid" => return Ok(say(std::process::id().to_string(), "pid".to_owned())),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "wait" => loop {
            std::thread::park();
        },
        "eat" => eat(),
        "eat-at-once" => drop(std::hint::black_box(vec![1u8; 3 << 30])),
        "recurse" => drop(std::hint::black_box(recurse(1))),
        "fork" => drop(std::process::Command::new("/bin/true").spawn()),
        "thread" => drop(std::thread::Builder::new().spawn(|| ())),
        "open" => drop(std::fs::read("/etc/passwd")),
        "write-file" => drop(std::fs::write("/tidegate-sandbox-was-here", "x")),
        "connect" => drop(std::net::TcpStream::connect("127.0.0.1:9")),
        "flood" => while say(String::new(), "y".repeat(1 << 20)).is_continue() {},
        "chatter" => loop {
            listener.doing("this and that");
        },
        "garbage" => {
            println!("garbage that is no frame at all");
        }
        "half" => {
            let _ = std::io::stdout().write_all(&[5, 100, 0, 0, 0, 1, 2, 3]);
            let _ = std::io::stdout().flush();
            std::process::abort();
        }
        "outside" => {
            let block = Block { kind: BlockKind::Row, span: 2..900 };
            let document = Document { text: "äöü".to_owned(), blocks: vec![block], ..Document::default() };
            let part = Part { path: String::new(), format: String::new(), result: Ok(document) };
            return Ok(listener.part(part));
        }
        "mutter" => (0..20_000).for_each(|_| eprintln!("a library that says a great deal")),
        "abort" => std::process::abort(),
        "panic" => panic!("as planned"),
        #[expect(clippy::disallowed_methods, reason = "a parser that ends the process is what is tried here")]
        "exit" => std::process::exit(3),
        "stop" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        }
        "terminate" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
        }
        "crash" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::ILL);
        }
        "stop-the-run" => return Err(Fault::new(FaultKind::StorageBroken, "a lie")),
        "bad" => {
            return Err(Fault::new(FaultKind::Malformed, "no such thing").hint("mend it").during("reading"));
        }
        "bad-part" => {
            let result = Err(Fault::new(FaultKind::Empty, "no text"));
            return Ok(listener.part(Part { path: "b/ä.txt".to_owned(), format: "test".to_owned(), result }));
        }
        other => return Ok(say(String::new(), other.to_owned())),
    }
    Ok(ControlFlow::Continue(()))
}

fn eat() {
    let mut kept = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
}

fn recurse(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { here[0] + recurse(depth + 1) }
}
