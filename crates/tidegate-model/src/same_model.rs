//! Whether the model that an answer names is the one that was asked.

/// The most of a name that is looked at; no model has a longer one.
const LONGEST: usize = 256;

/// Whether `told`, the model that an answer names, is another than `asked`.
///
/// Services name models in many ways: with a date or version at the end, with an owner or a path before them, with a
/// tag, with the ending of a file. None of these makes another model. Anything else does, as far as names go: a gateway
/// that routes to a cheaper model, an alias. What of an alias stands for what only its owner knows, so a difference is
/// worth a word and never a failure.
///
/// ```
/// use tidegate_model::is_another_model;
/// assert!(!is_another_model("gpt-4o", "gpt-4o-2024-08-06"));
/// assert!(!is_another_model("BAAI/bge-m3", "/models/bge-m3"));
/// assert!(is_another_model("gpt-4o", "gpt-4o-mini"));
/// ```
#[must_use]
pub fn is_another_model(asked: &str, told: &str) -> bool {
    if told.trim().is_empty() || told.len() > LONGEST || asked.len() > LONGEST {
        return false;
    }
    let (asked, told) = (parts(asked), parts(told));
    let common = asked.iter().zip(&told).take_while(|(a, b)| a == b).count();
    let rest = || asked[common..].iter().chain(&told[common..]);
    common == 0 || !rest().all(|part| is_version(part))
}

/// The parts of a name, in small letters, without what stands before it or is the ending of a file.
fn parts(name: &str) -> Vec<String> {
    let name = name.trim().to_lowercase();
    let name = name.trim_end_matches(['/', '\\']);
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let last = [".gguf", ".safetensors", ".onnx", ".bin"]
        .iter()
        .find_map(|end| last.strip_suffix(end))
        .unwrap_or(last);
    last.split(['-', '_', ':', '@', '.']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Whether a part of a name says which issue of a model it is, and not which model: a date or number, a tag that moves
/// along, a way to store it.
fn is_version(part: &str) -> bool {
    let numbered = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let prefixed = |prefix: &str| part.strip_prefix(prefix).is_some_and(numbered);
    // A single digit tells llama-3 from llama-2; a date or an issue has three at least.
    (numbered(part) && (part.len() >= 2))
        || ["v", "q", "iq", "fp", "f", "bf", "int"].iter().any(|prefix| prefixed(prefix))
        || ["latest", "preview", "default", "k", "m", "s", "gguf", "awq", "gptq"].contains(&part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_paths_tags_and_files_make_no_other_model() {
        for (asked, told) in [
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("gpt-4o", "GPT-4o"),
            ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
            ("gemini-2.5-flash", "gemini-2.5-flash-preview-05-20"),
            ("gemini-embedding-001", "models/gemini-embedding-001"),
            ("BAAI/bge-m3", "bge-m3"),
            ("bge-m3", "/models/bge-m3/"),
            ("nomic-embed-text", "nomic-embed-text:latest"),
            ("llama3.2", "llama3.2:latest"),
            ("qwen2.5-7b", "C:\\models\\qwen2.5-7b-q4_k_m.gguf"),
            ("text-embedding-3-small", "text-embedding-3-small"),
            ("openai/gpt-4o", "gpt-4o-2024-08-06"),
            ("anything", ""),
        ] {
            assert!(!is_another_model(asked, told), "{asked} {told}");
        }
    }

    #[test]
    fn other_names_are_told() {
        for (asked, told) in [
            ("gpt-4o", "gpt-4o-mini"),
            ("gpt-4o", "gpt-3.5-turbo-0125"),
            ("text-embedding-3-large", "text-embedding-3-small"),
            ("text-embedding-3-small", "text-embedding-ada-002"),
            ("llama-3", "llama-2"),
            ("bge-small-en", "bge-large-en"),
            ("my-alias", "BAAI/bge-m3"),
        ] {
            assert!(is_another_model(asked, told), "{asked} {told}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics_and_each_is_itself(a in "\\PC{0,40}", b in "\\PC{0,40}") {
            let _ = is_another_model(&a, &b);
            proptest::prop_assert!(parts(&a).is_empty() || !is_another_model(&a, &a));
        }
    }
}
