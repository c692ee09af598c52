//! Sizes that are known exactly, or only between two bounds. Unknown is a range, and it is carried through.

use std::ops::{Add, AddAssign};

/// So many bytes: at least `lo`, at most `hi`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// At least.
    pub lo: u64,
    /// At most.
    pub hi: u64,
}

impl Range {
    /// Nothing.
    pub const ZERO: Range = Range { lo: 0, hi: 0 };

    /// Exactly this.
    pub fn exact(bytes: u64) -> Self {
        Self { lo: bytes, hi: bytes }
    }

    /// Between the two; the larger is the upper bound.
    pub fn between(lo: u64, hi: u64) -> Self {
        Self { lo: lo.min(hi), hi: hi.max(lo) }
    }

    /// Up to this, and perhaps nothing.
    pub fn up_to(hi: u64) -> Self {
        Self { lo: 0, hi }
    }

    /// True when the two bounds are one.
    pub fn is_exact(self) -> bool {
        self.lo == self.hi
    }

    /// What is left when `other` is taken away, not below nothing.
    pub fn less(self, other: Range) -> Range {
        Range { lo: self.lo.saturating_sub(other.hi), hi: self.hi.saturating_sub(other.lo) }
    }

    /// The smaller of the two, whichever values they have.
    pub fn min(self, other: Range) -> Range {
        Range { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    /// What both allow; `self` when they contradict each other.
    pub fn meet(self, other: Range) -> Range {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        if lo <= hi { Range { lo, hi } } else { self }
    }

    /// Made wider by so much on both sides.
    pub fn wider(self, by: u64) -> Range {
        Range { lo: self.lo.saturating_sub(by), hi: self.hi.saturating_add(by) }
    }
}

impl Add for Range {
    type Output = Range;

    fn add(self, other: Range) -> Range {
        Range { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }
}

impl AddAssign for Range {
    fn add_assign(&mut self, other: Range) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Range {
    fn sum<I: Iterator<Item = Range>>(ranges: I) -> Range {
        ranges.fold(Range::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_stays_unknown() {
        let file = Range::exact(100);
        let shmem = Range::between(20, 60);
        assert_eq!(file.less(shmem), Range::between(40, 80));
        assert_eq!(shmem + Range::exact(1), Range::between(21, 61));
        assert_eq!(shmem.less(file), Range::ZERO);
        assert_eq!(shmem.meet(Range::up_to(30)), Range::between(20, 30));
        assert_eq!(shmem.meet(Range::exact(99)), shmem);
        assert_eq!(Range::exact(5).wider(7), Range::up_to(12));
    }
}
