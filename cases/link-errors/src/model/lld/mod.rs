//! LLVM's lld: members of archives are lazy, whoever asks for one of their symbols strongly takes them, before or after; libraries are
//! judged at the end.
//!
//! Mirrors lld/ELF of LLVM 19 and 22 (Symbols.cpp, InputFiles.cpp, Driver.cpp, SymbolTable.cpp, MarkLive.cpp, Relocations.cpp, Writer.cpp),
//! and of 14 where that differs. For 15 to 18, 20 and 21 the changes between were read, not run.
//!
//! Three things are left open, and the outcome says so: a common symbol that `--wrap` leaves without a place (`llvm_unreachable` in
//! `Symbol::getVA`: some builds write it as undefined, others end by a signal), `__rela_iplt_start` without `__rela_iplt_end` beside
//! shared objects (`Writer::setReservedSymbolSections` takes the second for granted), and in lld 14 an ordinary relocation of a
//! thread-local symbol (`X86_64::relaxTlsIeToLe` looks at the instruction).

mod check;
mod gc;
mod link;
mod read;
mod rename;
mod report;
mod resolve;
mod special;
mod table;
#[cfg(test)]
mod tests;
mod versions;

pub(super) use link::simulate;
