//! Where keys come from.

use std::io::Read;

use tidegate_core::{Fault, FaultKind};
use tidegate_model::Secret;

use crate::config::{self, SecretRef};

/// A file longer than this holds no key.
const LONGEST: u64 = 64 << 10;

/// A key, if there is one, and what to do when the service does not take it.
pub(super) struct Found {
    pub(super) key: Option<Secret>,
    pub(super) hint: Option<String>,
}

/// The key of provider `name`: from where its section says, else from the variable that is usual for it. A service at
/// an address of its own may need none.
pub(super) fn find(name: &str, settings: &config::Provider, usual: Option<&str>) -> Result<Found, Fault> {
    let place = match (&settings.key, usual) {
        (Some(place), _) => place.clone(),
        (None, Some(variable)) => SecretRef::Env(variable.to_owned()),
        (None, None) => {
            let hint = format!("set key = {{ env = \"NAME\" }} in [providers.{name}], if it wants a key");
            return Ok(Found { key: None, hint: Some(hint) });
        }
    };
    let hint = match &place {
        SecretRef::Env(variable) => format!("set {variable} to a key of {name}"),
        SecretRef::File(path) => format!("put a key of {name} into {path}"),
    };
    let asked = settings.key.is_some() || settings.base_url.is_none();
    match read(&place) {
        Ok(Some(key)) => Ok(Found { key: Some(key), hint: Some(hint) }),
        Ok(None) if !asked => Ok(Found { key: None, hint: Some(hint) }),
        Ok(None) => {
            Err(Fault::new(FaultKind::Config, format!("{name} wants a key, and {place} has none")).hint(hint))
        }
        Err(fault) => Err(fault.during(format!("reading the key of {name} from {place}")).hint(hint)),
    }
}

/// The secret of the header called `header`.
///
/// # Errors
/// [`FaultKind::Config`]: it is not there.
pub(super) fn secret(place: &SecretRef, header: &str) -> Result<Secret, Fault> {
    let hint = match place {
        SecretRef::Env(variable) => format!("set {variable}"),
        SecretRef::File(path) => format!("put it into {path}"),
    };
    match read(place) {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(Fault::new(
            FaultKind::Config,
            format!("the header {header} wants a secret, and {place} has none"),
        )
        .hint(hint)),
        Err(fault) => Err(fault.during(format!("reading the header {header} from {place}")).hint(hint)),
    }
}

/// What is at `place`; nothing if a variable is not set.
fn read(place: &SecretRef) -> Result<Option<Secret>, Fault> {
    match place {
        SecretRef::Env(variable) => match std::env::var(variable) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Secret::new(&text).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Fault::new(FaultKind::Config, "it is not text")),
        },
        SecretRef::File(path) => {
            let mut text = String::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
                .map_err(|error| Fault::new(FaultKind::Config, "it cannot be read").cause(error))?;
            Secret::new(&text).map(Some)
        }
    }
}
