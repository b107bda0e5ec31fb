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
