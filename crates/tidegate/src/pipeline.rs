//! The stages that a configuration lists, made ready before anything is read: what cannot be reached is said at once.

use std::sync::Arc;

use tidegate_core::{Batch, Cpu, Each, Fault, Replies};
use tidegate_engine::Flow;
use tidegate_sandbox::Program;
use tidegate_store::Store;
use tidegate_text::{ChunkOptions, ParseOptions};

use crate::config::{self, Config, ModelRef, Stage};
use crate::embedding::Embedding;
use crate::map::{self, Left};
use crate::parser;
use crate::readers::Readers;
use crate::services::Services;
use crate::stages::{
    ChangeStage, ChunkStage, Context, EmbedCounts, EmbedStage, EnrichStage, FILES_AT_ONCE, HttpStage,
    ParseFiles, ParseStage, ProgramStage, RemoteEmbedStage, Standing, ValidateStage,
};
use crate::sweep::{self, SweepStage, Tally};
use crate::takeover::StoredChunks;

/// Stages in their order.
#[derive(Default)]
pub(crate) struct Built {
    stages: Vec<(String, Work)>,
    /// What the embed stage counts, if there is one.
    embedded: Option<Arc<EmbedCounts>>,
    /// What counts lines, where the engine counts blocks of them.
    pub(crate) tally: Option<Arc<Tally>>,
}

/// A stage, and how many of it work at once.
enum Work {
    Cpu(Arc<dyn Cpu>),
    Each(usize, Arc<dyn Each>),
    Batch(usize, Arc<dyn Batch>),
}

/// Makes the stages of `config`. Rows and documents of `left` are not tried.
///
/// # Errors
/// [`tidegate_core::FaultKind::Config`]: a service that cannot be reached as the configuration says.
pub(crate) fn build(
    config: &Config,
    (parser, left): (Option<&Program>, &Arc<Left>),
    with: (&Services, &Store, &Embedding),
) -> Result<Built, Fault> {
    if let Some(map) = &config.map {
        return build_job((config, map), (parser, left), with);
    }
    let mut built = Built::default();
    let mut validate = ValidateStage::new(config)?.map(|stage| Work::Cpu(Arc::new(stage)));
    for (at, stage) in config.stages.iter().enumerate() {
        // What is judged is the text, before anything is asked or paid about it.
        if !matches!(stage, Stage::Parse(_)) {
            built.add("validate", validate.take());
        }
        let work = match stage {
            Stage::Parse(parse) => Some(parse_stage(config, (parse, parser.cloned()), (with.0, with.1))?),
            Stage::Chunk(chunk) => Some(Work::Cpu(chunk_stage(chunk, with.2))),
            Stage::Embed(embed) if embed.model == ModelRef::None => None,
            Stage::Embed(embed) => {
                let (work, counts) = embed_stage(config, embed, with);
                built.embedded = Some(counts);
                Some(work)
            }
            Stage::Enrich(enrich) => Some(enrich_stage(config, (stage.name(), enrich), with)?),
            Stage::Http(http) => Some(http_stage((stage.name(), http), with)?),
            Stage::Filter(filter) => Some(change_stage(stage.name(), &filter.step())?),
            Stage::Set(set) => Some(change_stage(stage.name(), &set.step())?),
            Stage::Exec(own) => Some(program_stage(config, (at, own), parser, with.2)?),
        };
        built.add(stage.name(), work);
    }
    built.add("validate", validate.take());
    Ok(built)
}

/// Makes the stages of a map job.
fn build_job(
    (config, map): (&Config, &config::Map),
    (parser, left): (Option<&Program>, &Arc<Left>),
    with: (&Services, &Store, &Embedding),
) -> Result<Built, Fault> {
    let mut built = Built::default();
    if config.sweeps() {
        let tally = Arc::<Tally>::default();
        let stage = SweepStage::new(config, map, (tally.clone(), left))?;
        built.add(sweep::STAGE, Some(Work::Cpu(Arc::new(stage))));
        built.tally = Some(tally);
        return Ok(built);
    }
    if let config::Source::Files(_) = &config.source {
        let parse = (&config::Parse::default(), parser.cloned());
        built.add("parse", Some(parse_stage(config, parse, (with.0, with.1))?));
    }
    let journal: Arc<dyn Replies> = Arc::new(with.1.clone());
    for (name, work) in map::stages(config, map, (with.0, &journal), (parser, left))? {
        let work = match work {
            map::Work::Cpu(stage) => Work::Cpu(stage),
            map::Work::Each(most, stage) => Work::Each(most, stage),
        };
        built.add(&name, Some(work));
    }
    Ok(built)
}

/// Makes the stages of a run that takes documents over from another generation: their chunks as they are, and new
/// vectors.
pub(crate) fn build_takeover(config: &Config, with: (&Services, &Store, &Embedding)) -> Built {
    let mut built = Built::default();
    built.add("chunk", Some(Work::Cpu(Arc::new(StoredChunks::new(with.2.tokenizer())))));
    if let Some(embed) = config.embed() {
        let (work, counts) = embed_stage(config, embed, with);
        built.embedded = Some(counts);
        built.add("embed", Some(work));
    }
    built
}

impl Built {
    fn add(&mut self, name: &str, work: Option<Work>) {
        self.stages.extend(work.map(|work| (name.to_owned(), work)));
    }

    /// `flow` with the stages, and what the embed stage counts.
    pub(crate) fn add_to(self, mut flow: Flow) -> (Flow, Option<Arc<EmbedCounts>>) {
        for (name, work) in self.stages {
            flow = match work {
                Work::Cpu(stage) => flow.cpu(&name, stage),
                Work::Each(concurrency, stage) => flow.each(&name, concurrency, stage),
                Work::Batch(concurrency, stage) => flow.batch(&name, concurrency, stage),
            };
        }
        (flow, self.embedded)
    }
}

fn parse_stage(
    config: &Config,
    (parse, parser): (&config::Parse, Option<Program>),
    (services, store): (&Services, &Store),
) -> Result<Work, Fault> {
    Ok(match &config.source {
        // Rows are text; nobody waits for a child with them, and they go to the pool by the dozen.
        config::Source::Jsonl(_) | config::Source::Tail(_) => {
            Work::Cpu(Arc::new(ParseStage::new(parse_options(config, parse))))
        }
        config::Source::Files(_)
        | config::Source::Urls(_)
        | config::Source::Objects(_)
        | config::Source::Stdin(_) => {
            let journal: Arc<dyn Replies> = Arc::new(store.clone());
            let stage = parse_files(config, (parse, parser), (services, &journal))?;
            Work::Each(FILES_AT_ONCE, Arc::new(stage))
        }
    })
}

fn parse_options(config: &Config, parse: &config::Parse) -> ParseOptions {
    // Of rows, some are read at once; whole files are given what is free.
    let max_memory = usize::try_from(config.limits.memory.bytes() / 8).unwrap_or(usize::MAX).max(32 << 20);
    ParseOptions {
        max_memory,
        max_depth: parse.max_depth,
        keep_boilerplate: parse.boilerplate,
        ..ParseOptions::default()
    }
}

/// What parses files: `parser` what cannot be trusted, and what the configuration names in its place.
///
/// # Errors
/// As opening the readers that the configuration names.
pub(crate) fn parse_files(
    config: &Config,
    (parse, parser): (&config::Parse, Option<Program>),
    (services, journal): (&Services, &Arc<dyn Replies>),
) -> Result<ParseFiles, Fault> {
    let readers = Readers::open(config, parser.as_ref(), Some((services, journal)))?;
    let children = parser::children(config, parser);
    Ok(ParseFiles::new(parse_options(config, parse), (children, readers), config.clone()))
}

fn chunk_stage(chunk: &config::Chunk, embedding: &Embedding) -> Arc<dyn Cpu> {
    // What a model would cut off is never put into a chunk.
    let longest = match embedding {
        Embedding::Local(local) => local.longest.unwrap_or(usize::MAX),
        Embedding::Remote(_) => usize::MAX,
    };
    let max_tokens = chunk.max_tokens.min(longest);
    let options = ChunkOptions {
        max_tokens,
        overlap_tokens: chunk.overlap_tokens.min(max_tokens / 2),
        min_tokens: chunk.min_tokens.min(max_tokens / 2),
    };
    Arc::new(ChunkStage::new(embedding.tokenizer(), options))
}

fn embed_stage(
    config: &Config,
    embed: &config::Embed,
    (services, store, embedding): (&Services, &Store, &Embedding),
) -> (Work, Arc<EmbedCounts>) {
    match embedding {
        Embedding::Local(local) => {
            let stage = EmbedStage::new(local.embedder.clone(), Arc::new(store.clone()), embed.batch)
                .in_shares_of(local.share);
            let counts = stage.counts();
            // Two groups at once: one waits for the journal while the other is computed.
            (Work::Batch(or(embed.concurrency, 2), Arc::new(stage)), counts)
        }
        Embedding::Remote(model) => {
            let stage = RemoteEmbedStage::new(model.clone(), embed.batch, services.deck().cloned());
            let counts = stage.counts();
            // How many are really in flight is the lane's to say; here stand enough that it never lacks one.
            let most = config.most_in_flight(&embed.model);
            (Work::Batch(or(embed.concurrency, most), Arc::new(stage)), counts)
        }
    }
}

fn enrich_stage(
    config: &Config,
    (name, enrich): (&str, &config::Enrich),
    (services, store, embedding): (&Services, &Store, &Embedding),
) -> Result<Work, Fault> {
    let kept = (Arc::new(store.clone()) as _, embedding.tokenizer());
    let stage = EnrichStage::new((name, enrich), services, kept)?;
    Ok(Work::Each(or(enrich.concurrency, config.most_in_flight(&enrich.model)), Arc::new(stage)))
}

fn http_stage(
    (name, http): (&str, &config::Http),
    (services, store, _): (&Services, &Store, &Embedding),
) -> Result<Work, Fault> {
    let stage = HttpStage::new((name, http), services, Arc::new(store.clone()))?;
    // As with models, the lane says how many are in flight.
    let most = if http.concurrency == 0 { MOST_ASKED } else { http.concurrency as usize };
    Ok(Work::Each(most, Arc::new(stage)))
}

fn change_stage(name: &str, step: &config::Step) -> Result<Work, Fault> {
    Ok(Work::Cpu(Arc::new(ChangeStage::new(name, step)?)))
}

fn program_stage(
    config: &Config,
    (at, own): (usize, &config::OwnProgram),
    launcher: Option<&Program>,
    embedding: &Embedding,
) -> Result<Work, Fault> {
    let before = |wanted: &str| config.stages[..at].iter().any(|stage| stage.kind() == wanted);
    let (chunks, embedded) = (before("chunk"), before("embed"));
    let context = (chunks && !embedded).then(|| Context::new(embedding.tokenizer()));
    let place = Standing { chunks, context, fields: config.keeps_fields(at) };
    let options = parse_options(config, config.parse().unwrap_or(&config::Parse::default()));
    let stage = (config.stages[at].name(), own);
    let stage = ProgramStage::new(config, stage, launcher, (place, options))?;
    Ok(Work::Each(stage.width(), Arc::new(stage)))
}

/// Records that wait for a service whose concurrency is found out.
const MOST_ASKED: usize = 64;

/// What was set, or `usual` where nothing was.
fn or(set: usize, usual: usize) -> usize {
    if set == 0 { usual } else { set }
}
