//! Modification times of the files that systemd remembers times in: `/var/lib/systemd/timers/stamp-X.timer` (src/core/timer.c:
//! when X last triggered), `/var/lib/systemd/timesync/clock` and `/usr/lib/clock-epoch` (the clock is not earlier).
//!
//! Forms: `find -printf '%p %T@\n'`, `stat`, `stat -c '%n %Y'` or `'%n %y'`, `ls -l --time-style=full-iso` or `--full-time`.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};
use casebook_formats::stamp::{self, Moment};

use super::text::{Line, MOST_GAPS, Reading, Told, head_lines, lines, moment};

/// A listing with times.
pub static STAMPS: Kind = Kind {
    name: "timer-stamps",
    what: "times of the files in /var/lib/systemd/timers: `find -printf '%p %T@\\n'`, `stat`, or `ls -l --full-time`",
    sniff,
    refers: None,
    comment: None,
};

/// What a file remembers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remembers {
    /// When a timer of the system last triggered; the timer's name.
    Timer(String),
    /// When a timer of a user last triggered; the timer's name.
    UserTimer(String),
    /// The latest time systemd-timesyncd knew.
    Timesync,
    /// When the system was built.
    Epoch,
}

/// A file with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// What it remembers.
    pub of: Remembers,
    /// Path, or name where the listing says no folder.
    pub path: Told<String>,
    /// Its modification time. `ls` and `stat` print it with an offset, so it is a point in time; with other styles it can be
    /// local time.
    pub modified: Told<Moment>,
    /// The line, or the first and last of several.
    pub span: Span,
}

/// One listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Where.
    pub evidence: EvidenceId,
    /// In order.
    pub stamps: Vec<Stamp>,
}

impl Stamps {
    /// The stamp of a system timer.
    pub fn timer(&self, name: &str) -> Option<&Stamp> {
        self.stamps.iter().find(|stamp| matches!(&stamp.of, Remembers::Timer(timer) if timer == name))
    }
}

/// What the file at a path remembers.
fn remembers(path: &str, folder: &str) -> Option<Remembers> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some(timer) = name.strip_prefix("stamp-").filter(|timer| timer.ends_with(".timer")) {
        let place = if path.contains('/') { path } else { folder };
        let user = place.contains(".local/share/") || place.contains("/home/") || place.contains("/root/");
        return Some(if user { Remembers::UserTimer(timer.to_owned()) } else { Remembers::Timer(timer.to_owned()) });
    }
    let place = format!("{folder}/{path}");
    if name == "clock" && place.contains("timesync") {
        return Some(Remembers::Timesync);
    }
    (name == "clock-epoch").then_some(Remembers::Epoch)
}

/// Reads a listing.
pub fn read(item: &Evidence) -> (Stamps, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = Stamps { evidence: item.id, stamps: Vec::new() };
    let mut folder = "";
    // The file of a block of `stat`.
    let mut file: Option<(Line<'_>, &str)> = None;
    for line in lines(item, &mut unmodelled) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with("total ") {
            continue;
        }
        if let Some(path) = text.strip_prefix("File: ") {
            file = Some((line, path.trim_matches(['\'', '"', '‘', '’'])));
            continue;
        }
        if let Some((first, path)) = file
            && is_of_stat(text)
        {
            if let Some(time) = text.strip_prefix("Modify: ") {
                match (remembers(path, ""), moment(time)) {
                    (Some(of), Reading::Is(at)) => out.stamps.push(Stamp {
                        of,
                        path: first.told(path),
                        modified: Told::new(at, line.part(time)),
                        span: first.span().to(line.span()),
                    }),
                    (Some(_), _) => unmodelled.push(line.unmodelled("a time that is not known")),
                    (None, _) => {}
                }
            }
            continue;
        }
        if text.ends_with(':') && text.starts_with('/') {
            folder = text.trim_end_matches(':');
            continue;
        }
        match named(&line, folder).or_else(|| listed(&line, folder)) {
            Some(Ok(stamp)) => out.stamps.push(stamp),
            Some(Err(())) => {}
            None if unmodelled.len() < MOST_GAPS => unmodelled.push(line.unmodelled("no file with a time")),
            None => {}
        }
    }
    (out, unmodelled)
}

fn is_of_stat(text: &str) -> bool {
    const LABELS: &[&str] = &["Size:", "Device:", "Access:", "Modify:", "Change:", "Birth:", "Context:"];
    LABELS.iter().any(|label| text.starts_with(label))
}

/// `PATH TIME`: find and `stat -c`. `Err` for files that remember nothing.
fn named(line: &Line<'_>, folder: &str) -> Option<Result<Stamp, ()>> {
    let text = line.text.trim();
    let (path, time) = text.split_once([' ', '\t'])?;
    let path_text = path.trim_matches(['\'', '"']);
    if !path.contains('/') && !path_text.starts_with("stamp-") && path_text != "clock" && path_text != "clock-epoch" {
        return None;
    }
    let time = time.trim();
    let at = match moment(time) {
        Reading::Is(at) => at,
        _ => seconds(time)?,
    };
    let Some(of) = remembers(path_text, folder) else { return Some(Err(())) };
    Some(Ok(Stamp { of, path: line.told(path_text), modified: Told::new(at, line.part(time)), span: line.span() }))
}

/// `%T@` and `%Y`: seconds since 1970, without a mark.
fn seconds(text: &str) -> Option<Moment> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.len() >= 9;
    plain.then(|| stamp::moment(&format!("@{text}")))?
}

/// A line of `ls -l`: mode, links, owner, group, size, time, name. `Err` for files that remember nothing.
fn listed(line: &Line<'_>, folder: &str) -> Option<Result<Stamp, ()>> {
    let mut rest = line.text.trim_start();
    let mode = rest.split(' ').next()?;
    if mode.len() < 10 || !"-dlcbps".contains(mode.chars().next()?) || !mode.contains("r") {
        return None;
    }
    for _ in 0..5 {
        rest = rest.split_once(' ')?.1.trim_start();
    }
    let (at, length) = stamp::moment_at(rest)?;
    let (time, name) = rest.split_at_checked(length)?;
    let name = name.trim();
    let Some(of) = remembers(name, folder) else { return Some(Err(())) };
    Some(Ok(Stamp { of, path: line.told(name), modified: Told::new(at, line.part(time)), span: line.span() }))
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    // A listing of no file says something too, but only its name tells what was listed.
    let name = sniff.path.rsplit('/').next().unwrap_or("");
    if name.contains("stamp") && sniff.whole && matches!(sniff.head.trim_ascii(), b"" | b"total 0") {
        return true;
    }
    let item = Evidence {
        id: EvidenceId(0),
        path: String::new(),
        kind: None,
        bytes: casebook_core::Bytes::new(casebook_formats::sniff::head(sniff).as_bytes().to_vec()),
        referred: false,
    };
    let names =
        |line: &&str| line.contains("stamp-") || line.contains("timesync/clock") || line.contains("clock-epoch");
    if !head_lines(sniff).iter().any(names) {
        return false;
    }
    let (stamps, unmodelled) = read(&item);
    !stamps.stamps.is_empty() && unmodelled.len() <= stamps.stamps.len() / 4 + usize::from(!sniff.whole)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, text};
    use super::*;

    /// find 4.9, stat and ls of coreutils 9.1 in the laboratory.
    const FORMS: &[&str] = &[
        "/var/lib/systemd/timers/stamp-keep.timer 1800360003.4700380160\n/usr/lib/clock-epoch 1700000000.0\n",
        "  File: /var/lib/systemd/timers/stamp-keep.timer\n  Size: 0         \tBlocks: 0          IO Block: 4096   regular empty file\n\
         Device: 98,0\tInode: 8534        Links: 1\nAccess: (0644/-rw-r--r--)  Uid: (    0/    root)   Gid: (    0/    root)\n\
         Access: 2027-01-19 12:00:03.470038016 +0000\nModify: 2027-01-19 12:00:03.470038016 +0000\nChange: 2027-01-19 12:00:03.470038016 +0000\n Birth: -\n",
        "total 0\n-rw-r--r-- 1 root root 0 2027-01-19 13:00:03.470038016 +0100 stamp-keep.timer\n-rw-r--r-- 1 root root 0 2027-01-19 12:00:03.0 +0000 other\n",
        "/var/lib/systemd/timers:\ntotal 0\n-rw-r--r-- 1 root root 0 2027-01-19 12:00:03.470038016 +0000 stamp-keep.timer\n",
        "'/var/lib/systemd/timers/stamp-keep.timer' 2027-01-19 12:00:03.470038016 +0000\n",
    ];

    #[test]
    fn every_form_gives_the_time() {
        for form in FORMS {
            let item = evidence(form);
            let (stamps, unmodelled) = read(&item);
            assert_eq!(unmodelled, [], "{form}");
            let stamp = stamps.timer("keep.timer").unwrap();
            assert_eq!(stamp.modified.value.utc().unwrap().0, 1_800_360_003_470_038, "{form}");
            assert!(text(&item, stamp.path.span).ends_with("stamp-keep.timer"));
            assert!(sniff(&Sniff { path: "x", head: form.as_bytes(), whole: true }), "{form}");
        }
        let seconds = read(&evidence("/var/lib/systemd/timers/stamp-a.timer 1800360003\n")).0;
        assert_eq!(seconds.stamps[0].modified.value.utc().unwrap().0, 1_800_360_003_000_000);
        assert_eq!(read(&evidence(FORMS[0])).0.stamps[1].of, Remembers::Epoch);
    }

    #[test]
    fn the_folder_tells_whose_timer_it_is() {
        let read = |text: &str| read(&evidence(text)).0.stamps[0].of.clone();
        assert_eq!(
            read("/home/a/.local/share/systemd/timers/stamp-b.timer 1800360003.5\n"),
            Remembers::UserTimer("b.timer".into())
        );
        assert_eq!(read("/var/lib/systemd/timesync/clock 1800360003.5\n"), Remembers::Timesync);
        assert!(!sniff(&Sniff {
            path: "x",
            head: b"-rw-r--r-- 1 root root 0 2027-01-19 12:00:03.0 +0000 other\n",
            whole: true
        }));
    }
}
