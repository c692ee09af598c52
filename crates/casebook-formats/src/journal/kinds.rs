//! Which file is a journal, and in which form, told by its content.

use casebook_core::{Kind, Sniff};

use super::entry::Form;
use super::{file, text};

/// `journalctl -o export`.
pub static JOURNAL_EXPORT: Kind = Kind {
    name: "journal-export",
    what: "output of `journalctl -o export`",
    sniff: |sniff| form_of(sniff) == Some(Form::Export),
    refers: None,
    comment: None,
};

/// `journalctl -o json`.
pub static JOURNAL_JSON: Kind = Kind {
    name: "journal-json",
    what: "output of `journalctl -o json`, `json-pretty`, `json-seq` or `json-sse`",
    sniff: |sniff| form_of(sniff) == Some(Form::Json),
    refers: None,
    comment: None,
};

/// A binary journal.
pub static JOURNAL_FILE: Kind = Kind {
    name: "journal-file",
    what: "a `.journal` file of /var/log/journal or /run/log/journal",
    sniff: |sniff| form_of(sniff) == Some(Form::File),
    refers: None,
    comment: None,
};

/// The journal as text.
pub static JOURNAL_TEXT: Kind = Kind {
    name: "journal-text",
    what: "output of `journalctl` as text, or a file of syslog, with lines of systemd, the kernel or a time daemon",
    sniff: |sniff| form_of(sniff) == Some(Form::Text),
    refers: None,
    comment: None,
};

/// The form of a journal; `None` for anything else.
pub fn form_of(sniff: &Sniff<'_>) -> Option<Form> {
    let head = sniff.head;
    if file::is_file(head) {
        return Some(Form::File);
    }
    if is_export(head) {
        return Some(Form::Export);
    }
    if is_json(head) {
        return Some(Form::Json);
    }
    is_text(sniff).then_some(Form::Text)
}

/// An entry begins with its cursor (src/shared/logs-show.c, `output_export`); one that was cut off in front, with a time.
fn is_export(head: &[u8]) -> bool {
    let start = head.iter().position(|byte| *byte != b'\n').unwrap_or(0);
    let head = &head[start..];
    [&b"__CURSOR="[..], b"__REALTIME_TIMESTAMP=", b"__MONOTONIC_TIMESTAMP="].iter().any(|mark| head.starts_with(mark))
}

/// The first object has a key of the journal's own.
fn is_json(head: &[u8]) -> bool {
    let first = head.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e | b'['));
    let Some(head) = first.map(|first| &head[first..]) else { return false };
    let head = head.strip_prefix(b"data:").map_or(head, <[u8]>::trim_ascii_start);
    let within = &head[..head.len().min(16 << 10)];
    let has = |key: &[u8]| memchr::memmem::find(within, key).is_some();
    head.starts_with(b"{")
        && (has(b"\"__REALTIME_TIMESTAMP\"") || has(b"\"__CURSOR\"") || has(b"\"__MONOTONIC_TIMESTAMP\""))
}

/// Lines of a journal, and one at least of those whose words tell of units or of the clock.
fn is_text(sniff: &Sniff<'_>) -> bool {
    const OF_THE_SYSTEM: &[&[u8]] = &[b"systemd", b"kernel", b"chronyd", b"init.scope", b"ntpd", b"crond", b"CRON"];
    let mut lines: Vec<&[u8]> = sniff.head.split(|byte| *byte == b'\n').collect();
    if !sniff.whole {
        lines.pop();
    }
    let (mut good, mut bad, mut system) = (0usize, 0usize, false);
    for line in lines.into_iter().take(400) {
        if line.trim_ascii().is_empty() || line.starts_with(b"        ") {
            continue;
        }
        if line.starts_with(b"-- ") && line.ends_with(b" --") {
            system |= good == 0
                && [&b"-- Boot "[..], b"-- Journal begins", b"-- Logs begin"].iter().any(|mark| line.starts_with(mark));
        } else if text::is_line(line) {
            good += 1;
            system |=
                text::identifier(line).is_some_and(|name| OF_THE_SYSTEM.iter().any(|known| name.starts_with(known)));
        } else {
            bad += 1;
        }
    }
    system && good > 0 && bad * 4 <= good
}
