//! Above `memory.high` a process sleeps whenever it returns to user space, the longer the further above it is
//! (`calculate_high_delay`, `__mem_cgroup_handle_over_high`, mm/memcontrol.c, since 5.4).
//!
//! With r = (usage - high) / high it sleeps 64 r² seconds for each batch of 64 pages it charged, two seconds at most, and not at all
//! below a hundredth of a second. So memory that reclaim cannot take grows slower and slower above `memory.high`, without end.

use super::super::floor::BATCH_PAGES;

/// `MEMCG_MAX_HIGH_DELAY_JIFFIES`
const MOST_US: u64 = 2_000_000;
/// Less is not slept.
const LEAST_US: u64 = 10_000;

/// How long one batch of pages takes, in microseconds, with so much used.
pub fn delay_us(high: u64, usage: u64) -> u64 {
    let Some(over) = usage.checked_sub(high) else { return 0 };
    // `MEMCG_DELAY_PRECISION_SHIFT` 20 and `MEMCG_DELAY_SCALING_SHIFT` 14: r² 2^40 / 2^34.
    let ratio = (u128::from(over) << 20) / u128::from(high.max(4096));
    let us = (ratio * ratio).saturating_mul(1_000_000) >> 34;
    match u64::try_from(us).unwrap_or(u64::MAX) {
        0..=LEAST_US => 0,
        us => us.min(MOST_US),
    }
}

/// How long it takes, in microseconds, to grow from one size to another by what cannot be reclaimed.
pub fn grow_us(high: u64, from: u64, to: u64) -> u64 {
    let batch = BATCH_PAGES * 4096;
    let (mut at, mut us) = (from.max(high), 0u64);
    while at < to {
        let one = delay_us(high, at);
        if one == MOST_US {
            // From here on every batch costs the most.
            return us.saturating_add((to - at).div_ceil(batch).saturating_mul(MOST_US));
        }
        us = us.saturating_add(one);
        at = at.saturating_add(batch);
    }
    us
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn growth_above_high_slows_down_to_two_seconds_a_batch() {
        assert_eq!(delay_us(40 * MIB, 40 * MIB), 0);
        // A tenth above: 0.64 s.
        assert_eq!(delay_us(40 * MIB, 44 * MIB) / 10_000, 63);
        assert_eq!(delay_us(40 * MIB, 80 * MIB), MOST_US);
        assert_eq!(grow_us(40 * MIB, 10 * MIB, 39 * MIB), 0);
        assert!(grow_us(40 * MIB, 36 * MIB, 56 * MIB) > 60_000_000);
        // 4 KiB above nothing: every batch costs the most, and the loop ends.
        assert!(grow_us(0, 0, 1 << 40) > 1_000_000);
    }
}
