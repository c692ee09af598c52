//! Addresses for an object that has none: each section that will be loaded gets a stretch of its own.

use casebook_formats::elf::{Class, Elf, Place, Symbol, abi};

/// Room between two stretches, so that the end of one is not the beginning of the next; in bytes.
const BETWEEN: u64 = 16;

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Where each section begins; 0 for those that are not loaded, which debug sections refer to by offset.
    bases: Vec<u64>,
    /// What is in no section has an address behind all of them, by the index of its symbol.
    externals: u64,
    thumb: bool,
}

impl Layout {
    /// `None` when the sections are larger than the address space.
    pub(super) fn of(elf: &Elf<'_>) -> Option<Self> {
        let mut next = 0x1000u64;
        let mut bases = Vec::with_capacity(elf.sections().len());
        for section in elf.sections() {
            if section.has(abi::SHF_ALLOC) {
                bases.push(next);
                next = next.checked_add(section.size)?.checked_add(BETWEEN)?.checked_next_multiple_of(BETWEEN)?;
            } else {
                bases.push(0);
            }
        }
        // Half of it stays free for symbols that are in no section.
        let machine = elf.header().machine;
        let most = match machine.class {
            Class::Elf32 => u64::from(u32::MAX / 2),
            Class::Elf64 => u64::MAX / 2,
        };
        (next <= most).then_some(Self { bases, externals: next, thumb: machine.number == abi::EM_ARM })
    }

    /// The address of an offset in a section that is loaded.
    pub(super) fn address(&self, section: u32, offset: u64) -> Option<u64> {
        self.bases.get(section as usize).filter(|base| **base != 0)?.checked_add(offset)
    }

    /// The address of a symbol that is in no section.
    pub(super) fn external(&self, symbol: u32) -> Option<u64> {
        self.externals.checked_add(u64::from(symbol).checked_mul(BETWEEN)?)
    }

    /// What a relocation against a symbol takes for its value.
    pub(super) fn value(&self, index: u32, symbol: &Symbol<'_>) -> Option<u64> {
        match symbol.place {
            Place::Section(section) => Some(self.bases.get(section as usize)?.wrapping_add(symbol.value)),
            Place::Absolute => Some(symbol.value),
            _ => self.external(index),
        }
    }

    /// The address of code without the bit that says it is Thumb.
    pub(super) fn code(&self, address: u64) -> u64 {
        if self.thumb { address & !1 } else { address }
    }
}
