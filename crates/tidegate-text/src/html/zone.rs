//! The parts of a page: content, chrome, and what is never text.

use super::attrs::Attrs;
use super::tag::Tag;

/// What encloses text and decides the kind of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Bullets,
    Numbers,
    Table,
    Verbatim,
}

/// A set of parts that some text is in.
pub(crate) type Zone = u8;

/// Navigation, sidebars, footers.
pub(crate) const CHROME: Zone = 1;
/// The header of the page, as opposed to that of an article.
pub(crate) const HEADER: Zone = 2;
/// A form.
pub(crate) const FORM: Zone = 4;
/// What the page itself declares to be its main content.
pub(crate) const MAIN: Zone = 8;
/// Not text: dropped as it is read.
pub(crate) const SKIP: Zone = 16;

/// The zone inside an element, given the zone around it.
pub(crate) fn inside(outer: Zone, tag: Tag, attributes: &str) -> Zone {
    let own = match tag {
        Tag::Nav | Tag::Footer => CHROME,
        // In an article an aside is a note to the reader.
        Tag::Aside if outer & MAIN == 0 => CHROME,
        Tag::Header => HEADER,
        Tag::Form => FORM,
        Tag::Main | Tag::Article => MAIN,
        Tag::Head | Tag::Skip | Tag::Svg | Tag::Button | Tag::Select => SKIP,
        _ => 0,
    };
    let named = if may_be_named(tag) && !attributes.is_empty() { by_attributes(attributes) } else { 0 };
    let zone = outer | own | named;
    // A form or header around the main content is the page's frame, not a form or header.
    if (own | named) & MAIN != 0 { zone & !(FORM | HEADER) } else { zone }
}

fn may_be_named(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Div
            | Tag::Section
            | Tag::Ul
            | Tag::Ol
            | Tag::Li
            | Tag::P
            | Tag::Table
            | Tag::Cell
            | Tag::Block
            | Tag::Header
            | Tag::Pre
    )
}

fn by_attributes(attributes: &str) -> Zone {
    let mut zone = 0;
    for (name, value) in Attrs::new(attributes) {
        zone |= match name.len() {
            2 | 5 if name.eq_ignore_ascii_case("id") || name.eq_ignore_ascii_case("class") => by_names(value),
            4 if name.eq_ignore_ascii_case("role") => by_role(value),
            11 if name.eq_ignore_ascii_case("aria-hidden") && value == "true" => SKIP,
            _ => 0,
        };
    }
    zone
}

fn by_role(role: &str) -> Zone {
    match role {
        "navigation" | "contentinfo" | "complementary" | "search" | "menu" | "menubar" => CHROME,
        "banner" => HEADER,
        "main" | "article" => MAIN,
        _ => 0,
    }
}

/// Only whole class names and ids that generators and themes use for nothing else; guessing by parts of names
/// loses text ("has-sidebar" on a body). Tables of contents are not among them: they are lists of links, and
/// judged as such, because on some pages they are all there is.
const CHROME_NAMES: &[&str] = &[
    "sidebar",
    "navbar",
    "navigation",
    "navheader",
    "navfooter",
    "breadcrumb",
    "breadcrumbs",
    "sphinxsidebar",
    "related",
    "menu",
    "site-footer",
    "page-footer",
    "footer",
    "cookie-banner",
    "skip-link",
    "pagination",
    "nav",
    "sidenav",
    "topnav",
];

fn by_names(value: &str) -> Zone {
    let mut zone = 0;
    for name in value.split_ascii_whitespace() {
        if CHROME_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            zone |= CHROME;
        } else if matches!(name, "linenos" | "linenumbers" | "line-numbers-rows") {
            zone |= SKIP;
        }
    }
    zone
}
