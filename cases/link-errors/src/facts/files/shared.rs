//! Shared objects.

use casebook_formats::elf::{Dynamic, Elf, Place, Version as Meaning, Versions, abi};
use casebook_formats::gap::Gaps;

use super::object::{binding, kind, visibility};
use super::{Interner, MOST_SYMBOLS, damaged, missing};
use crate::model::input::{Binding, Content, DynamicSymbol, Shared, SymbolType, Version};

pub(super) fn read(elf: &Elf<'_>, known: &mut Interner<'_>, gaps: &mut Gaps) -> Content {
    if let Some(why) = missing(elf, abi::SHT_DYNSYM, "dynamic symbol table") {
        return damaged(why);
    }
    let mut shared = Shared::default();
    if let Some(dynamic) = elf.dynamic(gaps) {
        names(&dynamic, &mut shared, known);
    }
    let versions = elf.versions(gaps);
    let Some(table) = elf.dynamic_symbols(gaps) else { return Content::Shared(shared) };
    let count = table.len().min(MOST_SYMBOLS);
    if count < table.len() {
        let (start, _) = table.place(count);
        let (_, end) = table.place(table.len() - 1);
        gaps.add(start, end, format!("{} symbols; {MOST_SYMBOLS} are read", table.len()));
    }
    // Names of versions, by their number: each is written thousands of times.
    let mut cache = Cache::default();
    shared.symbols.reserve_exact(count.saturating_sub(1));
    for index in 1..count {
        let Some(raw) = table.get(index, gaps) else { break };
        let defined = raw.place != Place::Undefined;
        let bind = binding(raw.bind).unwrap_or_else(|| {
            let (start, end) = table.place(index);
            gaps.add(start, end, format!("symbol {index} has a binding that is not known, {}", raw.bind.0));
            Binding::Global
        });
        let section = match raw.place {
            Place::Section(section) => elf.section(section),
            _ => None,
        };
        let mut symbol = DynamicSymbol {
            name: known.name(raw.name),
            version: None,
            base_version: false,
            version_local: false,
            binding: bind,
            kind: kind(raw.kind),
            visibility: visibility(raw.visibility),
            defined,
            in_code: section.is_some_and(|found| found.has(abi::SHF_EXECINSTR)),
            in_bss: section.is_some_and(|found| found.has(abi::SHF_ALLOC) && found.has_no_bytes()),
            absolute: raw.place == Place::Absolute,
            value: raw.value,
            size: raw.size,
        };
        if let Some(versions) = &versions {
            let unknown = cache.version(versions, index, &mut symbol, known);
            if defined && versions.index(index).is_some_and(|index| index.number == 2) {
                shared.first_version = symbol.version.map(|version| version.name);
            }
            if let Some(number) = unknown {
                let (start, end) = table.place(index);
                gaps.add(start, end, format!("symbol {index} has version {number}, which the file does not name"));
            }
        }
        shared.symbols.push(symbol);
    }
    local(elf, &mut shared, known, gaps);
    Content::Shared(shared)
}

/// Most symbols of a `.symtab` that are looked through for local ones: libraries of a system have none, those of a project have.
const MOST_LOCAL: usize = 200_000;

/// What the library has and does not export, where it was not stripped.
fn local(elf: &Elf<'_>, shared: &mut Shared, known: &mut Interner<'_>, gaps: &mut Gaps) {
    let Some(table) = elf.symbols(gaps) else { return };
    for index in 1..table.len().min(MOST_LOCAL) {
        let Some(raw) = table.get(index, gaps) else { break };
        let defined = matches!(raw.place, Place::Section(_));
        if defined
            && binding(raw.bind) == Some(Binding::Local)
            && matches!(kind(raw.kind), SymbolType::Function | SymbolType::Object)
        {
            shared.local.push(known.name(raw.name));
        }
    }
}

fn names(dynamic: &Dynamic<'_>, shared: &mut Shared, known: &mut Interner<'_>) {
    shared.soname = dynamic.soname.map(|name| known.name(name));
    shared.pie = dynamic.flags_1 & abi::DF_1_PIE.0 != 0;
    shared.needed = dynamic.needed.iter().map(|name| known.name(name)).collect();
    // The loader passes over DT_RPATH where there is DT_RUNPATH, and so does ld.bfd (elf_link_add_object_symbols in
    // bfd/elflink.c).
    shared.runpath = dynamic.runpath.or(dynamic.rpath).map(|name| known.name(name));
}

/// The versions that were asked for last: the symbols of a library come in runs.
#[derive(Default)]
struct Cache<'a> {
    last: Option<(&'a [u8], crate::model::names::Name)>,
}

impl<'a> Cache<'a> {
    /// Sets what the version of a symbol says; gives the number where it is in no table.
    fn version(
        &mut self,
        versions: &Versions<'a>,
        index: usize,
        symbol: &mut DynamicSymbol,
        known: &mut Interner<'_>,
    ) -> Option<u16> {
        let number = versions.index(index)?;
        match versions.meaning(number, symbol.defined) {
            Meaning::Local => symbol.version_local = true,
            Meaning::Global => symbol.base_version = symbol.defined,
            Meaning::Defined(version) if version.base => symbol.base_version = true,
            Meaning::Defined(version) => {
                let name = self.name(version.name, known);
                symbol.version = Some(Version { name, default: !number.hidden });
            }
            Meaning::Needed(version) => {
                symbol.version = Some(Version { name: self.name(version.name, known), default: false });
            }
            Meaning::Unknown(number) => return Some(number),
        }
        None
    }

    fn name(&mut self, name: &'a [u8], known: &mut Interner<'_>) -> crate::model::names::Name {
        match self.last {
            Some((bytes, number)) if std::ptr::eq(bytes, name) => number,
            _ => {
                let number = known.name(name);
                self.last = Some((name, number));
                number
            }
        }
    }
}
