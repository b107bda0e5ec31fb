//! Models of providers, as a configuration names them: where they are, with which key, how fast they may be called.
//!
//! One lane per provider, model and key, whoever asks for it: an embed stage, an enrich stage and a question at the
//! terminal share its limits and what may be spent.

mod answers;
mod chat;
mod documents;
mod key;
mod limits;
mod nowhere;
mod objects;
mod remote;
mod report;
mod web;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_call::{
    CallSettings, Http, HttpSettings, Lane, LaneName, LaneSettings, LaneView, Paid, Parts, Proxies, Proxy,
    Spend, Timeouts,
};
use tidegate_core::report::{Calls, LaneReport, Taken};
use tidegate_core::{Codec, Fault, FaultKind, Tokenizer, Transport};
use tidegate_model::{AuthStyle, Endpoint, Prices, Profile, Profiles, Service};

use crate::config::{self, Config, Hedge, ModelRef};
use crate::tape::{Deck, Tape};

pub(crate) use answers::{Asking, RemoteAnswers};
pub(crate) use chat::RemoteChat;
use nowhere::Nowhere;
pub(crate) use remote::{RemoteEmbedding, UNKNOWN, identity, open};
pub(crate) use web::{header_name, header_value};

/// How long a list of models may take; it is only for a hint.
const LISTING: Duration = Duration::from_secs(5);

/// Lanes that reports show. A list of URLs may have one for each of its servers.
const MOST_LANES: usize = 1_024;

/// The services of one configuration.
pub struct Services {
    providers: BTreeMap<String, config::Provider>,
    limits: config::Limits,
    profiles: Profiles,
    prices: Prices,
    transport: Arc<dyn Transport>,
    /// Those that the transport takes.
    proxies: Proxies,
    spend: Arc<Spend>,
    lanes: Mutex<BTreeMap<LaneName, Arc<Lane>>>,
    /// Whether nothing will be called, so that nobody's key is needed.
    offline: bool,
    /// What records the answers of the run, or plays those of another.
    deck: Option<Arc<Deck>>,
}

/// One model of a provider, ready to be called.
pub(crate) struct Reached {
    pub(crate) service: Service,
    pub(crate) lane: Arc<Lane>,
    settings: config::Provider,
    key_hint: Option<String>,
    /// The proxy on the way.
    pub(crate) proxy: Option<Arc<Proxy>>,
}

/// What the environment says about proxies.
fn proxies() -> Proxies {
    Proxies::new(&|name| std::env::var(name).ok())
}

/// A transport for HTTP through the proxies that the environment names.
pub(crate) fn http() -> Http {
    over_http(proxies())
}

/// The same, for answers of up to so many bytes.
pub(crate) fn http_up_to(bytes: u64) -> Http {
    Http::new(HttpSettings { proxies: proxies(), max_body: bytes, ..HttpSettings::default() })
}

fn over_http(proxies: Proxies) -> Http {
    Http::new(HttpSettings { proxies, ..HttpSettings::default() })
}

impl Reached {
    /// What counts tokens as the model does, or more.
    pub(crate) fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        tidegate_model::tokens::counter(self.service.profile(), self.service.model())
    }

    /// Tokens that the model takes, of a question and its answer together; 0 where nobody knows.
    pub(crate) fn context(&self) -> u64 {
        let known = self.service.profile().facts(self.service.model()).and_then(|facts| facts.context);
        if self.settings.context_tokens > 0 { self.settings.context_tokens } else { known.unwrap_or(0) }
    }

    /// Whether tokens are counted with the model's own tokenizer.
    pub(crate) fn counts_exactly(&self) -> bool {
        self.service.profile().facts(self.service.model()).is_some_and(|facts| facts.tokenizer.is_some())
    }

    /// Whether how many requests may be in flight is found out.
    pub(crate) fn adapts(&self) -> bool {
        self.settings.concurrency == 0
    }
}

impl Services {
    /// The services that `config` names, over HTTP.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: the file of prices cannot be read or is not understood.
    pub fn new(config: &Config) -> Result<Self, Fault> {
        let proxies = proxies();
        let mut services = Self::over(config, Arc::new(over_http(proxies.clone())))?;
        services.proxies = proxies;
        Ok(services)
    }

    /// The same for whoever calls nobody: no key is looked for, and what is sent all the same gets nowhere.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn offline(config: &Config) -> Result<Self, Fault> {
        Ok(Self { offline: true, ..Self::over(config, Arc::new(Nowhere))? })
    }

    /// The services of a run whose answers `tape` records or plays.
    ///
    /// # Errors
    /// As [`Self::new`]; what is wrong with the cassette.
    pub(crate) fn taped(config: &Config, tape: &Tape) -> Result<Self, Fault> {
        let deck = Deck::open(tape, config)?;
        let services = match tape {
            Tape::Replay(_) => Self::offline(config)?,
            Tape::Off | Tape::Record(_) => Self::new(config)?,
        };
        Ok(Self { deck, ..services })
    }

    /// Whether nothing is called.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    /// What records or plays the answers of the run.
    pub(crate) fn deck(&self) -> Option<&Arc<Deck>> {
        self.deck.as_ref()
    }

    /// The same over another transport, such as one in memory.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over(config: &Config, transport: Arc<dyn Transport>) -> Result<Self, Fault> {
        let limits = &config.limits;
        Ok(Self {
            providers: config.providers.clone(),
            spend: Arc::new(Spend::new(limits.budget, limits.max_tokens)),
            limits: limits.clone(),
            profiles: Profiles::builtin(),
            prices: limits.prices()?,
            transport,
            proxies: Proxies::default(),
            lanes: Mutex::default(),
            offline: false,
            deck: None,
        })
    }

    /// The model that `model` names.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a provider that nobody knows, one without an address, a key that is not where the
    /// configuration says.
    pub(crate) fn reach(&self, model: &ModelRef) -> Result<Reached, Fault> {
        let ModelRef::Remote { provider: name, model } = model else {
            return Err(Fault::new(FaultKind::Internal, format!("{model} is no model of a provider")));
        };
        let settings = self.providers.get(name).cloned().unwrap_or_default();
        let profile = self.profile(name)?;
        let Some(base) = settings.base_url.as_ref().or(profile.base_url.as_ref()) else {
            return Err(Fault::new(FaultKind::Config, format!("where {name} is, is not known"))
                .hint(format!("set base_url in [providers.{name}], or give --base-url")));
        };
        let mut endpoint =
            Endpoint::new(base, model).map_err(|fault| fault.during(format!("providers.{name}")))?;
        let proxy = self.proxies.of(base).map_err(|fault| fault.during(format!("providers.{name}")))?;
        let found = match self.offline {
            true => key::Found { key: None, hint: None },
            false => key::find(name, &settings, profile.key_env.as_deref())?,
        };
        if profile.auth != AuthStyle::None {
            endpoint = endpoint.with_key(found.key, profile.auth.clone());
        }
        let price = self.prices.of(name, &profile.name, model);
        self.keeps_budget((name, model), price.is_some())?;
        let lane = self.lane(name, (&settings, profile), &endpoint);
        let service = Service::new(profile.clone(), endpoint, price);
        Ok(Reached { service, lane, settings, key_hint: found.hint, proxy })
    }

    /// Finds out whether all models that a run of `config` asks can be reached: with their keys, and at prices that its
    /// budget can be kept with.
    ///
    /// # Errors
    /// As [`Self::reach`].
    pub(crate) fn reach_all(&self, config: &Config) -> Result<(), Fault> {
        let steps = config.map.iter().flat_map(|map| &map.steps);
        for ask in steps.filter_map(|step| step.ask.as_ref()) {
            self.reach(&ask.model)?;
        }
        Ok(())
    }

    /// Refuses a budget that nobody could keep, because what `model` costs is not known.
    fn keeps_budget(&self, (provider, model): (&str, &str), priced: bool) -> Result<(), Fault> {
        // Where nothing may be paid, what is of unknown price is not sent; who sends nothing keeps any budget.
        let Some(budget) = self.limits.budget.filter(|budget| *budget > 0.0) else { return Ok(()) };
        if priced || self.offline {
            return Ok(());
        }
        let what = format!("a budget of {budget} cannot be kept: what {provider}:{model} costs is not known");
        Err(Fault::new(FaultKind::Config, what).hint(format!(
            "write its price for a million tokens into a file, as [[prices]] with provider = \"{provider}\", model = \
             \"{model}\", input = 0.5, output = 1.5, and name the file with prices in [limits] or TIDEGATE_PRICES; \
             or bound the run by --max-tokens"
        )))
    }

    /// What is known of the provider that the configuration calls `name`.
    fn profile(&self, name: &str) -> Result<&Arc<Profile>, Fault> {
        let settings = self.providers.get(name);
        match settings.and_then(|settings| settings.profile.as_deref()) {
            Some(profile) => self.profiles.get(profile),
            // A section with an address of its own needs no profile: most services speak OpenAI's format.
            None => self.profiles.get(name).or_else(|unknown| {
                match settings.is_some_and(|settings| settings.base_url.is_some()) {
                    true => self.profiles.get("compatible"),
                    false => Err(unknown),
                }
            }),
        }
    }

    fn lane(
        &self,
        provider: &str,
        (settings, profile): (&config::Provider, &Profile),
        endpoint: &Endpoint,
    ) -> Arc<Lane> {
        let name = LaneName {
            provider: provider.to_owned(),
            model: endpoint.model().to_owned(),
            key: endpoint.fingerprint(),
        };
        self.lane_of(&name, limits::of(settings, profile, &self.limits))
    }

    /// The lane of a name; `settings` are those of its first user.
    fn lane_of(&self, name: &LaneName, settings: LaneSettings) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Lane::with_spend(name.clone(), settings, self.spend.clone());
        lanes.entry(name.clone()).or_insert_with(make).clone()
    }

    /// A lane that nobody else uses; it shows in reports unless there are too many.
    fn lane_apart(&self, name: LaneName, settings: LaneSettings) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = Lane::with_spend(name.clone(), settings, self.spend.clone());
        if lanes.len() < MOST_LANES {
            lanes.insert(name, lane.clone());
        }
        lane
    }

    fn limits(&self) -> &config::Limits {
        &self.limits
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.transport.clone()
    }

    /// What a caller of `reached` is made of.
    pub(crate) fn parts<C: Codec>(
        &self,
        reached: &Reached,
        paid: Arc<dyn Paid<C::Answer>>,
        (model, kind): (String, Kind),
    ) -> Parts<C::Answer> {
        let timeout = reached.settings.timeout.duration();
        let mut timeouts = if kind == Kind::Answers { Timeouts::CHAT } else { Timeouts::EMBED };
        if timeout > Duration::ZERO {
            timeouts.first_byte = timeout;
            timeouts.first_token = timeout;
            timeouts.total = timeouts.total.max(timeout.saturating_mul(2));
        }
        let settings = CallSettings {
            model,
            timeouts,
            hedge: match reached.settings.hedge {
                Hedge::Auto => kind == Kind::Vectors,
                Hedge::On => true,
                Hedge::Off => false,
            },
            key_hint: reached.key_hint.clone(),
            ..CallSettings::default()
        };
        Parts { lane: reached.lane.clone(), transport: self.transport.clone(), paid, settings }
    }

    /// The models that the service of `reached` says it has; `None` where it does not say.
    pub(crate) async fn model_names(&self, reached: &Reached) -> Option<Vec<String>> {
        let request = tidegate_model::openai::models_request(&reached.service)?;
        let asked = tokio::time::timeout(LISTING, self.transport.send(request)).await.ok()?.ok()?;
        let (head, mut body) = (asked.head, asked.body);
        let mut bytes = Vec::new();
        let read = async {
            while let Some(piece) = body.next().await {
                bytes.extend_from_slice(&piece.ok()?);
            }
            Some(())
        };
        tokio::time::timeout(LISTING, read).await.ok()??;
        let answer = tidegate_core::Answer { head, body: bytes.into() };
        tidegate_model::model_names(&reached.service, &answer).ok()
    }

    /// What was called so far, over all lanes.
    #[must_use]
    pub fn calls(&self) -> Calls {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut calls = Calls::default();
        for lane in lanes.values() {
            let counters = lane.counters();
            calls.sent += counters.sent.get();
            calls.retried += counters.retried.get();
            calls.rate_limited += counters.rate_limited.get();
            calls.failed += counters.failed.get();
            calls.hedged += counters.hedged.get();
            calls.from_journal += counters.from_journal.get();
            calls.tokens += counters.input_tokens.get() + counters.output_tokens.get();
            calls.cost += counters.cost.get();
        }
        calls
    }

    /// What calls took, over all lanes, in a run of so many seconds.
    pub(crate) fn taken(&self, seconds: f64) -> Taken {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Taken { seconds, ..Taken::default() };
        for counters in lanes.values().map(|lane| lane.counters()) {
            taken.calls += counters.sent.get();
            taken.input_tokens += counters.input_tokens.get();
            taken.output_tokens += counters.output_tokens.get();
            taken.cost += counters.cost.get();
        }
        taken
    }

    /// What every lane did.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneReport> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes
            .values()
            .map(|lane| {
                report::of(lane, self.profile(&lane.name().provider).is_ok_and(|profile| profile.aliases))
            })
            .filter(|lane| lane.sent > 0 || !lane.waits.is_empty())
            .collect()
    }

    /// Every lane as it stands.
    #[must_use]
    pub fn views(&self) -> Vec<LaneView> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.values().map(|lane| lane.view()).collect()
    }
}

/// What calls are for, as far as patience goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Vectors and rankings: they take little and cost little to repeat.
    Vectors,
    /// Answers: they may take minutes, and a repeat is paid in full.
    Answers,
}
