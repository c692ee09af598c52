//! The journal as text: `journalctl -o short` and its sisters (src/shared/logs-show.c, `output_short`), and files of syslog, which
//! have the same form. A line is `TIME [HOST] IDENTIFIER[PID]: MESSAGE`; lines of a message after the first are indented.

use memchr::memchr;

use super::entry::{BootId, Entry, Field, Value, boot_id};
use crate::gap::Gaps;
use crate::stamp::{self, MonotonicUs};

/// A longer line is no line of a journal.
const LONGEST_LINE: usize = 1 << 20;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    boot: Option<BootId>,
    reboot: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, boot: None, reboot: false }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next line, without its end, and where the one after it begins.
    fn line(&self, at: usize) -> Option<(&'a [u8], usize)> {
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let end = memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        Some((line.strip_suffix(b"\r").unwrap_or(line), at + end.map_or(rest.len(), |end| end + 1)))
    }

    pub(super) fn fill(&mut self, entry: &mut Entry<'a>, gaps: &mut Gaps) -> bool {
        while let Some((line, next)) = self.line(self.at) {
            let start = self.at;
            self.at = next;
            if line.trim_ascii().is_empty() {
                continue;
            }
            if line.starts_with(b"-- ") && line.ends_with(b" --") {
                self.mark(line);
                continue;
            }
            let Some(parts) = parts(line) else {
                gaps.add(start, start + line.len(), "no line of a journal");
                continue;
            };
            self.take(entry, start, line, parts);
            return true;
        }
        false
    }

    fn take(&mut self, entry: &mut Entry<'a>, start: usize, line: &[u8], parts: Parts) {
        (entry.start, entry.end) = (start, start + line.len());
        match parts.time {
            Time::Moment(moment) => {
                entry.realtime = moment.utc();
                entry.written = Some(moment);
            }
            Time::Monotonic(monotonic) => entry.monotonic = Some(monotonic),
        }
        entry.boot = self.boot;
        entry.after_reboot = std::mem::take(&mut self.reboot);
        let mut set = |field, range: Option<(usize, usize)>| {
            if let Some((from, to)) = range {
                entry.set(field, Value::plain(start + from, start + to));
            }
        };
        set(Field::Hostname, parts.host);
        set(Field::SyslogIdentifier, Some(parts.identifier));
        set(Field::Pid, parts.pid);
        let mut message = Value::plain(start + parts.message, start + line.len());
        // `[1.1K blob data]` stands for what is no text.
        let text = &line[parts.message..];
        message.omitted |= text.starts_with(b"[") && text.ends_with(b" blob data]");
        // Further lines of the message are indented.
        while let Some((more, next)) = self.line(self.at)
            && more.starts_with(b"        ")
            && self::parts(more).is_none()
        {
            entry.end = self.at + more.len();
            self.at = next;
        }
        entry.set(Field::Message, message);
    }

    /// `-- Boot ID --` (since 247), `-- Reboot --`; others say nothing that is needed.
    fn mark(&mut self, line: &[u8]) {
        let inside = line.get(3..line.len() - 3).unwrap_or(&[]).trim_ascii();
        if let Some(id) = inside.strip_prefix(b"Boot ") {
            self.boot = boot_id(id.trim_ascii());
            self.reboot = true;
        } else if inside == b"Reboot" {
            self.boot = None;
            self.reboot = true;
        }
    }
}

enum Time {
    Moment(stamp::Moment),
    Monotonic(MonotonicUs),
}

struct Parts {
    time: Time,
    host: Option<(usize, usize)>,
    identifier: (usize, usize),
    pid: Option<(usize, usize)>,
    message: usize,
}

/// The parts of a line; `None` when it is no line of a journal.
fn parts(line: &[u8]) -> Option<Parts> {
    if line.len() > LONGEST_LINE {
        return None;
    }
    // Times, hosts and identifiers are short; what comes behind need not be text.
    let head = &line[..line.len().min(512)];
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
    };
    let (time, after) = time(head)?;
    let rest = head.get(after..)?.strip_prefix(' ')?;
    let begin = after + 1;
    let colon = rest
        .find(": ")
        .or_else(|| (rest.len() + begin == line.len()).then(|| rest.strip_suffix(':'))?.map(str::len))?;
    let label = &rest[..colon];
    let (label, pid) = match label.strip_suffix(']').and_then(|label| label.rsplit_once('[')) {
        Some((name, pid)) if !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some((begin + name.len() + 1, begin + name.len() + 1 + pid.len())))
        }
        _ => (label, None),
    };
    let (host, identifier) = match label.split_once(' ') {
        Some((host, identifier)) => {
            (Some((begin, begin + host.len())), (begin + host.len() + 1, begin + host.len() + 1 + identifier.len()))
        }
        None => (None, (begin, begin + label.len())),
    };
    let words = label.split(' ').count();
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte >= 0x80)
    };
    if words > 4 || identifier.0 >= identifier.1 || !plain(label) {
        return None;
    }
    Some(Parts { time, host, identifier, pid, message: (begin + colon + 2).min(line.len()) })
}

/// The time a line begins with, and its length.
fn time(head: &str) -> Option<(Time, usize)> {
    if let Some(inside) = head.strip_prefix('[') {
        // `[  125.500000]` of `short-monotonic`, `[  125.500000 <    0.250000 >]` of `short-delta`.
        let close = inside.find(']')?;
        let number = inside.get(..close)?.split('<').next()?.trim();
        let (seconds, micros) = number.split_once('.')?;
        let micros: u64 = (micros.len() == 6).then(|| micros.parse().ok())??;
        let seconds: u64 = seconds.parse().ok()?;
        return Some((Time::Monotonic(MonotonicUs(seconds.checked_mul(1_000_000)?.checked_add(micros)?)), close + 2));
    }
    let (moment, length) = stamp::moment_at(head)?;
    Some((Time::Moment(moment), length))
}

/// True when the line is one of a journal; used to tell the kind of a file.
pub(super) fn is_line(line: &[u8]) -> bool {
    parts(line.strip_suffix(b"\r").unwrap_or(line)).is_some()
}

/// The identifier of a line of a journal.
pub(super) fn identifier(line: &[u8]) -> Option<&[u8]> {
    parts(line).and_then(|parts| line.get(parts.identifier.0..parts.identifier.1))
}
