//! The JSON Schema of a job's file, for editors.
//!
//! A job is read by hand, because its messages name places and its keys depend on each other; so its schema is written
//! by hand as well, and a test holds its keys to those that are read. What a job shares with a pipeline is taken from
//! the schema of that.

use serde_json::{Map, Value, json};

use super::file::{DOCUMENT_KEYS, ROW_KEYS, SHARED};
use super::table::TABLE_KEYS;
use super::{exec, steps};
use crate::config::schema::schema;

/// The JSON Schema (draft 2020-12) of the file of a map job.
#[must_use]
pub fn job_schema() -> Value {
    let pipeline = schema();
    let mut properties = Map::new();
    properties.insert("input".to_owned(), input());
    properties.insert("step".to_owned(), json!({ "type": "array", "items": step(), "description":
        "What happens to each record, in order: a model is asked, a program is run, or fields are set and records left out." }));
    properties.insert("output".to_owned(), output());
    for name in SHARED {
        properties.insert(name.to_owned(), pipeline["properties"][name].clone());
    }
    let mut whole = json!({
        "$schema": pipeline["$schema"],
        "title": "a job of tidegate map",
        "type": "object",
        "properties": properties,
        "required": ["step"],
        "additionalProperties": false,
    });
    // Where the pipeline's schema names a part instead of repeating it.
    if let (Some(parts), Some(whole)) = (pipeline.get("$defs"), whole.as_object_mut()) {
        whole.insert("$defs".to_owned(), parts.clone());
    }
    whole
}

/// A table of these keys and no others.
fn closed(keys: Value, description: &str) -> Value {
    let mut table = json!({ "type": "object", "description": description, "additionalProperties": false });
    table["properties"] = keys;
    table
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": description })
}

fn texts(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn whole(least: u64, description: &str) -> Value {
    json!({ "type": "integer", "minimum": least, "description": description })
}

/// A schema that only lets keys of these lists be.
fn only(lists: &[&[&str]]) -> Value {
    json!({ "propertyNames": { "enum": lists.concat() } })
}

fn input() -> Value {
    let formats = ["jsonl", "lines", "csv", "tsv", "parquet", "documents"];
    let types = json!({ "enum": ["text", "integer", "number", "boolean"] });
    let mut input = closed(
        json!({
            "format": { "enum": formats, "description": "What the inputs are, where their names do not say it." },
            "field": text("The field that a line of text becomes; \"text\" if nothing is said."),
            "id": text("The field that tells rows apart; they are known by file and line if nothing is said."),
            "when": text("Only records for which this jq expression holds are read any further."),
            "context": texts("Fields whose values stand in logs and in the quarantine beside the row."),
            "max_line": text("Rows longer than this are put aside; \"16MiB\" if nothing is said."),
            "header": flag("Whether the first line of a table names its columns; true if nothing is said."),
            "columns": texts("What the columns of a table are called, instead of what its header says."),
            "delimiter": text("What stands between the fields of a table."),
            "quotes": flag("Whether fields of a table may stand in quotes; true if nothing is said."),
            "types": { "type": "object", "additionalProperties": types,
                "description": "What columns hold that do not hold text." },
            "include": texts("Globs of documents that are read; all of them if nothing is said."),
            "exclude": texts("Globs of documents that are not."),
        }),
        "What is read, beside what the command line names.",
    );
    let documents = json!({ "properties": { "format": { "const": "documents" } }, "required": ["format"] });
    input["if"] = documents;
    input["then"] = only(&[&DOCUMENT_KEYS]);
    input["else"] = only(&[&ROW_KEYS, &TABLE_KEYS]);
    input
}

fn output() -> Value {
    closed(
        json!({
            "format": { "enum": ["jsonl", "ndjson", "csv", "tsv", "parquet", "jsonl.gz", "ndjson.gz", "csv.gz", "tsv.gz",
                "jsonl.zst", "ndjson.zst", "csv.zst", "tsv.zst"],
                "description": "What is written, where the name of the output does not say it." },
            "columns": texts("The fields that a table has as columns, in this order."),
            "delimiter": text("What stands between the fields of a table."),
            "types": { "type": "object", "additionalProperties": { "type": "string" },
                "description": "Types of the columns of a Parquet table, such as \"decimal(10,2)\" or \"[text]\"." },
        }),
        "How rows are written.",
    )
}

fn step() -> Value {
    let mut keys = asking();
    for (key, value) in running().into_iter().chain(setting()) {
        keys.entry(key).or_insert(value);
    }
    let mut step = closed(Value::Object(keys), "One thing that happens to a record.");
    let some = |keys: &[&str]| -> Value {
        json!({ "anyOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() })
    };
    let both = |one: Value, other: Value| json!({ "allOf": [one, other] });
    let asks = both(only(&[&steps::COMMON, &steps::ASKS]), json!({ "required": ["model"] }));
    step["if"] = json!({ "required": ["exec"] });
    step["then"] = only(&[&exec::KEYS]);
    step["else"] = json!({
        "if": some(&steps::ASKS),
        "then": both(asks, some(&["prompt", "prompt_file"])),
        "else": both(only(&[&steps::COMMON, &steps::OTHERS]), some(&steps::OTHERS)),
    });
    step
}

/// The keys of a step that asks a model, and those that all have.
fn asking() -> Map<String, Value> {
    let share = |most: f64, description: &str| json!({ "type": "number", "minimum": 0, "maximum": most, "description": description });
    let mut example = closed(
        json!({
            "prompt": text("What is asked."),
            "prompt_file": text("The file that has it."),
            "answer": { "type": ["string", "object"], "description": "What is answered." },
        }),
        "A question with its answer, which go before.",
    );
    example["required"] = json!(["answer"]);
    table(json!({
        "name": text("What it is called in reports and in the quarantine; the field that takes the answer, unless output says otherwise."),
        "when": text("Only records for which this jq expression holds; the others pass by unchanged."),
        "model": text("What answers, as PROVIDER:MODEL."),
        "system": text("What the model is told first; a template."),
        "system_file": text("The file that has it."),
        "prompt": text("What is asked; a template over the fields of the record."),
        "prompt_file": text("The file that has it."),
        "example": { "type": "array", "items": example, "description": "Questions with their answers that go before." },
        "response": { "type": ["string", "object"],
            "description": "\"text\", or the JSON Schema that answers must follow: a table, JSON in quotes, or the name of a file." },
        "output": text("The field that takes the answer, or what the program makes."),
        "merge": flag("Makes the properties of the answer, or of what the program makes, fields of the record itself."),
        "max_tokens": whole(1, "The most tokens of an answer; 1,024 if nothing is said."),
        "temperature": share(2.0, "How freely it answers."),
        "top_p": share(1.0, "The share of the most likely tokens that it chooses from."),
        "seed": whole(0, "What chance begins with."),
        "stop": texts("Texts at which an answer ends."),
        "concurrency": whole(0, "Records asked about at once; as many as the provider may have in flight if nothing is said."),
    }))
}

/// Those of a step that runs a program.
fn running() -> Map<String, Value> {
    let line = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1,
        "description": "The program and its arguments. It reads records as lines of JSON, and writes what it makes of them." });
    table(json!({
        "exec": line,
        "processes": whole(0, "How many of it run at once; one for each core if nothing is said."),
        "timeout": text("How long a record may take, such as \"30s\"."),
        "start_timeout": text("How long a start may take, until the first line is read."),
        "ids": flag("Whether records are told apart by an _id; true if nothing is said."),
    }))
}

/// Those of a step without a model.
fn setting() -> Map<String, Value> {
    let template = closed(
        json!({ "template": text("A template over the fields of the record."), "template_file": text("The file that has it.") }),
        "A text with fields filled in.",
    );
    let value = json!({ "anyOf": [text("A jq expression over the record."), template] });
    table(json!({
        "filter": text("Records for which this jq expression does not hold are left out of the output."),
        "set": { "type": "object", "additionalProperties": value, "minProperties": 1, "description": "Fields, and what makes their values." },
        "keep": texts("The only fields that stay."),
        "remove": texts("Fields that go."),
    }))
}

fn table(keys: Value) -> Map<String, Value> {
    match keys {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::super::table::OUTPUT_KEYS;
    use super::*;
    use crate::config::MapOptions;
    use crate::config::load_map;

    fn json_of(job: &str) -> Value {
        serde_json::to_value(toml::from_str::<toml::Table>(job).unwrap()).unwrap()
    }

    /// What is wrong with a job, in words.
    fn wrong(job: &str) -> Vec<String> {
        let validator = jsonschema::validator_for(&job_schema()).unwrap();
        validator.iter_errors(&json_of(job)).map(|error| error.to_string()).collect()
    }

    #[test]
    fn every_key_that_is_read_is_described_and_no_other() {
        let schema = job_schema();
        let keys = |path: &str| -> BTreeSet<String> {
            let table = schema.pointer(path).and_then(|keys| keys["properties"].as_object());
            table.unwrap_or_else(|| panic!("no {path}")).keys().cloned().collect()
        };
        let read = |lists: &[&[&str]]| -> BTreeSet<String> {
            lists.concat().into_iter().map(str::to_owned).collect()
        };
        assert_eq!(keys("/properties/input"), read(&[&DOCUMENT_KEYS, &ROW_KEYS, &TABLE_KEYS]));
        assert_eq!(keys("/properties/output"), read(&[&OUTPUT_KEYS]));
        let kinds: [&[&str]; 4] = [&steps::COMMON, &steps::ASKS, &steps::OTHERS, &exec::KEYS];
        assert_eq!(keys("/properties/step/items"), read(&kinds));
        assert_eq!(keys(""), read(&[&super::super::file::OWN, &SHARED]));
        assert!(SHARED.iter().all(|name| schema["properties"][name].is_object()), "{schema}");
    }

    #[test]
    fn the_examples_follow_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/map");
        let mut jobs = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let job = std::fs::read_to_string(&path).unwrap();
                assert_eq!(wrong(&job), [""; 0], "{}", path.display());
                jobs += 1;
            }
        }
        assert!(jobs >= 7, "{jobs}");
    }

    /// Jobs, and whether they are good: to the schema as to whoever reads them.
    #[test]
    fn what_it_refuses_is_refused_and_what_it_takes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let asks = "[[step]]\nmodel = \"toy:m\"\nprompt = \"x\"\n";
        let toy = "[providers.toy]\nbase_url = \"http://127.0.0.1:1\"\n";
        for (job, good) in [
            (String::new(), false),
            (asks.to_owned(), true),
            (format!("{asks}temprature = 1\n"), false),
            (format!("{asks}temperature = 3\n"), false),
            (format!("{asks}max_tokens = \"9\"\n"), false),
            (format!("{asks}[[step.example]]\nprompt = \"a\"\nanswer = {{ b = 1 }}\n"), true),
            (format!("{asks}[[step.example]]\nprompt = \"a\"\nanswr = \"b\"\n"), false),
            ("[[step]]\nmodel = \"toy:m\"\n".to_owned(), false),
            ("[[step]]\nprompt = \"x\"\n".to_owned(), false),
            ("[[step]]\nname = \"x\"\n".to_owned(), false),
            ("[[step]]\nmodel = \"toy:m\"\nprompt = \"x\"\nkeep = [\"a\"]\n".to_owned(), false),
            ("[[step]]\nexec = [\"cat\"]\nids = false\nmerge = true\n".to_owned(), true),
            ("[[step]]\nexec = \"cat\"\n".to_owned(), false),
            ("[[step]]\nexec = [\"cat\"]\nprompt = \"x\"\n".to_owned(), false),
            ("[[step]]\nset = { a = \".b\", c = { template = \"{{ d }}\" } }\n".to_owned(), true),
            ("[[step]]\nset = { c = { templat = \"{{ d }}\" } }\n".to_owned(), false),
            ("[[step]]\nprocesses = 3\nkeep = [\"a\"]\n".to_owned(), false),
            ("[input]\nformat = \"documents\"\ninclude = [\"*.pdf\"]\n".to_owned(), true),
            ("[input]\nformat = \"documents\"\nid = \"id\"\n".to_owned(), false),
            ("[input]\ninclude = [\"*.pdf\"]\n".to_owned(), false),
            ("[input]\nid = \"id\"\nformat = \"csv\"\ntypes = { a = \"integer\" }\n".to_owned(), true),
            ("[input]\nformat = \"csv\"\ntypes = { a = \"int\" }\n".to_owned(), false),
            ("[input]\nformat = \"xml\"\n".to_owned(), false),
            ("[output]\nformat = \"csv.gz\"\ncolumns = [\"a\"]\n".to_owned(), true),
            ("[output]\nformat = \"xlsx\"\n".to_owned(), false),
            ("[limits]\nmemory = \"1GB\"\n".to_owned(), true),
            ("[limits]\nmemroy = \"1GB\"\n".to_owned(), false),
            ("[source]\ntype = \"jsonl\"\n".to_owned(), false),
        ] {
            // A job has steps, whatever else it says.
            let job = if job.contains("[[step]]") || job.is_empty() { job } else { format!("{job}{asks}") };
            let (path, inputs) = (folder.path().join("job.toml"), vec![folder.path().join("in.jsonl")]);
            std::fs::write(&inputs[0], "{}\n").unwrap();
            std::fs::write(&path, format!("{job}\n{toy}")).unwrap();
            let options = MapOptions { inputs, output: "-".to_owned(), ..MapOptions::default() };
            let read = load_map(&path, options);
            assert_eq!(read.is_ok(), good, "{job}: {read:?}");
            assert_eq!(wrong(&format!("{job}\n{toy}")).is_empty(), good, "{job}");
        }
    }
}
