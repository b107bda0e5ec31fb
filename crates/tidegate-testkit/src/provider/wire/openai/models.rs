//! `/v1/models`, and which model a request is for.

use serde_json::{Map, Value, json};

use crate::provider::wire::Complaint;
use crate::provider::wire::asked::{Asked, Detail};
use crate::provider::wire::fields::string;

/// `/v1/models` and `/v1/models/{id}`.
pub(super) fn read(path: &str) -> Option<Asked> {
    let rest = path.strip_prefix("/v1/models")?;
    let (model, detail) = match rest.strip_prefix('/') {
        None if rest.is_empty() => ("", Detail::Models(write_all)),
        Some(id) if !id.is_empty() => (id, Detail::Models(write_one)),
        _ => return None,
    };
    Some(Asked { operation: "models", model: model.to_owned(), texts: Vec::new(), detail })
}

fn describe(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_700_000_000, "owned_by": "tidegate" })
}

fn write_all(ids: &[String]) -> Vec<u8> {
    let data: Vec<Value> = ids.iter().map(|id| describe(id)).collect();
    json!({ "object": "list", "data": data }).to_string().into_bytes()
}

fn write_one(ids: &[String]) -> Vec<u8> {
    describe(ids.first().map_or("", String::as_str)).to_string().into_bytes()
}

/// The model of the path, or else that of the body.
pub(super) fn model(fields: &mut Map<String, Value>, deployment: Option<&str>) -> Result<String, Complaint> {
    deployment.map_or_else(|| string(fields, "model"), |name| Ok(name.to_owned()))
}
