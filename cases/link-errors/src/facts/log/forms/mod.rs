//! The forms of messages, one table a linker; each row names where the linker prints it.
//!
//! Versions: binutils 2.22 to 2.40, lld 10 to 22, mold 1.0 to 2.42, wild 0.10, GCC 4 to 15, clang 10 to 22, rustc 1.60 to 1.95.

mod bfd;
mod driver;
mod gold;
mod lld;
mod mold;
mod wild;

pub(super) use bfd::{BFD, BFD_BARE};
pub(super) use driver::DRIVER;
pub(super) use gold::{GOLD, GOLD_BARE};
pub(super) use lld::{ARROWS, Arrow, LLD};
pub(super) use mold::MOLD;
pub(super) use wild::WILD;

use super::message::{Kind, Linkers, Severity};

/// One form of message.
pub(super) struct Form {
    /// The form, see [`super::pattern`].
    pub text: &'static str,
    /// What it is about.
    pub kind: Kind,
    /// How bad it is, where no word of the message says so.
    pub severity: Severity,
    /// Who prints it.
    pub linkers: Linkers,
    /// What follows in the next lines.
    pub then: Then,
}

/// What may follow a first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    End,
    /// ld.bfd: the messages that follow are in this function.
    Function,
    /// ld.bfd: `FILE: error adding symbols: DSO missing from command line`.
    Dso,
    /// ld.bfd before 2.35: `PLACE: first defined here`.
    First,
    /// gold: `FILE: previous definition here`.
    Previous,
    /// gold: indented lines on the section group.
    Group,
    /// lld and mold: lines that begin with `>>>`.
    Arrows,
    /// wild: indented lines with places or causes.
    Indented,
    /// wild: the lines to the next empty one.
    Block,
    /// mold: a line that points into the one above it, and says what is wrong there.
    Caret,
    /// It belongs to the message before it, and has no life of its own.
    Continues,
}

/// Bare rows: `row("FORM", Kind::…, Severity::…)`, printed by these linkers and with nothing behind them.
const fn row(text: &'static str, kind: Kind, severity: Severity, linkers: Linkers) -> Form {
    Form { text, kind, severity, linkers, then: Then::End }
}

impl Form {
    const fn then(self, then: Then) -> Form {
        Form { text: self.text, kind: self.kind, severity: self.severity, linkers: self.linkers, then }
    }
}
