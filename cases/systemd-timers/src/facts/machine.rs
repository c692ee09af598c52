//! Which machine it is: its id, its systemd, its distribution, its time zone.

use casebook_core::{Bytes, Coverage, Evidence, EvidenceId, Input, Kind, Span, Unmodelled};
use casebook_formats::journal::boot_id;

use super::text::{Told, head_lines, lines};

/// `/etc/machine-id`.
pub static MACHINE_ID: Kind = Kind {
    name: "machine-id",
    what: "/etc/machine-id",
    sniff: |sniff| {
        let name = sniff.path.rsplit('/').next().unwrap_or("");
        let named = name.contains("machine-id") || name.contains("machine_id");
        named && sniff.whole && boot_id(sniff.head.trim_ascii_end()).is_some()
    },
    refers: None,
    comment: None,
};

/// `systemctl --version`.
pub static VERSION: Kind = Kind {
    name: "systemd-version",
    what: "output of `systemctl --version`",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let mut words = lines.first().map_or("", |line| line).split(' ');
        let named = words.next() == Some("systemd");
        let number = words.next().is_some_and(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        named && number && words.next().is_none_or(|word| word.starts_with('(')) && lines.len() <= 4
    },
    refers: None,
    comment: None,
};

/// `/etc/os-release`.
pub static OS_RELEASE: Kind = Kind {
    name: "os-release",
    what: "/etc/os-release",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let has = |key: &str| lines.iter().any(|line| line.starts_with(key));
        has("ID=") && (has("PRETTY_NAME=") || has("VERSION_ID=") || has("NAME="))
    },
    refers: None,
    comment: None,
};

/// A zone of the IANA, compiled.
pub static TZIF: Kind = Kind {
    name: "tzif",
    what: "a compiled time zone (TZif): /etc/localtime, or a file of /usr/share/zoneinfo",
    sniff: |sniff| {
        sniff.head.starts_with(b"TZif") && sniff.head.get(4).is_some_and(|version| matches!(version, 0 | b'2'..=b'9'))
    },
    refers: None,
    comment: None,
};

/// `/etc/timezone`.
pub static TIMEZONE: Kind = Kind {
    name: "timezone",
    what: "/etc/timezone, or what the link /etc/localtime says",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let name = sniff.path.rsplit('/').next().unwrap_or("");
        let named = name.contains("timezone") || name.contains("localtime");
        let only = sniff.whole && lines.iter().filter(|line| !line.trim().is_empty()).count() == 1;
        only && lines.iter().any(|line| line.contains("zoneinfo/") || named && is_zone_name(line.trim()))
    },
    refers: None,
    comment: None,
};

/// Kinds of evidence about the machine.
pub static KINDS: &[&Kind] = &[&MACHINE_ID, &VERSION, &OS_RELEASE, &TZIF, &TIMEZONE];

/// A name of the IANA's: `Europe/Berlin`, `UTC`.
fn is_zone_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    !text.is_empty()
        && text.len() < 64
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(plain)
}

/// A version of systemd.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SystemdVersion {
    /// 252 of `252.39-1~deb12u2`.
    pub major: u32,
    /// 39 of `252.39-1~deb12u2`; absent where the text has none.
    pub minor: Option<u32>,
    /// As it is written, with what the distribution adds.
    pub full: String,
}

impl SystemdVersion {
    /// The version that `text` begins with: `252 (252.39-1~deb12u2)`, `257.13-1~deb13u1`, `v258~rc2`.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        // What stands in brackets says more.
        let full = text.split_once(" (").and_then(|(_, rest)| rest.split(')').next()).unwrap_or(text);
        let number = |text: &str| {
            let text = text.strip_prefix('v').unwrap_or(text);
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let major: u32 = text.get(..digits)?.parse().ok()?;
            let minor = text.get(digits..)?.strip_prefix('.').and_then(|rest| {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                rest.get(..digits)?.parse().ok()
            });
            Some((major, minor))
        };
        let (major, minor) = number(full).or_else(|| number(text))?;
        Some(Self { major, minor, full: full.split_ascii_whitespace().next()?.to_owned() })
    }
}

/// A compiled zone; the bytes are kept for whoever resolves local times.
#[derive(Clone, Debug)]
pub struct ZoneFile {
    /// Where.
    pub evidence: EvidenceId,
    /// `Europe/Berlin` from a path of zoneinfo; `None` for `/etc/localtime`, whose bytes do not say.
    pub name: Option<String>,
    /// Path.
    pub path: String,
    /// The file.
    pub bytes: Bytes,
}

/// Which machine it is. Each list in order of evidence; more than one value means more than one machine.
#[derive(Debug, Default)]
pub struct Machine {
    /// `machine-id`.
    pub ids: Vec<Told<u128>>,
    /// `systemctl --version`.
    pub versions: Vec<Told<SystemdVersion>>,
    /// `PRETTY_NAME`, or `ID` and `VERSION_ID`.
    pub systems: Vec<Told<String>>,
    /// Name of the local zone: `/etc/timezone`, or the link of `/etc/localtime`.
    pub zones: Vec<Told<String>>,
    /// Compiled zones.
    pub zone_files: Vec<ZoneFile>,
}

impl Machine {
    /// The compiled zone of `/etc/localtime`, or of the name that `/etc/timezone` gives.
    pub fn local_zone(&self) -> Option<&ZoneFile> {
        let local = self.zone_files.iter().find(|file| file.path.rsplit('/').next() == Some("localtime"));
        local.or_else(|| {
            let name = &self.zones.first()?.value;
            self.zone_files.iter().find(|file| file.name.as_ref() == Some(name))
        })
    }
}

/// Reads all evidence about the machine.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Machine {
    let mut machine = Machine::default();
    for item in input.of_kind(&MACHINE_ID) {
        let bytes = item.as_bytes().trim_ascii_end();
        let span = Span::new(item.id, 0, bytes.len());
        machine.ids.extend(boot_id(bytes).map(|id| Told::new(id.0, span)));
        coverage.push(Coverage::read(item, Vec::new()));
    }
    for item in input.of_kind(&VERSION) {
        let (version, unmodelled) = read_version(item);
        machine.versions.extend(version);
        coverage.push(Coverage::read(item, unmodelled));
    }
    for item in input.of_kind(&OS_RELEASE) {
        let (system, unmodelled) = read_os_release(item);
        machine.systems.extend(system);
        coverage.push(Coverage::read(item, unmodelled));
    }
    for item in input.of_kind(&TIMEZONE) {
        let (zone, unmodelled) = read_zone(item);
        machine.zones.extend(zone);
        coverage.push(Coverage::read(item, unmodelled));
    }
    for item in input.of_kind(&TZIF) {
        let name = item.path.rsplit_once("zoneinfo/").map(|(_, name)| name.to_owned());
        machine.zone_files.push(ZoneFile {
            evidence: item.id,
            name,
            path: item.path.clone(),
            bytes: item.bytes.clone(),
        });
        coverage.push(Coverage::read(item, Vec::new()));
    }
    machine
}

/// `systemd 252 (252.39-1~deb12u2)`, and features.
pub fn read_version(item: &Evidence) -> (Option<Told<SystemdVersion>>, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let lines = lines(item, &mut unmodelled);
    let first = lines.first().and_then(|line| Some((line, line.text.strip_prefix("systemd ")?)));
    let version = first.and_then(|(line, text)| Some(Told::new(SystemdVersion::of(text)?, line.part(text))));
    if version.is_none() {
        unmodelled.push(Unmodelled::new(item.span(), "no version of systemd"));
    }
    (version, unmodelled)
}

/// os-release(5).
pub fn read_os_release(item: &Evidence) -> (Option<Told<String>>, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut found: Option<(u8, Told<String>)> = None;
    for line in lines(item, &mut unmodelled) {
        let Some((key, value)) = line.pair('=') else { continue };
        let rank = match key {
            "PRETTY_NAME" => 3,
            "NAME" => 2,
            "ID" => 1,
            _ => 0,
        };
        if rank > found.as_ref().map_or(0, |(rank, _)| *rank) {
            found = Some((rank, line.told(value.trim_matches(['"', '\'']))));
        }
    }
    (found.map(|(_, name)| name), unmodelled)
}

/// `Europe/Berlin`, `/usr/share/zoneinfo/Europe/Berlin`, `/etc/localtime -> ../usr/share/zoneinfo/Europe/Berlin`.
pub fn read_zone(item: &Evidence) -> (Option<Told<String>>, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut zone = None;
    for line in lines(item, &mut unmodelled) {
        let text = line.text.trim();
        let name = text.rsplit_once("zoneinfo/").map_or(text, |(_, name)| name).trim_matches(['\'', '"', '’']);
        if is_zone_name(name) {
            zone = zone.or(Some(line.told(name)));
        } else if !text.is_empty() && !text.starts_with('#') {
            unmodelled.push(line.unmodelled("no name of a time zone"));
        }
    }
    (zone, unmodelled)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, text};
    use super::*;

    /// `systemctl --version` of Debian 12, 13 and sid, of Fedora, and of a build from git.
    #[test]
    fn versions_are_read_as_distributions_write_them() {
        let version = |text: &str| {
            let version = SystemdVersion::of(text).unwrap();
            (version.major, version.minor, version.full)
        };
        assert_eq!(version("252 (252.39-1~deb12u2)"), (252, Some(39), "252.39-1~deb12u2".into()));
        assert_eq!(version("257.13-1~deb13u1"), (257, Some(13), "257.13-1~deb13u1".into()));
        assert_eq!(version("256 (v256.11-1.fc41)"), (256, Some(11), "v256.11-1.fc41".into()));
        assert_eq!(version("219"), (219, None, "219".into()));
        assert_eq!(SystemdVersion::of("x"), None);
        let item = evidence("systemd 262 (262.1-1)\n+PAM +AUDIT\n");
        assert_eq!(text(&item, read_version(&item).0.unwrap().span), "262 (262.1-1)");
    }

    #[test]
    fn zones_are_named_in_three_ways() {
        for line in [
            "Europe/Berlin\n",
            "../usr/share/zoneinfo/Europe/Berlin\n",
            "'/etc/localtime' -> '/usr/share/zoneinfo/Europe/Berlin'\n",
        ] {
            assert_eq!(read_zone(&evidence(line)).0.unwrap().value, "Europe/Berlin", "{line}");
        }
        let item = evidence("NAME=\"Debian GNU/Linux\"\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
        assert_eq!(text(&item, read_os_release(&item).0.unwrap().span), "Debian GNU/Linux 12 (bookworm)");
    }
}
