//! Trees of control groups as one piece of evidence: what `grep -r "" FOLDER` prints of the files that tell of memory.
//!
//! A live tree is read group by group on several threads ([`text`]). [`watch`] reads a tree again and again.

pub mod clock;
mod live;
mod locate;
mod names;
pub mod watch;

pub use live::{Text, text};
pub use locate::{Found, locate, locate_live};

/// Name of the kind such evidence has.
pub(crate) const KIND: &str = "cgroup-tree";
