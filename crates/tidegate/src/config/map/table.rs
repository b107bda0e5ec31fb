//! How tables are read and written: what `[input]` says of their columns, and `[output]` of the form of what is made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_connect::{CellType, InputFormat, Packing, Place, TableOptions, TableShape, field_names};
use tidegate_core::Fault;

use super::section::Section;
use super::{ExecOutput, Map};
use crate::config::check::refuse;
use crate::config::origin::Origin;

/// How the rows of a table are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableInput {
    /// What stands between fields.
    pub delimiter: char,
    /// Whether fields may stand in quotes.
    pub quotes: bool,
    /// Whether the first row says what the columns are called.
    pub header: bool,
    /// What the columns are called, if that is not what the header says.
    pub columns: Vec<String>,
    /// What columns hold that do not hold text.
    pub types: BTreeMap<String, ColumnType>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text as it stands.
    Text,
    /// A whole number, or nothing.
    Integer,
    /// A number, or nothing.
    Number,
    /// `true` or `false`, or nothing.
    Boolean,
}

impl Default for TableInput {
    fn default() -> Self {
        Self { delimiter: ',', quotes: true, header: true, columns: Vec::new(), types: BTreeMap::new() }
    }
}

impl TableInput {
    /// The same for the source; `id` identifies a row.
    pub(crate) fn options(&self, id: Option<&String>) -> TableOptions {
        let types = self.types.iter().map(|(name, kind)| {
            let kind = match kind {
                ColumnType::Text => CellType::Text,
                ColumnType::Integer => CellType::Integer,
                ColumnType::Number => CellType::Number,
                ColumnType::Boolean => CellType::Boolean,
            };
            (name.clone(), kind)
        });
        TableOptions {
            delimiter: byte_of(self.delimiter),
            quotes: self.quotes,
            header: self.header,
            columns: self.columns.clone(),
            types: types.collect(),
            id: id.cloned(),
        }
    }
}

/// Delimiters are checked to be ASCII when they are read.
fn byte_of(delimiter: char) -> u8 {
    u8::try_from(delimiter).unwrap_or(b',')
}

/// What `[input]` says of tables.
pub(super) struct TableKeys {
    /// The first of its keys, and where it stands: none of them means anything to other formats.
    first: Option<(&'static str, Origin)>,
    delimiter: Option<char>,
    table: TableInput,
}

/// The keys of `[output]`.
pub(super) const OUTPUT_KEYS: [&str; 4] = ["format", "columns", "delimiter", "types"];

/// The keys of `[input]` that are about tables.
pub(super) const TABLE_KEYS: [&str; 5] = ["header", "columns", "delimiter", "quotes", "types"];

impl TableKeys {
    /// Where nothing is said.
    pub(super) fn none() -> Self {
        Self { first: None, delimiter: None, table: TableInput::default() }
    }

    pub(super) fn read(section: &Section<'_>) -> Result<Self, Fault> {
        let first = TABLE_KEYS.into_iter().find(|key| section.value(key).is_some());
        let table = TableInput {
            quotes: section.value("quotes").is_none() || section.flag("quotes")?,
            header: section.value("header").is_none() || section.flag("header")?,
            columns: columns(section)?,
            types: types(section)?,
            ..TableInput::default()
        };
        let first = first.map(|key| (key, section.at(key)));
        Ok(Self { first, delimiter: delimiter(section)?, table })
    }

    /// How a table in this format is read; `None` for formats that are no tables.
    pub(super) fn of(self, format: InputFormat) -> Result<Option<TableInput>, Fault> {
        let usual = match format {
            InputFormat::Csv => ',',
            InputFormat::Tsv => '\t',
            _ => {
                return match self.first {
                    None => Ok(None),
                    Some((key, origin)) => Err(refuse(&origin, format!("{key} is for tables (csv, tsv)"))
                        .hint("write format = \"csv\" beside it if the input is a table")),
                };
            }
        };
        Ok(Some(TableInput { delimiter: self.delimiter.unwrap_or(usual), ..self.table }))
    }
}

/// One ASCII character that can stand between fields.
fn delimiter(section: &Section<'_>) -> Result<Option<char>, Fault> {
    let Some(text) = section.text("delimiter")? else { return Ok(None) };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) if one.is_ascii() && !matches!(one, '"' | '\r' | '\n') => Ok(Some(one)),
        _ => Err(section
            .refuse("delimiter", "delimiter is not one ASCII character that may stand between fields")
            .hint("write \",\", \";\", \"|\" or \"\\t\"")),
    }
}

fn columns(section: &Section<'_>) -> Result<Vec<String>, Fault> {
    let columns = section.texts("columns")?;
    let mut sorted: Vec<&String> = columns.iter().collect();
    sorted.sort();
    if columns.iter().any(String::is_empty) || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(section
            .refuse("columns", "columns has a name that is empty or stands there twice")
            .hint("each column needs a name of its own"));
    }
    Ok(columns)
}

fn types(section: &Section<'_>) -> Result<BTreeMap<String, ColumnType>, Fault> {
    let Some(section) = section.table("types", "a table such as [input.types] with age = \"integer\"")?
    else {
        return Ok(BTreeMap::new());
    };
    let kind = |name: &String| {
        let kind = match section.text(name)?.as_deref() {
            Some("text") | None => ColumnType::Text,
            Some("integer") => ColumnType::Integer,
            Some("number") => ColumnType::Number,
            Some("boolean") => ColumnType::Boolean,
            Some(other) => {
                let fault = section.refuse(name, format!("there is no type \"{}\"", other.escape_debug()));
                return Err(fault.hint("it is \"text\", \"integer\", \"number\" or \"boolean\""));
            }
        };
        Ok((name.clone(), kind))
    };
    section.values.keys().map(kind).collect()
}

/// How the rows of an output are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputFormat {
    /// What stands between the fields of a table; `None` for lines of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The columns of a table; those of the first row if empty.
    pub columns: Vec<String>,
    /// How it is compressed.
    pub packing: OutputPacking,
}

/// How an output is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputPacking {
    /// Not at all.
    #[default]
    Plain,
    /// With gzip.
    Gzip,
    /// With Zstandard.
    Zstd,
}

const FORMATS: &str = "it is \"jsonl\", \"csv\" or \"tsv\", perhaps with .gz or .zst behind; Parquet is what a name that ends in .parquet makes";

impl OutputFormat {
    /// What `[output]` says, and the name of the output where it says nothing.
    pub(super) fn read(whole: &Section<'_>, path: &str) -> Result<Self, Fault> {
        let Some(section) = whole.table("output", "a section: write [output] above its keys")? else {
            return Self::of_path(path).in_its_place(path, &Origin::Default);
        };
        section.only(&OUTPUT_KEYS)?;
        let parquet = crate::parquet::is_table(path);
        let (delimiter, columns) = (delimiter(&section)?, columns(&section)?);
        let tabular = delimiter.is_some() || !columns.is_empty();
        let format = match section.text("format")? {
            // Standard output has no name that could say it.
            None if path == "-" && tabular => Self { delimiter: Some(','), ..Self::default() },
            None => Self::of_path(path),
            Some(name) if parquet && name == "parquet" => Self::of_path(path),
            Some(_) if parquet => {
                let fault = section.refuse("format", "an output whose name ends in .parquet is Parquet");
                return Err(fault.hint("give it another name, or leave format out"));
            }
            Some(name) => Self::named(&name).ok_or_else(|| {
                let message = format!("there is no format \"{}\" for outputs", name.escape_debug());
                section.refuse("format", message).hint(FORMATS)
            })?,
        };
        let said = if delimiter.is_some() { "delimiter" } else { "columns" };
        let format = match format.delimiter {
            Some(usual) => Self { delimiter: Some(delimiter.unwrap_or(usual)), columns, ..format },
            None if !tabular => format,
            None if parquet => {
                let fault =
                    section.refuse(said, format!("{said} is for csv and tsv, and the output is Parquet"));
                return Err(fault.hint("keep = [\"…\"] in a step chooses fields"));
            }
            None => {
                let fault =
                    section.refuse(said, format!("{said} is for tables, and the output is JSON Lines"));
                return Err(
                    fault.hint("write format = \"csv\" beside it; keep = [\"…\"] in a step chooses fields")
                );
            }
        };
        format.in_its_place(path, &section.origin)
    }

    /// Parts in a bucket are lines of JSON.
    fn in_its_place(self, path: &str, origin: &Origin) -> Result<Self, Fault> {
        if self == Self::default() || !Place::is_one(path) {
            return Ok(self);
        }
        Err(refuse(origin, "an output in a bucket is JSON Lines, neither a table nor compressed")
            .hint("write a file and upload that, or name a prefix that ends in /"))
    }

    /// The format called `name`, such as `csv.gz`.
    fn named(name: &str) -> Option<Self> {
        let (name, packing) = OutputPacking::of(name);
        let delimiter = match name {
            "jsonl" | "ndjson" => None,
            "csv" => Some(','),
            "tsv" => Some('\t'),
            _ => return None,
        };
        Some(Self { delimiter, columns: Vec::new(), packing })
    }

    /// What the name of an output says.
    fn of_path(path: &str) -> Self {
        let path = path.to_ascii_lowercase();
        let (name, packing) = OutputPacking::of(&path);
        let delimiter = match name.rsplit_once('.') {
            Some((_, "csv")) => Some(','),
            Some((_, "tsv")) => Some('\t'),
            _ => None,
        };
        Self { delimiter, columns: Vec::new(), packing }
    }

    /// Whether it is lines of JSON that are not compressed.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// How the rows of the job `map` are laid out, if it is as a table.
    pub(crate) fn shape(&self, map: Option<&Map>) -> Option<TableShape> {
        let delimiter = byte_of(self.delimiter?);
        let also = map.map(added).unwrap_or_default();
        Some(TableShape { delimiter, columns: self.columns.clone(), also })
    }

    /// The same for the sink.
    pub(crate) fn packing(&self) -> Packing {
        match self.packing {
            OutputPacking::Plain => Packing::Plain,
            OutputPacking::Gzip => Packing::Gzip,
            OutputPacking::Zstd => Packing::Zstd,
        }
    }
}

impl OutputPacking {
    /// What stands before the end that says how a file is compressed.
    fn of(name: &str) -> (&str, Self) {
        match (name.strip_suffix(".gz"), name.strip_suffix(".zst")) {
            (Some(rest), _) => (rest, Self::Gzip),
            (_, Some(rest)) => (rest, Self::Zstd),
            _ => (name, Self::Plain),
        }
    }
}

/// The fields that the steps of a job may put into a record, and leave there, in their order: a step passes over some
/// records, and the first may be one of them.
fn added(map: &Map) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for step in &map.steps {
        fields.extend(step.set.iter().map(|(field, _)| field.clone()));
        if let Some(ask) = &step.ask {
            match ask.output.as_str() {
                "" => fields.extend(ask.schema.as_deref().map(properties).unwrap_or_default()),
                field => fields.push(field.to_owned()),
            }
        }
        match step.exec.as_ref().map(|exec| &exec.output) {
            Some(ExecOutput::Field(field)) => fields.push(field.clone()),
            // What it writes is the record, and nobody knows what that has.
            Some(ExecOutput::Record) => fields.clear(),
            Some(ExecOutput::Fields) | None => {}
        }
        fields.retain(|field| step.keep.is_empty() || step.keep.contains(field));
        fields.retain(|field| !step.remove.contains(field));
    }
    fields
}

/// The names of the properties of a schema, in their order.
pub(crate) fn properties(schema: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Properties<'a> {
        #[serde(borrow)]
        properties: &'a serde_json::value::RawValue,
    }
    let properties = serde_json::from_str::<Properties<'_>>(schema);
    properties.ok().and_then(|found| field_names(found.properties.get())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outputs_name_says_what_it_is() {
        let said = |path: &str| {
            let format = OutputFormat::of_path(path);
            (format.delimiter, format.packing)
        };
        assert_eq!(said("out.csv"), (Some(','), OutputPacking::Plain));
        assert_eq!(said("a.b/OUT.TSV.GZ"), (Some('\t'), OutputPacking::Gzip));
        assert_eq!(said("out.jsonl.zst"), (None, OutputPacking::Zstd));
        for plain in ["out.jsonl", "out", "-", "csv", "out.csv/x", "gz"] {
            assert_eq!(said(plain), (None, OutputPacking::Plain), "{plain}");
        }
        assert_eq!(OutputFormat::named("csv.gz"), Some(OutputFormat::of_path("a.csv.gz")));
        assert_eq!(OutputFormat::named("xlsx"), None);
    }

    #[test]
    fn properties_keep_their_order() {
        assert_eq!(properties(r#"{"type":"object","properties":{"z":{},"a":{"x":1}}}"#), ["z", "a"]);
        assert!(properties("{}").is_empty());
    }
}
