//! ELF files made in a test: any class, any byte order, any lie.

use super::super::{Class, Endianness};

/// A file in the making.
pub(super) struct Craft {
    pub(super) class: Class,
    pub(super) order: Endianness,
    pub(super) kind: u16,
    pub(super) machine: u16,
    sections: Vec<Raw>,
}

#[derive(Clone, Default)]
pub(super) struct Raw {
    pub(super) name: &'static str,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) link: u32,
    pub(super) info: u32,
    pub(super) data: Vec<u8>,
    /// A size other than that of the data.
    pub(super) says: Option<u64>,
}

pub(super) struct Sym {
    pub(super) name: u32,
    pub(super) info: u8,
    pub(super) other: u8,
    pub(super) section: u16,
    pub(super) value: u64,
    pub(super) size: u64,
}

impl Craft {
    pub(super) fn new(class: Class, order: Endianness) -> Self {
        Self { class, order, kind: 1, machine: 62, sections: vec![Raw::default()] }
    }

    /// Adds a section and gives its index.
    pub(super) fn add(&mut self, section: Raw) -> u32 {
        self.sections.push(section);
        self.sections.len() as u32 - 1
    }

    pub(super) fn half(&self, value: u16) -> Vec<u8> {
        match self.order {
            Endianness::Little => value.to_le_bytes().to_vec(),
            Endianness::Big => value.to_be_bytes().to_vec(),
        }
    }

    pub(super) fn word(&self, value: u32) -> Vec<u8> {
        match self.order {
            Endianness::Little => value.to_le_bytes().to_vec(),
            Endianness::Big => value.to_be_bytes().to_vec(),
        }
    }

    /// A number as wide as an address.
    pub(super) fn wide(&self, value: u64) -> Vec<u8> {
        match (self.class, self.order) {
            (Class::Elf32, _) => self.word(value as u32),
            (Class::Elf64, Endianness::Little) => value.to_le_bytes().to_vec(),
            (Class::Elf64, Endianness::Big) => value.to_be_bytes().to_vec(),
        }
    }

    pub(super) fn words(&self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.word(*value)).collect()
    }

    pub(super) fn symbols(&self, symbols: &[Sym]) -> Vec<u8> {
        let mut out = Vec::new();
        for symbol in symbols {
            out.extend(self.word(symbol.name));
            let rest = [&[symbol.info, symbol.other][..], &self.half(symbol.section)].concat();
            let sizes = [self.wide(symbol.value), self.wide(symbol.size)].concat();
            match self.class {
                Class::Elf32 => out.extend([sizes, rest].concat()),
                Class::Elf64 => out.extend([rest, sizes].concat()),
            }
        }
        out
    }

    /// A relocation with an addend.
    pub(super) fn rela(&self, offset: u64, symbol: u32, kind: u32, addend: i64) -> Vec<u8> {
        let info = match self.class {
            Class::Elf32 => u64::from(symbol) << 8 | u64::from(kind),
            Class::Elf64 => u64::from(symbol) << 32 | u64::from(kind),
        };
        [self.wide(offset), self.wide(info), self.wide(addend.cast_unsigned())].concat()
    }

    /// The file: header, contents, names of sections, section headers.
    pub(super) fn file(&self) -> Vec<u8> {
        let mut sections = self.sections.clone();
        let names = sections.len() as u32;
        sections.push(Raw { name: ".shstrtab", kind: 3, ..Raw::default() });
        let mut table = vec![0];
        let mut offsets = Vec::new();
        for section in &sections {
            offsets.push(if section.name.is_empty() { 0 } else { table.len() as u32 });
            table.extend(section.name.as_bytes());
            table.push(0);
        }
        sections.last_mut().unwrap().data = table;
        let (header, row) = match self.class {
            Class::Elf32 => (52, 40),
            Class::Elf64 => (64, 64),
        };
        let mut body = Vec::new();
        let mut headers = Vec::new();
        let many = sections.len() >= 0xff00;
        for (index, section) in sections.iter().enumerate() {
            while !body.len().is_multiple_of(8) {
                body.push(0);
            }
            let offset = header + body.len() as u64;
            body.extend(&section.data);
            let mut size = section.says.unwrap_or(section.data.len() as u64);
            let mut link = section.link;
            if index == 0 && many {
                (size, link) = (sections.len() as u64, names);
            }
            headers.extend(self.word(offsets[index]));
            headers.extend(self.word(section.kind));
            headers.extend([self.wide(section.flags), self.wide(0), self.wide(offset), self.wide(size)].concat());
            headers.extend(self.words(&[link, section.info]));
            headers.extend([self.wide(1), self.wide(0)].concat());
        }
        let mut out = b"\x7fELF".to_vec();
        out.push(if self.class == Class::Elf32 { 1 } else { 2 });
        out.push(if self.order == Endianness::Little { 1 } else { 2 });
        out.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend([self.half(self.kind), self.half(self.machine), self.word(1)].concat());
        out.extend([self.wide(0), self.wide(0), self.wide(header + body.len() as u64)].concat());
        out.extend(self.word(0));
        let (count, names) = if many { (0, 0xffff) } else { (sections.len() as u16, names as u16) };
        for value in [header as u16, 0, 0, row, count, names] {
            out.extend(self.half(value));
        }
        [out, body, headers].concat()
    }
}
