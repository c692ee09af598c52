//! Notes (System V ABI, "Note Section").

use object::Endianness;
use object::elf::{NT_GNU_BUILD_ID, NoteHeader32, NoteType, PT_NOTE, SHT_NOTE};

use super::{Elf, clip, place, row};
use crate::gap::Gaps;

/// A note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who wrote it, without the zero byte at the end: `GNU`, `stapsdt`, `FDO`.
    pub name: &'a [u8],
    /// `n_type`, whose meaning is the writer's.
    pub kind: NoteType,
    /// What it says.
    pub description: &'a [u8],
}

impl<'a> Elf<'a> {
    /// All notes of sections; of segments in a file without sections.
    pub fn notes(&self, gaps: &mut Gaps) -> Vec<Note<'a>> {
        let mut stretches: Vec<(u64, u64, u64)> = self
            .sections()
            .iter()
            .filter(|section| section.kind == SHT_NOTE)
            .map(|section| (section.offset, section.size, section.align))
            .collect();
        if self.sections().is_empty() {
            let segments = self.segments(gaps);
            let notes = segments.iter().filter(|segment| segment.kind == PT_NOTE);
            stretches.extend(notes.map(|segment| (segment.offset, segment.file_size, segment.align)));
        }
        let mut notes = Vec::new();
        let mut left = self.bytes().len();
        for (offset, size, align) in stretches {
            let data = clip(self.bytes(), offset, size);
            if data.len() > left {
                let (start, end) = place(self.bytes(), offset, size);
                gaps.add(start, end, "notes lie over each other; no further note is read");
                break;
            }
            left -= data.len();
            self.notes_in(data, offset, align, &mut notes, gaps);
        }
        notes
    }

    fn notes_in(&self, data: &'a [u8], offset: u64, align: u64, notes: &mut Vec<Note<'a>>, gaps: &mut Gaps) {
        // Notes are aligned to four bytes, and to eight where the section is (.note.gnu.property of 64 bits).
        let align = if align == 8 { 8 } else { 4 };
        let order = self.header().machine.order;
        let mut at = 0usize;
        while at < data.len() {
            let Some((note, next)) = one(data, at, align, order) else {
                let (start, end) = place(self.bytes(), offset.saturating_add(at as u64), (data.len() - at) as u64);
                gaps.add(start, end, "a note ends behind the end of its section");
                return;
            };
            notes.push(note);
            at = next;
        }
    }

    /// The build id (`NT_GNU_BUILD_ID`).
    pub fn build_id(&self, gaps: &mut Gaps) -> Option<&'a [u8]> {
        let notes = self.notes(gaps);
        notes.iter().find(|note| note.name == b"GNU" && note.kind == NT_GNU_BUILD_ID).map(|note| note.description)
    }
}

/// The note at an offset, and where the next begins.
fn one(data: &[u8], at: usize, align: usize, order: Endianness) -> Option<(Note<'_>, usize)> {
    let header = row::<NoteHeader32<Endianness>>(data, at)?;
    let name_at = at.checked_add(size_of::<NoteHeader32<Endianness>>())?;
    let name_end = name_at.checked_add(header.n_namesz.get(order) as usize)?;
    let name = data.get(name_at..name_end)?;
    let start = name_end.checked_next_multiple_of(align)?;
    let end = start.checked_add(header.n_descsz.get(order) as usize)?;
    let description = if start == end { &[] } else { data.get(start..end)? };
    let name = name.strip_suffix(&[0]).unwrap_or(name);
    Some((Note { name, kind: header.n_type.get(order), description }, end.checked_next_multiple_of(align)?))
}
