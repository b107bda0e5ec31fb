//! The names of a service's models.

use serde::Deserialize;
use tidegate_core::Refusal;
use tidegate_core::wire::Answer;

use super::refine;
use crate::draft::Wrong;
use crate::profile::Family;
use crate::service::Service;

#[derive(Deserialize)]
struct Body {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
}

/// The names in `answer` to [`crate::openai::models_request`], in its order, as they are to be configured.
///
/// # Errors
/// Why there are none.
pub fn model_names(service: &Service, answer: &Answer) -> Result<Vec<String>, Refusal> {
    match service.profile().family {
        Family::Openai | Family::Anthropic => crate::openai::model_names(service, answer),
        Family::Gemini | Family::Cohere | Family::Ollama => {
            refine::good(service, answer)?;
            let body: Body = serde_json::from_slice(&answer.body)
                .map_err(|error| refine::bad(service, answer, Wrong::broken(error)))?;
            let short = |name: &str| name.strip_prefix("models/").unwrap_or(name).to_owned();
            Ok(body.models.iter().map(|model| short(&model.name)).collect())
        }
    }
}
