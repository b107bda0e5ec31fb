//! The stages of the main job: parse, chunk, embed.

mod chunk;
mod embed;
mod parse;

pub use chunk::ChunkStage;
pub use embed::{EmbedCounts, EmbedStage};
pub use parse::ParseStage;
