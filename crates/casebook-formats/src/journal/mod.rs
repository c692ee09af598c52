//! The systemd journal, in the forms it is handed on in: `journalctl -o export`, `-o json` and its sisters, the binary files of
//! `/var/log/journal`, and, weaker, the text that people paste.
//!
//! One [`Entry`] stands for all forms. A reader walks its bytes once and lends one entry after the other, so memory does not
//! depend on the size of the file. What does not fit is a [`Gap`](crate::gap::Gap), and reading goes on behind it.
//!
//! Formats: systemd's docs/JOURNAL_EXPORT_FORMATS.md and docs/JOURNAL_FILE_FORMAT.md, src/shared/logs-show.c.

pub mod clock;
mod entry;
mod export;
mod file;
mod json;
mod kinds;
#[cfg(test)]
mod tests;
mod text;

use casebook_core::Bytes;

pub use entry::{BootId, Entry, Field, Form, Seqnum, Value, boot_id};
pub use kinds::{JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON, JOURNAL_TEXT, form_of};

use crate::gap::Gaps;

/// Bytes walked between two releases of memory that is no longer needed.
const RELEASE_EVERY: usize = 4 << 20;

/// Bytes of one field that are kept; a longer one is [`Value::omitted`].
pub const MAX_VALUE: usize = 16 << 20;

enum Reader<'a> {
    Export(export::Reader<'a>),
    Json(json::Reader<'a>),
    File(Box<file::Reader<'a>>),
    Text(text::Reader<'a>),
}

/// The entries of one file, in the order of the file.
pub struct Entries<'a> {
    reader: Reader<'a>,
    entry: Entry<'a>,
    number: u64,
    gaps: Gaps,
}

/// The entries of `bytes`, read as `form`.
pub fn entries(bytes: &[u8], form: Form) -> Entries<'_> {
    let mut gaps = Gaps::default();
    let reader = match form {
        Form::Export => Reader::Export(export::Reader::new(bytes)),
        Form::Json => Reader::Json(json::Reader::new(bytes)),
        Form::File => Reader::File(Box::new(file::Reader::new(bytes, &mut gaps))),
        Form::Text => Reader::Text(text::Reader::new(bytes)),
    };
    Entries { reader, entry: Entry::new(bytes, form), number: 0, gaps }
}

impl<'a> Entries<'a> {
    /// The next entry; it is lent until the one after it is asked for.
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Option<&Entry<'a>> {
        self.entry.clear(self.number);
        let (entry, gaps) = (&mut self.entry, &mut self.gaps);
        let found = match &mut self.reader {
            Reader::Export(reader) => reader.fill(entry, gaps),
            Reader::Json(reader) => reader.fill(entry, gaps),
            Reader::File(reader) => reader.fill(entry, gaps),
            Reader::Text(reader) => reader.fill(entry, gaps),
        };
        self.number += u64::from(found);
        found.then_some(&self.entry)
    }

    /// What did not fit so far.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// Bytes behind which the reader will not look again; for binary files, where the last entry ends.
    pub fn position(&self) -> usize {
        match &self.reader {
            Reader::Export(reader) => reader.position(),
            Reader::Json(reader) => reader.position(),
            Reader::File(reader) => reader.position(),
            Reader::Text(reader) => reader.position(),
        }
    }
}

/// Calls `each` for every entry and lets go of what lies behind every few MiB; gives what did not fit.
pub fn walk(bytes: &Bytes, form: Form, mut each: impl FnMut(&Entry<'_>)) -> Gaps {
    let mut entries = entries(bytes.as_slice(), form);
    let mut released = 0;
    while let Some(entry) = entries.next() {
        each(entry);
        let at = entries.position();
        if at.saturating_sub(released) >= RELEASE_EVERY {
            bytes.release(released..at);
            released = at;
        }
    }
    bytes.release(released..bytes.as_slice().len());
    entries.gaps
}
