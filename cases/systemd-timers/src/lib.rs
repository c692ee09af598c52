//! systemd timers and the clock drift that ate our backups: which runs were lost, by which mechanism, and which will be.
//!
//! The mechanism in ten lines. A calendar timer asks for the first time after a base: its last run, else its activation, both read
//! off the clock when they happened. It adds a delay, drawn anew each time it waits, and arms one timer of the kernel. When it elapses
//! it queues a start of its service, writes the base down (in memory, and as the time of a stamp file when it is persistent), and
//! waits again once the service is inactive. So a base that was read while the clock was ahead stays ahead after the clock is set
//! right: the timer waits, looks well, and runs nothing until the clock has come there; no reload and no single restart reads another.
//! A service that does not end holds the next elapse back. A delay longer than its period skips, a reboot draws it again. A time the
//! zone leaves out is skipped. The RTC that is minutes off, which everybody sees, loses one run at most.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

use casebook_core::{Want, WantSource};

/// What is read of a live machine.
pub static WANTS: &[Want] = &[
    want(
        "systemd-timers/version.txt",
        &["systemctl", "--version"],
        "which version of the mechanism runs here stays unknown",
    ),
    want(
        "systemd-timers/list-timers.json",
        &["systemctl", "list-timers", "--all", "--output=json"],
        "when timers elapse next stays unknown",
    ),
    want("systemd-timers/show-timers.txt", &["systemctl", "show", "*.timer"], "what timers count from stays unknown"),
    want(
        "systemd-timers/show-services.txt",
        &[
            "systemctl",
            "show",
            "*.service",
            "--property=Id,LoadState,ActiveState,SubState,Result,Type,RemainAfterExit,StateChangeTimestamp",
        ],
        "whether services have ended, and how, stays unknown",
    ),
    want("systemd-timers/cat.txt", &["systemctl", "cat", "*.timer"], "the lines of timers stay unknown"),
    want(
        "systemd-timers/list-unit-files.json",
        &["systemctl", "list-unit-files", "--type=timer", "--output=json"],
        "which timers are enabled stays unknown",
    ),
    want(
        "systemd-timers/links.txt",
        &["find", "/etc/systemd", "/usr/lib/systemd/system", "-type", "l", "-printf", "%p -> %l\\n"],
        "aliases, masks and enablement stay unknown",
    ),
    want(
        "systemd-timers/timedatectl.txt",
        &["timedatectl"],
        "the zone, the RTC and whether the clock is synchronised stay unknown",
    ),
    want(
        "systemd-timers/timesync-status.txt",
        &["timedatectl", "timesync-status"],
        "what systemd-timesyncd follows stays unknown, if it runs here",
    ),
    want(
        "systemd-timers/chrony-tracking.txt",
        &["chronyc", "-n", "tracking"],
        "what chronyd follows stays unknown, if it runs here",
    ),
    want(
        "systemd-timers/stamps.txt",
        &[
            "find",
            "/var/lib/systemd",
            "/usr/lib",
            "-maxdepth",
            "2",
            "-type",
            "f",
            "(",
            "-path",
            "/var/lib/systemd/tim*/*",
            "-o",
            "-path",
            "/usr/lib/clock-epoch",
            ")",
            "-printf",
            "%p %T@\\n",
        ],
        "when persistent timers ran last stays unknown",
    ),
    Want {
        max_bytes: 1 << 30,
        timeout_s: 120,
        ..want(
            "systemd-timers/journal.export",
            &[
                "journalctl",
                "-o",
                "export",
                "--no-pager",
                "--since=-30d",
                "_PID=1",
                "+",
                "_COMM=systemd-timesyn",
                "+",
                "_COMM=chronyd",
                "+",
                "SYSLOG_IDENTIFIER=systemd-journald",
                "+",
                "_TRANSPORT=kernel",
            ],
            "the history of the clock and the runs of the last 30 days stay unknown",
        )
    },
    Want {
        name: "systemd-timers/machine-id",
        source: WantSource::File("/etc/machine-id"),
        timeout_s: 5,
        max_bytes: 1 << 10,
        without: "delays that are fixed for this machine stay unknown",
    },
    Want {
        name: "systemd-timers/localtime",
        source: WantSource::File("/etc/localtime"),
        timeout_s: 5,
        max_bytes: 1 << 20,
        without: "changes of the machine's zone stay unknown",
    },
    Want {
        name: "systemd-timers/adjtime",
        source: WantSource::File("/etc/adjtime"),
        timeout_s: 5,
        max_bytes: 1 << 16,
        without: "whether the RTC keeps local time stays unknown",
    },
];

/// A command whose output is small.
const fn want(file: &'static str, command: &'static [&'static str], without: &'static str) -> Want {
    Want { name: file, source: WantSource::Command(command), timeout_s: 20, max_bytes: 64 << 20, without }
}

/// The laboratory: what builds the machines, what plays in them, and the scenarios.
static LAB: &[(&str, &str)] = &[
    ("run.sh", include_str!("../lab/run.sh")),
    ("README.md", include_str!("../lab/README.md")),
    ("boot.py", include_str!("../lab/boot.py")),
    ("boots.py", include_str!("../lab/boots.py")),
    ("bus.py", include_str!("../lab/bus.py")),
    ("driver.py", include_str!("../lab/driver.py")),
    ("evidence.sh", include_str!("../lab/evidence.sh")),
    ("init.sh", include_str!("../lab/init.sh")),
    ("job.py", include_str!("../lab/job.py")),
    ("kernel.py", include_str!("../lab/kernel.py")),
    ("lab.py", include_str!("../lab/lab.py")),
    ("machine.py", include_str!("../lab/machine.py")),
    ("monotonic.py", include_str!("../lab/monotonic.py")),
    ("nights.py", include_str!("../lab/nights.py")),
    ("play.py", include_str!("../lab/play.py")),
    ("repairs.py", include_str!("../lab/repairs.py")),
    ("scenario.py", include_str!("../lab/scenario.py")),
    ("scenarios.py", include_str!("../lab/scenarios.py")),
    ("steps.py", include_str!("../lab/steps.py")),
    ("zones.py", include_str!("../lab/zones.py")),
];

casebook_core::case! {
    /// The case.
    pub CASE = "systemd-timers" ("TMR", "timers"),
    "systemd timers and the clock drift that ate our backups",
    "which timer runs were lost or will be, by which mechanism, and what brings the timer back",
    kinds: facts::kinds::KINDS,
    wants: WANTS,
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: LAB,
    read: facts::read,
    page: page::view,
}
