//! Symbols that linkers define themselves where somebody asks for them and nobody else does: bounds of segments and sections.
//!
//! The default script of GNU ld (`PROVIDE`, ld/scripttempl/elf.sc), `addReservedSymbols` (lld/ELF/Writer.cpp), `create_synthetic_sections`
//! (mold, passes.cc).

use super::input::{Content, Program};
use super::names::Name;

const NAMES: &[&[u8]] = &[
    b"_GLOBAL_OFFSET_TABLE_",
    b"_DYNAMIC",
    b"_PROCEDURE_LINKAGE_TABLE_",
    b"_TLS_MODULE_BASE_",
    b"__GNU_EH_FRAME_HDR",
    b"__bss_start",
    b"__ehdr_start",
    b"__etext",
    b"__executable_start",
    b"__fini_array_end",
    b"__fini_array_start",
    b"__init_array_end",
    b"__init_array_start",
    b"__preinit_array_end",
    b"__preinit_array_start",
    b"__rel_iplt_end",
    b"__rel_iplt_start",
    b"__rela_iplt_end",
    b"__rela_iplt_start",
    b"_edata",
    b"_end",
    b"_etext",
    b"edata",
    b"end",
    b"etext",
];

/// True when linkers define the symbol themselves.
pub fn is_reserved(program: &Program, name: Name) -> bool {
    let text = program.names.bytes(name);
    if NAMES.contains(&text) || program.options.script_defines.contains(&name) {
        return true;
    }
    let section = text.strip_prefix(b"__start_").or_else(|| text.strip_prefix(b"__stop_"));
    let Some(section) = section.and_then(|section| program.names.get(section)) else { return false };
    program.files.iter().any(|file| match &file.content {
        Content::Object(object) => object.sections.iter().any(|own| own.name == section),
        _ => false,
    })
}
