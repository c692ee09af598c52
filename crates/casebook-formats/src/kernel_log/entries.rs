//! Messages of several lines, and the entries of a journal.

use crate::journal::{Entry, Field};
use crate::stamp::{Moment, SpanUs};

use super::coding::{Escapes, Map};
use super::line;
use super::lines::bare;
use super::record::{Record, Source, Time};

/// Lines of one message that are looked at.
const MOST_LINES: usize = 1 << 16;

/// Calls `each` for every line of the text of `whole`.
pub(super) fn lines<'r>(whole: &Record<'r>, mut each: impl FnMut(Record<'r>)) {
    let mut map = whole.map;
    let mut rest = whole.text;
    let mut continued = false;
    for _ in 0..MOST_LINES {
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..length];
        let blanks = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blanks < line.len() {
            let text = line[blanks..].strip_suffix(b"\r").unwrap_or(&line[blanks..]);
            each(Record { text, map: map.after(blanks), continued, ..whole.clone() });
            continued = true;
        }
        if length == rest.len() {
            return;
        }
        map = map.after(length + 1);
        rest = &rest[length + 1..];
    }
}

/// Calls `each` for every line of the message of an entry.
pub(super) fn each(file: &[u8], entry: &Entry<'_>, mut each: impl FnMut(&Record<'_>)) {
    let (Some(value), Some(message)) = (entry.value(Field::Message), entry.bytes(Field::Message)) else { return };
    let raw = file.get(value.start..value.end).unwrap_or(&[]);
    let map = if raw == message {
        Map::Plain(value.start)
    } else if raw.first() == Some(&b'[') {
        Map::Escaped { raw: &raw[1..], start: value.start + 1, escapes: Escapes::Numbers }
    } else if entry.form == crate::journal::Form::Json {
        Map::Escaped { raw, start: value.start, escapes: Escapes::Json }
    } else {
        Map::Whole((value.start, value.end))
    };
    let identifier = entry.bytes(Field::SyslogIdentifier);
    let kernel = match entry.bytes(Field::Transport) {
        // Programs that write to /dev/kmsg come with this transport and their own identifier.
        Some(b"kernel") => matches!(identifier, None | Some(b"kernel")),
        _ => identifier == Some(b"kernel"),
    };
    let source = match (kernel, identifier) {
        (true, _) => Source::Kernel,
        (false, Some(_)) => Source::Program,
        (false, None) => Source::Unsaid,
    };
    let mut whole = bare(entry.start, message, map);
    let wall = entry.realtime.map(|at| Moment::Utc { at, precision: SpanUs(1) }).or_else(|| entry.written.clone());
    whole.time = Time { monotonic: entry.monotonic, wall };
    whole.identifier = identifier;
    whole.source = source;
    whole.host = entry.bytes(Field::Hostname);
    whole.boot = entry.boot;
    whole.priority = entry.bytes(Field::Priority).and_then(|text| match text {
        [digit @ b'0'..=b'7'] => Some(digit - b'0'),
        _ => None,
    });
    whole.message_id = entry.message_id();
    lines(&whole, |mut record| {
        if kernel {
            strip_stamp(&mut record);
        }
        each(&record);
    });
}

/// Some kernels' messages come to a journal with the stamp of the console in front.
fn strip_stamp(record: &mut Record<'_>) {
    if record.text.first() != Some(&b'[') {
        return;
    }
    let front = line::front(record.text);
    if front.time.monotonic.is_some() && front.identifier.is_none() {
        record.time.monotonic = front.time.monotonic;
        record.caller = front.caller;
        record.map = record.map.after(front.text);
        record.text = record.text.get(front.text..).unwrap_or(&[]);
    } else if front.caller.is_some() && front.identifier.is_none() {
        record.caller = front.caller;
        record.map = record.map.after(front.text);
        record.text = record.text.get(front.text..).unwrap_or(&[]);
    }
}
