//! What is remembered of a download, as the version of its item: enough to ask whether the document changed.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use tidegate_core::{ContentHash, Version};

use super::date;
use crate::guard::Url;

/// Where a document was, and what the server said of its state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Hash of the line that names it: its URL and its other fields.
    #[serde(rename = "l")]
    pub(super) line: String,
    /// Hash of the URL that the document came from, redirects followed.
    #[serde(rename = "u", default, skip_serializing_if = "String::is_empty")]
    pub(super) url: String,
    /// What the line calls the document's state.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub(super) given: Option<String>,
    /// Its entity tag.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// When it was last modified.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<String>,
}

/// Longer ones are not kept.
const LONGEST: usize = 1_024;

impl Mark {
    /// What the headers of an answer from `url` say.
    pub(super) fn of(line: &str, url: &Url, headers: &HeaderMap) -> Self {
        Self {
            line: line.to_owned(),
            url: short_hash(url.as_str()),
            given: None,
            etag: text(headers, &header::ETAG).filter(|tag| tag.ends_with('"')),
            modified: text(headers, &header::LAST_MODIFIED).filter(|date| is_settled(headers, date)),
        }
    }

    /// The version of an item that calls its own state `given`.
    pub(super) fn given(line: &str, given: &str) -> Version {
        Self { line: line.to_owned(), given: Some(given.to_owned()), ..Self::default() }.version()
    }

    /// The version; an unknown one where there is nothing to ask with.
    pub(super) fn version(&self) -> Version {
        if self.given.is_none() && self.etag.is_none() && self.modified.is_none() {
            return Version::default();
        }
        // Plain text in a plain struct is always JSON.
        Version(serde_json::to_string(self).unwrap_or_default())
    }

    /// What a version says of a document that the line of hash `line` names; `None` if it is another's.
    pub(super) fn read(version: &Version, line: &str) -> Option<Self> {
        serde_json::from_str(&version.0).ok().filter(|mark: &Self| mark.line == line)
    }

    /// The headers that ask `url` for the document only if it changed; none if the document came from elsewhere.
    pub(super) fn conditions(&self, url: &Url) -> Vec<(HeaderName, HeaderValue)> {
        if self.url != short_hash(url.as_str()) {
            return Vec::new();
        }
        // A date is only a second's worth; where there is a tag, servers go by that alone.
        let condition = match (&self.etag, &self.modified) {
            (Some(tag), _) => (header::IF_NONE_MATCH, tag),
            (None, Some(date)) => (header::IF_MODIFIED_SINCE, date),
            (None, None) => return Vec::new(),
        };
        HeaderValue::try_from(condition.1).map(|value| vec![(condition.0, value)]).unwrap_or_default()
    }

    /// Whether the document is in the state that its line calls `given`.
    pub(super) fn is(&self, given: &str) -> bool {
        let bare = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').to_owned();
        self.etag.as_deref().is_none_or(|tag| bare(tag) == bare(given))
    }
}

/// Whether a date tells this state of a document from the next one: dates count seconds, and one that is not over may
/// bring another change.
fn is_settled(headers: &HeaderMap, date: &str) -> bool {
    let Some(modified) = date::parse(date) else { return false };
    date::of(headers, &header::DATE).is_none_or(|now| modified + 2 <= now)
}

/// What the rest of a document is asked for with: a mark of exactly these bytes. A date is one only if nothing can have
/// changed within its second any more (RFC 9110, section 8.8.2.2).
pub(super) fn strong(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(header::ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    let dated = || {
        let (modified, now) = (date::of(headers, &header::LAST_MODIFIED)?, date::of(headers, &header::DATE)?);
        headers.get(header::LAST_MODIFIED).filter(|_| modified + 60 <= now)
    };
    tag.or_else(dated).cloned()
}

pub(super) fn short_hash(text: &str) -> String {
    ContentHash::of(text.as_bytes()).to_hex()[..16].to_owned()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= LONGEST).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Policy;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn url(text: &str) -> Url {
        Url::parse(text, Policy::default()).unwrap()
    }

    #[test]
    fn a_version_asks_only_where_and_for_what_it_was_given() {
        let here = url("http://example.org/a");
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let both = headers(&[(header::ETAG, "W/\"x\""), (header::LAST_MODIFIED, date)]);
        let mark = Mark::of("line", &here, &both);
        assert_eq!(Mark::read(&mark.version(), "line").as_ref(), Some(&mark));
        assert_eq!(Mark::read(&mark.version(), "other"), None);
        assert_eq!(Mark::read(&Version("17-1".into()), "line"), None);
        assert_eq!(mark.conditions(&here), [(header::IF_NONE_MATCH, HeaderValue::from_static("W/\"x\""))]);
        assert!(mark.conditions(&url("http://example.org/b")).is_empty());
        let dated = Mark::of("line", &here, &headers(&[(header::LAST_MODIFIED, date)]));
        assert_eq!(
            dated.conditions(&here),
            [(header::IF_MODIFIED_SINCE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"))]
        );
        assert_eq!(
            Mark::of("line", &here, &headers(&[(header::LAST_MODIFIED, "today")])).version(),
            Version::default()
        );
        let fresh = [(header::LAST_MODIFIED, date), (header::DATE, "Sun, 06 Nov 1994 08:49:38 GMT")];
        assert_eq!(Mark::of("line", &here, &headers(&fresh)).version(), Version::default());
        assert!(mark.is("x") && mark.is("\"x\"") && !mark.is("y") && dated.is("anything"));
    }

    #[test]
    fn the_rest_is_asked_for_only_with_a_strong_mark() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (pairs, mark) in [
            (vec![(header::ETAG, "\"x\"")], Some("\"x\"")),
            (vec![(header::ETAG, "W/\"x\"")], None),
            (vec![(header::LAST_MODIFIED, date)], None),
            (vec![(header::LAST_MODIFIED, date), (header::DATE, "Sun, 06 Nov 1994 08:50:00 GMT")], None),
            (
                vec![(header::LAST_MODIFIED, date), (header::DATE, "Sun, 06 Nov 1994 08:50:37 GMT")],
                Some(date),
            ),
        ] {
            assert_eq!(
                strong(&headers(&pairs)).as_ref().map(|mark| mark.to_str().unwrap()),
                mark,
                "{pairs:?}"
            );
        }
    }
}
