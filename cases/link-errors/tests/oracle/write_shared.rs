//! Writes shared objects: what linkers read of them, in two segments a loader would map.

use case_link_errors::model::input::*;
use case_link_errors::model::names::Name;

use crate::program::{DSO_BSS, DSO_DATA, DSO_TEXT, HEAD, SLOT};
use crate::write::{Bytes, Header, Strings, elf_header, section_header, symbol};

const PAGE: usize = 0x1000;
/// Section numbers, in the order of [`bytes`].
const DYNSYM: u32 = 2;
const DYNSTR: u32 = 3;
const TEXT: u16 = 7;
const TDATA: u16 = 8;
const DATA: u16 = 10;
const BSS: u16 = 11;
const SHN_ABS: u16 = 0xfff1;
const VER_NDX_HIDDEN: u16 = 0x8000;

/// `elf_hash` of the gABI.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(*byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

/// The bytes of a shared object.
pub fn bytes(program: &Program, id: FileId, shared: &Shared) -> Vec<u8> {
    let names = &program.names;
    let file = program.files[id.0 as usize].name.as_bytes();
    let mut strings = Strings::new();
    let mut dynamic = vec![];
    for needed in &shared.needed {
        dynamic.push((1, u64::from(strings.add(names.bytes(*needed)))));
    }
    if let Some(soname) = shared.soname {
        dynamic.push((14, u64::from(strings.add(names.bytes(soname)))));
    }
    if let Some(runpath) = shared.runpath {
        dynamic.push((29, u64::from(strings.add(names.bytes(runpath)))));
    }
    let table = symbols(program, shared, &mut strings);
    let versions = Versions::of(program, shared, file, &mut strings);

    let mut headers = vec![Header::default()];
    headers.push(section(".hash", 5, 2, 8, table_hash(program, shared)).linked(DYNSYM, 0, 4));
    headers.push(section(".dynsym", 11, 2, 8, table).linked(DYNSTR, 1, 24));
    headers.push(section(".dynstr", 3, 2, 1, strings.0.clone()));
    headers.push(section(".gnu.version", 0x6fff_ffff, 2, 2, versions.table).linked(DYNSYM, 0, 2));
    headers.push(section(".gnu.version_d", 0x6fff_fffd, 2, 8, versions.defined).linked(
        DYNSTR,
        versions.defined_count,
        0,
    ));
    headers.push(section(".gnu.version_r", 0x6fff_fffe, 2, 8, versions.needed).linked(
        DYNSTR,
        versions.needed_count,
        0,
    ));
    let slots = shared.symbols.len() * SLOT as usize + HEAD as usize;
    headers.push(section(".text", 1, 6, 16, vec![0x90; slots]));
    headers.push(section(".tdata", 1, 0x403, 8, vec![0; slots]));
    headers.push(section(".dynamic", 6, 3, 8, vec![]).linked(DYNSTR, 0, 16));
    headers.push(section(".data", 1, 3, 8, vec![1; slots]));
    headers.push(Header { size: Some(slots as u64), address: DSO_BSS, ..section(".bss", 8, 3, 8, vec![]) });

    // Tables from the start of the file; code and data on pages of their own.
    let mut at = 64 + 56 * 4;
    for header in &mut headers[1..7] {
        at = (at as u64).next_multiple_of(header.align.max(1)) as usize;
        (header.address, header.offset) = (at as u64, Some(at as u64));
        at += header.bytes.len();
    }
    let tables = at;
    at = at.next_multiple_of(PAGE);
    (headers[7].address, headers[7].offset) = (DSO_TEXT, Some(at as u64));
    at = (at + slots).next_multiple_of(PAGE);
    let data = at;
    let entries: Vec<(u64, u64)> = [
        (4, headers[1].address),
        (5, headers[3].address),
        (6, headers[2].address),
        (10, headers[3].bytes.len() as u64),
        (11, 24),
        (0x6fff_fff0, headers[4].address),
        (0x6fff_fffc, headers[5].address),
        (0x6fff_fffd, u64::from(versions.defined_count)),
        (0x6fff_fffe, headers[6].address),
        (0x6fff_ffff, u64::from(versions.needed_count)),
    ]
    .into_iter()
    .filter(|(tag, _)| match tag {
        0x6fff_fffc | 0x6fff_fffd => versions.defined_count > 0,
        0x6fff_fffe | 0x6fff_ffff => versions.needed_count > 0,
        0x6fff_fff0 => versions.defined_count + versions.needed_count > 0,
        _ => true,
    })
    .collect();
    dynamic.extend(entries);
    dynamic.push((0, 0));
    let mut bytes = Bytes::default();
    dynamic.iter().for_each(|(tag, value)| {
        bytes.u64(*tag);
        bytes.u64(*value);
    });
    headers[9].bytes = bytes.0;
    // .data is where `program` said; the rest of its segment goes after it.
    let mut address = DSO_DATA;
    for number in [10, 9, 8] {
        let header = &mut headers[number];
        address = address.next_multiple_of(8);
        (header.address, header.offset) = (address, Some(data as u64 + (address - DSO_DATA)));
        address += header.bytes.len() as u64;
    }
    let none = [
        (4, versions.defined_count + versions.needed_count == 0),
        (5, versions.defined_count == 0),
        (6, versions.needed_count == 0),
    ];
    for (number, none) in none {
        if none {
            // Kept as an empty table would be no table at all: an empty section nobody asks for.
            headers[number] = Header { name: b".gap".to_vec(), kind: 1, align: 1, ..Header::default() };
            headers[number].offset = Some(64);
        }
    }
    headers[11].offset = Some(data as u64 + (address - DSO_DATA));
    let segments = [
        (1u32, 5u32, 0u64, 0u64, tables as u64, tables as u64),
        (1, 5, headers[7].offset.unwrap_or(0), DSO_TEXT, slots as u64, slots as u64),
        (1, 6, data as u64, DSO_DATA, address - DSO_DATA, DSO_BSS - DSO_DATA + slots as u64),
        (
            2,
            6,
            headers[9].offset.unwrap_or(0),
            headers[9].address,
            headers[9].bytes.len() as u64,
            headers[9].bytes.len() as u64,
        ),
    ];
    assemble(headers, &segments)
}

fn section(name: &str, kind: u32, flags: u64, align: u64, bytes: Vec<u8>) -> Header {
    Header { name: name.into(), kind, flags, align, bytes, ..Header::default() }
}

impl Header {
    fn linked(mut self, link: u32, info: u32, entry: u64) -> Self {
        (self.link, self.info, self.entry) = (link, info, entry);
        self
    }
}

fn symbols(program: &Program, shared: &Shared, strings: &mut Strings) -> Vec<u8> {
    let mut table = Bytes(vec![0; 24]);
    for item in &shared.symbols {
        let section = match item {
            item if !item.defined => 0,
            item if item.absolute => SHN_ABS,
            item if item.kind == SymbolType::Tls => TDATA,
            item if item.in_code => TEXT,
            item if item.in_bss => BSS,
            _ => DATA,
        };
        let name = strings.add(program.names.bytes(item.name));
        symbol(&mut table, name, (item.binding, item.kind, item.visibility), section, item.value, item.size);
    }
    table.0
}

/// `.hash` with one bucket: a list of all symbols.
fn table_hash(program: &Program, shared: &Shared) -> Vec<u8> {
    let count = shared.symbols.len() as u32 + 1;
    let mut out = Bytes::default();
    out.u32(1);
    out.u32(count);
    out.u32(if count > 1 { 1 } else { 0 });
    out.u32(0);
    for number in 1..count {
        out.u32(if number + 1 < count { number + 1 } else { 0 });
    }
    let _ = program;
    out.0
}

/// The three tables of symbol versions.
#[derive(Default)]
struct Versions {
    table: Vec<u8>,
    defined: Vec<u8>,
    defined_count: u32,
    needed: Vec<u8>,
    needed_count: u32,
}

impl Versions {
    fn of(program: &Program, shared: &Shared, file: &[u8], strings: &mut Strings) -> Self {
        let distinct = |defined: bool| {
            let mut list: Vec<Name> = vec![];
            for item in shared.symbols.iter().filter(|item| item.defined == defined) {
                if let Some(version) = item.version.filter(|version| !list.contains(&version.name)) {
                    list.push(version.name);
                }
            }
            list
        };
        let (own, wanted) = (distinct(true), distinct(false));
        let mut table = Bytes::default();
        table.u16(0);
        // Numbers: 1 is the base version, then our own, then those of others.
        let first_wanted = 2 + own.len();
        for item in &shared.symbols {
            table.u16(match item.version {
                None if item.version_local => 0,
                None => 1,
                Some(version) if item.defined => {
                    let number = 2 + own.iter().position(|name| *name == version.name).unwrap_or(0) as u16;
                    if version.default { number } else { number | VER_NDX_HIDDEN }
                }
                Some(version) => {
                    (first_wanted + wanted.iter().position(|name| *name == version.name).unwrap_or(0)) as u16
                }
            });
        }
        let mut versions = Versions { table: table.0, ..Versions::default() };
        if !own.is_empty() {
            let base = shared.soname.map_or(file, |soname| program.names.bytes(soname));
            versions.defined = definitions(program, base, &own, strings);
            versions.defined_count = own.len() as u32 + 1;
        }
        if !wanted.is_empty() {
            let (bytes, count) = needs(program, shared, &wanted, first_wanted, strings);
            (versions.needed, versions.needed_count) = (bytes, count);
        }
        versions
    }
}

fn definitions(program: &Program, base: &[u8], own: &[Name], strings: &mut Strings) -> Vec<u8> {
    let mut out = Bytes::default();
    for number in 0..=own.len() {
        let name = if number == 0 { base } else { program.names.bytes(own[number - 1]) };
        out.u16(1);
        out.u16(u16::from(number == 0));
        out.u16(number as u16 + 1);
        out.u16(1);
        out.u32(hash(name));
        out.u32(20);
        out.u32(if number < own.len() { 28 } else { 0 });
        out.u32(strings.add(name));
        out.u32(0);
    }
    out.0
}

/// Versions of others, each under the file that has it: one of `DT_NEEDED` that defines the version, or the first.
fn needs(program: &Program, shared: &Shared, wanted: &[Name], first: usize, strings: &mut Strings) -> (Vec<u8>, u32) {
    let provider = |version: Name| -> Vec<u8> {
        let has = |needed: &Name| {
            program.files.iter().any(|file| match &file.content {
                Content::Shared(other) => {
                    other.soname == Some(*needed)
                        && other.symbols.iter().any(|sym| sym.defined && sym.version.is_some_and(|v| v.name == version))
                }
                _ => false,
            })
        };
        let needed = shared.needed.iter().find(|needed| has(needed)).or(shared.needed.first());
        needed.map_or(b"libelsewhere.so".to_vec(), |needed| program.names.bytes(*needed).to_vec())
    };
    let mut files: Vec<(Vec<u8>, Vec<usize>)> = vec![];
    for (at, version) in wanted.iter().enumerate() {
        let file = provider(*version);
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, list)) => list.push(at),
            None => files.push((file, vec![at])),
        }
    }
    let mut out = Bytes::default();
    for (number, (file, list)) in files.iter().enumerate() {
        out.u16(1);
        out.u16(list.len() as u16);
        out.u32(strings.add(file));
        out.u32(16);
        out.u32(if number + 1 < files.len() { 16 + 16 * list.len() as u32 } else { 0 });
        for (number, at) in list.iter().enumerate() {
            let name = program.names.bytes(wanted[*at]);
            out.u32(hash(name));
            out.u16(0);
            out.u16((first + at) as u16);
            out.u32(strings.add(name));
            out.u32(if number + 1 < list.len() { 16 } else { 0 });
        }
    }
    (out.0, files.len() as u32)
}

fn assemble(headers: Vec<Header>, segments: &[(u32, u32, u64, u64, u64, u64)]) -> Vec<u8> {
    let count = headers.len();
    let mut names = Strings::new();
    let numbers: Vec<u32> = headers.iter().map(|header| names.add(&header.name)).collect();
    let own = names.add(b".shstrtab");
    let names = Header { kind: 3, align: 1, bytes: names.0, ..Header::default() };
    let mut out = Bytes::default();
    let end = headers.iter().map(|header| header.offset.unwrap_or(0) + header.bytes.len() as u64).max().unwrap_or(0);
    out.0.resize(end as usize, 0);
    for header in &headers {
        let at = header.offset.unwrap_or(0) as usize;
        out.0[at..at + header.bytes.len()].copy_from_slice(&header.bytes);
    }
    let names_at = out.len();
    out.0.extend(&names.bytes);
    out.align(8);
    let mut head = Bytes::default();
    elf_header(&mut head, 3, out.len(), count, segments.len() as u16);
    for (kind, flags, offset, address, in_file, in_memory) in segments {
        head.u32(*kind);
        head.u32(*flags);
        let align = if *kind == 1 { PAGE as u64 } else { 8 };
        [*offset, *address, *address, *in_file, *in_memory, align].iter().for_each(|value| head.u64(*value));
    }
    for (at, header) in headers.iter().enumerate() {
        section_header(&mut out, header, numbers[at], header.offset.unwrap_or(0));
    }
    section_header(&mut out, &names, own, names_at);
    out.0[..head.0.len()].copy_from_slice(&head.0);
    out.0
}
