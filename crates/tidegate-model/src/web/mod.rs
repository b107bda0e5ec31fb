//! Any HTTP service, of which nothing is known but what its user says: one request for one question, or one for many
//! records. Its requests are paced, repeated and kept as those of models are.

mod ask;
mod file;
mod path;
mod post;
mod site;
#[cfg(test)]
mod tests;

pub use ask::{WebAsk, WebCall};
pub use file::{FileApi, FileCall, WebFile};
pub use path::AnswerPath;
pub use post::WebPost;
pub use site::Site;
