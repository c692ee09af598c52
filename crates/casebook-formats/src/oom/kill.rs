//! The lines about victims (mm/oom_kill.c, `__oom_kill_process`, `oom_kill_process`, `oom_reap_task`), of all eras.

use crate::kernel_log::{Place, Record, Time};

use super::scan::{begins_with_any, find, kib, number, number_after, rfind, signed_after, small, text};

/// What a line says of a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillWord {
    /// `Kill process 7 (hog) score 996 or sacrifice child` (to 5.2): it was chosen; the line of the kill follows.
    Chosen,
    /// `Killed process 7 (hog) total-vm:…`: it was sent SIGKILL.
    Killed,
    /// `OOM victim 7 (hog) is already exiting. Skip killing the task`
    AlreadyExiting,
    /// `Kill process 7 (hog) sharing same memory` (to 4.6): killed along with another.
    Sharing,
}

/// A line about a victim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// What it says.
    pub word: KillWord,
    /// It begins with `Memory cgroup out of memory` (true) or `Out of memory` (false); the line of the kill does not say before
    /// 5.3.
    pub memcg: Option<bool>,
    /// Process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Byte range of the name.
    pub comm_at: Place,
    /// Badness in thousandths of the memory it was compared with (to 5.2).
    pub score: Option<u64>,
    /// Virtual size, bytes.
    pub total_vm: Option<u64>,
    /// Anonymous memory, bytes.
    pub anon_rss: Option<u64>,
    /// Mapped files, bytes.
    pub file_rss: Option<u64>,
    /// Mapped shared memory, bytes (since 4.5).
    pub shmem_rss: Option<u64>,
    /// Page tables, bytes (since 5.4).
    pub pgtables: Option<u64>,
    /// User (since 5.4, and in kernels of Red Hat).
    pub uid: Option<u32>,
    /// -1000 to 1000 (since 5.4).
    pub oom_score_adj: Option<i64>,
    /// Byte range of the line.
    pub at: Place,
    /// When it was written.
    pub time: Time,
}

/// `oom_reaper: reaped process 7 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB` (since 4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// Process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// False for `unable to reap`.
    pub able: bool,
    /// Anonymous memory that is left, bytes.
    pub anon_rss: Option<u64>,
    /// Mapped files that are left, bytes.
    pub file_rss: Option<u64>,
    /// Mapped shared memory that is left, bytes.
    pub shmem_rss: Option<u64>,
}

/// A line about a victim.
pub(super) fn kill(record: &Record<'_>, line: &[u8]) -> Option<Kill> {
    const WORDS: [(&[u8], KillWord); 3] = [
        (b"Killed process ", KillWord::Killed),
        (b"Kill process ", KillWord::Chosen),
        (b"OOM victim ", KillWord::AlreadyExiting),
    ];
    const BEGIN: [&[u8]; 6] =
        [b"Kill", b"OOM victim ", b"Out of memory", b"Out of Memory", b"Memory cgroup out", b"No available memory"];
    if !begins_with_any(line, &BEGIN) {
        return None;
    }
    let (at, mark, mut word) = WORDS.iter().find_map(|(mark, word)| {
        let at = if line.starts_with(mark) { 0 } else { find(line, mark)? };
        Some((at, mark, *word))
    })?;
    let front = &line[..at];
    let memcg = match front {
        b"" => None,
        _ if front.starts_with(b"Memory cgroup out of memory") => Some(true),
        _ if front.starts_with(b"Out of memory") || front.starts_with(b"Out of Memory") => Some(false),
        // `No available memory (MPOL_BIND): ` (to 3.x).
        _ => None,
    };
    let start = at + mark.len();
    let (pid, digits) = number(&line[start..])?;
    let rest = &line[start + digits..];
    if !rest.first().is_none_or(|byte| matches!(byte, b' ' | b',')) {
        return None;
    }
    // The name ends at the last `)` before what follows it.
    let tails: [&[u8]; 9] = [
        b") total-vm:",
        b"), UID ",
        b"), UID:",
        b") score ",
        b"), now ",
        b") is already exiting",
        b") sharing same memory",
        b") vsz:",
        b") or sacrifice child",
    ];
    let open = rest.iter().position(|byte| *byte == b'(');
    let close = tails.iter().find_map(|tail| rfind(rest, tail)).or_else(|| rfind(rest, b")"));
    let (from, to) = match (open, close) {
        (Some(open), Some(close)) if open < close => (open + 1, close),
        // The line was cut inside of the name.
        (Some(open), _) => (open + 1, rest.len()),
        _ => (0, 0),
    };
    let after = &rest[to..];
    if word == KillWord::Chosen && find(after, b"sharing same memory").is_some() {
        word = KillWord::Sharing;
    }
    let place = start + digits;
    let size = |mark: &[u8]| number_after(after, mark).map(|(value, _)| kib(value));
    let uid = number_after(after, b"UID:").or_else(|| number_after(rest, b", UID "));
    Some(Kill {
        word,
        memcg,
        pid: small(pid)?,
        comm: text(&rest[from..to]),
        comm_at: record.place(place + from, place + to),
        score: number_after(after, b") score ").map(|(value, _)| value),
        total_vm: size(b"total-vm:").or_else(|| size(b"vsz:")),
        anon_rss: size(b"anon-rss:"),
        file_rss: size(b"file-rss:"),
        shmem_rss: size(b"shmem-rss:"),
        pgtables: size(b"pgtables:"),
        uid: uid.and_then(|(value, _)| small(value)),
        oom_score_adj: signed_after(after, b"oom_score_adj:"),
        at: record.at(),
        time: record.time().clone(),
    })
}

/// A line of the reaper.
pub(super) fn reaped(line: &[u8]) -> Option<Reaped> {
    let rest = line.strip_prefix(b"oom_reaper: ")?;
    let able = rest.starts_with(b"reaped process ");
    let start = match able {
        true => 15,
        false => rest.starts_with(b"unable to reap pid:").then_some(19)?,
    };
    let (pid, digits) = number(&rest[start..])?;
    let rest = &rest[start + digits..];
    let open = rest.iter().position(|byte| *byte == b'(').map_or(0, |at| at + 1);
    let close = rfind(rest, b"), now ").or_else(|| rfind(rest, b")")).unwrap_or(rest.len()).max(open);
    let size = |mark: &[u8]| number_after(&rest[close..], mark).map(|(value, _)| kib(value));
    Some(Reaped {
        pid: small(pid)?,
        comm: text(&rest[open..close]),
        able,
        anon_rss: size(b"anon-rss:"),
        file_rss: size(b"file-rss:"),
        shmem_rss: size(b"shmem-rss:"),
    })
}
