//! Relocations: with addends, without, and compact (`SHT_CREL`, LLVM 19).

use std::slice::Iter;

use object::Endianness;
use object::elf::{EM_MIPS, Rel32, Rel64, Rela32, Rela64, RelocationType, SHT_CREL, SHT_REL, SHT_RELA};
use object::read::elf::{Crel, CrelIterator};

use super::{Class, Elf, Rows, Section, place};
use crate::gap::Gaps;

/// A relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Where: an offset in the section of a relocatable object, an address elsewhere.
    pub offset: u64,
    /// Index of the symbol; 0 is none.
    pub symbol: u32,
    /// `R_*`, whose meaning is the machine's.
    pub kind: RelocationType,
    /// `r_addend`; `None` where the addend is what stands at the place.
    pub addend: Option<i64>,
}

/// A section of relocations.
#[derive(Clone, Copy, Debug)]
pub struct RelocationTable<'a> {
    /// Index of the section.
    pub section: u32,
    /// Index of the section that is relocated (`sh_info`); 0 where relocations name addresses.
    pub target: u32,
    /// Index of the symbol table (`sh_link`).
    pub symbols: u32,
    format: Format<'a>,
    order: Endianness,
    mips64el: bool,
}

#[derive(Clone, Copy, Debug)]
enum Format<'a> {
    Rel(Rows<'a, Rel32<Endianness>, Rel64<Endianness>>),
    Rela(Rows<'a, Rela32<Endianness>, Rela64<Endianness>>),
    Compact(&'a [u8]),
}

impl<'a> RelocationTable<'a> {
    /// The relocations, in the order of the file.
    pub fn iter(&self) -> RelocationIter<'a> {
        RelocationIter {
            state: match self.format {
                Format::Rel(Rows::Narrow(rows)) => State::Rel32(rows.iter()),
                Format::Rel(Rows::Wide(rows)) => State::Rel64(rows.iter()),
                Format::Rela(Rows::Narrow(rows)) => State::Rela32(rows.iter()),
                Format::Rela(Rows::Wide(rows)) => State::Rela64(rows.iter()),
                Format::Compact(bytes) => CrelIterator::new(bytes).map_or(State::End, State::Compact),
            },
            order: self.order,
            mips64el: self.mips64el,
        }
    }

    /// At most so many.
    pub fn most(&self) -> usize {
        match self.format {
            Format::Rel(rows) => rows.len(),
            Format::Rela(rows) => rows.len(),
            Format::Compact(bytes) => bytes.len(),
        }
    }
}

/// The relocations of a section.
pub struct RelocationIter<'a> {
    state: State<'a>,
    order: Endianness,
    mips64el: bool,
}

enum State<'a> {
    Rel32(Iter<'a, Rel32<Endianness>>),
    Rel64(Iter<'a, Rel64<Endianness>>),
    Rela32(Iter<'a, Rela32<Endianness>>),
    Rela64(Iter<'a, Rela64<Endianness>>),
    Compact(CrelIterator<'a>),
    End,
}

impl Iterator for RelocationIter<'_> {
    type Item = Relocation;

    #[inline]
    fn next(&mut self) -> Option<Relocation> {
        let order = self.order;
        let (found, addend) = match &mut self.state {
            State::Rela64(rows) => (Crel::from_rela(rows.next()?, order, self.mips64el), true),
            State::Rela32(rows) => (Crel::from_rela(rows.next()?, order, false), true),
            State::Rel64(rows) => (Crel::from_rel(rows.next()?, order), false),
            State::Rel32(rows) => (Crel::from_rel(rows.next()?, order), false),
            State::Compact(rows) => {
                let addend = rows.is_rela();
                (rows.next()?.ok()?, addend)
            }
            State::End => return None,
        };
        Some(Relocation {
            offset: found.r_offset,
            symbol: found.r_sym,
            kind: found.r_type,
            addend: addend.then_some(found.r_addend),
        })
    }
}

impl<'a> Elf<'a> {
    /// The sections of relocations, in order. Together they are not larger than the file: those that would be lie over
    /// others, and are a gap.
    pub fn relocations(&self, gaps: &mut Gaps) -> Vec<RelocationTable<'a>> {
        let mut left = self.bytes().len();
        let mut tables = Vec::new();
        for section in self.sections() {
            if !matches!(section.kind, SHT_REL | SHT_RELA | SHT_CREL) {
                continue;
            }
            let size = self.data(section).len();
            if size > left {
                let (start, end) = place(self.bytes(), section.offset, section.size);
                gaps.add(
                    start,
                    end,
                    "sections of relocations lie over each other; this one and those behind it are not read",
                );
                break;
            }
            left -= size;
            tables.push(self.relocations_in(section, gaps));
        }
        tables
    }

    fn relocations_in(&self, section: &Section<'a>, gaps: &mut Gaps) -> RelocationTable<'a> {
        let machine = self.header().machine;
        let data = self.data(section);
        let (format, size) = match section.kind {
            SHT_CREL => (Format::Compact(data), 1),
            SHT_REL => {
                let rows = Rows::new(machine.class, data);
                (Format::Rel(rows), rows.row())
            }
            _ => {
                let rows = Rows::new(machine.class, data);
                (Format::Rela(rows), rows.row())
            }
        };
        let table = RelocationTable {
            section: section.index,
            target: section.info,
            symbols: section.link,
            format,
            order: machine.order,
            mips64el: machine.class == Class::Elf64 && machine.order == Endianness::Little && machine.number == EM_MIPS,
        };
        let (start, end) = place(self.bytes(), section.offset, section.size);
        if matches!(format, Format::Compact(_)) {
            let said = CrelIterator::new(data).map_or(usize::MAX, |rows| rows.len());
            // The count of a compact table is a number in it, and may be anything.
            if table.iter().take(said).count() != said {
                gaps.add(start, end, format!("relocations of section {} break off", section.index));
            }
        } else if !section.size.is_multiple_of(size as u64) {
            gaps.add(
                start,
                end,
                format!("section {} is {} bytes, and not whole relocations", section.index, section.size),
            );
        }
        table
    }
}
