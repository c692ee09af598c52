//! Symbol tables.

use std::cell::Cell;

use object::Endianness;
use object::elf::{
    SHN_ABS, SHN_COMMON, SHN_UNDEF, SHN_XINDEX, SHT_DYNSYM, SHT_SYMTAB, SHT_SYMTAB_SHNDX, SectionType, Sym32, Sym64,
    SymbolBind, SymbolSection, SymbolType, SymbolVisibility,
};
use object::endian::U32;
use object::read::elf::Sym;

use super::strings::Budget;
use super::{Elf, Rows, Section, Strings, place, rows};
use crate::gap::Gaps;

/// Where a symbol stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// `SHN_UNDEF`
    Undefined,
    /// `SHN_ABS`
    Absolute,
    /// `SHN_COMMON`
    Common,
    /// In the section of this index, which the file has.
    Section(u32),
    /// A number with a meaning of the machine or system (`SHN_LOPROC` to `SHN_HIOS`), or of no section; the latter is a
    /// gap.
    Other(u32),
}

/// A symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name, with all that is written in the table; empty where the table of names has none.
    pub name: &'a [u8],
    /// `STB_*`
    pub bind: SymbolBind,
    /// `STT_*`
    pub kind: SymbolType,
    /// `STV_*`
    pub visibility: SymbolVisibility,
    /// `st_other`, visibility included.
    pub other: u8,
    /// `st_shndx`
    pub place: Place,
    /// `st_value`
    pub value: u64,
    /// `st_size`, in bytes.
    pub size: u64,
}

/// The version that a name carries: `f@V` or `f@@V` (binutils, `.symver`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolVersion<'a> {
    /// The version.
    pub name: &'a [u8],
    /// True for `@@`.
    pub default: bool,
}

/// Divides the name of a symbol at its first `@`. A name that begins with one is whole, and an empty version is none
/// (Symbol::parseSymbolVersion in lld/ELF/Symbols.cpp; ObjectFile::initialize_symbols in mold's elf/input-files.cc).
pub fn split_version(name: &[u8]) -> (&[u8], Option<SymbolVersion<'_>>) {
    match memchr::memchr(b'@', name) {
        None | Some(0) => (name, None),
        Some(at) => {
            let (base, version) = name.split_at(at);
            let (version, default) = match version {
                [b'@', b'@', rest @ ..] => (rest, true),
                [b'@', rest @ ..] => (rest, false),
                rest => (rest, false),
            };
            (base, (!version.is_empty()).then_some(SymbolVersion { name: version, default }))
        }
    }
}

/// A symbol table.
#[derive(Clone, Debug)]
pub struct Symbols<'a> {
    bytes: &'a [u8],
    order: Endianness,
    rows: Rows<'a, Sym32<Endianness>, Sym64<Endianness>>,
    strings: Strings<'a>,
    budget: Cell<Budget>,
    /// `SHT_SYMTAB_SHNDX`: indices of sections that have no room in a symbol.
    extended: &'a [U32<Endianness>],
    sections: usize,
    at: u64,
    section: u32,
    first_global: u32,
}

impl<'a> Symbols<'a> {
    /// How many there are, the empty first one included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there is none, not even the first.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index of the table's section.
    pub fn section(&self) -> u32 {
        self.section
    }

    /// Index of the first symbol that is not local (`sh_info`); not more than [`Self::len`].
    pub fn first_global(&self) -> u32 {
        self.first_global
    }

    /// Where a symbol stands in the file: first byte and one past the last.
    pub fn place(&self, index: usize) -> (usize, usize) {
        let row = self.rows.row() as u64;
        place(self.bytes, self.at.saturating_add(row.saturating_mul(index as u64)), row)
    }

    /// The symbol of this index. A name or section that is nowhere is a gap, and so is a name where names were longer,
    /// all together, than sixteen times the file.
    #[inline]
    pub fn get(&self, index: usize, gaps: &mut Gaps) -> Option<Symbol<'a>> {
        match self.rows {
            Rows::Narrow(rows) => self.of(rows.get(index)?, index, gaps),
            Rows::Wide(rows) => self.of(rows.get(index)?, index, gaps),
        }
    }

    #[inline]
    fn of<S: Sym<Endian = Endianness>>(&self, raw: &S, index: usize, gaps: &mut Gaps) -> Option<Symbol<'a>> {
        let order = self.order;
        let mut budget = self.budget.get();
        let name = self.strings.get_within(raw.st_name(order), &mut budget);
        self.budget.set(budget);
        if name.is_none() {
            self.damage(index, "its name is not in the table of names", gaps);
        }
        Some(Symbol {
            name: name.unwrap_or_default(),
            bind: raw.st_bind(),
            kind: raw.st_type(),
            visibility: raw.st_visibility(),
            other: raw.st_other().0,
            place: self.stands(raw.st_shndx(order), index, gaps),
            value: raw.st_value(order).into(),
            size: raw.st_size(order).into(),
        })
    }

    #[inline]
    fn stands(&self, section: SymbolSection, index: usize, gaps: &mut Gaps) -> Place {
        let number = match section {
            SHN_UNDEF => return Place::Undefined,
            SHN_ABS => return Place::Absolute,
            SHN_COMMON => return Place::Common,
            SHN_XINDEX => match self.extended.get(index) {
                Some(number) => number.get(self.order),
                None => {
                    self.damage(index, "its section is to stand in SHT_SYMTAB_SHNDX, which does not have it", gaps);
                    return Place::Other(section.0.into());
                }
            },
            reserved if reserved.is_reserved() => return Place::Other(reserved.0.into()),
            number => number.0.into(),
        };
        if number as usize >= self.sections {
            self.damage(index, "it is in a section the file does not have", gaps);
            return Place::Other(number);
        }
        Place::Section(number)
    }

    #[cold]
    fn damage(&self, index: usize, why: &str, gaps: &mut Gaps) {
        let (start, end) = self.place(index);
        gaps.add(start, end, format!("symbol {index} of section {}: {why}", self.section));
    }
}

impl<'a> Elf<'a> {
    /// The symbol table (`SHT_SYMTAB`), if the file was not stripped of it.
    pub fn symbols(&self, gaps: &mut Gaps) -> Option<Symbols<'a>> {
        self.table_of(SHT_SYMTAB, gaps)
    }

    /// The dynamic symbol table (`SHT_DYNSYM`).
    pub fn dynamic_symbols(&self, gaps: &mut Gaps) -> Option<Symbols<'a>> {
        self.table_of(SHT_DYNSYM, gaps)
    }

    fn table_of(&self, kind: SectionType, gaps: &mut Gaps) -> Option<Symbols<'a>> {
        let mut tables = self.sections().iter().filter(|section| section.kind == kind);
        let table = tables.next()?;
        if let Some(second) = tables.next() {
            let (start, end) = place(self.bytes(), second.offset, second.size);
            gaps.add(start, end, format!("section {} is a second symbol table; the first is read", second.index));
        }
        Some(self.symbols_in(table, gaps))
    }

    /// The symbol table of this section index, if it is one.
    pub fn symbol_table(&self, index: u32, gaps: &mut Gaps) -> Option<Symbols<'a>> {
        let table = self.section(index).filter(|table| matches!(table.kind, SHT_SYMTAB | SHT_DYNSYM))?;
        Some(self.symbols_in(table, gaps))
    }

    /// The symbol table in a section, which is one of `SHT_SYMTAB` or `SHT_DYNSYM`.
    fn symbols_in(&self, table: &Section<'a>, gaps: &mut Gaps) -> Symbols<'a> {
        let header = self.header();
        let data = self.data(table);
        let rows = Rows::new(header.machine.class, data);
        let (start, end) = place(self.bytes(), table.offset, table.size);
        if rows.len() as u64 * rows.row() as u64 != table.size {
            gaps.add(
                start,
                end,
                format!("section {} holds {} whole symbols in {} bytes", table.index, rows.len(), table.size),
            );
        }
        if self.section(table.link).is_none_or(|strings| strings.kind != object::elf::SHT_STRTAB) {
            gaps.add(start, end, format!("section {} has no table of names", table.index));
        }
        let extended = self
            .sections()
            .iter()
            .find(|section| section.kind == SHT_SYMTAB_SHNDX && section.link == table.index)
            .map(|section| rows_of_indices(self.data(section)))
            .unwrap_or_default();
        let first_global = (table.info as usize).min(rows.len()) as u32;
        if first_global != table.info {
            gaps.add(start, end, format!("section {}: sh_info is behind its last symbol", table.index));
        }
        Symbols {
            bytes: self.bytes(),
            order: header.machine.order,
            rows,
            strings: self.strings(table.link),
            budget: Cell::new(Budget::of(self.bytes().len())),
            extended,
            sections: self.sections().len(),
            at: table.offset,
            section: table.index,
            first_global,
        }
    }
}

fn rows_of_indices(bytes: &[u8]) -> &[U32<Endianness>] {
    rows(bytes)
}
