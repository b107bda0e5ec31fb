//! The embedder: tokens, encoder, pooling.

use std::path::Path;

use tidegate_core::{ContentHash, Embedder, Fault, FaultKind, Task, Tokenizer};
use tidegate_model::WordPiece;

use crate::encoder::Encoder;
use crate::folder::{self, Described, WEIGHTS};
use crate::pooling::Pooling;
use crate::tensors::Tensors;
use crate::workers::Workers;

/// How numbers are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Precision {
    /// Bytes, with a scale for each output of a layer and each token: about twice as fast, a quarter of the memory, and
    /// vectors whose cosine to the exact ones is 0.998.
    #[default]
    Int8,
    /// 32-bit floats, as the model was trained.
    F32,
}

impl Precision {
    /// The name, as it stands in a configuration and in a model's identity.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::F32 => "f32",
        }
    }
}

/// Words that go before texts, for models that were trained so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefixes {
    /// Before questions.
    pub query: String,
    /// Before what is to be found.
    pub document: String,
}

impl Prefixes {
    fn of(&self, task: Task) -> &str {
        match task {
            Task::Query => &self.query,
            Task::Document => &self.document,
        }
    }
}

/// What may be chosen about a model.
#[derive(Debug, Clone, Default)]
pub struct BertOptions {
    /// How numbers are computed with.
    pub precision: Precision,
    /// Words before questions, instead of the model's own.
    pub query_prefix: Option<String>,
    /// Words before what is to be found, instead of the model's own.
    pub document_prefix: Option<String>,
}

/// A model of the BERT family, in memory.
pub struct Bert {
    identity: String,
    tokenizer: WordPiece,
    /// The tokens before and after every text.
    ends: [u32; 2],
    encoder: Encoder,
    workers: Workers,
    hidden: usize,
    pooling: Pooling,
    /// With both ends.
    most_tokens: usize,
    prefixes: Prefixes,
}

/// Tokens that go through the model together. Weights are read once for all of them; beyond some hundred that gains
/// nothing, and what is made of them no longer fits a core's cache.
const TOGETHER: usize = 512;

/// What the identities of all models of this crate begin with.
const FAMILY: &str = "bert/";

/// Whether vectors of this name were made by a model of this crate.
#[must_use]
pub fn is_identity(name: &str) -> bool {
    name.starts_with(FAMILY)
}

impl Bert {
    /// Reads a model from the folder with its files: `config.json`, `model.safetensors`, `vocab.txt` or
    /// `tokenizer.json`, and, where they are there, `modules.json`, its pooling, `sentence_bert_config.json`,
    /// `config_sentence_transformers.json` and `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: files that are missing or damaged, models of other families.
    pub fn open(folder: &Path, options: &BertOptions) -> Result<Self, Fault> {
        let described = folder::describe(folder)?;
        let mut tensors = Tensors::open(&folder.join(WEIGHTS))?;
        let weights = tensors.hash()?;
        let workers = Workers::default();
        let encoder = workers.run(|| Encoder::read(&described.spec, &mut tensors, options.precision))??;
        let Described { spec, pooling, most_tokens, vocabulary, uncased, prefixes } = described;
        let tokenizer = if uncased { WordPiece::new(&vocabulary) } else { WordPiece::cased(&vocabulary) }?;
        let ends = ends(&tokenizer, folder)?;
        if tokenizer.most_id() as usize >= spec.vocabulary {
            let why = format!(
                "the vocabulary in {} has more tokens than the model's {}",
                folder.display(),
                spec.vocabulary
            );
            return Err(Fault::new(FaultKind::Config, why).hint("take all files of one model"));
        }
        let prefixes = Prefixes {
            query: options.query_prefix.clone().unwrap_or(prefixes.query),
            document: options.document_prefix.clone().unwrap_or(prefixes.document),
        };
        let cased = if uncased { "" } else { " cased" };
        let said = format!("{spec:?} {} {most_tokens} {ends:?}{cased}", pooling.name());
        let parts = [weights.as_ref(), vocabulary.as_bytes(), said.as_bytes(), prefixes.document.as_bytes()];
        let hash = ContentHash::of_parts(&parts).to_hex();
        let identity =
            format!("{FAMILY}{}x{}-{}@{}", spec.layers, spec.hidden, options.precision.name(), &hash[..12]);
        Ok(Self {
            identity,
            tokenizer,
            ends,
            encoder,
            workers,
            hidden: spec.hidden,
            pooling,
            most_tokens,
            prefixes,
        })
    }

    /// How tokens become one vector.
    #[must_use]
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The words that go before texts.
    #[must_use]
    pub fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    /// How many tokens of a text go through the model, those at its ends included.
    #[must_use]
    pub fn tokens(&self, text: &str) -> usize {
        self.ids(text, Task::Document).map_or(0, |ids| ids.len())
    }

    /// The tokens of a text as the model sees them; `None` for a text without any.
    fn ids(&self, text: &str, task: Task) -> Option<Vec<u32>> {
        let mut ids = vec![self.ends[0]];
        self.tokenizer.encode(text, &mut ids);
        if ids.len() == 1 {
            return None;
        }
        let prefix = self.prefixes.of(task);
        if !prefix.is_empty() {
            ids.truncate(1);
            self.tokenizer.encode(&format!("{prefix}{text}"), &mut ids);
        }
        ids.truncate(self.most_tokens - 1);
        ids.push(self.ends[1]);
        Some(ids)
    }

    /// The vector of each token of the vocabulary as a text of its own, in order of the ids: what a table of token
    /// vectors begins with.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub fn token_vectors(&self) -> Result<Vec<Vec<f32>>, Fault> {
        let texts: Vec<[u32; 3]> =
            (0..=self.tokenizer.most_id()).map(|id| [self.ends[0], id, self.ends[1]]).collect();
        self.workers.run(|| {
            let mut vectors = Vec::with_capacity(texts.len());
            for group in texts.chunks(TOGETHER / 3) {
                let group: Vec<&[u32]> = group.iter().map(<[u32; 3]>::as_slice).collect();
                vectors.extend(self.run(&group)?);
            }
            Ok(vectors)
        })?
    }

    /// The vectors of a few texts, in order.
    fn run(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>, Fault> {
        let rows = self.encoder.run(texts);
        let mut from = 0;
        let mut vectors = Vec::with_capacity(texts.len());
        for ids in texts {
            let to = from + ids.len() * self.hidden;
            let vector = self.pooling.pool(&rows[from..to], self.hidden).ok_or_else(|| {
                Fault::new(FaultKind::Config, format!("{} makes no vector of a text", self.identity))
                    .hint("its weights overflow: fetch the model again, or use another")
            })?;
            vectors.push(vector);
            from = to;
        }
        Ok(vectors)
    }
}

fn ends(tokenizer: &WordPiece, folder: &Path) -> Result<[u32; 2], Fault> {
    let id = |token| {
        tokenizer.id(token).ok_or_else(|| {
            Fault::new(FaultKind::Config, format!("the vocabulary in {} has no {token}", folder.display()))
                .hint("only models with the tokenizer of BERT can be used")
        })
    };
    Ok([id("[CLS]")?, id("[SEP]")?])
}

impl Embedder for Bert {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn dimensions(&self) -> usize {
        self.hidden
    }

    fn tokenizer(&self) -> &dyn Tokenizer {
        &self.tokenizer
    }

    /// Without the two tokens at the ends and the words before.
    fn max_tokens(&self) -> usize {
        let before = self.tokenizer.count(&self.prefixes.document);
        self.most_tokens.saturating_sub(2 + before).max(1)
    }

    /// Uses one core, whose work the calling thread waits for. Texts beyond the model's longest are cut off there.
    fn embed(&self, texts: &[&str], task: Task) -> Result<Vec<Vec<f32>>, Fault> {
        self.workers.run(|| self.embed_here(texts, task))?
    }
}

impl Bert {
    fn embed_here(&self, texts: &[&str], task: Task) -> Result<Vec<Vec<f32>>, Fault> {
        let ids: Vec<Option<Vec<u32>>> = texts.iter().map(|text| self.ids(text, task)).collect();
        let mut vectors = vec![vec![0.0; self.hidden]; texts.len()];
        let mut group = Group::default();
        for (place, ids) in ids.iter().enumerate() {
            let Some(ids) = ids else { continue };
            if group.tokens + ids.len() > TOGETHER {
                self.fill(&mut group, &mut vectors)?;
            }
            group.ids.push(ids);
            group.places.push(place);
            group.tokens += ids.len();
        }
        self.fill(&mut group, &mut vectors)?;
        Ok(vectors)
    }

    /// Puts the vectors of a group, which may be empty, into their places, and empties it.
    fn fill(&self, group: &mut Group<'_>, vectors: &mut [Vec<f32>]) -> Result<(), Fault> {
        let Group { ids, places, .. } = std::mem::take(group);
        if ids.is_empty() {
            return Ok(());
        }
        for (place, vector) in places.into_iter().zip(self.run(&ids)?) {
            vectors[place] = vector;
        }
        Ok(())
    }
}

/// Texts that go through the model together.
#[derive(Default)]
struct Group<'a> {
    ids: Vec<&'a [u32]>,
    /// Which text of the call each is.
    places: Vec<usize>,
    tokens: usize,
}
