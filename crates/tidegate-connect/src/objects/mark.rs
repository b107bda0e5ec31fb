//! What is remembered of an object, as the version of its item: whether it changed can be told from a listing.

use object_store::ObjectMeta;
use tidegate_core::Version;

/// The version of an object in the state that `meta` tells of: its entity tag, its size and the second it was last
/// modified in (a listing counts finer than an answer does). Unknown where the service gives no tag: a date alone does
/// not tell two states of one second apart.
pub(super) fn version(meta: &ObjectMeta) -> Version {
    match &meta.e_tag {
        Some(tag) => Version(format!("{} {} {}", bare(tag), meta.size, meta.last_modified.timestamp())),
        None => Version::default(),
    }
}

/// An entity tag without its quotes. Listings of some services leave them out.
fn bare(tag: &str) -> &str {
    tag.trim_matches('"')
}

/// Whether two tags are of the same state.
pub(super) fn same(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

/// A tag as it is asked with.
pub(super) fn quoted(tag: &str) -> String {
    if tag.starts_with('"') || tag.starts_with("W/") { tag.to_owned() } else { format!("\"{tag}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(tag: Option<&str>, millis: i64, size: u64) -> ObjectMeta {
        ObjectMeta {
            location: "a".into(),
            last_modified: chrono_of(millis),
            size,
            e_tag: tag.map(str::to_owned),
            version: None,
        }
    }

    fn chrono_of(millis: i64) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_millis(millis).unwrap()
    }

    #[test]
    fn a_version_is_the_same_however_a_state_is_told() {
        let listed = version(&meta(Some("0x8D"), 1_500, 3));
        assert!(listed.proves_unchanged(&version(&meta(Some("\"0x8D\""), 1_000, 3))));
        for other in
            [meta(Some("0x8E"), 1_500, 3), meta(Some("0x8D"), 2_500, 3), meta(Some("0x8D"), 1_500, 4)]
        {
            assert!(!listed.proves_unchanged(&version(&other)));
        }
        let unknown = version(&meta(None, 1_500, 3));
        assert!(!unknown.proves_unchanged(&unknown));
    }
}
