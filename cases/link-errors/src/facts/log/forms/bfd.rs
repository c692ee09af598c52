//! GNU ld. `%P` is its name, `%C`, `%D`, `%H` are places, `%pB` is a file, `%pT` a symbol (vfinfo in ld/ldmisc.c).

use super::super::message::{Kind, Linkers, Severity};
use super::{Form, Then, row};
use Severity::{Error, Note, Warning};

const fn bfd(text: &'static str, kind: Kind, severity: Severity) -> Form {
    row(text, kind, severity, Linkers::BFD)
}

/// Messages that come without the linker's name: those with a place before 2.35, and those that only libbfd prints.
#[rustfmt::skip]
pub(crate) static BFD_BARE: &[Form] = &[
    // ld/ldmisc.c vfinfo, %C and %H; with a capital letter before 2.35
    bfd("{file}: in function `{function}':", Kind::Undefined, Note).then(Then::Function),
    bfd("{file}: In function `{function}':", Kind::Undefined, Note).then(Then::Function),
    // ld/ldmain.c undefined_symbol
    bfd("{place}: warning: undefined reference to `{symbol}'", Kind::Undefined, Warning),
    bfd("{place}: undefined reference to symbol `{symbol}'", Kind::DsoMissing, Error).then(Then::Dso),
    bfd("{place}: undefined reference to `{symbol}'", Kind::Undefined, Error),
    bfd("{place}: warning: more undefined references to `{symbol}' follow", Kind::MoreUndefined, Warning),
    bfd("{place}: more undefined references to `{symbol}' follow", Kind::MoreUndefined, Error),
    // ld/ldmain.c multiple_definition
    bfd("{again}: warning: multiple definition of `{symbol}'; {first}: first defined here", Kind::Duplicate, Warning),
    bfd("{again}: multiple definition of `{symbol}'; {first}: first defined here", Kind::Duplicate, Error),
    bfd("{again}: multiple definition of `{symbol}'", Kind::Duplicate, Error).then(Then::First),
    bfd("{first}: first defined here", Kind::Duplicate, Error).then(Then::Continues),
    // ld/ldmain.c reloc_overflow, reloc_dangerous, unattached_reloc
    bfd("{place}: relocation truncated to fit: {relocation} against undefined symbol `{symbol}'", Kind::RelocationRange, Error),
    bfd("{place}: relocation truncated to fit: {relocation} against symbol `{symbol}' defined in {_} section in {definer}", Kind::RelocationRange, Error),
    bfd("{place}: relocation truncated to fit: {relocation} against `{symbol}'", Kind::RelocationRange, Error),
    bfd("{place}: relocation truncated to fit: {relocation} against `{symbol}'{_}", Kind::RelocationRange, Error),
    bfd("{place}: additional relocation overflows omitted from the output", Kind::TooMany, Error),
    bfd("{place}: dangerous relocation: {detail}", Kind::RelocationRange, Error),
    bfd("{place}: reloc refers to symbol `{symbol}' which is not being output", Kind::Discarded, Error),
    // bfd/elflink.c elf_link_input_bfd
    bfd("`{symbol}' referenced in section `{section}' of {user}: defined in discarded section `{_}' of {definer}", Kind::Discarded, Error),
    // ld/ldlang.c load_symbols with bfd_errmsg of bfd/bfd.c
    bfd("{file}: error adding symbols: DSO missing from command line", Kind::DsoMissing, Error).then(Then::Continues),
    bfd("{file}: could not read symbols: Invalid operation", Kind::DsoMissing, Error).then(Then::Continues),
    // binutils 2.22: the library that has it
    bfd("`{symbol}' is defined in DSO {definer} so try adding it to the linker command line", Kind::DsoMissing, Error).then(Then::Continues),
    bfd("{file}: error adding symbols: archive has no index; run ranlib to add one", Kind::NoIndex, Error),
    bfd("{file}: could not read symbols: Archive has no index; run ranlib to add one", Kind::NoIndex, Error),
    bfd("{file}: error adding symbols: file in wrong format", Kind::WrongMachine, Error),
    bfd("{file}: error adding symbols: bad value", Kind::Consequence, Error),
    // As older releases write it.
    bfd("{file}: error adding symbols: Bad value", Kind::Consequence, Error),
    bfd("{file}: error adding symbols: {detail}", Kind::Damaged, Error),
    bfd("{file}: file not recognized: file truncated", Kind::Damaged, Error),
    bfd("{file}: file not recognized: {detail}", Kind::NotAnObject, Error),
    bfd("{file}: could not read symbols: {detail}", Kind::Consequence, Error),
    // bfd/elflink.c elf_link_add_object_symbols, bfd/linker.c; gold/object.cc do_read_symbols prints it too
    row("{file}: plugin needed to handle lto object", Kind::LtoPlugin, Error, Linkers::BFD.or(Linkers::GOLD)),
    // ld/ldmain.c warning_callback: what a library says of its own function (glibc include/libc-symbols.h link_warning)
    bfd("{place}: warning: the use of `{symbol}' is dangerous{detail}", Kind::LibraryWarning, Warning),
    bfd("{place}: warning: the `{symbol}' function is dangerous and should not be used.", Kind::LibraryWarning, Warning),
    bfd("{place}: warning: Using `{symbol}' in statically linked applications requires {detail}", Kind::LibraryWarning, Warning),
    bfd("{place}: warning: {symbol} is not implemented and will always fail", Kind::LibraryWarning, Warning),
    // The plugin of another LLVM: llvm/tools/gold/gold-plugin.cpp
    bfd("bfd plugin: {detail}", Kind::LtoPlugin, Warning),
    // ld/ldmain.c notice (--trace-symbol), in the words of gold and lld too; lld/ELF/MarkLive.cpp (--print-gc-sections)
    row("{user}: reference to {symbol}", Kind::Trace, Note, Linkers::ALL),
    row("{definer}: definition of {symbol}", Kind::Trace, Note, Linkers::ALL),
    row("{definer}: shared definition of {symbol}", Kind::Trace, Note, Linkers::LLD),
    row("{definer}: lazy definition of {symbol}", Kind::Trace, Note, Linkers::LLD),
    row("{definer}: common definition of {symbol}", Kind::Trace, Note, Linkers::LLD),
    row("trace-symbol: {user}: reference to {symbol}", Kind::Trace, Note, Linkers::MOLD),
    row("trace-symbol: {definer}: definition of {symbol}", Kind::Trace, Note, Linkers::MOLD),
    bfd("removing unused section `{section}' in file `{file}'", Kind::Trace, Note),
    row("removing unused section {place}", Kind::Trace, Note, Linkers::LLD.or(Linkers::MOLD)),
    // ld/ldemul.c ldemul_list_emulations
    bfd("Supported emulations: {detail}", Kind::Option, Note),
    bfd("BFD {_} assertion fail {detail}", Kind::Internal, Error),
    bfd("BFD {_} internal error, aborting at {detail}", Kind::Internal, Error),
];

/// Messages behind the linker's name; a word `error: ` or `warning: ` at their beginning is passed already.
#[rustfmt::skip]
pub(crate) static BFD: &[Form] = &[
    // bfd/elflink.c elf_link_add_object_symbols, elf_link_output_extsym
    bfd("{file}: hidden symbol `{symbol}' in {definer} is referenced by DSO", Kind::HiddenForShared, Error),
    bfd("{file}: internal symbol `{symbol}' in {definer} is referenced by DSO", Kind::HiddenForShared, Error),
    bfd("{file}: local symbol `{symbol}' in {definer} is referenced by DSO", Kind::HiddenForShared, Error),
    bfd("{_}: hidden symbol `{symbol}' isn't defined", Kind::UndefinedHidden, Error),
    bfd("{_}: internal symbol `{symbol}' isn't defined", Kind::UndefinedHidden, Error),
    bfd("{_}: protected symbol `{symbol}' isn't defined", Kind::UndefinedHidden, Error),
    bfd("{symbol}: TLS definition in {definer} section {section} mismatches non-TLS definition in {first} section {_}", Kind::Tls, Error),
    bfd("{symbol}: TLS reference in {user} mismatches non-TLS reference in {file}", Kind::Tls, Error),
    bfd("{symbol}: TLS definition in {definer} section {section} mismatches non-TLS reference in {user}", Kind::Tls, Error),
    bfd("{symbol}: TLS reference in {user} mismatches non-TLS definition in {definer} section {section}", Kind::Tls, Error),
    bfd("{file}: `{symbol}' accessed both as normal and thread local symbol", Kind::Tls, Error),
    bfd("size of symbol `{symbol}' changed from {_} in {first} to {_} in {file}", Kind::SymbolChanged, Warning),
    bfd("type and size of dynamic symbol `{symbol}' are not defined", Kind::SymbolChanged, Warning),
    bfd("type of symbol `{symbol}' changed from {_} to {_} in {file}", Kind::SymbolChanged, Warning),
    bfd("alignment {_} of common symbol `{symbol}' in {file} is greater than the alignment ({_}) of its section {section}", Kind::SymbolChanged, Warning),
    bfd("alignment {_} of symbol `{symbol}' in {file} is smaller than {_} in {first}", Kind::SymbolChanged, Warning),
    bfd("alignment {_} of normal symbol `{symbol}' in {file} is smaller than {_} used by the common definition in {first}", Kind::SymbolChanged, Warning),
    bfd("Warning: size of symbol `{symbol}' changed from {_} in {first} to {_} in {file}", Kind::SymbolChanged, Warning),
    bfd("Warning: type of symbol `{symbol}' changed from {_} to {_} in {file}", Kind::SymbolChanged, Warning),
    bfd("Warning: alignment {_} of symbol `{symbol}' in {file} is smaller than {_} in {first}", Kind::SymbolChanged, Warning),
    // ld/ldmain.c multiple_common (--warn-common)
    bfd("{file}: warning: definition of `{symbol}' overriding common from {first}", Kind::Common, Warning),
    bfd("{file}: warning: common of `{symbol}' overridden by definition from {definer}", Kind::Common, Warning),
    bfd("{file}: warning: common of `{symbol}' overridden by larger common from {definer}", Kind::Common, Warning),
    bfd("{file}: warning: common of `{symbol}' overriding smaller common from {first}", Kind::Common, Warning),
    bfd("{file} and {first}: warning: multiple common of `{symbol}'", Kind::Common, Warning),
    // ld/ldelf.c ldelf_after_open, ldelf_check_needed; the hint in brackets since 2.2
    bfd("{file}, needed by {user}, not found (try using -rpath or -rpath-link)", Kind::NeededMissing, Warning),
    bfd("{file}, needed by {user}, may conflict with {definer}", Kind::NeededConflict, Warning),
    // ld/ldlang.c lang_end
    bfd("cannot find entry symbol {symbol}; {detail}", Kind::EntryMissing, Warning),
    // ld/ldfile.c ldfile_open_file, ldfile_try_open_bfd
    bfd("cannot find {library} inside {detail}", Kind::LibraryMissing, Error),
    bfd("cannot find {library}: {detail}", Kind::LibraryMissing, Error),
    bfd("cannot find {library}", Kind::LibraryMissing, Error),
    bfd("skipping incompatible {file} when searching for {library}", Kind::Skipped, Warning),
    bfd("attempted static link of dynamic object `{file}'", Kind::StaticShared, Error),
    bfd("note to link with {file} use {detail}", Kind::Advice, Note),
    // ld/ldlang.c load_symbols
    bfd("{file}: file format not recognized; treating as linker script", Kind::NotAnObject, Warning),
    bfd("{file}: member {_} in archive is not an object", Kind::NotAnObject, Error),
    // bfd/archive.c open_nested_file
    bfd("{file}: error opening thin archive member: {detail}", Kind::MemberMissing, Error),
    // lto-plugin: lto-plugin.c of GCC, simple-object
    bfd("{file}: file too short", Kind::Damaged, Error),
    // bfd/elfcode.h elf_object_p, bfd/elf.c
    bfd("{file} has a section extending past end of file", Kind::Damaged, Warning),
    bfd("{file} has a corrupt string table index", Kind::Damaged, Warning),
    // ld/ldlang.c lang_check, bfd/elflink.c, bfd/linker.c
    bfd("{_} architecture of input file `{file}' is incompatible with {detail} output", Kind::WrongMachine, Error),
    bfd("{file}: Relocations in generic ELF (EM: {count})", Kind::WrongMachine, Error),
    bfd("{file}: file class {_} incompatible with {_}", Kind::WrongMachine, Error),
    bfd("{file}: compiled for a big endian system and target is little endian", Kind::WrongMachine, Error),
    bfd("{file}: compiled for a little endian system and target is big endian", Kind::WrongMachine, Error),
    bfd("alternate ELF machine code found ({_}) in {file}, expecting {_}", Kind::WrongMachine, Error),
    // bfd/elf64-x86-64.c elf_x86_64_need_pic and its like; the hint since 2.26
    bfd("{file}: relocation {relocation} against hidden symbol `{symbol}' can not be used when making {_}; {detail}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against undefined hidden symbol `{symbol}' can not be used when making {_}; {detail}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against protected symbol `{symbol}' can not be used when making {_}; {detail}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against undefined symbol `{symbol}' can not be used when making {_}; {detail}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against symbol `{symbol}' can not be used when making {_}; {detail}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against `{symbol}' can not be used when making {_}; {detail}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against {_}`{symbol}' can not be used when making {_}", Kind::Relocation, Error),
    bfd("{file}: relocation {relocation} against absolute symbol `{symbol}' in section `{section}' is disallowed", Kind::Relocation, Error),
    bfd("{file}: unsupported relocation type {relocation}", Kind::Relocation, Error),
    bfd("{file}: unrecognized relocation type {relocation} in section `{section}'", Kind::Relocation, Error),
    // bfd/elflink.c _bfd_elf_maybe_set_textrel, bfd/elfxx-x86.c
    bfd("{file}: warning: relocation against `{symbol}' in read-only section `{section}'", Kind::TextRelocation, Warning),
    bfd("{file}: warning: relocation in read-only section `{section}'", Kind::TextRelocation, Warning),
    bfd("creating DT_TEXTREL in {detail}", Kind::TextRelocation, Warning),
    bfd("creating a DT_TEXTREL in {detail}", Kind::TextRelocation, Warning),
    bfd("read-only segment has dynamic relocations", Kind::TextRelocation, Error),
    // bfd/elflink.c, bfd/elfxx-x86.c, bfd/elf64-x86-64.c
    bfd("copy reloc against protected `{symbol}' is dangerous", Kind::CopyRelocation, Warning),
    bfd("{file}: copy relocation against non-copyable protected symbol `{symbol}' in {definer}", Kind::CopyRelocation, Error),
    bfd("{file}: non-canonical reference to canonical protected function `{symbol}' in {definer}", Kind::CopyRelocation, Error),
    // bfd/elflink.c bfd_elf_size_dynamic_sections, elf_collect_verdefs
    bfd("{symbol}: undefined version: {version}", Kind::VersionUndefined, Error),
    bfd("{file}: version node not found for symbol {symbol}", Kind::VersionUndefined, Error),
    bfd("{file}: no symbol version section for versioned symbol `{symbol}'", Kind::VersionUndefined, Error),
    bfd("unable to find version dependency `{version}'", Kind::VersionUndefined, Error),
    // ld/ldlang.c, ld/ldexp.c
    bfd("required symbol `{symbol}' not defined", Kind::ScriptSymbol, Error),
    bfd("{place}: undefined symbol `{symbol}' referenced in expression", Kind::ScriptSymbol, Error),
    bfd("{place}: unresolvable symbol `{symbol}' referenced in expression", Kind::ScriptSymbol, Error),
    bfd("undefined symbol `{symbol}' referenced in expression", Kind::ScriptSymbol, Error),
    bfd("--gc-sections requires a defined symbol root {detail}", Kind::ScriptSymbol, Error),
    bfd("{place}: syntax error in {detail}", Kind::Script, Error),
    bfd("{place}: syntax error", Kind::Script, Error),
    bfd("{place}: ignoring invalid character {detail}", Kind::Script, Warning),
    bfd("cannot open linker script file {file}: {detail}", Kind::Script, Error),
    bfd("anonymous version tag cannot be combined with other version tags", Kind::Script, Error),
    bfd("duplicate version tag `{version}'", Kind::Script, Error),
    bfd("duplicate expression `{symbol}' in version information", Kind::Script, Error),
    bfd("region `{_}' overflowed by {detail}", Kind::Layout, Error),
    bfd("{file} section `{section}' will not fit in region `{detail}'", Kind::Layout, Error),
    bfd("section {section} VMA {_} overlaps section {detail}", Kind::Layout, Error),
    bfd("{file}: error: PHDR segment not covered by LOAD segment", Kind::Layout, Error),
    bfd("section {section} LMA {_} overlaps section {detail}", Kind::Layout, Error),
    // bfd/elflink.c bfd_elf_stack_segment_size, bfd/elf.c
    bfd("{file}: missing .note.GNU-stack section implies executable stack", Kind::ExecutableStack, Warning),
    bfd("{file}: requires executable stack (because the .note.GNU-stack section is executable)", Kind::ExecutableStack, Warning),
    bfd("NOTE: This behaviour is deprecated and will be removed in a future version of the linker", Kind::ExecutableStack, Note),
    bfd("{file} has a LOAD segment with RWX permissions", Kind::ExecutableStack, Warning),
    // ld/lexsup.c parse_args, ld/ldemul.c
    bfd("unrecognized option `{detail}'", Kind::Option, Error),
    bfd("unrecognised emulation mode: {detail}", Kind::Option, Error),
    bfd("unrecognized -z option: {detail}", Kind::Option, Warning),
    bfd("-z {detail} ignored", Kind::Option, Warning),
    bfd("use the --help option for usage information", Kind::Option, Note),
    bfd("no input files", Kind::Option, Error),
    bfd("cannot open output file {file}: {detail}", Kind::Output, Error),
    bfd("cannot open map file {file}: {detail}", Kind::Output, Error),
    bfd("{file}: final close failed: {detail}", Kind::Output, Error),
    bfd("input file `{file}' is the same as output file", Kind::Output, Error),
    // ld/plugin.c
    bfd("{file}: error loading plugin: {detail}", Kind::LtoPlugin, Error),
    bfd("lto-wrapper failed", Kind::LtoPlugin, Error),
    bfd("{file}: plugin reported error {detail}", Kind::LtoPlugin, Error),
    // ld/ldwrite.c ldwrite, ld/ldelf.c ldelf_before_allocation, ld/ldmain.c
    bfd("final link failed: {detail}", Kind::Consequence, Error),
    bfd("failed to set dynamic section sizes: {detail}", Kind::Consequence, Error),
    bfd("link errors found, deleting executable `{_}'", Kind::Consequence, Note),
    bfd("disabling relaxation; it will not work with multiple definitions", Kind::Consequence, Note),
    bfd("internal error {detail}", Kind::Internal, Error),
    // ld/ldmain.c warning_callback: any other
    bfd("{place}: warning: {detail}", Kind::LibraryWarning, Warning),
];
