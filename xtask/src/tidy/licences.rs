//! Licences, bans and sources of every dependency, against `deny.toml`.
//!
//! cargo-deny reads the same file and knows more; it is used where it is installed. Our own check is there so that
//! the rule holds on a machine that has cargo and nothing else.

use serde_json::Value;

use super::{metadata, spdx, verdict};
use crate::shell::{cargo, exists, output, read};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The check.
pub(super) fn check() -> Result<String, String> {
    let rules = Rules::parse(&read("deny.toml")?)?;
    let metadata = metadata(true)?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let complaints: Vec<String> = packages.iter().flat_map(|package| rules.complaints(package)).collect();
    let mut note = verdict(&format!("{} packages", packages.len()), &complaints)?;
    if exists("cargo-deny", "--version") {
        output(cargo().args(["deny", "--all-features", "check", "licenses", "bans", "sources"]))?;
        note.push_str(", and cargo deny agrees");
    }
    Ok(note)
}

/// What `deny.toml` allows and refuses.
struct Rules {
    allow: Vec<String>,
    /// Crates refused, with the reason.
    deny: Vec<(String, String)>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error| format!("deny.toml is no TOML: {error}"))?;
        let list = |section: &str, key: &str| {
            table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array).cloned()
        };
        let allow = list("licenses", "allow").ok_or("deny.toml has no [licenses] allow")?;
        let deny = list("bans", "deny").unwrap_or_default();
        let text = |value: &toml::Value, key: &str| {
            value.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
        };
        Ok(Self {
            allow: allow.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect(),
            deny: deny.iter().map(|entry| (text(entry, "crate"), text(entry, "reason"))).collect(),
        })
    }

    fn complaints(&self, package: &Value) -> Vec<String> {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, source) = (text("name"), text("source"));
        let mut out = Vec::new();
        if !spdx::allowed(text("license"), &self.allow) {
            out.push(format!("{name}: licence `{}` is not allowed by deny.toml", text("license")));
        }
        if !source.is_empty() && source != REGISTRY {
            out.push(format!("{name}: comes from {source}, not from the registry"));
        }
        for (refused, reason) in &self.deny {
            if refused == name {
                out.push(format!("{name}: refused by deny.toml: {reason}"));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_breach() {
        let rules = Rules::parse(
            "[licenses]\nallow = ['MIT']\n[bans]\ndeny = [{ crate = 'openssl', reason = 'rustls is used' }]",
        )
        .expect("rules");
        let package = |name: &str, license: &str, source: &str| {
            rules.complaints(&serde_json::json!({"name": name, "license": license, "source": source})).len()
        };
        assert_eq!(package("a", "MIT", REGISTRY), 0);
        assert_eq!(package("a", "GPL-3.0", REGISTRY), 1);
        assert_eq!(package("a", "", REGISTRY), 1);
        assert_eq!(package("openssl", "MIT", REGISTRY), 1);
        assert_eq!(package("a", "MIT", "git+https://example.org/a"), 1);
    }
}
