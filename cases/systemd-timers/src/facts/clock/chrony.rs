//! `chronyc tracking` and `chronyc sources`, for people and as CSV (`-c`) (chrony's client.c, `process_cmd_tracking` and
//! `process_cmd_sources`).

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Unmodelled};
use casebook_formats::stamp::Moment;

use super::labels;
use super::timedate::has_labels;
use crate::facts::text::{Line, MOST_GAPS, Reading, Told, head_lines, lines, moment};

/// `chronyc tracking`.
pub static TRACKING: Kind = Kind {
    name: "chronyc-tracking",
    what: "output of `chronyc tracking`, also with `-c`",
    sniff: |sniff| has_labels(sniff, ':', &["Reference ID", "Leap status"]) || is_csv(sniff, TRACKING_FIELDS),
    refers: None,
    comment: None,
};

/// `chronyc sources`.
pub static SOURCES: Kind = Kind {
    name: "chronyc-sources",
    what: "output of `chronyc sources [-v]`, also with `-c`",
    sniff: |sniff| {
        head_lines(sniff).iter().any(|line| line.starts_with("MS Name/IP address")) || is_csv(sniff, SOURCE_FIELDS)
    },
    refers: None,
    comment: None,
};

/// Fields of a line of CSV: `ref_id,name,stratum,time,correction,…,leap`; `mode,state,name,stratum,poll,reach,…`.
const TRACKING_FIELDS: usize = 14;
const SOURCE_FIELDS: usize = 10;

/// What chronyd says of the clock. All offsets are in seconds; positive when the clock is fast of NTP time.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracking {
    /// Where.
    pub evidence: EvidenceId,
    /// Source that the clock is set after; `00000000` is none.
    pub reference: Option<Told<String>>,
    /// Its stratum plus one; 0 without one.
    pub stratum: Option<Told<u32>>,
    /// When it was last measured; 1970 without one.
    pub reference_time: Option<Told<Reading<Moment>>>,
    /// `System time`: what is still to be slewed, in seconds; positive when the clock is fast.
    pub system_time_s: Option<Told<f64>>,
    /// `Last offset` as printed, in seconds.
    pub last_offset_s: Option<Told<f64>>,
    /// `Frequency` in ppm; positive when the clock would run fast without chronyd.
    pub frequency_ppm: Option<Told<f64>>,
    /// `Skew` in ppm.
    pub skew_ppm: Option<Told<f64>>,
    /// `Update interval` in seconds.
    pub update_interval_s: Option<Told<f64>>,
    /// `Normal`, `Not synchronised` …
    pub leap: Option<Told<String>>,
}

/// Reads `tracking`.
pub fn read_tracking(item: &Evidence) -> (Tracking, Vec<Unmodelled>) {
    let text = item.as_text().unwrap_or_else(|text| text);
    if text.lines().next().is_some_and(|line| line.split(',').count() == TRACKING_FIELDS) {
        return tracking_csv(item);
    }
    let (labels, unmodelled) = labels::read(item, ':');
    // `0.000000123 seconds fast of NTP time`, `12.345 ppm slow`
    let signed = |label: &str| {
        let number: Told<f64> = labels.number(&[label])?;
        let slow = labels.get(&[label])?.value.contains(" slow");
        Some(Told::new(if slow { -number.value } else { number.value }, number.span))
    };
    let out = Tracking {
        evidence: item.id,
        reference: labels.get(&["Reference ID"]).cloned(),
        stratum: labels.number(&["Stratum"]),
        reference_time: labels
            .get(&["Ref time (UTC)"])
            .map(|value| Told::new(moment(&format!("{} UTC", value.value)), value.span)),
        system_time_s: signed("System time"),
        last_offset_s: labels.number(&["Last offset"]),
        frequency_ppm: signed("Frequency"),
        skew_ppm: labels.number(&["Skew"]),
        update_interval_s: labels.number(&["Update interval"]),
        leap: labels.get(&["Leap status"]).cloned(),
    };
    (out, unmodelled)
}

fn tracking_csv(item: &Evidence) -> (Tracking, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let all = lines(item, &mut unmodelled);
    let fields =
        |line: &Line<'_>| -> Vec<Told<String>> { line.text.split(',').map(|field| line.told(field.trim())).collect() };
    let row = all.first().map(fields).unwrap_or_default();
    let number =
        |at: usize| row.get(at).and_then(|field| Some(Told::new(field.value.parse::<f64>().ok()?, field.span)));
    unmodelled.extend(
        all.iter().skip(1).filter(|line| !line.is_blank()).take(MOST_GAPS).map(|line| line.unmodelled("a second line")),
    );
    let time = |field: &Told<String>| Told::new(moment(&format!("@{}", field.value)), field.span);
    let out = Tracking {
        evidence: item.id,
        reference: row.first().cloned(),
        stratum: row.get(2).and_then(|field| Some(Told::new(field.value.parse().ok()?, field.span))),
        reference_time: row.get(3).map(time),
        // In CSV the correction is printed as it is: what is added to a clock that is slow.
        system_time_s: number(4).map(|told| Told::new(-told.value, told.span)),
        last_offset_s: number(5),
        frequency_ppm: number(7),
        skew_ppm: number(9),
        update_interval_s: number(12),
        leap: row.get(13).cloned(),
    };
    (out, unmodelled)
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `^` server, `=` peer, `#` local clock.
    pub mode: char,
    /// `*` current best, `+` combined, `-` not combined, `?` unusable, `x` may be in error, `~` too variable.
    pub state: char,
    /// Name or address.
    pub name: Told<String>,
    /// Stratum.
    pub stratum: Option<u32>,
    /// The last eight answers as bits.
    pub reach: Option<u32>,
}

/// What chronyd says of its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Where.
    pub evidence: EvidenceId,
    /// In order.
    pub sources: Vec<Source>,
}

/// Reads `sources`.
pub fn read_sources(item: &Evidence) -> (Sources, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = Sources { evidence: item.id, sources: Vec::new() };
    for line in lines(item, &mut unmodelled) {
        let source = csv_source(&line).or_else(|| row_source(&line));
        match source {
            Some(source) => out.sources.push(source),
            None if line.is_blank() || is_frame(line.text) => {}
            None if unmodelled.len() < MOST_GAPS => unmodelled.push(line.unmodelled("no source")),
            None => {}
        }
    }
    (out, unmodelled)
}

/// Header, rule, and the picture that `-v` draws.
fn is_frame(text: &str) -> bool {
    text.starts_with("MS Name")
        || text.starts_with("===")
        || text.starts_with("||")
        || text.starts_with("| ")
        || text.starts_with("  .--")
        || text.starts_with(" / .-")
        || text.starts_with("210 Number of sources")
}

fn row_source(line: &Line<'_>) -> Option<Source> {
    let mut letters = line.text.chars();
    let (mode, state) = (letters.next().filter(|mode| "^=#".contains(*mode))?, letters.next()?);
    let mut words = line.text.get(2..)?.split_ascii_whitespace();
    let name = line.told(words.next()?);
    let stratum = words.next()?.parse().ok();
    words.next()?;
    let reach = words.next().and_then(|reach| u32::from_str_radix(reach, 8).ok());
    Some(Source { mode, state, name, stratum, reach })
}

fn csv_source(line: &Line<'_>) -> Option<Source> {
    let fields: Vec<&str> = line.text.split(',').collect();
    let [mode, state, name, stratum, _, reach, ..] = fields[..] else { return None };
    if fields.len() != SOURCE_FIELDS || !["^", "=", "#"].contains(&mode) {
        return None;
    }
    let state = state.chars().next()?;
    let reach = u32::from_str_radix(reach, 8).ok();
    Some(Source { mode: mode.chars().next()?, state, name: line.told(name), stratum: stratum.parse().ok(), reach })
}

fn is_csv(sniff: &Sniff<'_>, count: usize) -> bool {
    let lines = head_lines(sniff);
    let Some(first) = lines.first() else { return false };
    let fields: Vec<&str> = first.split(',').collect();
    let is_id = fields[0].len() == 8 && fields[0].bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_mode = ["^", "=", "#"].contains(&fields[0]);
    fields.len() == count && if count == TRACKING_FIELDS { is_id } else { is_mode }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::evidence;
    use super::*;

    /// chronyc(1), tracking and sources; the CSV of the same by client.c.
    const TEXT: &str = "Reference ID    : CB00710F (ntp1.example.net)\nStratum         : 3\nRef time (UTC)  : Fri Jan 27 09:49:17 2017\n\
        System time     :  0.000006523 seconds slow of NTP time\nLast offset     : -0.000006747 seconds\nRMS offset      : 0.000035822 seconds\n\
        Frequency       : 3.225 ppm slow\nResidual freq   : -0.000 ppm\nSkew            : 0.129 ppm\nRoot delay      : 0.013639022 seconds\n\
        Root dispersion : 0.001100737 seconds\nUpdate interval : 64.2 seconds\nLeap status     : Normal\n";
    const CSV: &str = "CB00710F,ntp1.example.net,3,1485510557.000000000,0.000006523,-0.000006747,0.000035822,-3.225,-0.000,0.129,0.013639022,0.001100737,64.2,Normal\n";

    #[test]
    fn both_forms_of_tracking_say_the_same() {
        let (text, unmodelled) = read_tracking(&evidence(TEXT));
        let (csv, _) = read_tracking(&evidence(CSV));
        assert_eq!(unmodelled, []);
        for read in [&text, &csv] {
            assert_eq!(read.system_time_s.as_ref().unwrap().value, -0.000_006_523);
            assert_eq!((read.frequency_ppm.as_ref().unwrap().value, read.stratum.as_ref().unwrap().value), (-3.225, 3));
            // `date -u -d '2017-01-27 09:49:17' +%s`
            let time = read.reference_time.as_ref().unwrap().value.known().and_then(Moment::utc);
            assert_eq!(time.unwrap().0, 1_485_510_557_000_000);
            assert_eq!(read.leap.as_ref().unwrap().value, "Normal");
        }
    }

    #[test]
    fn sources_have_state_and_reach() {
        let text = "MS Name/IP address         Stratum Poll Reach LastRx Last sample\n===============\n\
            #* GPS0                          0   4   377    11   -479ns[ -621ns] +/-  134ns\n\
            ^? foo.example.net               2   6     0    23   -923us[ -924us] +/-   43ms\n";
        let (read, unmodelled) = read_sources(&evidence(text));
        assert_eq!((read.sources.len(), unmodelled), (2, vec![]));
        assert_eq!((read.sources[0].state, read.sources[0].reach, read.sources[1].reach), ('*', Some(0o377), Some(0)));
        let (read, _) = read_sources(&evidence("^,*,192.0.2.1,2,6,377,23,-0.000923,-0.000924,0.043\n"));
        assert_eq!(read.sources[0].name.value, "192.0.2.1");
    }
}
