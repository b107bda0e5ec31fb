//! The vectors of the latest questions, so that one that is asked again is not embedded again.
//!
//! It is for a process that answers many. What is worth keeping for the next process is in the journal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_core::ContentHash;

/// Questions that are remembered: some hundred kilobytes of vectors.
const MOST: usize = 256;

/// A bounded number of vectors; the one that was not wanted for the longest time goes first.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    vectors: HashMap<ContentHash, (Arc<[f32]>, u64)>,
    /// How often something was wanted.
    clock: u64,
}

impl Recent {
    /// The vector kept under `key`.
    pub(crate) fn get(&self, key: &ContentHash) -> Option<Arc<[f32]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let (vector, used) = kept.vectors.get_mut(key)?;
        *used = now;
        Some(vector.clone())
    }

    /// Keeps `vector`, in the place of another if there are many.
    pub(crate) fn put(&self, key: ContentHash, vector: Arc<[f32]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        if kept.vectors.len() >= MOST && !kept.vectors.contains_key(&key) {
            let oldest = kept.vectors.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            oldest.map(|key| kept.vectors.remove(&key));
        }
        kept.vectors.insert(key, (vector, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_stays_and_the_rest_goes() {
        let recent = Recent::default();
        let key = |at: usize| ContentHash::of(&at.to_le_bytes());
        for at in 0..3 * MOST {
            recent.put(key(at), Arc::new([at as f32]));
            assert_eq!(recent.get(&key(0)).as_deref(), Some(&[0.0][..]), "after {at}");
        }
        assert_eq!(recent.0.lock().unwrap().vectors.len(), MOST);
        assert!(recent.get(&key(1)).is_none());
        assert!(recent.get(&key(3 * MOST - 1)).is_some());
        assert!(recent.get(&key(2 * MOST + 1)).is_some(), "the latest are there");
    }
}
