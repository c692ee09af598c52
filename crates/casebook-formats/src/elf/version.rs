//! Versions of symbols (`.gnu.version`, `.gnu.version_d`, `.gnu.version_r`; LSB Core, "Symbol Versioning").

use object::Endianness;
use object::elf::{
    SHT_GNU_VERDEF, SHT_GNU_VERNEED, SHT_GNU_VERSYM, VER_FLG_BASE, VER_FLG_WEAK, Verdaux, Verdef, Vernaux, Verneed,
    Versym,
};

use super::strings::Budget;
use super::{Elf, Section, Strings, place, row, rows};
use crate::gap::Gaps;

/// A version a shared object defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defined<'a> {
    /// Its name; for the base version the name of the object.
    pub name: &'a [u8],
    /// `VER_FLG_BASE`: the version of the object itself, which symbols without a version have.
    pub base: bool,
}

/// A version a file needs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Soname of the object that is to define it.
    pub file: &'a [u8],
    /// `VER_FLG_WEAK`: the loader only warns where it is missing.
    pub weak: bool,
}

/// The version of a dynamic symbol: its number, and the bit that hides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionIndex {
    /// Without the bit: 0 is `VER_NDX_LOCAL`, 1 is `VER_NDX_GLOBAL`, others stand in the tables.
    pub number: u16,
    /// `VERSYM_HIDDEN`: only who names the version gets it.
    pub hidden: bool,
}

/// What the version number of a symbol means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version<'a> {
    /// `VER_NDX_LOCAL`: nobody outside can see it.
    Local,
    /// `VER_NDX_GLOBAL`: it has no version, or the base version.
    Global,
    /// It is defined with this version.
    Defined(Defined<'a>),
    /// It is needed with this version.
    Needed(Needed<'a>),
    /// The number is in no table.
    Unknown(u16),
}

/// The versions of a file's dynamic symbols.
#[derive(Clone, Debug)]
pub struct Versions<'a> {
    order: Endianness,
    symbols: &'a [Versym<Endianness>],
    defined: Vec<Option<Defined<'a>>>,
    needed: Vec<Option<Needed<'a>>>,
}

/// The bits of a version's number.
const NUMBER: u16 = 0x7fff;

impl<'a> Versions<'a> {
    /// The version number of a dynamic symbol, if the file has one for it.
    pub fn index(&self, symbol: usize) -> Option<VersionIndex> {
        let raw = self.symbols.get(symbol)?.0.get(self.order).0;
        Some(VersionIndex { number: raw & NUMBER, hidden: raw & !NUMBER != 0 })
    }

    /// What a version number means for a symbol that is defined in the file, or is not.
    pub fn meaning(&self, index: VersionIndex, defined: bool) -> Version<'a> {
        let number = usize::from(index.number);
        match index.number {
            0 => Version::Local,
            1 => Version::Global,
            unknown if defined => match self.defined.get(number).copied().flatten() {
                Some(version) => Version::Defined(version),
                None => Version::Unknown(unknown),
            },
            unknown => match self.needed.get(number).copied().flatten() {
                Some(version) => Version::Needed(version),
                None => Version::Unknown(unknown),
            },
        }
    }

    /// Versions the file defines, with their numbers, in the order of these.
    pub fn defined(&self) -> impl Iterator<Item = (u16, Defined<'a>)> + '_ {
        self.defined.iter().enumerate().filter_map(|(number, version)| Some((number as u16, (*version)?)))
    }

    /// Versions the file needs, with their numbers, in the order of these.
    pub fn needed(&self) -> impl Iterator<Item = (u16, Needed<'a>)> + '_ {
        self.needed.iter().enumerate().filter_map(|(number, version)| Some((number as u16, (*version)?)))
    }
}

impl<'a> Elf<'a> {
    /// The versions of dynamic symbols; `None` in a file that has none.
    pub fn versions(&self, gaps: &mut Gaps) -> Option<Versions<'a>> {
        let find = |kind| self.sections().iter().find(|section| section.kind == kind);
        let (symbols, defined, needed) = (find(SHT_GNU_VERSYM), find(SHT_GNU_VERDEF), find(SHT_GNU_VERNEED));
        if symbols.is_none() && defined.is_none() && needed.is_none() {
            return None;
        }
        Some(Versions {
            order: self.header().machine.order,
            symbols: symbols.map(|section| rows(self.data(section))).unwrap_or_default(),
            defined: defined.map(|section| self.definitions(section, gaps)).unwrap_or_default(),
            needed: needed.map(|section| self.needs(section, gaps)).unwrap_or_default(),
        })
    }

    fn definitions(&self, section: &Section<'a>, gaps: &mut Gaps) -> Vec<Option<Defined<'a>>> {
        let mut walk = Walk::new(self, section);
        let mut table = Vec::new();
        let mut at = 0;
        // Every entry is behind the one before, so there are no more than bytes.
        loop {
            let Some(entry) = row::<Verdef<Endianness>>(walk.data, at) else {
                walk.broken(self, at, gaps);
                break;
            };
            let aux = at.checked_add(entry.vd_aux.get(walk.order) as usize);
            let name = aux
                .and_then(|aux| row::<Verdaux<Endianness>>(walk.data, aux))
                .and_then(|aux| walk.name(aux.vda_name.get(walk.order)));
            match name {
                Some(name) => {
                    let base = entry.vd_flags.get(walk.order).0 & VER_FLG_BASE.0 != 0;
                    keep(&mut table, entry.vd_ndx.get(walk.order).0, Defined { name, base });
                }
                None => walk.nameless(self, at, gaps),
            }
            match entry.vd_next.get(walk.order) {
                0 => break,
                next => at = at.saturating_add(next as usize),
            }
        }
        table
    }

    fn needs(&self, section: &Section<'a>, gaps: &mut Gaps) -> Vec<Option<Needed<'a>>> {
        let mut walk = Walk::new(self, section);
        let mut table = Vec::new();
        // Entries that lie over each other would be more than the section has room for.
        let mut left = walk.data.len() / size_of::<Vernaux<Endianness>>();
        let mut at = 0;
        loop {
            let Some(entry) = row::<Verneed<Endianness>>(walk.data, at) else {
                walk.broken(self, at, gaps);
                break;
            };
            let file = walk.name(entry.vn_file.get(walk.order));
            if file.is_none() {
                walk.nameless(self, at, gaps);
            }
            let mut inner = at.saturating_add(entry.vn_aux.get(walk.order) as usize);
            for _ in 0..entry.vn_cnt.get(walk.order) {
                let Some(aux) = row::<Vernaux<Endianness>>(walk.data, inner).filter(|_| left > 0) else {
                    walk.broken(self, inner, gaps);
                    break;
                };
                left -= 1;
                match walk.name(aux.vna_name.get(walk.order)) {
                    Some(name) => {
                        let weak = aux.vna_flags.get(walk.order).0 & VER_FLG_WEAK.0 != 0;
                        let version = Needed { name, file: file.unwrap_or_default(), weak };
                        keep(&mut table, aux.vna_other.get(walk.order).0, version);
                    }
                    None => walk.nameless(self, inner, gaps),
                }
                match aux.vna_next.get(walk.order) {
                    0 => break,
                    next => inner = inner.saturating_add(next as usize),
                }
            }
            match entry.vn_next.get(walk.order) {
                0 => break,
                next => at = at.saturating_add(next as usize),
            }
        }
        table
    }
}

/// Sets the version of a number; the first one stays. There are 32768 numbers at most.
fn keep<T: Copy>(table: &mut Vec<Option<T>>, number: u16, version: T) {
    let number = usize::from(number & NUMBER);
    if table.len() <= number {
        table.resize(number + 1, None);
    }
    if let Some(slot) = table.get_mut(number) {
        slot.get_or_insert(version);
    }
}

/// A section whose entries lead to each other by offsets.
struct Walk<'a> {
    data: &'a [u8],
    strings: Strings<'a>,
    budget: Budget,
    order: Endianness,
    offset: u64,
    section: u32,
}

impl<'a> Walk<'a> {
    fn new(elf: &Elf<'a>, section: &Section<'a>) -> Self {
        Self {
            data: elf.data(section),
            strings: elf.strings(section.link),
            budget: Budget::of(elf.bytes().len()),
            order: elf.header().machine.order,
            offset: section.offset,
            section: section.index,
        }
    }

    fn name(&mut self, offset: u32) -> Option<&'a [u8]> {
        self.strings.get_within(offset, &mut self.budget)
    }

    #[cold]
    fn broken(&self, elf: &Elf<'_>, at: usize, gaps: &mut Gaps) {
        let (start, end) = place(elf.bytes(), self.offset.saturating_add(at as u64), 0);
        gaps.add(start, end, format!("versions in section {} break off", self.section));
    }

    #[cold]
    fn nameless(&self, elf: &Elf<'_>, at: usize, gaps: &mut Gaps) {
        let (start, end) = place(elf.bytes(), self.offset.saturating_add(at as u64), 16);
        gaps.add(start, end, format!("a version in section {} has no name", self.section));
    }
}
