//! gold (gold/errors.cc): `PROGRAM: error: `, or `PLACE: error: ` where the place is known.

use super::super::message::{Kind, Linkers, Severity};
use super::{Form, Then, row};
use Severity::{Error, Note, Warning};

const fn gold(text: &'static str, kind: Kind, severity: Severity) -> Form {
    row(text, kind, severity, Linkers::GOLD)
}

/// Messages that begin with a place (`Errors::error_at_location`, `Errors::undefined_symbol`).
#[rustfmt::skip]
pub(crate) static GOLD_BARE: &[Form] = &[
    gold("{place}: error: undefined reference to `{symbol}', version `{version}'", Kind::Undefined, Error),
    gold("{place}: error: undefined reference to `{symbol}'", Kind::Undefined, Error),
    gold("{place}: warning: undefined reference to `{symbol}', version `{version}'", Kind::Undefined, Warning),
    // target-reloc.h issue_undefined_symbol_error, issue_discarded_error
    gold("{place}: error: relocation refers to local symbol \"{symbol}\" [{_}], which is defined in a discarded section", Kind::Discarded, Error).then(Then::Group),
    gold("{place}: error: relocation refers to global symbol \"{symbol}\", which is defined in a discarded section", Kind::Discarded, Error).then(Then::Group),
    gold("section group signature: \"{detail}\"", Kind::Discarded, Error).then(Then::Continues),
    gold("prevailing definition is from {file}", Kind::Discarded, Error).then(Then::Continues),
    // x86_64.cc Relocate::relocate
    gold("{place}: error: relocation overflow: reference to `{symbol}' defined in {definer}", Kind::RelocationRange, Error),
    gold("{place}: error: relocation overflow: reference to local symbol {_} in {definer}", Kind::RelocationRange, Error),
    gold("{place}: error: relocation overflow: reference to `{symbol}'", Kind::RelocationRange, Error),
    gold("{place}: error: unsupported reloc {relocation}", Kind::Relocation, Error),
    gold("{place}: error: unexpected reloc {relocation} in object file", Kind::Relocation, Error),
];

/// Messages behind the linker's name and severity.
#[rustfmt::skip]
pub(crate) static GOLD: &[Form] = &[
    // resolve.cc Symbol_table::report_resolve_problem
    gold("{again}: multiple definition of `{symbol}'", Kind::Duplicate, Error).then(Then::Previous),
    gold("{file}: symbol `{symbol}' used as both __thread and non-__thread", Kind::Tls, Error).then(Then::Previous),
    gold("{file}: common of `{symbol}' overriding smaller common", Kind::Common, Warning).then(Then::Previous),
    gold("{file}: common of `{symbol}' overidden by larger common", Kind::Common, Warning).then(Then::Previous),
    gold("{file}: multiple common of `{symbol}'", Kind::Common, Warning).then(Then::Previous),
    gold("{file}: definition of `{symbol}' overriding {detail}", Kind::Common, Warning).then(Then::Previous),
    gold("{first}: previous definition here", Kind::Duplicate, Error).then(Then::Continues),
    // symtab.cc detect_odr_violations
    gold("while linking {file}: symbol `{symbol}' defined in multiple places (possible ODR violation):", Kind::SymbolChanged, Warning).then(Then::Indented),
    // errors.cc Errors::undefined_symbol
    gold("the vtable symbol may be undefined because the class is missing its key function", Kind::Advice, Note).then(Then::Continues),
    gold("the symbol should have been defined by a plugin", Kind::Advice, Note).then(Then::Continues),
    // target-reloc.h, symtab.cc, dynobj.cc
    gold("hidden symbol `{symbol}' is not defined locally", Kind::UndefinedHidden, Error),
    gold("internal symbol `{symbol}' is not defined locally", Kind::UndefinedHidden, Error),
    gold("protected symbol `{symbol}' is not defined locally", Kind::UndefinedHidden, Error),
    gold("symbol {symbol} has undefined version {version}", Kind::VersionUndefined, Error),
    gold("version script assignment of {version} to symbol {symbol} failed: symbol not defined", Kind::VersionUndefined, Error),
    // fileread.cc Input_file::open, archive.cc, readsyms.cc, object.cc
    gold("cannot find {library}", Kind::LibraryMissing, Error),
    gold("cannot open {file}: {detail}", Kind::FileMissing, Error),
    gold("skipping incompatible {file} while searching for {library}", Kind::Skipped, Warning),
    gold("{file}: incompatible target", Kind::WrongMachine, Error),
    gold("{file}: unsupported ELF machine number {count}", Kind::WrongMachine, Error),
    gold("{file}: not configured to support {detail}", Kind::WrongMachine, Error),
    gold("{file}: not an object or archive", Kind::NotAnObject, Error),
    gold("{file}: file is empty", Kind::Damaged, Error),
    gold("{file}: file too short: {detail}", Kind::Damaged, Error),
    gold("{file}: no archive symbol table (run ranlib)", Kind::NoIndex, Error),
    gold("{file}: attempt to map {detail}", Kind::Damaged, Error),
    gold("{file}: malformed archive header {detail}", Kind::Damaged, Error),
    gold("{file}: member {_} at {_} is not an ELF object", Kind::NotAnObject, Error),
    gold("cannot mix -static with dynamic object {file}", Kind::StaticShared, Error),
    // script.cc: what is no object is read as a linker script
    gold("{place}: syntax error, {detail}", Kind::Script, Error),
    gold("{place}: syntax error", Kind::Script, Error),
    gold("{place}: invalid character", Kind::Script, Error),
    gold("undefined symbol `{symbol}' referenced in expression", Kind::ScriptSymbol, Error),
    // x86_64.cc check_non_pic, through Object::error
    gold("{file}: requires dynamic {relocation} reloc against `{symbol}' which may overflow at runtime; {detail}", Kind::Relocation, Error),
    gold("{file}: requires dynamic {relocation} reloc which may overflow at runtime; {detail}", Kind::Relocation, Error),
    gold("{file}: requires unsupported dynamic reloc {relocation}; {detail}", Kind::Relocation, Error),
    gold("{file}: unsupported reloc {relocation} against global symbol {symbol}", Kind::Relocation, Error),
    gold("{file}: unsupported reloc {relocation} against local symbol", Kind::Relocation, Error),
    gold("{file}: cannot make copy relocation for protected symbol `{symbol}', defined in {definer}", Kind::CopyRelocation, Error),
    gold("read-only segment has dynamic relocations", Kind::TextRelocation, Error),
    gold("shared library text segment is not shareable", Kind::TextRelocation, Warning),
    // script-sections.cc, layout.cc, output.cc
    gold("section {section} overflows end of region {detail}", Kind::Layout, Error),
    gold("address of section `{section}' moves backward {detail}", Kind::Layout, Error),
    gold("load segment overlap {detail}", Kind::Layout, Error),
    gold("{file}: missing .note.GNU-stack section implies executable stack", Kind::ExecutableStack, Warning),
    gold("{file}: requires executable stack", Kind::ExecutableStack, Warning),
    // resolve.cc, target.cc, options.cc, output.cc
    gold("{file}: {_}: unknown option", Kind::Option, Error),
    gold("unknown option {detail}", Kind::Option, Error),
    gold("{detail}: unknown option", Kind::Option, Error),
    gold("{detail}: unknown -z option", Kind::Option, Warning),
    gold("use the --help option for usage information", Kind::Option, Note),
    gold("unable to parse script file {file}", Kind::Script, Error),
    gold("unable to parse version script file {file}", Kind::Script, Error),
    gold("no input files", Kind::Option, Error),
    gold("{file}: open: {detail}", Kind::Output, Error),
    gold("{file}: could not load plugin library: {detail}", Kind::LtoPlugin, Error),
    gold("removing unused section from `{section}' in file `{file}'", Kind::Trace, Note),
    gold("internal error in {detail}", Kind::Internal, Error),
];
