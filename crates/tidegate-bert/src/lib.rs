//! Models of the BERT family (MiniLM, BGE, E5, GTE) as embedders: read from a folder of their own files, run on this
//! machine's cores.
//!
//! This crate must not contain the network, caches or configuration: a folder is handed in, and where it comes from is
//! the façade's matter. Nor does it spread work: each call uses one core, and callers decide how many there are at once.
//!
//! A general runtime (ONNX) was refused: the family is one forward pass of a few hundred lines, and written out it is
//! faster, a tenth of the size, and free of padding.

#![forbid(unsafe_code)]

mod attention;
mod bert;
mod encoder;
mod folder;
mod gemm;
mod linear;
mod norm;
mod pooling;
mod prefix;
mod quantise;
mod spec;
mod table;
mod tensors;
mod workers;

pub use bert::{Bert, BertOptions, Precision, Prefixes, is_identity};
pub use pooling::Pooling;
