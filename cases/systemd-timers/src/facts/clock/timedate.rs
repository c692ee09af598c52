//! `timedatectl` and systemd-timesyncd (src/timedate/timedatectl.c).

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Unmodelled};
use casebook_formats::stamp::{Moment, SpanUs};

use super::labels::{self, Labels};
use crate::facts::show::{self, Block};
use crate::facts::text::{Reading, Told, boolean, head_lines, moment, time_span};

/// `timedatectl`.
pub static TIMEDATECTL: Kind = Kind {
    name: "timedatectl",
    what: "output of `timedatectl`",
    sniff: |sniff| has_labels(sniff, ':', &["Local time", "Universal time"]),
    refers: None,
    comment: None,
};

/// `timedatectl show`.
pub static TIMEDATECTL_SHOW: Kind = Kind {
    name: "timedatectl-show",
    what: "output of `timedatectl show`",
    sniff: |sniff| show::has_properties(sniff, &["NTPSynchronized", "LocalRTC", "CanNTP", "RTCTimeUSec"]),
    refers: None,
    comment: None,
};

/// `timedatectl timesync-status`, `show-timesync`.
pub static TIMESYNC: Kind = Kind {
    name: "timesync-status",
    what: "output of `timedatectl timesync-status` or `show-timesync`",
    sniff: |sniff| {
        has_labels(sniff, ':', &["Server", "Poll interval"])
            || show::has_properties(
                sniff,
                &["NTPMessage", "SystemNTPServers", "FallbackNTPServers", "PollIntervalUSec"],
            )
    },
    refers: None,
    comment: None,
};

/// True when the first lines have all of these labels.
pub(super) fn has_labels(sniff: &Sniff<'_>, separator: char, wanted: &[&str]) -> bool {
    let lines = head_lines(sniff);
    let labels: Vec<&str> =
        lines.iter().take(40).filter_map(|line| line.split_once(separator)).map(|(label, _)| label.trim()).collect();
    wanted.iter().all(|label| labels.contains(label))
}

/// What `timedatectl` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeDate {
    /// Where.
    pub evidence: EvidenceId,
    /// `Local time`, to the second, with the abbreviation of the zone.
    pub local: Option<Told<Reading<Moment>>>,
    /// `Universal time`, to the second.
    pub universal: Option<Told<Reading<Moment>>>,
    /// `RTC time`: what the hardware clock shows, read as UTC, to the second, a moment after `universal`.
    pub rtc: Option<Told<Reading<Moment>>>,
    /// `Time zone`: its name of the IANA.
    pub zone: Option<Told<String>>,
    /// Seconds that local time is ahead of UTC.
    pub offset_s: Option<i32>,
    /// Abbreviation of local time.
    pub abbreviation: Option<String>,
    /// `System clock synchronized`: the kernel says so (`STA_UNSYNC` is not set).
    pub synchronized: Option<Told<Reading<bool>>>,
    /// `NTP service`: `active`, `inactive`, `n/a`; before 239 `Network time on: yes`.
    pub service: Option<Told<String>>,
    /// `RTC in local TZ`.
    pub rtc_local: Option<Told<Reading<bool>>>,
}

/// Reads `timedatectl`.
pub fn read(item: &Evidence) -> (TimeDate, Vec<Unmodelled>) {
    let (labels, mut unmodelled) = labels::read(item, ':');
    // Advice about a hardware clock in local time is text behind `Warning:`.
    if labels.get(&["Warning"]).is_some() {
        unmodelled.clear();
    }
    let time = |label: &str| labels.get(&[label]).map(|value| Told::new(moment(&value.value), value.span));
    let yes = |names: &[&str]| labels.get(names).map(|value| Told::new(boolean(&value.value), value.span));
    // The hardware clock has no zone behind it: it is read as UTC, as `rtc_time` is given.
    let rtc = labels.get(&["RTC time"]).map(|value| {
        let read = match moment(&value.value) {
            Reading::Is(local @ Moment::Local { .. }) => match local.with_offset(0) {
                Some(at) => Reading::Is(Moment::Utc { at, precision: local.precision() }),
                None => Reading::Is(local),
            },
            other => other,
        };
        Told::new(read, value.span)
    });
    let zone = labels.get(&["Time zone", "Timezone"]);
    let (mut name, mut offset_s, mut abbreviation) = (None, None, None);
    if let Some(zone) = zone {
        let (first, rest) = zone.value.split_once(" (").unwrap_or((&zone.value, ""));
        let end = zone.span.start as usize + first.len();
        name = Some(Told::new(
            first.to_owned(),
            casebook_core::Span::new(zone.span.evidence, zone.span.start as usize, end),
        ));
        let mut inside = rest.trim_end_matches(')').split(", ");
        abbreviation = inside.next().filter(|word| !word.is_empty() && *word != "n/a").map(str::to_owned);
        offset_s = inside.next().and_then(offset);
    }
    let out = TimeDate {
        evidence: item.id,
        local: time("Local time"),
        universal: time("Universal time"),
        rtc,
        zone: name,
        offset_s,
        abbreviation,
        synchronized: yes(&["System clock synchronized", "NTP synchronized"]),
        service: labels.get(&["NTP service", "Network time on", "systemd-timesyncd.service active"]).cloned(),
        rtc_local: yes(&["RTC in local TZ"]),
    };
    (out, unmodelled)
}

/// `+0100`
fn offset(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).filter(|digits| digits.len() == 4)?;
    let number: i32 = digits.parse().ok()?;
    let seconds = number / 100 * 3600 + number % 100 * 60;
    Some(if text.starts_with('-') { -seconds } else { seconds })
}

/// What `timedatectl show` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeDateShow {
    /// Where.
    pub evidence: EvidenceId,
    /// `Timezone`, `LocalRTC`, `CanNTP`, `NTP`, `NTPSynchronized`, `TimeUSec`, `RTCTimeUSec`.
    pub block: Block,
}

/// Reads `timedatectl show`.
pub fn read_show(item: &Evidence) -> (TimeDateShow, Vec<Unmodelled>) {
    let (show, unmodelled) = show::read(item);
    (TimeDateShow { evidence: item.id, block: show.blocks.into_iter().next().unwrap_or_default() }, unmodelled)
}

/// What systemd-timesyncd says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeSync {
    /// Where.
    pub evidence: EvidenceId,
    /// `timesync-status`; empty for `show-timesync`.
    pub labels: Labels,
    /// `show-timesync`; empty for `timesync-status`.
    pub block: Block,
}

impl TimeSync {
    /// The server: address and name.
    pub fn server(&self) -> Option<&Told<String>> {
        self.labels.get(&["Server"]).or_else(|| self.block.get("ServerName").map(|property| &property.value))
    }

    /// Answers of the server that were used; 0 is `never synchronised`.
    pub fn packets(&self) -> Option<Told<u64>> {
        self.labels.number(&["Packet count"]).or_else(|| {
            let message = self.block.get("NTPMessage")?;
            let (_, rest) = message.value.value.split_once("PacketCount=")?;
            let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
            Some(Told::new(digits.parse().ok()?, message.value.span))
        })
    }

    /// Stratum of the server; 0 and 16 are none.
    pub fn stratum(&self) -> Option<Told<u32>> {
        self.labels.number(&["Stratum"])
    }

    /// How far the clock was off when last measured: true when it is behind (`+`), and how far.
    pub fn offset(&self) -> Option<Told<(bool, SpanUs)>> {
        let value = self.labels.get(&["Offset"])?;
        let (behind, rest) = match value.value.strip_prefix('-') {
            Some(rest) => (false, rest),
            None => (true, value.value.strip_prefix('+').unwrap_or(&value.value)),
        };
        Some(Told::new((behind, *time_span(rest).known()?), value.span))
    }
}

/// Reads `timesync-status` or `show-timesync`.
pub fn read_timesync(item: &Evidence) -> (TimeSync, Vec<Unmodelled>) {
    let text = item.as_text().unwrap_or_else(|text| text);
    let shown = text.lines().find(|line| !line.trim().is_empty());
    let shown = shown.and_then(|line| line.split_once('=')).is_some_and(|(key, _)| show::is_key(key));
    let none = Labels { evidence: item.id, entries: Vec::new() };
    if shown {
        let (show, unmodelled) = show::read(item);
        let block = show.blocks.into_iter().next().unwrap_or_default();
        return (TimeSync { evidence: item.id, labels: none, block }, unmodelled);
    }
    let (labels, unmodelled) = labels::read(item, ':');
    (TimeSync { evidence: item.id, labels, block: Block::default() }, unmodelled)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{evidence, text};
    use super::*;

    /// The form is that of systemd 252.39 in the laboratory; zone and hardware clock as the source prints them.
    #[test]
    fn times_and_zone_are_read() {
        let item = evidence(
            "               Local time: Sun 2027-01-10 13:00:19 CET\n           Universal time: Sun 2027-01-10 12:00:19 UTC\n\
            \x20                RTC time: Tue 2027-01-19 12:00:19\n                Time zone: Europe/Berlin (CET, +0100)\n\
            System clock synchronized: no\n              NTP service: n/a\n          RTC in local TZ: yes\n\n\
            Warning: The system is configured to read the RTC time in the local time zone.\n         This mode cannot\n",
        );
        let (read, unmodelled) = read(&item);
        assert_eq!(unmodelled, []);
        let utc = |told: &Option<Told<Reading<Moment>>>| {
            told.as_ref().unwrap().value.known().and_then(Moment::utc).map(|at| at.0)
        };
        assert_eq!((utc(&read.universal), utc(&read.rtc)), (Some(1_799_582_419_000_000), Some(1_800_360_019_000_000)));
        assert_eq!((text(&item, read.zone.as_ref().unwrap().span), read.offset_s), ("Europe/Berlin", Some(3600)));
        assert_eq!((read.abbreviation.as_deref(), read.rtc_local.unwrap().value), (Some("CET"), Reading::Is(true)));
        assert_eq!(read.synchronized.unwrap().value, Reading::Is(false));
    }

    /// timedatectl(1), EXAMPLES.
    #[test]
    fn timesync_says_offset_and_server() {
        let item = evidence(
            "       Server: 216.239.38.15 (time4.google.com)\nPoll interval: 1min 4s (min: 32s; max 34min 8s)\n         Leap: normal\n\
            \x20     Version: 4\n      Stratum: 1\n    Reference: GPS\n    Precision: 1us (-20)\nRoot distance: 335us (max: 5s)\n\
            \x20      Offset: +316us\n        Delay: 349us\n       Jitter: 0\n Packet count: 1\n    Frequency: -8.802ppm\n",
        );
        let (read, unmodelled) = read_timesync(&item);
        assert_eq!((read.offset().unwrap().value, unmodelled), ((true, SpanUs(316)), vec![]));
        assert_eq!((read.stratum().unwrap().value, read.packets().unwrap().value), (1, 1));
        let item =
            evidence("SystemNTPServers=\nNTPMessage={ Leap=0, Version=4, Stratum=1, PacketCount=17, Jitter=0 }\n");
        assert_eq!(read_timesync(&item).0.packets().unwrap().value, 17);
    }
}
