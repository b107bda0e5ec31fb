//! What embedding with a remote model is in every wire format: which vectors are wanted, their keys, what one
//! request may carry and counts.

use tidegate_core::{Charge, ContentHash, Fault, FaultKind, Shape, Task};

use crate::ask::Text;
use crate::journal_key::embedding_key;
use crate::profile::EmbeddingsApi;
use crate::service::Service;

/// Which vectors are wanted of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbedOptions {
    /// What they are for.
    pub task: Task,
    /// Their length, where it is to be another than the model's own; sent to the service.
    pub dimensions: Option<usize>,
    /// The length of the model's own vectors, where one embedding has told it. Not sent. It is part of every key,
    /// so a model of which the profile knows no length must be asked once, and the answer told here from then on.
    pub learned: Option<usize>,
}

impl EmbedOptions {
    /// Vectors of the model's own length.
    #[must_use]
    pub fn new(task: Task) -> Self {
        Self { task, dimensions: None, learned: None }
    }
}

/// A model that embeds for one task.
#[derive(Debug, Clone)]
pub struct Embedding {
    service: Service,
    identity: String,
    task: Task,
    /// The length to ask for.
    asked: Option<usize>,
    /// The length that vectors must have; zero while nobody knows.
    expected: usize,
}

impl Embedding {
    /// Embeds with the model of `service`.
    ///
    /// # Errors
    /// The provider does not embed, or this model has no vectors of another length.
    pub fn new(service: Service, options: EmbedOptions) -> Result<Self, Fault> {
        let (profile, model) = (service.profile(), service.model());
        let Some(api) = &profile.embeddings else {
            return Err(Fault::new(FaultKind::Config, format!("{} has no embeddings", profile.name))
                .hint("name another provider to embed with"));
        };
        let facts = profile.facts(model);
        let own = options.learned.or(facts.and_then(|facts| facts.dimensions));
        let shortens = api.dimensions.is_some() && facts.and_then(|facts| facts.shortens).unwrap_or(true);
        let asked = options.dimensions.filter(|&dimensions| Some(dimensions) != own);
        if let Some(dimensions) = asked.filter(|_| !shortens) {
            let message = format!("{model} of {} cannot be asked for {dimensions} dimensions", profile.name);
            let own = own.map_or_else(String::new, |own| format!("; its vectors have {own}"));
            return Err(Fault::new(FaultKind::Config, message).hint(format!("leave the dimensions out{own}")));
        }
        let expected = options.dimensions.or(own).unwrap_or_default();
        Ok(Self { identity: service.identity(), task: options.task, asked, expected, service })
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// How the service is asked.
    #[must_use]
    pub fn api(&self) -> &EmbeddingsApi {
        self.service.profile().embeddings.as_ref().expect("`new` has seen that it is there")
    }

    /// The name under which its vectors are kept.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// What its vectors are for.
    #[must_use]
    pub fn task(&self) -> Task {
        self.task
    }

    /// The length to ask for; `None`: the model's own.
    #[must_use]
    pub fn asked(&self) -> Option<usize> {
        self.asked
    }

    /// The length its vectors must have; zero while nobody knows.
    #[must_use]
    pub fn expected(&self) -> usize {
        self.expected
    }

    /// The key of the vector of `item`.
    #[must_use]
    pub fn key(&self, item: &Text) -> ContentHash {
        embedding_key(&self.identity, self.expected, self.task, &item.text)
    }

    /// What sending `items` counts.
    #[must_use]
    pub fn estimate(&self, items: &[Text]) -> Charge {
        let tokens = items.iter().map(|item| u64::from(item.tokens)).sum();
        Charge { inputs: items.len() as u64, input_tokens: tokens, output_tokens: 0 }
    }

    /// What one request may carry.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.service.profile().caps(self.service.model()).into()
    }
}
