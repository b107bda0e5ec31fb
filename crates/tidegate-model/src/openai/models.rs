//! The list of a service's models: the cheapest question with a key, and how a mistyped name is seen.

use serde::Deserialize;
use tidegate_core::Refusal;
use tidegate_core::wire::{Answer, HttpRequest};

use crate::service::Service;

#[derive(Deserialize)]
struct Body {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// The request for the names of all models; `None` where the service has no such list.
#[must_use]
pub fn models_request(service: &Service) -> Option<HttpRequest> {
    service.profile().models_path.as_deref().map(|path| service.get(path))
}

/// The names in `answer`, in its order.
///
/// # Errors
/// Why there are none.
pub fn model_names(service: &Service, answer: &Answer) -> Result<Vec<String>, Refusal> {
    // Together answers with the bare list.
    let list = if answer.body.trim_ascii_start().starts_with(b"[") {
        service.read::<Vec<Model>>(answer)?
    } else {
        service.read::<Body>(answer)?.data
    };
    Ok(list.into_iter().map(|model| model.id).collect())
}
