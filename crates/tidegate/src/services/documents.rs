//! Servers of documents: what a list of URLs may do to them, and where it may lead.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tidegate_call::{
    CallSettings, Concurrency, Http, HttpSettings, Lane, LaneName, Limit, SystemNames, Timeouts,
};
use tidegate_connect::guard::GuardedNames;
use tidegate_connect::{LaneOf, ManifestOptions};
use tidegate_core::{Fault, QuotaUnit, SweepPolicy};

use super::{Services, key, limits};
use crate::config::{self, SecretRef};

/// How long one connection may take over a document; what came until then is kept, and the rest asked for.
const TOTAL: Duration = Duration::from_secs(30 * 60);
/// Failures of its own that a document may have. Each is a download.
const TRIES: u32 = 4;
/// How long one document is tried, and how long it waits for a server that answers nobody, before it is asked whether
/// that is the server's or its own fault.
const TRYING: Duration = Duration::from_secs(10);
const WAITING: Duration = Duration::from_secs(2);
/// Connections kept for a server that nobody fetches from just now.
const MOST_IDLE: usize = 8;

impl Services {
    /// How the documents of a list are fetched.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a secret that is not where the configuration says.
    pub(crate) fn documents(
        self: &Arc<Self>,
        urls: &config::Urls,
        sweep: SweepPolicy,
    ) -> Result<ManifestOptions, Fault> {
        let (policy, timeout) = (urls.policy(), urls.timeout.duration());
        let timeouts = Timeouts { first_byte: timeout, idle: timeout, total: TOTAL, ..Timeouts::EMBED };
        let names = GuardedNames::new(Arc::new(SystemNames), policy);
        // The length of a document is watched by whoever takes it. No proxy: it would resolve names behind the guard.
        let http = HttpSettings { max_body: u64::MAX, max_idle: MOST_IDLE, ..HttpSettings::default() };
        Ok(ManifestOptions {
            policy,
            max_file_size: urls.max_file_size.bytes(),
            max_line: usize::try_from(urls.max_line.bytes()).unwrap_or(usize::MAX),
            secrets: Arc::new(secrets(&urls.secrets)?),
            sweep,
            calls: CallSettings {
                model: "documents".to_owned(),
                timeouts,
                tries: TRIES,
                record_time: urls.patience.duration().min(TRYING),
                ..CallSettings::default()
            },
            patience: urls.patience.duration(),
            lane: self.lanes_of(urls, timeouts),
            transport: Arc::new(Http::resolving(http, Arc::new(names))),
        })
    }

    fn lanes_of(self: &Arc<Self>, urls: &config::Urls, timeouts: Timeouts) -> LaneOf {
        let mut settings =
            limits::of_web((urls.requests_per_minute, urls.concurrency), &timeouts, self.limits());
        settings.max_hold = urls.patience.duration().min(WAITING);
        settings.concurrency = Concurrency::Fixed(urls.concurrency);
        if urls.requests_per_minute > 0 {
            settings.limits = vec![Limit::per_minute(QuotaUnit::Requests, urls.requests_per_minute)];
        }
        // Documents that are never answered are nothing unusual, and one a second is no load for a web server.
        settings.repeats_per_minute = 60.0;
        // A large document takes its time, which says nothing of the server.
        settings.slow = None;
        let services: Weak<Self> = Arc::downgrade(self);
        Arc::new(move |site: &str| {
            let name =
                LaneName { provider: site.to_owned(), model: "documents".to_owned(), key: String::new() };
            match services.upgrade() {
                Some(services) => services.lane_apart(name, settings.clone()),
                None => Lane::new(name, settings.clone()),
            }
        })
    }
}

/// The secrets that lines may name, by how they name them.
fn secrets(names: &[String]) -> Result<BTreeMap<String, http::HeaderValue>, Fault> {
    let found = names.iter().map(|name| {
        let (place, named) = match name.strip_prefix("file:") {
            Some(path) => (SecretRef::File(path.to_owned()), name.clone()),
            None => (SecretRef::Env(name.clone()), format!("env:{name}")),
        };
        Ok((named, key::secret(&place, "of a line")?.header("")))
    });
    found.collect()
}
