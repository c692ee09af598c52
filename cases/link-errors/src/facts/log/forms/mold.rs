//! mold: `mold: error: `, `mold: fatal: ` and `mold: warning: ` (common/common.h, src/error.cc), with `>>>` lines like lld's.

use super::super::message::{Kind, Linkers, Severity};
use super::{Form, Then, row};
use Severity::{Error, Warning};

const fn mold(text: &'static str, kind: Kind, severity: Severity) -> Form {
    row(text, kind, severity, Linkers::MOLD).then(Then::Arrows)
}

/// Messages behind the linker's name and severity.
#[rustfmt::skip]
pub(crate) static MOLD: &[Form] = &[
    // passes.cc claim_unresolved_symbols before 1.4: the object stands in the line
    mold("undefined symbol: {user}: {symbol}", Kind::Undefined, Error),
    // passes.cc report_undef_errors
    row("undefined symbol: {symbol}", Kind::Undefined, Error, Linkers::LLD.or(Linkers::MOLD)).then(Then::Arrows),
    // passes.cc check_shlib_undefined of 2.x
    mold("{user}: --no-allow-shlib-undefined: undefined symbol: {symbol}", Kind::UndefinedInShared, Error),
    // input-sections.cc record_undef_error of 2.42
    mold("{place}: {symbol} refers to a discarded COMDAT section probably due to an ODR violation", Kind::Discarded, Error),
    // passes.cc check_duplicate_symbols
    mold("duplicate symbol: {again}: {first}: {symbol}", Kind::Duplicate, Error),
    mold("symbol type mismatch: {symbol}", Kind::SymbolChanged, Warning),
    mold("{file}: multiple common symbols: {symbol}", Kind::Common, Warning),
    // main.cc find_library, read_file; common.h MappedFile::must_open
    mold("library not found: {library}", Kind::LibraryMissing, Error),
    mold("cannot open {file}: {detail}", Kind::FileMissing, Error),
    mold("{file}: skipping incompatible file{detail}", Kind::Skipped, Warning),
    mold("{file}: incompatible file type: {detail}", Kind::WrongMachine, Error),
    mold("{file}: unknown machine type", Kind::WrongMachine, Error),
    mold("{file}: unknown file type", Kind::NotAnObject, Error),
    mold("{file}: not an ELF file", Kind::NotAnObject, Error),
    mold("{file}: file too small", Kind::Damaged, Error),
    mold("{file}: e_shoff or e_shnum corrupted: {detail}", Kind::Damaged, Error),
    mold("{file}: corrupted {detail}", Kind::Damaged, Error),
    mold("{file}: section header is out of range{detail}", Kind::Damaged, Error),
    mold("{file}: attempted static link of a dynamic object", Kind::StaticShared, Error),
    mold("{file}: shared object file in an archive is ignored", Kind::NotAnObject, Warning),
    // lto-unix.cc
    mold("{file}: don't know how to handle this LTO object file because no -plugin option was given{detail}", Kind::LtoPlugin, Error),
    mold("{file}: unable to handle this LTO object file because the -plugin option was not provided{detail}", Kind::LtoPlugin, Error),
    mold("{file}: not claimed by the LTO plugin; {detail}", Kind::LtoPlugin, Error),
    mold("could not open plugin file: {detail}", Kind::LtoPlugin, Error),
    // input-sections.cc, arch-x86-64.cc, mold.h
    mold("{place}: {relocation} relocation at offset {_} against symbol `{symbol}' can not be used; {detail}", Kind::Relocation, Error),
    mold("{place}: relocation at offset {_} against symbol `{symbol}' can not be used; {detail}", Kind::Relocation, Error),
    mold("{place}: relocation {relocation} against `{symbol}` can not be used when making a shared object; {detail}", Kind::Relocation, Error),
    mold("{place}: relocation {relocation} against {symbol} out of range: {detail}", Kind::RelocationRange, Error),
    mold("{place}: unknown relocation: {relocation}", Kind::Relocation, Error),
    mold("{place}: relocation against symbol `{symbol}' in read-only section", Kind::TextRelocation, Warning),
    mold("creating a DT_TEXTREL in an output file", Kind::TextRelocation, Warning),
    mold("{place}: cannot make copy relocation for protected symbol `{symbol}', defined in {definer}; {detail}", Kind::CopyRelocation, Error),
    mold("{file}: cannot create a copy relocation for protected symbol `{symbol}'; {detail}", Kind::CopyRelocation, Error),
    mold("{file}: cannot create a copy relocation for {symbol}; {detail}", Kind::CopyRelocation, Error),
    // passes.cc apply_version_script, parse_symbol_version
    mold("{file}: cannot assign version `{version}` to symbol `{symbol}`: symbol not found", Kind::VersionUndefined, Warning),
    mold("{file}: symbol {symbol} has undefined version {version}", Kind::VersionUndefined, Error),
    mold("--defsym: undefined symbol: {symbol}", Kind::ScriptSymbol, Error),
    mold("--require-defined: undefined symbol: {symbol}", Kind::ScriptSymbol, Error),
    mold("entry symbol is not defined: {symbol}", Kind::EntryMissing, Warning),
    mold("{file}: this file may cause a segmentation fault because it requires an executable stack{detail}", Kind::ExecutableStack, Warning),
    mold("--version-script: file not found: {file}", Kind::FileMissing, Error),
    // cmdline.cc
    mold("unknown command line option: {detail}", Kind::Option, Error),
    mold("unknown -m argument: {detail}", Kind::Option, Error),
    mold("no input files", Kind::Option, Error),
    mold("{file}: rename failed: {detail}", Kind::Output, Error),
    mold("{place}: {_}: internal error: {detail}", Kind::Internal, Error),
];
