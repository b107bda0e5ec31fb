//! Whether each key exists where it stands and each value is of its kind, with errors that name the place.

use tidegate_core::{Fault, FaultKind};
use toml::Value;

use super::catalogue::{Catalogue, Key, Kind, Variant};
use super::headers::Headers;
use super::model_ref::ModelRef;
use super::origin::Origin;
use super::period::Period;
use super::raw::{Listed, Place, Raw, Setting};
use super::secret::SecretRef;
use super::set::Settings;
use super::size::Size;
use super::suggest::nearest;

/// A refusal that begins with where the setting stands.
pub(super) fn refuse(origin: &Origin, message: impl Into<String>) -> Fault {
    placed(Fault::new(FaultKind::Config, message), origin)
}

/// The fault, beginning with where the setting stands that is at fault.
pub(super) fn placed(fault: Fault, origin: &Origin) -> Fault {
    match origin {
        Origin::Default => fault,
        Origin::File { line, column, path } => fault.during(format!("{}:{line}:{column}", path.display())),
        Origin::Env(_) | Origin::Flag(_) => fault.during(origin.to_string()),
    }
}

/// Checks every setting against the catalogue.
///
/// # Errors
/// The first setting that is unknown, does not apply, or has a value of another kind.
pub(super) fn check(catalogue: &Catalogue, raw: &Raw) -> Result<(), Fault> {
    let kinds = catalogue.section("stage").map(|section| section.kinds()).unwrap_or_default();
    for Listed { kind, origin, .. } in raw.stages.iter().flat_map(|stages| &stages.list) {
        if !kinds.contains(&kind.as_str()) {
            return Err(no_such(origin, "type of stage", kind, &kinds));
        }
    }
    raw.settings.iter().try_for_each(|setting| check_setting(catalogue, raw, setting))
}

fn check_setting(catalogue: &Catalogue, raw: &Raw, setting: &Setting) -> Result<(), Fault> {
    let variant = variant_of(catalogue, raw, setting)?;
    if setting.key == "type" && variant.kind.is_some() {
        return Ok(());
    }
    match variant.key(&setting.key) {
        Some(key) => check_value(key, setting),
        None => Err(unknown_key(catalogue, variant, setting)),
    }
}

/// The keys that apply where the setting stands.
fn variant_of<'a>(catalogue: &'a Catalogue, raw: &Raw, setting: &Setting) -> Result<&'a Variant, Fault> {
    let missing = || refuse(&setting.origin, format!("there is no {}", setting.place.title()));
    let (section, kind) = match &setting.place {
        Place::Stage(name) => {
            let listed =
                raw.stages.as_ref().map(|stages| stages.list.iter().find(|stage| stage.name == *name));
            let kind = match listed {
                None => name.as_str(),
                Some(Some(stage)) => stage.kind.as_str(),
                Some(None) => {
                    let fault = refuse(&setting.origin, format!("the pipeline has no {name} stage"));
                    let hint = format!("add [[stage]] with type = \"{name}\" to the pipeline");
                    return Err(fault.hint(hint));
                }
            };
            ("stage", Some(kind))
        }
        Place::Section(section) => (section.as_str(), None),
        Place::Named(section, _) => (*section, None),
    };
    let section = catalogue.section(section).ok_or_else(missing)?;
    let kinds = section.kinds();
    let kind = match (kind, kinds.first()) {
        (None, Some(first)) => match raw.kind(&section.name) {
            Some(set) => {
                let text =
                    set.value.as_str().ok_or_else(|| not_a(&set.origin, "type", "text", &set.value))?;
                if !kinds.contains(&text) {
                    return Err(no_such(&set.origin, &format!("type of {}", section.name), text, &kinds));
                }
                Some(text)
            }
            None => Some(*first),
        },
        (kind, _) => kind,
    };
    section.variant(kind).ok_or_else(missing)
}

fn unknown_key(catalogue: &Catalogue, variant: &Variant, setting: &Setting) -> Fault {
    let (name, kind) = (setting.key.escape_debug(), variant.kind.as_deref());
    let title = match (&setting.place, kind) {
        (Place::Section(section), Some(kind)) => format!("[{section}] of type {kind}"),
        (place, _) => place.title(),
    };
    if let (Origin::Flag(_) | Origin::Env(_), Some(kind), Place::Section(section)) =
        (&setting.origin, kind, &setting.place)
    {
        let fault = refuse(&setting.origin, format!("does not apply to a {section} of type {kind}"));
        return fault.hint("leave it out");
    }
    let fault = refuse(&setting.origin, format!("unknown key `{name}` in {title}"));
    let known = variant.keys.iter().map(|key| key.name.as_str());
    if let Some(meant) = nearest(&setting.key, known.clone()) {
        return fault.hint(format!("did you mean `{meant}`?"));
    }
    let elsewhere = catalogue.sections.iter().find_map(|section| {
        let variant = section.variants.iter().find(|variant| variant.key(&setting.key).is_some())?;
        Some(match (section.name.as_str(), &variant.kind) {
            ("stage", Some(kind)) => format!("`{name}` is a key of the {kind} stage"),
            (section, Some(kind)) => format!("`{name}` is a key of [{section}] with type = \"{kind}\""),
            (section, None) => format!("`{name}` is a key of [{section}]"),
        })
    });
    let keys = known.collect::<Vec<_>>().join(", ");
    fault.hint(elsewhere.unwrap_or_else(|| match keys.as_str() {
        "" => "it has no keys but type".to_owned(),
        keys => format!("its keys are {keys}"),
    }))
}

fn check_value(key: &Key, setting: &Setting) -> Result<(), Fault> {
    let Setting { value, origin, .. } = setting;
    let path = setting.place.path(&key.name);
    let refused = |wanted: &str| Err(not_a(origin, &path, wanted, value));
    let custom = |error: String| Err(refuse(origin, format!("{path}: {error}")));
    match (&key.kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Bool, Value::Boolean(_)) => Ok(()),
        (Kind::Number, Value::Float(number)) if number.is_finite() => Ok(()),
        (Kind::Number, Value::Integer(_)) => Ok(()),
        (Kind::Integer | Kind::Size, Value::Integer(number)) if *number >= 0 => Ok(()),
        (Kind::Integer | Kind::Size, Value::Integer(_)) => custom("cannot be negative".to_owned()),
        (Kind::Texts, Value::Array(items)) if items.iter().all(Value::is_str) => Ok(()),
        (Kind::Size, Value::String(text)) => text.parse::<Size>().map(drop).or_else(custom),
        (Kind::Period, Value::String(text)) => text.parse::<Period>().map(drop).or_else(custom),
        (Kind::Model, Value::String(text)) => text.parse::<ModelRef>().map(drop).or_else(custom),
        (Kind::Secret, value) => SecretRef::check(value).or_else(custom),
        (Kind::Headers, value) => Headers::check(value).or_else(custom),
        (Kind::Settings, value) => Settings::check(value).or_else(custom),
        (Kind::Choice(names), Value::String(text)) if names.contains(text) => Ok(()),
        (Kind::Choice(names), Value::String(text)) => {
            Err(no_such(origin, &path, text, &names.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        (Kind::Text | Kind::Choice(_) | Kind::Model, _) => refused("text in quotes"),
        (Kind::Texts, Value::Array(_)) => custom("every item must be text in quotes".to_owned()),
        (Kind::Texts, _) => refused("a list such as [\"a\", \"b\"]"),
        (Kind::Integer, _) => refused("a whole number"),
        (Kind::Number, _) => refused("a number"),
        (Kind::Bool, _) => refused("true or false"),
        (Kind::Size, _) => refused("a size such as \"256MB\""),
        (Kind::Period, _) => refused("a length of time such as \"30s\""),
    }
}

pub(super) fn not_a(origin: &Origin, path: &str, wanted: &str, value: &Value) -> Fault {
    let got = match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    };
    refuse(origin, format!("{path} must be {wanted}, not {got}"))
}

fn no_such(origin: &Origin, what: &str, got: &str, known: &[&str]) -> Fault {
    let fault = refuse(origin, format!("{what}: there is no \"{}\"", got.escape_debug()));
    match nearest(got, known.iter().copied()) {
        Some(meant) => fault.hint(format!("did you mean \"{meant}\"?")),
        None => fault.hint(format!("it is one of {}", known.join(", "))),
    }
}
