//! mold: all files are read and all definitions ranked before anything is taken from an archive; a member is taken when a file that is
//! part of the link asks for a symbol that ranks best there, and then names are resolved anew among the files that were taken.
//!
//! The mechanism is `elf_main` (mold 1.10.1, elf/elf-main.cc), `mold_main` (2.42.0, src/main.cc); what differs between releases is in
//! [`release`]. Not modelled: relocations that need code to be compiled otherwise ("recompile with -fPIC"), whose
//! kinds the input does not tell apart.

mod collect;
mod export;
mod link;
mod outcome;
mod read;
mod release;
mod report;
mod resolve;
mod shared;
mod table;
#[cfg(test)]
mod tests;

pub(super) use link::simulate;
