//! What a walk or a bundle has to say of files that are no evidence, in a bounded number of lines.

use casebook_core::{Coverage, ReadStatus};

/// Lines of one sort a walk or a bundle may give before the rest is counted in one.
const MAX_LINES: usize = 50;

/// Counts and lines of one walk or one bundle.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) unknown: usize,
    unknown_bytes: u64,
    pub(crate) examples: Vec<String>,
    lines: Vec<Coverage>,
    more: usize,
}

impl Tally {
    pub(crate) fn line(&mut self, line: Coverage) {
        if self.lines.len() < MAX_LINES { self.lines.push(line) } else { self.more += 1 }
    }

    /// The lines, the last of which counts what no case reads.
    pub(crate) fn close(self, path: &str, coverage: &mut Vec<Coverage>) {
        coverage.extend(self.lines);
        if self.more > 0 {
            let why = format!("{} more files could not be read, for reasons like those above", self.more);
            coverage.push(Coverage::failed(path, "unknown", 0, why));
        }
        if self.unknown > 0 {
            let noun = if self.unknown == 1 { "file" } else { "files" };
            let dots = if self.unknown > self.examples.len() { ", …" } else { "" };
            let note = format!("{} {noun} that no case reads ({}{dots})", self.unknown, self.examples.join(", "));
            let line = Coverage::failed(path, "unknown", self.unknown_bytes, note);
            coverage.push(Coverage { status: ReadStatus::Unrecognised, ..line });
        }
    }

    pub(crate) fn unknown(&mut self, path: &str, bytes: u64) {
        self.unknown += 1;
        self.unknown_bytes += bytes;
        if self.examples.len() < 3 {
            self.examples.push(path.to_owned());
        }
    }
}
