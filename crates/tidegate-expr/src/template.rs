//! Texts with places to fill in: prompts, URLs and bodies of requests, in the language of Jinja.
//!
//! A template is handed values and can do nothing but put them together: it reads no file, calls nothing, and ends
//! after a bounded number of steps with a bounded text. A name that is not there is an error, never an empty place: a
//! prompt that silently lacks its text would be paid for and answered all the same.

use std::io::Write;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, escape_formatter};
use serde::Serialize;
use tidegate_core::{Fault, FaultKind, Fields};

use crate::named::{Named, Sort, named};

/// Steps of one rendering; a loop over a large table of fields takes some thousands.
const FUEL: u64 = 1_000_000;
/// Bytes of a rendered text; longer than what any model reads.
const LONGEST: usize = 16 << 20;

const UNREADABLE: &str = "the template does not read";
const NULL: &str = "the value is null";

/// A compiled template.
///
/// ```
/// use tidegate_expr::Template;
/// let template = Template::new("prompt", "Say {{ word }}{% if loud %}!{% endif %}")?;
/// assert_eq!(template.render(&serde_json::json!({ "word": "tide", "loud": true }))?, "Say tide!");
/// assert!(template.render(&serde_json::json!({ "loud": true })).is_err());
/// # Ok::<(), tidegate_core::Fault>(())
/// ```
pub struct Template {
    environment: Environment<'static>,
    name: String,
}

impl Template {
    /// Compiles `source`; `name` says in errors where it stands.
    ///
    /// # Errors
    /// [`FaultKind::Config`] with the line of what does not read.
    pub fn new(name: &str, source: &str) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_formatter(|out, state, value| escape_formatter(out, state, something(value)?));
        Self::compile(name, source, environment)
    }

    /// The same for a URL: whatever is filled in is escaped, so that it stays within the segment or the value of the
    /// query it was meant for.
    ///
    /// ```
    /// use tidegate_expr::Template;
    /// let template = Template::url("url", "https://example.org/of/{{ name }}?q={{ name }}")?;
    /// let url = template.render(&serde_json::json!({ "name": "a/b?c&d" }))?;
    /// assert_eq!(url, "https://example.org/of/a%2Fb%3Fc%26d?q=a%2Fb%3Fc%26d");
    /// # Ok::<(), tidegate_core::Fault>(())
    /// ```
    ///
    /// # Errors
    /// As [`Template::new`].
    pub fn url(name: &str, source: &str) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_formatter(|out, _, value| {
            let text = something(value)?.to_string();
            for byte in text.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        write!(out, "{}", char::from(byte))?;
                    }
                    byte => write!(out, "%{byte:02X}")?,
                }
            }
            Ok(())
        });
        Self::compile(name, source, environment)
    }

    fn compile(name: &str, source: &str, mut environment: Environment<'static>) -> Result<Self, Fault> {
        // A name that is absent may be asked for in an `if`, but never be printed.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment
            .add_template_owned(name.to_owned(), source.to_owned())
            .map_err(|error| fault(FaultKind::Config, UNREADABLE, &error))?;
        known(&environment, (name, source))?;
        Ok(Self { environment, name: name.to_owned() })
    }

    /// Whether the template has a place that `name` fills.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        let template = self.environment.get_template(&self.name);
        template.is_ok_and(|template| template.undeclared_variables(false).contains(name))
    }

    /// A name that the template has a place for and that is none of `known`: a mistyped one.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<String> {
        let template = self.environment.get_template(&self.name).ok()?;
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.retain(|name| {
            !known.contains(&name.as_str()) && self.environment.globals().all(|(global, _)| global != name)
        });
        names.sort();
        names.into_iter().next()
    }

    /// The first place of the template that `values` do not fill, such as `text` or `user.name`.
    #[must_use]
    pub fn missing(&self, values: &Fields) -> Option<String> {
        let template = self.environment.get_template(&self.name).ok()?;
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        let known = |name: &String| {
            let mut parts = name.split('.');
            let first = parts.next().unwrap_or_default();
            match values.get(first) {
                Some(value) => parts.try_fold(value, |value, part| value.get(part)).is_some(),
                None => self.environment.globals().any(|(global, _)| global == first),
            }
        };
        names.retain(|name| !known(name));
        names.sort();
        names.into_iter().next()
    }

    /// The text with `values`, a map or struct, filled in.
    ///
    /// # Errors
    /// [`FaultKind::Validation`], which is the record's own fault: a value that is missing or of the wrong kind, or a
    /// text that would be longer than 16 MiB.
    pub fn render(&self, values: &impl Serialize) -> Result<String, Fault> {
        let broken = |error: minijinja::Error| {
            fault(FaultKind::Validation, "the template cannot be filled in", &error)
        };
        let template = self.environment.get_template(&self.name).map_err(broken)?;
        let mut text = Bounded(Vec::new());
        template.render_captured_to(Value::from(Serde(values)), &mut text).map_err(broken)?;
        String::from_utf8(text.0)
            .map_err(|error| Fault::new(FaultKind::Internal, "a template made no text").cause(error))
    }
}

/// Refuses filters and tests that there are not. The template language looks for them only where it comes to them, and a
/// rehearsal would not come to those in branches that it does not take.
fn known(environment: &Environment<'_>, (name, source): (&str, &str)) -> Result<(), Fault> {
    for Named { sort, name: wanted, line } in named(source) {
        let (what, others, lacks) = match sort {
            Sort::Filter => {
                let tried = environment.empty_state().apply_filter(wanted, &[]);
                let lacks = tried.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter);
                ("filter", "upper, trim, join, length, tojson and default", lacks)
            }
            Sort::Test => {
                let tried = environment.empty_state().perform_test(wanted, &[]);
                let lacks = tried.is_err_and(|error| error.kind() == ErrorKind::UnknownTest);
                ("test", "defined, none, string, number and odd", lacks)
            }
        };
        if lacks {
            let what = format!("{UNREADABLE} ({name}, line {line}): there is no {what} `{wanted}`");
            let fault = Fault::new(FaultKind::Config, what);
            return Err(fault.hint(format!("there are those of Jinja, such as {others}")));
        }
    }
    Ok(())
}

/// What is to be printed, unless it is null: the word for nothing is in no prompt what its author meant.
fn something(value: &Value) -> Result<&Value, minijinja::Error> {
    if value.is_none() {
        return Err(minijinja::Error::new(ErrorKind::UndefinedError, NULL));
    }
    Ok(value)
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({})", self.name)
    }
}

/// Takes no more than [`LONGEST`] bytes.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(std::io::Error::other("the text is longer than 16 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn fault(kind: FaultKind, what: &str, error: &minijinja::Error) -> Fault {
    let place = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!(" ({name}, line {line})"),
        (Some(name), None) => format!(" ({name})"),
        _ => String::new(),
    };
    let detail = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too many steps".to_owned(),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    let fault = Fault::new(kind, format!("{what}{place}: {detail}"));
    match error.kind() {
        ErrorKind::UndefinedError if error.detail() == Some(NULL) => fault.hint(
            "put something in its place with `{{ name or \"…\" }}`, or leave such records out with `when`",
        ),
        ErrorKind::UndefinedError => {
            fault.hint("name a value that is there, or give it another with `| default(\"…\")`")
        }
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(source: &str, values: &serde_json::Value) -> Result<String, Fault> {
        Template::new("prompt", source)?.render(values)
    }

    #[test]
    fn values_are_filled_in_as_they_are() {
        let values = json!({ "text": "a <b> & \"c\" {{ not }}", "tags": ["x", "y"] });
        assert_eq!(filled("{{ text }}", &values).unwrap(), "a <b> & \"c\" {{ not }}");
        assert_eq!(filled("{{ tags | join(\", \") }}", &values).unwrap(), "x, y");
        assert_eq!(filled("{{ text | tojson }}", &json!({ "text": "a\"b" })).unwrap(), "\"a\\\"b\"");
    }

    #[test]
    fn what_is_missing_is_an_error_that_names_the_place() {
        let fault = filled("one\ntwo {{ nothing }}", &json!({})).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Validation);
        assert!(fault.to_string().contains("prompt, line 2"), "{fault}");
        assert_eq!(filled("{% if nothing %}a{% else %}b{% endif %}", &json!({})).unwrap(), "b");
        filled("{{ a.b }}", &json!({ "a": {} })).unwrap_err();
    }

    #[test]
    fn what_is_null_is_never_printed() {
        let null = json!({ "a": null, "b": ["x", null] });
        let fault = filled("one\n{{ a }}", &null).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Validation);
        assert!(fault.to_string().contains("prompt, line 2): the value is null"), "{fault}");
        filled("{% for x in b %}{{ x }}{% endfor %}", &null).unwrap_err();
        assert_eq!(filled("{{ a or \"none\" }}{% if a %}!{% endif %}", &null).unwrap(), "none");
        assert_eq!(filled("{{ a | tojson }}", &null).unwrap(), "null");
        Template::url("t", "http://h/{{ a }}").unwrap().render(&null).unwrap_err();
    }

    #[test]
    fn a_filter_that_does_not_exist_is_the_configurations_fault() {
        for (source, told) in [
            ("a\n{{ text | uppr }}", "(prompt, line 2): there is no filter `uppr`"),
            ("a\n{% if text is nubmer %}{% endif %}", "(prompt, line 2): there is no test `nubmer`"),
            ("{{ a.b.c | lower | uppr }}", "there is no filter `uppr`"),
            ("{% if text is defined %}{{ text | uppr }}{% endif %}", "there is no filter `uppr`"),
            ("{% filter uppr %}a{% endfilter %}", "there is no filter `uppr`"),
        ] {
            let fault = Template::new("prompt", source).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config, "{source}: {fault}");
            assert!(fault.to_string().contains(told) && fault.hint_text().is_some(), "{fault}");
        }
        for source in [
            "{{ text | upper }}",
            "{% for x in a %}{{ x.y[0] | join(b) }}{% endfor %}",
            "{{ a + 1 }}",
            "{{ a | default('x') | e | tojson(true) | safe | replace('a', 'b') | round(1) }}",
            "{% if a is defined and a is not none and 3 is divisibleby 3 and a is in [a] %}x{% endif %}",
            "{% if (a is string or a is eq 1) and a is startingwith 'x' %}x{% endif %}",
            "{% for k, v in a | items %}{% endfor %}{{ a | map(attribute='b') | list | length }}",
        ] {
            Template::new("prompt", source).unwrap_or_else(|fault| panic!("{source}: {fault}"));
        }
    }

    #[test]
    fn a_template_that_does_not_read_is_the_configurations_fault() {
        let fault = Template::new("stage.enrich.prompt", "a\n{% if %}").unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Config);
        assert!(fault.to_string().contains("stage.enrich.prompt, line 2"), "{fault}");
    }

    #[test]
    fn a_template_can_neither_reach_out_nor_run_away() {
        Template::new("t", "{% include \"/etc/passwd\" %}").unwrap_err();
        filled("{{ open(\"/etc/passwd\") }}", &json!({})).unwrap_err();
        let endless = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}";
        assert!(filled(endless, &json!({})).unwrap_err().to_string().contains("too many steps"));
        let long = "{% for a in range(90000) %}{{ text }}{% endfor %}";
        assert!(filled(long, &json!({ "text": "x".repeat(1_000) })).is_err());
    }

    #[test]
    fn what_is_filled_into_a_url_stays_where_it_was_meant_for() {
        let url = |values| Template::url("t", "http://h/a/{{ x }}?q={{ x | upper }}")?.render(&values);
        assert_eq!(
            url(json!({ "x": "../é@b#" })).unwrap(),
            "http://h/a/..%2F%C3%A9%40b%23?q=..%2F%C3%89%40B%23"
        );
        assert_eq!(url(json!({ "x": 7 })).unwrap(), "http://h/a/7?q=7");
        url(json!({})).unwrap_err();
        let safe = Template::url("t", "http://h/{{ x | safe }}{% for c in x %}{{ c }}{% endfor %}").unwrap();
        assert_eq!(safe.render(&json!({ "x": "/" })).unwrap(), "http://h/%2F%2F");
    }

    #[test]
    fn a_mistyped_name_is_found() {
        let unknown = |source: &str| Template::new("t", source).unwrap().unknown(&["text", "fields"]);
        assert_eq!(unknown("{{ txet }}").as_deref(), Some("txet"));
        assert_eq!(unknown("{% for i in range(3) %}{{ text }}{{ fields.a }}{{ i }}{% endfor %}"), None);
    }

    #[test]
    fn the_place_that_nothing_fills_is_named() {
        let template = Template::new("t", "{{ a }}{{ b.c }}{% for x in d %}{{ x }}{% endfor %}").unwrap();
        let missing = |values: serde_json::Value| template.missing(values.as_object().unwrap());
        assert_eq!(missing(json!({ "a": 1, "b": { "c": null }, "d": [] })), None);
        assert_eq!(missing(json!({ "a": 1, "b": {}, "d": [] })).as_deref(), Some("b.c"));
        assert_eq!(missing(json!({ "a": 1, "b": { "c": 2 } })).as_deref(), Some("d"));
    }

    #[test]
    fn what_a_template_needs_can_be_asked() {
        let template =
            Template::new("t", "{{ question }} {% for p in passages %}{{ p.text }}{% endfor %}").unwrap();
        assert!(template.mentions("question") && template.mentions("passages"));
        assert!(!template.mentions("p") && !template.mentions("answer"));
    }
}
