//! Anthropic's wire format: `/v1/messages`.

mod answer;
mod ask;
mod stream;

pub(crate) use answer::read;
pub(crate) use ask::body;
pub(crate) use stream::event;
