//! `dmesg --json` (sys-utils/dmesg.c of util-linux, `print_record`): `{"dmesg": [{"pri":6,"time":12.345678,"msg":"…"},…]}`.

use std::borrow::Cow;

use memchr::memchr2;

use crate::gap::Gaps;

use super::coding::{Escapes, Map};
use super::lines::bare;
use super::record::{Caller, Record, Source, Time};
use super::{entries, line};

/// What is known of the object that is being read.
#[derive(Default)]
struct Fields {
    start: usize,
    priority: Option<u8>,
    time: Time,
    caller: Option<Caller>,
    message: Option<(usize, usize)>,
}

/// Calls `each` with every line of every record, and the byte up to which was read.
pub(super) fn walk(bytes: &[u8], gaps: &mut Gaps, mut each: impl FnMut(&Record<'_>, usize)) {
    let mut at = 0;
    let mut fields = Fields::default();
    let mut key: Option<(usize, usize)> = None;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => fields = Fields { start: at, ..Fields::default() },
            b'}' => {
                if let Some(range) = fields.message.take() {
                    emit(bytes, &fields, range, |record| each(record, at));
                }
            }
            b'"' => {
                let Some(end) = string(bytes, at + 1) else {
                    gaps.add(at, bytes.len(), "the file ends inside a string");
                    return;
                };
                match key.take() {
                    Some(name) => take(bytes, &mut fields, name, (at + 1, end)),
                    None => {
                        let blanks = bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                        if bytes.get(end + 1 + blanks) == Some(&b':') {
                            key = Some((at + 1, end));
                        }
                    }
                }
                at = end;
            }
            b'0'..=b'9' | b'-' => {
                let length =
                    bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || b"-.eE+".contains(byte)).count();
                if let Some(name) = key.take() {
                    take(bytes, &mut fields, name, (at, at + length));
                }
                at += length.max(1) - 1;
            }
            b'[' | b',' => key = None,
            _ => {}
        }
        at += 1;
    }
    if fields.message.is_some() {
        gaps.add(fields.start, bytes.len(), "the file ends inside a record");
    }
}

/// Where the string that begins at `at` ends.
fn string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let rest = bytes.get(at..)?;
        at += memchr2(b'"', b'\\', rest)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn take(bytes: &[u8], fields: &mut Fields, name: (usize, usize), value: (usize, usize)) {
    let text = &bytes[value.0..value.1];
    match &bytes[name.0..name.1] {
        b"pri" => {
            let level = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok());
            fields.priority = level.map(|level| (level & 7) as u8);
        }
        b"time" => fields.time.monotonic = line::monotonic(text.trim_ascii()),
        b"caller" => fields.caller = Caller::read(text),
        b"msg" => fields.message = Some(value),
        _ => {}
    }
}

fn emit(bytes: &[u8], fields: &Fields, (start, end): (usize, usize), mut each: impl FnMut(&Record<'_>)) {
    let raw = &bytes[start..end];
    let (text, map) = if memchr::memchr(b'\\', raw).is_some() {
        (Cow::Owned(unescape(raw)), Map::Escaped { raw, start, escapes: Escapes::Json })
    } else {
        (Cow::Borrowed(raw), Map::Plain(start))
    };
    let mut whole = bare(fields.start, &text, map);
    whole.time = fields.time.clone();
    (whole.source, whole.caller, whole.priority) = (Source::Kernel, fields.caller, fields.priority);
    entries::lines(&whole, |record| each(&record));
}

/// A string of JSON without its escapes.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let whole =
        std::str::from_utf8(raw).ok().and_then(|text| serde_json::from_str::<String>(&format!("\"{text}\"")).ok());
    whole.map_or_else(|| raw.to_vec(), String::into_bytes)
}
