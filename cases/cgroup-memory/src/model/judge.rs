//! Why a limit killed: whether what could not be reclaimed reached it.

use super::charges::{Charges, Keys, charges};
use super::floor::{Floor, Part, Swap, floor, uncertainty_bytes};
use super::range::Range;

/// What the figures of one instant say of a kill at a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The floor reached the limit: nothing was left to take.
    Reached,
    /// With what had to be written first: writing back was too slow.
    Writeback,
    /// It did not: so much could have been taken, and was not.
    NotReached(Range),
    /// The figures leave it open; the keys that would tell.
    Open(Vec<&'static str>),
}

/// A limit and what stood against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Keys it was made from.
    pub keys: Keys,
    /// Charges by kind.
    pub charges: Charges,
    /// What could not be reclaimed.
    pub floor: Floor,
    /// The limit, bytes.
    pub limit: u64,
    /// How far figures of one instant can be off, bytes.
    pub slack: u64,
    /// Why.
    pub why: Why,
}

/// Processors assumed where the evidence does not tell; the figures of an OOM are read after the stocks were drained
/// (`drain_all_stock`), so few hold one again.
const CPUS: u64 = 4;

/// Part of a limit, in fiftieths, that reclaim leaves behind when it gives up: pages that are in use at that moment (isolated, locked,
/// just read, young executables). On 511 reports of the laboratory it was 0.1 % of the limit in the median, and below 1.3 % in 95 of 100
/// (benches/README.md).
const LEFT_BEHIND: u64 = 50;

/// Judges the figures of a kill.
pub fn judge(keys: Keys, swap: Swap, limit: u64, cpus: Option<u64>) -> Judged {
    let charges = charges(&keys);
    let floor = floor(&charges, swap);
    let slack = uncertainty_bytes(cpus.unwrap_or(CPUS), 4096).max(limit / LEFT_BEHIND).min(limit / 4);
    let needed = limit.saturating_sub(slack);
    let dirty = floor.part(Part::DirtyCache);
    // What is in no key is on its way, or in stocks: where nothing else is left to take, the limit is reached all the same.
    let nothing_left = floor.bytes.hi >= needed && floor.reclaimable_bytes().hi <= slack;
    let why = if floor.bytes.lo >= needed || nothing_left {
        Why::Reached
    } else if dirty.hi > slack
        && (floor.bytes.lo.saturating_add(dirty.lo) >= needed
            // A page that is written and dirty again is in both keys; where all keys are there, the sum of the two says enough.
            || floor.bytes.lo.saturating_add(dirty.hi) >= needed && missing(&keys, swap).is_empty())
    {
        Why::Writeback
    } else if floor.bytes.hi.saturating_add(dirty.hi) < needed {
        Why::NotReached(Range { lo: needed - floor.bytes.hi, hi: limit.saturating_sub(floor.bytes.lo) })
    } else {
        Why::Open(missing(&keys, swap))
    };
    Judged { keys, charges, floor, limit, slack, why }
}

/// Keys that would make the floor narrower.
fn missing(keys: &Keys, swap: Swap) -> Vec<&'static str> {
    let mut out = Vec::new();
    let mut ask = |is_missing: bool, name| {
        if is_missing {
            out.push(name);
        }
    };
    ask(keys.anon.is_none(), "anon");
    ask(keys.file.is_none(), "file");
    ask(keys.shmem.is_none(), "shmem");
    ask(keys.unevictable.is_none(), "unevictable");
    ask(keys.lru_file.is_none(), "inactive_file and active_file");
    ask(keys.file_dirty.is_none(), "file_dirty and file_writeback");
    ask(
        keys.kernel.is_none() && keys.kernel_parts.is_none(),
        "kernel (before 5.18: kernel_stack, pagetables, percpu, slab)",
    );
    ask(keys.slab_reclaimable.is_none(), "slab_reclaimable");
    ask(keys.sock.is_none(), "sock");
    ask(!swap.room.is_exact(), "memory.swap.max, memory.swap.current and SwapFree of /proc/meminfo");
    out
}

/// A limit that would have held, in bytes: a quarter more than the floor, in whole MiB. Whoever was killed had not got all it asked for.
pub fn limit_for(floor: Range) -> u64 {
    let more = floor.hi.saturating_add((floor.hi / 4).max(4 << 20));
    more.div_ceil(1 << 20).saturating_mul(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn full(shmem: u64, dirty: u64) -> Keys {
        Keys {
            current: Some(64 * MIB),
            anon: Some(20 * MIB),
            file: Some(44 * MIB),
            shmem: Some(shmem),
            kernel: Some(0),
            slab_reclaimable: Some(0),
            sock: Some(0),
            unevictable: Some(0),
            lru_file: Some(44 * MIB - shmem),
            file_dirty: Some(dirty),
            file_writeback: Some(0),
            ..Keys::default()
        }
    }

    #[test]
    fn tmpfs_reaches_the_limit_and_clean_cache_does_not() {
        let why = |keys| judge(keys, Swap::NONE, 64 * MIB, Some(1)).why;
        assert_eq!(why(full(44 * MIB, 0)), Why::Reached);
        assert!(matches!(why(full(0, 0)), Why::NotReached(left) if left.hi == 44 * MIB));
        assert_eq!(why(full(0, 44 * MIB)), Why::Writeback);
    }

    #[test]
    fn keys_that_are_missing_are_asked_for() {
        let keys = Keys {
            current: Some(4_294_836_224),
            anon: Some(1_820_000_000),
            file: Some(2_390_000_000),
            file_mapped: Some(84_000_000),
            ..Keys::default()
        };
        let judged = judge(keys, Swap::UNKNOWN, 4 << 30, None);
        let Why::Open(missing) = judged.why else { panic!("{:?}", judged.why) };
        assert!(missing.contains(&"shmem") && missing.contains(&"unevictable"), "{missing:?}");
    }

    #[test]
    fn the_proposed_limit_has_room_above_the_floor() {
        assert_eq!(limit_for(Range::exact(64 * MIB)), 80 * MIB);
    }
}
