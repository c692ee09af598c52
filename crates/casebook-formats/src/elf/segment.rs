//! Segments: what a loader puts where.

use object::Endianness;
use object::elf::{PT_LOAD, ProgramFlags, ProgramHeader32, ProgramHeader64, ProgramType};
use object::read::elf::ProgramHeader;

use super::{Class, Elf, clip, place, rows};
use crate::gap::Gaps;

/// A segment, as its header describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `p_type`
    pub kind: ProgramType,
    /// `p_flags`
    pub flags: ProgramFlags,
    /// `p_offset`, in bytes from the beginning of the file.
    pub offset: u64,
    /// `p_vaddr`
    pub address: u64,
    /// `p_filesz`, in bytes.
    pub file_size: u64,
    /// `p_memsz`, in bytes.
    pub memory_size: u64,
    /// `p_align`, in bytes.
    pub align: u64,
}

impl<'a> Elf<'a> {
    /// The segments, in order.
    pub fn segments(&self, gaps: &mut Gaps) -> Vec<Segment> {
        match self.header().machine.class {
            Class::Elf32 => self.segments_of::<ProgramHeader32<Endianness>>(gaps),
            Class::Elf64 => self.segments_of::<ProgramHeader64<Endianness>>(gaps),
        }
    }

    fn segments_of<P: ProgramHeader<Endian = Endianness>>(&self, gaps: &mut Gaps) -> Vec<Segment> {
        let header = self.header();
        let size = header.segments.saturating_mul(size_of::<P>() as u64);
        let raw: &[P] = rows(clip(self.bytes(), header.segments_at, size));
        if (raw.len() as u64) < header.segments {
            let (start, end) = place(self.bytes(), header.segments_at, size);
            gaps.add(start, end, format!("the file holds {} of {} program headers", raw.len(), header.segments));
        }
        let order = header.machine.order;
        let segments: Vec<Segment> = raw
            .iter()
            .map(|raw| Segment {
                kind: raw.p_type(order),
                flags: raw.p_flags(order),
                offset: raw.p_offset(order).into(),
                address: raw.p_vaddr(order).into(),
                file_size: raw.p_filesz(order).into(),
                memory_size: raw.p_memsz(order).into(),
                align: raw.p_align(order).into(),
            })
            .collect();
        for (index, segment) in segments.iter().enumerate() {
            let end = segment.offset.checked_add(segment.file_size);
            if segment.file_size != 0 && end.is_none_or(|end| end > self.bytes().len() as u64) {
                let at = header.segments_at.saturating_add((index * size_of::<P>()) as u64);
                let (start, end) = place(self.bytes(), at, size_of::<P>() as u64);
                gaps.add(start, end, format!("segment {index} ends behind the end of the file"));
            }
        }
        segments
    }

    /// The bytes of the file that are loaded from `address` on, to the end of their segment.
    pub fn loaded_at(&self, segments: &[Segment], address: u64) -> Option<&'a [u8]> {
        let segment = segments.iter().find(|segment| {
            segment.kind == PT_LOAD && address.checked_sub(segment.address).is_some_and(|at| at < segment.file_size)
        })?;
        let at = address.checked_sub(segment.address)?;
        Some(clip(self.bytes(), segment.offset.checked_add(at)?, segment.file_size.checked_sub(at)?))
    }
}
