//! Kernel parameters as `sysctl -a` prints them and `sysctl.conf(5)` sets them: `key = value` lines with places.

use std::borrow::Cow;

use casebook_core::{Kind, Sniff};

/// Settings of the kernel, printed or to be set.
pub static KIND: Kind = Kind {
    name: "sysctl",
    what: "output of `sysctl -a` or of `sysctl KEY…`, or a file of sysctl.d",
    sniff,
    refers: None,
    comment: Some("#"),
};

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
    /// A `-` stands before the key: a failure to set it does not matter (sysctl.d(5)).
    pub tolerant: bool,
}

impl Setting<'_> {
    /// True when the key is a pattern: `net.ipv4.conf.*.rp_filter`.
    pub fn is_pattern(&self) -> bool {
        self.key.contains(['*', '?', '['])
    }
}

/// Settings in order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings<'a> {
    /// The settings.
    pub items: Vec<Setting<'a>>,
    /// Keys of lines as `-net.ipv4.conf.eth0.rp_filter`: no pattern sets them (sysctl.d(5)).
    pub excluded: Vec<Cow<'a, str>>,
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
            None => match std::str::from_utf8(trimmed).ok().and_then(excluded) {
                Some(key) => out.excluded.push(key),
                None => out.unread.push(span),
            },
        }
    }
    out
}

fn setting(text: &str, start: usize) -> Option<Setting<'_>> {
    let (left, right) = text.split_once('=')?;
    // A `-` before the key says that a failure to set it does not matter.
    let tolerant = left.trim_start().starts_with('-');
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
        tolerant,
    })
}

/// The key of a line `-key`.
fn excluded(text: &str) -> Option<Cow<'_, str>> {
    let key = text.strip_prefix('-')?.trim_start();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    (key.contains(['.', '/']) && !key.starts_with('-') && key.chars().all(plain)).then(|| dotted(key))
}

/// Which files of sysctl.d hold, in the order they are applied, as indexes into `paths` (systemd's sysctl.d(5), "the files
/// are sorted by their file name regardless of the folder"; of equal names the folder that comes first here holds alone).
/// `/etc/sysctl.conf` comes last, as `sysctl --system` of procps reads it. Paths of other folders keep their order, first.
pub fn order(paths: &[&str]) -> Vec<usize> {
    const FOLDERS: &[&str] =
        &["etc/sysctl.d/", "run/sysctl.d/", "usr/local/lib/sysctl.d/", "usr/lib/sysctl.d/", "lib/sysctl.d/"];
    // What a path is: (0, "", …) other, (1, name, folder) a file of sysctl.d, (2, "", …) sysctl.conf.
    let key = |path: &str| -> (u8, String, usize) {
        if path.ends_with("etc/sysctl.conf") || path == "sysctl.conf" {
            return (2, String::new(), 0);
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let folder = &path[..path.len() - name.len()];
        match FOLDERS.iter().position(|known| folder.ends_with(known)) {
            Some(rank) => (1, name.to_owned(), rank),
            None if folder.ends_with("sysctl.d/") => (1, name.to_owned(), 0),
            None => (0, String::new(), 0),
        }
    };
    let mut keyed: Vec<((u8, String, usize), usize)> =
        paths.iter().enumerate().map(|(index, path)| (key(path), index)).collect();
    keyed.sort();
    let mut out: Vec<usize> = Vec::with_capacity(paths.len());
    let mut last: Option<String> = None;
    for ((class, name, _), index) in keyed {
        if class == 1 && last.as_ref() == Some(&name) {
            continue;
        }
        last = (class == 1).then_some(name);
        out.push(index);
    }
    out
}

/// True when `key` is one that `pattern` sets; `*` and `?` stay within a part (fnmatch with FNM_PATHNAME).
pub fn matches(pattern: &str, key: &str) -> bool {
    let (pattern, key): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), key.split('.').collect());
    pattern.len() == key.len()
        && pattern.iter().zip(&key).all(|(pattern, part)| part_matches(pattern.as_bytes(), part.as_bytes()))
}

fn part_matches(pattern: &[u8], text: &[u8]) -> bool {
    // The place of the last `*`, to come back to with one byte more.
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, place));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                place += 1;
            }
            Some(byte) if *byte == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                at = after;
                place = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The first lines are settings, and the first key is a kernel parameter.
fn sniff(sniff: &Sniff<'_>) -> bool {
    const KNOWN: &[&str] = &["abi.", "debug.", "dev.", "fs.", "kernel.", "net.", "user.", "vm."];
    let settings = read(sniff.head);
    let first = settings.items.first().map(|setting| setting.key.as_ref());
    // The last line of a head that is cut off can be broken.
    let broken = settings.unread.iter().filter(|(_, end)| sniff.whole || *end < sniff.head.len()).count();
    let keys = settings.items.iter().take(8).all(|setting| {
        KNOWN.iter().any(|prefix| setting.key.starts_with(prefix)) && !setting.key.contains(['"', '\'', '{', '('])
    });
    first.is_some() && keys && broken * 8 <= settings.items.len()
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

    /// sysctl.d(5): by file name, `/etc` before `/run` before `/usr/lib`; of equal names one holds.
    #[test]
    fn files_are_applied_by_name_and_mask_each_other() {
        let paths = [
            "/usr/lib/sysctl.d/50-default.conf",
            "/etc/sysctl.conf",
            "/run/sysctl.d/90-a.conf",
            "/etc/sysctl.d/50-default.conf",
            "/usr/lib/sysctl.d/10-b.conf",
            "b/etc/sysctl.d/90-a.conf",
        ];
        assert_eq!(order(&paths), [4, 3, 5, 1]);
    }

    #[test]
    fn patterns_stay_within_a_part_and_lines_without_value_exclude() {
        assert!(matches("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.rp_filter"));
        assert!(!matches("net.*.rp_filter", "net.ipv4.conf.eth0.rp_filter"));
        assert!(matches("net.ipv4.conf.e*h?.rp_filter", "net.ipv4.conf.eth0.rp_filter"));
        let settings = read(b"net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n-net.core.x = 1\n");
        assert!(settings.items[0].is_pattern() && !settings.items[0].tolerant && settings.items[1].tolerant);
        assert_eq!((settings.excluded[0].as_ref(), settings.unread.len()), ("net.ipv4.conf.all.rp_filter", 0));
    }

    #[test]
    fn settings_are_told_from_other_keys_and_values() {
        let is = |text: &str| (KIND.sniff)(&Sniff { path: "x", head: text.as_bytes(), whole: true });
        assert!(is("# c\n\n-net/ipv4/tcp_keepalive_time=600\nvm.swappiness = 1\n"));
        assert!(is("abi.vsyscall32 = 1\nsysctl: permission denied on key 'x'\n"
            .repeat(8)
            .replace("sysctl: permission denied on key 'x'\n", "")
            .as_str()));
        assert!(!is("name = x\nnet.y = 2\n"));
        assert!(!is("[net]\n"));
        assert!(!is("user.name = \"x\"\nfoo\nbar\n"));
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
