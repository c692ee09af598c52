//! The clocks of this machine, and what stays the same while it is up.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use casebook_core::watch::{Machine, Moment};

/// Now, by three clocks (clock_gettime(2)).
pub fn now() -> Moment {
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (monotonic_us, boottime_us) = since_start();
    Moment { realtime_us: u64::try_from(realtime.as_micros()).unwrap_or(u64::MAX), monotonic_us, boottime_us }
}

#[cfg(target_os = "linux")]
fn since_start() -> (u64, u64) {
    use nix::time::{ClockId, clock_gettime};
    let us = |clock: ClockId| {
        let time = clock_gettime(clock).map(std::time::Duration::from).unwrap_or_default();
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    };
    (us(ClockId::CLOCK_MONOTONIC), us(ClockId::CLOCK_BOOTTIME))
}

#[cfg(not(target_os = "linux"))]
fn since_start() -> (u64, u64) {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let us = u64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX);
    (us, us)
}

/// This machine.
pub fn machine() -> Machine {
    let line = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    Machine {
        kernel: line("/proc/sys/kernel/osrelease"),
        boot_id: line("/proc/sys/kernel/random/boot_id"),
        page_bytes: page_bytes(),
        // Those of the machine, where it says how many; a recorder may be bound to fewer.
        cpus: online(&line("/sys/devices/system/cpu/online")).unwrap_or(cpus as u64),
    }
}

#[cfg(target_os = "linux")]
fn page_bytes() -> u64 {
    // AT_PAGESZ of the auxiliary vector (getauxval(3)), of pairs of machine words.
    const AT_PAGESZ: u64 = 6;
    const WORD: usize = size_of::<usize>();
    let vector = fs::read("/proc/self/auxv").unwrap_or_default();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default() as u64;
    let pairs = vector.chunks_exact(2 * WORD).map(|pair| (word(&pair[..WORD]), word(&pair[WORD..])));
    pairs.into_iter().find(|(kind, _)| *kind == AT_PAGESZ).map_or(4096, |(_, value)| value)
}

#[cfg(not(target_os = "linux"))]
fn page_bytes() -> u64 {
    4096
}

/// How many processors `0-3,6` names (Documentation/admin-guide/cputopology.rst).
fn online(list: &str) -> Option<u64> {
    list.split(',').try_fold(0_u64, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_in_ranges() {
        assert_eq!(online("0-3,6"), Some(5));
        assert_eq!(online("0"), Some(1));
        assert_eq!(online(""), None);
        assert_eq!(online("3-1"), None);
    }

    #[test]
    fn a_page_is_a_power_of_two_and_the_clocks_go_on() {
        assert!(machine().page_bytes.is_power_of_two());
        let (first, second) = (now(), now());
        assert!(second.monotonic_us >= first.monotonic_us && second.boottime_us >= first.boottime_us);
    }
}
