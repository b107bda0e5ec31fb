use proptest::prelude::*;
use tidegate_core::Tokenizer;

use super::*;
use crate::golden::PROFILES;

fn all() -> Vec<Arc<dyn Tokenizer>> {
    let counter = |provider: &str, model: &str| super::counter(PROFILES.get(provider).unwrap(), model);
    vec![
        counter("openai", "text-embedding-3-small"),
        counter("openai", "gpt-4.1-mini"),
        counter("tei", "BAAI/bge-small-en-v1.5"),
        counter("voyage", "voyage-3.5"),
    ]
}

const PROSE: &str =
    "The harbour freezes from November to April, and the last supply ship leaves before the ice closes in.";

#[test]
fn models_are_counted_by_their_own_tokenizer() {
    let counts: Vec<usize> = all().iter().map(|counter| counter.count(PROSE)).collect();
    let estimate = Estimate.count(PROSE);
    assert_eq!(counts[3], estimate);
    assert!(counts[2] < estimate);
}

proptest! {
    #[test]
    fn starts_are_in_order_and_as_many_as_the_count(text in "(\\PC|[ \\n\\t]|[a-z ]{1,12}|[漢字かな]){0,40}") {
        for counter in all() {
            let mut starts = Vec::new();
            counter.token_starts(&text, &mut starts);
            prop_assert_eq!(starts.len(), counter.count(&text));
            prop_assert!(starts.is_sorted());
            prop_assert!(starts.last().is_none_or(|&last| (last as usize) < text.len()));
        }
    }
}
