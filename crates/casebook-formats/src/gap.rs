//! Stretches of a file that a reader could not take, kept up to a number.

use std::borrow::Cow;

/// A stretch that is not as the format wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What is wrong, in a few words.
    pub why: Cow<'static, str>,
}

/// Gaps that are kept; more are counted.
const MOST: usize = 256;

/// The gaps of one file, in the order they were met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    list: Vec<Gap>,
    unlisted: u64,
}

impl Gaps {
    /// One more.
    #[cold]
    pub fn add(&mut self, start: usize, end: usize, why: impl Into<Cow<'static, str>>) {
        if self.list.len() < MOST {
            self.list.push(Gap { start, end: end.max(start), why: why.into() });
        } else {
            self.unlisted += 1;
        }
    }

    /// The first of them, 256 at most.
    pub fn list(&self) -> &[Gap] {
        &self.list
    }

    /// How many there were beyond those.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// True when there was none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
