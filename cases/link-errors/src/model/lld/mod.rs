//! LLVM's lld: members of archives are lazy, whoever asks for one of their symbols strongly takes them, before or after; libraries are
//! judged at the end.
//!
//! Mirrors lld/ELF of LLVM 19 (Symbols.cpp, InputFiles.cpp, Driver.cpp, Relocations.cpp, Writer.cpp). Where 14 differs it says so.

mod finish;
mod link;
mod resolve;
mod table;

pub(super) use link::simulate;
