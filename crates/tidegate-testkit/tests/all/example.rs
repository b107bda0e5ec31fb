//! The example script is one.

use tidegate_testkit::provider::Script;

#[test]
fn the_example_reads_and_its_commented_lines_do_too() {
    let example = include_str!("../../examples/provider.toml");
    let script = Script::from_toml(example).unwrap();
    assert!(!script.limits.is_empty());
    // What is commented out begins with `#` and no space; a sentence begins with `# `.
    let all: String = example
        .lines()
        .map(|line| if line.starts_with("# ") { "" } else { line.strip_prefix('#').unwrap_or(line) })
        .collect::<Vec<_>>()
        .join("\n");
    let script = Script::from_toml(&all).unwrap();
    assert!(script.faults.len() > 10 && !script.outages.is_empty() && script.knee.is_some());
}
