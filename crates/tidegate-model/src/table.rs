//! A table of token vectors that was fitted to somebody's own texts: it works as the one inside the program does, with
//! the same vocabulary, and is handed about as bytes.

use std::sync::LazyLock;

use tidegate_core::{ContentHash, Embedder, Fault, FaultKind, Task, Tokenizer};

use crate::builtin::{DIMENSIONS, NORMALISER, VOCABULARY};
use crate::fit::{Packed, Rows};
use crate::half::f16_to_f32;
use crate::pool::{Table, normalise};
use crate::wordpiece::WordPiece;

static TOKENIZER: LazyLock<WordPiece> = LazyLock::new(WordPiece::builtin);

/// What the bytes of a table begin with; the last digit tells apart how the rest is laid out.
const MAGIC: &[u8; 16] = b"tidegate table 1";
/// Bytes before the rows: the magic and the hash.
const HEAD: usize = MAGIC.len() + 32;

/// A table of token vectors, in memory: 8 MB.
///
/// As bytes it is the 16 bytes `tidegate table 1`, a BLAKE3 hash over the rows, the scales, the vocabulary and the
/// normaliser's table, the rows (a signed byte for each number), and a little-endian half per row, its scale.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenTable {
    identity: String,
    hash: ContentHash,
    packed: Packed,
}

impl TokenTable {
    /// What the names of all such tables begin with.
    pub const FAMILY: &'static str = "adapted/";

    /// The table that `packed` is.
    ///
    /// # Errors
    /// [`FaultKind::Config`], if it has not a row of 256 bytes and a finite scale for each token.
    pub fn new(packed: Packed) -> Result<Self, Fault> {
        let tokens = TOKENIZER.most_id() as usize + 1;
        let (rows, scales) = (packed.rows.len(), packed.scales.len());
        if rows != tokens * DIMENSIONS || scales != tokens {
            let why = format!(
                "a table of {rows} bytes and {scales} scales, where {tokens} rows of {DIMENSIONS} belong"
            );
            return Err(unusable(why));
        }
        let finite = |scale: &[u8; 2]| f16_to_f32(u16::from_le_bytes(*scale)).is_finite();
        if let Some(at) = packed.scales.iter().position(|scale| !finite(scale)) {
            return Err(unusable(format!("the scale of row {at} is no number")));
        }
        let hash = hash_of(&packed);
        let identity = format!("{}static-{DIMENSIONS}@{}", Self::FAMILY, &hash.to_hex()[..12]);
        Ok(Self { identity, hash, packed })
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for anything else: other files, tables of other versions, damage of any kind.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
            return Err(unusable("it is too short to be a table"));
        };
        let (magic, hash) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(unusable("it does not begin as a table of this version does"));
        }
        let tokens = TOKENIZER.most_id() as usize + 1;
        let expected = tokens * (DIMENSIONS + 2);
        if rest.len() != expected {
            return Err(unusable(format!("it holds {} bytes of rows instead of {expected}", rest.len())));
        }
        let (rows, scales) = rest.split_at(tokens * DIMENSIONS);
        let packed = Packed { rows: rows.to_vec(), scales: scales.as_chunks().0.to_vec() };
        let table = Self::new(packed)?;
        if table.hash.as_ref() != hash {
            return Err(unusable("its content is not what its hash says"));
        }
        Ok(table)
    }

    /// The table as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.packed.rows.len() + self.packed.scales.len() * 2);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.hash.as_ref());
        bytes.extend_from_slice(&self.packed.rows);
        bytes.extend_from_slice(self.packed.scales.as_flattened());
        bytes
    }

    /// The floats that it stands for.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Rows::unpack(DIMENSIONS, &self.packed.rows, &self.packed.scales)
    }

    fn vector(&self, ids: &[u32]) -> Vec<f32> {
        let rows = self.packed.rows.as_chunks::<DIMENSIONS>().0;
        let mut vector = Table { rows, scales: &self.packed.scales }.sum(ids);
        normalise(&mut vector);
        vector.to_vec()
    }
}

/// Over everything that decides the vector of a text.
fn hash_of(packed: &Packed) -> ContentHash {
    let scales = packed.scales.as_flattened();
    ContentHash::of_parts(&[&packed.rows, scales, VOCABULARY.as_bytes(), NORMALISER.as_bytes()])
}

fn unusable(why: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Config, why)
        .during("reading a table of token vectors")
        .hint("make it again with `tidegate adapt`")
}

impl std::fmt::Debug for TokenTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenTable({})", self.identity)
    }
}

impl Embedder for TokenTable {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn tokenizer(&self) -> &dyn Tokenizer {
        &*TOKENIZER
    }

    /// As with [`crate::Builtin`]: nothing is cut off.
    fn max_tokens(&self) -> usize {
        512
    }

    /// Documents and queries are embedded alike. Never fails.
    fn embed(&self, texts: &[&str], _: Task) -> Result<Vec<Vec<f32>>, Fault> {
        let mut ids = Vec::new();
        let embed = |text: &&str| {
            ids.clear();
            TOKENIZER.encode(text, &mut ids);
            self.vector(&ids)
        };
        Ok(texts.iter().map(embed).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Builtin;

    fn sample() -> TokenTable {
        TokenTable::new(Builtin::rows().pack()).unwrap()
    }

    #[test]
    fn the_table_of_the_program_comes_back_as_it_was() {
        let table = sample();
        let text = "The tide gate holds water back until the tide turns.";
        let ours = table.embed(&[text, ""], Task::Query).unwrap();
        let theirs = Builtin.embed(&[text, ""], Task::Document).unwrap();
        // Rounding to bytes again may move a number by a step of its scale at most.
        let cosine: f32 = ours[0].iter().zip(&theirs[0]).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.9999, "{cosine}");
        assert_eq!(ours[1], vec![0.0; DIMENSIONS]);
        assert!(table.identity().starts_with("adapted/static-256@"), "{}", table.identity());
        let again = TokenTable::from_bytes(&table.to_bytes()).unwrap();
        assert_eq!((&again, again.identity()), (&table, table.identity()));
        assert_eq!(again.rows().pack(), table.packed, "what was packed packs to the same bytes");
    }

    #[test]
    fn another_row_is_another_name() {
        let mut packed = sample().packed;
        packed.rows[5_000_000] ^= 1;
        assert_ne!(TokenTable::new(packed).unwrap().identity(), sample().identity());
    }

    #[test]
    fn what_is_no_table_is_refused_with_what_is_wrong() {
        let whole = sample().to_bytes();
        let refused = |bytes: &[u8]| {
            let fault = TokenTable::from_bytes(bytes).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config);
            assert!(fault.hint_text().is_some());
            fault.chain().join(": ")
        };
        assert!(refused(b"").contains("too short"));
        assert!(refused(&[0; 100]).contains("does not begin"));
        assert!(refused(&whole[..whole.len() - 1]).contains("instead of"));
        let mut changed = whole.clone();
        changed[1_000] ^= 1;
        assert!(refused(&changed).contains("not what its hash says"));
        let mut infinite = whole;
        let last = infinite.len() - 1;
        infinite[last] = 0x7C;
        infinite[last - 1] = 0;
        assert!(refused(&infinite).contains("is no number"));
        let short = Packed { rows: vec![0; 256], scales: vec![[0, 0]] };
        assert!(TokenTable::new(short).unwrap_err().chain().join(" ").contains("belong"));
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
            let mut all = if magic { MAGIC.to_vec() } else { Vec::new() };
            all.extend(bytes);
            prop_assert!(TokenTable::from_bytes(&all).is_err());
        }
    }
}
