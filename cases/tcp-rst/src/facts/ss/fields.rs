//! What stands in a socket's line: times, addresses, users, `name:value` pairs.

use casebook_core::{EvidenceId, Span};

use crate::facts::timer::Micros;

/// A length of time as ss rounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// What was printed; the true value is this or up to `precision` more.
    pub at_least: Micros,
    /// How coarse the print is.
    pub precision: Micros,
}

/// Reads what `print_ms_timer` (iproute2, misc/ss.c) prints. `2.940ms` is 2 seconds and 940 milliseconds; from ten
/// seconds up milliseconds are left out, from ten minutes up seconds.
pub fn rounded(text: &str) -> Option<Rounded> {
    let mut rest = text;
    let mut total = 0u64;
    let mut precision = Micros::millis(1);
    if let Some((minutes, tail)) = rest.split_once("min") {
        let minutes: u64 = number(minutes)?;
        total = minutes.checked_mul(60_000)?;
        precision = Micros::seconds(if minutes > 9 { 60 } else { 1 });
        rest = tail;
    }
    if let Some(seconds) = rest.strip_suffix("sec") {
        let seconds: u64 = number(seconds)?;
        if seconds > 9 && precision == Micros::millis(1) {
            precision = Micros::seconds(1);
        }
        total = total.checked_add(seconds.checked_mul(1_000)?)?;
    } else if let Some(text) = rest.strip_suffix("ms") {
        let millis: u64 = match text.split_once('.') {
            Some((seconds, millis)) => number(seconds)?.checked_mul(1_000)?.checked_add(number(millis)?)?,
            None => number(text)?,
        };
        total = total.checked_add(millis)?;
    } else if !rest.is_empty() {
        return None;
    }
    Some(Rounded { at_least: Micros(total.checked_mul(1_000)?), precision })
}

fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Address and port as printed; names stand where `-n` was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `127.0.0.1`, `2001:db8::1`, `*`, a name.
    pub host: String,
    /// `eth0` of `127.0.0.1%eth0`: the device the socket is bound to.
    pub device: Option<String>,
    /// The number; `None` for `*` and names.
    pub port: Option<u16>,
    /// The port as printed.
    pub port_text: String,
    /// Where.
    pub span: Span,
}

/// `1.2.3.4:80`, `[::1]:80`, `[fe80::1]%eth0:80`, `0.0.0.0%eth0:68`, `:::80` of old releases, `*:*`.
pub fn address(text: &str, span: Span) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    if port.is_empty() {
        return None;
    }
    let (host, device) = match host.split_once('%') {
        Some((host, device)) => (host, Some(device.to_owned())),
        None => (host, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // An IPv4-mapped address of a socket for both families.
    let host = host.strip_prefix("::ffff:").filter(|host| host.contains('.')).unwrap_or(host);
    Some(Address { host: host.to_owned(), device, port: port.parse().ok(), port_text: port.to_owned(), span })
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its number.
    pub pid: u32,
    /// Its descriptor.
    pub fd: u32,
}

/// `(("nginx",pid=1,fd=3),("nginx",pid=2,fd=3))`.
pub fn users(text: &str) -> Vec<User> {
    let mut out = Vec::new();
    for part in text.split("(\"").skip(1).take(4096) {
        let Some((name, rest)) = part.split_once("\",") else { continue };
        let value = |key: &str| {
            let rest = rest.split_once(key)?.1;
            rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
        };
        if let (Some(pid), Some(fd)) = (value("pid="), value("fd=")) {
            out.push(User { name: name.to_owned(), pid, fd });
        }
    }
    out
}

/// Words of a line with their places; quotes and parentheses keep blanks together (`users:(("a b",pid=1,fd=2))`).
pub fn words(id: EvidenceId, line: &str, start: usize) -> Vec<(&str, Span)> {
    let mut out = Vec::new();
    let (mut begin, mut depth, mut quoted) = (None, 0usize, false);
    for (at, letter) in line.char_indices().chain([(line.len(), ' ')]) {
        let blank = letter.is_ascii_whitespace() && (at == line.len() || depth == 0 && !quoted);
        match (blank, begin) {
            (true, Some(first)) => {
                out.push((&line[first..at], Span::new(id, start + first, start + at)));
                begin = None;
                depth = 0;
                quoted = false;
            }
            (false, None) => begin = Some(at),
            _ => {}
        }
        match letter {
            '"' if depth > 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `print_ms_timer`: 2940 ms is printed `2.940ms`, 45 s `45sec`, 90 s `1min30sec`, 7140 s `119min`.
    #[test]
    fn times_are_what_print_ms_timer_means() {
        let of = |text: &str| rounded(text).map(|time| (time.at_least.0 / 1_000, time.precision.0 / 1_000));
        assert_eq!(of("2.940ms"), Some((2_940, 1)));
        assert_eq!(of("204ms"), Some((204, 1)));
        assert_eq!(of("040ms"), Some((40, 1)));
        assert_eq!(of("5sec"), Some((5_000, 1)));
        assert_eq!(of("45sec"), Some((45_000, 1_000)));
        assert_eq!(of("1min30sec"), Some((90_000, 1_000)));
        assert_eq!(of("1min"), Some((60_000, 1_000)));
        assert_eq!(of("119min"), Some((7_140_000, 60_000)));
        assert_eq!(of(""), Some((0, 1)));
        assert_eq!(of("soon"), None);
        assert_eq!(of("99999999999999999999min"), None);
    }

    /// The print of every millisecond, by the printer's own rules, is read back within its precision.
    #[test]
    fn what_is_printed_is_read_back() {
        for millis in (0..20_000).chain((20_000..2_000_000).step_by(997)) {
            let (mut secs, mut msecs, mut text) = (millis / 1000, millis % 1000, String::new());
            let minutes = secs / 60;
            secs %= 60;
            if minutes > 0 {
                msecs = 0;
                text += &format!("{minutes}min");
                if minutes > 9 {
                    secs = 0;
                }
            }
            if secs > 0 {
                if secs > 9 {
                    msecs = 0;
                }
                text += &format!("{secs}{}", if msecs > 0 { "." } else { "sec" });
            }
            if msecs > 0 {
                text += &format!("{msecs:03}ms");
            }
            let read = rounded(&text).unwrap();
            let (low, width) = (read.at_least.0 / 1_000, read.precision.0 / 1_000);
            assert!((low..low + width).contains(&millis), "{millis} ms printed as {text}");
        }
    }
}
