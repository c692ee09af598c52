//! When evidence was taken: `date +%s.%N`, `date`, `/proc/uptime`, alone or one after the other.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Unmodelled};
use casebook_formats::stamp::{Moment, SpanUs};

use crate::facts::text::{MOST_GAPS, Reading, Told, head_lines, lines, moment};

/// `/proc/uptime`, `date`.
pub static NOW: Kind = Kind {
    name: "now",
    what: "/proc/uptime, or output of `date` or `date +%s.%N`",
    sniff,
    refers: None,
    comment: None,
};

/// When it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// Where.
    pub evidence: EvidenceId,
    /// Times, in order.
    pub times: Vec<Told<Moment>>,
    /// Time since boot, suspends included (`CLOCK_BOOTTIME`; fs/proc/uptime.c), to a hundredth of a second.
    pub uptime: Option<Told<SpanUs>>,
}

/// Reads the lines.
pub fn read(item: &Evidence) -> (Now, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut now = Now { evidence: item.id, times: Vec::new(), uptime: None };
    for line in lines(item, &mut unmodelled) {
        if let Some(uptime) = uptime(line.text) {
            now.uptime = Some(Told::new(uptime, line.span()));
        } else if let Reading::Is(at) = moment(line.text) {
            now.times.push(Told::new(at, line.span()));
        } else if !line.is_blank() && unmodelled.len() < MOST_GAPS {
            unmodelled.push(line.unmodelled("neither a time nor an uptime"));
        }
    }
    (now, unmodelled)
}

/// `18.95 15.39`: seconds since boot, and of idle processors.
fn uptime(line: &str) -> Option<SpanUs> {
    let (up, idle) = line.trim().split_once(' ')?;
    let hundredths = |text: &str| {
        let (whole, part) = text.split_once('.')?;
        let part: u64 = (part.len() == 2).then(|| part.parse().ok())??;
        whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part)
    };
    hundredths(idle)?;
    hundredths(up).and_then(|up| up.checked_mul(10_000)).map(SpanUs)
}

/// A few lines, all of them times or uptimes. Two times alone can be any log.
fn sniff(sniff: &Sniff<'_>) -> bool {
    let lines = head_lines(sniff);
    let filled: Vec<&&str> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let uptimes = filled.iter().filter(|line| uptime(line).is_some()).count();
    let times = filled.iter().filter(|line| moment(line).known().is_some()).count();
    let name = sniff.path.rsplit('/').next().unwrap_or("");
    let named = ["date", "now", "uptime"].iter().any(|word| name.contains(word));
    sniff.whole
        && filled.len() <= 8
        && uptimes + times == filled.len()
        && (uptimes == 1 || uptimes == 0 && times > 0 && named)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::evidence;
    use super::*;

    #[test]
    fn times_and_uptime_are_told_apart() {
        let text = "1799582419.409988096\n18.95 15.39\nSun Jan 10 12:00:19 UTC 2027\n";
        let (now, unmodelled) = read(&evidence(text));
        assert_eq!((now.times.len(), unmodelled), (2, vec![]));
        assert_eq!(now.uptime.unwrap().value, SpanUs(18_950_000));
        assert_eq!(now.times[0].value.utc().unwrap().0, 1_799_582_419_409_988);
        let is = |path: &str, text: &str| sniff(&Sniff { path, head: text.as_bytes(), whole: true });
        assert!(
            is("x", text) && is("proc/uptime", "18.95 15.39\n") && is("date.txt", "Sun Jan 10 12:00:19 UTC 2027\n")
        );
        assert!(!is("x", "2026-11-24 03:14:22\n2026-11-24 15:14:23\n") && !is("x", "1 2\n") && !is("date", ""));
    }
}
