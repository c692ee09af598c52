//! Files that lie.

use proptest::prelude::*;

use super::super::*;
use super::craft::{Craft, Raw, Sym};
use super::{ALL, read, reasons, small};

/// Reads all there is to read, and holds every gap against the file.
fn everything(bytes: &[u8]) -> Gaps {
    let mut gaps = Gaps::default();
    if let Some(elf) = Elf::read(bytes, &mut gaps) {
        for table in [elf.symbols(&mut gaps), elf.dynamic_symbols(&mut gaps)].into_iter().flatten() {
            for index in 0..table.len() {
                table.get(index, &mut gaps).unwrap();
                let (start, end) = table.place(index);
                assert!(start <= end && end <= bytes.len());
            }
        }
        for group in elf.groups(&mut gaps) {
            assert!(group.members.iter().all(|member| elf.section(*member).is_some()));
        }
        for table in elf.relocations(&mut gaps) {
            assert!(table.iter().count() <= table.most());
        }
        if let Some(versions) = elf.versions(&mut gaps) {
            for symbol in 0..64 {
                let index = versions.index(symbol);
                index.map(|index| (versions.meaning(index, true), versions.meaning(index, false)));
            }
        }
        elf.dynamic(&mut gaps);
        elf.notes(&mut gaps);
        elf.segments(&mut gaps);
        for section in elf.sections() {
            assert!(elf.data(section).len() <= bytes.len());
            elf.contents(section, &mut gaps);
        }
    }
    for gap in gaps.list() {
        assert!(gap.start <= gap.end && gap.end <= bytes.len(), "{gap:?} of {} bytes", bytes.len());
    }
    gaps
}

#[test]
fn every_cut_of_a_file_is_said() {
    for (class, order) in ALL {
        let bytes = small(class, order).file();
        assert!(everything(&bytes).is_empty());
        for length in 0..bytes.len() {
            assert!(!everything(&bytes[..length]).is_empty(), "cut at {length}");
        }
    }
}

#[test]
fn a_symbol_of_no_name_and_no_section_is_kept() {
    let mut craft = Craft::new(Class::Elf64, Endianness::Big);
    let strings = craft.add(Raw { name: ".strtab", kind: 3, data: b"\0open".to_vec(), ..Raw::default() });
    let symbol = |name, section| Sym { name, info: 0x10, other: 0, section, value: 3, size: 0 };
    let mut data = craft.symbols(&[symbol(0, 0), symbol(1, 0), symbol(90, 40), symbol(0, 0xffff), symbol(0, 0xff02)]);
    data.push(0);
    craft.add(Raw { name: ".symtab", kind: 2, link: strings, info: 77, data, ..Raw::default() });
    let bytes = craft.file();
    let (elf, mut gaps) = read(&bytes);
    let table = elf.symbols(&mut gaps).unwrap();
    let symbols: Vec<Symbol<'_>> = (0..table.len()).map(|index| table.get(index, &mut gaps).unwrap()).collect();
    assert_eq!(symbols.len(), 5);
    assert_eq!((symbols[1].name, symbols[1].value), (&b""[..], 3));
    assert_eq!(symbols[2].place, Place::Other(40));
    assert_eq!(symbols[3].place, Place::Other(0xffff));
    assert_eq!(symbols[4].place, Place::Other(0xff02));
    assert_eq!(
        reasons(&gaps),
        [
            "section 2 holds 5 whole symbols in 121 bytes",
            "section 2: sh_info is behind its last symbol",
            "symbol 1 of section 2: its name is not in the table of names",
            "symbol 2 of section 2: its name is not in the table of names",
            "symbol 2 of section 2: it is in a section the file does not have",
            "symbol 3 of section 2: its section is to stand in SHT_SYMTAB_SHNDX, which does not have it",
        ]
    );
}

#[test]
fn sizes_that_lie_end_with_the_file() {
    let mut craft = small(Class::Elf64, Endianness::Little);
    craft.add(Raw { name: ".text", kind: 1, data: vec![1; 9], says: Some(u64::MAX), ..Raw::default() });
    craft.add(Raw { name: ".rela.x", kind: 4, link: 3, info: 2, says: Some(1 << 40), ..Raw::default() });
    craft.add(Raw { name: ".note", kind: 7, says: Some(1 << 33), ..Raw::default() });
    let bytes = craft.file();
    let gaps = everything(&bytes);
    let said = reasons(&gaps);
    assert!(said.iter().any(|why| why == "section 6 ends behind the end of the file"), "{said:?}");
    // The symbols are still there.
    let (elf, mut gaps) = read(&bytes);
    assert_eq!(elf.symbols(&mut gaps).unwrap().len(), 6);
}

/// Sections that all lie over the same bytes.
fn stacked(kind: u32, count: usize, size: u64) -> Vec<u8> {
    let mut craft = small(Class::Elf64, Endianness::Little);
    for _ in 0..count {
        craft.add(Raw { name: ".x", kind, link: 3, info: 2, says: Some(size), ..Raw::default() });
    }
    craft.file()
}

#[test]
fn tables_over_each_other_are_read_up_to_the_size_of_the_file() {
    for (kind, word) in [(4, "relocations"), (17, "groups"), (7, "notes")] {
        let bytes = stacked(kind, 400, 1 << 13);
        let (elf, mut gaps) = read(&bytes);
        let members: usize = elf.groups(&mut gaps).iter().map(|group| group.members.len()).sum();
        let relocations: usize = elf.relocations(&mut gaps).iter().map(RelocationTable::most).sum();
        let notes = elf.notes(&mut gaps).len();
        assert!(members + relocations + notes <= bytes.len(), "{members}, {relocations}, {notes}");
        let said = reasons(&gaps);
        assert!(said.iter().any(|why| why.contains("over each other") && why.contains(word)), "{said:?}");
    }
}

#[test]
fn one_long_name_for_every_row_ends() {
    let mut craft = Craft::new(Class::Elf32, Endianness::Little);
    let strings = craft.add(Raw { name: ".strtab", kind: 3, data: vec![b'a'; 3 << 20], ..Raw::default() });
    let row = craft.symbols(&[Sym { name: 0, info: 0x10, other: 0, section: 0, value: 0, size: 0 }]);
    craft.add(Raw { name: ".symtab", kind: 2, link: strings, data: row.repeat(100_000), ..Raw::default() });
    let data = [craft.wide(1), craft.wide(0)].concat().repeat(100_000);
    craft.add(Raw { name: ".dynamic", kind: 6, link: strings, data, ..Raw::default() });
    assert!(!everything(&craft.file()).is_empty());
}

#[test]
fn versions_that_lead_to_each_other_end() {
    let mut craft = Craft::new(Class::Elf64, Endianness::Little);
    let strings = craft.add(Raw { name: ".dynstr", kind: 3, data: b"\0a\0".to_vec(), ..Raw::default() });
    // Every entry has 65535 parts, one byte behind each other, and the next entry is a byte further.
    let mut entry = vec![1, 0, 0xff, 0xff];
    entry.extend([1, 1, 1].iter().flat_map(|value: &u32| value.to_le_bytes()));
    let data: Vec<u8> = entry.iter().copied().cycle().take(60_000).collect();
    for kind in [0x6fff_fffe, 0x6fff_fffd] {
        craft.add(Raw { name: ".v", kind, link: strings, info: 1, data: data.clone(), ..Raw::default() });
    }
    let bytes = craft.file();
    let (elf, mut gaps) = read(&bytes);
    assert!(elf.versions(&mut gaps).is_some());
    assert!(!gaps.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_behind_a_header_are_read(
        class in 1u8..3,
        order in 1u8..3,
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        everything(&bytes);
        let mut file = b"\x7fELF".to_vec();
        file.extend([class, order, 1, 0]);
        file.extend(bytes);
        everything(&file);
    }

    #[test]
    fn a_file_with_some_bytes_changed_is_read(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (class, order) = ALL[which];
        let mut bytes = small(class, order).file();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        everything(&bytes);
        everything(&bytes[..cut.index(bytes.len())]);
    }
}
