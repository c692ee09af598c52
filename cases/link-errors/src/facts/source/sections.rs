//! The debug sections of an object, unpacked and relocated, and the units in them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use casebook_formats::elf::{Elf, Endianness, RelocationTable, Section, Symbols, abi};
use casebook_formats::gap::Gaps;
use gimli::{
    Abbreviations, AttributeValue, DW_AT_stmt_list, Dwarf, EndianSlice, Reader, RunTimeEndian, SectionId, Unit,
    UnitHeader,
};

use super::apply::{apply, change};
use super::layout::Layout;

/// What gimli reads from.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// Most bytes of debug sections that are read of one object.
const LARGEST: usize = 1 << 28;
/// Most bytes of abbreviations, each of which takes forty times as much when it is read. Compilers write a hundred
/// kilobytes.
const LARGEST_ABBREVIATIONS: usize = 1 << 22;
/// Most attributes of one entry. Compilers write thirty.
const MOST_ATTRIBUTES: usize = 128;
/// Most bytes of the tables of folders and files of one unit, which take a hundred times as much.
const LARGEST_FILES: u64 = 1 << 20;
/// Units can share a table of lines; together they read the section so many times at most.
const LINES_SHARED: u64 = 4;

/// The sections that lines and declarations are read from.
const WANTED: [SectionId; 9] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// Debug sections.
pub(super) struct Sections<'a> {
    bytes: BTreeMap<&'static str, Cow<'a, [u8]>>,
    order: RunTimeEndian,
}

impl<'a> Sections<'a> {
    /// `None` when there are none, or they are larger than is read.
    pub(super) fn read(elf: &Elf<'a>, symbols: Option<&Symbols<'a>>, layout: &Layout, gaps: &mut Gaps) -> Option<Self> {
        let order = match elf.header().machine.order {
            Endianness::Little => RunTimeEndian::Little,
            Endianness::Big => RunTimeEndian::Big,
        };
        let mut found = BTreeMap::new();
        for id in WANTED {
            if let Some(section) = find(elf, id.name()) {
                found.insert(section.index, id);
            }
        }
        if !found.values().any(|id| *id == SectionId::DebugInfo) {
            return None;
        }
        let mut tables: BTreeMap<u32, Vec<RelocationTable<'a>>> = BTreeMap::new();
        for table in elf.relocations(gaps) {
            if found.contains_key(&table.target) && symbols.is_some_and(|known| known.section() == table.symbols) {
                tables.entry(table.target).or_default().push(table);
            }
        }
        let mut bytes = BTreeMap::new();
        let mut left = LARGEST;
        for (index, id) in found {
            let section = elf.section(index)?;
            let contents = elf.contents(section, gaps).unwrap_or_default();
            left = left.checked_sub(contents.len())?;
            if id == SectionId::DebugAbbrev && contents.len() > LARGEST_ABBREVIATIONS {
                return None;
            }
            let contents = match (tables.get(&index), symbols) {
                (Some(tables), Some(symbols)) => Cow::Owned(relocated(elf, contents, tables, symbols, layout)),
                _ => contents,
            };
            bytes.insert(id.name(), contents);
        }
        Some(Self { bytes, order })
    }

    fn slice(&self, id: SectionId) -> Slice<'_> {
        EndianSlice::new(self.bytes.get(id.name()).map(|bytes| &**bytes).unwrap_or_default(), self.order)
    }

    /// Hands every unit that can be read to `each`.
    pub(super) fn each_unit(&self, mut each: impl FnMut(&Dwarf<Slice<'_>>, &Unit<Slice<'_>>)) {
        let Ok(dwarf) = Dwarf::load(|id| Ok::<_, gimli::Error>(self.slice(id))) else { return };
        let mut tables = Tables::new(self.slice(SectionId::DebugAbbrev).slice());
        let lines = self.slice(SectionId::DebugLine).len() as u64;
        let mut lines_left = lines.saturating_mul(LINES_SHARED);
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            let Some(known) = tables.of(&dwarf, &header) else { continue };
            let Some(rest) = self.lines_of(&header, &known).and_then(|size| lines_left.checked_sub(size)) else {
                continue;
            };
            lines_left = rest;
            if let Ok(unit) = Unit::new_with_abbreviations(&dwarf, header, known) {
                each(&dwarf, &unit);
            }
        }
    }

    /// Bytes of the table of lines of a unit. `None` when its table of files is larger than files make it.
    fn lines_of(&self, header: &UnitHeader<Slice<'_>>, known: &Abbreviations) -> Option<u64> {
        let mut entries = header.entries(known);
        let root = entries.next_dfs().ok()??;
        let Some(AttributeValue::DebugLineRef(at)) = root.attr_value(DW_AT_stmt_list) else { return Some(0) };
        let mut lines = self.slice(SectionId::DebugLine);
        lines.skip(at.0).ok()?;
        let (size, format) = lines.read_initial_length().ok()?;
        if lines.read_u16().ok()? >= 5 {
            // Sizes of addresses and of segment selectors.
            lines.skip(2).ok()?;
        }
        let files = lines.read_length(format).ok()? as u64;
        (files <= LARGEST_FILES).then_some(size as u64)
    }
}

/// The tables of abbreviations that were met. Every unit names where its own begins, and a file that lies could have
/// the same bytes read for each of a million units.
struct Tables<'a> {
    bytes: &'a [u8],
    /// By where each begins: where it ends, and what it holds.
    known: BTreeMap<usize, (usize, Arc<Abbreviations>)>,
}

impl<'a> Tables<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, known: BTreeMap::new() }
    }

    /// The table of a unit, if it ends and lies over no other.
    fn of(&mut self, dwarf: &Dwarf<Slice<'_>>, header: &UnitHeader<Slice<'_>>) -> Option<Arc<Abbreviations>> {
        let start = header.debug_abbrev_offset().0;
        if let Some((_, known)) = self.known.get(&start) {
            return Some(known.clone());
        }
        if self.known.range(..start).next_back().is_some_and(|(_, (end, _))| start < *end) {
            return None;
        }
        let next = self.known.range(start..).next().map_or(self.bytes.len(), |(next, _)| *next);
        let length = table_length(self.bytes.get(start..next)?)?;
        let table = dwarf.abbreviations(header).ok()?;
        self.known.insert(start, (start + length, table.clone()));
        Some(table)
    }
}

/// Length of a table of abbreviations: code, tag, whether there are children, pairs of a name and a form up to one of
/// zeros; up to code 0 (DWARF 5, 7.5.3). `None` where it does not end, or an entry has more attributes than any has.
fn table_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = EndianSlice::new(bytes, RunTimeEndian::Little);
    loop {
        if rest.read_uleb128().ok()? == 0 {
            return Some(bytes.len() - rest.len());
        }
        rest.read_uleb128().ok()?;
        rest.read_u8().ok()?;
        for attributes in 0.. {
            let (name, form) = (rest.read_uleb128().ok()?, rest.read_uleb128().ok()?);
            if form == u64::from(gimli::DW_FORM_implicit_const.0) {
                rest.read_sleb128().ok()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
            if attributes == MOST_ATTRIBUTES {
                return None;
            }
        }
    }
}

/// The section of a name, or GNU's compressed one of old. Where there are several, type units among them, the one that
/// is in no group.
fn find<'e, 'a>(elf: &'e Elf<'a>, name: &str) -> Option<&'e Section<'a>> {
    let is_named = |section: &&Section<'a>| {
        section.name == name.as_bytes()
            || section
                .name
                .strip_prefix(b".zdebug_")
                .is_some_and(|rest| name.as_bytes().strip_prefix(b".debug_") == Some(rest))
    };
    let mut all = elf.sections().iter().filter(is_named);
    let first = all.next()?;
    if !first.has(abi::SHF_GROUP) {
        return Some(first);
    }
    Some(all.find(|section| !section.has(abi::SHF_GROUP)).unwrap_or(first))
}

fn relocated<'a>(
    elf: &Elf<'a>,
    contents: Cow<'a, [u8]>,
    tables: &[RelocationTable<'a>],
    symbols: &Symbols<'a>,
    layout: &Layout,
) -> Vec<u8> {
    let machine = elf.header().machine;
    let mut bytes = contents.into_owned();
    let mut unsaid = Gaps::default();
    for found in tables.iter().flat_map(RelocationTable::iter) {
        let Some(change) = change(machine.number, found.kind) else { continue };
        let value = match found.symbol {
            0 => Some(0),
            index => symbols.get(index as usize, &mut unsaid).and_then(|symbol| layout.value(index, &symbol)),
        };
        let Some(value) = value else { continue };
        // A relocation behind the end of its section changes nothing.
        let _ = apply(&mut bytes, found.offset, change, value, found.addend, machine.order);
    }
    bytes
}
