//! What is random, and what only looks so.

use siphasher::sip::SipHasher24;

use super::Window;

/// Key of the hash (`timer_get_fixed_delay_hash`, src/core/timer.c).
const KEY: [u8; 16] = [0x51, 0x0a, 0xdb, 0x76, 0x29, 0x51, 0x42, 0xc2, 0x80, 0x35, 0xea, 0xe6, 0x8e, 0x3a, 0x37, 0xbd];

/// The number a fixed delay or offset is made of, modulo its length: the same for a unit of a machine for ever.
pub fn fixed_hash(machine_id: &[u8; 16], user: Option<u32>, unit: &str) -> u64 {
    let mut bytes = machine_id.to_vec();
    bytes.push(u8::from(user.is_none()));
    bytes.extend(user.unwrap_or(0).to_le_bytes());
    bytes.extend(unit.as_bytes());
    SipHasher24::new_with_key(&KEY).hash(&bytes)
}

/// Where random numbers come from.
#[derive(Clone, Debug)]
pub enum Draw {
    /// From all seeds at once: a number below `n` is the window from 0 to `n - 1`.
    All,
    /// From one seed (SplitMix64).
    Seed(u64),
}

impl Draw {
    /// A number below `most`, or all of them.
    pub fn below(&mut self, most: u64) -> Window {
        match self {
            _ if most == 0 => Window::at(0),
            Draw::All => Window { lo: 0, hi: most - 1 },
            Draw::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                Window::at((z ^ (z >> 31)) % most)
            }
        }
    }

    /// One instant of a window, or all of them.
    pub fn of(&mut self, window: Window) -> Window {
        let offset = self.below(window.hi - window.lo + 1);
        Window { lo: window.lo + offset.lo, hi: window.lo + offset.hi }
    }
}

/// When an event source wakes that may sleep from `next` to `next` and `accuracy_us` more (`sleep_between`,
/// src/libsystemd/sd-event/sd-event.c): at the latest instant that has the boot's own place in a minute, else in ten seconds, a
/// second, a quarter of a second. Where that place is not known, and another wakeup in between comes first, it is a window.
pub(super) fn wakes(next: Window, accuracy_us: u64, place_us: Option<u64>) -> Window {
    const QUARTER_US: u64 = 250_000;
    const STEPS_US: [u64; 4] = [60_000_000, 10_000_000, 1_000_000, QUARTER_US];
    if accuracy_us <= 1 {
        return next;
    }
    if let (Some(place_us), true) = (place_us, next.is_point()) {
        let (from, to) = (next.lo, next.lo.saturating_add(accuracy_us));
        let aligned = STEPS_US.iter().find_map(|step| {
            let at = to / step * step + place_us % step;
            let at = if at >= to { at.checked_sub(*step)? } else { at };
            (at >= from).then_some(at)
        });
        return Window::at(aligned.unwrap_or(to));
    }
    let late_us = if accuracy_us >= QUARTER_US { accuracy_us - 1 } else { accuracy_us };
    Window { lo: next.lo, hi: next.hi.saturating_add(late_us) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured on systemd 252, 257 and 262: machine-id 0123…, timers with 6 h.
    #[test]
    fn fixed_delays_as_systemd_makes_them() {
        let id: [u8; 16] = std::array::from_fn(|i| [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef][i % 8]);
        let at = |unit| 2 * 3600 + fixed_hash(&id, None, unit) % 21_600_000_000 / 1_000_000;
        // 04:51:41, 04:34:06 and 06:05:18, of 02:00 and up to six hours.
        assert_eq!(at("fx.timer"), 4 * 3600 + 51 * 60 + 41);
        assert_eq!(at("rd.timer"), 4 * 3600 + 34 * 60 + 6);
        assert_eq!(at("ro.timer"), 6 * 3600 + 5 * 60 + 18);
    }

    #[test]
    fn a_wakeup_has_the_boots_own_place() {
        let all = wakes(Window::at(120_000_000), 60_000_000, None);
        for place in [0, 1, 29_999_999, 59_999_999] {
            let one = wakes(Window::at(120_000_000), 60_000_000, Some(place));
            assert_eq!(one, Window::at(120_000_000 + place));
            assert!(all.holds(one.lo));
        }
        // Five seconds reach no place in a minute: the next finer one is taken.
        assert_eq!(wakes(Window::at(120_000_000), 5_000_000, Some(33_250_000)), Window::at(123_250_000));
    }

    #[test]
    fn all_seeds_hold_one() {
        let (mut all, mut one) = (Draw::All, Draw::Seed(7));
        for most in [1, 2, 1000] {
            let (all, one) = (all.below(most), one.below(most));
            assert!(one.is_point() && all.holds(one.lo));
        }
    }
}
