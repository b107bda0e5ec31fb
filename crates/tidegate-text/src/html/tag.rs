//! Element names, as far as they matter to the text.

/// An element, by what it does to the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    A,
    Article,
    Aside,
    Block,
    Blockquote,
    Body,
    Br,
    Button,
    Cell,
    Dd,
    Div,
    Dl,
    Dt,
    Footer,
    Form,
    Head,
    Header,
    Heading1,
    Heading2,
    Heading3,
    Heading4,
    Heading5,
    Heading6,
    Hr,
    Html,
    Inline,
    Li,
    Main,
    Meta,
    Nav,
    /// Content that is never text: scripts, styles, embedded pages. Scanned for its end tag only.
    Raw,
    Ol,
    P,
    Pre,
    Row,
    Section,
    Select,
    /// Content that is markup but not text of the page: drawings, templates, fallbacks.
    Skip,
    Svg,
    Table,
    TableGroup,
    Title,
    Ul,
    Void,
}

/// How many tags there are, for tables indexed by tag.
pub(crate) const TAGS: usize = Tag::Void as usize + 1;

impl Tag {
    /// The tag called `name`, in any case. Unknown names are inline: custom elements mostly wrap words.
    pub(crate) fn of(name: &str) -> Self {
        let mut lower = [0_u8; 12];
        let Some(lower) = lower.get_mut(..name.len()) else { return Self::Inline };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"a" => Self::A,
            b"p" => Self::P,
            b"b" | b"i" | b"em" | b"code" | b"span" | b"strong" => Self::Inline,
            b"div" => Self::Div,
            b"li" => Self::Li,
            b"ul" | b"menu" | b"dir" => Self::Ul,
            b"ol" => Self::Ol,
            b"dl" => Self::Dl,
            b"dt" => Self::Dt,
            b"dd" => Self::Dd,
            b"br" => Self::Br,
            b"hr" => Self::Hr,
            b"h1" => Self::Heading1,
            b"h2" => Self::Heading2,
            b"h3" => Self::Heading3,
            b"h4" => Self::Heading4,
            b"h5" => Self::Heading5,
            b"h6" => Self::Heading6,
            b"td" | b"th" => Self::Cell,
            b"tr" => Self::Row,
            b"tbody" | b"thead" | b"tfoot" | b"caption" | b"colgroup" => Self::TableGroup,
            b"table" => Self::Table,
            b"pre" | b"listing" => Self::Pre,
            b"section" => Self::Section,
            b"article" => Self::Article,
            b"main" => Self::Main,
            b"nav" => Self::Nav,
            b"header" => Self::Header,
            b"footer" => Self::Footer,
            b"aside" => Self::Aside,
            b"form" => Self::Form,
            b"blockquote" => Self::Blockquote,
            b"figure" | b"figcaption" | b"details" | b"summary" | b"address" | b"fieldset" | b"center"
            | b"hgroup" | b"dialog" | b"search" | b"legend" => Self::Block,
            b"html" => Self::Html,
            b"head" => Self::Head,
            b"body" => Self::Body,
            b"title" => Self::Title,
            b"meta" => Self::Meta,
            b"script" | b"style" | b"textarea" | b"iframe" | b"noembed" | b"noframes" | b"xmp" => Self::Raw,
            b"noscript" | b"template" | b"object" | b"canvas" | b"audio" | b"video" | b"math" => Self::Skip,
            b"svg" => Self::Svg,
            b"button" => Self::Button,
            b"select" | b"datalist" => Self::Select,
            b"img" | b"link" | b"input" | b"col" | b"wbr" | b"base" | b"area" | b"embed" | b"source"
            | b"track" | b"param" => Self::Void,
            _ => Self::Inline,
        }
    }

    /// The level of a heading.
    pub(crate) fn heading(self) -> Option<u8> {
        let level = (self as u8).wrapping_sub(Self::Heading1 as u8);
        (level < 6).then(|| level + 1)
    }
}
