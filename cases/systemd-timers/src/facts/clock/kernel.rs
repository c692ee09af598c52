//! The kernel's own view of the clock, adjtimex(2): `adjtimex --print`, `ntptime`, or the fields of `struct timex` one a line.

use casebook_core::{Evidence, EvidenceId, Kind, Sniff, Span, Unmodelled};

use crate::facts::text::{Line, MOST_GAPS, Told, head_lines, lines};

/// `adjtimex --print`, `ntptime`.
pub static ADJTIMEX: Kind = Kind {
    name: "adjtimex",
    what: "output of `adjtimex --print` or `ntptime`, or the fields of adjtimex(2), one `name: value` a line",
    sniff,
    refers: None,
    comment: None,
};

/// `STA_UNSYNC` of adjtimex(2): nobody says that the clock is right.
const UNSYNC: u64 = 0x40;
/// `STA_NANO`: offsets are in nanoseconds.
const NANO: u64 = 0x2000;

/// What the kernel says.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelClock {
    /// Where.
    pub evidence: EvidenceId,
    /// Status bits.
    pub status: Option<Told<u64>>,
    /// What is still to be slewed, in microseconds.
    pub offset_us: Option<Told<f64>>,
    /// Frequency that is set, in ppm; positive makes the clock faster.
    pub frequency_ppm: Option<Told<f64>>,
    /// Largest error, in microseconds; 16 000 000 when nobody has synchronised it.
    pub max_error_us: Option<Told<u64>>,
    /// Length of a tick, in microseconds; 10 000 unless someone slews by it.
    pub tick_us: Option<Told<u64>>,
}

impl KernelClock {
    /// True when the clock is not synchronised.
    pub fn is_unsynchronised(&self) -> Option<bool> {
        self.status.as_ref().map(|status| status.value & UNSYNC != 0)
    }
}

/// Reads an output.
pub fn read(item: &Evidence) -> (KernelClock, Vec<Unmodelled>) {
    let mut unmodelled = Vec::new();
    let mut out = KernelClock {
        evidence: item.id,
        status: None,
        offset_us: None,
        frequency_ppm: None,
        max_error_us: None,
        tick_us: None,
    };
    let mut raw_offset: Option<(f64, Span)> = None;
    for line in lines(item, &mut unmodelled) {
        if line.is_blank() {
            continue;
        }
        if let Some((name, value)) = line.pair(':') {
            field(&mut out, &mut raw_offset, &line, name, value);
        } else if !ntptime(&mut out, &line) && unmodelled.len() < MOST_GAPS {
            unmodelled.push(line.unmodelled("no field of adjtimex"));
        }
    }
    if let Some((offset, span)) = raw_offset {
        let nanos = out.status.as_ref().is_some_and(|status| status.value & NANO != 0);
        out.offset_us = Some(Told::new(if nanos { offset / 1000.0 } else { offset }, span));
    }
    (out, unmodelled)
}

fn field(out: &mut KernelClock, offset: &mut Option<(f64, Span)>, line: &Line<'_>, name: &str, value: &str) {
    let span = line.part(value);
    let number = || value.split_ascii_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let whole = || {
        value
            .split_ascii_whitespace()
            .next()
            .and_then(|word| word.parse::<u64>().ok())
            .map(|number| Told::new(number, span))
    };
    match name {
        "status" => out.status = whole(),
        "offset" => *offset = number().map(|offset| (offset, span)),
        // In units of 2^-16 ppm.
        "freq" | "frequency" => out.frequency_ppm = number().map(|frequency| Told::new(frequency / 65_536.0, span)),
        "maxerror" => out.max_error_us = whole(),
        "tick" => out.tick_us = whole(),
        _ => {}
    }
}

/// `  offset 0.000 us, frequency 12.5 ppm, interval 1 s,` of ntptime; true when the line is one of its own.
fn ntptime(out: &mut KernelClock, line: &Line<'_>) -> bool {
    let text = line.text.trim_start();
    let own = [
        "ntp_gettime()",
        "ntp_adjtime()",
        "time ",
        "modes ",
        "offset ",
        "maximum error",
        "status ",
        "time constant",
        "intervals ",
    ];
    if !own.iter().any(|begin| text.starts_with(begin)) {
        return false;
    }
    for part in text.split(", ").map(|part| part.trim().trim_end_matches(',')) {
        let span = line.part(part);
        let number = |name: &str| part.strip_prefix(name)?.split_ascii_whitespace().next().map(str::to_owned);
        if let Some(value) = number("offset ") {
            out.offset_us = value.parse().ok().map(|value| Told::new(value, span)).or(out.offset_us.take());
        } else if let Some(value) = number("frequency ") {
            out.frequency_ppm = value.parse().ok().map(|value| Told::new(value, span));
        } else if let Some(value) = number("status 0x") {
            out.status = u64::from_str_radix(&value, 16).ok().map(|value| Told::new(value, span));
        } else if let Some(value) = number("maximum error ") {
            out.max_error_us = value.parse().ok().map(|value| Told::new(value, span));
        }
    }
    true
}

fn sniff(sniff: &Sniff<'_>) -> bool {
    let lines = head_lines(sniff);
    let has = |label: &str| {
        lines.iter().take(30).any(|line| line.split_once(':').is_some_and(|(name, _)| name.trim() == label))
    };
    let first = lines.iter().find(|line| !line.trim().is_empty());
    first.is_some_and(|line| line.starts_with("ntp_gettime() returns"))
        || has("maxerror") && has("esterror") && has("status") && (has("freq") || has("frequency"))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{evidence, text};
    use super::*;

    /// adjtimex(8) prints these names; the numbers are of the laboratory.
    #[test]
    fn fields_have_their_units() {
        let item = evidence(
            "         mode: 0\n       offset: 250000\n    frequency: 655360\n     maxerror: 16000000\n     esterror: 16000000\n\
            \x20      status: 8256\ntime_constant: 2\n    precision: 1\n    tolerance: 32768000\n         tick: 10000\n",
        );
        let (read, unmodelled) = read(&item);
        assert_eq!((read.is_unsynchronised(), unmodelled), (Some(true), vec![]));
        assert_eq!((read.frequency_ppm.unwrap().value, read.offset_us.unwrap().value), (10.0, 250.0));
        assert_eq!(text(&item, read.status.unwrap().span), "8256");
        assert!(sniff(&Sniff { path: "x", head: item.as_bytes(), whole: true }));
    }

    /// ntptime of ntpsec.
    #[test]
    fn ntptime_is_read_too() {
        let item = evidence(
            "ntp_gettime() returns code 5 (ERROR)\n  time ee0f6d41.9b4f6000  Thu, Jul 28 2026 12:00:01.606, (.606680),\n  maximum error 16000000 us, estimated error 16000000 us, TAI offset 0\n\
            ntp_adjtime() returns code 5 (ERROR)\n  modes 0x0 (),\n  offset 1.500 us, frequency -12.500 ppm, interval 1 s,\n\
            \x20 maximum error 16000000 us, estimated error 16000000 us,\n  status 0x40 (UNSYNC),\n  time constant 7, precision 1.000 us, tolerance 500 ppm,\n",
        );
        let (read, unmodelled) = read(&item);
        assert_eq!(
            (read.status.as_ref().unwrap().value, read.is_unsynchronised(), unmodelled),
            (0x40, Some(true), vec![])
        );
        assert_eq!((read.offset_us.unwrap().value, read.frequency_ppm.unwrap().value), (1.5, -12.5));
    }
}
