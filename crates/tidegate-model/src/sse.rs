//! Server-sent events, however they are cut.
//!
//! Bytes are gathered until a line is whole, so a character that was cut in two is never seen apart. Lines end with
//! `\n`, `\r\n` or `\r`; comments and unknown fields are skipped; several `data` lines make one event.

/// An event may have this many bytes. A model's event has a few hundred.
const MOST: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its name; empty where the service gives none.
    pub name: String,
    /// Its data, without the last line end.
    pub data: String,
}

/// Why bytes are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// An event is larger than any model's.
    TooLarge,
    /// A line is no UTF-8.
    NotText,
}

impl Broken {
    /// What to tell.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "the stream holds an event of more than 8 MiB",
            Self::NotText => "the stream holds what is no text",
        }
    }
}

/// Reads events from pieces of bytes.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of a line that is not whole yet.
    line: Vec<u8>,
    /// The event whose lines are coming.
    event: Event,
    /// Whether the event has data.
    has_data: bool,
    /// Whether the last byte was a `\r`, whose `\n` may follow in the next piece.
    after_return: bool,
    /// Whether anything came before, so that a byte order mark would be no first one.
    begun: bool,
}

impl Reader {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next `bytes` and gives the events that they complete to `each`, until that fails.
    ///
    /// # Errors
    /// That of `each`, or `broken` of what is wrong with the bytes.
    pub fn push<E>(
        &mut self,
        mut bytes: &[u8],
        broken: impl Fn(Broken) -> E,
        mut each: impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.line.extend_from_slice(bytes);
                return if self.size() > MOST { Err(broken(Broken::TooLarge)) } else { Ok(()) };
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if self.size() > MOST {
                return Err(broken(Broken::TooLarge));
            }
            if let Some(event) = self.end_line().map_err(&broken)? {
                each(event)?;
            }
        }
        Ok(())
    }

    /// The event that the end of the body completes: some servers leave out the last blank line. A line that is not
    /// whole is not part of it.
    #[must_use]
    pub fn end(mut self) -> Option<Event> {
        self.take()
    }

    fn size(&self) -> usize {
        self.line.len() + self.event.data.len()
    }

    /// Takes the line that is whole; a blank one completes the event.
    fn end_line(&mut self) -> Result<Option<Event>, Broken> {
        let line = std::mem::take(&mut self.line);
        let mut text = std::str::from_utf8(&line).map_err(|_| Broken::NotText)?;
        if !std::mem::replace(&mut self.begun, true) {
            text = text.strip_prefix('\u{feff}').unwrap_or(text);
        }
        if text.is_empty() {
            return Ok(self.take());
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            _ => {}
        }
        self.line = line;
        self.line.clear();
        Ok(None)
    }

    /// The event that is whole. One without data is none.
    fn take(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All events of `pieces`; the last one may lack its blank line.
    fn read(pieces: &[&[u8]]) -> Result<Vec<(String, String)>, Broken> {
        let (mut reader, mut events) = (Reader::new(), Vec::new());
        for piece in pieces {
            reader.push(
                piece,
                |broken| broken,
                |event| {
                    events.push((event.name, event.data));
                    Ok(())
                },
            )?;
        }
        events.extend(reader.end().map(|event| (event.name, event.data)));
        Ok(events)
    }

    fn data(text: &str) -> Vec<String> {
        read(&[text.as_bytes()]).unwrap().into_iter().map(|(_, data)| data).collect()
    }

    #[test]
    fn lines_end_in_any_way() {
        for text in [
            "data: a\n\ndata: b\n\n",
            "data: a\r\n\r\ndata: b\r\n\r\n",
            "data: a\r\rdata: b\r\r",
            "\u{feff}data:a\n\ndata:b\n",
        ] {
            assert_eq!(data(text), ["a", "b"], "{text:?}");
        }
    }

    #[test]
    fn comments_and_other_fields_are_skipped_and_lines_joined() {
        assert_eq!(data(": keep-alive\n\nid: 7\nretry: 3\ndata: a\ndata:  b\ndata\n\n"), ["a\n b\n"]);
        assert_eq!(data("data:\n\nevent: x\n\n\n\n"), [""]);
        assert_eq!(read(&[b"event: delta\ndata: {}\n\n"]).unwrap(), [("delta".to_owned(), "{}".to_owned())]);
    }

    #[test]
    fn half_a_line_at_the_end_is_not_taken() {
        assert_eq!(data("data: a\n\ndata: {\"cu"), ["a"]);
        assert_eq!(data("data: a\ndata: {\"cu"), ["a"]);
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_refused() {
        assert_eq!(read(&[b"data: \xff\n\n"]), Err(Broken::NotText));
        let long = vec![b'x'; MOST / 4];
        assert_eq!(read(&[&long, &long, &long, &long, b"x"]), Err(Broken::TooLarge));
        let line = [b"data: ".as_slice(), &long, b"\n"].concat();
        assert_eq!(read(&[&line, &line, &line, &line]), Err(Broken::TooLarge));
    }

    proptest! {
        #[test]
        fn cuts_make_no_difference(cuts in proptest::collection::vec(0usize..80, 0..6)) {
            let whole = ": hi\r\nevent: ä\r\ndata: grüße 👋🏽\r\ndata: 漢字\r\n\r\ndata: x\n\nevent: e\rdata: y\r\r".as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &whole[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[whole]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[&bytes]);
        }
    }
}
