//! Bodies that are not what they should be, with status 200.

use bytes::Bytes;

use crate::provider::reply::Answer;
use crate::provider::script::Act;
use crate::provider::wire::{Complaint, Kind, Wire};

const HTML: &str = "<html><head><title>502 Bad Gateway</title></head><body>\
                    <center><h1>502 Bad Gateway</h1></center></body></html>\n";

/// Does to the body what `acts` say. Returns whether it is still right.
pub(in crate::provider) fn spoil_body(answer: &mut Answer, acts: &[&Act], wire: &dyn Wire) -> bool {
    let mut right = true;
    for act in acts {
        right &= spoil(answer, act, wire);
    }
    right
}

fn spoil(answer: &mut Answer, act: &Act, wire: &dyn Wire) -> bool {
    match act {
        Act::Truncated { keep } => {
            let body = answer.whole();
            let kept = (body.len() as f64 * keep) as usize;
            answer.replace(body.slice(..kept.min(body.len())));
            kept >= body.len()
        }
        Act::Html => {
            answer.content_type = "text/html".to_owned();
            answer.replace(Bytes::from_static(HTML.as_bytes()));
            false
        }
        Act::Empty => {
            answer.replace(Bytes::new());
            false
        }
        Act::Bom => {
            answer.pieces.insert(0, Bytes::from_static(b"\xef\xbb\xbf"));
            false
        }
        Act::ErrorInOk => {
            answer.content_type = "application/json".to_owned();
            answer.replace(wire.complaint(&Complaint::new(Kind::Status)).into());
            false
        }
        Act::Body { text, content_type } => {
            answer.content_type = content_type.clone().unwrap_or_else(|| "application/json".to_owned());
            answer.replace(text.clone().into());
            false
        }
        Act::NoEndMarker if answer.streamed => {
            answer.pieces.truncate(answer.pieces.len() - answer.end_marker.min(answer.pieces.len()));
            answer.end_marker == 0
        }
        Act::DuplicatePiece if answer.streamed => {
            let middle = answer.pieces.len() / 2;
            if let Some(piece) = answer.pieces.get(middle).cloned() {
                answer.pieces.insert(middle, piece);
            }
            false
        }
        Act::ErrorEvent { after } if answer.streamed => {
            let after = after.unwrap_or(answer.pieces.len() / 2).min(answer.pieces.len());
            answer.pieces.truncate(after);
            answer.pieces.push(wire.stream_error(&Complaint::new(Kind::Overloaded)).into());
            false
        }
        _ => true,
    }
}
