//! Contestants beside each other: a table, and our speed as a multiple of each.

use serde_json::{Map, Value, json};

use super::{Row, table};

/// Shows groups of contestants, each measured over the same files. A contestant has `name`, `like` (who does the same
/// work says the same), `bytes`, `documents`, `made` and `cpu_seconds`. The first of ours that is like a peer, in the
/// same group, is what the peer is compared with; their bytes and documents must be the same.
pub(super) fn shown(groups: Vec<(&str, Vec<Value>)>) -> Result<Value, String> {
    let mut ratios = Map::new();
    let mut rows = Vec::new();
    for (inputs, lines) in &groups {
        for line in lines {
            let ratio = ratio(lines, line)?;
            if let (Some(ratio), false) = (ratio, is_ours(line)) {
                ratios.insert(text(line, "name").to_owned(), json!(ratio));
            }
            rows.push(row(line, inputs, ratio));
        }
    }
    table(&["one core", "MB/s", "ours is", "CPU s", "MB", "documents", "made", "of"], &rows);
    let groups: Map<String, Value> =
        groups.into_iter().map(|(inputs, lines)| (inputs.to_owned(), Value::from(lines))).collect();
    Ok(json!({"contestants": groups, "ratios": ratios}))
}

fn row(line: &Value, inputs: &str, ratio: Option<f64>) -> Row {
    let whole = |field: &str| line[field].as_u64().unwrap_or(0).to_string();
    Row(
        text(line, "name").to_owned(),
        vec![
            format!("{:.1}", speed(line)),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} x")),
            format!("{:.3}", number(line, "cpu_seconds")),
            format!("{:.1}", number(line, "bytes") / 1e6),
            whole("documents"),
            whole("made"),
            inputs.to_owned(),
        ],
    )
}

/// How many times as fast as this contestant ours is; nothing where there is none of ours like it.
fn ratio(lines: &[Value], line: &Value) -> Result<Option<f64>, String> {
    let Some(ours) = lines.iter().find(|other| is_ours(other) && other["like"] == line["like"]) else {
        return if is_ours(line) { Ok(None) } else { Err(format!("nothing of ours is like {line}")) };
    };
    if ours["bytes"] != line["bytes"] || ours["documents"] != line["documents"] || speed(line).is_nan() {
        return Err(format!("not measured on the same: {ours} and {line}"));
    }
    Ok((ours["name"] != line["name"]).then(|| speed(ours) / speed(line)))
}

fn is_ours(line: &Value) -> bool {
    text(line, "name").starts_with("tidegate ")
}

/// Megabytes of input per CPU second.
fn speed(line: &Value) -> f64 {
    number(line, "bytes") / 1e6 / number(line, "cpu_seconds")
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or(f64::NAN)
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, like: &str, (bytes, cpu_seconds): (u64, f64)) -> Value {
        json!({"name": name, "like": like, "bytes": bytes, "documents": 1, "made": 1, "cpu_seconds": cpu_seconds})
    }

    #[test]
    fn a_peer_is_compared_with_what_is_like_it_and_was_given_the_same() {
        let ours = [line("tidegate a", "a", (100, 1.0)), line("tidegate b", "b", (100, 2.0))];
        let with = |peer: Value| [ours.to_vec(), vec![peer]].concat();
        let figures = shown(vec![("all", with(line("peer", "b", (100, 8.0))))]).unwrap();
        assert_eq!(figures["ratios"], json!({"peer": 4.0}));
        for unlike in [line("peer", "b", (101, 8.0)), line("peer", "c", (100, 8.0))] {
            assert!(shown(vec![("all", with(unlike))]).is_err());
        }
    }
}
