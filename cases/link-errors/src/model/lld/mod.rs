//! LLVM's lld: members of archives are lazy, whoever asks for one of their symbols strongly takes them, before or after; libraries are
//! judged at the end.
//!
//! Mirrors lld/ELF of LLVM 19 and 22 (Symbols.cpp, InputFiles.cpp, Driver.cpp, SymbolTable.cpp, MarkLive.cpp, Relocations.cpp, Writer.cpp),
//! and of 14 where that differs.

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
