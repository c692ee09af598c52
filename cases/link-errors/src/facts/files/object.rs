//! Relocatable objects.

use casebook_formats::elf::{Elf, Place, Symbol as Raw, Symbols, abi, split_version};
use casebook_formats::gap::Gaps;

use super::{Interner, MOST_RELOCATIONS, MOST_SYMBOLS, damaged, missing};
use crate::model::input::{
    Binding, Content, Definition, Group, Lto, Object, Reference, Section, Symbol, SymbolType, Uses, Version, Visibility,
};

/// The symbol by which GCC marks an object without machine code (lto-streamer.h).
const GNU_SLIM: &[u8] = b"__gnu_lto_slim";
/// Sections of GCC's intermediate code (`LTO_SECTION_NAME_PREFIX`), the one that describes them, and that of LLVM
/// beside machine code.
const GNU_LTO: &[u8] = b".gnu.lto_";
const GNU_LTO_HEAD: &[u8] = b".gnu.lto_.lto.";
const LLVM_LTO: &[u8] = b".llvm.lto";

pub(super) fn read(elf: &Elf<'_>, known: &mut Interner<'_>, gaps: &mut Gaps) -> Content {
    if let Some(why) = missing(elf, abi::SHT_SYMTAB, "symbol table") {
        return damaged(why);
    }
    let mut object = Object { sections: sections(elf, known), ..Object::default() };
    let table = elf.symbols(gaps);
    if let Some(table) = &table {
        symbols(elf, table, &mut object, known, gaps);
    }
    groups(elf, &mut object, known, gaps);
    if let Some(table) = &table {
        references(elf, table, &mut object, gaps);
    }
    object.lto = lto(elf, &object, known);
    Content::Object(object)
}

fn sections(elf: &Elf<'_>, known: &mut Interner<'_>) -> Vec<Section> {
    elf.sections()
        .iter()
        .map(|section| Section {
            name: known.name(section.name),
            kind: section.kind.0,
            flags: section.flags.0,
            size: section.size,
            link: section.link,
            group: None,
        })
        .collect()
}

fn symbols(elf: &Elf<'_>, table: &Symbols<'_>, object: &mut Object, known: &mut Interner<'_>, gaps: &mut Gaps) {
    let count = table.len().min(MOST_SYMBOLS);
    if count < table.len() {
        let (start, _) = table.place(count);
        let (_, end) = table.place(table.len() - 1);
        gaps.add(start, end, format!("{} symbols; {MOST_SYMBOLS} are read", table.len()));
    }
    let first_global = table.first_global() as usize;
    let machine = elf.header().machine.number;
    object.first_global = first_global.min(count) as u32;
    object.symbols.reserve_exact(count);
    for index in 0..count {
        let Some(raw) = table.get(index, gaps) else { break };
        // All linkers take a symbol table apart by sh_info: what stands on the wrong side is an error to lld
        // (ObjFile::initializeSymbols) and read by its place in the others.
        if (raw.bind == abi::STB_LOCAL) != (index < first_global) {
            let (start, end) = table.place(index);
            gaps.add(start, end, format!("symbol {index} is on the wrong side of the first global symbol"));
        }
        let Some(binding) = binding(raw.bind) else {
            let (start, end) = table.place(index);
            gaps.add(start, end, format!("symbol {index} has a binding that is not known, {}", raw.bind.0));
            object.symbols.push(symbol(&raw, Binding::Global, machine, known));
            continue;
        };
        object.symbols.push(symbol(&raw, binding, machine, known));
    }
}

fn symbol(raw: &Raw<'_>, binding: Binding, machine: abi::Machine, known: &mut Interner<'_>) -> Symbol {
    // The name of a local symbol carries no version for any linker.
    let (name, version) = if binding == Binding::Local { (raw.name, None) } else { split_version(raw.name) };
    let name = known.name(name);
    Symbol {
        name,
        version: version.map(|version| Version { name: known.name(version.name), default: version.default }),
        binding,
        kind: kind(raw.kind),
        visibility: visibility(raw.visibility),
        definition: definition(raw, machine),
        value: raw.value,
        size: raw.size,
    }
}

fn definition(raw: &Raw<'_>, machine: abi::Machine) -> Definition {
    let common = Definition::Common { size: raw.size, align: raw.value };
    match raw.place {
        Place::Undefined => Definition::Undefined,
        Place::Absolute => Definition::Absolute,
        Place::Common => common,
        Place::Section(index) => Definition::Section(index),
        // Commons of large code (x86-64 psABI) and of the MIPS small data area (SHN_MIPS_ACOMMON, SCOMMON, SUNDEFINED).
        Place::Other(0xff02) if machine == abi::EM_X86_64 => common,
        Place::Other(0xff00 | 0xff03) if machine == abi::EM_MIPS => common,
        Place::Other(0xff04) if machine == abi::EM_MIPS => Definition::Undefined,
        // bfd takes what it does not know as absolute (elf_object_p's bfd_section_from_elf_index,
        // elf_slurp_symbol_table in bfd/elfcode.h).
        Place::Other(_) => Definition::Absolute,
    }
}

pub(super) fn binding(bind: abi::SymbolBind) -> Option<Binding> {
    Some(match bind {
        abi::STB_LOCAL => Binding::Local,
        abi::STB_GLOBAL => Binding::Global,
        abi::STB_WEAK => Binding::Weak,
        abi::STB_GNU_UNIQUE => Binding::Unique,
        _ => return None,
    })
}

pub(super) fn kind(kind: abi::SymbolType) -> SymbolType {
    match kind {
        abi::STT_NOTYPE => SymbolType::None,
        abi::STT_OBJECT => SymbolType::Object,
        abi::STT_FUNC => SymbolType::Function,
        abi::STT_SECTION => SymbolType::Section,
        abi::STT_FILE => SymbolType::File,
        abi::STT_COMMON => SymbolType::Common,
        abi::STT_TLS => SymbolType::Tls,
        abi::STT_GNU_IFUNC => SymbolType::IFunc,
        other => SymbolType::Other(other.0),
    }
}

pub(super) fn visibility(visibility: abi::SymbolVisibility) -> Visibility {
    match visibility {
        abi::STV_INTERNAL => Visibility::Internal,
        abi::STV_HIDDEN => Visibility::Hidden,
        abi::STV_PROTECTED => Visibility::Protected,
        _ => Visibility::Default,
    }
}

fn groups(elf: &Elf<'_>, object: &mut Object, known: &mut Interner<'_>, gaps: &mut Gaps) {
    for group in elf.groups(gaps) {
        let number = object.groups.len() as u32;
        for member in &group.members {
            let Some(section) = object.sections.get_mut(*member as usize) else { continue };
            match section.group {
                None => section.group = Some(number),
                Some(_) => {
                    let (start, end) = elf
                        .section(group.section)
                        .map_or((0, 0), |own| (own.offset as usize, own.offset.saturating_add(own.size) as usize));
                    gaps.add(
                        start.min(elf.bytes().len()),
                        end.min(elf.bytes().len()),
                        format!("section {member} is in two groups"),
                    );
                }
            }
        }
        object.groups.push(Group {
            signature: known.name(group.signature),
            comdat: group.comdat,
            sections: group.members,
        });
    }
}

/// Each pair of a section and a symbol once, sections in order: linkers relocate them so, and report what is undefined.
fn references(elf: &Elf<'_>, table: &Symbols<'_>, object: &mut Object, gaps: &mut Gaps) {
    let mut tables = elf.relocations(gaps);
    tables.retain(|relocations| relocations.symbols == table.section());
    tables.sort_by_key(|relocations| relocations.target);
    let machine = elf.header().machine.number;
    // For each symbol the last reference to it, plus one.
    let mut last = vec![0usize; object.symbols.len()];
    let mut left = MOST_RELOCATIONS;
    for relocations in tables {
        let target = relocations.target;
        if target == 0 || object.sections.get(target as usize).is_none() {
            continue;
        }
        let mut lost = 0u32;
        if relocations.most() > left {
            let (start, end) = extent(elf, relocations.section);
            gaps.add(start, end, format!("{MOST_RELOCATIONS} relocations of a file are read; there are more"));
        }
        for found in relocations.iter().take(left) {
            if found.symbol == 0 {
                continue;
            }
            let Some(last) = last.get_mut(found.symbol as usize) else {
                lost = lost.saturating_add(1);
                continue;
            };
            let uses = uses(machine, found.kind.0);
            let known = last.checked_sub(1).and_then(|last| object.references.get_mut(last));
            match known.filter(|known| known.section == target) {
                Some(known) => known.uses = known.uses.and(uses),
                None => {
                    let (section, symbol, offset) = (target, found.symbol, found.offset);
                    object.references.push(Reference { section, symbol, offset, uses });
                    *last = object.references.len();
                }
            }
        }
        left = left.saturating_sub(relocations.most());
        if lost > 0 {
            let (start, end) = extent(elf, relocations.section);
            gaps.add(
                start,
                end,
                format!("{lost} relocations of section {} are against no symbol", relocations.section),
            );
        }
    }
    object.references.shrink_to_fit();
}

/// From where to where a section is in the file.
fn extent(elf: &Elf<'_>, section: u32) -> (usize, usize) {
    elf.section(section).map_or((0, 0), |section| {
        let start = usize::try_from(section.offset).unwrap_or(usize::MAX).min(elf.bytes().len());
        (start, start.saturating_add(elf.data(section).len()))
    })
}

/// What a relocation wants of its symbol, by the numbers of the processors' ABIs.
fn uses(machine: abi::Machine, kind: u32) -> Uses {
    match (machine, kind) {
        (abi::EM_X86_64, 3 | 9 | 27 | 28 | 30 | 41 | 42) => Uses::GOT,
        (abi::EM_X86_64, 4 | 31) => Uses::CALL,
        (abi::EM_X86_64, 16..=23 | 34..=36) => Uses::TLS,
        (abi::EM_X86_64, 0..=42) => Uses::ADDRESS,
        (abi::EM_386, 3 | 43) => Uses::GOT,
        (abi::EM_386, 4) => Uses::CALL,
        (abi::EM_386, 14..=19 | 24..=37 | 39..=41) => Uses::TLS,
        (abi::EM_386, 0..=43) => Uses::ADDRESS,
        (abi::EM_AARCH64, 309..=313) => Uses::GOT,
        (abi::EM_AARCH64, 282 | 283) => Uses::CALL,
        (abi::EM_AARCH64, 512..=573) => Uses::TLS,
        (abi::EM_AARCH64, 257..=314) => Uses::ADDRESS,
        _ => Uses::UNKNOWN,
    }
}

fn lto(elf: &Elf<'_>, object: &Object, known: &Interner<'_>) -> Lto {
    let (mut found, mut slim) = (false, false);
    for section in elf.sections() {
        if section.name.starts_with(GNU_LTO) {
            found = true;
            // Two numbers of two bytes, and then whether there is no machine code (struct lto_section, bfd/elf.c).
            slim |= section.name.starts_with(GNU_LTO_HEAD) && elf.data(section).get(4).is_some_and(|slim| *slim != 0);
        } else if section.name.starts_with(LLVM_LTO) {
            found = true;
        }
    }
    let marked =
        || known.names.get(GNU_SLIM).is_some_and(|slim| object.globals().any(|(_, symbol)| symbol.name == slim));
    if !found {
        Lto::None
    } else if slim || marked() {
        Lto::Slim
    } else {
        Lto::Fat
    }
}
