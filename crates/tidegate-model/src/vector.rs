//! Vectors as services send them, made fit to be kept: finite, of unit length, all of one length.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

/// A vector of an answer, decoded straight from its JSON: either a list of numbers, or base64 of little-endian
/// 32-bit floats. Which of them was asked for does not matter; services differ from what was asked.
#[derive(Debug, PartialEq)]
pub struct Wire(pub Vec<f32>);

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Floats)
    }
}

struct Floats;

impl<'de> Visitor<'de> for Floats {
    type Value = Wire;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers, or base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Wire, E> {
        // `invalid_value` would quote the vector.
        let bytes = STANDARD.decode(text).map_err(|_| E::custom("a vector is no base64"))?;
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("a vector in base64 is not made of 32-bit floats"));
        }
        Ok(Wire(floats.iter().map(|&float| f32::from_le_bytes(float)).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Wire, A::Error> {
        // Most vectors have about this many dimensions; a list does not say how long it is.
        let mut floats = Vec::with_capacity(1_024);
        while let Some(float) = list.next_element::<f32>()? {
            floats.push(float);
        }
        if floats.iter().any(|float| !float.is_finite()) {
            return Err(A::Error::custom("a vector holds a number beyond 32-bit floats"));
        }
        Ok(Wire(floats))
    }
}

/// A vector as it is kept: of unit length.
///
/// # Errors
/// What is wrong with it: it is empty, not finite, or all zero.
pub fn unit(mut floats: Vec<f32>) -> Result<Arc<[f32]>, Cow<'static, str>> {
    if floats.is_empty() {
        return Err("a vector is empty".into());
    }
    let squares = squares(&floats);
    if !squares.is_finite() {
        return Err("a vector is not finite".into());
    }
    if squares == 0.0 {
        return Err("a vector is all zeros".into());
    }
    let scale = 1.0 / squares.sqrt();
    for float in &mut floats {
        *float = (f64::from(*float) * scale) as f32;
    }
    Ok(floats.into())
}

/// The sum of the squares. Squares of large 32-bit floats are beyond 32 bits, but not beyond 64. Eight sums at once,
/// because each addition would wait for the one before it.
fn squares(floats: &[f32]) -> f64 {
    let (eights, rest) = floats.as_chunks::<8>();
    let mut sums = [0.0f64; 8];
    for eight in eights {
        for (sum, &float) in sums.iter_mut().zip(eight) {
            *sum += f64::from(float) * f64::from(float);
        }
    }
    let rest: f64 = rest.iter().map(|&float| f64::from(float) * f64::from(float)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Puts vectors into the order of the items asked: each index once, none left out, all of one length.
#[derive(Debug)]
pub struct Placed {
    places: Vec<Option<Arc<[f32]>>>,
    /// The length all must have; zero until the first tells it.
    dimensions: usize,
}

impl Placed {
    /// For `count` items, whose vectors have `dimensions` (zero: as many as the first has).
    #[must_use]
    pub fn new(count: usize, dimensions: usize) -> Self {
        Self { places: vec![None; count], dimensions }
    }

    /// Takes the vector of item `index`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn put(&mut self, index: usize, floats: Vec<f32>) -> Result<(), Cow<'static, str>> {
        let count = self.places.len();
        let Some(place) = self.places.get_mut(index) else {
            return Err(format!("a vector has index {index}, but {count} texts were sent").into());
        };
        if place.is_some() {
            return Err(format!("two vectors have index {index}").into());
        }
        let vector = unit(floats)?;
        if self.dimensions == 0 {
            self.dimensions = vector.len();
        }
        if self.dimensions != vector.len() {
            let (came, wanted) = (vector.len(), self.dimensions);
            return Err(format!("a vector has {came} dimensions instead of {wanted}").into());
        }
        *place = Some(vector);
        Ok(())
    }

    /// All vectors, in order.
    ///
    /// # Errors
    /// Some are missing.
    pub fn all(self) -> Result<Vec<Arc<[f32]>>, Cow<'static, str>> {
        let count = self.places.len();
        let came = self.places.iter().flatten().count();
        if came < count {
            return Err(format!("{came} vectors came for {count} texts").into());
        }
        Ok(self.places.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<f32>, String> {
        serde_json::from_str::<Wire>(json).map(|wire| wire.0).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(read("[1, -2.5, 3e-2]"), Ok(vec![1.0, -2.5, 0.03]));
        assert_eq!(read(r#""AACAPwAAIMA=""#), Ok(vec![1.0, -2.5]));
        assert_eq!(read("[]"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_vector_is_refused_without_quoting_it() {
        for json in [
            r#""AACA""#,
            r#""!!!!""#,
            "[null]",
            "[\"1\"]",
            "[1e39]",
            "[1e999]",
            "[NaN]",
            "{}",
            "1",
            "null",
            "[[1]]",
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        assert!(!read(r#""SECRET-!""#).unwrap_err().contains("SECRET"));
    }

    #[test]
    fn vectors_become_unit_vectors_however_large_or_small() {
        for floats in [vec![3.0, 4.0], vec![3e38, 3e38], vec![1e-40, 0.0], vec![-1e-30; 64]] {
            let unit = unit(floats).unwrap();
            let length: f64 = unit.iter().map(|&float| f64::from(float).powi(2)).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
        for floats in [vec![], vec![0.0; 3], vec![f32::NAN], vec![f32::INFINITY, 1.0]] {
            assert!(unit(floats).is_err());
        }
    }
}
