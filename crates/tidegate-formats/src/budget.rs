//! What one parse has used up of its limits.

use std::ops::ControlFlow;

use tidegate_core::{Document, Fault, FaultKind};

use crate::limits::Limits;
use crate::part::{Listener, Part, Resume};

/// The limits, what is left of them, and who is told. Handed down through every reader of one file.
pub(crate) struct Budget<'a> {
    pub(crate) limits: &'a Limits,
    listener: &'a mut dyn Listener,
    /// Bytes that may still come out of decompression.
    unpacked_left: u64,
    /// Bytes of text that may still be made.
    output_left: u64,
    entries_left: u32,
    /// Where the document being read stands within the file.
    path: String,
    /// Parts handed out.
    parts: u64,
    /// Where reading goes on.
    from: &'a Resume,
    /// Members begun so far, and whether the last of them was left again.
    number: u64,
    left: bool,
}

/// Members that may each use up [`Limits::ratio_free_bytes`] before the file as a whole is one bomb.
const BOMBS: u64 = 8;

/// Why a parse ends before the file does.
pub(crate) enum End {
    /// The listener has had enough.
    Stopped,
    /// What is being read is at fault; a container goes on with its next member.
    Fault(Fault),
    /// A limit of the whole file is used up: nothing more is read of it.
    Spent(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<'a> Budget<'a> {
    pub(crate) fn new(
        bytes: u64,
        (limits, from): (&'a Limits, &'a Resume),
        listener: &'a mut dyn Listener,
    ) -> Self {
        // A few members that turn out to be bombs do not use up what the others need.
        let free = limits.ratio_free_bytes.saturating_mul(BOMBS);
        let by_ratio = bytes.saturating_mul(limits.max_ratio).max(free);
        Self {
            limits,
            listener,
            unpacked_left: by_ratio.min(limits.max_unpacked_bytes),
            output_left: limits.max_output_bytes.saturating_sub(from.output),
            entries_left: limits.max_entries,
            path: String::new(),
            parts: 0,
            from,
            number: 0,
            left: false,
        }
    }

    /// Whether anything was handed out.
    pub(crate) fn has_parts(&self) -> bool {
        self.parts > 0 || !self.from.is_start()
    }

    /// Whether what is being read was handed out before the reader was killed.
    pub(crate) fn is_passed(&self) -> bool {
        !self.from.is_start() && (self.number, self.left) <= (self.from.done, self.from.after)
    }

    /// Begins a member: counts it, and says what is done. `false` for one that is to be passed over unread.
    pub(crate) fn begin(&mut self, name: &str, what: &str) -> Result<bool, End> {
        self.entry().map_err(End::Spent)?;
        self.number += 1;
        self.left = self.from.lost.contains(&self.number);
        if !self.left && !self.is_passed() {
            let what =
                if self.path.is_empty() { what.to_owned() } else { format!("{what} of {}", self.path) };
            self.listener.member(self.number, &self.within(name), &what);
        }
        Ok(!self.left)
    }

    /// Says what is being done, within what.
    pub(crate) fn doing(&mut self, what: &str) {
        if self.path.is_empty() {
            self.listener.doing(what);
        } else {
            self.listener.doing(&format!("{what} of {}", self.path));
        }
    }

    /// Enters a member: until [`leave`](Self::leave), what is done is done in it.
    pub(crate) fn enter(&mut self, name: &str) -> String {
        let path = self.within(name);
        std::mem::replace(&mut self.path, path)
    }

    fn within(&self, name: &str) -> String {
        /// Longer names are made to be a nuisance; the path is repeated with each step.
        const LONGEST: usize = 1000;
        let name = &name[..name.floor_char_boundary(LONGEST)];
        if self.path.is_empty() { name.to_owned() } else { format!("{}!/{name}", self.path) }
    }

    pub(crate) fn leave(&mut self, outer: String) {
        self.path = outer;
        self.left = true;
    }

    /// Hands out a document or its fault.
    pub(crate) fn part(&mut self, format: &'static str, result: Result<Document, Fault>) -> Result<(), End> {
        if self.is_passed() {
            return Ok(());
        }
        if let Ok(document) = &result {
            self.output_left = self.output_left.saturating_sub(document.text.len() as u64);
        }
        self.parts += 1;
        match self.listener.part(Part { path: self.path.clone(), format, result }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(End::Stopped),
        }
    }

    /// Bytes of text that a document may have.
    pub(crate) fn output_left(&self) -> usize {
        usize::try_from(self.output_left).unwrap_or(usize::MAX)
    }

    /// Counts a member of an archive, an attachment.
    fn entry(&mut self) -> Result<(), Fault> {
        let Some(left) = self.entries_left.checked_sub(1) else {
            let message = format!("more than {} members", self.limits.max_entries);
            return Err(
                Fault::new(FaultKind::TooLarge, message).hint("unpack the archive, or raise max_entries")
            );
        };
        self.entries_left = left;
        Ok(())
    }

    /// Whether a document has too many pages, slides or sheets.
    pub(crate) fn pages(&self, count: usize, what: &str) -> Result<(), Fault> {
        if count <= self.limits.max_pages as usize {
            return Ok(());
        }
        let message = format!("{count} {what}, the limit is {}", self.limits.max_pages);
        Err(Fault::new(FaultKind::TooLarge, message).hint("split the file, or raise max_pages"))
    }

    /// Bytes that decompression may still give.
    pub(crate) fn unpacked_left(&self) -> u64 {
        self.unpacked_left
    }

    /// Counts bytes that came out of decompression.
    pub(crate) fn unpacked(&mut self, bytes: u64) {
        self.unpacked_left = self.unpacked_left.saturating_sub(bytes);
    }
}
