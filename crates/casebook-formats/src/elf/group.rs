//! Section groups (System V ABI, "Section Groups").

use object::Endianness;
use object::elf::{GRP_COMDAT, SHT_GROUP, STT_SECTION};
use object::endian::U32;

use super::{Elf, Place, Section, Symbols, place, rows};
use crate::gap::Gaps;

/// A section group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Index of its own section.
    pub section: u32,
    /// Index of its signature in the symbol table.
    pub symbol: u32,
    /// Name of the signature. Where the symbol is that of a section, the section's (assemblers of old wrote it so;
    /// `group_signature` in bfd/elf.c, `getShtGroupSignature` in lld/ELF/InputFiles.cpp).
    pub signature: &'a [u8],
    /// `GRP_COMDAT`: of groups with one signature the first is kept.
    pub comdat: bool,
    /// Indices of its sections, sections of relocations included; all are sections of the file.
    pub members: Vec<u32>,
}

impl<'a> Elf<'a> {
    /// The section groups, in the order of their sections.
    pub fn groups(&self, gaps: &mut Gaps) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        if !self.sections().iter().any(|section| section.kind == SHT_GROUP) {
            return groups;
        }
        // What is wrong with the table and its symbols is said where they are read.
        let mut unsaid = Gaps::default();
        let symbols = self.symbols(&mut unsaid);
        // Sections of a file that lie over each other would make more members than it has bytes.
        let mut left = self.bytes().len();
        for section in self.sections().iter().filter(|section| section.kind == SHT_GROUP) {
            let (start, end) = place(self.bytes(), section.offset, section.size);
            let data = self.data(section);
            if data.len() > left {
                gaps.add(start, end, "groups lie over each other; no further group is read");
                break;
            }
            left -= data.len();
            if data.len() as u64 != section.size || !data.len().is_multiple_of(4) {
                gaps.add(start, end, format!("group in section {}: its end is missing", section.index));
            }
            let words: &[U32<Endianness>] = rows(data);
            let Some((flags, members)) = words.split_first() else {
                gaps.add(start, end, format!("group in section {} is empty", section.index));
                continue;
            };
            let order = self.header().machine.order;
            let mut lost = 0u32;
            let members = members
                .iter()
                .map(|member| member.get(order))
                .filter(|member| {
                    let known = *member != 0 && *member != section.index && self.section(*member).is_some();
                    lost += u32::from(!known);
                    known
                })
                .collect();
            if lost > 0 {
                gaps.add(start, end, format!("group in section {}: {lost} members are no sections", section.index));
            }
            groups.push(Group {
                section: section.index,
                symbol: section.info,
                signature: self.signature(section, symbols.as_ref(), gaps),
                comdat: flags.get(order) & GRP_COMDAT.0 != 0,
                members,
            });
        }
        groups
    }

    fn signature(&self, section: &Section<'a>, symbols: Option<&Symbols<'a>>, gaps: &mut Gaps) -> &'a [u8] {
        let mut unsaid = Gaps::default();
        let symbol = symbols
            .filter(|symbols| symbols.section() == section.link)
            .and_then(|symbols| symbols.get(section.info as usize, &mut unsaid));
        let Some(symbol) = symbol else {
            let (start, end) = place(self.bytes(), section.offset, section.size);
            gaps.add(start, end, format!("group in section {} has no signature", section.index));
            return &[];
        };
        match symbol.place {
            Place::Section(index) if symbol.kind == STT_SECTION => self.section(index).map_or(&[], |found| found.name),
            _ => symbol.name,
        }
    }
}
