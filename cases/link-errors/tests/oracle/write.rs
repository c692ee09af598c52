//! Writes relocatable objects and archives of what `program` made: ELF64 for x86-64, no assembler, no `ar`.

use std::path::Path;

use case_link_errors::model::input::*;
use case_link_errors::model::names::{Name, Names};

use crate::program::SHT_GROUP;
use crate::scenario::Scenario;
use crate::write_shared;

const SHT_SYMTAB: u32 = 2;
const SHT_STRTAB: u32 = 3;
const SHT_RELA: u32 = 4;
const SHF_INFO_LINK: u64 = 0x40;
const SHF_GROUP: u64 = 0x200;
const SHN_ABS: u16 = 0xfff1;
const SHN_COMMON: u16 = 0xfff2;

/// Writes all files of the scenario into `folder`.
pub fn scenario(scenario: &Scenario, program: &Program, folder: &Path) {
    for (name, bytes) in files(scenario, program) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// The files of the scenario: name and bytes.
pub fn files(scenario: &Scenario, program: &Program) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![];
    for (number, file) in program.files.iter().enumerate() {
        match &file.content {
            Content::Object(object) if file.archive.is_none() => {
                files.push((file.name.clone(), self::object(program, object)));
            }
            Content::Archive(archive) => {
                let members = members(program, archive);
                files.push((file.name.clone(), archive_bytes(program, archive, &members)));
                if archive.thin {
                    files.extend(members);
                }
            }
            Content::Shared(shared) if !scenario.shared.iter().any(|dso| dso.name == file.name && dso.absent) => {
                files.push((file.name.clone(), write_shared::bytes(program, FileId(number as u32), shared)));
            }
            _ => {}
        }
    }
    if let Some(script) = &program.options.versions {
        files.push(("version.map".into(), version_script(script).into_bytes()));
    }
    files
}

/// Little-endian bytes of a file that grows.
#[derive(Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    pub fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }
    pub fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }
    pub fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }
    pub fn align(&mut self, to: usize) {
        while !self.0.len().is_multiple_of(to) {
            self.0.push(0);
        }
    }
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// A string table.
pub struct Strings(pub Vec<u8>);

impl Strings {
    pub fn new() -> Self {
        Self(vec![0])
    }
    pub fn add(&mut self, text: &[u8]) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.0.len() as u32;
        self.0.extend(text);
        self.0.push(0);
        at
    }
}

/// A section header and the bytes of the section.
#[derive(Clone, Default)]
pub struct Header {
    pub name: Vec<u8>,
    pub kind: u32,
    pub flags: u64,
    pub address: u64,
    pub link: u32,
    pub info: u32,
    pub align: u64,
    pub entry: u64,
    pub bytes: Vec<u8>,
    /// Its size where it has no bytes.
    pub size: Option<u64>,
    /// Where in the file it is, where that is fixed before.
    pub offset: Option<u64>,
}

/// The head of a file: `e_type`, where section headers are, how many there are.
pub fn elf_header(out: &mut Bytes, kind: u16, headers: u64, count: usize, segments: u16) {
    out.0.extend(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    out.u16(kind);
    out.u16(62);
    out.u32(1);
    out.u64(0);
    out.u64(if segments > 0 { 64 } else { 0 });
    out.u64(headers);
    out.u32(0);
    out.u16(64);
    out.u16(if segments > 0 { 56 } else { 0 });
    out.u16(segments);
    out.u16(64);
    out.u16(count as u16 + 1);
    out.u16(count as u16);
}

pub fn section_header(out: &mut Bytes, header: &Header, name: u32, offset: u64) {
    out.u32(name);
    out.u32(header.kind);
    out.u64(header.flags);
    out.u64(header.address);
    out.u64(offset);
    out.u64(header.size.unwrap_or(header.bytes.len() as u64));
    out.u32(header.link);
    out.u32(header.info);
    out.u64(header.align);
    out.u64(header.entry);
}

pub fn symbol(
    out: &mut Bytes,
    name: u32,
    info: (Binding, SymbolType, Visibility),
    section: u16,
    value: u64,
    size: u64,
) {
    let (binding, kind, visibility) = info;
    let binding = match binding {
        Binding::Local => 0,
        Binding::Global => 1,
        Binding::Weak => 2,
        Binding::Unique => 10,
    };
    let kind = match kind {
        SymbolType::None => 0,
        SymbolType::Object => 1,
        SymbolType::Function => 2,
        SymbolType::Section => 3,
        SymbolType::File => 4,
        SymbolType::Common => 5,
        SymbolType::Tls => 6,
        SymbolType::IFunc => 10,
        SymbolType::Other(kind) => kind,
    };
    let visibility = match visibility {
        Visibility::Default => 0,
        Visibility::Internal => 1,
        Visibility::Hidden => 2,
        Visibility::Protected => 3,
    };
    out.u32(name);
    out.u8(binding << 4 | kind);
    out.u8(visibility);
    out.u16(section);
    out.u64(value);
    out.u64(size);
}

fn text(names: &Names, name: Name, version: Option<Version>) -> Vec<u8> {
    let mut text = names.bytes(name).to_vec();
    if let Some(version) = version {
        text.extend(if version.default { &b"@@"[..] } else { b"@" });
        text.extend(names.bytes(version.name));
    }
    text
}

/// The bytes of a relocatable object.
pub fn object(program: &Program, object: &Object) -> Vec<u8> {
    let names = &program.names;
    let mut headers: Vec<Header> = object.sections.iter().map(|section| content(names, section)).collect();
    headers.push(Header { name: b".note.GNU-stack".to_vec(), kind: 1, align: 1, ..Header::default() });
    let relocated: Vec<u32> = (0..object.sections.len() as u32)
        .filter(|section| object.references.iter().any(|reference| reference.section == *section))
        .collect();
    let symtab = (headers.len() + relocated.len()) as u32;
    let mut members: Vec<Vec<u32>> = object.groups.iter().map(|group| group.sections.clone()).collect();
    for section in relocated {
        let header = relocations(object, section, symtab, &mut headers[section as usize].bytes);
        if let Some(group) = object.sections[section as usize].group {
            members[group as usize].push(headers.len() as u32);
        }
        headers
            .push(Header { name: [b".rela", names.bytes(object.sections[section as usize].name)].concat(), ..header });
    }
    for (at, group) in object.groups.iter().enumerate() {
        let mut bytes = Bytes::default();
        bytes.u32(u32::from(group.comdat));
        members[at].iter().for_each(|section| bytes.u32(*section));
        let signature =
            object.symbols.iter().position(|symbol| symbol.name == group.signature && symbol.version.is_none());
        let header = &mut headers[1 + at];
        (header.bytes, header.link, header.info) = (bytes.0, symtab, signature.unwrap() as u32);
    }
    let mut strings = Strings::new();
    let mut table = Bytes::default();
    for item in &object.symbols {
        let name = strings.add(&text(names, item.name, item.version));
        let section = match item.definition {
            Definition::Undefined => 0,
            Definition::Common { .. } => SHN_COMMON,
            Definition::Absolute => SHN_ABS,
            Definition::Section(section) => section as u16,
        };
        symbol(&mut table, name, (item.binding, item.kind, item.visibility), section, item.value, item.size);
    }
    headers.push(Header {
        name: b".symtab".to_vec(),
        kind: SHT_SYMTAB,
        link: symtab + 1,
        info: object.first_global,
        align: 8,
        entry: 24,
        bytes: table.0,
        ..Header::default()
    });
    headers.push(Header {
        name: b".strtab".to_vec(),
        kind: SHT_STRTAB,
        align: 1,
        bytes: strings.0,
        ..Header::default()
    });
    assemble(headers)
}

fn content(names: &Names, section: &Section) -> Header {
    Header {
        name: names.bytes(section.name).to_vec(),
        kind: section.kind,
        flags: section.flags,
        link: section.link,
        align: if section.kind == SHT_GROUP { 4 } else { 8 },
        entry: if section.kind == SHT_GROUP { 4 } else { 0 },
        bytes: if section.kind == SHT_GROUP { vec![] } else { vec![0x90; section.size as usize] },
        ..Header::default()
    }
}

/// The relocations of a section; the code they are in is written into its bytes.
fn relocations(object: &Object, section: u32, symtab: u32, code: &mut [u8]) -> Header {
    const R_64: u64 = 1;
    const R_PLT32: u64 = 4;
    const R_GOTPCREL: u64 = 9;
    const R_GOTTPOFF: u64 = 22;
    let mut bytes = Bytes::default();
    for reference in object.references.iter().filter(|reference| reference.section == section) {
        let at = reference.offset as usize;
        let (kind, addend): (u64, i64) = match reference.uses {
            Uses::CALL => (R_PLT32, -4),
            Uses::GOT => (R_GOTPCREL, -4),
            Uses::TLS => (R_GOTTPOFF, -4),
            _ => (R_64, 0),
        };
        // call f; mov f@gottpoff(%rip), %rax; cmp f@GOTPCREL(%rip), %rax, which no linker turns into something else.
        match kind {
            R_64 => {}
            R_PLT32 => code[at - 1] = 0xe8,
            R_GOTTPOFF => code[at - 3..at].copy_from_slice(&[0x48, 0x8b, 0x05]),
            _ => code[at - 3..at].copy_from_slice(&[0x48, 0x3b, 0x05]),
        }
        bytes.u64(reference.offset);
        bytes.u64(u64::from(reference.symbol) << 32 | kind);
        bytes.u64(addend as u64);
    }
    let group = if object.sections[section as usize].group.is_some() { SHF_GROUP } else { 0 };
    Header {
        kind: SHT_RELA,
        flags: SHF_INFO_LINK | group,
        link: symtab,
        info: section,
        align: 8,
        entry: 24,
        bytes: bytes.0,
        ..Header::default()
    }
}

/// Head, sections, section names, section headers.
fn assemble(headers: Vec<Header>) -> Vec<u8> {
    let count = headers.len();
    let mut names = Strings::new();
    let numbers: Vec<u32> = headers.iter().map(|header| names.add(&header.name)).collect();
    let own = names.add(b".shstrtab");
    let names = Header { kind: SHT_STRTAB, align: 1, bytes: names.0, ..Header::default() };
    let mut out = Bytes(vec![0; 64]);
    let mut offsets = vec![];
    for header in headers.iter().chain([&names]) {
        out.align(header.align.max(1) as usize);
        offsets.push(if header.kind == 0 { 0 } else { out.len() });
        out.0.extend(&header.bytes);
    }
    out.align(8);
    let mut head = Bytes::default();
    elf_header(&mut head, 1, out.len(), count, 0);
    for (at, header) in headers.iter().enumerate() {
        section_header(&mut out, header, numbers[at], offsets[at]);
    }
    section_header(&mut out, &names, own, offsets[count]);
    out.0[..64].copy_from_slice(&head.0);
    out.0
}

/// The members of an archive: name and bytes.
fn members(program: &Program, archive: &Archive) -> Vec<(String, Vec<u8>)> {
    let member = |id: &FileId| {
        let file = &program.files[id.0 as usize];
        let name = file.name.rsplit('(').next().unwrap_or_default().trim_end_matches(')').to_string();
        let Content::Object(object) = &file.content else { return (name, vec![]) };
        (name, self::object(program, object))
    };
    archive.members.iter().map(member).collect()
}

/// The GNU variant of the format: `/` for the symbol table, `//` for names of members (always, thin archives need it).
fn archive_bytes(program: &Program, archive: &Archive, members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut long = vec![];
    let mut names = vec![];
    for (name, _) in members {
        if archive.thin || name.len() > 15 {
            names.push(format!("/{}", long.len()));
            long.extend(name.bytes().chain(*b"/\n"));
        } else {
            names.push(format!("{name}/"));
        }
    }
    let mut out = if archive.thin { b"!<thin>\n".to_vec() } else { b"!<arch>\n".to_vec() };
    let padded = |len: usize| len + len % 2;
    let index = archive.index.as_ref();
    let size =
        index.map_or(0, |index| 4 + index.iter().map(|(name, _)| 5 + program.names.bytes(*name).len()).sum::<usize>());
    let mut at = out.len() + index.map_or(0, |_| 60 + padded(size));
    at += if long.is_empty() { 0 } else { 60 + padded(long.len()) };
    let mut offsets = vec![];
    for (_, bytes) in members {
        offsets.push(at as u32);
        at += 60 + if archive.thin { 0 } else { padded(bytes.len()) };
    }
    if let Some(index) = index {
        member_header(&mut out, "/", size);
        out.extend((index.len() as u32).to_be_bytes());
        index.iter().for_each(|(_, member)| out.extend(offsets[*member as usize].to_be_bytes()));
        index.iter().for_each(|(name, _)| out.extend(program.names.bytes(*name).iter().chain(b"\0")));
        pad(&mut out);
    }
    if !long.is_empty() {
        member_header(&mut out, "//", long.len());
        out.extend(&long);
        pad(&mut out);
    }
    for ((_, bytes), name) in members.iter().zip(&names) {
        member_header(&mut out, name, bytes.len());
        if !archive.thin {
            out.extend(bytes);
            pad(&mut out);
        }
    }
    out
}

fn pad(out: &mut Vec<u8>) {
    if out.len() % 2 == 1 {
        out.push(b'\n');
    }
}

fn member_header(out: &mut Vec<u8>, name: &str, size: usize) {
    out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).bytes());
}

/// The text of a version script.
pub fn version_script(script: &VersionScript) -> String {
    let mut text = String::new();
    for node in &script.nodes {
        let list = |label: &str, patterns: &[Pattern]| {
            let patterns: Vec<String> = patterns
                .iter()
                .map(
                    |pattern| {
                        if pattern.literal { format!("\"{}\";", pattern.text) } else { format!("{};", pattern.text) }
                    },
                )
                .collect();
            if patterns.is_empty() { String::new() } else { format!(" {label}: {}", patterns.join(" ")) }
        };
        let name = node.name.as_deref().unwrap_or("");
        text.push_str(&format!("{name} {{{}{} }};\n", list("global", &node.global), list("local", &node.local)));
    }
    text
}
