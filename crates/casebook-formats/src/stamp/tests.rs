use proptest::prelude::*;

use super::*;

fn utc(text: &str) -> Option<(u64, u64)> {
    match moment(text)? {
        Moment::Utc { at, precision } => Some((at.0, precision.0)),
        Moment::Local { .. } => None,
    }
}

/// `date -u -d 2026-11-23T02:00:00Z +%s` is 1795399200.
#[test]
fn points_in_time_are_read_in_every_form() {
    let at = 1_795_399_200_000_000;
    for text in [
        "Mon 2026-11-23 02:00:00 UTC",
        "2026-11-23 02:00:00 UTC",
        "2026-11-23T02:00:00Z",
        "2026-11-23T03:00:00+0100",
        "2026-11-23T03:00:00+01:00",
        "2026-11-22 22:30:00 -0330",
        "@1795399200",
        "Mon 2026-11-23 05:00:00 +03",
        "Mon Nov 23 02:00:00 2026 UTC",
        "Mon Nov 23 02:00:00 UTC 2026",
        "Mon Nov 23 02:00:00 GMT 2026",
    ] {
        assert_eq!(utc(text), Some((at, 1_000_000)), "{text}");
    }
    assert_eq!(utc("Mon 2026-11-23 02:00:00.000007 UTC"), Some((at + 7, 1)));
    assert_eq!(utc("2026-11-23 03:00:00.123456789 +0100"), Some((at + 123_456, 1)));
    assert_eq!(utc("@1795399200.25"), Some((at + 250_000, 10_000)));
    assert_eq!(utc("1795399200.000042"), Some((at + 42, 1)));
}

/// systemctl prints the abbreviation of the local zone; which one it is cannot be told.
#[test]
fn an_abbreviation_leaves_the_zone_open() {
    let Some(Moment::Local { civil, zone, precision }) = moment("Mon 2026-11-23 03:00:00 CET") else { panic!() };
    assert_eq!((zone, precision.0), (ZoneName::Abbreviation("CET".into()), 1_000_000));
    assert_eq!(civil.at_offset(3600), Some(RealtimeUs(1_795_399_200_000_000)));
    let Some(Moment::Local { civil, zone, .. }) = moment("Nov 26 00:00:09") else { panic!() };
    assert_eq!((civil.year, civil.month, civil.day, zone), (None, 11, 26, ZoneName::Unsaid));
    assert_eq!(civil.at_offset(0), None);
}

#[test]
fn what_is_no_time_is_none() {
    for text in
        ["", "n/a", "-", "infinity", "Mon 2026-13-23 02:00:00 UTC", "2026-02-30 02:00:00 UTC", "1795399200", "x"]
    {
        assert_eq!(moment(text), None, "{text}");
    }
}

#[test]
fn a_time_ends_where_the_line_goes_on() {
    let (read, length) = moment_at("Nov 26 00:00:09 host systemd[1]: x").unwrap();
    assert!(matches!(read, Moment::Local { .. }) && length == 15);
    let (read, length) = moment_at("Wed 2026-11-25 09:48:45 UTC epsilon systemd[1]: x").unwrap();
    assert!(matches!(read, Moment::Utc { .. }) && length == 27);
    // A host in capitals is no zone of a time of `short`, which has none.
    assert_eq!(moment_at("Nov 26 00:00:09 HOST systemd[1]: x").unwrap().1, 15);
}

/// Values of systemd 252: `systemd-analyze timespan`, and outputs of `systemctl show`.
#[test]
fn spans_are_read_as_systemd_prints_them() {
    for (text, us) in [
        ("0", 0),
        ("1d 9.144s", 86_409_144_000),
        ("5min", 300_000_000),
        ("1min 30s", 90_000_000),
        ("1month 2d", 2_629_800_000_000 + 172_800_000_000),
        ("1y 1w", 31_557_600_000_000 + 604_800_000_000),
        ("2h 3min 4.000005s", 7_384_000_005),
        ("250ms", 250_000),
        ("1.234ms", 1_234),
        ("17us", 17),
        ("infinity", u64::MAX),
    ] {
        assert_eq!(time_span(text), Some(SpanUs(us)), "{text}");
    }
    for text in ["", "n/a", "1 parsec", "s", "1..2s", "99999999999999999999s"] {
        assert_eq!(time_span(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn dates_go_there_and_back(us in 0u64..253_402_300_800_000_000) {
        prop_assert_eq!(Civil::of(RealtimeUs(us)).at_offset(0), Some(RealtimeUs(us)));
        prop_assert!(Civil::of(RealtimeUs(us)).is_valid());
    }

    #[test]
    fn no_text_is_too_much(text in ".{0,40}", digits in "[0-9:. +@TZA-Za-z-]{0,40}") {
        for text in [text, digits] {
            if let Some((_, length)) = moment_at(&text) {
                prop_assert!(text.is_char_boundary(length));
            }
            let _ = time_span(&text);
        }
    }
}
