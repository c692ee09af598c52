//! Kernel parameters as `sysctl -a` prints them and `sysctl.conf(5)` sets them: `key = value` lines with places.

use std::borrow::Cow;

use casebook_core::{Kind, Sniff};

use crate::sniff::head;

/// `sysctl` settings.
pub static KIND: Kind = Kind {
    name: "sysctl",
    what: "output of `sysctl -a`, or of `sysctl KEY…`",
    sniff: is_sysctl,
    refers: None,
    comment: None,
};

/// Every line is `key = value`, and the first key is a kernel parameter.
fn is_sysctl(sniff: &Sniff<'_>) -> bool {
    let mut lines = head(sniff).lines().filter(|line| !line.is_empty()).take(8).peekable();
    let known = ["abi.", "debug.", "dev.", "fs.", "kernel.", "net.", "user.", "vm."];
    let first_is_known = lines.peek().is_some_and(|line| known.iter().any(|prefix| line.starts_with(prefix)));
    first_is_known && lines.all(|line| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// Key with dots between its parts; a dot inside a part (`eth0.100`) is a slash, as sysctl prints it.
    pub key: Cow<'a, str>,
    /// Value without the blanks around it. Numbers of a list keep the tabs between them.
    pub value: &'a str,
    /// Byte range of the line, without blanks around it.
    pub span: (usize, usize),
    /// Byte range of the value.
    pub value_span: (usize, usize),
}

/// Settings in order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings<'a> {
    /// The settings.
    pub items: Vec<Setting<'a>>,
    /// Byte ranges of lines that are no settings and no comments (`permission denied on key …`, invalid UTF-8).
    pub unread: Vec<(usize, usize)>,
}

impl<'a> Settings<'a> {
    /// The last setting of `key`, which is the one that holds.
    pub fn get(&self, key: &str) -> Option<&Setting<'a>> {
        self.items.iter().rev().find(|setting| setting.key == key)
    }
}

/// Reads the lines of `bytes`.
pub fn read(bytes: &[u8]) -> Settings<'_> {
    let mut out = Settings::default();
    let mut at = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let trimmed = line.trim_ascii();
        let start = at + (line.len() - line.trim_ascii_start().len());
        at += line.len() + 1;
        if trimmed.is_empty() || trimmed.starts_with(b"#") || trimmed.starts_with(b";") {
            continue;
        }
        let span = (start, start + trimmed.len());
        match std::str::from_utf8(trimmed).ok().and_then(|text| setting(text, start)) {
            Some(setting) => out.items.push(setting),
            None => out.unread.push(span),
        }
    }
    out
}

fn setting(text: &str, start: usize) -> Option<Setting<'_>> {
    let (left, right) = text.split_once('=')?;
    // A `-` before the key says that a failure to set it does not matter.
    let key = left.trim().trim_start_matches('-').trim_start();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return None;
    }
    let value = right.trim();
    let value_start = start + left.len() + 1 + (right.len() - right.trim_start().len());
    Some(Setting {
        key: dotted(key),
        value,
        span: (start, start + text.len()),
        value_span: (value_start, value_start + value.len()),
    })
}

/// `net/ipv4/conf/eth0.100/rp_filter` is `net.ipv4.conf.eth0/100.rp_filter`: what comes first is the separator.
fn dotted(key: &str) -> Cow<'_, str> {
    if key.find(['.', '/']).is_some_and(|at| key.as_bytes()[at] == b'/') {
        let swap = |letter| match letter {
            '/' => '.',
            '.' => '/',
            other => other,
        };
        return Cow::Owned(key.chars().map(swap).collect());
    }
    Cow::Borrowed(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn settings_have_places_and_the_last_one_holds() {
        let text = "net.ipv4.ip_forward = 1\nkernel.hostname = a = b\nnet.ipv4.tcp_rmem = 4096\t131072\t6291456\n\
                    net.ipv4.ip_forward = 0\nkernel.core_modes =\n";
        let settings = read(text.as_bytes());
        assert_eq!((settings.items.len(), &settings.unread), (5, &vec![]));
        let forward = settings.get("net.ipv4.ip_forward").unwrap();
        assert_eq!((forward.value, &text[forward.span.0..forward.span.1]), ("0", "net.ipv4.ip_forward = 0"));
        assert_eq!(settings.get("net.ipv4.tcp_rmem").unwrap().value, "4096\t131072\t6291456");
        assert_eq!(settings.get("kernel.hostname").unwrap().value, "a = b");
        assert_eq!(settings.get("kernel.core_modes").unwrap().value, "");
        assert!(settings.get("net.ipv4").is_none());
    }

    /// sysctl.conf(5): comments begin with `#` or `;`, `-` ignores errors, slashes separate as dots do.
    #[test]
    fn configuration_files_are_read_too() {
        let settings = read(b"# note\n; note\n-net/ipv4/conf/eth0.100/rp_filter=2\r\n");
        assert_eq!(settings.get("net.ipv4.conf.eth0/100.rp_filter").unwrap().value, "2");
        assert_eq!(settings.unread, []);
    }

    #[test]
    fn other_lines_are_listed() {
        let text = b"sysctl: permission denied on key 'fs.protected_fifos'\na = 1\n = 5\n\xff = 3\n";
        let settings = read(text);
        assert_eq!((settings.items.len(), settings.unread), (1, vec![(0, 53), (61, 64), (65, 70)]));
    }

    proptest! {
        #[test]
        fn every_place_is_inside_and_holds_its_value(bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'='), Just(b'\n'), Just(b'.'), Just(b'/'), Just(b'a'), Just(b' ')], 0..80,
        )) {
            let settings = read(&bytes);
            for setting in &settings.items {
                prop_assert_eq!(&bytes[setting.value_span.0..setting.value_span.1], setting.value.as_bytes());
                prop_assert!(setting.span.0 <= setting.value_span.0 && setting.value_span.1 <= setting.span.1);
            }
            prop_assert!(settings.unread.iter().all(|(start, end)| start < end && *end <= bytes.len()));
        }
    }
}
