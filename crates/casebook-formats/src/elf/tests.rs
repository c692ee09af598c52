//! Files made here, whole and broken; tests/binutils.rs has those of the machine.

mod craft;
mod hostile;

use craft::{Craft, Raw, Sym};

use super::*;

const ALL: [(Class, Endianness); 4] = [
    (Class::Elf32, Endianness::Little),
    (Class::Elf32, Endianness::Big),
    (Class::Elf64, Endianness::Little),
    (Class::Elf64, Endianness::Big),
];

/// An object with a function in a group, a common symbol, a weak reference with a version, and a relocation against it.
fn small(class: Class, order: Endianness) -> Craft {
    let mut craft = Craft::new(class, order);
    let strings =
        craft.add(Raw { name: ".strtab", kind: 3, data: b"\0main\0buffer\0need@V1\0".to_vec(), ..Raw::default() });
    let text = craft.add(Raw { name: ".text.main", kind: 1, flags: 6, data: vec![0x90; 16], ..Raw::default() });
    let sym = |name, info, section, value, size| Sym { name, info, other: 0, section, value, size };
    let mut hidden = sym(1, 0x12, text as u16, 4, 8);
    hidden.other = 2;
    let symbols = craft.symbols(&[
        sym(0, 0, 0, 0, 0),
        sym(0, 3, text as u16, 0, 0),
        hidden,
        sym(6, 0x11, 0xfff2, 8, 64),
        sym(13, 0x20, 0, 0, 0),
        sym(0, 0x10, 0xfff1, 7, 0),
    ]);
    let table = craft.add(Raw { name: ".symtab", kind: 2, link: strings, info: 2, data: symbols, ..Raw::default() });
    let data = craft.rela(5, 4, 2, -4);
    craft.add(Raw { name: ".rela.text.main", kind: 4, link: table, info: text, data, ..Raw::default() });
    let data = craft.words(&[1, text, text + 2]);
    craft.add(Raw { name: ".group", kind: 17, link: table, info: 2, data, ..Raw::default() });
    craft
}

fn read(bytes: &[u8]) -> (Elf<'_>, Gaps) {
    let mut gaps = Gaps::default();
    let elf = Elf::read(bytes, &mut gaps).unwrap();
    (elf, gaps)
}

fn reasons(gaps: &Gaps) -> Vec<String> {
    gaps.list().iter().map(|gap| gap.why.to_string()).collect()
}

#[test]
fn both_classes_and_both_orders_say_the_same() {
    for (class, order) in ALL {
        let bytes = small(class, order).file();
        let (elf, mut gaps) = read(&bytes);
        assert_eq!(elf.header().machine, Machine { class, order, number: abi::EM_X86_64 });
        assert_eq!(Machine::of(&bytes[..20]), Some(elf.header().machine));
        let names: Vec<&[u8]> = elf.sections().iter().map(|section| section.name).collect();
        let expected: [&[u8]; 7] =
            [b"", b".strtab", b".text.main", b".symtab", b".rela.text.main", b".group", b".shstrtab"];
        assert_eq!(names, expected);
        let table = elf.symbols(&mut gaps).unwrap();
        let symbols: Vec<Symbol<'_>> = (0..table.len()).map(|index| table.get(index, &mut gaps).unwrap()).collect();
        assert_eq!(table.first_global(), 2);
        assert_eq!((symbols[2].name, symbols[2].place), (&b"main"[..], Place::Section(2)));
        assert_eq!((symbols[2].value, symbols[2].size, symbols[2].visibility), (4, 8, abi::STV_HIDDEN));
        assert_eq!((symbols[3].place, symbols[3].value, symbols[3].size), (Place::Common, 8, 64));
        assert_eq!((symbols[4].bind, symbols[4].place), (abi::STB_WEAK, Place::Undefined));
        assert_eq!(symbols[5].place, Place::Absolute);
        let groups = elf.groups(&mut gaps);
        assert_eq!((groups[0].signature, groups[0].comdat, &groups[0].members[..]), (&b"main"[..], true, &[2, 4][..]));
        let tables = elf.relocations(&mut gaps);
        assert_eq!((tables[0].target, tables[0].symbols), (2, 3));
        let found: Vec<Relocation> = tables[0].iter().collect();
        let expected = Relocation { offset: 5, symbol: 4, kind: abi::RelocationType(2), addend: Some(-4) };
        assert_eq!(found, [expected]);
        assert!(gaps.is_empty(), "{:?}", gaps.list());
    }
}

#[test]
fn a_name_is_divided_at_its_first_at_sign() {
    let version = |name, default| Some(SymbolVersion { name, default });
    assert_eq!(split_version(b"f"), (&b"f"[..], None));
    assert_eq!(split_version(b"f@V"), (&b"f"[..], version(b"V", false)));
    assert_eq!(split_version(b"f@@V"), (&b"f"[..], version(b"V", true)));
    assert_eq!(split_version(b"f@"), (&b"f"[..], None));
    assert_eq!(split_version(b"f@@"), (&b"f"[..], None));
    assert_eq!(split_version(b"@V"), (&b"@V"[..], None));
}

#[test]
fn the_signature_of_a_group_can_be_a_section() {
    let mut craft = small(Class::Elf64, Endianness::Little);
    let data = craft.words(&[0, 2]);
    craft.add(Raw { name: ".group", kind: 17, link: 3, info: 1, data, ..Raw::default() });
    let bytes = craft.file();
    let (elf, mut gaps) = read(&bytes);
    let groups = elf.groups(&mut gaps);
    assert_eq!((groups[1].signature, groups[1].comdat), (&b".text.main"[..], false));
}

#[test]
fn more_sections_than_the_header_has_room_for() {
    for (class, order) in [(Class::Elf64, Endianness::Little), (Class::Elf32, Endianness::Big)] {
        let mut craft = Craft::new(class, order);
        let strings = craft.add(Raw { name: ".strtab", kind: 3, data: b"\0far\0".to_vec(), ..Raw::default() });
        let mut last = 0;
        for _ in 0..0xff10 {
            last = craft.add(Raw { name: ".text", kind: 1, flags: 6, ..Raw::default() });
        }
        let symbol = |name, section| Sym { name, info: 0x10, other: 0, section, value: 0, size: 0 };
        let data = craft.symbols(&[symbol(0, 0), symbol(1, 0xffff)]);
        let table = craft.add(Raw { name: ".symtab", kind: 2, link: strings, info: 1, data, ..Raw::default() });
        let data = craft.words(&[0, last]);
        craft.add(Raw { name: ".symtab_shndx", kind: 18, link: table, data, ..Raw::default() });
        let bytes = craft.file();
        let (elf, mut gaps) = read(&bytes);
        assert_eq!(elf.sections().len(), 0xff10 + 5);
        assert_eq!(elf.section(table).unwrap().name, b".symtab");
        let symbols = elf.symbols(&mut gaps).unwrap();
        assert_eq!(symbols.get(1, &mut gaps).unwrap().place, Place::Section(last));
        assert!(gaps.is_empty(), "{:?}", gaps.list());
    }
}

#[test]
fn versions_are_found_by_their_number() {
    let (class, order) = (Class::Elf64, Endianness::Little);
    let mut craft = Craft::new(class, order);
    let strings = craft.add(Raw {
        name: ".dynstr",
        kind: 3,
        data: b"\0lib.so\0V1\0V2\0libc.so\0G1\0f\0".to_vec(),
        ..Raw::default()
    });
    let half = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let definition = |flags: u16, index: u16, name: u32, next: u32| {
        let mut out = half(&[1, flags, index, 1]);
        out.extend([0, 20, next, name, 0].iter().flat_map(|value: &u32| value.to_le_bytes()));
        out
    };
    let data = [definition(1, 1, 1, 28), definition(0, 2, 8, 28), definition(0, 3, 11, 0)].concat();
    craft.add(Raw { name: ".gnu.version_d", kind: 0x6fff_fffd, link: strings, info: 3, data, ..Raw::default() });
    let mut data = half(&[1, 1]);
    data.extend([14, 16, 0, 0].iter().flat_map(|value: &u32| value.to_le_bytes()));
    data.extend(half(&[2, 4]));
    data.extend([22, 0].iter().flat_map(|value: &u32| value.to_le_bytes()));
    craft.add(Raw { name: ".gnu.version_r", kind: 0x6fff_fffe, link: strings, info: 1, data, ..Raw::default() });
    let data = half(&[0, 1, 2, 0x8003, 4, 9]);
    craft.add(Raw { name: ".gnu.version", kind: 0x6fff_ffff, data, ..Raw::default() });
    let bytes = craft.file();
    let (elf, mut gaps) = read(&bytes);
    let versions = elf.versions(&mut gaps).unwrap();
    let meaning = |symbol, defined| versions.meaning(versions.index(symbol).unwrap(), defined);
    assert_eq!(meaning(0, true), Version::Local);
    assert_eq!(meaning(1, true), Version::Global);
    assert_eq!(meaning(2, true), Version::Defined(Defined { name: b"V1", base: false }));
    assert_eq!(meaning(3, true), Version::Defined(Defined { name: b"V2", base: false }));
    assert_eq!(versions.index(3), Some(VersionIndex { number: 3, hidden: true }));
    assert_eq!(meaning(4, false), Version::Needed(Needed { name: b"G1", file: b"libc.so", weak: true }));
    assert_eq!(meaning(5, false), Version::Unknown(9));
    assert_eq!(versions.defined().next(), Some((1, Defined { name: b"lib.so", base: true })));
    assert_eq!(versions.index(6), None);
    assert!(gaps.is_empty(), "{:?}", gaps.list());
}

#[test]
fn the_dynamic_section_names_what_the_file_needs() {
    for (class, order) in ALL {
        let mut craft = Craft::new(class, order);
        let data = b"\0libm.so.6\0libx.so\0$ORIGIN\0".to_vec();
        let strings = craft.add(Raw { name: ".dynstr", kind: 3, data, ..Raw::default() });
        let entries = [(1, 1), (14, 11), (29, 19), (1, 900), (30, 2), (0x6fff_fffb, 0x0800_0000), (0, 0), (1, 1)];
        let data = entries.iter().flat_map(|(tag, value)| [craft.wide(*tag), craft.wide(*value)].concat()).collect();
        craft.add(Raw { name: ".dynamic", kind: 6, link: strings, data, ..Raw::default() });
        let bytes = craft.file();
        let (elf, mut gaps) = read(&bytes);
        let dynamic = elf.dynamic(&mut gaps).unwrap();
        assert_eq!(dynamic.needed, [b"libm.so.6"]);
        assert_eq!(
            (dynamic.soname, dynamic.runpath, dynamic.rpath),
            (Some(&b"libx.so"[..]), Some(&b"$ORIGIN"[..]), None)
        );
        assert_eq!((dynamic.flags, dynamic.flags_1), (2, 0x0800_0000));
        assert_eq!(dynamic.entries().count(), 6);
        assert_eq!(reasons(&gaps), ["1 names of the dynamic section are in no table"]);
    }
}

#[test]
fn notes_are_aligned_as_their_section_is() {
    let mut craft = Craft::new(Class::Elf64, Endianness::Little);
    let note = |name: &[u8], kind: u32, text: &[u8]| {
        let mut out = craft.words(&[name.len() as u32, text.len() as u32, kind]);
        out.extend(name);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(text);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    };
    let data = [note(b"FDO\0", 1, b"{\"a\":1}"), note(b"GNU\0", 3, &[0xab; 20]), note(b"GNU\0", 9, &[1; 400])].concat();
    let short = data.len() - 100;
    craft.add(Raw { name: ".note", kind: 7, data: data[..short].to_vec(), ..Raw::default() });
    let bytes = craft.file();
    let (elf, mut gaps) = read(&bytes);
    let notes = elf.notes(&mut gaps);
    assert_eq!(notes.len(), 2);
    assert_eq!((notes[0].name, notes[0].description), (&b"FDO"[..], &b"{\"a\":1}"[..]));
    assert_eq!(reasons(&gaps), ["a note ends behind the end of its section"]);
    assert_eq!(elf.build_id(&mut gaps), Some(&[0xab; 20][..]));
}

#[test]
fn compact_relocations_are_read() {
    // Count 3 with addends; offset 1 symbol 2 type 3 addend -4; then the same symbol and type at 5; then another symbol
    // at 9.
    let mut craft = small(Class::Elf64, Endianness::Little);
    let data = vec![3 << 3 | 4, 1 << 3 | 7, 2, 3, 0x7c, 4 << 3, 4 << 3 | 1, 1];
    craft.add(Raw { name: ".crel.text", kind: 0x4000_0014, link: 3, info: 2, data, ..Raw::default() });
    let bytes = craft.file();
    let (elf, mut gaps) = read(&bytes);
    let tables = elf.relocations(&mut gaps);
    let found: Vec<(u64, u32, u32, Option<i64>)> =
        tables[1].iter().map(|found| (found.offset, found.symbol, found.kind.0, found.addend)).collect();
    assert_eq!(found, [(1, 2, 3, Some(-4)), (5, 2, 3, Some(-4)), (9, 3, 3, Some(-4))]);
    assert!(gaps.is_empty(), "{:?}", gaps.list());
}

#[test]
fn compressed_sections_are_unpacked_to_the_size_they_say() {
    use std::io::Write;
    let text = b"all work and no play ".repeat(50);
    let packed = |text: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    for (class, order) in ALL {
        let mut craft = Craft::new(class, order);
        let head = |kind: u32, size: u64| {
            let mut out = craft.word(kind);
            if class == Class::Elf64 {
                out.extend([0; 4]);
            }
            out.extend([craft.wide(size), craft.wide(1)].concat());
            out
        };
        let size = text.len() as u64;
        let sections = [
            [head(1, size), packed(&text)].concat(),
            [head(1, size + 1), packed(&text)].concat(),
            [head(1, size - 1), packed(&text)].concat(),
            [head(9, size), packed(&text)].concat(),
            [head(1, 1 << 31), packed(&text)].concat(),
            head(1, size)[..5].to_vec(),
        ];
        for data in sections {
            craft.add(Raw { name: ".debug_str", kind: 1, flags: 0x800, data, ..Raw::default() });
        }
        let old = [&b"ZLIB"[..], &size.to_be_bytes(), &packed(&text)].concat();
        craft.add(Raw { name: ".zdebug_str", kind: 1, data: old, ..Raw::default() });
        let bytes = craft.file();
        let (elf, mut gaps) = read(&bytes);
        let mut contents = |index: u32| elf.contents(elf.section(index).unwrap(), &mut gaps).map(|found| found.len());
        assert_eq!((contents(1), contents(3), contents(7)), (Some(text.len()), Some(text.len() - 1), Some(text.len())));
        assert_eq!([contents(2), contents(4), contents(5), contents(6)], [None; 4]);
        assert_eq!(gaps.list().len(), 4, "{:?}", gaps.list());
    }
}
