//! The scripted provider on a port:
//! `cargo run --release -p tidegate-testkit --example provider -- crates/tidegate-testkit/examples/provider.toml 8089`.
//! A third argument names a file to which the log is appended.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's results go to the terminal")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use tidegate_testkit::provider::{Log, Script, Server};

const USAGE: &str = "usage: provider SCRIPT.toml PORT [LOG.jsonl]";

fn run() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [script, port, log @ ..] = args.as_slice() else { return Err(USAGE.to_owned()) };
    let text = std::fs::read_to_string(script).map_err(|error| format!("cannot read {script}: {error}"))?;
    let script = Script::from_toml(&text).map_err(|error| format!("{script}: {error}"))?;
    let port = port.parse().map_err(|_| format!("`{port}` is not a port\n{USAGE}"))?;
    let log = match log {
        [] => Log::default(),
        [file, ..] => {
            Log::with_file(Path::new(file)).map_err(|error| format!("cannot open {file}: {error}"))?
        }
    };
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server =
        Server::start_at(addr, script, log).map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    println!("listening on {}; press enter to stop", server.url());
    let _ = std::io::stdin().read_line(&mut String::new());
    println!("{} requests", server.log().len());
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
