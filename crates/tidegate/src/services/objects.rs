//! Services that keep objects: where they may be, and what carries requests to them.

use std::sync::Arc;
use std::time::Duration;

use tidegate_call::{Http, HttpSettings, SystemNames};
use tidegate_connect::guard::{GuardedNames, Policy};
use tidegate_connect::{ObjectsOptions, Storage};
use tidegate_core::SweepPolicy;

use super::Services;
use crate::config;

/// How long a service has to take a part of an output, and to answer.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Connections kept that nobody reads from just now.
const MOST_IDLE: usize = 64;

impl Services {
    /// How the objects of buckets are listed and read.
    pub(crate) fn objects(&self, objects: &config::Objects, sweep: SweepPolicy) -> ObjectsOptions {
        let guarded = self.storage((objects.allow_private, objects.timeout.duration()));
        ObjectsOptions {
            storage: Storage {
                endpoint: objects.endpoint.clone(),
                region: objects.region.clone(),
                account: objects.account.clone(),
                anonymous: objects.anonymous,
                allow_http: objects.allow_http,
                ..guarded
            },
            include: objects.include.clone(),
            exclude: objects.exclude.clone(),
            hidden: objects.hidden,
            max_file_size: objects.max_file_size.bytes(),
            sweep,
        }
    }

    /// Where an output in a bucket is, and how it is spoken to.
    pub(crate) fn output(&self, sink: &config::JsonlSink) -> Storage {
        Storage {
            endpoint: sink.endpoint.clone(),
            region: sink.region.clone(),
            account: sink.account.clone(),
            allow_http: sink.allow_http,
            ..self.storage((sink.allow_private, TIMEOUT))
        }
    }

    /// A service that keeps objects, at its own address.
    fn storage(&self, (private, timeout): (bool, Duration)) -> Storage {
        // Endpoints have any port; what they may not have is an address that only this network reaches.
        let policy = Policy { private, any_port: true };
        // The length of an object is watched by whoever takes it. No proxy: it would resolve names behind the guard.
        let http = HttpSettings { max_body: u64::MAX, max_idle: MOST_IDLE, ..HttpSettings::default() };
        let names = GuardedNames::new(Arc::new(SystemNames), policy);
        Storage {
            endpoint: None,
            region: None,
            account: None,
            anonymous: false,
            allow_http: false,
            policy,
            timeout,
            storage: Arc::new(Http::resolving(http, Arc::new(names))),
            keys: self.transport(),
        }
    }
}
