//! Rules of stages that go by what records say, and of programs of the user's own.

use tidegate_core::{Fault, FaultKind};
use tidegate_expr::Expr;

use super::filter::Filter;
use super::map::{MOST_PROCESSES, wrong};
use super::own::OwnProgram;
use super::period::Period;
use super::set::{FieldText, Set};
use super::validate::Rules;
use crate::stages::NAMES;

impl Rules<'_> {
    /// Which records the stage `name` is for.
    pub(super) fn when(&self, name: &str, when: Option<&str>) -> Result<(), Fault> {
        match when {
            Some(source) => self.expression(&format!("stage.{name}.when"), source),
            None => Ok(()),
        }
    }

    pub(super) fn filter(&self, name: &str, filter: &Filter) -> Result<(), Fault> {
        self.expression(&format!("stage.{name}.when"), &filter.when)
    }

    pub(super) fn set(&self, (at, name): (usize, &str), set: &Set) -> Result<(), Fault> {
        let key = |key: &str| format!("stage.{name}.{key}");
        self.when(name, set.when.as_deref())?;
        for (field, text) in &set.fields.0 {
            let place = key(&format!("fields.{field}"));
            match text {
                FieldText::Value(source) => self.expression(&place, source)?,
                FieldText::Filled { template } => self.template(&place, template, false).map(drop)?,
            }
        }
        let lists = [("keep", &set.keep), ("remove", &set.remove)];
        for (list, names) in lists {
            let named = names.iter().all(|name| !name.is_empty());
            self.need(named, &key(list), "has an empty name", "name fields of the record")?;
        }
        let some = !set.fields.is_empty() || lists.iter().any(|(_, names)| !names.is_empty());
        let hint = "write fields = { year = \".fields.date[:4]\" }, or what to keep or remove";
        self.need(some, &key("type"), "does nothing", hint)?;
        self.kept(at, &key("type"), "would change fields of chunks, and the store keeps fields by document")
    }

    pub(super) fn exec(&self, name: &str, exec: &OwnProgram) -> Result<(), Fault> {
        let key = |key: &str| format!("stage.{name}.{key}");
        self.when(name, exec.when.as_deref())?;
        let wrong = wrong(&exec.exec);
        let hint = "write the program and its arguments, such as exec = [\"python3\", \"score.py\"]";
        self.need(wrong.is_none(), &key("exec"), wrong.unwrap_or_default(), hint)?;
        let must = format!("({}) must be at most {MOST_PROCESSES}", exec.processes);
        self.need(exec.processes as u64 <= MOST_PROCESSES, &key("processes"), &must, "")?;
        for (place, period) in [("timeout", exec.timeout), ("start_timeout", exec.start_timeout)] {
            let some = period > Period::from_millis(0);
            self.need(some, &key(place), "must be longer than nothing", "leave it out for the usual")?;
        }
        let hint = "leave it out to start the program in the folder of this file";
        self.need(!exec.folder.contains('\0'), &key("folder"), "is no path", hint)
    }

    /// An expression that compiles, and begins with nothing that records have not: `.lang` would be null of every
    /// record, where `.fields.lang` was meant.
    pub(super) fn expression(&self, key: &str, source: &str) -> Result<(), Fault> {
        let hint = "write an expression such as (.text | length) > 200, or leave it out";
        self.need(!source.trim().is_empty(), key, "is empty", hint)?;
        let expr = Expr::new(key, source).map_err(|fault| self.at(key, fault))?;
        let Some(name) = expr.unknown(&NAMES) else { return Ok(()) };
        let fault = Fault::new(FaultKind::Config, format!("{key} names .{name}, which there is not"));
        let known = NAMES.map(|name| format!(".{name}")).join(", ");
        Err(self.at(key, fault.hint(format!("there are {known}; a field is written .fields.{name}"))))
    }
}
