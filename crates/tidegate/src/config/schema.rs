//! The JSON Schema of a configuration file, derived from the types.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::model::Config;

/// The JSON Schema (draft 2020-12) of `pipeline.toml`, for editors and for [`super::catalogue`].
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "pipeline.toml of tidegate".into());
    }
    schema
}
