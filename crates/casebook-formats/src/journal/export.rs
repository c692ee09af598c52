//! `journalctl -o export`: fields of text as `NAME=VALUE` lines, others as `NAME`, a length of 64 bits, bytes; entries end at an
//! empty line (docs/JOURNAL_EXPORT_FORMATS.md).

use memchr::{memchr, memchr2, memmem};

use super::entry::Entry;
use crate::gap::Gaps;

/// Names of fields are shorter (src/libsystemd/sd-journal/journal-file.c, `journal_field_valid`).
const LONGEST_NAME: usize = 64;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next entry. One that the file ends in keeps the fields that are whole.
    pub(super) fn fill(&mut self, entry: &mut Entry<'a>, gaps: &mut Gaps) -> bool {
        let bytes = self.bytes;
        while bytes.get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
        entry.start = self.at;
        loop {
            let line = self.at;
            if line >= bytes.len() {
                entry.end = bytes.len();
                return !entry.is_empty();
            }
            if bytes[line] == b'\n' {
                entry.end = line;
                self.at = line + 1;
                if entry.is_empty() {
                    entry.start = self.at;
                    continue;
                }
                return true;
            }
            // A name ends at `=` or, before a binary value, at the end of the line.
            let Some(length) = memchr2(b'=', b'\n', &bytes[line..]) else {
                gaps.add(line, bytes.len(), "the file ends inside a field");
                self.at = bytes.len();
                continue;
            };
            let name_end = line + length;
            let name = &bytes[line..name_end];
            if bytes[name_end] == b'=' {
                let start = name_end + 1;
                let Some(length) = memchr(b'\n', &bytes[start..]) else {
                    gaps.add(line, bytes.len(), "the file ends inside a field");
                    self.at = bytes.len();
                    continue;
                };
                let end = start + length;
                self.at = end + 1;
                if !entry.take(name, start, end) && !is_name(name) {
                    gaps.add(line, end, "no field");
                }
            } else if !is_name(name) {
                gaps.add(line, name_end, "no field");
                self.at = name_end + 1;
            } else {
                self.binary(entry, name_end, gaps);
            }
        }
    }

    /// A field with a length, whose name ends at `name_end`.
    fn binary(&mut self, entry: &mut Entry<'a>, name_end: usize, gaps: &mut Gaps) {
        let (bytes, line) = (self.bytes, self.at);
        let name = &bytes[line..name_end];
        let size =
            bytes.get(name_end + 1..).and_then(|rest| rest.first_chunk::<8>()).map(|size| u64::from_le_bytes(*size));
        let Some(size) = size else {
            gaps.add(line, bytes.len(), "the file ends inside a field");
            self.at = bytes.len();
            return;
        };
        let start = name_end + 9;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).filter(|end| *end < bytes.len());
        if let Some(end) = end
            && bytes[end] == b'\n'
        {
            entry.take(name, start, end);
            self.at = end + 1;
            return;
        }
        // A length that is not true, or a cut: an entry that follows tells which.
        match memmem::find(&bytes[name_end..], b"\n__CURSOR=") {
            Some(next) => {
                self.at = name_end + next + 1;
                // What is in front of the mark ends this entry.
                if self.at > 0 && bytes[self.at - 1] == b'\n' {
                    self.at -= 1;
                }
                gaps.add(line, self.at, format!("a field says it has {size} bytes; reading goes on at the next entry"));
            }
            None => {
                gaps.add(line, bytes.len(), format!("the file ends inside a field of {size} bytes"));
                self.at = bytes.len();
            }
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(plain)
}
