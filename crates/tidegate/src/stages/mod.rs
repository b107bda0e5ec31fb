//! The stages of the main job: parse, chunk, embed.

mod chunk;
mod embed;
mod parse;
mod remote;

pub use chunk::ChunkStage;
pub use embed::{EmbedCounts, EmbedStage};
pub use parse::ParseStage;
pub(crate) use remote::RemoteEmbedStage;
