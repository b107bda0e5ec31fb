//! What a page puts where: the operators that move and show text, and the forms they are in.

use std::collections::HashMap;
use std::rc::Rc;

use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::{
    Array, Dict, Name, Number, Object, ObjectIdentifier, Rect, Stream, String as Text,
};
use hayro_syntax::page::{Page, Resources, Rotation};
use tidegate_core::{Fault, FaultKind};

use super::font::Font;
use super::matrix::Matrix;
use super::stream::decode;
use super::strings;
use crate::budget::Budget;

/// Operators of one document, at most: maps and drawings have some millions.
const MOST_OPERATORS: u64 = 100_000_000;
/// Forms drawn by one page, at most, however often one is used.
const MOST_FORMS: u32 = 20_000;
/// Saved graphics states within each other.
const MOST_STATES: usize = 512;
/// Bytes of decoded forms that are kept for their next use.
const KEPT_FORMS: usize = 32 << 20;

/// A glyph on the page, in a frame in which its line runs to the right.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    /// Quarter turns of its line against the page.
    pub(super) turn: u8,
    pub(super) x0: f64,
    pub(super) x1: f64,
    /// The line it stands on; up is more.
    pub(super) y: f64,
    pub(super) size: f64,
    pub(super) bold: bool,
    /// Its text in [`Ink::text`].
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What was found on one page.
#[derive(Debug, Default)]
pub(super) struct Ink {
    pub(super) glyphs: Vec<Glyph>,
    pub(super) text: String,
    pub(super) pictures: u32,
    /// Glyphs whose text nobody knows.
    pub(super) unknown: u64,
}

/// What pages of one document share.
#[derive(Default)]
pub(super) struct Shared {
    fonts: HashMap<ObjectIdentifier, Rc<Font>>,
    forms: HashMap<ObjectIdentifier, Rc<[u8]>>,
    forms_bytes: usize,
    operators: u64,
}

#[derive(Clone)]
struct State {
    ctm: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    char_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

/// Reads the text of one page.
pub(super) fn read(page: &Page<'_>, shared: &mut Shared, budget: &mut Budget<'_>) -> Result<Ink, Fault> {
    let quarters = match page.rotation() {
        Rotation::None => 0,
        Rotation::Horizontal => 1,
        Rotation::Flipped => 2,
        Rotation::FlippedHorizontal => 3,
    };
    let state = State {
        ctm: Matrix::turned(quarters),
        font: None,
        size: 1.0,
        char_space: 0.0,
        word_space: 0.0,
        stretch: 1.0,
        leading: 0.0,
        rise: 0.0,
    };
    let content = content(page, budget)?;
    let limit = budget.output_left();
    let mut pen = Pen {
        first: state.clone(),
        ink: Ink::default(),
        state,
        saved: Vec::new(),
        matrix: Matrix::IDENTITY,
        line: Matrix::IDENTITY,
        marks: Vec::new(),
        open_forms: Vec::new(),
        forms: 0,
        limit,
        shared,
        budget,
    };
    pen.run(&content, page.resources())?;
    pen.annotations(page.raw(), page.resources())?;
    Ok(pen.ink)
}

/// The content of a page, which may be cut into several streams at any place between words.
fn content(page: &Page<'_>, budget: &mut Budget<'_>) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    if let Some(stream) = page.raw().get::<Stream<'_>>("Contents") {
        return Ok(decode(&stream, budget)?.map(std::borrow::Cow::into_owned).unwrap_or_default());
    }
    for stream in page.raw().get::<Array<'_>>("Contents").iter().flat_map(|array| array.iter::<Stream<'_>>())
    {
        if let Some(data) = decode(&stream, budget)? {
            out.extend_from_slice(&data);
            out.push(b'\n');
        }
        // One stream named a million times is a bomb as well.
        if budget.unpacked_left() == 0 {
            break;
        }
    }
    Ok(out)
}

struct Pen<'p, 'b> {
    /// How every page begins.
    first: State,
    ink: Ink,
    state: State,
    saved: Vec<State>,
    matrix: Matrix,
    line: Matrix,
    /// Open marked content: the text that stands for what it shows, if it says so.
    marks: Vec<Option<String>>,
    open_forms: Vec<ObjectIdentifier>,
    forms: u32,
    limit: usize,
    shared: &'p mut Shared,
    budget: &'p mut Budget<'b>,
}

impl Pen<'_, '_> {
    fn run(&mut self, content: &[u8], resources: &Resources<'_>) -> Result<(), Fault> {
        let mut operators = TypedIter::new(content);
        while let Some(operator) = operators.next() {
            self.shared.operators += 1;
            if self.shared.operators > MOST_OPERATORS {
                let message = format!("more than {MOST_OPERATORS} drawing operators");
                return Err(Fault::new(FaultKind::TooLarge, message).hint("print the file to a new PDF"));
            }
            self.step(&operator, resources)?;
        }
        Ok(())
    }

    fn step(&mut self, operator: &Op<'_, '_>, resources: &Resources<'_>) -> Result<(), Fault> {
        match operator {
            Op::SaveState(_) if self.saved.len() < MOST_STATES => self.saved.push(self.state.clone()),
            Op::RestoreState(_) => self.state = self.saved.pop().unwrap_or_else(|| self.state.clone()),
            Op::Transform(op) => {
                let matrix = matrix([op.0, op.1, op.2, op.3, op.4, op.5]);
                self.state.ctm = matrix.then(self.state.ctm);
            }
            Op::XObject(op) => self.external(op.0, resources)?,
            Op::InlineImage(_) => self.ink.pictures += 1,
            Op::BeginMarkedContent(_) => self.mark(None),
            Op::BeginMarkedContentWithProperties(op) => {
                let properties = match op.1 {
                    Object::Dict(dict) => Some(dict.clone()),
                    Object::Name(name) => resources.properties.get::<Dict<'_>>(name.as_ref()),
                    _ => None,
                };
                let actual = properties.and_then(|dict| dict.get::<Text<'_>>("ActualText"));
                self.mark(actual.map(|text| strings::decode(text.as_bytes())));
            }
            Op::EndMarkedContent(_) => drop(self.marks.pop()),
            _ => self.text_step(operator, resources)?,
        }
        Ok(())
    }

    fn mark(&mut self, text: Option<String>) {
        if self.marks.len() < MOST_STATES {
            self.marks.push(text);
        }
    }

    fn text_step(&mut self, operator: &Op<'_, '_>, resources: &Resources<'_>) -> Result<(), Fault> {
        match operator {
            Op::BeginText(_) => self.set_line(Matrix::IDENTITY),
            Op::CharacterSpacing(op) => self.state.char_space = op.0.as_f64(),
            Op::WordSpacing(op) => self.state.word_space = op.0.as_f64(),
            Op::HorizontalScaling(op) => self.state.stretch = op.0.as_f64() / 100.0,
            Op::TextLeading(op) => self.state.leading = op.0.as_f64(),
            Op::TextRise(op) => self.state.rise = op.0.as_f64(),
            Op::TextFont(op) => {
                self.state.font = self.font(op.0, resources)?;
                self.state.size = op.1.as_f64();
            }
            Op::NextLine(op) => self.next_line(op.0.as_f64(), op.1.as_f64()),
            Op::NextLineAndSetLeading(op) => {
                self.state.leading = -op.1.as_f64();
                self.next_line(op.0.as_f64(), op.1.as_f64());
            }
            Op::NextLineUsingLeading(_) => self.next_line(0.0, -self.state.leading),
            Op::SetTextMatrix(op) => self.set_line(matrix([op.0, op.1, op.2, op.3, op.4, op.5])),
            Op::ShowText(op) => self.show(op.0.as_bytes())?,
            Op::NextLineAndShowText(op) => {
                self.next_line(0.0, -self.state.leading);
                self.show(op.0.as_bytes())?;
            }
            Op::ShowTextWithParameters(op) => {
                self.state.word_space = op.0.as_f64();
                self.state.char_space = op.1.as_f64();
                self.next_line(0.0, -self.state.leading);
                self.show(op.2.as_bytes())?;
            }
            Op::ShowTexts(op) => {
                for item in op.0.iter::<Object<'_>>() {
                    match item {
                        Object::String(text) => self.show(text.as_bytes())?,
                        Object::Number(number) => {
                            let shift = -number.as_f64() / 1000.0 * self.state.size * self.state.stretch;
                            self.matrix = self.matrix.stepped(shift, 0.0);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn set_line(&mut self, matrix: Matrix) {
        self.line = matrix;
        self.matrix = matrix;
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.set_line(self.line.stepped(x, y));
    }

    fn font(&mut self, name: &Name<'_>, resources: &Resources<'_>) -> Result<Option<Rc<Font>>, Fault> {
        let Some(dict) = resources.get_font(name) else { return Ok(None) };
        let id = dict.obj_id();
        if let Some(font) = id.and_then(|id| self.shared.fonts.get(&id)) {
            return Ok(Some(font.clone()));
        }
        let font = Rc::new(Font::read(&dict, self.budget)?);
        self.shared.fonts.extend(id.map(|id| (id, font.clone())));
        Ok(Some(font))
    }

    /// What is filled into forms, and typed over a page: it is drawn by annotations.
    fn annotations(&mut self, page: &Dict<'_>, resources: &Resources<'_>) -> Result<(), Fault> {
        let base = self.first.clone();
        for annotation in page.get::<Array<'_>>("Annots").iter().flat_map(|array| array.iter::<Dict<'_>>()) {
            let kind = annotation.get::<Name<'_>>("Subtype");
            let hidden = annotation.get::<i32>("F").is_some_and(|flags| flags & 2 != 0);
            if hidden || !kind.is_some_and(|kind| matches!(kind.as_str(), "Widget" | "FreeText")) {
                continue;
            }
            let Some(looks) = annotation.get::<Dict<'_>>("AP") else { continue };
            let looks = looks.get::<Stream<'_>>("N").or_else(|| {
                let state = annotation.get::<Name<'_>>("AS")?;
                looks.get::<Dict<'_>>("N")?.get::<Stream<'_>>(state.as_ref())
            });
            let (Some(stream), Some(place)) = (looks, annotation.get::<Rect>("Rect")) else { continue };
            let from = stream.dict().get::<Rect>("BBox").unwrap_or(Rect::ZERO);
            self.state = base.clone();
            self.state.ctm = Matrix::shift(place.x0 - from.x0, place.y0 - from.y0).then(base.ctm);
            self.form(&stream, resources)?;
        }
        Ok(())
    }

    fn external(&mut self, name: &Name<'_>, resources: &Resources<'_>) -> Result<(), Fault> {
        let Some(stream) = resources.get_x_object(name) else { return Ok(()) };
        let dict = stream.dict();
        match dict.get::<Name<'_>>("Subtype").as_ref().map(Name::as_str) {
            Some("Image") => self.ink.pictures += 1,
            Some("Form") => return self.form(&stream, resources),
            _ => {}
        }
        Ok(())
    }

    fn form(&mut self, stream: &Stream<'_>, resources: &Resources<'_>) -> Result<(), Fault> {
        let id = stream.obj_id();
        let nesting = self.open_forms.len();
        // A form that draws itself is drawn once, as readers do.
        if self.open_forms.contains(&id) || nesting >= 64.min(self.budget.limits.max_nesting as usize) {
            return Ok(());
        }
        self.forms += 1;
        if self.forms > MOST_FORMS {
            let message = format!("a page that draws more than {MOST_FORMS} forms");
            return Err(Fault::new(FaultKind::TooLarge, message).hint("print the file to a new PDF"));
        }
        let Some(content) = self.form_content(id, stream)? else { return Ok(()) };
        let dict = stream.dict();
        let own = dict.get::<Dict<'_>>("Resources").map(Resources::new);
        let outer = (self.state.clone(), self.matrix, self.line);
        if let Some(values) = dict.get::<Array<'_>>("Matrix") {
            let values: Vec<Number> = values.iter::<Number>().collect();
            if let Ok(values) = <[Number; 6]>::try_from(values) {
                self.state.ctm = matrix(values).then(self.state.ctm);
            }
        }
        let (saved, marks) = (self.saved.len(), self.marks.len());
        self.open_forms.push(id);
        let done = self.run(&content, own.as_ref().unwrap_or(resources));
        self.open_forms.pop();
        self.saved.truncate(saved);
        self.marks.truncate(marks);
        (self.state, self.matrix, self.line) = outer;
        done
    }

    fn form_content(&mut self, id: ObjectIdentifier, stream: &Stream<'_>) -> Result<Option<Rc<[u8]>>, Fault> {
        if let Some(content) = self.shared.forms.get(&id) {
            return Ok(Some(content.clone()));
        }
        let Some(content) = decode(stream, self.budget)? else { return Ok(None) };
        let content: Rc<[u8]> = content.into();
        if self.shared.forms_bytes + content.len() <= KEPT_FORMS {
            self.shared.forms_bytes += content.len();
            self.shared.forms.insert(id, content.clone());
        }
        Ok(Some(content))
    }

    fn show(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(font) = self.state.font.clone() else { return Ok(()) };
        font.show(bytes, |shown| {
            let State { size, stretch, char_space, word_space, rise, .. } = self.state;
            let width = f64::from(shown.width) * size * stretch;
            match shown.text {
                Some(text) => self.put(&text, width, rise, font.bold),
                None => self.ink.unknown += 1,
            }
            let space = char_space + if shown.is_blank { word_space } else { 0.0 };
            self.matrix = self.matrix.stepped(width + space * stretch, 0.0);
        });
        if self.ink.text.len() > self.limit {
            return Err(crate::draft::too_much_text(self.limit));
        }
        Ok(())
    }

    /// Puts one glyph where the text matrix stands.
    fn put(&mut self, text: &str, width: f64, rise: f64, bold: bool) {
        // What stands for the marked content is put where its first glyph is.
        let instead = self.marks.iter_mut().rev().find_map(Option::as_mut).map(std::mem::take);
        let text = instead.as_deref().unwrap_or(text);
        let placed = self.matrix.then(self.state.ctm);
        if text.is_empty() || !placed.is_finite() {
            return;
        }
        let [a, b, c, d, e, f] = placed.0;
        let (along, up) = placed.lengths();
        let size = (up * self.state.size).abs();
        let (x, y) = (e + c * rise, f + d * rise);
        // The nearest quarter turn, and the place in a frame turned back by it.
        let (turn, x0, y) = match (a.abs() >= b.abs(), a >= 0.0, b >= 0.0) {
            (true, true, _) => (0, x, y),
            (true, false, _) => (2, -x, -y),
            (false, _, true) => (1, y, -x),
            (false, _, false) => (3, -y, x),
        };
        let start = self.ink.text.len();
        self.ink.text.push_str(text);
        let end = self.ink.text.len();
        let (x0, x1) = if width < 0.0 { (x0 + width * along, x0) } else { (x0, x0 + width * along) };
        self.ink.glyphs.push(Glyph { turn, x0, x1, y, size, bold, start, end });
    }
}

fn matrix(values: [Number; 6]) -> Matrix {
    Matrix(values.map(|value| value.as_f64()))
}
