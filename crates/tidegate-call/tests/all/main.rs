//! The call layer as others use it.

mod simulation;
