//! Tables of token vectors that were fitted to somebody's texts: in the store whose vectors they made, or in a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use tidegate_core::{Embedder as _, Fault, FaultKind};
use tidegate_model::TokenTable;
use tidegate_store::Store;

/// How the names of files with tables end.
const ENDING: &str = ".table";
/// No table is larger: what is more is not read into memory.
const MOST_BYTES: u64 = 32 << 20;

/// Whether a path is that of a table rather than of a model's folder.
pub(crate) fn is_table(path: &str) -> bool {
    path.ends_with(ENDING)
}

/// The table in a file.
///
/// # Errors
/// [`FaultKind::Config`]: a file that is not there, or is no table.
pub(crate) fn read(path: &Path) -> Result<TokenTable, Fault> {
    let during = format!("reading {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    file.map_err(|error| {
        Fault::new(FaultKind::Config, format!("the table {} cannot be read", path.display()))
            .hint("write it with `tidegate adapt --export FILE.table`")
            .cause(error)
    })?;
    TokenTable::from_bytes(&bytes).map_err(|fault| fault.during(during))
}

/// The table of this name that a store keeps.
///
/// # Errors
/// [`FaultKind::Config`], if it is not there or damaged; storage faults.
pub(crate) fn kept(store: &Store, identity: &str) -> Result<TokenTable, Fault> {
    let hint = "run `tidegate adapt` once more, and search for words with --mode text until then";
    let during = format!("opening the table {identity} in {}", store.path().display());
    let Some(bytes) = store.table(identity)? else {
        let why = format!("{} does not hold the table {identity} of its vectors", store.path().display());
        return Err(Fault::new(FaultKind::Config, why).hint(hint));
    };
    let table = TokenTable::from_bytes(&bytes).map_err(|fault| fault.during(&*during).hint(hint))?;
    if table.identity() == identity {
        return Ok(table);
    }
    let why = format!("it holds {} under that name", table.identity());
    Err(Fault::new(FaultKind::Config, why).during(during).hint(hint))
}

/// The name of the table that made the vectors of a store's active generation, if one did.
///
/// # Errors
/// Storage faults.
pub(crate) fn in_use(store: &Store) -> Result<Option<String>, Fault> {
    let models = store.models()?;
    Ok(models.into_iter().map(|(name, _)| name).find(|name| name.starts_with(TokenTable::FAMILY)))
}

/// Keeps a table in a store, in place of a damaged one of its name.
///
/// # Errors
/// Storage faults.
pub(crate) async fn keep(store: &Store, table: &TokenTable) -> Result<(), Fault> {
    let damaged = match store.table(table.identity())? {
        None => false,
        Some(bytes) if TokenTable::from_bytes(&bytes).is_ok_and(|kept| kept == *table) => return Ok(()),
        Some(_) => true,
    };
    store.keep_table(table.identity(), table.to_bytes(), damaged).await
}
