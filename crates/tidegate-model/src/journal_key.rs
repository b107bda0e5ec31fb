//! Under which key the journal keeps a vector.

use tidegate_core::{ContentHash, Task};

/// The key of the vector that the model named `identity` makes of `text` for `task`: all that decides the vector,
/// and nothing else, so that the same text in another place, or in another run, is found again.
///
/// The first part says what kind of entry this is; entries of other kinds in the same journal begin otherwise.
#[must_use]
pub fn embedding_key(identity: &str, dimensions: usize, task: Task, text: &str) -> ContentHash {
    let dimensions = (dimensions as u64).to_le_bytes();
    ContentHash::of_parts(&[
        b"tidegate embedding 1",
        identity.as_bytes(),
        &dimensions,
        task.name().as_bytes(),
        text.as_bytes(),
    ])
}

/// The key of a reply of `kind` ("chat", "rerank", "http") that the model or service named `identity` gives to what
/// `parts` say: all that decides the reply, and nothing else. The parts are a list: none may be left out where it is
/// empty, or two questions could have one key.
#[must_use]
pub fn reply_key<T: AsRef<[u8]>>(kind: &str, identity: &str, parts: &[T]) -> ContentHash {
    let mut all: Vec<&[u8]> = vec![b"tidegate reply 1", kind.as_bytes(), identity.as_bytes()];
    all.extend(parts.iter().map(AsRef::as_ref));
    ContentHash::of_parts(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_decides_a_vector_is_in_its_key() {
        let keys = [
            embedding_key("m", 3, Task::Document, "text"),
            embedding_key("n", 3, Task::Document, "text"),
            embedding_key("m", 4, Task::Document, "text"),
            embedding_key("m", 3, Task::Query, "text"),
            embedding_key("m", 3, Task::Document, "texts"),
            embedding_key("mt", 3, Task::Document, "ext"),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "key {i} is not its own");
        }
        assert_eq!(keys[0], embedding_key("m", 3, Task::Document, "text"));
    }

    #[test]
    fn everything_that_decides_a_reply_is_in_its_key() {
        let keys = [
            reply_key("chat", "openai:m", &["a", "bc"]),
            reply_key("rerank", "openai:m", &["a", "bc"]),
            reply_key("chat", "openai:n", &["a", "bc"]),
            reply_key("chat", "openai:m", &["ab", "c"]),
            reply_key("chat", "openai:m", &["a", "bc", ""]),
            reply_key("chat", "openai:m", &["bc", "a"]),
            reply_key::<&str>("chat", "openai:m", &[]),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "key {i} is not its own");
        }
        assert_eq!(&keys[0].to_hex()[..16], "5995c2a89ea64dac");
    }

    #[test]
    fn keys_never_change_from_one_version_to_the_next() {
        // A journal is money spent: if this fails, old journals are worth nothing to the new version.
        let key = embedding_key("builtin/static-256@0", 256, Task::Query, "hello");
        assert_eq!(&key.to_hex()[..16], "e9be8f70074c81ae");
    }
}
