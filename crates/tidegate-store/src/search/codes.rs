//! The 1-bit codes of all vectors, in memory, and the scan over them.

use std::sync::Arc;

use rusqlite::Connection;
use tidegate_core::Fault;

use super::hamming;
use crate::error::Doing;
use crate::generation::Tables;

/// Codes in one segment; segments are shared between versions of the whole.
const SEGMENT: usize = 1 << 16;
/// Codes scanned at a time, so that distances stay in the fastest cache.
const BLOCK: usize = 1 << 12;
/// How many times as many codes are weighed as are wanted.
const LONGER: usize = 8;
/// Codes that may be gone from the file but not yet from memory, besides one in twenty.
const STALE: i64 = 10_000;

/// The codes of a generation as of one state of the file. Codes whose vectors are gone since may linger: rescoring
/// finds no chunk for them and drops them.
#[derive(Clone, Default)]
pub(super) struct Codes {
    /// The generation they are of.
    tables: Option<Tables>,
    /// The file's counters when this was read.
    change: i64,
    removed: i64,
    last_seq: i64,
    total: usize,
    groups: Vec<Group>,
}

#[derive(Clone)]
struct Group {
    model: i64,
    name: Arc<str>,
    dims: usize,
    segments: Vec<Arc<Segment>>,
}

#[derive(Default, Clone)]
struct Segment {
    /// Journal rows.
    ids: Vec<i64>,
    bits: Vec<u64>,
}

/// A set of journal rows.
pub(super) struct Bitset(Vec<u64>);

impl Bitset {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn insert(&mut self, id: i64) {
        let Ok(id) = usize::try_from(id) else { return };
        // Row ids are handed out in sequence; one far beyond is not ours.
        if id > 1 << 36 {
            return;
        }
        if self.0.len() <= id / 64 {
            self.0.resize(id / 64 + 1, 0);
        }
        self.0[id / 64] |= 1 << (id % 64);
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        let Ok(id) = usize::try_from(id) else { return false };
        self.0.get(id / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }
}

impl Codes {
    /// This or a newer version: what the open transaction of `conn` sees, at least.
    pub(super) fn refreshed(
        current: &Arc<Self>,
        conn: &Connection,
        tables: Tables,
    ) -> Result<Arc<Self>, Fault> {
        let change = counter(conn, "change")?;
        let same = current.tables == Some(tables);
        if same && change <= current.change && current.change > 0 {
            return Ok(current.clone());
        }
        let removed = counter(conn, "removed")?;
        let stale = removed - current.removed;
        let mut next = if !same || stale > STALE + current.total as i64 / 20 {
            Self { removed, tables: Some(tables), ..Self::default() }
        } else {
            (**current).clone()
        };
        next.change = change;
        next.read_new(conn, tables)?;
        Ok(Arc::new(next))
    }

    /// Reads the codes written after the last one known.
    fn read_new(&mut self, conn: &Connection, tables: Tables) -> Result<(), Fault> {
        let doing = "reading the codes of vectors";
        let select =
            format!("SELECT seq, id, model, bits FROM {} WHERE seq > ?1 ORDER BY seq", tables.code());
        let mut select = conn.prepare_cached(&select).doing(doing)?;
        let mut rows = select.query([self.last_seq]).doing(doing)?;
        let mut at = usize::MAX;
        while let Some(row) = rows.next().doing(doing)? {
            let model: i64 = row.get(2).doing(doing)?;
            if self.groups.get(at).is_none_or(|group| group.model != model) {
                at = self.group(conn, model)?;
            }
            let bits = row.get_ref(3).and_then(|value| Ok(value.as_blob()?)).doing(doing)?;
            self.last_seq = row.get(0).doing(doing)?;
            self.total += usize::from(self.groups[at].push(row.get(1).doing(doing)?, bits));
        }
        Ok(())
    }

    /// The position of a model's group, made if there is none.
    fn group(&mut self, conn: &Connection, model: i64) -> Result<usize, Fault> {
        if let Some(at) = self.groups.iter().position(|group| group.model == model) {
            return Ok(at);
        }
        let (name, dims): (String, usize) = conn
            .query_row("SELECT name, dims FROM model WHERE id = ?1", [model], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .doing("reading the models")?;
        self.groups.push(Group { model, name: name.into(), dims, segments: Vec::new() });
        Ok(self.groups.len() - 1)
    }

    /// How many codes there are.
    pub(super) fn len(&self) -> usize {
        self.total
    }

    /// The journal rows of about the `count` codes nearest to the query among `allowed`, nearest first. Several
    /// models with the same number of dimensions count together unless one is named.
    ///
    /// Distances between signs choose a longer list; within it, the query's own values weigh the signs. That costs
    /// little and finds far more of the true nearest than signs alone where many vectors are about as near.
    pub(super) fn nearest(&self, wanted: &Wanted<'_>, count: usize) -> Vec<i64> {
        let groups = self.groups.iter().filter(|group| {
            group.dims == wanted.vector.len() && wanted.model.is_none_or(|name| *name == *group.name)
        });
        let segments: Vec<&Segment> = groups.flat_map(|group| &group.segments).map(Arc::as_ref).collect();
        let mut best = Best::new(wanted.vector.len(), LONGER * count);
        for (at, segment) in segments.iter().enumerate() {
            segment.scan(at, wanted, &mut best);
        }
        let weights = Weights::new(wanted.vector);
        let words = wanted.signs.len();
        let found = best.finish().into_iter().map(|Near { segment, offset, .. }| {
            let segment = segments[segment as usize];
            let at = offset as usize;
            (weights.of(&segment.bits[at * words..][..words]), segment.ids[at])
        });
        let mut weighed: Vec<(f32, i64)> = found.collect();
        weighed.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        weighed.truncate(count);
        weighed.into_iter().map(|(_, id)| id).collect()
    }
}

/// The dot product of a query with vectors of signs, eight dimensions at a time from a table.
struct Weights(Vec<[f32; 256]>);

impl Weights {
    fn new(vector: &[f32]) -> Self {
        let table = |values: &[f32]| {
            let mut sums = [0.0; 256];
            for (byte, sum) in sums.iter_mut().enumerate() {
                for (bit, value) in values.iter().enumerate() {
                    *sum += if byte >> bit & 1 == 1 { *value } else { -*value };
                }
            }
            sums
        };
        Self(vector.chunks(8).map(table).collect())
    }

    fn of(&self, words: &[u64]) -> f32 {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        self.0.iter().zip(bytes).map(|(table, byte)| table[usize::from(byte)]).sum()
    }
}

/// What [`Codes::nearest`] looks for.
pub(super) struct Wanted<'a> {
    pub(super) vector: &'a [f32],
    /// Its sign bits.
    pub(super) signs: &'a [u64],
    pub(super) model: Option<&'a str>,
    pub(super) allowed: Option<&'a Bitset>,
}

impl Group {
    /// Adds a code; `false` if it has the wrong length.
    fn push(&mut self, id: i64, bits: &[u8]) -> bool {
        let words = self.dims.div_ceil(64);
        let (chunks, rest) = bits.as_chunks::<8>();
        if chunks.len() != words || !rest.is_empty() {
            return false;
        }
        if self.segments.last().is_none_or(|segment| segment.ids.len() >= SEGMENT) {
            self.segments.push(Arc::default());
        }
        let Some(segment) = self.segments.last_mut() else { return false };
        // The last segment is copied once per refresh if a search still uses the version before.
        let segment = Arc::make_mut(segment);
        segment.ids.push(id);
        segment.bits.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
        true
    }
}

impl Segment {
    /// Offers the codes of this segment, which is number `segment`, to `best`.
    fn scan(&self, segment: usize, wanted: &Wanted<'_>, best: &mut Best) {
        let words = wanted.signs.len();
        let mut buffer = [0u16; BLOCK];
        let blocks = self.ids.chunks(BLOCK).zip(self.bits.chunks(BLOCK * words));
        for (block, (ids, bits)) in blocks.enumerate() {
            let distances = &mut buffer[..ids.len()];
            hamming::distances(wanted.signs, bits, distances);
            for (at, distance) in distances.iter().enumerate() {
                if *distance <= best.limit && wanted.allowed.is_none_or(|allowed| allowed.contains(ids[at])) {
                    let offset = (block * BLOCK + at) as u32; // a segment has far fewer codes than that
                    best.take(Near { distance: *distance, segment: segment as u32, offset });
                }
            }
        }
    }
}

/// A code that may be near enough.
#[derive(Debug, Clone, Copy)]
struct Near {
    distance: u16,
    segment: u32,
    offset: u32,
}

/// The nearest so far: a histogram of distances says how far is still near enough.
struct Best {
    count: usize,
    /// How many of `found` lie at each distance.
    histogram: Vec<usize>,
    /// How many lie within `limit`.
    within: usize,
    limit: u16,
    found: Vec<Near>,
}

impl Best {
    fn new(dims: usize, count: usize) -> Self {
        let most = dims.div_ceil(64) * 64;
        let limit = most.min(usize::from(u16::MAX)) as u16;
        let histogram = vec![0; usize::from(limit) + 1];
        Self { count: count.max(1), histogram, within: 0, limit, found: Vec::new() }
    }

    fn take(&mut self, near: Near) {
        self.found.push(near);
        self.histogram[usize::from(near.distance)] += 1;
        self.within += 1;
        // Draw the limit in while enough lie within the next smaller one.
        while self.within - self.histogram[usize::from(self.limit)] >= self.count {
            self.within -= self.histogram[usize::from(self.limit)];
            self.limit -= 1;
        }
        if self.found.len() > 4 * self.count + 1024 && self.found.len() > 2 * self.within {
            let limit = self.limit;
            self.found.retain(|near| near.distance <= limit);
        }
    }

    /// All within the limit: at least as many as wanted, if there are as many.
    fn finish(mut self) -> Vec<Near> {
        self.found.retain(|near| near.distance <= self.limit);
        self.found
    }
}

fn counter(conn: &Connection, name: &str) -> Result<i64, Fault> {
    conn.prepare_cached("SELECT value FROM counter WHERE name = ?1")
        .and_then(|mut select| select.query_row([name], |row| row.get(0)))
        .doing("reading the counters of the store")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_are_those_a_sort_would_give(
            codes in proptest::collection::vec(any::<u64>(), 0..300),
            query in any::<u64>(),
            count in 1usize..40,
            modulus in 1i64..4,
        ) {
            let mut group = Group { model: 1, name: "m".into(), dims: 64, segments: Vec::new() };
            let mut allowed = Bitset::new();
            for (id, code) in codes.iter().enumerate() {
                prop_assert!(group.push(id as i64, &code.to_le_bytes()));
                if id as i64 % modulus == 0 {
                    allowed.insert(id as i64);
                }
            }
            let all = Codes { groups: vec![group], ..Codes::default() };
            // With values of one size, weighing agrees with counting bits.
            let vector: Vec<f32> = (0..64).map(|bit| if query >> bit & 1 == 1 { 1.0 } else { -1.0 }).collect();
            let wanted = Wanted { vector: &vector, signs: &[query], model: None, allowed: Some(&allowed) };
            let mut sorted: Vec<(u32, i64)> = (0i64..).zip(&codes)
                .filter(|(id, _)| id % modulus == 0)
                .map(|(id, code)| ((code ^ query).count_ones(), id))
                .collect();
            sorted.sort_unstable();
            let expected: Vec<i64> = sorted.iter().map(|(_, id)| *id).take(count).collect();
            prop_assert_eq!(all.nearest(&wanted, count), expected);
        }

        #[test]
        fn weights_are_the_dot_product_with_signs(vector in proptest::collection::vec(-1f32..1.0, 1..140), seed in any::<u64>()) {
            let words: Vec<u64> = (0..vector.len().div_ceil(64) as u64).map(|at| seed.rotate_left(7 * at as u32)).collect();
            let sign = |at: usize| if words[at / 64] >> (at % 64) & 1 == 1 { 1.0 } else { -1.0 };
            let expected: f32 = vector.iter().enumerate().map(|(at, value)| value * sign(at)).sum();
            prop_assert!((Weights::new(&vector).of(&words) - expected).abs() < 1e-3);
        }
    }
}
