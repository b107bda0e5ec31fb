//! What a table is fitted to: texts as tokens, each with the teacher's vector.

/// Lessons: the tokens of texts, and what the teacher makes of each text.
#[derive(Debug, Clone)]
pub struct Lessons {
    width: usize,
    ids: Vec<u32>,
    /// Where the tokens of each lesson end.
    ends: Vec<usize>,
    targets: Vec<f32>,
}

impl Lessons {
    /// None yet; the teacher's vectors have `width` numbers.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, ids: Vec::new(), ends: Vec::new(), targets: Vec::new() }
    }

    /// Adds one. A target that is not finite, has no length or not the right one, or comes with no tokens, is left out;
    /// returns whether it was taken. Targets are scaled to unit length.
    pub fn push(&mut self, ids: &[u32], target: &[f32]) -> bool {
        let length = target.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if target.len() != self.width || ids.is_empty() || !length.is_normal() {
            return false;
        }
        self.ids.extend_from_slice(ids);
        self.ends.push(self.ids.len());
        self.targets.extend(target.iter().map(|&x| (f64::from(x) / length) as f32));
        true
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Length of the teacher's vectors.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The tokens of lesson `at`.
    pub(super) fn ids(&self, at: usize) -> &[u32] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.ids[start..self.ends[at]]
    }

    /// The teacher's unit vector of lesson `at`.
    pub(super) fn target(&self, at: usize) -> &[f32] {
        &self.targets[at * self.width..(at + 1) * self.width]
    }

    /// How often each of `tokens` tokens occurs in all lessons.
    #[must_use]
    pub fn counts(&self, tokens: usize) -> Vec<u32> {
        let mut counts = vec![0_u32; tokens];
        for &id in &self.ids {
            if let Some(count) = counts.get_mut(id as usize) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }
}

/// An order that looks random and is the same everywhere: SplitMix64 (Steele and others, 2014) drives a Fisher-Yates
/// shuffle.
pub(super) struct Shuffle(u64);

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The numbers below `count`, each once.
    pub(super) fn order(mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            let other = (u128::from(self.next()) * (at as u128 + 1)) >> 64;
            order.swap(at, other as usize);
        }
        order
    }
}
