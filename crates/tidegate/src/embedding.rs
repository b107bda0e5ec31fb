//! What makes the vectors of a pipeline: the table inside the program, or a model of a provider.

use std::sync::Arc;

use tidegate_core::{Fault, FaultKind, Journal, Task, Tokenizer};
use tidegate_model::Builtin;
use tidegate_store::Store;

use crate::config::{Config, Embed, Sink};
use crate::services::{self, RemoteEmbedding, Services};

/// What makes vectors.
pub(crate) enum Embedding {
    /// The table inside the program.
    Local,
    /// A model of a provider.
    Remote(Arc<RemoteEmbedding>),
}

impl Embedding {
    /// What `embed` names, for `task`; its vectors are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a provider or key that is not there, a model without vectors; faults of a first call,
    /// where the length of the vectors must be asked for.
    pub(crate) async fn open(
        (task, embed): (Task, &Embed),
        (services, store): (&Services, &Store),
        journal: Option<Arc<dyn Journal>>,
    ) -> Result<Self, Fault> {
        if embed.model.provider().is_none() {
            return Ok(Self::Local);
        }
        let known = store.models()?;
        let remote = services::open(services, (task, embed), (&known, journal)).await?;
        Ok(Self::Remote(Arc::new(remote)))
    }

    /// The name under which its vectors are kept.
    pub(crate) fn identity(&self) -> &str {
        match self {
            Self::Local => Builtin::IDENTITY,
            Self::Remote(remote) => remote.identity(),
        }
    }

    /// What measures texts for it.
    pub(crate) fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        match self {
            Self::Local => Arc::new(Builtin),
            Self::Remote(remote) => remote.tokenizer(),
        }
    }
}

/// Refuses a run that would put vectors of another model beside those that are there: they cannot be compared, and a
/// search would find only half.
///
/// # Errors
/// [`FaultKind::Config`], with the way out.
pub(crate) fn unmixed(config: &Config, embedding: &Embedding, store: &Store) -> Result<(), Fault> {
    if config.embed().is_none() || config.sink != Sink::Store {
        return Ok(());
    }
    let ours = embedding.identity();
    match store.models()?.into_iter().find(|(name, _)| name != ours) {
        None => Ok(()),
        Some((theirs, dimensions)) => {
            let message = format!(
                "the vectors in {} are of {theirs} ({dimensions} dimensions), those of this run would be of {ours}",
                store.path().display()
            );
            Err(Fault::new(FaultKind::Config, message).hint(
                "vectors of two models cannot be compared: index into another store with --store, search there, and \
                 delete this one when it is no longer needed; or keep the model with --embed",
            ))
        }
    }
}
