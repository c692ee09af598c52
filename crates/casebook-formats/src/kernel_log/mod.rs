//! The log of the kernel, in the forms it is handed on in: `dmesg` with and without times, `/dev/kmsg`, a serial console, pstore,
//! `dmesg --json`, the journal in all its forms, and files of syslog.
//!
//! One [`Record`] is one line of text, whatever form it came in; a message of several lines is several records, of which all but
//! the first are [`continued`](Record::continued). A reader walks its bytes once and lends one record after the other, so memory
//! does not depend on the size of the file.
//!
//! Formats: kernel/printk/printk.c (`msg_print_ext_header`, `info_print_prefix`, `print_caller`), sys-utils/dmesg.c of util-linux
//! (`print_record`), and [`crate::journal`].

mod coding;
mod entries;
mod json;
mod kinds;
mod kmsg;
mod line;
mod lines;
mod record;
#[cfg(test)]
mod tests;

use casebook_core::Bytes;

use crate::gap::Gaps;
use crate::journal;

pub use kinds::{KERNEL_LOG, form_of};
use lines::Lines;
pub use record::{Caller, Place, Record, Source, Time};

/// The form a log of the kernel is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Lines: `dmesg`, a console, pstore, syslog, pasted text. Each line is looked at by itself.
    Lines,
    /// What reading `/dev/kmsg` gives: `6,1234,56789,-;text`.
    Kmsg,
    /// `dmesg --json`.
    Json,
    /// A journal; as text it is read like [`Form::Lines`].
    Journal(journal::Form),
}

impl From<journal::Form> for Form {
    fn from(form: journal::Form) -> Self {
        match form {
            journal::Form::Text => Form::Lines,
            form => Form::Journal(form),
        }
    }
}

/// A longer line is no line of the kernel (`PRINTKRB_RECORD_MAX` is 1 KiB) and not read.
pub const LONGEST_LINE: usize = 64 << 10;

/// Bytes walked between two releases of memory that is no longer needed.
const RELEASE_EVERY: usize = 4 << 20;

/// Calls `each` for every record and lets go of what lies behind every few MiB; gives what could not be read.
pub fn walk(bytes: &Bytes, form: Form, mut each: impl FnMut(&Record<'_>)) -> Gaps {
    walk_ahead(bytes, form, |record| {
        each(record);
        Ahead::Next
    })
}

/// What a user of [`walk_ahead`] wants next.
pub(crate) enum Ahead {
    /// The next record.
    Next,
    /// The next record that begins at this byte or after it; forms that cannot jump give the next one.
    From(usize),
}

/// As [`walk`], for users that can tell where the next record of interest is.
pub(crate) fn walk_ahead(bytes: &Bytes, form: Form, mut each: impl FnMut(&Record<'_>) -> Ahead) -> Gaps {
    let slice = bytes.as_slice();
    let mut released = 0;
    let mut release = |at: usize| {
        if at.saturating_sub(released) >= RELEASE_EVERY {
            bytes.release(released..at);
            released = at;
        }
    };
    let mut gaps = Gaps::default();
    match form {
        Form::Lines | Form::Journal(journal::Form::Text) => {
            let mut lines = Lines::new(slice);
            while let Some(record) = lines.next(&mut gaps) {
                if let Ahead::From(at) = each(&record) {
                    lines.skip_to(at);
                }
                release(lines.position());
            }
        }
        Form::Kmsg => kmsg::walk(slice, &mut gaps, |record, at| {
            each(record);
            release(at);
        }),
        Form::Json => json::walk(slice, &mut gaps, |record, at| {
            each(record);
            release(at);
        }),
        Form::Journal(form) => {
            return journal::walk(bytes, form, |entry| {
                entries::each(slice, entry, |record| {
                    each(record);
                });
            });
        }
    }
    bytes.release(released..slice.len());
    gaps
}
