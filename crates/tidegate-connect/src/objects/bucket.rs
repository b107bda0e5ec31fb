//! A bucket that can be asked: for pages of its listing and for objects.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as S3Key};
use object_store::azure::{AzureConfigKey as AzKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as GsKey};
use object_store::list::PaginatedListStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use tidegate_core::{Fault, FaultKind};

use super::keys;
use super::options::Storage;
use super::place::{Place, Service};
use super::wire::Wire;
use crate::guard::{Policy, Url};

/// One bucket of a service.
pub(crate) struct Bucket {
    root: String,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) pages: Arc<dyn PaginatedListStore>,
    /// The credentials it is asked with, by name.
    pub(super) keys: String,
}

/// A single lost request is repeated at once, which saves the whole run a pause. What lasts longer is an outage, and
/// waiting those out is the engine's business.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 3.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(10),
    }
}

impl Bucket {
    /// The bucket of a place, asked with what the environment and the home folder hold. Nothing is sent yet.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: an endpoint that is none or that may not be asked; settings that contradict each other.
    pub(crate) fn open(place: &Place, storage: &Storage) -> Result<Self, Fault> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let made = match place.service {
            Service::S3 => s3(place, storage, &env),
            Service::Gs => gs(place, storage),
            Service::Az => az(place, storage),
        };
        made.map(|(objects, pages, profile)| Self {
            root: place.root(),
            objects,
            pages,
            keys: keys::tried(place.service, storage.anonymous, (&env, profile)),
        })
        .map_err(|fault| fault.during(format!("opening {place}")))
    }

    /// One made of its parts.
    #[cfg(test)]
    pub(super) fn of(
        place: &Place,
        objects: Arc<dyn ObjectStore>,
        pages: Arc<dyn PaginatedListStore>,
    ) -> Self {
        Self { root: place.root(), objects, pages, keys: "none".to_owned() }
    }

    /// Its address, such as `s3://bucket`.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}

type Made = (Arc<dyn ObjectStore>, Arc<dyn PaginatedListStore>, bool);

fn s3(place: &Place, storage: &Storage, env: keys::Variable<'_>) -> Result<Made, Fault> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(&place.bucket);
    if let Some(endpoint) = &storage.endpoint {
        builder = builder.with_endpoint(endpoint).with_config(S3Key::S3Endpoint, endpoint);
    }
    let mut from_file = false;
    let in_home = if keys::in_environment(env) { keys::Profile::default() } else { keys::profile(env) };
    if let (Some(id), Some(secret)) = (&in_home.id, &in_home.secret) {
        from_file = true;
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        if let Some(token) = &in_home.token {
            builder = builder.with_token(token);
        }
    }
    let known = env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION"));
    if let Some(region) = storage.region.clone().or(known).or(in_home.region) {
        builder = builder.with_region(region);
    }
    if storage.anonymous {
        builder = builder.with_skip_signature(true);
    }
    let endpoint = [S3Key::S3Endpoint, S3Key::Endpoint].iter().find_map(|key| builder.get_config_value(key));
    let wire = wire(Service::S3, (endpoint, env("AWS_ALLOW_HTTP")), storage)?;
    let made = builder.with_retry(retry()).with_allow_http(true).with_http_connector(wire).build();
    let made = Arc::new(made.map_err(|error| unusable(&error))?);
    Ok((made.clone(), made, from_file))
}

fn gs(place: &Place, storage: &Storage) -> Result<Made, Fault> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&place.bucket);
    if let Some(endpoint) = &storage.endpoint {
        builder = builder.with_config(GsKey::BaseUrl, endpoint);
    }
    if storage.anonymous {
        builder = builder.with_skip_signature(true);
    }
    let wire = wire(Service::Gs, (builder.get_config_value(&GsKey::BaseUrl), None), storage)?;
    let made = builder.with_retry(retry()).with_http_connector(wire).build();
    let made = Arc::new(made.map_err(|error| unusable(&error))?);
    Ok((made.clone(), made, false))
}

fn az(place: &Place, storage: &Storage) -> Result<Made, Fault> {
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(&place.bucket);
    if let Some(account) = &storage.account {
        builder = builder.with_account(account);
    }
    if let Some(endpoint) = &storage.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    if storage.anonymous {
        builder = builder.with_skip_signature(true);
    }
    if builder.get_config_value(&AzKey::AccountName).is_none() {
        return Err(Fault::new(FaultKind::Config, "the account of the container is not known")
            .hint("set AZURE_STORAGE_ACCOUNT_NAME, or `account` in [source]"));
    }
    let wire = wire(Service::Az, (builder.get_config_value(&AzKey::Endpoint), None), storage)?;
    let made = builder.with_retry(retry()).with_allow_http(true).with_http_connector(wire).build();
    let made = Arc::new(made.map_err(|error| unusable(&error))?);
    Ok((made.clone(), made, false))
}

/// What carries the requests, after a look at where they go.
fn wire(
    service: Service,
    (endpoint, http): (Option<String>, Option<String>),
    storage: &Storage,
) -> Result<Wire, Fault> {
    let site = endpoint.map(|endpoint| {
        // What the user names as the endpoint may have any port; addresses are looked at when they are known.
        let policy = Policy { any_port: true, ..storage.policy };
        let hint = "--allow-private also reads from this machine and private networks";
        let config = |fault: Fault| {
            let shown = Fault::new(FaultKind::Config, fault.message()).during("reading the endpoint");
            shown.hint(match fault.kind() {
                FaultKind::Forbidden => hint,
                _ => "write it as https://host or http://host:port",
            })
        };
        let url = Url::parse(&endpoint, policy).map_err(config)?;
        let in_clear = storage.allow_http || storage.policy.private || http.as_deref() == Some("true");
        if !url.is_encrypted() && !in_clear {
            let fault = Fault::new(FaultKind::Config, "the endpoint is spoken to in the clear");
            return Err(fault.hint("write https://, or set allow_http = true in [source]"));
        }
        Ok(url.site().to_owned())
    });
    Ok(Wire {
        storage: storage.storage.clone(),
        keys: storage.keys.clone(),
        timeout: storage.timeout,
        service,
        endpoint: site.transpose()?,
    })
}

fn unusable(error: &object_store::Error) -> Fault {
    let said: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
    Fault::new(FaultKind::Config, said)
        .hint("look at the variables of the environment that begin with AWS_, GOOGLE_ or AZURE_")
}
