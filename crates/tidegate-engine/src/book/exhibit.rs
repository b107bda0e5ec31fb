//! What the quarantine keeps of an item to show.

use tidegate_core::Body;

/// Exhibits up to this size are kept whole in the quarantine …
const EXHIBIT_WHOLE: usize = 64 << 10;
/// … and larger ones by their first bytes.
const EXHIBIT_HEAD: usize = 4 << 10;

/// The body itself if it is small, else a copy of its beginning, so that a large body can be freed early.
pub(super) fn head(body: &Body) -> Body {
    match body {
        Body::Bytes(bytes) if bytes.len() > EXHIBIT_WHOLE => {
            Body::Bytes(bytes[..EXHIBIT_HEAD].to_vec().into())
        }
        Body::Text(text) if text.len() > EXHIBIT_WHOLE => {
            Body::Text(text[..text.floor_char_boundary(EXHIBIT_HEAD)].into())
        }
        Body::Document(_) => Body::Empty,
        Body::Json(_) if body.weight() > EXHIBIT_WHOLE as u64 => Body::Empty,
        other => other.clone(),
    }
}
