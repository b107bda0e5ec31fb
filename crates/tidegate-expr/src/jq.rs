//! The full language of jq, as the library jaq runs it.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::native;
use jaq_core::{Ctx, Error, RunPtr, Vars, data, load, unwrap_valr};
use jaq_json::Val;
use jaq_std::ValT as _;
use tidegate_core::{Fault, FaultKind};

use crate::record::{DEEPEST, Record, depth_of};

/// Functions that would make a result depend on more than its record, or act on the process.
const REFUSED: &[&str] = &[
    "env",
    "now",
    "halt",
    "halt_error",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "localtime",
    "strflocaltime",
    "input_line_number",
];

/// A compiled expression.
pub(crate) struct Filter {
    filter: jaq_core::Filter<data::JustLut<Val>>,
}

impl Filter {
    /// Compiles `source`; `place` says in errors where it stands.
    pub(crate) fn compile(place: &str, source: &str) -> Result<Self, Fault> {
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let loader = Loader::new(defs.filter(|def| !REFUSED.contains(&def.name)));
        let arena = Arena::default();
        let program = File { code: source, path: () };
        let modules =
            loader.load(&arena, program).map_err(|errors| unread(place, source, &loading(&errors)))?;
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let funs = funs.filter(|fun| !REFUSED.contains(&fun.0) && fun.0 != "fromjson");
        let from_json: native::Filter<RunPtr<data::JustLut<Val>>> =
            ("fromjson", native::v(0), |cv| native::bome(from_json(&cv.1)));
        let funs = funs.chain([native::run::<data::JustLut<Val>>(from_json)]);
        let compiled = jaq_core::Compiler::default().with_funs(funs).compile(modules);
        let filter = compiled.map_err(|errors| unread(place, source, &compiling(&errors)))?;
        Ok(Self { filter })
    }

    /// The first value that the expression makes of a record, as JSON; `None` if it makes none.
    pub(crate) fn first(&self, record: &Record<'_>) -> Result<Option<String>, Fault> {
        let failed = |what: String| Fault::new(FaultKind::Validation, what);
        let input = jaq_json::read::parse_single(&record.shallow_json()?)
            .map_err(|error| failed(format!("the record does not read: {error}")))?;
        let cx = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let Some(value) = self.filter.id.run((cx, input)).map(unwrap_valr).next() else { return Ok(None) };
        let json = value.map_err(|error| failed(shortened(error.to_string())))?.to_string();
        // Numbers that are none and bytes that are no text have a form in jq, and none in JSON.
        match serde_json::from_str::<serde::de::IgnoredAny>(&json) {
            Ok(_) => Ok(Some(json)),
            Err(_) => Err(failed(shortened(format!("{json} has no form in JSON")))),
        }
    }
}

/// `fromjson`. The library's own takes stack for every level of what a record says, without an end.
fn from_json(value: &Val) -> Result<Val, Error<Val>> {
    let text = value.try_as_bytes()?;
    // Without a tree, and so without a stack of it.
    serde_json::from_slice::<serde::de::IgnoredAny>(text)
        .map_err(|error| Error::str(format_args!("fromjson: {error}")))?;
    if depth_of(text) >= DEEPEST {
        return Err(Error::str(format_args!("fromjson: nested deeper than {DEEPEST} levels")));
    }
    jaq_json::read::parse_single(text).map_err(|error| Error::str(format_args!("fromjson: {error}")))
}

/// Errors of jq print whole values.
fn shortened(mut message: String) -> String {
    const LONGEST: usize = 300;
    if message.len() > LONGEST {
        message.truncate(message.floor_char_boundary(LONGEST));
        message.push('…');
    }
    message
}

/// What is wrong, and from where in the source on.
struct Wrong<'a> {
    what: String,
    from: &'a str,
}

fn loading<'a>(errors: &load::Errors<&'a str, ()>) -> Option<Wrong<'a>> {
    let (_, error) = errors.first()?;
    Some(match error {
        load::Error::Io(errors) => {
            Wrong { what: "modules cannot be loaded here".to_owned(), from: errors.first()?.0 }
        }
        load::Error::Lex(errors) => {
            let (expected, from) = errors.first()?;
            expected_at(expected.as_str(), from)
        }
        load::Error::Parse(errors) => {
            let (expected, from) = errors.first()?;
            expected_at(expected.as_str(), from)
        }
    })
}

fn expected_at<'a>(what: &str, from: &'a str) -> Wrong<'a> {
    let what = match from {
        "" => format!("it ends where {what} is expected"),
        _ => format!("{what} is expected"),
    };
    Wrong { what, from }
}

fn compiling<'a>(errors: &jaq_core::compile::Errors<&'a str, ()>) -> Option<Wrong<'a>> {
    let (name, undefined) = errors.first()?.1.first()?;
    let what = match REFUSED.contains(name) {
        true => format!("`{name}` is not here: a record's result depends on the record alone"),
        false => format!("there is no {} {name}", undefined.as_str()),
    };
    Some(Wrong { what, from: name })
}

fn unread(place: &str, source: &str, wrong: &Option<Wrong<'_>>) -> Fault {
    let Some(wrong) = wrong else {
        return Fault::new(FaultKind::Config, format!("{place} does not read as jq: {source:?}"));
    };
    let offset = (wrong.from.as_ptr() as usize).checked_sub(source.as_ptr() as usize);
    // What is expected at the end of the source stands nowhere in it.
    let offset =
        offset.filter(|offset| *offset <= source.len() && !wrong.from.is_empty()).unwrap_or(source.len());
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Fault::new(FaultKind::Config, format!("{place}, line {line}, column {column}: {}", wrong.what))
        .hint("expressions are jq, for example `.lang == \"en\" and .score > 0.5`")
}
