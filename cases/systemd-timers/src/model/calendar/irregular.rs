//! Where the clock's own changes take elapses away: hours that do not exist, and hours that come twice and count once.

use super::{Spec, SpecZone, Walk};
use crate::model::time::{Realtime, SECOND_US, Zone};
use crate::model::version::Version;

/// What a change of the zone does to a specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The clock jumps forward over times at which it would elapse.
    Gap,
    /// The clock goes back, and times at which it elapses come twice; it elapses at the first.
    Fold,
}

/// Elapses a change of the zone takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Irregular {
    /// Seconds since 1970 at which the zone changes.
    pub at_s: i64,
    /// Which way.
    pub change: Change,
    /// The first time concerned, as a wall clock shows it: seconds since 1970-01-01 00:00:00 there.
    pub first_wall_s: i64,
    /// Number of elapses that do not exist, or do not come a second time.
    pub count: u32,
}

/// Elapses that are counted of one change.
const MOST: u32 = 10_000;

/// The changes in `from..to` (seconds since 1970) that take elapses away.
pub fn irregular(spec: &Spec, manager: &Zone, from_s: i64, to_s: i64) -> Vec<Irregular> {
    let zone = spec.zone(manager);
    // On a clock that never changes the specification elapses at every time it names.
    let steady = Spec { zone: SpecZone::Utc, ..spec.clone() };
    let mut walk = Walk::new(&steady, Zone::utc_ref(), Realtime(0), Version::NEWEST);
    let mut out = Vec::new();
    for (at_s, before_s, after_s) in zone.changes(from_s, to_s) {
        let (low, high) = (at_s + before_s.min(after_s), at_s + before_s.max(after_s));
        let (Ok(low_us), Ok(high_us)) = (u64::try_from(low), u64::try_from(high)) else { continue };
        let mut base = Realtime((low_us * SECOND_US).saturating_sub(1));
        let (mut first, mut count) = (None, 0);
        while count < MOST {
            let Some(found) = walk.after(base).ok().filter(|found| found.0 < high_us * SECOND_US) else { break };
            first.get_or_insert(found.seconds());
            (base, count) = (found, count + 1);
        }
        if let Some(first_wall_s) = first {
            let change = if after_s > before_s { Change::Gap } else { Change::Fold };
            out.push(Irregular { at_s, change, first_wall_s, count });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hours_of_berlin() {
        struct None_;
        impl super::super::ZoneSource for None_ {
            fn zone(&self, _: &str) -> Option<std::sync::Arc<Zone>> {
                None
            }
        }
        let berlin = Zone::bundled("Europe/Berlin").unwrap();
        let found = |text: &str| {
            let spec = super::super::parse(text, &berlin, 0, &None_).unwrap();
            let found = irregular(&spec, &berlin, 1_735_689_600, 1_767_225_600);
            found.into_iter().map(|one| (one.change, one.count)).collect::<Vec<_>>()
        };
        assert_eq!(found("02:30"), [(Change::Gap, 1), (Change::Fold, 1)]);
        assert_eq!(found("04:00"), []);
        assert_eq!(found("*:0/15"), [(Change::Gap, 4), (Change::Fold, 4)]);
        assert_eq!(found("02:30 UTC"), []);
    }
}
