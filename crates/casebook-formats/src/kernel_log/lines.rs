//! Text, a line at a time.

use memchr::{memchr, memmem};

use crate::gap::Gaps;
use crate::journal::{BootId, boot_id};

use super::LONGEST_LINE;
use super::coding::Map;
use super::line::{self, Front};
use super::record::{Caller, Record, Source, Time};

/// The end of a line as rsyslog writes it (`$EscapeControlCharactersOnReceive`).
const END: &[u8] = b"#012";

/// The lines of a text as records.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    boot: Option<BootId>,
    /// What is left of a line of rsyslog that holds several, and where it ends.
    rest: Option<(usize, usize)>,
    /// The front of the line before, when it had one: lines without one continue it.
    last: Option<Last<'a>>,
}

struct Last<'a> {
    time: Time,
    caller: Option<Caller>,
    priority: Option<u8>,
    host: Option<&'a [u8]>,
    identifier: Option<&'a [u8]>,
    source: Source,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, boot: None, rest: None, last: None }
    }

    /// Where the next line begins.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Goes on with the line that `at` is in, unless that is passed already.
    pub(crate) fn skip_to(&mut self, at: usize) {
        if at >= self.bytes.len() {
            self.at = self.bytes.len();
            self.rest = None;
        } else if at > self.at {
            let line = memchr::memrchr(b'\n', &self.bytes[self.at..at]).map_or(self.at, |found| self.at + found + 1);
            if line > self.at {
                (self.last, self.rest) = (None, None);
                self.at = line;
            }
        }
    }

    pub(crate) fn next(&mut self, gaps: &mut Gaps) -> Option<Record<'a>> {
        let bytes = self.bytes;
        if let Some((start, end)) = self.rest.take() {
            return Some(self.further(start, end));
        }
        while self.at < bytes.len() {
            let start = self.at;
            let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
            self.at = (end + 1).min(bytes.len());
            let mut line = &bytes[start..end];
            // A serial console ends its lines with more than one of them.
            while let [rest @ .., b'\r'] = line {
                line = rest;
            }
            if line.len() > LONGEST_LINE {
                gaps.add(start, end, "a line longer than the kernel writes");
                self.last = None;
                continue;
            }
            if line.iter().all(u8::is_ascii_whitespace) || self.mark(line) {
                continue;
            }
            let line = self.first(start, line);
            return Some(self.record(start, line));
        }
        None
    }

    /// rsyslog writes the end of a line inside of a message as `#012`; gives the first line and keeps the rest.
    fn first(&mut self, start: usize, line: &'a [u8]) -> &'a [u8] {
        match memchr(b'#', line).and_then(|at| Some(at + memmem::find(&line[at..], END)?)) {
            None => line,
            Some(length) => {
                self.rest = Some((start + length + END.len(), start + line.len()));
                &line[..length]
            }
        }
    }

    /// A further line of a message of rsyslog.
    fn further(&mut self, start: usize, end: usize) -> Record<'a> {
        let whole = self.bytes.get(start..end).unwrap_or(&[]);
        let line = self.first(start, whole);
        let blanks = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.continued(start, bare(start + blanks, &line[blanks..], Map::Plain(start + blanks)))
    }

    /// A line without a front of its own.
    fn continued(&self, start: usize, mut record: Record<'a>) -> Record<'a> {
        record.start = start;
        record.boot = self.boot;
        if let Some(last) = &self.last {
            record.time = last.time.clone();
            (record.caller, record.priority, record.source) = (last.caller, last.priority, last.source);
            (record.host, record.identifier) = (last.host, last.identifier);
            record.continued = true;
        }
        record
    }

    fn record(&mut self, start: usize, line: &'a [u8]) -> Record<'a> {
        let front = line::front(line);
        let text = line.get(front.text..).unwrap_or(&[]);
        let map = Map::Plain(start + front.text);
        if !front.is_there() {
            return self.continued(start, bare(start, text, map));
        }
        let part = |range: Option<(usize, usize)>| range.and_then(|(from, to)| line.get(from..to));
        let (host, identifier) = (part(front.host), part(front.identifier));
        let source = source(&front, identifier);
        let Front { time, caller, priority, .. } = front;
        self.last = Some(Last { time: time.clone(), caller, priority, host, identifier, source });
        let boot = self.boot;
        Record { host, identifier, time, source, caller, priority, boot, ..bare(start, text, map) }
    }

    /// `-- Boot ID --` and other lines of journalctl about the journal.
    fn mark(&mut self, line: &[u8]) -> bool {
        let Some(inside) = line.strip_prefix(b"-- ").and_then(|line| line.strip_suffix(b" --")) else { return false };
        if let Some(id) = inside.strip_prefix(b"Boot ") {
            self.boot = boot_id(id.trim_ascii());
        } else if inside == b"Reboot" {
            self.boot = None;
        }
        self.last = None;
        true
    }
}

/// A record of which nothing but the text is known.
pub(super) fn bare<'a>(start: usize, text: &'a [u8], map: Map<'a>) -> Record<'a> {
    Record {
        text,
        map,
        host: None,
        identifier: None,
        time: Time::default(),
        start,
        source: Source::Unsaid,
        caller: None,
        priority: None,
        continued: false,
        boot: None,
        message_id: None,
    }
}

fn source(front: &Front, identifier: Option<&[u8]>) -> Source {
    match identifier {
        Some(b"kernel") => Source::Kernel,
        Some(_) => Source::Program,
        // A time of day alone says nothing of the sender.
        None if front.time.monotonic.is_none()
            && front.caller.is_none()
            && front.priority.is_none()
            && !front.stamped =>
        {
            Source::Unsaid
        }
        None => Source::Kernel,
    }
}
