//! Lines of a stream of JSON lines, however the stream is cut into pieces.
//!
//! A line is handed on as bytes, and only once it is whole: a piece may end in the middle of a character, so whoever
//! turned pieces into text would break it. Splitting at `\n` is safe, since no other character of UTF-8 holds that
//! byte.

/// A line that is longer than lines may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Collects pieces until they make lines.
pub(crate) struct Lines {
    /// The beginning of a line whose end has not come; never longer than `limit`.
    rest: Vec<u8>,
    /// The most bytes of a line, so that a stream without line ends does not fill the memory.
    limit: usize,
}

impl Lines {
    /// A reader of lines of up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { rest: Vec::new(), limit }
    }

    /// Takes the next piece and calls `each` with every line that it completes, without its end (`\n` or `\r\n`);
    /// empty lines are left out. The first error of `each` ends it.
    ///
    /// # Errors
    /// A line is too long, or what `each` says.
    pub(crate) fn push<E: From<TooLong>>(
        &mut self,
        mut piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = piece.split_at(end);
            piece = &tail[1..];
            self.keep(head)?;
            let line = std::mem::take(&mut self.rest);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if !line.is_empty() {
                each(line)?;
            }
        }
        self.keep(piece)?;
        Ok(())
    }

    /// What came after the last line end.
    #[cfg(test)]
    pub(crate) fn rest(self) -> Vec<u8> {
        self.rest
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.rest.len() + bytes.len() > self.limit {
            return Err(TooLong);
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]], limit: usize) -> Result<(Vec<Vec<u8>>, Vec<u8>), TooLong> {
        let mut lines = Lines::new(limit);
        let mut seen = Vec::new();
        for piece in pieces {
            lines.push(piece, |line| {
                seen.push(line.to_vec());
                Ok::<(), TooLong>(())
            })?;
        }
        Ok((seen, lines.rest()))
    }

    #[test]
    fn both_line_ends_are_taken_and_empty_lines_are_none() {
        let (lines, rest) = read(&[b"a\r\n\n\r\nb\nc"], 10).expect("short lines");
        assert_eq!(lines, [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(rest, b"c");
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        assert_eq!(read(&[b"12345", b"67890"], 10).map(|(_, rest)| rest.len()), Ok(10));
        assert_eq!(read(&[b"12345", b"678901"], 10), Err(TooLong));
        assert_eq!(read(&[b"12345678901\n"], 10), Err(TooLong));
    }

    #[test]
    fn an_error_of_the_reader_ends_the_piece() {
        let mut calls = 0;
        let said = Lines::new(10).push(b"a\nb\n", |_| {
            calls += 1;
            Err(TooLong)
        });
        assert_eq!((said, calls), (Err(TooLong), 1));
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_stream_is_cut(
            text in "[a-cä😀\r\n]{0,60}",
            cuts in prop::collection::vec(0usize..200, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces, 1000), read(&[bytes], 1000));
        }
    }
}
