//! What makes the vectors of a pipeline: the table inside the program, a model whose files are here, or a model of a
//! provider.

use std::path::Path;
use std::sync::Arc;

use tidegate_core::{Embedder, Fault, FaultKind, Journal, Task, Tokenizer};
use tidegate_model::{Builtin, TokenTable};
use tidegate_store::Store;

use crate::config::{Config, EMBED, Embed, ModelRef, Sink};
use crate::services::{self, RemoteEmbedding, Services};
use crate::{models, tables};

/// What makes vectors.
pub(crate) enum Embedding {
    /// On this machine's cores.
    Local(Local),
    /// A model of a provider.
    Remote(Arc<RemoteEmbedding>),
}

/// An embedder of this machine.
#[derive(Clone)]
pub(crate) struct Local {
    pub(crate) embedder: Arc<dyn Embedder>,
    /// The most tokens of a text that its vector knows of, where more would be cut off.
    pub(crate) longest: Option<usize>,
    /// Texts that are worth another core: few where each takes milliseconds.
    pub(crate) share: usize,
    /// The table that it is, if it was fitted to somebody's texts: a store with its vectors keeps it.
    pub(crate) table: Option<Arc<TokenTable>>,
    /// Words that go before questions; which they are is no part of the embedder's identity.
    pub(crate) query_prefix: String,
}

impl Local {
    /// The table inside the program.
    pub(crate) fn builtin() -> Self {
        Self {
            embedder: Arc::new(Builtin),
            longest: None,
            share: 16,
            table: None,
            query_prefix: String::new(),
        }
    }

    /// A table that was fitted to somebody's texts.
    pub(crate) fn fitted(table: TokenTable) -> Self {
        let table = Arc::new(table);
        Self { embedder: table.clone(), table: Some(table), ..Self::builtin() }
    }

    /// The same for work on `store`: where `builtin` is asked for and the store's vectors are of a table that was fitted
    /// to it, that table, which took the other's place. A fitted table is kept in the store from now on.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a table that is not there any more or damaged; storage faults.
    pub(crate) async fn in_store(self, config: &Config, store: &Store) -> Result<Self, Fault> {
        let builtin = config.embed().is_some_and(|embed| embed.model == ModelRef::Builtin);
        if builtin && let Some(name) = tables::in_use(store)? {
            return Ok(Self::fitted(tables::kept(store, &name)?));
        }
        self.kept_in(store).await
    }

    /// The same as it is; a fitted table is kept in the store from now on.
    ///
    /// # Errors
    /// Storage faults.
    pub(crate) async fn kept_in(self, store: &Store) -> Result<Self, Fault> {
        if let Some(table) = &self.table {
            tables::keep(store, table).await?;
        }
        Ok(self)
    }

    /// What makes the vectors of `config`, if that works on this machine; the table inside the program also where none
    /// are made, to measure chunks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, Fault> {
        config.embed().map_or_else(|| Ok(Some(Self::builtin())), Self::open)
    }

    /// What `embed` names, if that works on this machine.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a model that is not there, or cannot be run.
    pub(crate) fn open(embed: &Embed) -> Result<Option<Self>, Fault> {
        if embed.model.provider().is_some() {
            return Ok(None);
        }
        if let ModelRef::Folder(path) = &embed.model
            && tables::is_table(path)
        {
            let plain = Embed { batch: embed.batch, concurrency: embed.concurrency, ..Embed::default() };
            if *embed != (Embed { model: embed.model.clone(), ..plain }) {
                let why = format!("{path} is a table, which has neither a precision nor words before texts");
                return Err(Fault::new(FaultKind::Config, why).hint("leave them out"));
            }
            return Ok(Some(Self::fitted(tables::read(Path::new(path))?)));
        }
        let Some(bert) = models::open(embed)? else { return Ok(Some(Self::builtin())) };
        let longest = Some(bert.max_tokens());
        let query_prefix = bert.prefixes().query.clone();
        Ok(Some(Self { embedder: Arc::new(bert), longest, share: 2, table: None, query_prefix }))
    }
}

/// The name of the vectors that a run of `config` would make, and their length as far as it is known; `None` without
/// vectors.
///
/// # Errors
/// As [`Local::open`] and opening a model of a provider, which is not asked.
pub(crate) fn identity_of(config: &Config, services: &Services) -> Result<Option<(String, usize)>, Fault> {
    let Some(embed) = config.embed() else { return Ok(None) };
    if let Some(local) = Local::open(embed)? {
        return Ok(Some((local.embedder.identity().to_owned(), local.embedder.dimensions())));
    }
    Ok(Some((services::identity(&services.reach(&embed.model)?, embed), embed.dimensions)))
}

impl Embedding {
    /// The model of a provider that `embed` names, for `task`; its vectors are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a provider or key that is not there, a model without vectors; faults of a first call, where
    /// the length of the vectors must be asked for.
    pub(crate) async fn open(
        (task, embed): (Task, &Embed),
        (services, store): (&Services, &Store),
        journal: Option<Arc<dyn Journal>>,
    ) -> Result<Self, Fault> {
        let mut known = store.models()?;
        if let Some(length) = services.deck().and_then(|deck| deck.length(EMBED)) {
            known.push((services::identity(&services.reach(&embed.model)?, embed), length));
        }
        let remote = services::open(services, (task, embed), (&known, journal)).await?;
        Ok(Self::Remote(Arc::new(remote)))
    }

    /// The name under which its vectors are kept.
    pub(crate) fn identity(&self) -> &str {
        match self {
            Self::Local(local) => local.embedder.identity(),
            Self::Remote(remote) => remote.identity(),
        }
    }

    /// What measures texts for it.
    pub(crate) fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        match self {
            Self::Local(local) => Arc::new(TokenizerOf(local.embedder.clone())),
            Self::Remote(remote) => remote.tokenizer(),
        }
    }
}

/// The tokenizer of an embedder, which belongs to it.
struct TokenizerOf(Arc<dyn Embedder>);

impl Tokenizer for TokenizerOf {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        self.0.tokenizer().token_starts(text, starts);
    }

    fn count(&self, text: &str) -> usize {
        self.0.tokenizer().count(text)
    }
}

/// Refuses a run that would put vectors of another model beside those that are there: they cannot be compared, and a
/// search would find only half.
///
/// # Errors
/// [`FaultKind::Config`], with the way out.
pub(crate) fn unmixed(
    config: &Config,
    embedding: &Embedding,
    (store, into): (&Store, Option<i64>),
) -> Result<(), Fault> {
    if config.embed().is_none() || config.sink != Sink::Store {
        return Ok(());
    }
    let ours = embedding.identity();
    let models = into.map_or_else(|| store.models(), |into| store.models_of(into))?;
    match models.into_iter().find(|(name, _)| name != ours) {
        None => Ok(()),
        Some((theirs, dimensions)) => {
            let message = format!(
                "the vectors in {} are of {theirs} ({dimensions} dimensions), those of this run would be of {ours}",
                store.path().display()
            );
            Err(Fault::new(FaultKind::Config, message).hint(
                "vectors of two models cannot be compared: add --regenerate to build a generation with the new ones \
                 beside the old one, which answers searches until it is complete; or keep the model with --embed",
            ))
        }
    }
}
