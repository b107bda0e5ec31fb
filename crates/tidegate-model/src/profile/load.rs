//! Reads profiles from TOML: those of this crate, then those of the user on top.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tidegate_core::{Fault, FaultKind, QuotaUnit};
use toml::{Table, Value};

use super::{ChatApi, EmbeddingsApi, Family, KnownLimit, ModelFacts, Profile, QuotaHeaders, RerankApi};
use crate::endpoint::AuthStyle;

const BUILTIN: &str = include_str!("profiles.toml");
/// How long a chain of `like` may be; a longer one is a circle.
const CHAIN: usize = 8;

/// All profiles, by name.
#[derive(Debug, Clone)]
pub struct Profiles(BTreeMap<String, Arc<Profile>>);

impl Profiles {
    /// The profiles of this crate.
    #[must_use]
    pub fn builtin() -> Self {
        Self::load(None).expect("a test reads the built-in profiles")
    }

    /// The profiles of this crate with `own` on top: a profile of the same name is changed key by key, a new one is
    /// added. `like = "NAME"` takes another profile as the ground.
    ///
    /// # Errors
    /// What in `own` is not understood, and where.
    pub fn load(own: Option<&str>) -> Result<Self, Fault> {
        let mut tables = tables(BUILTIN)?;
        let own = own.map(self::tables).transpose()?.unwrap_or_default();
        // The user's first: a mistake is told of the provider in which it was made, not of one that is like it.
        let mut names: Vec<String> = own.keys().cloned().collect();
        for (name, table) in own {
            merge(tables.entry(name).or_insert_with(|| Value::Table(Table::new())), table);
        }
        names.extend(tables.keys().cloned());
        let read = |name: String| {
            let doing = || format!("reading the profile of provider {name}");
            let profile = profile(&name, &tables).map_err(|fault| fault.during(doing()))?;
            Ok((name, Arc::new(profile)))
        };
        names.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The profile named `name`.
    ///
    /// # Errors
    /// There is none; the hint names all.
    pub fn get(&self, name: &str) -> Result<&Arc<Profile>, Fault> {
        self.0.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            Fault::new(FaultKind::Config, format!("there is no provider named {name}")).hint(format!(
                "known are {}; any other that speaks OpenAI's format is `compatible`",
                names.join(", ")
            ))
        })
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Reads the tables of all profiles without looking into them.
fn tables(text: &str) -> Result<Table, Fault> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        providers: Table,
    }
    toml::from_str::<File>(text)
        .map(|file| file.providers)
        .map_err(|error| Fault::new(FaultKind::Config, error.to_string()).during("reading provider profiles"))
}

/// Lays `own` over `ground`, table by table; anything else but a list of models replaces what was there.
fn merge(ground: &mut Value, own: Value) {
    match (ground, own) {
        (Value::Table(ground), Value::Table(own)) => {
            for (key, value) in own {
                match (ground.get_mut(&key), value) {
                    // The first model that matches holds, so the user's come first and the others stay.
                    (Some(Value::Array(under)), Value::Array(mut first)) if key == "models" => {
                        first.append(under);
                        *under = first;
                    }
                    (Some(under), value) => merge(under, value),
                    (None, value) => drop(ground.insert(key, value)),
                }
            }
        }
        (ground, own) => *ground = own,
    }
}

/// The table of `name` laid over those it is like.
fn resolve(name: &str, tables: &Table, chain: usize) -> Result<Value, Fault> {
    let config = |message: String| Fault::new(FaultKind::Config, message);
    let own = tables.get(name).ok_or_else(|| config(format!("it is like {name}, which does not exist")))?;
    let Some(like) = own.get("like") else { return Ok(own.clone()) };
    let like = like.as_str().ok_or_else(|| config("`like` is not the name of a provider".to_owned()))?;
    if chain == 0 {
        return Err(config("its `like` leads around in a circle".to_owned()));
    }
    let mut whole = resolve(like, tables, chain - 1)?;
    merge(&mut whole, own.clone());
    Ok(whole)
}

/// A profile as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, rename = "like")]
    _like: Option<String>,
    family: Family,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    key_env: Option<String>,
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    quotas: Vec<WrittenQuota>,
    #[serde(default)]
    limits: Vec<WrittenLimit>,
    #[serde(default)]
    embeddings: Option<EmbeddingsApi>,
    #[serde(default)]
    chat: Option<ChatApi>,
    #[serde(default)]
    rerank: Option<RerankApi>,
    #[serde(default)]
    models_path: Option<String>,
    #[serde(default)]
    aliases: bool,
    #[serde(default)]
    models: Vec<ModelFacts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenQuota {
    unit: Unit,
    window: String,
    limit: Option<String>,
    remaining: Option<String>,
    reset: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimit {
    unit: Unit,
    amount: u64,
    window: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Requests,
    Inputs,
    Tokens,
    InputTokens,
    OutputTokens,
}

impl From<Unit> for QuotaUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Requests => Self::Requests,
            Unit::Inputs => Self::Inputs,
            Unit::Tokens => Self::Tokens,
            Unit::InputTokens => Self::InputTokens,
            Unit::OutputTokens => Self::OutputTokens,
        }
    }
}

fn profile(name: &str, tables: &Table) -> Result<Profile, Fault> {
    let whole = resolve(name, tables, CHAIN)?;
    // Unknown keys are only seen here, once the family is known to exist.
    let written: Written = whole
        .try_into()
        .map_err(|error: toml::de::Error| Fault::new(FaultKind::Config, error.message().to_owned()))?;
    let quota = |quota: WrittenQuota| {
        let WrittenQuota { unit, window, limit, remaining, reset } = quota;
        Ok(QuotaHeaders { unit: unit.into(), window: self::window(&window)?, limit, remaining, reset })
    };
    let limit = |limit: WrittenLimit| {
        Ok(KnownLimit { unit: limit.unit.into(), amount: limit.amount, window: self::window(&limit.window)? })
    };
    Ok(Profile {
        name: name.to_owned(),
        family: written.family,
        base_url: written.base_url,
        key_env: written.key_env,
        auth: auth(written.auth.as_deref())?,
        headers: headers(&written.headers)?,
        quotas: written.quotas.into_iter().map(quota).collect::<Result<_, Fault>>()?,
        limits: written.limits.into_iter().map(limit).collect::<Result<_, Fault>>()?,
        embeddings: written.embeddings,
        chat: written.chat,
        rerank: written.rerank,
        models_path: written.models_path,
        aliases: written.aliases,
        models: written.models,
    })
}

/// `bearer`, `none`, or `header:NAME`.
fn auth(text: Option<&str>) -> Result<AuthStyle, Fault> {
    let wrong = |text: &str| {
        Fault::new(FaultKind::Config, format!("`auth` is {text:?}"))
            .hint("write \"bearer\", \"none\" or \"header:NAME\"")
    };
    match text {
        None | Some("bearer") => Ok(AuthStyle::Bearer),
        Some("none") => Ok(AuthStyle::None),
        Some(text) => {
            let name = text.strip_prefix("header:").ok_or_else(|| wrong(text))?;
            HeaderName::try_from(name).map(AuthStyle::Header).map_err(|_| wrong(text))
        }
    }
}

fn headers(written: &BTreeMap<String, String>) -> Result<HeaderMap, Fault> {
    let header = |(name, value): (&String, &String)| {
        let wrong = || Fault::new(FaultKind::Config, format!("{name:?} with its value is no header"));
        let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        Ok((HeaderName::try_from(name).map_err(|_| wrong())?, value))
    };
    written.iter().map(header).collect()
}

/// A number of seconds, minutes, hours or days: `60s`, `1m`, `1h`, `1d`.
fn window(text: &str) -> Result<Duration, Fault> {
    let seconds = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit).filter(|&seconds| seconds > 0)
    };
    seconds().map(Duration::from_secs).ok_or_else(|| {
        Fault::new(FaultKind::Config, format!("`window` is {text:?}"))
            .hint("write it as 1s, 60s, 1m, 1h or 1d")
    })
}
