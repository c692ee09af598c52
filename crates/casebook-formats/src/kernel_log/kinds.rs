//! Which file is a log of the kernel, told by its content.

use casebook_core::{Kind, Sniff};

use crate::journal;

use super::{Form, kmsg, line};

/// The log of the kernel outside of a journal.
pub static KERNEL_LOG: Kind = Kind {
    name: "kernel-log",
    what: "the log of the kernel: output of `dmesg`, `dmesg -T`, `dmesg --json`, /dev/kmsg, a console",
    sniff: |sniff| form_of(sniff).is_some(),
    refers: None,
    comment: None,
};

/// Lines that are looked at.
const LINES: usize = 400;

/// The form of a log of the kernel; `None` for anything else, also for a journal (see [`journal::form_of`]).
pub fn form_of(sniff: &Sniff<'_>) -> Option<Form> {
    let head = sniff.head;
    let first = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let head = &head[first..];
    if head.starts_with(b"{") {
        let begin = &head[..head.len().min(200)];
        return (memchr::memmem::find(begin, b"\"dmesg\"").is_some()).then_some(Form::Json);
    }
    let mut lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').take(LINES + 1).collect();
    if !sniff.whole && lines.len() <= LINES {
        lines.pop();
    }
    let lines: Vec<&[u8]> = lines.into_iter().filter(|line| !line.trim_ascii().is_empty()).take(LINES).collect();
    // At least one line is of the form, and a fifth at most is neither of it nor a further line of a message.
    let is = |own: fn(&[u8]) -> bool, further: fn(&[u8]) -> bool| {
        let own_lines = lines.iter().filter(|line| own(line)).count();
        let odd = lines.iter().filter(|line| !own(line) && !further(line)).count();
        own_lines > 0 && odd * 4 <= lines.len() - odd
    };
    if is(kmsg::is_record, |line| line.starts_with(b" ")) {
        return Some(Form::Kmsg);
    }
    if journal::form_of(sniff).is_some() {
        return None;
    }
    (is(is_stamped, |line| is_stat(line.trim_ascii())) || (says_oom(&lines) && is_text(&lines))).then_some(Form::Lines)
}

/// A line with the stamp of the kernel.
fn is_stamped(line: &[u8]) -> bool {
    let front = line::front(line);
    let stamp =
        front.time.monotonic.is_some() || (front.time.wall.is_some() && line.trim_ascii_start().starts_with(b"["));
    (stamp || front.priority.is_some()) && front.identifier.is_none()
}

/// `anon 12345`, a further line of a message.
fn is_stat(line: &[u8]) -> bool {
    let Some(blank) = memchr::memchr(b' ', line) else { return false };
    let (key, value) = (&line[..blank], &line[blank + 1..]);
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    !value.is_empty() && value.iter().all(u8::is_ascii_digit) && key.iter().all(plain)
}

/// Lines without stamps are a log when they are of an OOM report.
fn says_oom(lines: &[&[u8]]) -> bool {
    const MARKS: [&[u8]; 4] = [
        b" invoked oom-killer: gfp_mask=",
        b"oom-kill:constraint=",
        b"ut of memory: Kill",
        b"Memory cgroup stats for /",
    ];
    lines.iter().any(|line| {
        let text = line.get(line::front(line).text..).unwrap_or(&[]);
        MARKS.iter().any(|mark| memchr::memmem::find(text, mark).is_some_and(|at| at < 64))
    })
}

/// Source code and prose that quote a report have other lines around it.
fn is_text(lines: &[&[u8]]) -> bool {
    let odd = |line: &&&[u8]| {
        let line = line.trim_ascii();
        line.ends_with(b";")
            || line.ends_with(b"{")
            || line.ends_with(b"}")
            || line.ends_with(b",")
            || line.starts_with(b"```")
    };
    lines.iter().filter(odd).count() * 10 <= lines.len()
}
