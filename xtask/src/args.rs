//! Reads the options of a task. A parser crate would be most of this crate's build time.

use std::collections::BTreeMap;
use std::str::FromStr;

/// What a task understands.
pub(crate) struct Spec {
    /// Printed by `--help`.
    pub(crate) help: &'static str,
    /// Options that take a value, without the dashes.
    pub(crate) values: &'static [&'static str],
    /// Options that are there or not, without the dashes.
    pub(crate) flags: &'static [&'static str],
}

/// What was typed.
#[derive(Debug)]
pub(crate) struct Args {
    values: BTreeMap<String, String>,
    flags: Vec<String>,
    /// Words that are no options.
    pub(crate) words: Vec<String>,
}

impl Args {
    /// Parses `raw`; `None` after `--help`, which has been printed.
    pub(crate) fn parse(spec: &Spec, raw: Vec<String>) -> Result<Option<Self>, String> {
        let mut args = Self { values: BTreeMap::new(), flags: Vec::new(), words: Vec::new() };
        let mut raw = raw.into_iter();
        while let Some(word) = raw.next() {
            let Some(option) = word.strip_prefix("--") else {
                if word == "-h" {
                    print!("{}", spec.help);
                    return Ok(None);
                }
                args.words.push(word);
                continue;
            };
            let (name, attached) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            if name == "help" {
                print!("{}", spec.help);
                return Ok(None);
            } else if spec.values.contains(&name) {
                let value = attached.or_else(|| raw.next()).ok_or(format!("--{name} needs a value"))?;
                args.values.insert(name.to_owned(), value);
            } else if spec.flags.contains(&name) && attached.is_none() {
                args.flags.push(name.to_owned());
            } else {
                return Err(format!("there is no option --{name} here\n\n{}", spec.help));
            }
        }
        Ok(Some(args))
    }

    /// Whether a flag was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The value of an option as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of an option, or `default`.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name} {text} is not a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec { help: "", values: &["seed"], flags: &["fast"] };

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(&SPEC, line.split_whitespace().map(str::to_owned).collect())
            .map(|args| args.expect("no --help"))
    }

    #[test]
    fn values_flags_and_words_are_told_apart() {
        let args = parse("a --seed 7 --fast b").expect("valid");
        assert_eq!(args.words, ["a", "b"]);
        assert_eq!(args.number("seed", 1_u64), Ok(7));
        assert!(args.has("fast"));
        assert_eq!(parse("--seed=9").expect("valid").number("seed", 1_u64), Ok(9));
        assert_eq!(parse("").expect("valid").number("seed", 1_u64), Ok(1));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(parse("--sed 7").is_err());
        assert!(parse("--seed").is_err());
        assert!(parse("--fast=yes").is_err());
        assert!(parse("--seed x").expect("parsed").number("seed", 1_u64).is_err());
    }
}
