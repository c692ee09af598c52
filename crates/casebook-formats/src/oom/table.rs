//! The table of tasks (mm/oom_kill.c, `dump_tasks` and `dump_task`): what `oom_badness` chose from.
//!
//! The columns changed over time, so the header says what a row holds. All sizes but `pgtables_bytes` are in pages; the report does
//! not say how large a page is.

use crate::kernel_log::{Place, Record};

use super::scan::{signed, small, text, words};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// `[ pid ]`
    Pid,
    /// `uid`
    Uid,
    /// `tgid`
    Tgid,
    /// `total_vm`, pages.
    TotalVm,
    /// `rss`, pages.
    Rss,
    /// `rss_anon`, pages (since 6.9).
    RssAnon,
    /// `rss_file`, pages (since 6.9).
    RssFile,
    /// `rss_shmem`, pages (since 6.9).
    RssShmem,
    /// `pgtables_bytes`, bytes (since 4.15).
    PgtablesBytes,
    /// `nr_ptes`, pages (3.8 to 4.14).
    NrPtes,
    /// `nr_pmds`, pages (4.0 to 4.14).
    NrPmds,
    /// `nr_puds`, pages.
    NrPuds,
    /// `swapents`, pages (since 3.8).
    Swapents,
    /// `cpu` (to 3.7).
    Cpu,
    /// `oom_adj` (to 3.6).
    OomAdj,
    /// `oom_score_adj`
    OomScoreAdj,
    /// One that is not known here.
    Other,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Thread id of a thread that still has the memory; mostly the process.
    pub pid: u32,
    /// User.
    pub uid: u32,
    /// Process.
    pub tgid: u32,
    /// Virtual size, pages.
    pub total_vm: u64,
    /// Resident size, pages.
    pub rss: u64,
    /// Anonymous part of it, pages.
    pub rss_anon: Option<u64>,
    /// File part of it, pages.
    pub rss_file: Option<u64>,
    /// Shared memory part of it, pages.
    pub rss_shmem: Option<u64>,
    /// Page tables, bytes.
    pub pgtables_bytes: Option<u64>,
    /// Page tables of the lowest level, pages.
    pub nr_ptes: Option<u64>,
    /// Page tables of the second level, pages.
    pub nr_pmds: Option<u64>,
    /// Page tables of the third level, pages.
    pub nr_puds: Option<u64>,
    /// Swapped out, pages.
    pub swapents: Option<u64>,
    /// -1000 (never) to 1000.
    pub oom_score_adj: Option<i64>,
    /// -17 (never) to 15 (to 3.6).
    pub oom_adj: Option<i64>,
    /// Name, as it is.
    pub name: String,
    /// Byte range of the row.
    pub at: Place,
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns before the name. Without a header, what the count of numbers in the first row implies.
    pub columns: Vec<Column>,
    /// Byte range of the header; `None` when the log begins inside of the table.
    pub header: Option<Place>,
    /// The rows.
    pub tasks: Vec<Task>,
    /// Rows beyond the limit of this reader.
    pub more: u64,
    /// From the header to the last row.
    pub at: Place,
}

/// `[  pid  ]   uid  tgid total_vm      rss … oom_score_adj name`: its columns before the name.
pub(super) fn header(line: &[u8]) -> Option<Vec<Column>> {
    let close = line.strip_prefix(b"[")?.iter().position(|byte| *byte == b']')? + 1;
    if line[1..close].trim_ascii() != b"pid" {
        return None;
    }
    let mut columns = vec![Column::Pid];
    for (_, word) in words(&line[close + 1..]) {
        columns.push(match word {
            b"uid" => Column::Uid,
            b"tgid" => Column::Tgid,
            b"total_vm" => Column::TotalVm,
            b"rss" => Column::Rss,
            b"rss_anon" => Column::RssAnon,
            b"rss_file" => Column::RssFile,
            b"rss_shmem" => Column::RssShmem,
            b"pgtables_bytes" => Column::PgtablesBytes,
            b"nr_ptes" => Column::NrPtes,
            b"nr_pmds" => Column::NrPmds,
            b"nr_puds" => Column::NrPuds,
            b"swapents" => Column::Swapents,
            b"cpu" => Column::Cpu,
            b"oom_adj" => Column::OomAdj,
            b"oom_score_adj" => Column::OomScoreAdj,
            b"name" => return Some(columns),
            _ => Column::Other,
        });
    }
    // The line was cut.
    None
}

/// True for `[ 1234]` and numbers behind it.
pub(super) fn is_row(line: &[u8]) -> bool {
    let Some(close) = line.iter().take(16).position(|byte| *byte == b']') else { return false };
    let inside = line[..close].strip_prefix(b"[").unwrap_or(&[]).trim_ascii();
    let numbers =
        || words(&line[close + 1..]).take(6).filter(|(_, word)| signed(word).is_some_and(|(_, l)| l == word.len()));
    !inside.is_empty() && inside.iter().all(u8::is_ascii_digit) && numbers().count() == 6
}

/// The columns of a row, told from the count of its numbers, when the header is missing. `old` is a kernel before 3.8, whose rows
/// have as many numbers as later ones.
pub(super) fn implied(line: &[u8], old: bool) -> Vec<Column> {
    let close = line.iter().position(|byte| *byte == b']').map_or(0, |at| at + 1);
    let numbers =
        words(&line[close..]).take_while(|(_, word)| signed(word).is_some_and(|(_, l)| l == word.len())).count();
    let front = [Column::Pid, Column::Uid, Column::Tgid, Column::TotalVm, Column::Rss];
    let rest: &[Column] = match numbers {
        10.. => &[
            Column::RssAnon,
            Column::RssFile,
            Column::RssShmem,
            Column::PgtablesBytes,
            Column::Swapents,
            Column::OomScoreAdj,
        ],
        8.. => &[Column::NrPtes, Column::NrPmds, Column::Swapents, Column::OomScoreAdj],
        7 if old => &[Column::Cpu, Column::OomAdj, Column::OomScoreAdj],
        // Page tables, in bytes or in pages.
        7 => &[Column::Other, Column::Swapents, Column::OomScoreAdj],
        _ => &[Column::Cpu, Column::OomAdj],
    };
    front.iter().chain(rest).copied().collect()
}

/// A row. The name follows one blank behind the last number, and may hold anything.
pub(super) fn row(record: &Record<'_>, line: &[u8], columns: &[Column]) -> Option<Task> {
    let close = line.iter().position(|byte| *byte == b']')?;
    let mut task = Task { at: record.at(), ..Task::default() };
    let inside = line[..close].strip_prefix(b"[")?.trim_ascii();
    task.pid = signed(inside).and_then(|(value, _)| u32::try_from(value).ok())?;
    let mut at = close + 1;
    for column in columns.iter().skip(1) {
        at += line.get(at..)?.iter().take_while(|byte| **byte == b' ').count();
        let (value, length) = signed(line.get(at..)?)?;
        at += length;
        if line.get(at).is_some_and(|byte| *byte != b' ') {
            return None;
        }
        let count = u64::try_from(value).unwrap_or(0);
        match column {
            // A user without a mapping is printed as -1 or 4294967295.
            Column::Uid => task.uid = small(count).filter(|_| value >= 0).unwrap_or(u32::MAX),
            Column::Tgid => task.tgid = small(count)?,
            Column::TotalVm => task.total_vm = count,
            Column::Rss => task.rss = count,
            Column::RssAnon => task.rss_anon = Some(count),
            Column::RssFile => task.rss_file = Some(count),
            Column::RssShmem => task.rss_shmem = Some(count),
            Column::PgtablesBytes => task.pgtables_bytes = Some(count),
            Column::NrPtes => task.nr_ptes = Some(count),
            Column::NrPmds => task.nr_pmds = Some(count),
            Column::NrPuds => task.nr_puds = Some(count),
            Column::Swapents => task.swapents = Some(count),
            Column::OomAdj => task.oom_adj = Some(value),
            Column::OomScoreAdj => task.oom_score_adj = Some(value),
            Column::Pid | Column::Cpu | Column::Other => {}
        }
    }
    task.name = text(line.get(at + 1..).unwrap_or(&[]));
    Some(task)
}
