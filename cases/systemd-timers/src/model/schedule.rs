//! What a timer's own lines say of its future, whatever the machine does: how far apart its times are, what its delay does to
//! them.

use super::calendar::Walk;
use super::time::{DAY_US, Realtime, SECOND_US};
use super::timer::{Host, Timer, Window};

/// The times of a timer's calendar over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The first.
    pub first: Realtime,
    /// The shortest and the longest time between two that follow each other; `None` when there is one only.
    pub gap_us: Option<Window>,
    /// The pair that is closest.
    pub closest: Option<(Realtime, Realtime)>,
    /// A time whose delay can move it into another day of the zone, and the latest instant it can be moved to.
    pub other_day: Option<(Realtime, Realtime)>,
}

/// Times looked at.
const MOST: usize = 2000;

/// The schedule in the two years from an instant, of at most 2000 times; `None` when there is none.
pub fn schedule(timer: &Timer, host: &Host, from: Realtime) -> Option<Schedule> {
    let mut walks: Vec<Walk<'_>> = timer.specs().map(|spec| Walk::new(spec, &*host.zone, from, host.version)).collect();
    let mut next = |base: Realtime| walks.iter_mut().filter_map(|walk| walk.after(base).ok()).min();
    let first = next(from)?;
    let end = Realtime(from.0 + 2 * 366 * DAY_US);
    let mut found = Schedule { first, gap_us: None, closest: None, other_day: None };
    let mut at = first;
    for _ in 0..MOST {
        let latest = Realtime(at.0 + timer.random_us.max(1) - 1);
        if found.other_day.is_none() && day(host, at) != day(host, latest) {
            found.other_day = Some((at, latest));
        }
        let Some(after) = next(at).filter(|after| *after <= end) else { break };
        let gap = Window::at(after.0 - at.0);
        if found.gap_us.is_none_or(|known| gap.lo < known.lo) {
            found.closest = Some((at, after));
        }
        found.gap_us = Some(found.gap_us.map_or(gap, |known| known.hull(gap)));
        at = after;
    }
    Some(found)
}

/// The day of the zone, as a number.
fn day(host: &Host, at: Realtime) -> i64 {
    let at_s = (at.0 / SECOND_US) as i64;
    (at_s + host.zone.offset_s(at_s)).div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::calendar::{ZoneSource, parse};
    use crate::model::time::{HOUR_US, MINUTE_US, Zone};
    use crate::model::timer::Trigger;
    use crate::model::version::Version;

    struct NoZones;

    impl ZoneSource for NoZones {
        fn zone(&self, _: &str) -> Option<Arc<Zone>> {
            None
        }
    }

    #[test]
    fn gaps_and_midnight() {
        let host = Host { version: Version::V257, zone: Arc::new(Zone::utc()), machine_id: None, user: None };
        let of = |text: &str, random_us| {
            let spec = parse(text, &Zone::utc(), 0, &NoZones).unwrap();
            let timer = Timer { triggers: vec![Trigger::Calendar(spec)], random_us, ..Timer::new("t.timer") };
            schedule(&timer, &host, Realtime(1_799_586_000_000_000))
        };
        let found = of("*-*-* 6,18:00", 12 * HOUR_US).unwrap();
        assert_eq!(found.gap_us, Some(Window::at(12 * HOUR_US)));
        assert!(found.other_day.is_some());
        let found = of("02:30", 45 * MINUTE_US).unwrap();
        assert_eq!((found.gap_us, found.other_day), (Some(Window::at(DAY_US)), None));
        assert_eq!(of("2020-01-01", 0), None);
        assert_eq!(of("2027-06-01", 0).unwrap().gap_us, None);
    }
}
