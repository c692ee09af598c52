//! What linkers say: their messages, from standard error alone or from the middle of a build's log.
//!
//! ld.bfd, gold, lld, mold and wild each print in forms of their own; [`Message`] holds what any of them says, in one form, with
//! the place of every part in the log. The drivers around them (collect2, clang, rustc, Go) and the build tools say that and
//! where a link failed. What stands before a message is passed: clocks, steps, gutters, colours.
//!
//! A linker's message of no form that is known is a [`Kind::Other`] and a gap; one in another language is told as such, and not
//! guessed: the answer is to build again with `LC_ALL=C` ([`IN_ENGLISH`]).

mod arrows;
mod fill;
mod forms;
mod language;
mod line;
mod message;
mod needles;
mod pattern;
mod place;
mod program;
mod reader;
mod recognise;
#[cfg(test)]
mod tests;

use casebook_core::{Bytes, Evidence, EvidenceId, Span, Unmodelled};
use casebook_formats::gap::Gaps;
use memchr::{memchr2, memrchr2};

pub use line::MOST_LINE;
pub use message::{IN_ENGLISH, Kind, Linkers, MOST_PLACES, Message, Name, Place, Role, Severity, Spelling, Suggestion};

/// Messages that [`read`] keeps; more are counted.
pub const MOST_MESSAGES: usize = 20_000;

/// The messages of one log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Messages, in the order of the log.
    pub messages: Vec<Message>,
    /// How many more there were.
    pub unlisted: u64,
    /// Lines of linkers that are of no known form, and what was not read.
    pub unmodelled: Vec<Unmodelled>,
}

impl Log {
    /// Messages that are of a linker, or say that one failed.
    pub fn links(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| !matches!(message.kind, Kind::Step | Kind::Advice))
    }

    /// True when a message is in another language than English.
    pub fn is_translated(&self) -> bool {
        self.messages.iter().any(|message| matches!(message.kind, Kind::OtherLanguage(_)))
    }
}

/// Reads a log. What is kept is bounded, however long it is.
pub fn read(item: &Evidence) -> Log {
    let mut log = Log::default();
    let gaps = walk(item.id, &item.bytes, |message| {
        if log.messages.len() < MOST_MESSAGES {
            log.messages.push(message);
        } else {
            log.unlisted += 1;
        }
    });
    let place =
        |gap: &casebook_formats::gap::Gap| Unmodelled::new(Span::new(item.id, gap.start, gap.end), gap.why.clone());
    log.unmodelled = gaps.list().iter().map(place).collect();
    log
}

/// Calls `each` for every message, in the order of the log; gives what is of no known form. A message is held while it can still
/// go on, no more.
pub fn walk(evidence: EvidenceId, bytes: &Bytes, each: impl FnMut(Message)) -> Gaps {
    /// After so many bytes what was read is let go of.
    const STEP: usize = 4 << 20;
    let all = bytes.as_slice();
    let mut reader = reader::Reader::new(evidence, each);
    let mut needles = needles::Needles::new(all);
    let (mut at, mut released) = (0, 0);
    while at < all.len() {
        if reader.is_idle() {
            // Nothing goes on: what comes before the next line that can begin a message is passed.
            let next = needles.next(at);
            at = memrchr2(b'\n', b'\r', &all[at..next]).map_or(at, |end| at + end + 1);
            if next == all.len() {
                break;
            }
        }
        // A progress bar ends its lines with a carriage return.
        let end = memchr2(b'\n', b'\r', &all[at..]).map_or(all.len(), |length| at + length);
        // Of a line's end in two bytes, the second is no empty line.
        let second = end == at && at > 0 && all[at - 1] == b'\r';
        if !second {
            reader.line(at, &all[at..end]);
        }
        at = end + 1;
        if at - released >= STEP {
            bytes.release(released..at);
            released = at;
        }
    }
    reader.finish()
}

/// Whether the beginning of a text has a message of a linker, so that the whole is worth reading.
pub fn is_likely(head: &str) -> bool {
    let mut found = false;
    walk(EvidenceId(0), &Bytes::new(head.as_bytes().to_vec()), |message| {
        found |= !matches!(message.kind, Kind::Other | Kind::Step | Kind::Advice | Kind::LibraryWarning | Kind::Option);
    });
    found
}
