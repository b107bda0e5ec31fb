//! Rules across keys: what each value alone cannot show.

use tidegate_connect::Place;
use tidegate_connect::guard::Url;
use tidegate_core::{Fault, FaultKind};

use super::check::placed;
use super::model::Config;
use super::model_ref::ModelRef;
use super::origin::{Origin, Origins};
use super::sandbox::{Format, Ocr};
use super::sink::{Sink, Vectors};
use super::source::{Objects, RowFormat, Source, Urls};
use super::stage::Precision;
use crate::readers::{IMAGE, check_command};

/// Checks every rule.
///
/// # Errors
/// The first rule that is broken, naming the keys, their values and where these came from.
pub(super) fn validate(config: &Config, origins: &Origins) -> Result<(), Fault> {
    let rules = Rules { config, origins };
    rules.name()?;
    rules.source()?;
    rules.order()?;
    rules.chunk()?;
    rules.worth()?;
    rules.formats()?;
    rules.asked()?;
    rules.sink()?;
    rules.store()?;
    rules.search()?;
    rules.sandbox()?;
    rules.limits()
}

pub(super) struct Rules<'a> {
    pub(super) config: &'a Config,
    origins: &'a Origins,
}

/// The least memory with which a run gets anywhere: one document of ordinary size and its chunks.
const LEAST_MEMORY: u64 = 1_000_000;
/// The least line worth reading.
const LEAST_LINE: u64 = 16;
/// Beyond this, a chunk is a book.
const MOST_TOKENS: usize = 1 << 20;
/// Longer than any vector of today.
const MOST_DIMENSIONS: usize = 65_536;
/// Longer instructions than any model was trained with, in bytes.
pub(super) const MOST_WORDS: usize = 2_000;
/// More threads than any machine of today has cores.
const MOST_CORES: usize = 4_096;

/// What to write where a model that answers is wanted.
pub(super) const A_MODEL: &str = "name a model of a provider, such as openai:gpt-4o-mini or ollama:llama3.2";

impl Rules<'_> {
    /// `ok`, or a fault about `key`; its value's origin is named.
    pub(super) fn need(&self, ok: bool, key: &str, must: &str, hint: &str) -> Result<(), Fault> {
        if ok {
            return Ok(());
        }
        let fault = Fault::new(FaultKind::Config, format!("{key} {must}"));
        let fault = if hint.is_empty() { fault } else { fault.hint(hint) };
        Err(self.at(key, fault))
    }

    /// `fault`, beginning with where `key` was set.
    pub(super) fn at(&self, key: &str, fault: Fault) -> Fault {
        placed(fault, self.origins.of(key))
    }

    fn name(&self) -> Result<(), Fault> {
        let name = &self.config.pipeline.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ok = (1..=64).contains(&name.len()) && name.chars().all(plain);
        self.need(ok, "pipeline.name", "must be 1 to 64 letters, digits, `-`, `_` or `.`", "")
    }

    fn source(&self) -> Result<(), Fault> {
        let source = &self.config.source;
        match source {
            Source::Urls(urls) => return self.urls(urls),
            Source::Objects(objects) => return self.objects(objects),
            _ => {}
        }
        let some = matches!(source, Source::Stdin(_)) || !source.paths().is_empty();
        self.need(some, "source.paths", "is empty", "name the files to read, such as paths = [\"docs\"]")?;
        let named = source.paths().iter().all(|path| !path.is_empty() && !path.contains('\0'));
        self.need(named, "source.paths", "has an empty path", "write \".\" for the folder itself")?;
        let (line, text, id) = match source {
            Source::Files(_) | Source::Urls(_) | Source::Objects(_) => return Ok(()),
            Source::Jsonl(rows) => (rows.max_line, &rows.text_field, &rows.id_field),
            Source::Stdin(rows) => (rows.max_line, &rows.text_field, &rows.id_field),
            Source::Tail(rows) => (rows.max_line, &rows.text_field, &rows.id_field),
        };
        let tables = match source {
            Source::Stdin(rows) => rows.format == RowFormat::Parquet,
            Source::Tail(rows) => rows.format == RowFormat::Parquet,
            _ => false,
        };
        self.need(!tables, "source.format", "is \"parquet\"", "Parquet files are read by tidegate map")?;
        let must = format!("({line}) must be at least {LEAST_LINE}B");
        self.need(line.bytes() >= LEAST_LINE, "source.max_line", &must, "")?;
        self.need(!text.is_empty(), "source.text_field", "is empty", "name the field that holds the text")?;
        let named = id.as_ref().is_none_or(|id| !id.is_empty());
        self.need(named, "source.id_field", "is empty", "leave it out to know lines by their number")
    }

    fn urls(&self, urls: &Urls) -> Result<(), Fault> {
        let hint = "name files that list URLs, such as paths = [\"urls.jsonl\"], or urls = [\"https://example.org/a\"]";
        self.need(!urls.paths.is_empty() || !urls.urls.is_empty(), "source.paths", "is empty", hint)?;
        let named = urls.paths.iter().all(|path| !path.is_empty() && !path.contains('\0'));
        self.need(named, "source.paths", "has an empty path", "name the file that lists the URLs")?;
        let policy = urls.policy();
        for url in &urls.urls {
            let Err(fault) = Url::parse(url, policy) else { continue };
            self.need(
                false,
                "source.urls",
                &format!("has one that cannot be fetched: {fault}"),
                fault.hint_text().unwrap_or_default(),
            )?;
        }
        let named = urls.secrets.iter().all(|name| !name.is_empty() && !name.contains(['\0', '=']));
        let named =
            named && urls.secrets.iter().all(|name| !name.starts_with("file:") || name.starts_with("file:/"));
        let must = "names something that is neither a variable nor a file by its whole path";
        self.need(named, "source.secrets", must, "write \"NAME\" or \"file:/PATH\"")?;
        for (key, value) in [("downloads", urls.downloads), ("concurrency", urls.concurrency as usize)] {
            let must = format!("({value}) must be from 1 to 1024");
            self.need((1..=1_024).contains(&value), &format!("source.{key}"), &must, "")?;
        }
        let must = format!("({}) must be at least 1ms", urls.timeout);
        self.need(!urls.timeout.duration().is_zero(), "source.timeout", &must, "")?;
        let must = format!("({}) must be at least {LEAST_LINE}B", urls.max_line);
        self.need(urls.max_line.bytes() >= LEAST_LINE, "source.max_line", &must, "")
    }

    fn objects(&self, objects: &Objects) -> Result<(), Fault> {
        let hint = "name what to read, such as urls = [\"s3://bucket/prefix\"]";
        self.need(!objects.urls.is_empty(), "source.urls", "is empty", hint)?;
        for url in &objects.urls {
            let Err(fault) = Place::parse(url) else { continue };
            let must = format!("has one that cannot be read: {fault}");
            self.need(false, "source.urls", &must, fault.hint_text().unwrap_or_default())?;
        }
        let some = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.is_empty());
        for (key, ok) in [
            ("endpoint", some(&objects.endpoint)),
            ("region", some(&objects.region)),
            ("account", some(&objects.account)),
        ] {
            self.need(ok, &format!("source.{key}"), "is empty", "leave it out for the usual one")?;
        }
        let must = format!("({}) must be from 1 to 1024", objects.downloads);
        self.need((1..=1_024).contains(&objects.downloads), "source.downloads", &must, "")?;
        let must = format!("({}) must be at least 1ms", objects.timeout);
        self.need(!objects.timeout.duration().is_zero(), "source.timeout", &must, "")
    }

    fn chunk(&self) -> Result<(), Fault> {
        if let Some(parse) = self.config.parse() {
            self.need(parse.max_depth >= 1, "stage.parse.max_depth", "must be at least 1", "")?;
        }
        if let Some(chunk) = self.config.chunk() {
            let (max, overlap, min) = (chunk.max_tokens, chunk.overlap_tokens, chunk.min_tokens);
            let must = format!("({max}) must be from 1 to {MOST_TOKENS}");
            self.need((1..=MOST_TOKENS).contains(&max), "stage.chunk.max_tokens", &must, "")?;
            self.less("stage.chunk.overlap_tokens", overlap, max)?;
            self.less("stage.chunk.min_tokens", min, max)?;
        }
        if let Some(embed) = self.config.embed() {
            let must = format!("({}) must be from 1 to 65536", embed.batch);
            self.need((1..=65_536).contains(&embed.batch), "stage.embed.batch", &must, "")?;
            let must = format!("({}) must be at most {MOST_DIMENSIONS}", embed.dimensions);
            self.need(embed.dimensions <= MOST_DIMENSIONS, "stage.embed.dimensions", &must, "")?;
            let own = embed.dimensions == 0 || embed.model.provider().is_some();
            let must = "belongs to a model of a provider";
            self.need(
                own,
                "stage.embed.dimensions",
                must,
                "leave it out: a model on this machine has one length",
            )?;
            for (key, words) in [
                ("stage.embed.document_prefix", &embed.document_prefix),
                ("stage.embed.query_prefix", &embed.query_prefix),
            ] {
                let own = words.is_empty() || embed.model != ModelRef::Builtin;
                self.need(
                    own,
                    key,
                    "belongs to a model that was trained with words",
                    "leave it out: builtin was not",
                )?;
                let must = format!("has more than {MOST_WORDS} bytes");
                self.need(words.len() <= MOST_WORDS, key, &must, "")?;
            }
            let own = embed.precision == Precision::default() || embed.model.is_of_files();
            let hint = "leave it out, or name a model such as minilm or ./FOLDER";
            self.need(
                own,
                "stage.embed.precision",
                "belongs to a model whose files are on this machine",
                hint,
            )?;
            let must = format!("({}) must be at most {MOST_CORES}", embed.concurrency);
            self.need(embed.concurrency <= MOST_CORES, "stage.embed.concurrency", &must, "")?;
        }
        Ok(())
    }

    /// What documents must be like: rules that something can follow.
    fn worth(&self) -> Result<(), Fault> {
        let rules = &self.config.validate;
        rules.rules().map_err(|fault| self.at("validate.schema", fault))?;
        for code in &rules.languages {
            let must =
                format!("has \"{}\", which is no language that is told from others", code.escape_debug());
            let known = format!("they are {}", tidegate_text::languages().join(", "));
            self.need(tidegate_text::is_language(code), "validate.languages", &must, &known)?;
        }
        let named = rules.require.iter().all(|name| !name.is_empty());
        self.need(named, "validate.require", "has an empty name", "name the fields that must be there")?;
        let (least, most) = (rules.min_text, rules.max_text);
        let must = format!("({least}) must be at most validate.max_text ({most})");
        self.need(most == 0 || least <= most, "validate.min_text", &must, "no text could be both")
    }

    /// What reads files of a format is something that can.
    fn formats(&self) -> Result<(), Fault> {
        for (name, format) in &self.config.formats {
            let key = |key: &str| format!("formats.{name}.{key}");
            if let Some(parser) = &format.parser {
                self.parser(&key("parser"), parser, format)?;
            }
            let read = format.parser.is_some() || format.ocr != Ocr::Off;
            let must = "are of a format that nothing reads";
            self.need(format.extensions.is_empty() || read, &key("extensions"), must, "name its parser")?;
            let plain = |text: &String| !text.is_empty() && !text.contains(['/', '\\', '\0', '+', ' ']);
            let must = "has one that is none";
            self.need(
                format.extensions.iter().all(plain),
                &key("extensions"),
                must,
                "write them as \"dwg\"",
            )?;
            let hint = "`tesseract --list-langs` prints those that are installed, such as eng and deu";
            self.need(format.ocr_languages.iter().all(plain), &key("ocr_languages"), must, hint)?;
            let pictures = format.ocr == Ocr::Off || ["pdf", IMAGE].contains(&&**name);
            self.need(pictures, &key("ocr"), "is for pdf and image", "leave it out")?;
            let one = format.ocr == Ocr::Off || format.parser.is_none();
            self.need(
                one,
                &key("ocr"),
                "stands beside a parser, which reads everything",
                "leave one of them out",
            )?;
        }
        Ok(())
    }

    /// A command that reads, or the address of a service that may be called.
    fn parser(&self, key: &str, parser: &str, format: &Format) -> Result<(), Fault> {
        let hint = "write it as \"cmd:PROGRAM ARGUMENTS\" or \"https://HOST\"";
        if let Some(url) = format.service() {
            let Err(fault) = Url::parse(url, format.policy()) else { return Ok(()) };
            let hint = match format.allow_private {
                true => fault.hint_text().unwrap_or(hint),
                false => "write allow_private = true below it, if it is a service of your own",
            };
            return self.need(false, key, &format!("cannot be called: {fault}"), hint);
        }
        let line = parser.strip_prefix("cmd:");
        self.need(line.is_some(), key, "names no program and no service", hint)?;
        let wrong = line.map(check_command).and_then(Result::err).unwrap_or_default();
        self.need(wrong.is_empty(), key, &wrong, hint)
    }

    fn less(&self, key: &str, value: usize, max: usize) -> Result<(), Fault> {
        const MAX: &str = "stage.chunk.max_tokens";
        if self.origins.of(key) != &Origin::Default {
            let must = format!("({value}) must be less than {MAX} ({max}, {})", self.origins.of(MAX));
            return self.need(value < max, key, &must, "an eighth of max_tokens is usual");
        }
        // A default cannot be at fault: the mistake is where max_tokens was set.
        let must = format!("({max}) must be more than {key} ({value}, default)");
        self.need(value < max, MAX, &must, &format!("lower {key} too; an eighth of max_tokens is usual"))
    }

    fn sink(&self) -> Result<(), Fault> {
        let vectors = match &self.config.sink {
            Sink::Store => return Ok(()),
            Sink::Webhook(sink) => sink.vectors,
            Sink::Jsonl(sink) => {
                let named = !sink.path.is_empty() && !sink.path.contains('\0');
                let hint = "name the file to write, or \"-\" for standard output";
                self.need(named, "sink.path", "is empty", hint)?;
                if let Some(Err(fault)) = sink.place() {
                    let must = format!("cannot be written to: {fault}");
                    self.need(false, "sink.path", &must, fault.hint_text().unwrap_or_default())?;
                }
                sink.vectors
            }
        };
        let vectors = vectors == Vectors::None || self.config.embed().is_some();
        let hint = "add [[stage]] with type = \"embed\", or set vectors = \"none\"";
        self.need(vectors, "sink.vectors", "asks for vectors, but no stage makes any", hint)
    }

    fn store(&self) -> Result<(), Fault> {
        let url = &self.config.store.url;
        let (scheme, path) = match url.split_once(':') {
            Some((scheme, rest)) if scheme == "sqlite" || rest.starts_with("//") => (scheme, rest),
            _ => ("sqlite", url.as_str()),
        };
        let hint = "write sqlite:PATH, such as sqlite:tidegate.db";
        // What follows the scheme may hold a password, so it is not repeated.
        let must = format!("has the scheme `{}`, for which there is no store", scheme.escape_debug());
        self.need(scheme == "sqlite", "store.url", &must, hint)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let file = !path.is_empty() && !path.starts_with(":memory:") && !path.contains('\0');
        self.need(file, "store.url", "names no file", hint)
    }

    fn limits(&self) -> Result<(), Fault> {
        let limits = &self.config.limits;
        let must = format!("({}) must be at least 1MB", limits.memory);
        self.need(
            limits.memory.bytes() >= LEAST_MEMORY,
            "limits.memory",
            &must,
            "256MB suits most machines",
        )?;
        for (key, value) in [
            ("limits.fetches", limits.fetches),
            ("limits.in_flight", limits.in_flight),
            ("limits.queue_items", limits.queue_items),
        ] {
            let must = format!("({value}) must be from 1 to 1000000");
            self.need((1..=1_000_000).contains(&value), key, &must, "")?;
        }
        self.need(limits.queue_bytes.bytes() > 0, "limits.queue_bytes", "must be more than 0", "")?;
        let must = format!("({}) must be at most {MOST_CORES}", limits.cores);
        self.need(limits.cores <= MOST_CORES, "limits.cores", &must, "0 means all")?;
        let budget = limits.budget.unwrap_or_default();
        let must = format!("({budget}) must be an amount of money");
        let hint = "leave it out for no limit; 0 lets nothing be paid";
        self.need(budget >= 0.0 && budget.is_finite(), "limits.budget", &must, hint)?;
        let ask = &self.config.ask;
        let must = format!("({}) must be from 1 to 1000", ask.passages);
        self.need((1..=1_000).contains(&ask.passages), "ask.passages", &must, "8 suits most models")?;
        let must = format!("({}) must be at least 1", ask.max_tokens);
        self.need(ask.max_tokens >= 1, "ask.max_tokens", &must, "")?;
        let must = format!("({}) must be from 0 to 2", ask.temperature);
        self.need((0.0..=2.0).contains(&ask.temperature), "ask.temperature", &must, "")?;
        let must = format!("is {}, which makes vectors and no answers", ask.model);
        self.need(!ask.model.only_embeds(), "ask.model", &must, A_MODEL)?;
        self.fallback()?;
        let share = self.config.sweep.max_share;
        let must = format!("({share}) must be from 0 to 1");
        self.need((0.0..=1.0).contains(&share), "sweep.max_share", &must, "0.1 is one in ten")
    }

    fn fallback(&self) -> Result<(), Fault> {
        let ask = &self.config.ask;
        let must = format!("is {}, which makes vectors and no answers", ask.fallback);
        self.need(!ask.fallback.only_embeds(), "ask.fallback", &must, A_MODEL)?;
        let (fresh, stale) = (ask.fresh_for.duration(), ask.stale_for.duration());
        let must = format!("({}) must be more than ask.fresh_for ({})", ask.stale_for, ask.fresh_for);
        let hint = "set fresh_for too: without it kept answers never grow old";
        self.need(stale.is_zero() || (!fresh.is_zero() && stale > fresh), "ask.stale_for", &must, hint)
    }
}
