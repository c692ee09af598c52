//! What the readers here find, in the words of binutils.

use casebook_formats::ar::{Archive, Contents};
use casebook_formats::elf::{Class, Elf, Place, Symbols, Version, Versions, abi};
use casebook_formats::gap::{Gap, Gaps};

/// All facts of a file; those of an archive are its members', one after the other.
#[derive(Default)]
pub struct Mine {
    pub archive: bool,
    pub thin: bool,
    pub symbols: Vec<String>,
    pub versions: Vec<String>,
    pub groups: Vec<String>,
    pub relocations: Vec<String>,
    pub dynamic: Vec<String>,
    pub sections: Vec<String>,
    pub notes: Vec<String>,
    pub members: Vec<String>,
    pub index: Vec<String>,
    pub gaps: Vec<Gap>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `None` for a file that is neither ELF nor an archive: a linker script.
pub fn read(bytes: &[u8]) -> Option<Mine> {
    let mut mine = Mine::default();
    let mut gaps = Gaps::default();
    if casebook_formats::ar::is_archive(bytes) {
        mine.archive = true;
        let archive = Archive::read(bytes, &mut gaps)?;
        mine.thin = archive.is_thin();
        let mut members = archive.members();
        while let Some(member) = members.next(&mut gaps) {
            mine.members.push(text(member.name));
            if let Contents::Inside { bytes, .. } = member.contents
                && bytes.starts_with(b"\x7fELF")
            {
                mine.object(bytes, &mut gaps);
            }
        }
        for (name, offset) in archive.index().into_iter().flat_map(|index| index.iter()) {
            let member = archive.member_at(offset, &mut gaps)?;
            mine.index.push(format!("{} in {}", text(name), text(member.name)));
        }
    } else if bytes.starts_with(b"\x7fELF") {
        mine.object(bytes, &mut gaps);
    } else {
        return None;
    }
    mine.gaps = gaps.list().to_vec();
    Some(mine)
}

fn kind(kind: abi::SymbolType) -> &'static str {
    match kind {
        abi::STT_NOTYPE => "NOTYPE",
        abi::STT_OBJECT => "OBJECT",
        abi::STT_FUNC => "FUNC",
        abi::STT_SECTION => "SECTION",
        abi::STT_FILE => "FILE",
        abi::STT_COMMON => "COMMON",
        abi::STT_TLS => "TLS",
        abi::STT_GNU_IFUNC => "IFUNC",
        _ => "?",
    }
}

fn bind(bind: abi::SymbolBind) -> &'static str {
    match bind {
        abi::STB_LOCAL => "LOCAL",
        abi::STB_GLOBAL => "GLOBAL",
        abi::STB_WEAK => "WEAK",
        abi::STB_GNU_UNIQUE => "UNIQUE",
        _ => "?",
    }
}

fn visibility(visibility: abi::SymbolVisibility) -> &'static str {
    match visibility {
        abi::STV_DEFAULT => "DEFAULT",
        abi::STV_INTERNAL => "INTERNAL",
        abi::STV_HIDDEN => "HIDDEN",
        _ => "PROTECTED",
    }
}

fn place(place: Place) -> String {
    match place {
        Place::Undefined => "UND".into(),
        Place::Absolute => "ABS".into(),
        Place::Common => "COM".into(),
        Place::Section(index) => index.to_string(),
        Place::Other(0xff02) => "LARGE_COM".into(),
        Place::Other(other) => format!("OS[{other:#x}]"),
    }
}

impl Mine {
    fn object(&mut self, bytes: &[u8], gaps: &mut Gaps) {
        let Some(elf) = Elf::read(bytes, gaps) else { return };
        for section in elf.sections() {
            let name = text(section.name);
            let name = name.split_whitespace().next().unwrap_or("");
            self.sections.push(format!(
                "{} {name} {:x} {:x} {:x}",
                section.index, section.address, section.offset, section.size
            ));
        }
        let versions = elf.versions(gaps);
        if let Some(table) = elf.dynamic_symbols(gaps) {
            self.symbols_of(&elf, &table, versions.as_ref(), gaps);
        }
        if let Some(table) = elf.symbols(gaps) {
            self.symbols_of(&elf, &table, None, gaps);
        }
        if let Some(versions) = &versions {
            self.versions_of(versions);
        }
        for group in elf.groups(gaps) {
            let members: String = group.members.iter().map(|member| format!(" {member}")).collect();
            self.groups.push(format!("{} {} {}:{members}", group.section, group.comdat, text(group.signature)));
        }
        let wide = elf.header().machine.class == Class::Elf64;
        for table in elf.relocations(gaps) {
            for found in table.iter() {
                let info = if wide {
                    u64::from(found.symbol) << 32 | u64::from(found.kind.0)
                } else {
                    u64::from(found.symbol) << 8 | u64::from(found.kind.0)
                };
                self.relocations.push(format!("{:x} {info:x}", found.offset));
            }
        }
        if let Some(dynamic) = elf.dynamic(gaps) {
            for (tag, value) in dynamic.entries() {
                let name = match tag {
                    abi::DT_NEEDED => "NEEDED",
                    abi::DT_SONAME => "SONAME",
                    abi::DT_RPATH => "RPATH",
                    abi::DT_RUNPATH => "RUNPATH",
                    _ => continue,
                };
                let value = dynamic.strings.get(value as u32).unwrap();
                self.dynamic.push(format!("{name} {}", text(value)));
            }
        }
        if let Some(id) = elf.build_id(gaps) {
            self.notes.push(id.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }

    fn symbols_of(&mut self, elf: &Elf<'_>, table: &Symbols<'_>, versions: Option<&Versions<'_>>, gaps: &mut Gaps) {
        for index in 0..table.len() {
            let symbol = table.get(index, gaps).unwrap();
            let mut name = text(symbol.name);
            if symbol.kind == abi::STT_SECTION
                && symbol.name.is_empty()
                && let Place::Section(index) = symbol.place
            {
                name = text(elf.section(index).unwrap().name);
            }
            let defined = symbol.place != Place::Undefined;
            if let Some(versions) = versions
                && let Some(number) = versions.index(index)
            {
                match versions.meaning(number, defined) {
                    // The symbol of a version itself is printed plain.
                    Version::Defined(version) if !version.base && version.name != symbol.name => {
                        let at = if number.hidden { "@" } else { "@@" };
                        name.push_str(&format!("{at}{}", text(version.name)));
                    }
                    Version::Needed(version) => name.push_str(&format!("@{} ({})", text(version.name), number.number)),
                    _ => {}
                }
            }
            self.symbols.push(format!(
                "{index} {:x} {} {} {} {} {} {name}",
                symbol.value,
                symbol.size,
                kind(symbol.kind),
                bind(symbol.bind),
                visibility(symbol.visibility),
                place(symbol.place),
            ));
        }
    }

    fn versions_of(&mut self, versions: &Versions<'_>) {
        for (number, version) in versions.defined() {
            self.versions.push(format!("defined {number} {} {}", version.base, text(version.name)));
        }
        for (number, version) in versions.needed() {
            self.versions.push(format!("needed {number} {} {}", text(version.file), text(version.name)));
        }
        // Tables here are by number, readelf's as they lie in the file.
        self.versions.sort();
    }
}
