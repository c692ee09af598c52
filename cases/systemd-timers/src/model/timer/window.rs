//! A window of instants.

/// Every instant from `lo` to `hi`, both included, in microseconds of whatever clock it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The earliest.
    pub lo: u64,
    /// The latest.
    pub hi: u64,
}

impl Window {
    /// One instant.
    pub const fn at(at: u64) -> Window {
        Window { lo: at, hi: at }
    }

    /// From one instant to another; `hi` below `lo` is taken for `lo`.
    pub fn new(lo: u64, hi: u64) -> Window {
        Window { lo, hi: hi.max(lo) }
    }

    /// The smallest window that holds both.
    pub fn hull(self, other: Window) -> Window {
        Window { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// Both ends moved by `us`.
    pub fn shift(self, us: i64) -> Window {
        Window { lo: self.lo.saturating_add_signed(us), hi: self.hi.saturating_add_signed(us) }
    }

    /// The window of the sum of one instant of each.
    pub fn plus(self, other: Window) -> Window {
        Window { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }

    /// The window of the later of one instant of each.
    pub fn later(self, other: Window) -> Window {
        Window { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The window of the earlier of one instant of each.
    pub fn earlier(self, other: Window) -> Window {
        Window { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    /// The instants of both; `None` when there are none.
    pub fn meet(self, other: Window) -> Option<Window> {
        let both = Window { lo: self.lo.max(other.lo), hi: self.hi.min(other.hi) };
        (both.lo <= both.hi).then_some(both)
    }

    /// True when `at` is inside.
    pub fn holds(self, at: u64) -> bool {
        (self.lo..=self.hi).contains(&at)
    }

    /// True when it is one instant.
    pub fn is_point(self) -> bool {
        self.lo == self.hi
    }
}
