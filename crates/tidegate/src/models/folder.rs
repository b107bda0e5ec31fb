//! Where models are kept, and finding the one that a configuration names.

use std::path::{Path, PathBuf};

use tidegate_bert::{Bert, BertOptions};
use tidegate_core::{Fault, FaultKind};

use super::known::{KNOWN, Known, known};
use crate::config::{Embed, ModelRef};

/// The variable that says where models are kept, instead of the usual place.
pub const VARIABLE: &str = "TIDEGATE_MODELS";

/// A known model, and whether it is here.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The model.
    pub known: &'static Known,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it was fetched.
    pub here: bool,
}

/// Where models are kept: `TIDEGATE_MODELS`, else `tidegate/models` in the cache of the user.
///
/// # Errors
/// [`FaultKind::Config`] where the environment names neither it nor a home.
pub fn folder() -> Result<PathBuf, Fault> {
    folder_of(&|name| std::env::var_os(name).map(PathBuf::from))
}

pub(super) fn folder_of(lookup: &dyn Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, Fault> {
    let set = |name: &str| lookup(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(own) = set(VARIABLE) {
        return Ok(own);
    }
    // A relative path there is to be ignored, says the specification of base directories.
    let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let cache = cache.or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("tidegate/models")).ok_or_else(|| {
        Fault::new(FaultKind::Config, "where models are kept is not known: HOME is not set")
            .hint(format!("set {VARIABLE} to a folder"))
    })
}

/// The folder of a model that was fetched.
///
/// # Errors
/// [`FaultKind::Config`]: a name that is not known; a model that was not fetched.
pub fn path(name: &str) -> Result<PathBuf, Fault> {
    let known = known(name)?;
    let path = folder()?.join(known.name);
    // The folder gets its name when all is in it.
    if path.is_dir() {
        return Ok(path);
    }
    let megabytes = known.size.div_ceil(1_000_000);
    Err(Fault::new(
        FaultKind::Config,
        format!("the model {name} is not on this machine: there is no {}", path.display()),
    )
    .hint(format!("fetch it once, {megabytes} MB, with `tidegate model pull {name}`")))
}

/// Every known model.
///
/// # Errors
/// As [`folder`].
pub fn kept() -> Result<Vec<Kept>, Fault> {
    let folder = folder()?;
    let kept = |known: &'static Known| {
        let path = folder.join(known.name);
        Kept { known, here: path.is_dir(), path }
    };
    Ok(KNOWN.iter().map(kept).collect())
}

/// The folder of the model that `model` names, or `None` where it is no model of files.
///
/// # Errors
/// As [`path`].
pub(crate) fn find(model: &ModelRef) -> Result<Option<PathBuf>, Fault> {
    match model {
        ModelRef::Known(name) => path(name).map(Some),
        ModelRef::Folder(folder) => Ok(Some(Path::new(folder).to_owned())),
        ModelRef::Builtin | ModelRef::None | ModelRef::Remote { .. } => Ok(None),
    }
}

/// The model that `embed` names, or `None` where it is no model of files.
///
/// # Errors
/// [`FaultKind::Config`]: it is not there, is damaged, or of a kind that cannot be run.
pub(crate) fn open(embed: &Embed) -> Result<Option<Bert>, Fault> {
    let Some(folder) = find(&embed.model)? else { return Ok(None) };
    let own = |words: &str| (!words.is_empty()).then(|| words.to_owned());
    let options = BertOptions {
        precision: embed.precision.into(),
        query_prefix: own(&embed.query_prefix),
        document_prefix: own(&embed.document_prefix),
    };
    let opened = Bert::open(&folder, &options).map_err(|fault| match &embed.model {
        // What was fetched was whole; it was changed since.
        ModelRef::Known(name) => {
            let again = format!("remove {} and run `tidegate model pull {name}` again", folder.display());
            fault.hint(again)
        }
        _ => fault,
    });
    opened.map(Some)
}
