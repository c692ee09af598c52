//! `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg; kernel/printk/printk.c, `msg_print_ext_header` and `msg_print_ext_body`).

use std::borrow::Cow;

use memchr::memchr;

use crate::gap::Gaps;
use crate::stamp::MonotonicUs;

use super::coding::{Escapes, Map, unescape_kmsg};
use super::lines::bare;
use super::record::{Caller, Record, Source, Time};
use super::{LONGEST_LINE, entries, line};

/// The head of a record.
struct Head {
    priority: u8,
    kernel: bool,
    monotonic: MonotonicUs,
    caller: Option<Caller>,
}

/// Calls `each` with every line of every record, and the byte where the next record begins.
pub(super) fn walk(bytes: &[u8], gaps: &mut Gaps, mut each: impl FnMut(&Record<'_>, usize)) {
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
        at = (end + 1).min(bytes.len());
        let record = &bytes[start..end];
        // Properties of a device, one a line: ` SUBSYSTEM=pci`.
        if record.first() == Some(&b' ') || record.trim_ascii().is_empty() {
            continue;
        }
        let head = memchr(b';', record).and_then(|length| Some((head(&record[..length])?, length + 1)));
        let Some((head, text)) = head.filter(|_| record.len() <= LONGEST_LINE) else {
            gaps.add(start, end, "no record of /dev/kmsg");
            continue;
        };
        let raw = &record[text..];
        let (decoded, map) = if memchr(b'\\', raw).is_some() {
            let map = Map::Escaped { raw, start: start + text, escapes: Escapes::Kmsg };
            (Cow::Owned(unescape_kmsg(raw)), map)
        } else {
            (Cow::Borrowed(raw), Map::Plain(start + text))
        };
        let source = if head.kernel { Source::Kernel } else { Source::Program };
        let mut whole = bare(start, &decoded, map);
        whole.time = Time { monotonic: Some(head.monotonic), wall: None };
        (whole.source, whole.caller, whole.priority) = (source, head.caller, Some(head.priority));
        entries::lines(&whole, |mut record| {
            if record.source == Source::Program && !record.continued {
                let front = line::front(record.text);
                if let Some((from, to)) = front.identifier {
                    record.identifier = record.text.get(from..to);
                    record.map = record.map.after(front.text);
                    record.text = record.text.get(front.text..).unwrap_or(&[]);
                }
            }
            each(&record, at);
        });
    }
}

/// `6,1234,56789,-,caller=T1`
fn head(text: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split(',');
    let priority: u32 = parts.next()?.parse().ok()?;
    let _sequence: u64 = parts.next()?.parse().ok()?;
    let micros = parts.next()?.parse().ok()?;
    let _flags = parts.next()?;
    let caller = parts.find_map(|part| part.strip_prefix("caller=")).and_then(|id| Caller::read(id.as_bytes()));
    Some(Head { priority: (priority & 7) as u8, kernel: priority >> 3 == 0, monotonic: MonotonicUs(micros), caller })
}

/// True when a line is a record of `/dev/kmsg`.
pub(super) fn is_record(line: &[u8]) -> bool {
    memchr(b';', &line[..line.len().min(80)]).is_some_and(|length| head(&line[..length]).is_some())
}
