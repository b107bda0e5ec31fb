//! What a provider bears, measured: the same calls made one after the other, by threads, and all on one thread, with
//! the same limits and the same retries; then how many in flight are enough; then the settings that follow.
//!
//! All of it goes through the lane of the provider, so that its limits and what may be spent are obeyed from the first
//! call of the first way to the last step.

mod advice;
mod knee;
mod load;
mod target;
mod texts;
mod trial;
mod usage;
mod ways;
mod wire;

use std::sync::Arc;

use tidegate_call::Http;
use tidegate_core::{Fault, FaultKind, Journal, Usage};
use tidegate_store::{OpenMode, Store};

use crate::config::{Config, ModelRef};
use crate::services::{self, Reached, Services};

pub use advice::{Advice, Setting};
pub use knee::{Knee, KneeEnd};
pub use load::{Load, Way, Work};
pub use trial::Trial;

use target::Target;
use usage::Meter;
use ways::Turns;
use wire::Failures;

/// Puts loads on one model of a provider. Its functions block until the calls are made: they are for programs that
/// measure, and not to be called from a runtime.
///
/// ```no_run
/// use tidegate::bench::{Bench, Load, Way, Work};
/// use tidegate::config::{Config, ModelRef};
///
/// let load = Load::new(ModelRef::remote("ollama", "nomic-embed-text"), Work::Embed);
/// let bench = Bench::new(&Config::default(), load)?;
/// println!("{:.0} calls a second", bench.run(Way::Async)?.per_second);
/// # Ok::<(), tidegate::core::Fault>(())
/// ```
pub struct Bench {
    services: Services,
    reached: Reached,
    load: Load,
    journal: Option<Arc<dyn Journal>>,
    /// Where the provider is, if that was set.
    base: Option<String>,
}

/// What a bench probably sends and costs at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Calls.
    pub calls: u64,
    /// Tokens, sent and answered.
    pub tokens: u64,
    /// Money, in the currency of the price table, where the price is known.
    pub cost: Option<f64>,
    /// Whether the provider is on this machine.
    pub on_this_machine: bool,
}

impl Bench {
    /// A bench of the model of `load`, as `config` says how its provider is reached and called.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a model that is no provider's, a provider or key that is not there.
    pub fn new(config: &Config, load: Load) -> Result<Self, Fault> {
        let Some(provider) = load.model.provider() else {
            return Err(Fault::new(
                FaultKind::Config,
                format!("{} is not called over a network", load.model),
            )
            .hint("name a model of a provider, such as openai:text-embedding-3-small"));
        };
        let base = config.providers.get(provider).and_then(|provider| provider.base_url.clone());
        let services = Services::new(config)?;
        let reached = services.reach(&load.model)?;
        Ok(Self { services, reached, load, journal: None, base })
    }

    /// As [`Self::new`], with as many in flight as the load says, and not as many as the provider is found to bear;
    /// `most` where that is more.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn fixed(config: &Config, load: Load, most: usize) -> Result<Self, Fault> {
        let mut config = config.clone();
        if let ModelRef::Remote { provider, .. } = &load.model {
            let in_flight = u32::try_from(load.at_once.max(most)).unwrap_or(u32::MAX);
            config.providers.entry(provider.clone()).or_default().concurrency = in_flight;
        }
        Self::new(&config, load)
    }

    /// Keeps vectors in the journal of the store at `url`, as runs do.
    ///
    /// # Errors
    /// A store that cannot be opened.
    pub fn keeping(mut self, url: &str) -> Result<Self, Fault> {
        self.journal = Some(Arc::new(Store::open(url, OpenMode::Write)?));
        Ok(self)
    }

    /// What so many ways, and a search for the knee up to `knee` in flight, probably send and cost at most. Repeats
    /// are not foreseen.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: the provider does not do this kind of work.
    pub fn estimate(&self, ways: usize, knee: Option<usize>) -> Result<Estimate, Fault> {
        let calls = self.load.calls * ways as u64 + knee.map_or(0, knee::most_calls);
        let each = self.target(Arc::new(services::http()), Failures::default())?.usage();
        let (input_tokens, output_tokens) = (each.input_tokens * calls, each.output_tokens * calls);
        let all = Usage { input_tokens, cached_tokens: 0, output_tokens };
        Ok(Estimate {
            calls,
            tokens: input_tokens + output_tokens,
            cost: self.reached.service.price(&all),
            on_this_machine: is_loopback(self.reached.service.endpoint().base()),
        })
    }

    /// Puts the load on the provider in one way.
    ///
    /// # Errors
    /// [`FaultKind::Config`] as for [`Self::estimate`]; threads that cannot be started. What the provider does is told
    /// by the trial.
    pub fn run(&self, way: Way) -> Result<Trial, Fault> {
        self.trial(way, self.load.at_once, self.load.calls)
    }

    /// Looks for the number in flight beyond which more bring nothing, up to `most`. `on_step` is told each before it
    /// is tried.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn knee(&self, most: usize, on_step: &mut dyn FnMut(usize)) -> Result<Knee, Fault> {
        knee::find(most, &mut |at_once| {
            on_step(at_once);
            self.trial(Way::Async, at_once, knee::calls_of(at_once))
        })
    }

    /// The settings that follow.
    #[must_use]
    pub fn advice(&self, trials: &[Trial], knee: Option<&Knee>) -> Advice {
        let provider = self.load.model.provider().unwrap_or_default();
        advice::advise((provider, self.base.as_deref()), &self.reached.lane.view(), trials, knee)
    }

    fn trial(&self, way: Way, at_once: usize, calls: u64) -> Result<Trial, Fault> {
        let failures = Failures::default();
        let many = if way == Way::Threads { at_once } else { 1 };
        // A connection belongs to the thread that made it.
        let transports: Vec<Arc<Http>> = (0..many.max(1)).map(|_| Arc::new(services::http())).collect();
        let mut targets = transports
            .iter()
            .map(|http| self.target(http.clone(), failures.clone()))
            .collect::<Result<Vec<Target>, Fault>>()?;
        let turns = Arc::new(Turns::new(calls, self.load.patience));
        let meter = Meter::start(transports);
        let tally = match (way, targets.pop()) {
            (Way::Threads, Some(last)) => {
                targets.push(last);
                ways::threads(&targets, &turns)?
            }
            (Way::Sequential, Some(target)) => ways::together(&target, &turns, 1)?,
            (Way::Async, Some(target)) => ways::together(&target, &turns, at_once)?,
            (_, None) => return Err(Fault::new(FaultKind::Internal, "a load without a target")),
        };
        let used = meter.end();
        let at_once = if way == Way::Sequential { 1 } else { at_once };
        Ok(tally.trial((way, at_once), &used, failures.counted()))
    }

    fn target(&self, http: Arc<Http>, failures: Failures) -> Result<Target, Fault> {
        let reached = (&self.services, &self.reached);
        Target::new(reached, &self.load, self.journal.clone(), (http, failures))
    }
}

/// Whether a service is on this machine, by its URL.
fn is_loopback(base: &str) -> bool {
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split(']').next() == Some("::1");
    }
    let name = host.split(':').next().unwrap_or_default();
    name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_free_of_charge() {
        for (base, here) in [
            ("http://127.0.0.1:8787/v1", true),
            ("http://localhost/v1", true),
            ("https://[::1]:9/", true),
            ("http://127.9.9.9", true),
            ("https://api.example.org/v1", false),
            ("https://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://127.0.0.1@example.org/", false),
            ("http://[::2]/", false),
            ("http://10.0.0.1/127.0.0.1", false),
        ] {
            assert_eq!(is_loopback(base), here, "{base}");
        }
    }

    #[test]
    fn a_model_inside_the_program_is_no_providers() {
        let load = Load::new(ModelRef::Builtin, Work::Embed);
        assert_eq!(Bench::new(&Config::default(), load).err().unwrap().kind(), FaultKind::Config);
    }
}
