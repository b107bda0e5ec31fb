//! A model of a service as every codec needs it: profile, endpoint and price, and what follows from them whatever
//! is asked.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{Quota, Refusal, Usage};

use crate::endpoint::Endpoint;
use crate::price::Price;
use crate::profile::Profile;
use crate::{quota, refusal};

/// One model of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    profile: Arc<Profile>,
    endpoint: Endpoint,
    price: Option<Price>,
}

impl Service {
    /// The model that `endpoint` names, of a service as `profile` describes it; `price` is `None` where unknown.
    #[must_use]
    pub fn new(profile: Arc<Profile>, endpoint: Endpoint, price: Option<Price>) -> Self {
        Self(Arc::new(Inner { profile, endpoint, price }))
    }

    /// What is known of the provider.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The model, as the service names it.
    #[must_use]
    pub fn model(&self) -> &str {
        self.0.endpoint.model()
    }

    /// The name that enters journal keys: wire family and model. Not the address, so that a journal outlives a move
    /// to another host of the same model.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}:{}", self.0.profile.family.name(), self.model())
    }

    /// A request that posts the JSON `body` to `path`, in which `{model}` stands for the model.
    #[must_use]
    pub fn post(&self, path: &str, body: Vec<u8>) -> HttpRequest {
        self.request(Method::POST, path, body.into())
    }

    /// A request that gets `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> HttpRequest {
        self.request(Method::GET, path, Bytes::new())
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> HttpRequest {
        let path = if path.contains("{model}") {
            path.replace("{model}", &escape(self.model()))
        } else {
            path.to_owned()
        };
        self.0.endpoint.request(method, &path, &self.0.profile.headers, body)
    }

    /// The body of `answer` as `T`. `T` must have a field that an error lacks.
    ///
    /// # Errors
    /// Another status than a good one; an error in a good answer; what is not a `T` (`BadResponse`).
    pub fn read<'a, T: Deserialize<'a>>(&self, answer: &'a Answer) -> Result<T, Refusal> {
        if !answer.head.status.is_success() {
            return Err(self.refuse(answer, None));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            self.refuse(answer, Some(&format!("the answer is not what was expected: {error}")))
        })
    }

    /// The refusal that a good answer is in which something is `wrong`.
    #[must_use]
    pub fn bad(&self, answer: &Answer, wrong: &str) -> Refusal {
        self.refuse(answer, Some(wrong))
    }

    /// The refusal that an error in the middle of a stream is, or a frame of which `wrong` says what is wrong.
    #[must_use]
    pub fn bad_frame(&self, frame: &[u8], wrong: &str) -> Refusal {
        refusal::of_frame(&self.0.endpoint, frame, wrong)
    }

    fn refuse(&self, answer: &Answer, wrong: Option<&str>) -> Refusal {
        refusal::of_answer(&self.0.profile, &self.0.endpoint, answer, wrong)
    }

    /// What `head` says of the service's limits.
    #[must_use]
    pub fn quota(&self, head: &Head) -> Vec<Quota> {
        quota::of_head(&self.0.profile, head)
    }

    /// What tokens cost, where it is known.
    #[must_use]
    pub fn prices(&self) -> Option<Price> {
        self.0.price
    }

    /// What `usage` costs, where the price is known.
    #[must_use]
    pub fn price(&self, usage: &Usage) -> Option<f64> {
        self.0.price.map(|price| price.of(usage))
    }
}

/// A model's name as part of a path.
fn escape(model: &str) -> String {
    let mut path = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

/// The fault of an item that cannot be written as JSON, which no text or number of ours is.
pub(crate) fn unsendable(error: impl std::fmt::Display) -> tidegate_core::Fault {
    tidegate_core::Fault::new(
        tidegate_core::FaultKind::Validation,
        format!("the request cannot be written: {error}"),
    )
}
