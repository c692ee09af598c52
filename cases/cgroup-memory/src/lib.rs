//! Three days of debugging a cgroup memory accounting bug: who was killed at which limit, what could not be reclaimed there, and which
//! setting would have let it live.
//!
//! The mechanism in ten lines. Every page belongs to the group of whoever touched it first, and stays charged there until it is freed:
//! page cache, tmpfs, page tables, sockets and all. A charge that does not fit below a limit, the group's own or one above it, makes the
//! kernel reclaim from the group over its limit. Reclaim takes page cache, mapped or not, once it is written back, and slab that
//! shrinks; anonymous memory and tmpfs only as far as there is swap; nothing that is locked, and nothing else of the kernel's. What is
//! left is the floor. When the floor reaches the limit, sixteen rounds find nothing and the OOM killer takes the process with the most
//! memory below that limit, which need not be the one that asked, nor hold what fills the group: files in memory are nobody's. So clean
//! page cache never kills a group and tmpfs of the same size does, though both are called `file` (and so is what is still being written, which
//! kills where the disk is slow); `memory.events` counts rounds, not
//! danger; and a container dies with headroom when a group above it is full, or when what fills it is not in any process.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

use casebook_core::{Want, WantSource};

/// What is read of a live machine.
pub static WANTS: &[Want] = &[
    Want {
        name: "cgroup-memory/tree.txt",
        source: WantSource::Tree { root: "/sys/fs/cgroup", names: &[] },
        timeout_s: 20,
        max_bytes: 256 << 20,
        without: "what groups are charged with, and their limits, stay unknown",
    },
    file("cgroup-memory/proc/meminfo", "/proc/meminfo", "memory and swap of the machine stay unknown"),
    file("cgroup-memory/proc/mounts", "/proc/mounts", "which file systems live in memory stays unknown"),
    file("cgroup-memory/proc/version", "/proc/version", "which kernel it is stays unknown"),
    file("cgroup-memory", "/proc/[0-9]*/status", "what processes have resident stays unknown"),
    Want {
        max_bytes: 64 << 20,
        ..command("cgroup-memory/dmesg.txt", &["dmesg"], "the kernel's OOM reports since it started stay unknown")
    },
    Want {
        max_bytes: 1 << 30,
        timeout_s: 120,
        ..command(
            "cgroup-memory/journal.export",
            &[
                "journalctl",
                "-o",
                "export",
                "--no-pager",
                "--since=-30d",
                "_TRANSPORT=kernel",
                "+",
                "SYSLOG_IDENTIFIER=systemd-oomd",
                "+",
                "MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef",
                "+",
                "SYSLOG_IDENTIFIER=kubelet",
            ],
            "kills of the last 30 days stay unknown",
        )
    },
];

const fn file(name: &'static str, path: &'static str, without: &'static str) -> Want {
    Want { name, source: WantSource::File(path), timeout_s: 5, max_bytes: 4 << 20, without }
}

const fn command(name: &'static str, command: &'static [&'static str], without: &'static str) -> Want {
    Want { name, source: WantSource::Command(command), timeout_s: 20, max_bytes: 64 << 20, without }
}

/// The laboratory: what fetches and boots the kernels, what plays in them, and the scenarios.
static LAB: &[(&str, &str)] = &[
    ("run.sh", include_str!("../lab/run.sh")),
    ("README.md", include_str!("../lab/README.md")),
    ("actor.c", include_str!("../lab/actor.c")),
    ("chance.py", include_str!("../lab/chance.py")),
    ("clean.c", include_str!("../lab/clean.c")),
    ("dirty.py", include_str!("../lab/dirty.py")),
    ("guest.h", include_str!("../lab/guest.h")),
    ("init.c", include_str!("../lab/init.c")),
    ("lab.py", include_str!("../lab/lab.py")),
    ("look.c", include_str!("../lab/look.c")),
    ("machine.py", include_str!("../lab/machine.py")),
    ("packages.py", include_str!("../lab/packages.py")),
    ("play.c", include_str!("../lab/play.c")),
    ("reports.py", include_str!("../lab/reports.py")),
    ("scenario.py", include_str!("../lab/scenario.py")),
    ("scenarios.py", include_str!("../lab/scenarios.py")),
    ("story.py", include_str!("../lab/story.py")),
    ("truth.py", include_str!("../lab/truth.py")),
];

casebook_core::case! {
    /// The case.
    pub CASE = "cgroup-memory" ("MEM", "memory"),
    "Three days of debugging a cgroup memory accounting bug",
    "who was killed at which memory limit, what could not be reclaimed there, and which setting lets it live",
    kinds: facts::kinds::KINDS,
    wants: WANTS,
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: LAB,
    read: facts::read,
    page: page::view,
}
