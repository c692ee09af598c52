//! A recording under other settings: what would have been killed, slowed down, reclaimed or swapped.

use super::charges::{Keys, charges};
use super::engine::throttle::delay_us;
use super::floor::{Part, Swap, floor};

/// Settings to try; `None` keeps what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// `memory.max`; `Some(None)` is none.
    pub max: Option<Option<u64>>,
    /// `memory.high`.
    pub high: Option<Option<u64>>,
    /// Room in swap, in bytes.
    pub swap_bytes: Option<u64>,
}

/// One sample.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Time of day, microseconds since 1970.
    pub at_us: u64,
    /// What the group held.
    pub keys: Keys,
    /// Room in swap as recorded.
    pub swap: Swap,
    /// `memory.max` as recorded.
    pub max: Option<u64>,
    /// `memory.high` as recorded.
    pub high: Option<u64>,
}

/// What comes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Samples played.
    pub samples: u64,
    /// Highest floor, bytes, and when.
    pub peak: Option<(u64, u64)>,
    /// Highest charge, bytes.
    pub peak_current: u64,
    /// When the floor first exceeded the limit: time, floor, limit.
    pub killed: Option<(u64, u64, u64)>,
    /// When it may have: the bounds of the floor lie on both sides of the limit.
    pub open: Option<(u64, u64)>,
    /// Samples in which the floor was above `memory.high`, and the longest sleep for a batch of pages, microseconds.
    pub throttled: (u64, u64),
    /// Samples in which page cache had to be given up to fit, and the most of it, bytes.
    pub reclaimed: (u64, u64),
    /// The most that had to be in swap, bytes.
    pub swapped: u64,
}

impl Replay {
    /// Plays one sample under the trial. What was charged is taken to be what is asked for: a group with more room would have had more
    /// page cache, one with less has less, and neither changes the floor.
    pub fn step(&mut self, trial: &Trial, moment: &Moment) {
        self.samples += 1;
        let charges = charges(&moment.keys);
        let swap = trial.swap_bytes.map_or(moment.swap, |bytes| Swap { room: super::range::Range::exact(bytes) });
        let with = floor(&charges, swap);
        let max = trial.max.unwrap_or(moment.max);
        let high = trial.high.unwrap_or(moment.high);
        if self.peak.is_none_or(|(peak, _)| with.bytes.lo > peak) {
            self.peak = Some((with.bytes.lo, moment.at_us));
        }
        self.peak_current = self.peak_current.max(charges.all);
        if let Some(max) = max {
            if with.bytes.lo > max {
                self.killed = self.killed.or(Some((moment.at_us, with.bytes.lo, max)));
            } else if with.bytes.hi > max {
                self.open = self.open.or(Some((moment.at_us, max)));
            }
        }
        let bound = [max, high].into_iter().flatten().min();
        if let Some(over) = bound.and_then(|bound| charges.all.checked_sub(bound)).filter(|over| *over > 0) {
            let cache = with.part(Part::CleanCache).hi.saturating_add(with.part(Part::DirtyCache).hi);
            self.reclaimed = (self.reclaimed.0 + 1, self.reclaimed.1.max(over.min(cache)));
        }
        if let Some(high) = high {
            let delay = delay_us(high, with.bytes.lo);
            if delay > 0 {
                self.throttled = (self.throttled.0 + 1, self.throttled.1.max(delay));
            }
        }
        if let Some(bound) = bound {
            let dry = floor(&charges, Swap::NONE).bytes.lo;
            self.swapped = self.swapped.max(dry.saturating_sub(bound).min(with.part(Part::Swappable).hi));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn moment(at_us: u64, anon: u64, cache: u64) -> Moment {
        let keys = Keys {
            current: Some(anon + cache),
            anon: Some(anon),
            file: Some(cache),
            shmem: Some(0),
            kernel: Some(0),
            slab_reclaimable: Some(0),
            sock: Some(0),
            unevictable: Some(0),
            lru_file: Some(cache),
            file_dirty: Some(0),
            ..Keys::default()
        };
        Moment { at_us, keys, swap: Swap::NONE, max: Some(64 * MIB), high: None }
    }

    fn replay(trial: Trial) -> Replay {
        let mut replay = Replay::default();
        for (at, anon, cache) in [(1, 20, 40), (2, 40, 24), (3, 50, 10)] {
            replay.step(&trial, &moment(at, anon * MIB, cache * MIB));
        }
        replay
    }

    #[test]
    fn a_tighter_limit_kills_when_the_floor_is_above_it() {
        assert_eq!(replay(Trial::default()).killed, None);
        let tight = replay(Trial { max: Some(Some(45 * MIB)), ..Trial::default() });
        assert_eq!(tight.killed, Some((3, 50 * MIB, 45 * MIB)));
        assert_eq!(tight.reclaimed, (3, 19 * MIB));
        let swap = replay(Trial { max: Some(Some(45 * MIB)), swap_bytes: Some(10 * MIB), ..Trial::default() });
        assert_eq!((swap.killed, swap.swapped), (None, 5 * MIB));
        let high = replay(Trial { high: Some(Some(30 * MIB)), ..Trial::default() });
        assert_eq!((high.killed, high.throttled.0), (None, 2));
    }
}
