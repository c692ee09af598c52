//! Expected values are those of systemd 257.13's src/test/test-calendarspec.c, read into tables of our own.

use std::sync::Arc;

use super::{Never, Spec, Walk, ZoneSource, parse};
use crate::model::time::{Realtime, Zone};
use crate::model::version::Version;

struct Bundled;

impl ZoneSource for Bundled {
    fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        Zone::bundled(name).map(Arc::new)
    }
}

fn read(text: &str, zone: &Zone) -> Option<Spec> {
    parse(text, zone, 0, &Bundled).ok()
}

#[test]
fn specifications_in_normal_form() {
    let table = [
        ("Sat,Thu,Mon-Wed,Sat-Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00"),
        ("Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"),
        ("Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed-Wed,Wed *-1", "Wed *-*-01 00:00:00"),
        ("Wed, 17:48", "Wed *-*-* 17:48:00"),
        ("Wednesday,", "Wed *-*-* 00:00:00"),
        ("Wed..Sat,Tue 12-10-15 1:2:3", "Tue..Sat 2012-10-15 01:02:03"),
        ("*-*-7 0:0:0", "*-*-07 00:00:00"),
        ("10-15", "*-10-15 00:00:00"),
        ("monday *-12-* 17:00", "Mon *-12-* 17:00:00"),
        ("Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01,02,03 *:30:45"),
        ("12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"),
        ("mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"),
        ("03-05 08:05:40", "*-03-05 08:05:40"),
        ("05:40", "*-*-* 05:40:00"),
        ("Sat,Sun 08:05:40", "Sat,Sun *-*-* 08:05:40"),
        ("2003-03-05", "2003-03-05 00:00:00"),
        ("hourly", "*-*-* *:00:00"),
        ("weekly", "Mon *-*-* 00:00:00"),
        ("minutely", "*-*-* *:*:00"),
        ("quarterly", "*-01,04,07,10-01 00:00:00"),
        ("semi-annually", "*-01,07-01 00:00:00"),
        ("anually", "*-01-01 00:00:00"),
        ("*:2/3", "*-*-* *:02/3:00"),
        ("2015-10-25 01:00:00 uTc", "2015-10-25 01:00:00 UTC"),
        ("weekly Pacific/Auckland", "Mon *-*-* 00:00:00 Pacific/Auckland"),
        ("2016-03-27 03:17:00.4200005", "2016-03-27 03:17:00.420001"),
        ("2016-03-27 03:17:00/0.42", "2016-03-27 03:17:00/0.420000"),
        ("9..11,13:00,30", "*-*-* 09..11,13:00,30:00"),
        ("1..3-1..3 1..3:1..3", "*-01..03-01..03 01..03:01..03:00"),
        ("00:00:1.125..2.125", "*-*-* 00:00:01.125000..02.125000"),
        ("00:00:1.0..3.8", "*-*-* 00:00:01..03"),
        ("00:00:01/2,02..03", "*-*-* 00:00:01/2,02..03"),
        ("*:4,30:0/1", "*-*-* *:04,30:*"),
        ("*:4,30:0/1,3,5", "*-*-* *:04,30:*"),
        ("*-*~1 Utc", "*-*~01 00:00:00 UTC"),
        ("*-*~05,3 ", "*-*~03,05 00:00:00"),
        ("*-*~* 00:00:00", "*-*-* 00:00:00"),
        ("*:*:*", "*-*-* *:*:*"),
        ("12:*", "*-*-* 12:*:00"),
        ("93..00-*-*", "1993..2000-*-* 00:00:00"),
        ("*:20..39/5", "*-*-* *:20..35/5:00"),
        ("00:00:20..40/1", "*-*-* 00:00:20..40"),
        ("*~03/1,03..05", "*-*~03/1,03..05 00:00:00"),
        ("@1493187147", "2017-04-26 06:12:27 UTC"),
        ("@0 UTC", "1970-01-01 00:00:00 UTC"),
        ("*:05..05", "*-*-* *:05:00"),
        ("*:05..10/6", "*-*-* *:05:00"),
    ];
    for (text, normal) in table {
        let spec = read(text, &Zone::utc()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(spec.to_string(), normal, "{text}");
        assert_eq!(read(normal, &Zone::utc()).map(|spec| spec.to_string()).as_deref(), Some(normal));
    }
}

#[test]
fn specifications_systemd_refuses() {
    for text in [
        "test",
        " utc",
        "    ",
        "",
        "7",
        "121212:1:2",
        "2000-03-05.23 00:00:00",
        "2000-03-05 00:00.1:00",
        "00:00:00/0.00000001",
        "00:00:00.0..00.9",
        "2016~11-22",
        "*-*~5/5",
        "Monday.. 12:00",
        "Monday..",
        "-00:+00/-5",
        "00:+00/-5",
        "2016- 11- 24 12: 30: 00",
        "*~29",
        "*~16..31",
        "12..1/2-*",
        "20/4:00",
        "00:00/60",
        "00:00:2300",
        "00:00:18446744073709551615",
        "@88588582097858858",
        "*:4,30:*,5",
        "*:4,30:5,*",
        "*:4,30:*\n",
        "Sat..Mon",
        "0 2 * * *",
        "@-5",
        "Montag",
        "23/8:00",
    ] {
        let error = parse(text, &Zone::utc(), 0, &Bundled).expect_err(text);
        assert!(error.at.start <= error.at.end && error.at.end <= text.len(), "{text:?}: {error:?}");
    }
}

/// The next elapse in a zone (a name, a POSIX rule, or UTC), by the newest version.
fn next(text: &str, zone: &str, base: u64) -> Result<u64, Never> {
    let zone = match zone {
        "" => Zone::utc(),
        name if name.contains(',') => Zone::posix(name).unwrap(),
        name => Zone::bundled(name).unwrap(),
    };
    let spec = read(text, &zone).unwrap_or_else(|| panic!("{text}"));
    Walk::new(&spec, &zone, Realtime(base), Version::NEWEST).step().map(|at| at.0)
}

#[test]
fn next_elapses() {
    let table: &[(&str, &str, u64, u64)] = &[
        ("2016-03-27 03:17:00", "", 12345, 1459048620000000),
        ("2016-03-27 03:17:00", "Europe/Berlin", 12345, 1459041420000000),
        ("2016-03-27 03:17:00", "Europe/Helsinki", 12345, 0),
        ("2016-03-27 03:17:00 UTC", "Europe/Berlin", 12345, 1459048620000000),
        ("2016-03-27 03:17:00.420000001 UTC", "Europe/Helsinki", 12345, 1459048620420000),
        ("2016-03-27 03:17:00.4200005 UTC", "Europe/Helsinki", 12345, 1459048620420001),
        ("2015-11-13 09:11:23.42", "Europe/Helsinki", 12345, 1447398683420000),
        ("2015-11-13 09:11:23.42/1.77", "Europe/Helsinki", 1447398683420000, 1447398685190000),
        ("2015-11-13 09:11:23.42/1.77", "Europe/Helsinki", 1447398683419999, 1447398683420000),
        ("Sun 16:00:00", "Europe/Berlin", 1456041600123456, 1456066800000000),
        ("*-04-31", "", 12345, 0),
        ("2016-02~01 UTC", "", 12345, 1456704000000000),
        ("Mon 2017-05~01..07 UTC", "", 12345, 1496016000000000),
        ("Mon 2017-05~07/1 UTC", "", 12345, 1496016000000000),
        ("*-*-01/5 04:00:00 UTC", "", 1646010000000000, 1646107200000000),
        ("*-01/7-01 04:00:00 UTC", "", 1664607600000000, 1672545600000000),
        ("2017-08-06 9,11,13,15,17:00 UTC", "", 1502029800000000, 1502031600000000),
        ("2017-08-06 9..17/2:00 UTC", "", 1502029800000000, 1502031600000000),
        ("2016-12-* 3..21/6:00 UTC", "", 1482613200000001, 1482634800000000),
        ("2017-09-24 03:30:00 Pacific/Auckland", "", 12345, 1506177000000000),
        ("2017-09-24 02:30:00 Pacific/Auckland", "", 12345, 0),
        ("2017-04-02 02:30:00 Pacific/Auckland", "", 12345, 1491053400000000),
        ("2017-04-02 02:30:00 Pacific/Auckland", "", 1491053400000000, 0),
        ("2017-04-02 03:30:00 Pacific/Auckland", "", 12345, 1491060600000000),
        ("2017-09-09 20:42:00 Pacific/Auckland", "Europe/Helsinki", 12345, 1504946520000000),
        ("Sun *-*-* 01:00:00 Europe/Dublin", "", 1616412478000000, 1617494400000000),
        ("hourly", "IST-1GMT-0,M10.5.0/1,M3.5.0/1", 1743292800000000, 1743296400000000),
        ("*-*-1/11 23:00:00 UTC", "", 1763938800000000, 1764630000000000),
    ];
    for (text, zone, base, expected) in table {
        let expected = if *expected == 0 { Err(Never::Past) } else { Ok(*expected) };
        assert_eq!(next(text, zone, *base), expected, "{text} {zone}");
    }
}

#[test]
fn a_year_began_on_a_wrong_day_before_the_fix() {
    // systemd issue 40260: 252 goes to 12 January.
    let (zone, text) = (Zone::utc(), "*-*-1/11 23:00:00 UTC");
    let spec = read(text, &zone).unwrap();
    let next = |version, base| Walk::new(&spec, &zone, Realtime(base), version).step().unwrap().0;
    let base = 1_766_530_800_000_000; // 2025-12-23 23:00:00
    assert_eq!(next(Version::NEWEST, base), 1_767_308_400_000_000); // 2026-01-01 23:00:00
    assert!(next(Version::V252, base) > 1_767_308_400_000_000);
}

#[test]
fn a_gap_is_skipped_and_a_fold_elapses_once() {
    let berlin = Zone::bundled("Europe/Berlin").unwrap();
    let spec = read("02:30", &berlin).unwrap();
    let mut walk = Walk::new(&spec, &berlin, Realtime(1_743_200_000_000_000), Version::NEWEST);
    // 2025-03-29 01:30 UTC, then 2025-03-31 00:30 UTC: there is no 02:30 on the 30th.
    assert_eq!(walk.step().map(|at| at.0 / 1_000_000), Ok(1_743_211_800));
    assert_eq!(walk.step().map(|at| at.0 / 1_000_000), Ok(1_743_381_000));
    // 2025-10-26 00:30 UTC, then 2025-10-27 01:30 UTC.
    assert_eq!(walk.after(Realtime(1_761_400_000_000_000)).map(|at| at.0 / 1_000_000), Ok(1_761_438_600));
    assert_eq!(walk.step().map(|at| at.0 / 1_000_000), Ok(1_761_528_600));
}

#[test]
fn the_last_elapse_before_an_instant() {
    let utc = Zone::utc();
    for text in ["02:30", "*:0/7:3", "Mon *-*~1 04:00", "2020-01-01", "*:*:0.5/1"] {
        let spec = read(text, &utc).unwrap();
        let mut walk = Walk::new(&spec, &utc, Realtime(0), Version::NEWEST);
        let at = Realtime(1_750_000_000_123_456);
        let last = walk.last_until(at, Realtime(1_500_000_000_000_000)).unwrap();
        assert!(last <= at, "{text}");
        assert!(walk.after(last).is_err() || walk.after(last).unwrap() > at, "{text}");
        assert_eq!(walk.after(Realtime(last.0 - 1)), Ok(last), "{text}");
    }
}
