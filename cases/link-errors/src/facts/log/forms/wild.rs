//! wild: `wild: error: `, an error and below it, indented, what caused it (libwild's error.rs). A cause can say more than its error.

use super::super::message::{Kind, Linkers, Severity};
use super::{Form, Then, row};
use Severity::{Error, Warning};

const fn wild(text: &'static str, kind: Kind, severity: Severity) -> Form {
    row(text, kind, severity, Linkers::WILD).then(Then::Indented)
}

/// Messages behind the linker's name and severity, and causes.
#[rustfmt::skip]
pub(crate) static WILD: &[Form] = &[
    // layout.rs report_undefined_symbol
    wild("Undefined symbol {symbol}, referenced by {detail}", Kind::Undefined, Error),
    wild("Undefined symbol {symbol}, referenced by", Kind::Undefined, Error),
    wild("undefined reference to `{symbol}` from {user}", Kind::UndefinedInShared, Error),
    // symbol_db.rs
    wild("Duplicate symbols detected: {symbol}, defined in {first} and {again}", Kind::Duplicate, Error),
    wild("Symbol {symbol} has undefined version {version}", Kind::VersionUndefined, Error),
    // input_data.rs, fs.rs
    wild("Couldn't find library `{library}` on library search path", Kind::LibraryMissing, Error),
    wild("Failed to open file referenced by thin archive `{file}`", Kind::MemberMissing, Error),
    wild("Failed to open input file `{file}`", Kind::FileMissing, Error),
    wild("Attempted static link of dynamic object {file}", Kind::StaticShared, Error),
    wild("`{file}` has incompatible architecture: {detail}", Kind::WrongMachine, Error),
    wild("Only 64 bit ELF is currently supported", Kind::WrongMachine, Error),
    wild("Couldn't identify file type starting with {detail}", Kind::NotAnObject, Error),
    wild("Input file is only {count} bytes", Kind::Damaged, Error),
    wild("Invalid ELF section header offset/size/alignment", Kind::Damaged, Error),
    wild("Invalid ELF {detail}", Kind::Damaged, Error),
    wild("Failed to parse object file `{file}`", Kind::Other, Error),
    wild("Failed process input `{file}`", Kind::Other, Error),
    wild("Failed to process `{file}`", Kind::Other, Error),
    wild("Failed to identify {file}", Kind::Other, Error),
    wild("Failed to activate {file}", Kind::Other, Error),
    wild("Failed to copy section `{section}` from file {user}", Kind::Other, Error),
    wild("Failed copying from {user} to output file", Kind::Other, Error),
    wild("Failed to apply relocations in section `{section}` of {user}", Kind::Other, Error),
    wild("Failed to open `{file}`", Kind::Output, Error),
    wild("Failed to read script", Kind::Script, Error),
    wild("Failed to read arguments from file `{file}`", Kind::FileMissing, Error),
    wild("Failed to parse linker script `{file}`:", Kind::Script, Error).then(Then::Block),
    wild("Failed to parse version script:", Kind::Script, Error).then(Then::Block),
    wild("Failed to parse symbol export list:", Kind::Script, Error).then(Then::Block),
    wild("Symbol `{symbol}' referenced by {_} does not exist", Kind::ScriptSymbol, Error),
    wild("Invalid archive {detail}", Kind::Damaged, Error),
    // linker_plugins.rs, elf.rs
    wild("Input file {file} contains {detail}", Kind::LtoPlugin, Error),
    wild("Found GCC LTO input that we didn't supply to linker plugin", Kind::LtoPlugin, Error),
    // elf_writer.rs, elf.rs
    wild("relocation {relocation} cannot be used when making {_}; {detail}", Kind::Relocation, Error),
    wild("relocation {relocation} cannot be used against symbol; {detail}", Kind::Relocation, Error),
    wild("Cannot apply relocation {relocation} to read-only section. {detail}", Kind::Relocation, Error),
    wild("Failed to apply relocation of type {relocation} to {detail}", Kind::RelocationRange, Error),
    wild("Relocation {_} outside of bounds {detail}", Kind::RelocationRange, Error),
    wild("cannot find entry symbol `{symbol}` and .text is empty, {detail}", Kind::EntryMissing, Warning),
    wild("cannot find entry symbol `{symbol}`, {detail}", Kind::EntryMissing, Warning),
    wild("{file}: requires executable stack, but -z execstack is not specified", Kind::ExecutableStack, Error),
    wild("-z {detail} is not yet supported", Kind::Option, Warning),
    wild("-m {detail} is not yet supported", Kind::Option, Error),
    wild("unrecognized option(s): {detail}", Kind::Option, Error),
    wild("Insufficient {detail}", Kind::Internal, Error),
    wild("Internal error: {detail}", Kind::Internal, Error),
];
