//! What reads documents in the place of the parsers inside: programs and services of the user's own, and OCR.
//!
//! A parser child may start nothing; so what starts programs is the parent, with limits for each run. Documents inside
//! of archives and mails are read by the parsers inside, whatever is set for their format: the child that unpacks them
//! has nobody to ask.

mod command;
mod ocr;
mod output;
mod service;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_core::{Cx, Document, Fault, Replies, TraceId};
use tidegate_sandbox::{Program, Tools};
use tidegate_text::ParseOptions;

use crate::config::{Config, Format, Ocr as Mode};
use crate::parser;
use crate::services::Services;

pub(crate) use command::check as check_command;
pub(crate) use ocr::{IMAGES, Ocr, needed};

/// The name under which pictures are configured.
pub(crate) const IMAGE: &str = "image";

/// The readers of one configuration.
#[derive(Default)]
pub(crate) struct Readers {
    /// By the name of a format.
    readers: BTreeMap<String, Arc<dyn Reader>>,
    /// Which format an extension is, for those that nothing inside parses.
    extensions: BTreeMap<String, String>,
    ocr: Option<Ocr>,
}

/// A document to read.
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) format: &'a str,
    pub(crate) bytes: Bytes,
    pub(crate) options: &'a ParseOptions,
    pub(crate) trace: TraceId,
}

/// Reads documents of one format.
#[async_trait::async_trait]
pub(crate) trait Reader: Send + Sync {
    /// The text of a document, and what it says of itself.
    async fn read(&self, cx: &Cx, asked: &Asked<'_>) -> Result<Document, Fault>;
}

impl Readers {
    /// What `config` names: programs run by way of `launcher`, and services, whose answers
    /// a journal keeps; without `called` services are left out.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a program that is not there, or nothing to run it by.
    pub(crate) fn open(
        config: &Config,
        launcher: Option<&Program>,
        called: Option<(&Services, &Arc<dyn Replies>)>,
    ) -> Result<Self, Fault> {
        let mut all = Self::default();
        let width = parser::width(config);
        let tools = launcher.map(|launcher| Arc::new(Tools::new(launcher.clone(), width)));
        for (name, format) in &config.formats {
            let limits = parser::limits(config, name).0;
            if let Some(line) = format.parser.as_deref().and_then(|parser| parser.strip_prefix("cmd:")) {
                let command = command::Command::open(line, (tools.clone(), limits));
                let command = command.map_err(|fault| fault.during(format!("formats.{name}.parser")))?;
                all.readers.insert(name.clone(), Arc::new(command));
            }
            if let (Some(url), Some((services, journal))) = (format.service(), called) {
                let caller = services.web_file((name, format), (url, limits), journal.clone());
                let caller = caller.map_err(|fault| fault.during(format!("formats.{name}.parser")))?;
                all.readers.insert(
                    name.clone(),
                    Arc::new(service::Service::new(caller, (limits.output, services.is_offline()))),
                );
            }
            for extension in extensions(name, format) {
                all.extensions.insert(extension, name.clone());
            }
        }
        all.ocr = Ocr::open(config, tools);
        Ok(all)
    }

    /// The format of a file called `name` that this configuration, and nothing inside, knows.
    pub(crate) fn format_of(&self, name: &str) -> Option<&str> {
        let (_, extension) = name.rsplit_once('.')?;
        self.extensions.get(&extension.to_lowercase()).map(String::as_str)
    }

    /// What reads documents of `format`, where that is not what is inside.
    pub(crate) fn of(&self, format: &str) -> Option<&Arc<dyn Reader>> {
        self.readers.get(format)
    }

    /// What reads pictures of text, if it is asked for.
    pub(crate) fn ocr(&self) -> Option<&Ocr> {
        self.ocr.as_ref()
    }
}

/// The extensions that make a file one of the format `name`. A format that content tells needs none.
pub(crate) fn extensions(name: &str, format: &Format) -> Vec<String> {
    let lower = |extension: &String| extension.trim_start_matches('.').to_lowercase();
    if !format.extensions.is_empty() {
        return format.extensions.iter().map(lower).collect();
    }
    match name {
        IMAGE if format.ocr != Mode::Off || format.parser.is_some() => {
            IMAGES.iter().map(|extension| (*extension).to_owned()).collect()
        }
        _ if format.parser.is_some() && tidegate_formats::Kind::from_name(name).is_none() => {
            vec![name.to_lowercase()]
        }
        _ => Vec::new(),
    }
}
