//! The dynamic section: what a shared object asks of the loader, and of linkers.

use object::Endianness;
use object::elf::{
    DT_FLAGS, DT_FLAGS_1, DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, Dyn32, Dyn64,
    DynamicTag, PT_DYNAMIC, SHT_DYNAMIC,
};
use object::read::elf::Dyn;

use super::strings::Budget;
use super::{Elf, Rows, Strings, clip, place};
use crate::gap::Gaps;

/// The dynamic section, or segment.
#[derive(Clone, Debug)]
pub struct Dynamic<'a> {
    rows: Rows<'a, Dyn32<Endianness>, Dyn64<Endianness>>,
    order: Endianness,
    /// The names it refers to.
    pub strings: Strings<'a>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<&'a [u8]>,
    /// `DT_SONAME`, the last of them.
    pub soname: Option<&'a [u8]>,
    /// `DT_RPATH`
    pub rpath: Option<&'a [u8]>,
    /// `DT_RUNPATH`
    pub runpath: Option<&'a [u8]>,
    /// `DT_FLAGS`
    pub flags: u64,
    /// `DT_FLAGS_1`
    pub flags_1: u64,
}

impl<'a> Dynamic<'a> {
    /// All entries up to `DT_NULL`: tag and value.
    pub fn entries(&self) -> impl Iterator<Item = (DynamicTag, u64)> + use<'a> {
        let (rows, order) = (self.rows, self.order);
        (0..rows.len()).map_while(move |index| entry(&rows, order, index).filter(|(tag, _)| *tag != DT_NULL))
    }

    /// The value of the first entry with this tag.
    pub fn value(&self, wanted: DynamicTag) -> Option<u64> {
        self.entries().find(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }
}

fn entry(
    rows: &Rows<'_, Dyn32<Endianness>, Dyn64<Endianness>>,
    order: Endianness,
    index: usize,
) -> Option<(DynamicTag, u64)> {
    Some(match rows {
        Rows::Narrow(rows) => {
            let row = rows.get(index)?;
            (Dyn::d_tag(row, order), Dyn::d_val(row, order).into())
        }
        Rows::Wide(rows) => {
            let row = rows.get(index)?;
            (Dyn::d_tag(row, order), Dyn::d_val(row, order))
        }
    })
}

impl<'a> Elf<'a> {
    /// The dynamic section; in a file without sections the dynamic segment.
    pub fn dynamic(&self, gaps: &mut Gaps) -> Option<Dynamic<'a>> {
        let machine = self.header().machine;
        if let Some(section) = self.sections().iter().find(|section| section.kind == SHT_DYNAMIC) {
            let rows = Rows::new(machine.class, self.data(section));
            let strings = self.strings(section.link);
            return Some(self.entries(rows, strings, (section.offset, section.size), gaps));
        }
        if !self.sections().is_empty() {
            return None;
        }
        let segments = self.segments(gaps);
        let segment = segments.iter().find(|segment| segment.kind == PT_DYNAMIC)?;
        let rows = Rows::new(machine.class, clip(self.bytes(), segment.offset, segment.file_size));
        let find = |wanted| {
            (0..rows.len())
                .filter_map(|index| entry(&rows, machine.order, index))
                .take_while(|(tag, _)| *tag != DT_NULL)
                .find(|(tag, _)| *tag == wanted)
                .map(|(_, value)| value)
        };
        let strings = find(DT_STRTAB)
            .and_then(|address| self.loaded_at(&segments, address))
            .map(|bytes| Strings::new(clip(bytes, 0, find(DT_STRSZ).unwrap_or(u64::MAX))))
            .unwrap_or_default();
        Some(self.entries(rows, strings, (segment.offset, segment.file_size), gaps))
    }

    fn entries(
        &self,
        rows: Rows<'a, Dyn32<Endianness>, Dyn64<Endianness>>,
        strings: Strings<'a>,
        (offset, size): (u64, u64),
        gaps: &mut Gaps,
    ) -> Dynamic<'a> {
        let mut dynamic = Dynamic {
            rows,
            order: self.header().machine.order,
            strings,
            needed: Vec::new(),
            soname: None,
            rpath: None,
            runpath: None,
            flags: 0,
            flags_1: 0,
        };
        let (start, end) = place(self.bytes(), offset, size);
        let mut budget = Budget::of(self.bytes().len());
        let mut lost = 0u32;
        for (tag, value) in dynamic.entries() {
            let mut name = || {
                let name = u32::try_from(value).ok().and_then(|value| strings.get_within(value, &mut budget));
                lost += u32::from(name.is_none());
                name
            };
            match tag {
                DT_NEEDED => dynamic.needed.extend(name()),
                DT_SONAME => dynamic.soname = name().or(dynamic.soname),
                DT_RPATH => dynamic.rpath = name().or(dynamic.rpath),
                DT_RUNPATH => dynamic.runpath = name().or(dynamic.runpath),
                DT_FLAGS => dynamic.flags = value,
                DT_FLAGS_1 => dynamic.flags_1 = value,
                _ => {}
            }
        }
        if lost > 0 {
            gaps.add(start, end, format!("{lost} names of the dynamic section are in no table"));
        }
        if ((end - start) as u64) < size {
            gaps.add(start, end, "the dynamic section ends behind the end of the file");
        }
        dynamic
    }
}
