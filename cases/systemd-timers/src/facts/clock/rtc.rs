//! The clock of the hardware: `/etc/adjtime` (hwclock(8), "The Adjtime File"), `hwclock` with and without `--verbose`,
//! `/proc/driver/rtc`, and the files of `/sys/class/rtc/rtcN` as `name value` lines or `since_epoch` alone.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Unmodelled};
use casebook_formats::stamp::{Moment, RealtimeUs, SpanUs};

use crate::facts::text::{Line, MOST_GAPS, Reading, Told, head_lines, lines, moment};

/// `/etc/adjtime`.
pub static ADJTIME: Kind = Kind {
    name: "adjtime",
    what: "/etc/adjtime",
    sniff: |sniff| sniff.whole && is_adjtime(&head_lines(sniff)),
    refers: None,
    comment: None,
};

/// `hwclock`, /sys/class/rtc.
pub static HWCLOCK: Kind = Kind {
    name: "hardware-clock",
    what: "output of `hwclock [--verbose]`, /proc/driver/rtc, or files of /sys/class/rtc/rtcN as `name value` lines",
    sniff,
    refers: None,
    comment: None,
};

/// What the hardware clock counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RtcZone {
    /// UTC.
    Utc,
    /// Local time: PID 1 warps the system clock once at boot, and nobody writes the hardware clock after.
    Local,
}

/// `/etc/adjtime`
#[derive(Clone, Debug, PartialEq)]
pub struct AdjTime {
    /// Where.
    pub evidence: EvidenceId,
    /// Drift of the hardware clock, in seconds a day.
    pub drift_s_per_day: Option<Told<f64>>,
    /// When it was last adjusted.
    pub adjusted: Option<Told<RealtimeUs>>,
    /// What it counts in; UTC without a third line.
    pub zone: Option<Told<RtcZone>>,
}

fn is_adjtime(lines: &[&str]) -> bool {
    let numbers = |line: &str, count: usize| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        words.len() == count && words.iter().all(|word| word.parse::<f64>().is_ok())
    };
    let zone = lines.get(2).map(|line| line.trim());
    (lines.len() == 2 || lines.len() == 3)
        && numbers(lines[0], 3)
        && numbers(lines[1], 1)
        && zone.is_none_or(|zone| matches!(zone, "UTC" | "LOCAL"))
}

/// Reads `/etc/adjtime`.
pub fn read_adjtime(item: &Evidence) -> (AdjTime, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = AdjTime { evidence: item.id, drift_s_per_day: None, adjusted: None, zone: None };
    for (number, line) in lines(item, &mut unmodelled).iter().enumerate() {
        let mut words = line.text.split_ascii_whitespace();
        match number {
            0 => {
                let word = words.next();
                out.drift_s_per_day = word.and_then(|word| Some(Told::new(word.parse().ok()?, line.part(word))));
                let word = words.next();
                let seconds = word.and_then(|word| Some((word.parse::<u64>().ok()?, line.part(word))));
                out.adjusted =
                    seconds.map(|(seconds, span)| Told::new(RealtimeUs(seconds.saturating_mul(1_000_000)), span));
            }
            2 => {
                let zone = match line.text.trim() {
                    "UTC" => Some(RtcZone::Utc),
                    "LOCAL" => Some(RtcZone::Local),
                    _ => None,
                };
                match zone {
                    Some(zone) => out.zone = Some(Told::new(zone, line.span())),
                    None => unmodelled.push(line.unmodelled("neither UTC nor LOCAL")),
                }
            }
            _ => {}
        }
    }
    (out, unmodelled)
}

/// A reading of the hardware clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HardwareClock {
    /// Where.
    pub evidence: EvidenceId,
    /// What it showed. From /sys, /proc and `Hw clock time` it is read as UTC, whatever it counts in; `hwclock` itself prints it in
    /// local time with the offset.
    pub time: Option<Told<Reading<Moment>>>,
    /// What it counts in, where hwclock says.
    pub zone: Option<Told<RtcZone>>,
    /// The system clock when it was read, where hwclock says (`System Time: 1795651200.123456`).
    pub system: Option<Told<Reading<Moment>>>,
    /// True when the kernel set the system clock from it at boot (`hctosys`).
    pub set_the_clock: Option<Told<bool>>,
}

/// Reads the output of hwclock, or files of the kernel.
pub fn read_hardware(item: &Evidence) -> (HardwareClock, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = HardwareClock { evidence: item.id, time: None, zone: None, system: None, set_the_clock: None };
    let mut date: Option<Told<String>> = None;
    let mut day_time: Option<Told<String>> = None;
    for line in lines(item, &mut unmodelled) {
        if line.is_blank() {
            continue;
        }
        let text = line.text.trim();
        let known = verbose(&mut out, &line, text) || kernel(&mut out, &mut date, &mut day_time, &line, text);
        if !known {
            match moment(text) {
                Reading::Is(moment) => out.time = Some(Told::new(Reading::Is(moment), line.part(text))),
                _ if unmodelled.len() < MOST_GAPS => {
                    unmodelled.push(line.unmodelled("nothing that is known of the hardware clock"))
                }
                _ => {}
            }
        }
    }
    if out.time.is_none()
        && let (Some(date), Some(time)) = (date, day_time)
    {
        let read = moment(&format!("{} {} UTC", date.value, time.value));
        out.time = Some(Told::new(read, date.span.to(time.span)));
    }
    (out, unmodelled)
}

/// Lines of `hwclock --verbose` (util-linux, sys-utils/hwclock.c).
fn verbose(out: &mut HardwareClock, line: &Line<'_>, text: &str) -> bool {
    if let Some(zone) =
        text.strip_prefix("Assuming hardware clock is kept in ").or_else(|| text.strip_prefix("Hardware clock is on "))
    {
        let value = if zone.starts_with("UTC") { RtcZone::Utc } else { RtcZone::Local };
        out.zone = Some(Told::new(value, line.part(text)));
        return true;
    }
    if let Some(rest) = text.strip_prefix("Hw clock time : ") {
        // `2026/11/26 00:00:09 = 1795651209 seconds since 1969`
        if let Some(seconds) = rest.split_once("= ").and_then(|(_, rest)| rest.split(' ').next()) {
            out.time = Some(Told::new(moment(&format!("@{seconds}")), line.part(rest)));
        }
        return true;
    }
    if let Some(rest) = text.strip_prefix("System Time: ") {
        out.system = Some(Told::new(moment(&format!("@{rest}")), line.part(rest)));
        return true;
    }
    const OTHERS: &[&str] = &[
        "hwclock from util-linux",
        "Using the rtc interface",
        "Using the /dev interface",
        "Trying to open: ",
        "Last drift adjustment done at ",
        "Last calibration done at ",
        "Waiting for clock tick",
        "Waiting in loop for ",
        "...got clock tick",
        "...synchronization failed",
        "Time read from Hardware Clock: ",
        "Time since last adjustment is ",
        "Calculated Hardware Clock drift is ",
        "ioctl(",
        "UTC: ",
    ];
    OTHERS.iter().any(|begin| text.starts_with(begin))
}

/// `since_epoch 1800360019`, `rtc_date : 2026-11-26`.
fn kernel(
    out: &mut HardwareClock,
    date: &mut Option<Told<String>>,
    time: &mut Option<Told<String>>,
    line: &Line<'_>,
    text: &str,
) -> bool {
    let (key, value) = match text.split_once([' ', '\t', ':', '=']) {
        Some((key, value)) => (key.trim(), value.trim_start_matches([' ', '\t', ':', '=']).trim()),
        None if text.starts_with(|first: char| first.is_ascii_alphabetic()) => (text, ""),
        None => ("", text),
    };
    match key {
        "since_epoch" => out.time = Some(Told::new(moment(&format!("@{value}")), line.part(value))),
        "date" | "rtc_date" => *date = Some(line.told(value)),
        "time" | "rtc_time" => *time = Some(line.told(value)),
        "hctosys" => out.set_the_clock = Some(Told::new(value == "1", line.part(value))),
        // `since_epoch` of /sys alone.
        "" if value.len() >= 9 && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            let seconds: u64 = value.parse().unwrap_or(0);
            let at = RealtimeUs(seconds.saturating_mul(1_000_000));
            out.time = Some(Told::new(Reading::Is(Moment::Utc { at, precision: SpanUs(1_000_000) }), line.part(value)));
        }
        "name" | "wakealarm" | "alrm_time" | "alrm_date" | "alarm_IRQ" | "alrm_pending" | "update" | "periodic"
        | "periodic_IRQ" | "update_IRQ" | "HPET_emulated" | "BCD" | "DST_enable" | "periodic_freq" | "batt_status"
        | "24hr" | "max_user_freq" | "range" => {}
        _ => return false,
    }
    true
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    let lines = head_lines(sniff);
    let begins = |prefix: &str| lines.iter().take(30).any(|line| line.starts_with(prefix));
    if begins("hwclock from util-linux") || begins("rtc_time\t:") && begins("rtc_date\t:") {
        return true;
    }
    if begins("since_epoch ") && (begins("hctosys ") || begins("date ") || begins("name ")) {
        return true;
    }
    // One line, and a name that says what it is.
    let only = lines.len() == 1 && sniff.whole;
    let name = sniff.path.rsplit('/').next().unwrap_or("");
    only && (name.contains("hwclock") && moment(lines[0]).known().is_some()
        || sniff.path.contains("rtc")
            && name.starts_with("since_epoch")
            && lines[0].bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{evidence, text};
    use super::*;

    #[test]
    fn adjtime_says_what_the_clock_counts_in() {
        let item = evidence("0.5 1795600000 0.000000\n1795600000\nLOCAL\n");
        let (read, unmodelled) = read_adjtime(&item);
        assert_eq!(
            (read.zone.unwrap().value, read.adjusted.unwrap().value, unmodelled),
            (RtcZone::Local, RealtimeUs(1_795_600_000_000_000), vec![])
        );
        assert_eq!(text(&item, read.drift_s_per_day.unwrap().span), "0.5");
    }

    /// /sys/class/rtc/rtc0 of the laboratory; hwclock of util-linux 2.38; /proc/driver/rtc.
    #[test]
    fn readings_are_points_in_time() {
        let at = |text: &str| {
            let (read, unmodelled) = read_hardware(&evidence(text));
            assert_eq!(unmodelled, [], "{text}");
            read.time.unwrap().value.known().and_then(Moment::utc).unwrap().0
        };
        assert_eq!(
            at(
                "name uml-rtc uml-rtc.0\ndate 2027-01-19\ntime 12:00:19\nsince_epoch 1800360019\nhctosys 1\nwakealarm \n"
            ),
            1_800_360_019_000_000
        );
        assert_eq!(
            at("rtc_time\t: 12:00:19\nrtc_date\t: 2027-01-19\nalrm_time\t: 00:00:00\n24hr\t\t: yes\n"),
            1_800_360_019_000_000
        );
        assert_eq!(at("2027-01-19 13:00:19.250000+01:00\n"), 1_800_360_019_250_000);
        assert_eq!(at("1800360019\n"), 1_800_360_019_000_000);
        let verbose = "hwclock from util-linux 2.38.1\nSystem Time: 1799582419.409988\nTrying to open: /dev/rtc0\nUsing the rtc interface to the clock.\n\
            Assuming hardware clock is kept in UTC time.\nWaiting for clock tick...\n...got clock tick\nTime read from Hardware Clock: 2027/01/19 12:00:19\n\
            Hw clock time : 2027/01/19 12:00:19 = 1800360019 seconds since 1969\nTime since last adjustment is 1800360019 seconds\n\
            Calculated Hardware Clock drift is 0.000000 seconds\n2027-01-19 12:00:18.656219+00:00\n";
        assert_eq!(at(verbose), 1_800_360_018_656_219);
        assert_eq!(read_hardware(&evidence(verbose)).0.zone.unwrap().value, RtcZone::Utc);
    }
}
