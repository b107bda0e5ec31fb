//! What was typed, by whom and where: settings as they stand in a file, the environment or on the command line.

use toml::Value;

use super::origin::Origin;

/// Settings of one layer, or of several merged; nothing is checked yet, and nothing is filled in.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    pub(super) settings: Vec<Setting>,
    /// The providers and formats that have a section, which may be empty.
    pub(super) named: Vec<(&'static str, String)>,
    /// The `[[stage]]` list, where a layer has one.
    pub(super) stages: Option<Stages>,
    /// Where the keys of tables stand that are values themselves, as `stage.NAME.fields.KEY`.
    pub(super) within: Vec<(String, Origin)>,
}

/// A list of stages; it may be empty.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    /// Where it begins.
    pub(super) origin: Origin,
    /// The stages, in order.
    pub(super) list: Vec<Listed>,
}

/// A stage of a list.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its type.
    pub(super) kind: String,
    /// What it is called: its own name where it may have one, else its type.
    pub(super) name: String,
    /// Where it stands.
    pub(super) origin: Origin,
}

/// One value somebody set.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) place: Place,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Where a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a section.
    Section(String),
    /// In the stage of a name.
    Stage(String),
    /// In one of those sections of which there are several, told apart by names.
    Named(&'static str, String),
}

/// Sections of which there are several, told apart by names.
pub(super) const NAMED: [&str; 2] = ["providers", "formats"];

impl Place {
    /// How keys in it are called in messages and in [`super::Origins`].
    pub(super) fn path(&self, key: &str) -> String {
        match self {
            Self::Section(section) => format!("{section}.{key}"),
            Self::Stage(name) => format!("stage.{name}.{key}"),
            Self::Named(section, name) => format!("{section}.{name}.{key}"),
        }
    }

    /// How it is called in messages.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Section(section) => format!("[{section}]"),
            Self::Stage(name) => format!("the {name} stage"),
            Self::Named(section, name) => format!("[{section}.{name}]"),
        }
    }
}

impl Raw {
    /// Sets `key` of `section`; a section is also written `stage.KIND` or `providers.NAME`.
    pub(super) fn set(&mut self, section: &str, key: &str, value: impl Into<Value>, origin: Origin) {
        let place = match section.split_once('.') {
            Some(("stage", kind)) => Place::Stage(kind.to_owned()),
            Some(("providers", name)) => Place::Named("providers", name.to_owned()),
            _ => Place::Section(section.to_owned()),
        };
        self.put(Setting { place, key: key.to_owned(), value: value.into(), origin });
    }

    /// Adds a setting, in the place of one for the same key.
    pub(super) fn put(&mut self, setting: Setting) {
        self.settings.retain(|old| old.place != setting.place || old.key != setting.key);
        self.settings.push(setting);
    }

    /// What is set in these sections.
    pub(super) fn only(mut self, sections: &[&str]) -> Self {
        self.settings.retain(|setting| match &setting.place {
            Place::Section(section) => sections.contains(&section.as_str()),
            Place::Named(section, _) => sections.contains(section),
            Place::Stage(_) => false,
        });
        self.named.retain(|(section, _)| sections.contains(section));
        Self { stages: None, ..self }
    }

    /// The `type` set for a section.
    pub(super) fn kind(&self, section: &str) -> Option<&Setting> {
        let place = Place::Section(section.to_owned());
        self.settings.iter().find(|setting| setting.place == place && setting.key == "type")
    }

    /// These settings with those of `upper` over them. Where `upper` names another type for a section, the keys
    /// below belong to the other type and go.
    #[must_use]
    pub(super) fn under(mut self, upper: Self) -> Self {
        for (section, default) in [("source", "files"), ("sink", "store")] {
            let Some(new) = upper.kind(section) else { continue };
            let old = self.kind(section).map_or(Some(default), |old| old.value.as_str());
            if new.value.as_str() != old {
                self.settings.retain(|setting| setting.place != Place::Section(section.to_owned()));
            }
        }
        upper.settings.into_iter().for_each(|setting| self.put(setting));
        self.named.extend(upper.named);
        self.within.extend(upper.within);
        self.stages = upper.stages.or(self.stages);
        self
    }
}
