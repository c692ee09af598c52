//! ELF files (System V ABI, chapters 4 and 5; GNU's additions as in glibc's `elf.h`): both classes, both byte orders,
//! objects, shared objects and programs.
//!
//! A file is borrowed and never trusted. [`Elf::read`] looks at its header and its sections; what a table holds is read
//! when somebody asks. Damage goes to [`Gaps`], with the bytes it is at and the reason, and the rest is still read: a
//! table that is longer than its file ends with it, a name that is nowhere is empty. No answer takes longer, or more
//! memory, than a file of that size can ask for: tables that lie over each other are read up to the size of the file,
//! and chains lead forward.

mod contents;
mod dynamic;
mod group;
mod header;
mod note;
mod relocation;
mod section;
mod segment;
mod strings;
mod symbol;
#[cfg(test)]
mod tests;
mod version;

pub use contents::LARGEST_CONTENTS;
pub use dynamic::Dynamic;
pub use group::Group;
pub use header::{Class, Header, Machine};
pub use note::Note;
pub use object::Endianness;
pub use object::elf as abi;
pub use relocation::{Relocation, RelocationIter, RelocationTable};
pub use section::Section;
pub use segment::Segment;
pub use strings::{LONGEST_NAME, Strings};
pub use symbol::{Place, Symbol, SymbolVersion, Symbols, split_version};
pub use version::{Defined, Needed, Version, VersionIndex, Versions};

use object::pod::{self, Pod};

use crate::gap::Gaps;

/// Most sections of a file that are read; more are a gap.
pub const MOST_SECTIONS: usize = 1 << 22;

/// An ELF file, its header and sections read.
#[derive(Clone, Debug)]
pub struct Elf<'a> {
    bytes: &'a [u8],
    header: Header,
    sections: Vec<Section<'a>>,
}

impl<'a> Elf<'a> {
    /// Reads a file. `None` when it does not begin as an ELF file, or ends inside of its header.
    pub fn read(bytes: &'a [u8], gaps: &mut Gaps) -> Option<Self> {
        let header = Header::read(bytes, gaps)?;
        let sections = section::read(bytes, &header, gaps);
        Some(Self { bytes, header, sections })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its sections, the empty first one included.
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// The section of this index.
    pub fn section(&self, index: u32) -> Option<&Section<'a>> {
        self.sections.get(usize::try_from(index).ok()?)
    }

    /// The bytes of a section as they stand in the file, as far as the file goes; none for one that is all zeros
    /// (`SHT_NOBITS`).
    pub fn data(&self, section: &Section<'a>) -> &'a [u8] {
        if section.has_no_bytes() { &[] } else { clip(self.bytes, section.offset, section.size) }
    }

    /// A string table (`SHT_STRTAB`); without names where the section is none.
    pub fn strings(&self, index: u32) -> Strings<'a> {
        match self.section(index) {
            Some(section) if section.kind == abi::SHT_STRTAB => Strings::new(self.data(section)),
            _ => Strings::default(),
        }
    }
}

/// At most `size` bytes from `offset`, as far as there are any.
fn clip(bytes: &[u8], offset: u64, size: u64) -> &[u8] {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
    rest.get(..size).unwrap_or_default()
}

/// A place in the file as gaps want it: not behind its end.
fn place(bytes: &[u8], offset: u64, size: u64) -> (usize, usize) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let end =
        usize::try_from(size).ok().and_then(|size| start.checked_add(size)).unwrap_or(usize::MAX).min(bytes.len());
    (start, end)
}

/// The rows of a table, of the class of the file. What is left behind the last whole row is not looked at.
#[derive(Clone, Copy, Debug)]
enum Rows<'a, Narrow, Wide> {
    Narrow(&'a [Narrow]),
    Wide(&'a [Wide]),
}

impl<'a, Narrow: Pod, Wide: Pod> Rows<'a, Narrow, Wide> {
    fn new(class: Class, bytes: &'a [u8]) -> Self {
        match class {
            Class::Elf32 => Rows::Narrow(rows(bytes)),
            Class::Elf64 => Rows::Wide(rows(bytes)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Rows::Narrow(rows) => rows.len(),
            Rows::Wide(rows) => rows.len(),
        }
    }

    /// Bytes of one row.
    fn row(&self) -> usize {
        match self {
            Rows::Narrow(_) => size_of::<Narrow>(),
            Rows::Wide(_) => size_of::<Wide>(),
        }
    }
}

fn rows<T: Pod>(bytes: &[u8]) -> &[T] {
    let count = bytes.len().checked_div(size_of::<T>()).unwrap_or(0);
    pod::slice_from_bytes(bytes, count).map(|(rows, _)| rows).unwrap_or_default()
}

/// One row at an offset.
fn row<T: Pod>(bytes: &[u8], offset: usize) -> Option<&T> {
    pod::from_bytes(bytes.get(offset..)?).ok().map(|(row, _)| row)
}
