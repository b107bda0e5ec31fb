//! The stages of the main job (parse, chunk, embed) and those that ask services about records.

mod change;
mod chunk;
mod context;
mod desk;
mod embed;
mod enrich;
mod files;
mod found;
mod http;
mod parse;
mod program;
mod remote;
mod told;
mod validate;
mod values;
mod when;

pub(crate) use change::ChangeStage;
pub use chunk::ChunkStage;
pub(crate) use context::Context;
pub use embed::{EmbedCounts, EmbedStage};
pub(crate) use enrich::EnrichStage;
pub use files::ParseFiles;
pub(crate) use files::WIDTH as FILES_AT_ONCE;
pub(crate) use http::HttpStage;
pub use parse::ParseStage;
pub(crate) use program::{ProgramStage, Standing};
pub(crate) use remote::RemoteEmbedStage;
pub(crate) use validate::ValidateStage;
pub(crate) use values::{NAMES, VECTOR};
