//! The documents that are worked off, and what must become of each. What a text is can be read from its beginning.

use std::sync::Arc;

use tidegate_model::Profiles;

use crate::provider::text_hash;
use crate::sim::Rng;

/// In every text that its provider refuses.
pub(crate) const POISON: &str = "poison";

/// One document: some texts.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) key: String,
    pub(crate) texts: Vec<String>,
}

impl Document {
    /// Whether one of its texts is refused.
    pub(crate) fn poisoned(&self) -> bool {
        self.texts.iter().any(|text| text.contains(POISON))
    }
}

/// `count` documents, of which `poison` per mille are poisoned. Texts come from a stock, so that some occur in
/// several documents and must be paid for once.
pub(crate) fn draw(rng: &mut Rng, (count, stock): (u64, u64), poison: u64) -> Vec<Document> {
    let document = |n: u64, rng: &mut Rng| {
        let many = if rng.chance(300) { rng.between(2, 5) } else { 1 };
        let mut texts: Vec<String> = (0..many).map(|_| text("w", rng.below(stock))).collect();
        if rng.chance(poison) {
            let at = rng.below(many) as usize;
            texts[at] = text(POISON, rng.below(1_000_000));
        }
        Document { key: format!("d{n:03}"), texts }
    };
    (0..count).map(|n| document(n, rng)).collect()
}

/// Text number `n` of a kind. Lengths differ, so that tokens do.
pub(crate) fn text(kind: &str, n: u64) -> String {
    format!("{kind}{n}:{}", "abcdefg ".repeat(1 + (n % 9) as usize))
}

/// Tokens of a text as the provider counts them.
pub(crate) fn tokens(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(4).max(1)).unwrap_or(u32::MAX)
}

/// The built-in profiles, read once a thread: reading them takes longer than most seeds.
pub(crate) fn profiles() -> Arc<Profiles> {
    thread_local! {
        static PROFILES: Arc<Profiles> = Arc::new(Profiles::builtin());
    }
    PROFILES.with(Arc::clone)
}

/// The name of a text in logs.
pub(crate) fn hash(text: &str) -> u64 {
    text_hash(text.as_bytes())
}
