//! One vector out of those of all tokens.

/// How a text's vector is made of its tokens'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The mean of all, as MiniLM, E5 and GTE do.
    Mean,
    /// That of the first token, `[CLS]`, as BGE does.
    Cls,
}

impl Pooling {
    /// The name that enters a model's identity.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }

    /// The unit vector of a text of at least one token, or `None` where its length is not a number above zero.
    pub(crate) fn pool(self, rows: &[f32], width: usize) -> Option<Vec<f32>> {
        let mut vector = rows.get(..width)?.to_vec();
        if self == Self::Mean {
            for row in rows.chunks_exact(width).skip(1) {
                for (sum, number) in vector.iter_mut().zip(row) {
                    *sum += number;
                }
            }
        }
        // Divided by the length, a sum and a mean are the same.
        let squares: f64 = vector.iter().map(|&number| f64::from(number) * f64::from(number)).sum();
        if !squares.is_finite() || squares == 0.0 {
            return None;
        }
        let scale = 1.0 / squares.sqrt();
        for number in &mut vector {
            *number = (f64::from(*number) * scale) as f32;
        }
        Some(vector)
    }
}
