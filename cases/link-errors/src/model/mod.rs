//! The mechanism, executable. No I/O, clock, randomness, threads or environment: the linker and its version are arguments.

mod bfd;
pub mod causes;
pub mod chain;
pub mod definitions;
pub mod edges;
pub mod edit;
mod gold;
#[cfg(test)]
mod handmade;
pub mod input;
pub mod known;
pub mod liveness;
mod lld;
mod mold;
pub mod names;
pub mod outcome;
pub mod reserved;
pub mod script;
pub mod spelling;
pub mod why;
mod wild;

use input::Program;
use outcome::{Linker, LinkerKind, Outcome};

/// What a linker makes of a link.
pub fn simulate(program: &Program, linker: Linker) -> Outcome {
    match linker.kind {
        LinkerKind::Bfd => bfd::simulate(program, linker),
        LinkerKind::Gold => gold::simulate(program, linker),
        LinkerKind::Lld => lld::simulate(program, linker),
        LinkerKind::Mold => mold::simulate(program, linker),
        LinkerKind::Wild => wild::simulate(program, linker),
    }
}
