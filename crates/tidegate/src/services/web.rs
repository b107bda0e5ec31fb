//! Services that are no models: asked about records, or given them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tidegate_call::{
    CallSettings, Caller, Http, HttpSettings, LaneName, Paid, Parts, Replied, SystemNames, Timeouts, Unpaid,
};
use tidegate_connect::guard::GuardedNames;
use tidegate_core::{Codec, Fault, FaultKind, Replies, Transport};
use tidegate_model::Secret;
use tidegate_model::web::{AnswerPath, FileApi, Site, WebAsk, WebFile, WebPost};

use super::nowhere::Nowhere;
use super::{Services, key, limits};
use crate::address::Address;
use crate::config::{self, HeaderText, Headers};

/// How a service may be called.
struct Pace {
    requests_per_minute: u64,
    concurrency: u32,
    timeout: Duration,
}

impl Services {
    /// What asks the service of an http stage called `name`, at `address`; its answers are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a secret that is not where the configuration says.
    pub(crate) fn web_ask(
        &self,
        (name, http): (&str, &config::Http),
        address: &Address,
        journal: Arc<dyn Replies>,
    ) -> Result<Caller<WebAsk>, Fault> {
        let site = site(&http.headers)?.varying(address.varies());
        let method = http.method.name().parse().map_err(|error| internal("a method").cause(error))?;
        let answer: AnswerPath =
            http.answer.parse().map_err(|wrong: String| Fault::new(FaultKind::Config, wrong))?;
        let lane = lane(name, address, &site);
        let codec = WebAsk::new(site, method, answer).keyed(http.idempotency_key);
        let names: Vec<HeaderName> =
            http.headers.0.keys().filter_map(|name| HeaderName::try_from(name).ok()).collect();
        let fresh = http.fresh_for.duration();
        let settings = CallSettings {
            fresh_for: (fresh > Duration::ZERO).then_some(fresh),
            // A second request beside a slow first one is for what has no effect.
            hedge: http.method == config::Method::Get,
            repeat: codec.is_repeatable(&names),
            ..CallSettings::default()
        };
        let pace = Pace {
            requests_per_minute: http.requests_per_minute,
            concurrency: http.concurrency,
            timeout: http.timeout.duration(),
        };
        Ok(self.web(codec, (lane, &pace), (Arc::new(Replied(journal)), settings)))
    }

    /// What posts the records of `pipeline` to a webhook.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a secret that is not where the configuration says, a header that cannot be sent.
    pub(crate) fn web_post(
        &self,
        pipeline: &str,
        sink: &config::WebhookSink,
    ) -> Result<Caller<WebPost>, Fault> {
        let site = site(&sink.headers)?;
        let address = Address::new("sink.url", &sink.url)?;
        let lane = lane("webhook", &address, &site);
        let codec = WebPost::new(site, (&sink.url, literal(&sink.headers)?), (pipeline, sink.batch));
        let pace = Pace {
            requests_per_minute: sink.requests_per_minute,
            concurrency: sink.concurrency,
            timeout: sink.timeout.duration(),
        };
        Ok(self.web(codec, (lane, &pace), (Arc::new(Unpaid), CallSettings::default())))
    }

    /// What has files of a format called `name` read by the service at `url`; its answers are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a secret that is not where the configuration says.
    pub(crate) fn web_file(
        &self,
        (name, format): (&str, &config::Format),
        (url, limits): (&str, tidegate_sandbox::Limits),
        journal: Arc<dyn Replies>,
    ) -> Result<Caller<WebFile>, Fault> {
        // Whoever calls nobody needs nobody's secrets.
        let site = if self.is_offline() { Site::new(Vec::new()) } else { site(&format.headers)? };
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = host.split(['/', '?']).next().unwrap_or_default().to_owned();
        let lane = LaneName { provider: host, model: format!("parser {name}"), key: site.fingerprint() };
        let api = match format.api {
            config::ParserApi::Docling => FileApi::Docling,
            config::ParserApi::Unstructured => FileApi::Unstructured,
            config::ParserApi::Text => FileApi::Text,
        };
        let codec = WebFile::new((site, api), url, literal(&format.headers)?);
        let pace = Pace {
            requests_per_minute: format.requests_per_minute,
            concurrency: format.concurrency,
            timeout: limits.wall,
        };
        // A name may lead somewhere else than yesterday: the guard looks at every address that is connected to. No proxy,
        // because it would resolve names behind the guard.
        let names = GuardedNames::new(Arc::new(SystemNames), format.policy());
        let max_body = limits.output.saturating_mul(2).saturating_add(1 << 20);
        let http: Arc<dyn Transport> = match self.is_offline() {
            true => Arc::new(Nowhere),
            false => Arc::new(Http::resolving(
                HttpSettings { max_body, ..HttpSettings::default() },
                Arc::new(names),
            )),
        };
        // Reading a file changes nothing, so it may be asked for again.
        let settings = CallSettings { hedge: false, repeat: true, ..CallSettings::default() };
        let paid: (Arc<dyn Paid<_>>, _) = (Arc::new(Replied(journal)), settings);
        Ok(self.web_over(codec, (lane, &pace), paid, http))
    }

    fn web<C: Codec>(
        &self,
        codec: C,
        called: (LaneName, &Pace),
        paid: (Arc<dyn Paid<C::Answer>>, CallSettings),
    ) -> Caller<C> {
        self.web_over(codec, called, paid, self.transport())
    }

    fn web_over<C: Codec>(
        &self,
        codec: C,
        (lane, pace): (LaneName, &Pace),
        (paid, settings): (Arc<dyn Paid<C::Answer>>, CallSettings),
        transport: Arc<dyn Transport>,
    ) -> Caller<C> {
        let mut timeouts = Timeouts::EMBED;
        if pace.timeout > Duration::ZERO {
            timeouts.first_byte = pace.timeout;
            timeouts.total = timeouts.total.max(pace.timeout.saturating_mul(2));
        }
        let limits = limits::of_web((pace.requests_per_minute, pace.concurrency), &timeouts, self.limits());
        let settings = CallSettings {
            model: format!("http:{}", lane.provider),
            timeouts,
            key_hint: Some("check the secret that `headers` names".to_owned()),
            ..settings
        };
        let parts = Parts { lane: self.lane_of(&lane, limits), transport, paid, settings };
        Caller::new(Arc::new(codec), parts)
    }
}

/// Each stage has a lane of its own, so that the limits it is given are its own.
fn lane(name: &str, address: &Address, site: &Site) -> LaneName {
    LaneName { provider: address.host().to_owned(), model: name.to_owned(), key: site.fingerprint() }
}

/// The service, with its secrets.
fn site(headers: &Headers) -> Result<Site, Fault> {
    let mut secrets: Vec<(HeaderName, Secret)> = Vec::new();
    for (name, value) in &headers.0 {
        if let HeaderText::Secret(place) = value {
            secrets.push((header_name(name)?, key::secret(place, name)?));
        }
    }
    Ok(Site::new(secrets))
}

/// Headers whose values stand in the configuration.
fn literal(headers: &Headers) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let texts = headers.texts().into_iter();
    texts.map(|(name, text)| Ok((header_name(name)?, header_value(name, text)?))).collect()
}

/// A header's name, which the configuration has checked.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, Fault> {
    HeaderName::try_from(name).map_err(|error| internal("the name of a header").cause(error))
}

/// A header's value.
///
/// # Errors
/// [`FaultKind::Validation`]: what no header may hold.
pub(crate) fn header_value(name: &str, text: &str) -> Result<HeaderValue, Fault> {
    let bare = text.trim();
    let visible = bare.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    HeaderValue::try_from(bare).ok().filter(|_| visible).ok_or_else(|| {
        Fault::new(FaultKind::Validation, format!("the header {name} holds what no header may hold"))
            .hint("leave out line breaks and letters beyond ASCII")
    })
}

fn internal(what: &str) -> Fault {
    Fault::new(FaultKind::Internal, format!("{what} is none"))
}
