//! Addresses that records fill in, and what guards them: whoever writes the configuration chooses the host, and no
//! record can.

use serde::Serialize;
use tidegate_core::{Fault, FaultKind};

use tidegate_expr::Template;

/// A URL with places to fill in behind its host.
#[derive(Debug)]
pub(crate) struct Address {
    template: Template,
    /// Scheme and host, as they stand in the configuration.
    root: String,
    varies: bool,
}

/// What may not stand in a URL as it is. Readers differ on what a backslash is, and differing readers see two hosts.
fn is_stray(c: char) -> bool {
    !c.is_ascii_graphic() || matches!(c, '\\' | '#')
}

impl Address {
    /// Reads `source`; `key` says in errors where it stands.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a template that does not read; another scheme than `http` and `https`; a user; a host
    /// that is filled in.
    pub(crate) fn new(key: &str, source: &str) -> Result<Self, Fault> {
        let wrong = |what: &str| {
            Err(Fault::new(FaultKind::Config, format!("{key} {what}"))
                .hint("write it as https://host/path?query, with places to fill in behind the host"))
        };
        let begin = ["{{", "{%", "{#"].iter().filter_map(|mark| source.find(mark)).min();
        let fixed = &source[..begin.unwrap_or(source.len())];
        let rest = fixed.strip_prefix("https://").or_else(|| fixed.strip_prefix("http://"));
        let Some(rest) = rest else { return wrong("does not begin with http:// or https://") };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let host = &rest[..end];
        if fixed.contains(is_stray) {
            return wrong("holds a space, a fragment, or characters that must be escaped");
        }
        if host.contains('@') {
            return wrong("names a user; secrets go into headers");
        }
        if begin.is_some() && end == rest.len() {
            return wrong("has a host that is filled in, so that records could choose it");
        }
        let root = fixed[..fixed.len() - rest.len() + end].to_owned();
        if host.is_empty() || host.starts_with(':') || root.parse::<http::Uri>().is_err() {
            return wrong("names no host");
        }
        let address = Self { template: Template::url(key, source)?, root, varies: begin.is_some() };
        if !address.varies {
            address
                .guard(source)
                .map_err(|fault| Fault::new(FaultKind::Config, format!("{key} {}", fault.message())))?;
        }
        Ok(address)
    }

    /// Whether records have addresses of their own.
    pub(crate) fn varies(&self) -> bool {
        self.varies
    }

    /// The host, with its port if it has one.
    pub(crate) fn host(&self) -> &str {
        self.root.split_once("://").map_or(&self.root, |(_, host)| host)
    }

    /// What is filled in.
    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// The address with `values` filled in, each escaped.
    ///
    /// # Errors
    /// [`FaultKind::Validation`]: a value that is missing, or that leads out of the path it stands in.
    pub(crate) fn fill(&self, values: &impl Serialize) -> Result<String, Fault> {
        let url = self.template.render(values)?;
        self.guard(&url)?;
        Ok(url)
    }

    fn guard(&self, url: &str) -> Result<(), Fault> {
        let wrong = |what: &str| Err(Fault::new(FaultKind::Validation, format!("is an address {what}")));
        let rest = url.strip_prefix(&self.root).unwrap_or("\\");
        if rest.contains(is_stray) {
            return wrong("with a space, a fragment, or characters that must be escaped");
        }
        if !rest.is_empty() && !rest.starts_with(['/', '?']) {
            return wrong("of another host");
        }
        // Servers take `%2e` for a dot, and a dot for a step.
        let path = rest.split('?').next().unwrap_or_default();
        if path
            .split('/')
            .any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
        {
            return wrong("with a step out of its path");
        }
        if url.len() > LONGEST {
            return wrong("longer than services read");
        }
        Ok(())
    }
}

/// Bytes of a URL; many servers stop at this.
const LONGEST: usize = 8_192;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_host_is_the_configurations() {
        for (source, host) in [
            ("http://localhost:9/a", "localhost:9"),
            ("https://example.org?q={{ text }}", "example.org"),
            ("http://10.0.0.7/{{ text }}", "10.0.0.7"),
            ("http://[::1]:80/{% if text %}a{% endif %}", "[::1]:80"),
        ] {
            assert_eq!(Address::new("url", source).unwrap().host(), host);
        }
        for (source, said) in [
            ("", "does not begin"),
            ("{{ text }}", "does not begin"),
            ("ftp://h/", "does not begin"),
            ("file:///etc/passwd", "does not begin"),
            ("http://{{ text }}/", "records could choose"),
            ("http://h{{ text }}/", "records could choose"),
            ("http://h.example.{% if text %}org{% endif %}/", "records could choose"),
            ("http://u:p@h/", "names a user"),
            ("http:///a", "names no host"),
            ("http://:80/", "names no host"),
            ("http://h\\@evil/", "must be escaped"),
            ("http://h/a b", "must be escaped"),
            ("http://h/#a", "must be escaped"),
            ("http://h/a/../b", "out of its path"),
            ("http://h/{{ text", "does not read"),
        ] {
            let fault = Address::new("url", source).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config);
            assert!(fault.to_string().contains(said), "{source}: {fault}");
        }
    }

    #[test]
    fn what_is_filled_in_cannot_lead_elsewhere() {
        let address = Address::new("url", "http://h/a/{{ text }}/b?q={{ text }}").unwrap();
        let fill = |text: &str| address.fill(&json!({ "text": text }));
        assert_eq!(fill("x y/z").unwrap(), "http://h/a/x%20y%2Fz/b?q=x%20y%2Fz");
        assert_eq!(fill("@evil.org").unwrap(), "http://h/a/%40evil.org/b?q=%40evil.org");
        for text in ["..", ".", "x".repeat(9_000).as_str()] {
            assert_eq!(fill(text).unwrap_err().kind(), FaultKind::Validation);
        }
    }

    proptest! {
        #[test]
        fn no_text_changes_the_host_or_the_path(text in ".{0,40}") {
            let address = Address::new("url", "http://h:1/a/{{ text }}?q={{ text }}").unwrap();
            if let Ok(url) = address.fill(&json!({ "text": text })) {
                let uri: http::Uri = url.parse().unwrap();
                prop_assert_eq!(uri.authority().unwrap().as_str(), "h:1");
                prop_assert_eq!(uri.path().matches('/').count(), 2);
                prop_assert!(!url.contains(|c: char| c.is_control()));
            }
        }
    }
}
