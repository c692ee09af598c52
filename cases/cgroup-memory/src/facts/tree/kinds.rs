//! How a cgroup tree is recognised.

use casebook_core::{Kind, Sniff};
use casebook_formats::text::head_lines;

use super::file::File;
use super::forms::{heading, named};
use crate::facts::stat::Key;

/// Several files of groups in one text.
pub static CGROUP_TREE: Kind = Kind {
    name: "cgroup-tree",
    what: "files of cgroups in one text: `grep -r \"\" /sys/fs/cgroup`, `tail -n +1 memory.*`, or pasted from a terminal",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let mut files = lines.iter().take(2000).filter_map(|line| heading(line)).filter_map(|(path, _)| named(path));
        files.any(|place| place.file != File::Passed && place.file != File::Procs)
    },
    refers: None,
    comment: None,
};

/// `memory.stat` of one group.
pub static MEMORY_STAT: Kind = Kind {
    name: "memory-stat",
    what: "memory.stat of a cgroup (v2 or v1)",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let plain = lines.iter().all(|line| {
            let mut words = line.split(' ');
            let (key, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            words.next().is_none() && key.bytes().all(name) && value.parse::<u64>().is_ok()
        });
        let has = |key: Key| lines.iter().any(|line| line.split(' ').next() == Some(key.name()));
        plain && (has(Key::Anon) && has(Key::File) || has(Key::Cache) && has(Key::Rss))
    },
    refers: None,
    comment: None,
};

/// `memory.events` of one group.
pub static MEMORY_EVENTS: Kind = Kind {
    name: "memory-events",
    what: "memory.events or memory.events.local of a cgroup",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let keys: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
        keys.starts_with(&["low", "high", "max", "oom"])
    },
    refers: None,
    comment: None,
};

/// Another file of a group, which its name tells: its content is a number.
pub static CGROUP_FILE: Kind = Kind {
    name: "cgroup-file",
    what: "another file of a cgroup by its own name: memory.max, memory.current, cgroup.procs, memory.limit_in_bytes …",
    sniff: |sniff| sniff.head.len() < 64 << 10 && std::str::from_utf8(sniff.head).is_ok() && of_name(sniff),
    refers: None,
    comment: None,
};

fn of_name(sniff: &Sniff<'_>) -> bool {
    named(sniff.path).is_some_and(|place| match place.file {
        File::Stat | File::Events | File::EventsLocal => false,
        // `memory.txt` is no file of a group, unless it lies where those do.
        File::Passed => sniff.path.contains("sys/fs/cgroup"),
        _ => true,
    })
}

/// True for the kinds that hold files of groups.
pub(super) fn is_of_tree(kind: &str) -> bool {
    [&CGROUP_TREE, &MEMORY_STAT, &MEMORY_EVENTS, &CGROUP_FILE].iter().any(|known| known.name == kind)
}
