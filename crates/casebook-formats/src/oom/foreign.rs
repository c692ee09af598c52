//! Lines of others between the lines of a report, told from lines of a report that are not known here.

use crate::kernel_log::{Record, Source};

use super::scan::{begins_with_any, find};

/// True for a line that something else than the OOM killer printed.
pub(super) fn is_foreign(record: &Record<'_>, line: &[u8]) -> bool {
    const OWN: [&[u8]; 12] = [
        b"Memory ",
        b"memory",
        b"Mem-",
        b"Node ",
        b"Task ",
        b"Tasks ",
        b"Out of ",
        b"OOM ",
        b"oom",
        b"swap",
        b"Swap ",
        b"Unreclaimable ",
    ];
    const OTHERS: [&[u8]; 8] = [
        b"device ",
        b"IN=",
        b"net_ratelimit",
        b"systemd",
        b"audit",
        b"------------[ cut here",
        b"---[ end trace",
        b"Modules linked in",
    ];
    if record.source == Source::Program || begins_with_any(line, &OTHERS) {
        return true;
    }
    // What somebody left out of a log.
    if line.iter().all(|byte| b"[]<>(). *-".contains(byte)) {
        return true;
    }
    if begins_with_any(line, &OWN) {
        return false;
    }
    // `IPv6: …`, `docker0: port 3(veth) entered …`, `e1000e 0000:00:1f.6 eth0: …`.
    let label = find(&line[..line.len().min(80)], b": ");
    label.is_some_and(|colon| line[..colon].split(|byte| *byte == b' ').count() <= 4)
}

/// True for a line with which the kernel begins to tell of a crash of its own.
pub(super) fn is_crash(line: &[u8]) -> bool {
    const CRASH: [&[u8]; 7] = [
        b"Unable to handle kernel",
        b"BUG: ",
        b"Internal error: ",
        b"Oops",
        b"general protection fault",
        b"watchdog: BUG",
        b"Kernel panic",
    ];
    begins_with_any(line, &CRASH)
}
