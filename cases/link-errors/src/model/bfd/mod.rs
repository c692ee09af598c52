//! GNU ld: files strictly from left to right, archives once, libraries under `--as-needed` tried and undone.
//!
//! Mirrors binutils 2.40: bfd/elflink.c, bfd/linker.c, ld/ldelf.c, ld/ldlang.c.

mod add;
mod archive;
mod closure;
mod dynamic;
mod gc;
mod link;
mod load;
mod merge;
mod order;
mod relocs;
mod report;
mod statements;
mod table;
#[cfg(test)]
mod tests;

pub(super) use link::simulate;
