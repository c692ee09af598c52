//! Reads what a linker made: which members are in it, what it needs, who defines each symbol.

use std::collections::{BTreeMap, BTreeSet};

use case_link_errors::model::input::{Binding, Content, Definition, FileId, Program};

use case_link_errors::model::names::Name;

use crate::program::{ABSOLUTE, marker};

/// What an output file tells.
#[derive(Debug, Default)]
pub struct Output {
    pub extracted: BTreeSet<String>,
    pub needed: Vec<String>,
    /// Who defines each symbol: one file, or several for several versions of one name.
    pub winners: BTreeMap<String, BTreeSet<String>>,
}

/// Where a definition is, when it is the common symbol all share.
pub const COMMON: &str = "COMMON";

/// Before the soname of the shared object whose version a symbol asks for.
pub const SHARED: &str = "shared ";

struct Elf<'a> {
    bytes: &'a [u8],
    sections: Vec<Section>,
}

struct Section {
    kind: u32,
    offset: usize,
    size: usize,
    link: usize,
    entry: usize,
}

struct Symbol {
    name: String,
    section: u16,
    value: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

impl<'a> Elf<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (headers, count) = (u64_at(bytes, 0x28)? as usize, u16_at(bytes, 0x3c)? as usize);
        let mut sections = vec![];
        for number in 0..count {
            let at = headers + number * 64;
            sections.push(Section {
                kind: u32_at(bytes, at + 4)?,
                offset: u64_at(bytes, at + 24)? as usize,
                size: u64_at(bytes, at + 32)? as usize,
                link: u32_at(bytes, at + 40)? as usize,
                entry: u64_at(bytes, at + 56)? as usize,
            });
        }
        Some(Self { bytes, sections })
    }

    fn kind(&self, kind: u32) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == kind)
    }

    fn string(&self, table: usize, at: usize) -> Option<String> {
        let start = self.sections.get(table)?.offset + at;
        let end = self.bytes.get(start..)?.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&self.bytes[start..start + end]).into_owned())
    }

    fn symbols(&self) -> Option<Vec<Symbol>> {
        let table = self.kind(2)?;
        let mut symbols = vec![];
        for number in 1..table.size / 24 {
            let at = table.offset + number * 24;
            symbols.push(Symbol {
                name: self.string(table.link, u32_at(self.bytes, at)? as usize)?,
                section: u16_at(self.bytes, at + 6)?,
                value: u64_at(self.bytes, at + 8)?,
            });
        }
        Some(symbols)
    }

    /// Undefined dynamic symbols with the soname of who has their version (`.gnu.version_r`).
    fn versions(&self) -> Option<Vec<(String, String)>> {
        let (Some(table), Some(numbers)) = (self.kind(11), self.kind(0x6fff_ffff)) else { return Some(vec![]) };
        let Some(needs) = self.kind(0x6fff_fffe) else { return Some(vec![]) };
        let mut files = BTreeMap::new();
        let mut at = needs.offset;
        loop {
            let file = self.string(needs.link, u32_at(self.bytes, at + 4)? as usize)?;
            let mut aux = at + u32_at(self.bytes, at + 8)? as usize;
            for _ in 0..u16_at(self.bytes, at + 2)? {
                files.insert(u16_at(self.bytes, aux + 6)? & 0x7fff, file.clone());
                aux += u32_at(self.bytes, aux + 12)? as usize;
            }
            match u32_at(self.bytes, at + 12)? as usize {
                0 => break,
                next => at += next,
            }
        }
        let mut versions = vec![];
        for number in 1..table.size / 24 {
            let at = table.offset + number * 24;
            if u16_at(self.bytes, at + 6)? != 0 {
                continue;
            }
            if let Some(file) = files.get(&(u16_at(self.bytes, numbers.offset + number * 2)? & 0x7fff)) {
                versions.push((self.string(table.link, u32_at(self.bytes, at)? as usize)?, file.clone()));
            }
        }
        Some(versions)
    }

    fn needed(&self) -> Option<Vec<String>> {
        let Some(dynamic) = self.kind(6) else { return Some(vec![]) };
        let mut needed = vec![];
        for number in 0..dynamic.size / dynamic.entry.max(16) {
            let at = dynamic.offset + number * 16;
            match u64_at(self.bytes, at)? {
                0 => break,
                1 => needed.push(self.string(dynamic.link, u64_at(self.bytes, at + 8)? as usize)?),
                _ => {}
            }
        }
        Some(needed)
    }
}

/// What `bytes` tells; `None` where they are no whole ELF file with a symbol table.
pub fn output(bytes: &[u8], program: &Program) -> Option<Output> {
    let elf = Elf::new(bytes)?;
    let symbols = elf.symbols()?;
    let mut output = Output { needed: elf.needed()?, ..Output::default() };
    // Section of the output -> address of an input section's marker -> the input section.
    let mut places: BTreeMap<(u16, u64), (FileId, u32)> = BTreeMap::new();
    let mut known = BTreeMap::new();
    for (number, file) in program.files.iter().enumerate() {
        let Content::Object(object) = &file.content else { continue };
        let id = FileId(number as u32);
        known.insert(marker(id, None), (id, None));
        for section in 0..object.sections.len() as u32 {
            known.insert(marker(id, Some(section)), (id, Some(section)));
        }
    }
    for symbol in &symbols {
        match known.get(&symbol.name) {
            Some((id, None)) => {
                let file = &program.files[id.0 as usize];
                if file.archive.is_some() {
                    output.extracted.insert(file.name.clone());
                }
            }
            Some((id, Some(section))) if symbol.section != 0 => {
                places.insert((symbol.section, symbol.value), (*id, *section));
            }
            _ => {}
        }
    }
    for symbol in symbols.iter().filter(|symbol| symbol.section != 0 && !known.contains_key(&symbol.name)) {
        let name = symbol.name.split('@').next().unwrap_or_default();
        if let Some(winner) = winner(program, &elf, &places, symbol, name) {
            output.winners.entry(name.to_string()).or_default().insert(winner);
        }
    }
    let versions = elf.versions()?;
    let unnamed: Vec<_> = versions.into_iter().filter(|(name, _)| !output.winners.contains_key(name)).collect();
    for (name, file) in unnamed {
        output.winners.entry(name).or_default().insert(format!("{SHARED}{file}"));
    }
    Some(output)
}

/// The file whose global symbol of this name this is; `None` for locals, for what linkers define, for versions that are no default.
fn winner(
    program: &Program,
    elf: &Elf<'_>,
    places: &BTreeMap<(u16, u64), (FileId, u32)>,
    symbol: &Symbol,
    name: &str,
) -> Option<String> {
    const SHN_ABS: u16 = 0xfff1;
    const SHN_COMMON: u16 = 0xfff2;
    let number = program.names.get(name.as_bytes())?;
    if symbol.section == SHN_COMMON {
        return Some(COMMON.into());
    }
    if symbol.section == SHN_ABS {
        let id = symbol.value.checked_sub(ABSOLUTE)? / 16;
        let file = program.files.get(id as usize)?;
        // `--defsym` gives the value of an absolute symbol to another.
        let Content::Object(object) = &file.content else { return None };
        let names = alias(program, number);
        let is_here = object.symbols.iter().any(|symbol| {
            symbol.definition == Definition::Absolute && (symbol.name == number || Some(symbol.name) == names)
        });
        return is_here.then(|| file.name.clone());
    }
    let found = places.range(..=(symbol.section, symbol.value)).next_back();
    let found = found.filter(|((section, _), _)| *section == symbol.section);
    if let Some(((_, start), (id, section))) = found {
        let file = &program.files[id.0 as usize];
        let Content::Object(object) = &file.content else { return None };
        let value = symbol.value - start;
        let here = object.symbols.iter().find(|candidate| {
            candidate.name == number
                && candidate.definition == Definition::Section(*section)
                && candidate.value == value
        });
        match here {
            Some(here) if here.binding != Binding::Local && here.version.is_none_or(|version| version.default) => {
                return Some(file.name.clone());
            }
            Some(_) => return None,
            None => {}
        }
    }
    const SHT_NOBITS: u32 = 8;
    let bss = elf.sections.get(symbol.section as usize)?.kind == SHT_NOBITS;
    (bss && is_common(program, number)).then(|| COMMON.into())
}

/// The name under which gold may have read it, by `--wrap`.
fn alias(program: &Program, name: Name) -> Option<Name> {
    let wrap = program.options.wrap.iter().find(|wrap| wrap.wrapped == name || wrap.name == name)?;
    Some(if wrap.wrapped == name { wrap.name } else { wrap.real })
}

fn is_common(program: &Program, name: Name) -> bool {
    let other = alias(program, name);
    program.files.iter().any(|file| match &file.content {
        Content::Object(object) => object.symbols.iter().any(|symbol| {
            (symbol.name == name || Some(symbol.name) == other)
                && matches!(symbol.definition, Definition::Common { .. })
        }),
        _ => false,
    })
}
