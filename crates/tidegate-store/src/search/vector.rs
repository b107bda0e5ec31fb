//! The vector leg: nearest codes, then exact cosines, then the chunks that have those vectors.

use rusqlite::{Connection, OptionalExtension as _};
use rustc_hash::FxHashMap;
use tidegate_core::{Fault, FaultKind};

use super::allowed::Allowed;
use super::codes::{Codes, Wanted};
use crate::error::Doing;
use crate::generation::Tables;
use crate::journal;

/// Chunks with their scores, best first.
pub(super) type Ranked = Vec<(i64, f64)>;

const DOING: &str = "searching the vectors";

/// A query's vector, ready to be compared.
pub(super) struct Needle<'a> {
    /// L2-normalised.
    vector: Vec<f32>,
    signs: Vec<u64>,
    model: Option<&'a str>,
}

impl<'a> Needle<'a> {
    /// Prepares `vector`. `None` if it is zero: nothing is near to it.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a vector without dimensions or with values that are not finite.
    pub(super) fn new(vector: &[f32], model: Option<&'a str>) -> Result<Option<Self>, Fault> {
        journal::check(vector)
            .map_err(|fault| Fault::new(FaultKind::Config, "the query has no usable vector").cause(fault))?;
        let norm = dot(vector, vector).sqrt();
        let Some(signs) = journal::signs(vector).filter(|_| norm > 0.0 && norm.is_finite()) else {
            return Ok(None);
        };
        Ok(Some(Self { vector: vector.iter().map(|value| value / norm).collect(), signs, model }))
    }

    /// The exact cosine to the vector kept in `blob`; `None` if it is of another length or zero.
    fn cosine(&self, blob: &[u8]) -> Option<f64> {
        if blob.len() != 4 * self.vector.len() {
            return None;
        }
        let other: Vec<f32> = journal::decode(blob);
        let norm = dot(&other, &other).sqrt();
        let cosine = f64::from(dot(&self.vector, &other) / norm);
        cosine.is_finite().then_some(cosine)
    }
}

/// The dot product, in independent lanes so that it compiles to vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Chunks near `needle` with their cosines, best first: all chunks of the `rescore` nearest vectors, at most
/// `count` of them. `docs` and `vectors` are what a filter allows.
pub(super) fn best(
    (conn, tables): (&Connection, Tables),
    codes: &Codes,
    needle: &Needle<'_>,
    allowed: Option<&Allowed>,
    (rescore, count): (usize, usize),
) -> Result<Ranked, Fault> {
    let wanted = Wanted {
        vector: &needle.vector,
        signs: &needle.signs,
        model: needle.model,
        allowed: allowed.map(|allowed| &allowed.vectors),
    };
    let near = rescored(conn, needle, codes.nearest(&wanted, rescore))?;
    let select = format!("SELECT id, doc FROM {} WHERE vector = ?1 ORDER BY id", tables.chunk());
    let mut select = conn.prepare_cached(&select).doing(DOING)?;
    let mut chunks = Vec::new();
    for (cosine, vector) in near {
        let mut rows = select.query([vector]).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            let (id, doc): (i64, i64) = (row.get(0).doing(DOING)?, row.get(1).doing(DOING)?);
            if allowed.is_none_or(|allowed| allowed.docs.contains(doc)) {
                chunks.push((id, cosine));
            }
            if chunks.len() >= count {
                return Ok(chunks);
            }
        }
    }
    Ok(chunks)
}

/// The exact cosines of the vectors `ids`, best first.
fn rescored(conn: &Connection, needle: &Needle<'_>, mut ids: Vec<i64>) -> Result<Vec<(f64, i64)>, Fault> {
    ids.sort_unstable(); // neighbours share pages
    ids.dedup(); // a code written again may be in memory twice
    let mut select = conn.prepare_cached("SELECT vector FROM journal WHERE id = ?1").doing(DOING)?;
    let mut near = Vec::with_capacity(ids.len());
    for id in ids {
        let cosine = select
            .query_row([id], |row| Ok(needle.cosine(row.get_ref(0)?.as_blob()?)))
            .optional()
            .doing(DOING)?;
        near.extend(cosine.flatten().map(|cosine| (cosine, id)));
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    Ok(near)
}

/// The cosines of chunks the other leg found.
pub(super) fn cosines(
    (conn, tables): (&Connection, Tables),
    needle: &Needle<'_>,
    chunks: impl Iterator<Item = i64>,
) -> Result<FxHashMap<i64, f64>, Fault> {
    let mut select = conn
        .prepare_cached(&format!(
            "SELECT j.vector, m.name FROM {} c JOIN journal j ON j.id = c.vector JOIN model m ON m.id = j.model
             WHERE c.id = ?1",
            tables.chunk()
        ))
        .doing(DOING)?;
    let mut cosines = FxHashMap::default();
    for id in chunks {
        let found = select
            .query_row([id], |row| {
                let comparable = match needle.model {
                    Some(model) => row.get_ref(1)?.as_str()? == model,
                    None => true,
                };
                Ok(needle.cosine(row.get_ref(0)?.as_blob()?).filter(|_| comparable))
            })
            .optional()
            .doing(DOING)?;
        if let Some(cosine) = found.flatten() {
            cosines.insert(id, cosine);
        }
    }
    Ok(cosines)
}
