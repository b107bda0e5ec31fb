//! Embedding questions with whatever made the vectors of a store.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_call::{CallCx, Priority};
use tidegate_core::{ContentHash, Embedder, Fault, FaultKind, Journal, Task, TraceId};
use tidegate_model::{Builtin, Text, TokenTable};
use tidegate_store::{ActiveSettings, Store};
use tokio::sync::OnceCell;

use crate::config::{Config, ModelRef};
use crate::embedding::Local;
use crate::lazy::Lazy;
use crate::recent::Recent;
use crate::remembered::configs_of;
use crate::services::{self, RemoteEmbedding, Services};
use crate::tables;

/// What embeds the questions to one generation of a store.
pub(crate) struct Questions {
    /// The number of the generation.
    generation: i64,
    identity: String,
    by: By,
    recent: Recent,
}

/// What embeds.
enum By {
    /// The table inside the program.
    Builtin,
    /// A table that was inside another version of the program.
    OtherTable,
    /// A table that was fitted to the store's texts, and is kept in it.
    Fitted(Fitted),
    /// A model whose files are on this machine.
    Here(Here),
    /// A model of a provider.
    Remote(Box<Remote>),
}

/// A table in a store; read when the first question needs it, so that a search for words needs none.
struct Fitted {
    store: Store,
    table: Mutex<Option<Arc<TokenTable>>>,
}

/// A model of files; read when the first question needs it, so that a search for words needs none.
struct Here {
    /// What may say where it is, best first.
    configs: Vec<Config>,
    model: Mutex<Option<Arc<dyn Embedder>>>,
}

/// A model of a provider; reached when the first question needs it, so that a search for words needs no key.
struct Remote {
    store: Store,
    /// What may say how it is reached, best first.
    configs: Vec<Config>,
    model: OnceCell<RemoteEmbedding>,
}

impl Questions {
    /// What made the vectors of the generation of `store` that is active now. `config` comes before what the store
    /// remembers.
    pub(crate) fn new(store: &Store, config: &Config) -> Result<Self, Fault> {
        let ActiveSettings { generation, models, settings } = store.active_settings()?;
        let by = |identity, by| Self { generation, identity, by, recent: Recent::default() };
        // A generation has vectors of one model; see `embedding::unmixed`.
        let Some((identity, _)) = models.into_iter().next() else {
            return Ok(by(Builtin::IDENTITY.to_owned(), By::Builtin));
        };
        if identity == Builtin::IDENTITY {
            return Ok(by(identity, By::Builtin));
        }
        if identity.starts_with(Builtin::FAMILY) {
            return Ok(by(identity, By::OtherTable));
        }
        if identity.starts_with(TokenTable::FAMILY) {
            let fitted = Fitted { store: store.clone(), table: Mutex::default() };
            return Ok(by(identity, By::Fitted(fitted)));
        }
        let mut configs = vec![config.clone()];
        for mut remembered in configs_of(settings)? {
            // Where a provider is now is said by whoever searches now.
            remembered.providers.extend(config.providers.clone());
            // So is what it costs: the file that was named then may be gone.
            remembered.limits.prices.clone_from(&config.limits.prices);
            configs.push(remembered);
        }
        Ok(if tidegate_bert::is_identity(&identity) {
            by(identity, By::Here(Here { configs, model: Mutex::default() }))
        } else {
            let remote = Remote { store: store.clone(), configs, model: OnceCell::new() };
            by(identity, By::Remote(Box::new(remote)))
        })
    }

    /// The number of the generation.
    pub(crate) fn generation(&self) -> i64 {
        self.generation
    }

    /// The name of the vectors.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The vector of a question, where it can be made on this machine, or was made a short while ago.
    pub(crate) fn embed_here(&self, question: &str) -> Result<Vec<f32>, Fault> {
        let key = ContentHash::of(question.as_bytes());
        if let Some(vector) = self.recent.get(&key) {
            return Ok(vector.to_vec());
        }
        let vector = self.made_here(question)?;
        self.recent.put(key, vector.as_slice().into());
        Ok(vector)
    }

    fn made_here(&self, question: &str) -> Result<Vec<f32>, Fault> {
        let mut vectors = match &self.by {
            By::Builtin => Builtin.embed(&[question], Task::Query)?,
            By::OtherTable => return Err(other_table(&self.identity)),
            By::Fitted(fitted) => fitted.reach(&self.identity)?.embed(&[question], Task::Query)?,
            By::Here(here) => here.reach(&self.identity)?.embed(&[question], Task::Query)?,
            By::Remote(_) => {
                let message =
                    format!("questions to this store are embedded by {}, which must be asked", self.identity);
                return Err(
                    Fault::new(FaultKind::Config, message).hint("use `Index::find`, or search for words")
                );
            }
        };
        vectors.pop().ok_or_else(|| Fault::new(FaultKind::Internal, "a question without a vector"))
    }

    /// The vector of a question.
    pub(crate) async fn embed(&self, question: &str) -> Result<Vec<f32>, Fault> {
        let By::Remote(remote) = &self.by else { return self.embed_here(question) };
        let key = ContentHash::of(question.as_bytes());
        if let Some(vector) = self.recent.get(&key) {
            return Ok(vector.to_vec());
        }
        let vector = self.asked(remote, question).await?;
        self.recent.put(key, vector.clone());
        Ok(vector.to_vec())
    }

    async fn asked(&self, remote: &Remote, question: &str) -> Result<Arc<[f32]>, Fault> {
        let model = remote.model.get_or_try_init(|| remote.reach(&self.identity)).await?;
        let tokens = model.tokenizer().count(question);
        let text = Text::new(question, u32::try_from(tokens).unwrap_or(u32::MAX));
        let cx = CallCx::new(Priority::Interactive, TraceId(0));
        let answers =
            model.embed(&[text], &cx).await.map_err(|fault| fault.during("embedding the question"))?;
        match answers.results.into_iter().next() {
            Some(vector) => vector,
            None => Err(Fault::new(FaultKind::Internal, "a question without an answer")),
        }
    }
}

impl Fitted {
    /// The table of this name, read the first time it is wanted.
    fn reach(&self, identity: &str) -> Result<Arc<TokenTable>, Fault> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = &*table {
            return Ok(table.clone());
        }
        let kept =
            tables::kept(&self.store, identity).map_err(|fault| fault.during("embedding the question"))?;
        Ok(table.insert(Arc::new(kept)).clone())
    }
}

impl Here {
    /// The model of this name, read the first time it is wanted.
    fn reach(&self, identity: &str) -> Result<Arc<dyn Embedder>, Fault> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*model {
            return Ok(model.clone());
        }
        let mut why = None;
        for embed in self.configs.iter().filter_map(Config::embed).filter(|embed| embed.model.is_of_files()) {
            match Local::open(embed) {
                Ok(Some(found)) if found.embedder.identity() == identity => {
                    return Ok(model.insert(found.embedder).clone());
                }
                Ok(Some(found)) => {
                    why = why.or_else(|| Some(another(&embed.model, (found.embedder.identity(), identity))));
                }
                Ok(None) => {}
                Err(fault) => why = Some(fault),
            }
        }
        Err(why.unwrap_or_else(|| unknown(identity)).during("embedding the question"))
    }
}

/// The vectors are those of another version's table.
fn other_table(identity: &str) -> Fault {
    let message =
        format!("these vectors are of {identity}, a table that this version of tidegate does not have");
    Fault::new(FaultKind::Config, message).hint(
        "build new ones with `tidegate index --regenerate`, and search for words with --mode text until then",
    )
}

/// What is there is not what made the vectors.
fn another(name: &ModelRef, (found, wanted): (&str, &str)) -> Fault {
    let message = format!("{name} is {found}, but these vectors are of {wanted}");
    Fault::new(FaultKind::Config, message)
        .hint("put the files back that they were made with, build new ones with `tidegate index --regenerate`, or search for words with --mode text")
}

fn unknown(identity: &str) -> Fault {
    Fault::new(
        FaultKind::Config,
        format!("how {identity} is reached, which made these vectors, is not known"),
    )
    .hint("name the pipeline.toml with --config, or search for words with --mode text")
}

impl Remote {
    async fn reach(&self, identity: &str) -> Result<RemoteEmbedding, Fault> {
        let known = self.store.models()?;
        let mut why = None;
        for config in &self.configs {
            let Some(embed) = config.embed().filter(|embed| embed.model.provider().is_some()) else {
                continue;
            };
            let services = Services::new(config)?;
            let named = services.reach(&embed.model).map(|reached| services::identity(&reached, embed));
            match named {
                Ok(name) if name == identity => {
                    let journal: Arc<dyn Journal> = Arc::new(Lazy(self.store.clone()));
                    return services::open(&services, (Task::Query, embed), (&known, Some(journal))).await;
                }
                Ok(_) => {}
                Err(fault) => why = Some(fault),
            }
        }
        Err(why.unwrap_or_else(|| unknown(identity)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_of_another_versions_table_says_so() {
        let questions = Questions {
            generation: 1,
            identity: "builtin/static-256@0123456789ab".to_owned(),
            by: By::OtherTable,
            recent: Recent::default(),
        };
        let fault = questions.embed("tides").await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Config);
        let said = fault.to_string();
        assert!(said.contains("0123456789ab") && said.contains("does not have"), "{said}");
    }
}
