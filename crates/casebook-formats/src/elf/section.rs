//! Sections.

use object::Endianness;
use object::elf::{
    SHF_COMPRESSED, SHT_NOBITS, SHT_NULL, SHT_STRTAB, SectionFlags, SectionHeader32, SectionHeader64, SectionType,
};
use object::read::elf::SectionHeader;

use super::strings::Budget;
use super::{Class, Header, MOST_SECTIONS, Strings, clip, place, rows};
use crate::gap::Gaps;

/// A section, as its header describes it.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its number; the first of a file is empty.
    pub index: u32,
    /// Its name; empty where the table of names has none.
    pub name: &'a [u8],
    /// `sh_type`
    pub kind: SectionType,
    /// `sh_flags`
    pub flags: SectionFlags,
    /// `sh_addr`
    pub address: u64,
    /// `sh_offset`, in bytes from the beginning of the file. The file may end before it.
    pub offset: u64,
    /// `sh_size`, in bytes. The file may end before.
    pub size: u64,
    /// `sh_link`, whose meaning is the type's.
    pub link: u32,
    /// `sh_info`, whose meaning is the type's.
    pub info: u32,
    /// `sh_addralign`, in bytes.
    pub align: u64,
    /// `sh_entsize`, in bytes.
    pub entry_size: u64,
}

impl Section<'_> {
    /// True when it takes no place in the file.
    pub fn has_no_bytes(&self) -> bool {
        self.kind == SHT_NOBITS || self.kind == SHT_NULL
    }

    /// True when all flags of `flags` are set.
    pub fn has(&self, flags: SectionFlags) -> bool {
        self.flags.0 & flags.0 == flags.0
    }

    /// True when what is in the file is compressed (`SHF_COMPRESSED`).
    pub fn is_compressed(&self) -> bool {
        self.has(SHF_COMPRESSED)
    }
}

/// All sections, checked against the size of the file.
pub(super) fn read<'a>(bytes: &'a [u8], header: &Header, gaps: &mut Gaps) -> Vec<Section<'a>> {
    match header.machine.class {
        Class::Elf32 => of::<SectionHeader32<Endianness>>(bytes, header, gaps),
        Class::Elf64 => of::<SectionHeader64<Endianness>>(bytes, header, gaps),
    }
}

fn of<'a, S: SectionHeader<Endian = Endianness>>(
    bytes: &'a [u8],
    header: &Header,
    gaps: &mut Gaps,
) -> Vec<Section<'a>> {
    if header.sections == 0 {
        return Vec::new();
    }
    let size = header.sections.saturating_mul(size_of::<S>() as u64);
    let raw: &[S] = rows(clip(bytes, header.sections_at, size));
    if (raw.len() as u64) < header.sections {
        let (start, end) = place(bytes, header.sections_at, size);
        gaps.add(start, end, format!("the file holds {} of {} section headers", raw.len(), header.sections));
    }
    let raw = if raw.len() > MOST_SECTIONS {
        let (start, end) = place(bytes, header.sections_at, size);
        gaps.add(start, end, format!("{} sections; {MOST_SECTIONS} are read", raw.len()));
        &raw[..MOST_SECTIONS]
    } else {
        raw
    };
    let order = header.machine.order;
    let names = usize::try_from(header.section_names)
        .ok()
        .and_then(|index| raw.get(index))
        .filter(|section| section.sh_type(order) == SHT_STRTAB)
        .map(|section| Strings::new(clip(bytes, section.sh_offset(order).into(), section.sh_size(order).into())));
    if names.is_none() && raw.len() > 1 {
        gaps.add(0, 0, format!("section {} is no table of names; sections have none", header.section_names));
    }
    let mut budget = Budget::of(bytes.len());
    let mut sections = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let at = header.sections_at.saturating_add((index * size_of::<S>()) as u64);
        let name = names.map_or(Some(&[][..]), |names| names.get_within(raw.sh_name(order), &mut budget));
        let section = Section {
            index: index as u32,
            name: name.unwrap_or_default(),
            kind: raw.sh_type(order),
            flags: raw.sh_flags(order),
            address: raw.sh_addr(order).into(),
            offset: raw.sh_offset(order).into(),
            size: raw.sh_size(order).into(),
            link: raw.sh_link(order),
            info: raw.sh_info(order),
            align: raw.sh_addralign(order).into(),
            entry_size: raw.sh_entsize(order).into(),
        };
        if name.is_none() {
            let (start, end) = place(bytes, at, size_of::<S>() as u64);
            gaps.add(start, end, format!("the name of section {index} is not in the table of names"));
        }
        if !section.has_no_bytes()
            && section.offset.checked_add(section.size).is_none_or(|end| end > bytes.len() as u64)
        {
            let (start, end) = place(bytes, at, size_of::<S>() as u64);
            gaps.add(start, end, format!("section {index} ends behind the end of the file"));
        }
        sections.push(section);
    }
    sections
}
