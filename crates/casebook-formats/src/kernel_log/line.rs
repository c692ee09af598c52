//! What stands in front of the text of a line: priority, times, caller, machine and identifier, in the orders tools print them.

use crate::stamp::{self, MonotonicUs};

use super::record::{Caller, Time};

/// Bytes of a line in which everything in front of the text stands.
const FRONT: usize = 256;

/// The front of a line.
#[derive(Debug, Default)]
pub(super) struct Front {
    /// Where the text begins.
    pub(super) text: usize,
    pub(super) time: Time,
    pub(super) caller: Option<Caller>,
    pub(super) priority: Option<u8>,
    pub(super) host: Option<(usize, usize)>,
    pub(super) identifier: Option<(usize, usize)>,
    /// A stamp that says no time that is understood: in another language, or since the line before.
    pub(super) stamped: bool,
}

impl Front {
    /// True when the line has anything in front of its text.
    pub(super) fn is_there(&self) -> bool {
        self.time.monotonic.is_some()
            || self.time.wall.is_some()
            || self.stamped
            || self.caller.is_some()
            || self.priority.is_some()
            || self.identifier.is_some()
    }
}

/// The front of a line, which is without its end.
pub(super) fn front(line: &[u8]) -> Front {
    let mut reader = Reader { line, at: 0, front: Front::default() };
    reader.read();
    reader.blanks();
    reader.front.text = reader.at;
    reader.front
}

struct Reader<'l> {
    line: &'l [u8],
    at: usize,
    front: Front,
}

impl<'l> Reader<'l> {
    fn rest(&self) -> &'l [u8] {
        self.line.get(self.at..).unwrap_or(&[])
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    }

    fn read(&mut self) {
        self.blanks();
        self.priority();
        self.brackets();
        let mut timed = self.front.time.monotonic.is_none() && self.wall();
        if timed && self.stream() {
            self.priority();
            self.brackets();
            timed = self.front.time.monotonic.is_none() && self.wall();
        }
        if self.label(timed) {
            self.blanks();
            self.priority();
            self.brackets();
            // A message that a program wrote to /dev/kmsg.
            if self.is_kernel() {
                self.inner_label();
            }
        }
    }

    fn is_kernel(&self) -> bool {
        self.front.identifier.is_some_and(|(from, to)| self.line.get(from..to) == Some(b"kernel"))
    }

    /// `<6>`, or `kern  :info  : ` of `dmesg -x` (sys-utils/dmesg.c, `print_record`).
    fn priority(&mut self) {
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix(b"<") {
            let digits = inside.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if (1..=3).contains(&digits) && inside.get(digits) == Some(&b'>') {
                let value = inside[..digits].iter().fold(0u16, |value, digit| value * 10 + u16::from(digit - b'0'));
                self.front.priority = Some((value & 7) as u8);
                self.at += digits + 2;
                self.blanks();
            }
            return;
        }
        const FACILITIES: [&[u8]; 11] =
            [b"kern", b"user", b"mail", b"daemon", b"auth", b"syslog", b"cron", b"local", b"lpr", b"news", b"ftp"];
        const LEVELS: [&[u8]; 8] = [b"emerg", b"alert", b"crit", b"err", b"warn", b"notice", b"info", b"debug"];
        let head = &rest[..rest.len().min(24)];
        let Some(first) = memchr::memchr(b':', head) else { return };
        let Some(second) = memchr::memchr(b':', &head[first + 1..]) else { return };
        let (facility, level) = (head[..first].trim_ascii(), head[first + 1..first + 1 + second].trim_ascii());
        if !FACILITIES.iter().any(|known| facility.starts_with(known)) {
            return;
        }
        if let Some(level) = LEVELS.iter().position(|known| *known == level) {
            self.front.priority = Some(level as u8);
            self.at += first + second + 2;
            self.blanks();
        }
    }

    /// `[   12.345678]`, `[Thu Nov 26 03:20:50 2026]`, `[  T123]` and their like, one after the other.
    fn brackets(&mut self) {
        while self.rest().first() == Some(&b'[') {
            let head = &self.rest()[..self.rest().len().min(64)];
            let Some(close) = memchr::memchr(b']', head) else { return };
            if !self.bracket(&head[1..close]) {
                return;
            }
            self.at += close + 1;
            // `kern:    info: [TIME]: text`.
            if self.rest().starts_with(b": ") && self.front.priority.is_some() {
                self.at += 1;
            }
            let before = self.at;
            self.blanks();
            // Rows of tables and numbers begin with a bracket too; what is no stamp stays.
            if self.rest().first() != Some(&b'[') {
                self.at = before;
                return;
            }
        }
    }

    fn bracket(&mut self, inside: &[u8]) -> bool {
        let text = inside.trim_ascii();
        // `dmesg -d`: `12.345678 <    0.000123>`.
        let stamp = text.split(|byte| *byte == b'<').next().unwrap_or(text).trim_ascii();
        let Some(first) = stamp.first() else { return false };
        if first.is_ascii_digit()
            && let Some(monotonic) = monotonic(stamp)
        {
            self.front.time.monotonic = Some(monotonic);
            return true;
        }
        if let Some(caller) = Caller::read(text) {
            self.front.caller = Some(caller);
            return true;
        }
        // `dmesg -e`: the time since the record before.
        if *first == b'+' && monotonic(&stamp[1..]).is_some() {
            self.front.stamped = true;
            return true;
        }
        if let Ok(text) = std::str::from_utf8(stamp)
            && let Some((moment, length)) = stamp::moment_at(text)
            && length == text.len()
        {
            self.front.time.wall = Some(moment);
            return true;
        }
        let known = is_short(stamp) || is_foreign_time(stamp);
        self.front.stamped |= known;
        known
    }

    /// A time of day in front: of syslog, journald, `dmesg --time-format iso`, or of what collected the line.
    fn wall(&mut self) -> bool {
        let rest = self.rest();
        if !rest.first().is_some_and(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return false;
        }
        let head = &rest[..rest.len().min(64)];
        let head = match std::str::from_utf8(head) {
            Ok(head) => head,
            Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
        };
        let Some((moment, length)) = stamp::moment_at(head) else { return false };
        if !matches!(rest.get(length), Some(b' ' | b':') | None) {
            return false;
        }
        self.front.time.wall = Some(moment);
        self.at += length;
        if rest.get(length) == Some(&b':') {
            self.at += 1;
        }
        self.blanks();
        true
    }

    /// `stdout F ` of a container's log.
    fn stream(&mut self) -> bool {
        const MARKS: [&[u8]; 4] = [b"stdout F ", b"stderr F ", b"stdout P ", b"stderr P "];
        let Some(mark) = MARKS.iter().find(|mark| self.rest().starts_with(mark)) else { return false };
        self.at += mark.len();
        self.blanks();
        true
    }

    /// `HOST IDENTIFIER[PID]: ` or `IDENTIFIER: `. `timed` is a time of syslog or journald in front, behind which any word with a
    /// colon can be an identifier.
    fn label(&mut self, timed: bool) -> bool {
        self.blanks();
        let rest = self.rest();
        let head = &rest[..rest.len().min(FRONT)];
        // `dmesg --time-format iso` has a comma before the fraction and no label.
        let timed = timed && !self.line[..self.at].contains(&b',');
        let mut words = 0;
        let mut begin = 0;
        let mut host = None;
        while words < 3 {
            let length = head[begin..].iter().take_while(|byte| byte.is_ascii_graphic() || **byte >= 0x80).count();
            let word = &head[begin..begin + length];
            if word.is_empty() {
                return false;
            }
            if let Some(colon) = self.identifier(word, timed && words == 1) {
                let start = self.at + begin;
                let name = &word[..colon];
                let bare = name.iter().position(|byte| *byte == b'[').filter(|at| *at > 0).unwrap_or(name.len());
                self.front.identifier = Some((start, start + bare));
                self.front.host = host;
                self.at = start + colon + 1;
                return true;
            }
            words += 1;
            host = Some((self.at + begin, self.at + begin + length));
            begin += length;
            let blanks = head[begin..].iter().take_while(|byte| **byte == b' ').count();
            if blanks == 0 {
                return false;
            }
            begin += blanks;
        }
        false
    }

    /// Where the colon of `kernel:`, `systemd[1]:` stands in a word, if it is an identifier.
    fn identifier(&self, word: &[u8], any: bool) -> Option<usize> {
        if word.starts_with(b"kernel:") {
            return Some(6);
        }
        let name = word.strip_suffix(b":")?;
        if self.is_process(name) {
            return Some(name.len());
        }
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./@()".contains(byte);
        (any && !name.is_empty() && name.iter().all(plain)).then_some(name.len())
    }

    /// `systemd[1]`
    fn is_process(&self, name: &[u8]) -> bool {
        let Some(inside) = name.strip_suffix(b"]") else { return false };
        let Some(open) = memchr::memrchr(b'[', inside) else { return false };
        open > 0 && open + 1 < inside.len() && inside[open + 1..].iter().all(u8::is_ascii_digit)
    }

    /// `systemd[1]: ` behind the label of the kernel.
    fn inner_label(&mut self) {
        self.blanks();
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| byte.is_ascii_graphic()).count().min(FRONT);
        let Some(name) = rest[..length].strip_suffix(b":") else { return };
        if self.is_process(name) {
            let bare = memchr::memchr(b'[', name).unwrap_or(name.len());
            self.front.identifier = Some((self.at, self.at + bare));
            self.at += length;
        }
    }
}

/// `12.345678`: seconds since boot.
pub(super) fn monotonic(text: &[u8]) -> Option<MonotonicUs> {
    let point = memchr::memchr(b'.', text)?;
    let (seconds, micros) = (&text[..point], &text[point + 1..]);
    let digits = |text: &[u8]| {
        let plain = !text.is_empty() && text.len() <= 12 && text.iter().all(u8::is_ascii_digit);
        plain.then(|| text.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0')))
    };
    let micros = (micros.len() == 6).then(|| digits(micros))??;
    Some(MonotonicUs(digits(seconds)? * 1_000_000 + micros))
}

/// `Nov26 03:20` of `dmesg -e`.
fn is_short(stamp: &[u8]) -> bool {
    matches!(stamp, [month, _, _, day, _, b' ', _, _, b':', _, _]
        if month.is_ascii_uppercase() && (day.is_ascii_digit() || *day == b' '))
}

/// `Di Aug 12 03:54:03 2025`: what `dmesg -T` prints with the names of another language.
fn is_foreign_time(stamp: &[u8]) -> bool {
    let Some((front, end)) = stamp.split_last_chunk::<14>() else { return false };
    let digits = [1, 2, 4, 5, 7, 8, 10, 11, 12, 13];
    let plain = end[0] == b' ' && end[3] == b':' && end[6] == b':' && end[9] == b' ';
    plain && !front.is_empty() && digits.iter().all(|at| end[*at].is_ascii_digit())
}
