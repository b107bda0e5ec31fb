//! Jobs as they are written, and what of them decides what is made.

use std::path::Path;

use tidegate_core::Fault;

use super::{MapOptions, load_map};
use crate::config::Config;

fn load(text: &str) -> Result<Config, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job.toml");
    std::fs::write(&job, text).unwrap();
    std::fs::write(folder.path().join("in.jsonl"), "{}\n").unwrap();
    let inputs = vec![folder.path().join("in.jsonl")];
    // Types are said of Parquet alone.
    let output = if text.contains("[output.types]") { "out.parquet" } else { "out.jsonl" };
    load_map(&job, MapOptions { inputs, output: output.to_owned(), ..MapOptions::default() })
}

const STEP: &str = "[[step]]\nname = \"a\"\nmodel = \"openai:m\"\nprompt = \"{{ text }}\"\n";

#[test]
fn every_job_of_the_manual_is_one() {
    let page = include_str!("../../../../../docs/map.md");
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 3, "{blocks:?}");
    for block in blocks {
        let config = load(block).unwrap_or_else(|fault| panic!("{fault}\n{block}"));
        assert!(!config.map.unwrap().steps.is_empty(), "{block}");
    }
}

#[test]
fn what_is_not_said_is_as_the_manual_says() {
    let config = load(STEP).unwrap();
    let map = config.map.clone().unwrap();
    let ask = map.steps[0].ask.as_ref().unwrap();
    assert_eq!((ask.max_tokens, ask.temperature, &*ask.output), (1_024, None, "a"));
    assert_eq!(config.store.url, "sqlite:tidegate.db", "the store is where the command is typed");
    assert!(config.pipeline.name.starts_with("map-out-") && config.resumes_rows());
}

#[test]
fn a_job_is_remembered_whole_and_told_from_others() {
    let config = load(&format!("[input]\nid = \"id\"\n{STEP}response = {{ type = \"object\", properties = {{ z = {{}}, a = {{}} }} }}\n")).unwrap();
    let again: Config = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
    assert_eq!(again.fingerprint(), config.fingerprint());
    let schema = again.map.unwrap().steps[0].ask.clone().unwrap().schema.unwrap();
    assert!(schema.find("\"z\"") < schema.find("\"a\""), "a model writes properties in this order: {schema}");
    let of = |text: &str| load(text).unwrap().fingerprint();
    let base = of(STEP);
    for same in
        ["concurrency = 3\n", "[limits]\nbudget = 5\n", "[providers.openai]\nbase_url = \"http://h\"\n"]
    {
        assert_eq!(of(&format!("{STEP}{same}")), base, "{same}");
    }
    for other in [
        "temperature = 0\n",
        "when = \".a\"\n",
        "output = \"b\"\n",
        "max_tokens = 5\n",
        "[input]\nwhen = \".a\"\n",
        "[input]\nid = \"id\"\n",
    ] {
        assert_ne!(of(&format!("{STEP}{other}")), base, "{other}");
    }
}

#[test]
fn a_job_that_is_not_there_says_so() {
    let fault = load_map(Path::new("/nowhere/job.toml"), MapOptions::default()).unwrap_err();
    assert!(fault.to_string().contains("/nowhere/job.toml cannot be read"), "{fault}");
}
