//! lld, for ELF: `PROGRAM: error: `, with what belongs to it in lines that begin with `>>>` (lld/Common/ErrorHandler.cpp).

use super::super::message::{Kind, Linkers, Severity};
use super::{Form, Then, row};
use Severity::{Error, Warning};

const fn lld(text: &'static str, kind: Kind, severity: Severity) -> Form {
    row(text, kind, severity, Linkers::LLD).then(Then::Arrows)
}

/// Messages behind the linker's name and severity.
#[rustfmt::skip]
pub(crate) static LLD: &[Form] = &[
    // Relocations.cpp reportUndefinedSymbol; mold prints the first line alike
    row("undefined symbol: {symbol}", Kind::Undefined, Error, Linkers::LLD.or(Linkers::MOLD)).then(Then::Arrows),
    lld("undefined hidden symbol: {symbol}", Kind::UndefinedHidden, Error),
    lld("undefined internal symbol: {symbol}", Kind::UndefinedHidden, Error),
    lld("undefined protected symbol: {symbol}", Kind::UndefinedHidden, Error),
    lld("relocation refers to a symbol in a discarded section: {symbol}", Kind::Discarded, Error),
    lld("relocation refers to a discarded section: {section}", Kind::Discarded, Error),
    // Writer.cpp finalizeSections: since 17, 15 and before that
    lld("undefined reference: {symbol}", Kind::UndefinedInShared, Error),
    lld("undefined reference due to --no-allow-shlib-undefined: {symbol}", Kind::UndefinedInShared, Error),
    lld("{user}: undefined reference to {symbol} [--no-allow-shlib-undefined]", Kind::UndefinedInShared, Error),
    lld("{user}: undefined reference to {symbol}", Kind::UndefinedInShared, Error),
    lld("non-exported symbol `{symbol}' in `{definer}' is referenced by DSO `{user}'", Kind::HiddenForShared, Error),
    // Symbols.cpp reportDuplicate
    lld("duplicate symbol: {symbol}", Kind::Duplicate, Error),
    lld("common {symbol} is overridden", Kind::Common, Warning),
    lld("multiple common of {symbol}", Kind::Common, Warning),
    // Driver.cpp addLibrary, addFile; InputFiles.cpp readFile, isCompatible
    lld("unable to find library {library}", Kind::LibraryMissing, Error),
    lld("unable to find library from dependent library specifier: {library}", Kind::LibraryMissing, Error),
    lld("cannot open output file {file}: {detail}", Kind::Output, Error),
    lld("failed to open {file}: {detail}", Kind::Output, Error),
    lld("cannot open {file}: {detail}", Kind::FileMissing, Error),
    lld("cannot find linker script {file}", Kind::Script, Error),
    lld("cannot find version script {file}", Kind::Script, Error),
    lld("{file} is incompatible with {detail}", Kind::WrongMachine, Error),
    lld("{file} is incompatible", Kind::WrongMachine, Error),
    lld("attempted static link of dynamic object {file}", Kind::StaticShared, Error),
    lld("{file}: unknown file type", Kind::NotAnObject, Error),
    lld("{file}: not an ELF file", Kind::NotAnObject, Error),
    lld("{file}: file is too short", Kind::Damaged, Error),
    lld("{file}: section header table goes past the end of the file{detail}", Kind::Damaged, Error),
    lld("{file}: invalid {detail}", Kind::Damaged, Error),
    lld("{file}: corrupted {detail}", Kind::Damaged, Error),
    lld("{file}: truncated or malformed archive ({detail})", Kind::Damaged, Error),
    lld("{file}: could not parse {detail}", Kind::Damaged, Error),
    // Archive::Child::getMemoryBufferRef, through getArchiveMembers and Archive::fetch
    lld("{file}: could not get the buffer for the member defining symbol {symbol}: `{member}': {detail}", Kind::MemberMissing, Error),
    lld("{file}: could not get the buffer for a child of the archive: `{member}': {detail}", Kind::MemberMissing, Error),
    lld("{file}: archive has no index; run ranlib to add one", Kind::NoIndex, Error),
    lld("{file}: archive member `{_}' is neither ET_REL nor LLVM bitcode", Kind::NotAnObject, Warning),
    // Relocations.cpp
    lld("relocation {relocation} cannot be used against symbol `{symbol}'; {detail}", Kind::Relocation, Error),
    lld("relocation {relocation} cannot be used against symbol {symbol}; {detail}", Kind::Relocation, Error),
    lld("relocation {relocation} cannot be used against local symbol; {detail}", Kind::Relocation, Error),
    lld("relocation {relocation} against {symbol} cannot be used with -shared", Kind::Relocation, Error),
    lld("can't create dynamic relocation {relocation} against symbol: {symbol} in readonly segment; {detail}", Kind::Relocation, Error),
    lld("can't create dynamic relocation {relocation} against local symbol in readonly segment; {detail}", Kind::Relocation, Error),
    lld("relocation {relocation} cannot refer to absolute symbol: {symbol}", Kind::Relocation, Error),
    lld("unresolvable relocation {relocation} against symbol `{symbol}'; {detail}", Kind::Relocation, Error),
    lld("{place}: relocation {relocation} out of range: {_}; references `{symbol}'{_}", Kind::RelocationRange, Error),
    lld("{place}: relocation {relocation} out of range: {_}; references section `{section}'{_}", Kind::RelocationRange, Error),
    lld("{place}: relocation {relocation} out of range: {_}; references {symbol}", Kind::RelocationRange, Error),
    lld("{place}: relocation {relocation} out of range: {detail}", Kind::RelocationRange, Error),
    lld("{place}: unknown relocation ({_}) against symbol {symbol}", Kind::Relocation, Error),
    lld("{place}: improper alignment for relocation {relocation}: {detail}", Kind::RelocationRange, Error),
    lld("cannot preempt symbol: {symbol}", Kind::CopyRelocation, Error),
    lld("symbol `{symbol}' cannot be preempted; recompile with -fPIE", Kind::CopyRelocation, Error),
    lld("cannot create a copy relocation for symbol {symbol}", Kind::CopyRelocation, Error),
    lld("symbol `{symbol}' has no type", Kind::CopyRelocation, Error),
    // InputFiles.cpp ObjFile::initializeSymbols
    lld("TLS attribute mismatch: {symbol}", Kind::Tls, Error),
    // SymbolTable.cpp, Symbols.cpp
    lld("version script assignment of `{version}' to symbol `{symbol}' failed: symbol not defined", Kind::VersionUndefined, Error),
    lld("{file}: symbol {symbol} has undefined version {version}", Kind::VersionUndefined, Error),
    lld("duplicate symbol `{symbol}' in version script", Kind::Script, Warning),
    lld("attempt to reassign symbol `{symbol}' of {detail}", Kind::Script, Warning),
    // Writer.cpp, LinkerScript.cpp, ScriptLexer.cpp
    lld("cannot find entry symbol {symbol}; {detail}", Kind::EntryMissing, Warning),
    lld("{place}: symbol not found: {symbol}", Kind::ScriptSymbol, Error),
    // ScriptLexer.cpp setError, ScriptParser.cpp; the line of the script follows
    lld("{place}: unable to find {file}", Kind::FileMissing, Error),
    lld("{place}: cannot find linker script {file}", Kind::FileMissing, Error),
    lld("{place}: unknown directive: {detail}", Kind::Script, Error),
    lld("{place}: unexpected EOF", Kind::Script, Error),
    lld("{place}: {_} expected, but got {detail}", Kind::Script, Error),
    lld("{place}: malformed number: {detail}", Kind::Script, Error),
    lld("section `{section}' will not fit in region `{detail}", Kind::Layout, Error),
    lld("section {section} {_} range overlaps with {detail}", Kind::Layout, Error),
    lld("section type mismatch for {section}", Kind::Layout, Error),
    lld("incompatible section flags for {section}", Kind::Layout, Error),
    lld("{file}: requires an executable stack, but -z execstack is not specified", Kind::ExecutableStack, Error),
    // LTO.cpp, the bitcode reader
    lld("{file}: Opaque pointers are only supported in {detail}", Kind::LtoPlugin, Error),
    lld("{file}: Invalid bitcode {detail}", Kind::LtoPlugin, Error),
    lld("{file}: Unknown attribute kind {detail}", Kind::LtoPlugin, Error),
    lld("{file}: Invalid record {detail}", Kind::LtoPlugin, Error),
    lld("{file}: unsupported LTO {detail}", Kind::LtoPlugin, Error),
    // DriverUtils.cpp ELFOptTable::parse, Driver.cpp
    lld("unknown argument `{detail}'", Kind::Option, Error),
    lld("unknown argument `{detail}', did you mean `{_}'", Kind::Option, Error),
    lld("unknown emulation: {detail}", Kind::Option, Error),
    lld("unknown -z value: {detail}", Kind::Option, Warning),
    lld("target emulation unknown: -m or at least one .o file required", Kind::Option, Error),
    lld("no input files", Kind::Option, Error),
    // Common/ErrorHandler.cpp, ELF/Driver.cpp
    lld("too many errors emitted, stopping now (use --error-limit=0 to see all errors)", Kind::TooMany, Error),
    lld("too many errors emitted, stopping now (use {_} to see all errors)", Kind::TooMany, Error),
    // Driver.cpp --warn-backrefs
    lld("backward reference detected: {symbol} in {user} refers to {definer}", Kind::Advice, Warning),
];

/// What stands behind `>>>`; mold prints some of them alike.
#[rustfmt::skip]
pub(crate) static ARROWS: &[(&str, Arrow)] = &[
    ("referenced by {user} (disallowed by --no-allow-shlib-undefined)", Arrow::Shared),
    ("referenced {count} more times", Arrow::More),
    ("referenced by {place}", Arrow::Reference),
    ("did you mean: extern \"C\" {symbol}", Arrow::ExternC),
    ("did you mean to declare {symbol} as extern \"C\"?", Arrow::ExternC),
    ("did you mean: {symbol}", Arrow::Similar),
    ("defined in: {definer}", Arrow::SimilarFile),
    ("defined in {definer} as {detail}", Arrow::Defined),
    ("defined in {definer}", Arrow::Defined),
    ("defined at {place}", Arrow::DefinedAt),
    ("section group signature: {detail}", Arrow::Detail),
    ("prevailing definition is in {file}", Arrow::Prevailing),
    ("the vtable symbol may be undefined because the class is missing its key function{_}", Arrow::Known),
    ("the encapsulation symbol needs to be retained under --gc-sections properly{_}", Arrow::Known),
    ("or the symbol in the prevailing group had STB_WEAK binding{_}", Arrow::Known),
    ("in {file}", Arrow::File),
    ("output section {_}", Arrow::Known),
    ("{_} range is [{_}", Arrow::Known),
    ("{file}:({_}): {detail}", Arrow::File),
];

/// What a line behind `>>>` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrow {
    /// A source place or an object place of a reference.
    Reference,
    /// A shared object that needs the symbol.
    Shared,
    /// There are this many more references.
    More,
    /// A similar name, and `extern "C"` is the difference.
    ExternC,
    /// A similar name.
    Similar,
    /// The file of that similar name.
    SimilarFile,
    /// A file that defines the symbol.
    Defined,
    /// A source place or an object place of a definition.
    DefinedAt,
    /// The file of the section group that was kept.
    Prevailing,
    /// A file.
    File,
    /// A text that says more.
    Detail,
    /// An explanation that adds no fact.
    Known,
}
