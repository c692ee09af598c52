//! The header: what kind of file, for which machine, and where its tables are.

use object::Endianness;
use object::elf::{
    DataEncoding, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, FileClass, FileFlags, FileHeader32,
    FileHeader64, FileType, Ident, Machine as Number, OsAbi, PN_XNUM, SHN_XINDEX,
};
use object::read::elf::{FileHeader, SectionHeader};

use super::{clip, row};
use crate::gap::Gaps;

/// How wide addresses are (`EI_CLASS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 32 bits.
    Elf32,
    /// 64 bits.
    Elf64,
}

/// What two files must have in common to be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Width of addresses.
    pub class: Class,
    /// Byte order.
    pub order: Endianness,
    /// `e_machine`
    pub number: Number,
}

impl Machine {
    /// Reads it from the first twenty bytes of a file.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..4)? != ELFMAG {
            return None;
        }
        let (class, order) = identity(bytes)?;
        // Behind sixteen bytes of identity and two of the type, in both classes.
        let number = *bytes.get(18..)?.first_chunk()?;
        let number = match order {
            Endianness::Little => u16::from_le_bytes(number),
            Endianness::Big => u16::from_be_bytes(number),
        };
        Some(Self { class, order, number: Number(number) })
    }
}

/// The name of a machine as binutils and LLVM call it, where it is one that Linux runs on.
fn name_of(number: Number) -> Option<&'static str> {
    Some(match number {
        object::elf::EM_386 => "i386",
        object::elf::EM_X86_64 => "x86-64",
        object::elf::EM_AARCH64 => "AArch64",
        object::elf::EM_ARM => "ARM",
        object::elf::EM_RISCV => "RISC-V",
        object::elf::EM_PPC => "PowerPC",
        object::elf::EM_PPC64 => "PowerPC64",
        object::elf::EM_S390 => "S/390",
        object::elf::EM_MIPS => "MIPS",
        object::elf::EM_SPARC | object::elf::EM_SPARC32PLUS => "SPARC",
        object::elf::EM_SPARCV9 => "SPARC V9",
        object::elf::EM_LOONGARCH => "LoongArch",
        object::elf::EM_BPF => "BPF",
        object::elf::EM_68K => "m68k",
        object::elf::EM_PARISC => "PA-RISC",
        object::elf::EM_IA_64 => "IA-64",
        object::elf::EM_ALPHA => "Alpha",
        object::elf::EM_SH => "SuperH",
        object::elf::EM_AVR => "AVR",
        _ => return None,
    })
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match name_of(self.number) {
            Some(name) => write!(f, "{name}, ")?,
            None => write!(f, "machine {}, ", self.number.0)?,
        }
        f.write_str(match self.class {
            Class::Elf32 => "32-bit",
            Class::Elf64 => "64-bit",
        })?;
        f.write_str(match self.order {
            Endianness::Little => "",
            Endianness::Big => ", big-endian",
        })
    }
}

/// The header of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Class, byte order and machine.
    pub machine: Machine,
    /// `e_type`: relocatable, program, shared object.
    pub kind: FileType,
    /// `EI_OSABI`
    pub os_abi: OsAbi,
    /// `e_flags`, whose meaning is the machine's.
    pub flags: FileFlags,
    /// `e_entry`
    pub entry: u64,
    /// `e_phoff`, in bytes from the beginning of the file.
    pub(super) segments_at: u64,
    /// Segments the header speaks of (`e_phnum`, `PN_XNUM` resolved).
    pub(super) segments: u64,
    /// `e_shoff`, in bytes from the beginning of the file.
    pub(super) sections_at: u64,
    /// Sections the header speaks of (`e_shnum`, extension resolved).
    pub(super) sections: u64,
    /// Section of the names of sections (`e_shstrndx`, `SHN_XINDEX` resolved).
    pub(super) section_names: u32,
}

impl Header {
    pub(super) fn read(bytes: &[u8], gaps: &mut Gaps) -> Option<Self> {
        if bytes.get(..4) != Some(ELFMAG.as_slice()) {
            gaps.add(0, bytes.len().min(4), "it does not begin as an ELF file");
            return None;
        }
        if bytes.len() < size_of::<Ident>() {
            gaps.add(0, bytes.len(), "it ends inside of the ELF header");
            return None;
        }
        let Some((class, order)) = identity(bytes) else {
            gaps.add(4, 6, "class and byte order are none that ELF knows");
            return None;
        };
        match class {
            Class::Elf32 => Self::of::<FileHeader32<Endianness>>(bytes, class, order, gaps),
            Class::Elf64 => Self::of::<FileHeader64<Endianness>>(bytes, class, order, gaps),
        }
    }

    fn of<H: FileHeader<Endian = Endianness>>(
        bytes: &[u8],
        class: Class,
        order: Endianness,
        gaps: &mut Gaps,
    ) -> Option<Self> {
        let Some(raw) = row::<H>(bytes, 0) else {
            gaps.add(0, bytes.len(), "it ends inside of the ELF header");
            return None;
        };
        let mut header = Self {
            machine: Machine { class, order, number: raw.e_machine(order) },
            kind: raw.e_type(order),
            os_abi: raw.e_ident().os_abi,
            flags: raw.e_flags(order),
            entry: raw.e_entry(order).into(),
            segments_at: raw.e_phoff(order).into(),
            segments: raw.e_phnum(order).into(),
            sections_at: raw.e_shoff(order).into(),
            sections: raw.e_shnum(order).into(),
            section_names: raw.e_shstrndx(order).0.into(),
        };
        header.sizes(bytes, raw, order, gaps);
        Some(header)
    }

    /// Numbers too large for the header stand in the first section; rows of a wrong size are no rows.
    fn sizes<H: FileHeader<Endian = Endianness>>(&mut self, bytes: &[u8], raw: &H, order: Endianness, gaps: &mut Gaps) {
        let first = (self.sections_at != 0)
            .then(|| row::<H::SectionHeader>(clip(bytes, self.sections_at, u64::MAX), 0))
            .flatten();
        if self.sections == 0 && self.sections_at != 0 {
            self.sections = first.map_or(0, |first| first.sh_size(order).into());
            if self.sections == 0 {
                gaps.add(0, size_of::<H>(), "the header names a table of sections, and no section");
            }
        }
        if self.section_names == u32::from(SHN_XINDEX.0) {
            self.section_names = first.map_or(0, |first| first.sh_link(order));
        }
        if self.segments == u64::from(PN_XNUM) {
            self.segments = first.map_or(self.segments, |first| first.sh_info(order).into());
        }
        if self.sections != 0 && usize::from(raw.e_shentsize(order)) != size_of::<H::SectionHeader>() {
            gaps.add(0, size_of::<H>(), "e_shentsize is not the size of a section header; no section is read");
            self.sections = 0;
        }
        if self.segments != 0 && usize::from(raw.e_phentsize(order)) != size_of::<H::ProgramHeader>() {
            gaps.add(0, size_of::<H>(), "e_phentsize is not the size of a program header; no segment is read");
            self.segments = 0;
        }
    }
}

/// Class and byte order are the fifth and the sixth byte.
fn identity(bytes: &[u8]) -> Option<(Class, Endianness)> {
    let class = match FileClass(*bytes.get(4)?) {
        ELFCLASS32 => Class::Elf32,
        ELFCLASS64 => Class::Elf64,
        _ => return None,
    };
    let order = match DataEncoding(*bytes.get(5)?) {
        ELFDATA2LSB => Endianness::Little,
        ELFDATA2MSB => Endianness::Big,
        _ => return None,
    };
    Some((class, order))
}
