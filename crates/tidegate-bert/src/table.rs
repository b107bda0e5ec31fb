//! The vectors of tokens, of positions and of the first text, which together are what the first layer sees.

use crate::bert::Precision;
use crate::norm::Norm;
use crate::quantise::{self, Rows};

/// A vector for each token. It is the largest tensor of a small model: half of MiniLM.
pub(crate) enum Table {
    Floats(Vec<f32>),
    Bytes(Rows),
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::Floats(Vec::new()),
            Precision::Int8 => Self::Bytes(Rows::default()),
        }
    }

    /// Takes some more rows of `width` numbers.
    pub(crate) fn extend(&mut self, numbers: &[f32], width: usize) {
        match self {
            Self::Floats(all) => all.extend_from_slice(numbers),
            Self::Bytes(all) => quantise::append_rows((numbers, width), 127.0, all),
        }
    }

    /// Adds the vector of token `id` to `row`.
    fn add(&self, id: u32, row: &mut [f32]) {
        let from = id as usize * row.len();
        match self {
            Self::Floats(numbers) => {
                for (number, of_token) in row.iter_mut().zip(&numbers[from..]) {
                    *number += of_token;
                }
            }
            Self::Bytes(rows) => {
                let scale = rows.scales[id as usize];
                for (number, of_token) in row.iter_mut().zip(&rows.bytes[from..]) {
                    *number += f32::from(*of_token) * scale;
                }
            }
        }
    }
}

/// Everything before the first layer.
pub(crate) struct Embeddings {
    pub(crate) tokens: Table,
    /// A vector for each position, with that of the first text added.
    pub(crate) positions: Vec<f32>,
    pub(crate) norm: Norm,
}

impl Embeddings {
    /// Appends a row for each token of a text.
    pub(crate) fn append(&self, ids: &[u32], rows: &mut Vec<f32>) {
        let width = self.norm.scale.len();
        for (&id, position) in ids.iter().zip(self.positions.chunks_exact(width)) {
            let from = rows.len();
            rows.extend_from_slice(position);
            self.tokens.add(id, &mut rows[from..]);
            self.norm.apply(&mut rows[from..]);
        }
    }
}
