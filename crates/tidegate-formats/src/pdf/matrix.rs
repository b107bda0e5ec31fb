//! Transformations of the plane.

/// `x' = a x + c y + e`, `y' = b x + d y + f`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) fn shift(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First `self`, then `outer`.
    pub(super) fn then(self, outer: Self) -> Self {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, outer.0);
        Self([
            a * g + b * i,
            a * h + b * j,
            c * g + d * i,
            c * h + d * j,
            e * g + f * i + k,
            e * h + f * j + l,
        ])
    }

    /// The same after a step along its own axes: what each glyph does.
    pub(super) fn stepped(self, x: f64, y: f64) -> Self {
        let [a, b, c, d, e, f] = self.0;
        Self([a, b, c, d, x * a + y * c + e, x * b + y * d + f])
    }

    /// How long a step of length one along its first axis, and its second, is.
    pub(super) fn lengths(&self) -> (f64, f64) {
        let length = |along: f64, across: f64| if across == 0.0 { along.abs() } else { along.hypot(across) };
        let [a, b, c, d, ..] = self.0;
        (length(a, b), length(d, c))
    }

    /// Quarter turns of a page, clockwise.
    pub(super) fn turned(quarters: u8) -> Self {
        match quarters % 4 {
            1 => Self([0.0, -1.0, 1.0, 0.0, 0.0, 0.0]),
            2 => Self([-1.0, 0.0, 0.0, -1.0, 0.0, 0.0]),
            3 => Self([0.0, 1.0, -1.0, 0.0, 0.0, 0.0]),
            _ => Self::IDENTITY,
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.0.iter().all(|value| value.is_finite() && value.abs() < 1e9)
    }
}
