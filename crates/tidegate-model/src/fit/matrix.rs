//! The little linear algebra that fitting needs: products of tall matrices, and eigenvectors of small symmetric ones.

/// Lanes that are summed apart, so that additions need not wait for one another.
const LANES: usize = 16;

/// The sum of the products of two equally long vectors.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Adds `factor` times `b` to `a`.
pub(super) fn add(a: &mut [f32], factor: f32, b: &[f32]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += factor * b;
    }
}

/// The cosines of all pairs of `rows`, unit vectors of `width` numbers: a symmetric matrix.
pub(super) fn cosines(rows: &[f32], width: usize, into: &mut Vec<f32>) {
    let count = rows.len() / width;
    into.clear();
    into.resize(count * count, 0.0);
    for (a, row) in rows.chunks_exact(width).enumerate() {
        for (b, other) in rows[..(a + 1) * width].chunks_exact(width).enumerate() {
            let cosine = dot(row, other);
            into[a * count + b] = cosine;
            into[b * count + a] = cosine;
        }
    }
}

/// A symmetric matrix of `size` rows.
pub(super) struct Symmetric {
    pub(super) size: usize,
    pub(super) values: Vec<f64>,
}

/// Rotations go on until what is beside the diagonal is this small, relative to all.
const ENOUGH: f64 = 1e-20;
/// Sweeps at most. Jacobi's method converges quadratically; a dozen is usual.
const SWEEPS: usize = 40;

impl Symmetric {
    pub(super) fn zero(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    /// Adds the product of a vector with itself.
    pub(super) fn add_square(&mut self, vector: &[f32]) {
        for (row, &a) in self.values.chunks_exact_mut(self.size).zip(vector) {
            for (value, &b) in row.iter_mut().zip(vector) {
                *value += f64::from(a) * f64::from(b);
            }
        }
    }

    /// Eigenvalues with their unit eigenvectors, largest first, by Jacobi's cyclic method.
    pub(super) fn eigen(mut self) -> Vec<(f64, Vec<f64>)> {
        let size = self.size;
        // Row `i` of `axes` becomes the eigenvector of the `i`th value on the diagonal.
        let mut axes = Self::zero(size).values;
        for at in 0..size {
            axes[at * size + at] = 1.0;
        }
        let all: f64 = self.values.iter().map(|value| value * value).sum();
        for _ in 0..SWEEPS {
            if self.beside() <= all * ENOUGH {
                break;
            }
            for p in 0..size {
                for q in p + 1..size {
                    self.rotate(p, q, &mut axes);
                }
            }
        }
        let mut found: Vec<(f64, Vec<f64>)> = axes
            .chunks_exact(size.max(1))
            .enumerate()
            .map(|(at, axis)| (self.values[at * size + at], axis.to_vec()))
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found
    }

    /// The sum of squares beside the diagonal.
    fn beside(&self) -> f64 {
        let squares = |(at, value): (usize, &f64)| {
            if at / self.size == at % self.size { 0.0 } else { value * value }
        };
        self.values.iter().enumerate().map(squares).sum()
    }

    /// Turns the plane of axes `p` and `q` so that their element vanishes.
    fn rotate(&mut self, p: usize, q: usize, axes: &mut [f64]) {
        let size = self.size;
        let element = self.values[p * size + q];
        if element == 0.0 {
            return;
        }
        let theta = (self.values[q * size + q] - self.values[p * size + p]) / (2.0 * element);
        // Square roots are exact on every machine, which other functions are not.
        let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
        let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
        let sine = tangent * cosine;
        turn_rows(&mut self.values, size, (p, q), (cosine, sine));
        for row in self.values.chunks_exact_mut(size) {
            (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
        }
        turn_rows(axes, size, (p, q), (cosine, sine));
    }
}

/// Turns rows `p` and `q`, of which `p` comes first.
fn turn_rows(values: &mut [f64], size: usize, (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    let (before, from_q) = values.split_at_mut(q * size);
    let row_p = &mut before[p * size..(p + 1) * size];
    for (a, b) in row_p.iter_mut().zip(&mut from_q[..size]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}
