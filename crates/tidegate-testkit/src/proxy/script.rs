//! What happens to the connections through a proxy.

use serde::Deserialize;

use crate::provider::Span;

/// What happens to the connections through a proxy. The empty script passes everything on at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyScript {
    /// What happens to a connection that no rule names.
    pub usual: Link,
    /// Rules; the first that names a connection decides.
    pub rules: Vec<Rule>,
}

impl ProxyScript {
    /// Reads a script.
    ///
    /// # Errors
    /// The parser's words with line and column.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
    }

    /// Every connection is as `link` says.
    #[must_use]
    pub fn all(link: Link) -> Self {
        Self { usual: link, rules: Vec::new() }
    }

    /// What happens to the connection with this number, counted from 1.
    #[must_use]
    pub fn link(&self, number: u64) -> &Link {
        let names = |rule: &&Rule| {
            rule.at.contains(&number) || rule.every.is_some_and(|every| number.is_multiple_of(every))
        };
        self.rules.iter().find(names).map_or(&self.usual, |rule| &rule.link)
    }
}

/// What happens to some connections.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Those with these numbers, counted from 1.
    pub at: Vec<u64>,
    /// Every nth.
    pub every: Option<u64>,
    /// What happens to them.
    pub link: Link,
}

/// What happens to one connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// Reset as soon as it is made.
    pub refuse: bool,
    /// Time before the server is called.
    pub connect_delay: Span,
    /// From the client to the server.
    pub to_server: Way,
    /// From the server to the client.
    pub to_client: Way,
}

/// What happens to the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Way {
    /// How much later each byte arrives; the rate is not affected.
    pub latency: Span,
    /// How many pass in a second.
    pub bytes_per_second: Option<u64>,
    /// Both connections are closed (FIN) after so many.
    pub close_after: Option<u64>,
    /// Both connections are reset (RST) after so many.
    pub reset_after: Option<u64>,
    /// Nothing passes any more after so many, and the connections stay open.
    pub stall_after: Option<u64>,
}
