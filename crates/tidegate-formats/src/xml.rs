//! XML as a stream of elements and text: no tree, no DTD, no entities but the five of XML itself.

use std::borrow::Cow;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use tidegate_core::{Fault, FaultKind};

/// The next thing in a document. Names are local: prefixes differ between programs, and no format read here gives one
/// local name two meanings in one place.
#[derive(Debug)]
pub(crate) enum Node<'x> {
    /// An element begins; one without content is followed by its end like any other.
    Open(Tag<'x>),
    /// An element ends.
    Close(Name<'x>),
    /// Text, without markup.
    Text(Cow<'x, str>),
}

/// The beginning of an element.
#[derive(Debug)]
pub(crate) struct Tag<'x>(BytesStart<'x>);

impl Tag<'_> {
    /// Its name without a prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// The value of the attribute of this name with its prefix, where two differ in nothing else.
    pub(crate) fn full_attr(&self, name: &str) -> Option<String> {
        self.find(|key| key == name)
    }

    /// The value of the attribute of this local name.
    pub(crate) fn attr(&self, name: &str) -> Option<String> {
        self.find(|key| local(key) == name)
    }

    fn find(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut attributes = self.0.attributes();
        // The check for doubles is quadratic in their number.
        let attributes = attributes.with_checks(false);
        let found = attributes.flatten().find(|attribute| is_wanted(attribute.key.into_inner()))?;
        Some(value(&found).into_owned())
    }

    /// All attributes by their local names, in one pass: for elements of which there are millions.
    pub(crate) fn each_attr(&self, mut each: impl FnMut(&str, &str)) {
        for attribute in self.0.attributes().with_checks(false).flatten() {
            each(local(attribute.key.into_inner()), &value(&attribute));
        }
    }

    /// The attribute of this local name as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attr(name)?.trim().parse().ok()
    }
}

fn value<'a>(attribute: &'a Attribute<'_>) -> Cow<'a, str> {
    attribute.normalized_value(XmlVersion::Explicit1_0).unwrap_or_else(|_| Cow::Borrowed(&attribute.value))
}

/// The name of an element that ended.
#[derive(Debug)]
pub(crate) struct Name<'x>(BytesEnd<'x>);

impl Name<'_> {
    /// Without a prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }
}

fn local(name: &str) -> &str {
    memchr::memrchr(b':', name.as_bytes()).map_or(name, |at| &name[at + 1..])
}

/// A reader over one XML document.
pub(crate) struct Xml<'x> {
    reader: Reader<&'x [u8]>,
    depth: u32,
    max_depth: u32,
}

/// The text of an XML document; the few in UTF-16 are decoded, broken bytes are replaced.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return encoding_rs::UTF_8.decode(bytes).0; // the mark decides, not the label
    }
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

impl<'x> Xml<'x> {
    /// Reads `text`; elements may nest `max_depth` deep.
    pub(crate) fn new(text: &'x str, max_depth: u32) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { reader, depth: 0, max_depth }
    }

    /// The next node; `None` at the end of the document.
    pub(crate) fn next(&mut self) -> Result<Option<Node<'x>>, Fault> {
        loop {
            let event = self.reader.read_event().map_err(|error| {
                let at = self.reader.error_position();
                Fault::new(FaultKind::Malformed, format!("broken XML at byte {at}")).cause(error)
            })?;
            match event {
                Event::Start(tag) => return self.open(Tag(tag)).map(Some),
                Event::End(name) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Node::Close(Name(name))));
                }
                Event::Text(text) => return Ok(Some(Node::Text(text.into_inner()))),
                Event::CData(text) => return Ok(Some(Node::Text(text.into_inner()))),
                Event::GeneralRef(reference) => return Ok(Some(Node::Text(resolve(&reference)))),
                // A bare document type (NCX has one) is harmless; one that declares things is how XML bombs are made.
                Event::DocType(text) if text.contains('[') => {
                    let fault = Fault::new(FaultKind::Malformed, "XML with a document type of its own");
                    return Err(fault.hint("remove the DTD from the file"));
                }
                Event::Eof if self.depth > 0 => {
                    return Err(Fault::new(FaultKind::Malformed, "the XML ends within an element"));
                }
                Event::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    fn open(&mut self, tag: Tag<'x>) -> Result<Node<'x>, Fault> {
        self.depth += 1;
        if self.depth > self.max_depth {
            let message = format!("XML elements within each other, more than {} deep", self.max_depth);
            return Err(Fault::new(FaultKind::TooDeep, message).hint("raise max_nesting"));
        }
        Ok(Node::Open(tag))
    }

    /// Passes over the rest of the element that was just opened.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            if self.next()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The text within the element that was just opened, whatever else it holds.
    pub(crate) fn text(&mut self) -> Result<String, Fault> {
        let outside = self.depth.saturating_sub(1);
        let mut out = String::new();
        while self.depth > outside {
            match self.next()? {
                Some(Node::Text(text)) => out.push_str(&text),
                Some(_) => {}
                None => break,
            }
        }
        Ok(out)
    }
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Cow<'static, str> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return c.to_string().into();
    }
    let name: &str = reference;
    match name {
        "lt" => "<".into(),
        "gt" => ">".into(),
        "amp" => "&".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        "nbsp" => " ".into(),
        other => format!("&{other};").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Fault> {
        let mut out = String::new();
        let mut xml = Xml::new(text, 5);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => {
                    out.push_str(&format!("<{}{}>", tag.name(), tag.attr("v").unwrap_or_default()));
                }
                Node::Close(name) => out.push_str(&format!("</{}>", name.name())),
                Node::Text(text) => out.push_str(&text),
            }
        }
        Ok(out)
    }

    #[test]
    fn elements_text_and_references_come_in_order() {
        let text =
            "<?xml version='1.0'?><!-- c --><w:a><w:b w:v='1 &lt; 2'/>x &amp; &#65;<![CDATA[<]]>&u;</w:a>";
        assert_eq!(read(text).unwrap(), "<a><b1 < 2></b>x & A<&u;</a>");
        assert_eq!(read("<!DOCTYPE a PUBLIC 'x' 'y'><a/>").unwrap(), "<a></a>");
    }

    #[test]
    fn what_is_dangerous_or_broken_is_a_fault() {
        let kind = |text: &str| read(text).expect_err(text).kind();
        assert_eq!(kind("<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>"), FaultKind::Malformed);
        assert_eq!(kind("<a><b></a>"), FaultKind::Malformed);
        assert_eq!(kind("<a><b>"), FaultKind::Malformed);
        assert_eq!(kind("<a><a><a><a><a><a/></a></a></a></a></a>"), FaultKind::TooDeep);
    }

    #[test]
    fn utf_16_is_decoded_by_its_mark() {
        let bytes: Vec<u8> = "\u{feff}<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&text_of(&bytes)).unwrap(), "<a>é</a>");
        assert_eq!(text_of(b"\xef\xbb\xbf<a/>"), "<a/>");
    }
}
