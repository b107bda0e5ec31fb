//! `tidegate mock-provider`.

use std::net::{Ipv4Addr, SocketAddr};

use tidegate_core::{Fault, FaultKind};
use tidegate_observe::count;
use tidegate_testkit::provider::{Log, Script, Server};

use crate::args::MockProviderArgs;
use crate::exit::Exit;
use crate::out::Out;
use crate::running::{self, Signals};
use crate::terminal::Terminal;

/// Plays a provider of models on this machine until it is interrupted.
pub fn run(args: &MockProviderArgs, terminal: &Terminal) -> Result<Exit, Fault> {
    let script = match &args.script {
        None => Script::default(),
        Some(path) => {
            let config = |error: String| {
                Fault::new(FaultKind::Config, error).during(format!("reading {}", path.display()))
            };
            let text = std::fs::read_to_string(path).map_err(|error| config(error.to_string()))?;
            Script::from_toml(&text).map_err(config)?
        }
    };
    let log = match &args.log {
        None => Log::default(),
        Some(path) => Log::with_file(path).map_err(|error| {
            Fault::new(FaultKind::Config, format!("{} cannot be written", path.display())).cause(error)
        })?,
    };
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let server = Server::start_at(addr, script, log).map_err(|error| {
        Fault::new(FaultKind::Config, format!("port {} of 127.0.0.1 cannot be had", args.port))
            .hint("name another with --port; 0 takes a free one")
            .cause(error)
    })?;
    let mut out = Out::stdout();
    out.text(&format!("{}\n", server.url()))?;
    out.flush()?;
    terminal.say(&format!(
        "answering as OpenAI, Anthropic, Gemini, Cohere and Ollama would; try\n  \
         tidegate index PATH --embed openai:text-embedding-3-small --base-url {}/v1\nCtrl-C stops",
        server.url()
    ));
    let interrupted: Result<(), Fault> = running::runtime()?.block_on(async {
        Signals::listen()?.next().await;
        Ok(())
    });
    let entries = server.log().entries();
    server.stop();
    let of = |wanted: &str| {
        entries.iter().filter(|entry| entry.answered.as_ref().is_some_and(|it| it.verdict == wanted)).count()
            as u64
    };
    terminal.say(&format!(
        "{} requests: {} answered, {} refused by a limit",
        count(entries.len() as u64),
        count(of("ok")),
        count(of("rate_limited"))
    ));
    interrupted?;
    Ok(Exit::Done)
}
