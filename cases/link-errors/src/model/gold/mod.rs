//! GNU gold: files from left to right as GNU ld, but libraries are judged at the end, a definition of a shared object is never undone, and
//! every error is reported.
//!
//! Mirrors gold of binutils 2.40: resolve.cc, symtab.cc, archive.cc, object.cc, gc.h, target-reloc.h.

mod gc;
mod link;
mod read;
mod report;
mod resolve;
mod script;
mod special;
mod table;
#[cfg(test)]
mod tests;

pub(super) use link::simulate;
