//! The machine: its memory and swap, its kernel, the file systems that live in memory.

use casebook_core::{Coverage, Input, Kind, Span, Unmodelled};
use casebook_formats::text::{Line, MOST_GAPS, Told, head_lines, lines};

/// `/proc/meminfo`.
pub static MEMINFO: Kind = Kind {
    name: "meminfo",
    what: "/proc/meminfo",
    sniff: |sniff| head_lines(sniff).iter().take(4).any(|line| line.starts_with("MemTotal:")),
    refers: None,
    comment: None,
};

/// `/proc/mounts`, `/proc/self/mountinfo`, output of `mount`.
pub static MOUNTS: Kind = Kind {
    name: "mounts",
    what: "/proc/mounts, /proc/self/mountinfo, or output of `mount`",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let good = lines.iter().filter(|line| mount(line).is_some()).count();
        good > 0 && good * 2 > lines.iter().filter(|line| !line.trim().is_empty()).count()
    },
    refers: None,
    comment: None,
};

/// `/proc/version`, output of `uname -a` or `uname -r`.
pub static KERNEL_VERSION: Kind = Kind {
    name: "kernel-version",
    what: "/proc/version, or output of `uname -a`",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        sniff.whole
            && lines.iter().filter(|line| !line.trim().is_empty()).count() == 1
            && lines.iter().any(|line| release(line).is_some())
    },
    refers: None,
    comment: None,
};

/// Kinds of evidence about the machine.
pub static KINDS: &[&Kind] = &[&MEMINFO, &MOUNTS, &KERNEL_VERSION];

/// `/proc/meminfo` in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meminfo {
    /// `MemTotal`
    pub total: Option<Told<u64>>,
    /// `MemAvailable`
    pub available: Option<Told<u64>>,
    /// `SwapTotal`
    pub swap_total: Option<Told<u64>>,
    /// `SwapFree`
    pub swap_free: Option<Told<u64>>,
    /// `Shmem`
    pub shmem: Option<Told<u64>>,
}

/// A mounted file system that lives in memory: its pages are charged to whoever wrote them first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMount {
    /// Where it is mounted.
    pub path: Told<String>,
    /// `tmpfs` or `ramfs`.
    pub kind: String,
    /// `size=` in bytes; without it half of the memory (mm/shmem.c, `shmem_default_max_blocks`).
    pub size: Option<u64>,
    /// `noswap` (since 6.4).
    pub noswap: bool,
}

/// What is known of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Memory and swap; the last reading.
    pub meminfo: Meminfo,
    /// File systems in memory.
    pub mounts: Vec<MemoryMount>,
    /// Release of the kernel: `6.12.107-amd64`.
    pub release: Option<Told<String>>,
}

/// Release of a kernel as major and minor number.
pub fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|one: char| !one.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The third number of a release: 223 of `5.10.223`; 0 without one.
pub fn patch(release: &str) -> u32 {
    release.split(|one: char| !one.is_ascii_digit()).nth(2).and_then(|part| part.parse().ok()).unwrap_or(0)
}

/// Reads all evidence about the machine.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Host {
    let mut host = Host::default();
    for item in input.of_kind(&MEMINFO) {
        let mut unmodelled = Vec::new();
        for line in lines(item, &mut unmodelled).iter().filter(|line| !line.is_blank()) {
            match line.pair(':') {
                Some((key, value)) => field(&mut host.meminfo, key, value, line.part(value)),
                None if unmodelled.len() < MOST_GAPS => unmodelled.push(line.unmodelled("no `Key: value`")),
                None => {}
            }
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    for item in input.of_kind(&MOUNTS) {
        let mut unmodelled = Vec::new();
        for line in lines(item, &mut unmodelled).iter().filter(|line| !line.is_blank()) {
            match mount(line.text) {
                Some((path, kind @ ("tmpfs" | "ramfs"), options)) => {
                    host.mounts.push(memory_mount(line, path, kind, options))
                }
                Some(_) => {}
                None if unmodelled.len() < MOST_GAPS => unmodelled.push(line.unmodelled("no mount")),
                None => {}
            }
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    for item in input.of_kind(&KERNEL_VERSION) {
        let mut unmodelled: Vec<Unmodelled> = Vec::new();
        for line in &lines(item, &mut unmodelled) {
            if let Some(found) = release(line.text) {
                host.release = Some(line.told(found));
            }
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    host
}

fn field(meminfo: &mut Meminfo, key: &str, value: &str, span: Span) {
    let slot = match key {
        "MemTotal" => &mut meminfo.total,
        "MemAvailable" => &mut meminfo.available,
        "SwapTotal" => &mut meminfo.swap_total,
        "SwapFree" => &mut meminfo.swap_free,
        "Shmem" => &mut meminfo.shmem,
        _ => return,
    };
    let number = value.strip_suffix("kB").map(str::trim_end).and_then(|number| number.parse::<u64>().ok());
    *slot = number.and_then(|number| number.checked_mul(1024)).map(|bytes| Told::new(bytes, span));
}

/// The release in `Linux version 6.1.0 (…)` or `Linux host 6.1.0 #1 SMP …`.
fn release(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix("Linux ")?.split_ascii_whitespace().skip(1);
    let release = words.next()?;
    (version(release).is_some() && words.next().is_some()).then_some(release)
}

/// Mount point, type and options of a line of `/proc/mounts`, mountinfo, or `mount`.
fn mount(line: &str) -> Option<(&str, &str, &str)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    // `SOURCE on PATH type TYPE (OPTIONS)`
    if let [_, "on", path, "type", kind, options, ..] = words.as_slice() {
        return Some((path, kind, options.trim_matches(['(', ')'])));
    }
    // `ID PARENT MAJOR:MINOR ROOT PATH OPTIONS … - TYPE SOURCE SUPER`
    if let Some(dash) = words.iter().position(|word| *word == "-")
        && dash >= 6
        && words.first()?.parse::<u32>().is_ok()
    {
        return Some((words.get(4)?, words.get(dash + 1)?, words.get(dash + 3).copied().unwrap_or("")));
    }
    // `SOURCE PATH TYPE OPTIONS 0 0`
    match words.as_slice() {
        [_, path, kind, options, dump, pass]
            if path.starts_with('/') && dump.parse::<u8>().is_ok() && pass.parse::<u8>().is_ok() =>
        {
            Some((path, kind, options))
        }
        _ => None,
    }
}

fn memory_mount(line: &Line<'_>, path: &str, kind: &str, options: &str) -> MemoryMount {
    let size = options.split(',').find_map(|option| option.strip_prefix("size=")).and_then(size);
    MemoryMount {
        path: line.told(path),
        kind: kind.to_owned(),
        size,
        noswap: options.split(',').any(|option| option == "noswap"),
    }
}

/// `65536k`, `1g`; a percentage is left unknown.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_in_three_forms() {
        for line in [
            "tmpfs /dev/shm tmpfs rw,nosuid,size=65536k 0 0",
            "tmpfs on /dev/shm type tmpfs (rw,nosuid,size=65536k)",
            "23 28 0:21 / /dev/shm rw,nosuid shared:3 - tmpfs tmpfs rw,size=65536k",
        ] {
            let (path, kind, options) = mount(line).unwrap();
            assert_eq!((path, kind), ("/dev/shm", "tmpfs"));
            assert_eq!(options.split(',').find_map(|one| one.strip_prefix("size=")).and_then(size), Some(64 << 20));
        }
        assert_eq!(mount("some words that are no mount 0 0"), None);
    }

    #[test]
    fn kernels_are_known_by_their_release() {
        assert_eq!(release("Linux version 6.1.0-47-amd64 (x@y) (gcc)"), Some("6.1.0-47-amd64"));
        assert_eq!(release("Linux vm 6.18.44-fc #1 SMP x86_64 GNU/Linux"), Some("6.18.44-fc"));
        assert_eq!(release("Linux is nice"), None);
        assert_eq!((version("6.12.107+deb13"), patch("6.12.107+deb13"), patch("6.12")), (Some((6, 12)), 107, 0));
    }
}
