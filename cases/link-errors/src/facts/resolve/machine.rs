//! What a file is and which machine it is for, from its first bytes: what linkers look at while they search.

use casebook_formats::ar;
use casebook_formats::elf::{Class, Endianness, Machine, abi};
use casebook_formats::gap::Gaps;

use super::super::files::{Kind, kind_of, machine_of};

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek {
    /// An ELF file.
    Elf(Machine),
    /// An archive, with the machine of its first member that is ELF.
    Archive(Option<Machine>),
    /// A thin archive, with the path of its first member.
    Thin(Option<String>),
    /// LLVM bitcode.
    Bitcode,
    /// Text: linkers read it as a linker script.
    Script,
    /// None of these.
    Other,
}

/// The machine of `-m` (ld/emulparams; `getBitcodeMachineKind` and `parseEmulation` of lld).
pub fn of_emulation(name: &str) -> Option<Machine> {
    Some(match name {
        "elf_x86_64" | "elf_x86_64_fbsd" | "elf_x86_64_sol2" => little(Class::Elf64, abi::EM_X86_64),
        "elf32_x86_64" => little(Class::Elf32, abi::EM_X86_64),
        "elf_i386" | "elf_i386_fbsd" => little(Class::Elf32, abi::EM_386),
        "aarch64linux" | "aarch64elf" => little(Class::Elf64, abi::EM_AARCH64),
        "aarch64linuxb" | "aarch64elfb" => big(Class::Elf64, abi::EM_AARCH64),
        "armelf" | "armelf_linux_eabi" => little(Class::Elf32, abi::EM_ARM),
        "elf64lriscv" => little(Class::Elf64, abi::EM_RISCV),
        "elf32lriscv" => little(Class::Elf32, abi::EM_RISCV),
        "elf64ppc" => big(Class::Elf64, abi::EM_PPC64),
        "elf64lppc" => little(Class::Elf64, abi::EM_PPC64),
        "elf32ppc" | "elf32ppclinux" => big(Class::Elf32, abi::EM_PPC),
        "elf64_s390" => big(Class::Elf64, abi::EM_S390),
        _ => return None,
    })
}

/// The machine of an `OUTPUT_FORMAT` (names of BFD targets, bfd/targets.c).
pub(super) fn of_format(name: &str) -> Option<Machine> {
    Some(match name {
        "elf64-x86-64" => little(Class::Elf64, abi::EM_X86_64),
        "elf32-x86-64" => little(Class::Elf32, abi::EM_X86_64),
        "elf32-i386" => little(Class::Elf32, abi::EM_386),
        "elf64-littleaarch64" => little(Class::Elf64, abi::EM_AARCH64),
        "elf64-bigaarch64" => big(Class::Elf64, abi::EM_AARCH64),
        "elf32-littlearm" => little(Class::Elf32, abi::EM_ARM),
        "elf32-bigarm" => big(Class::Elf32, abi::EM_ARM),
        "elf64-littleriscv" => little(Class::Elf64, abi::EM_RISCV),
        "elf32-littleriscv" => little(Class::Elf32, abi::EM_RISCV),
        "elf64-powerpc" => big(Class::Elf64, abi::EM_PPC64),
        "elf64-powerpcle" => little(Class::Elf64, abi::EM_PPC64),
        "elf32-powerpc" => big(Class::Elf32, abi::EM_PPC),
        "elf64-s390" => big(Class::Elf64, abi::EM_S390),
        _ => return None,
    })
}

fn little(class: Class, number: abi::Machine) -> Machine {
    Machine { class, order: Endianness::Little, number }
}

fn big(class: Class, number: abi::Machine) -> Machine {
    Machine { class, order: Endianness::Big, number }
}

/// Looks at the beginning of a file.
pub fn peek(bytes: &[u8]) -> Peek {
    match kind_of(bytes) {
        Kind::Elf(machine) => Peek::Elf(machine),
        Kind::Archive => Peek::Archive(members(bytes).find_map(|member| match member {
            Member::Inside(bytes) => machine_of(bytes),
            Member::Outside(_) => None,
        })),
        Kind::ThinArchive => Peek::Thin(members(bytes).find_map(|member| match member {
            Member::Outside(path) => Some(path),
            Member::Inside(_) => None,
        })),
        Kind::Bitcode => Peek::Bitcode,
        // Linkers take what they do not know as a script; a text without control characters can be one.
        Kind::Other => {
            let head = &bytes[..bytes.len().min(1024)];
            let text = |byte: &u8| (*byte >= b' ' && *byte != 0x7f) || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
            if !head.is_empty() && head.iter().all(text) { Peek::Script } else { Peek::Other }
        }
    }
}

enum Member<'a> {
    Inside(&'a [u8]),
    Outside(String),
}

/// The first members of an archive.
fn members(bytes: &[u8]) -> impl Iterator<Item = Member<'_>> {
    const LOOKED_AT: usize = 8;
    let mut gaps = Gaps::default();
    let mut out = Vec::new();
    if let Some(archive) = ar::Archive::read(bytes, &mut gaps) {
        let mut walk = archive.members();
        while out.len() < LOOKED_AT
            && let Some(member) = walk.next(&mut gaps)
        {
            out.push(match member.contents {
                ar::Contents::Inside { bytes, .. } => Member::Inside(bytes),
                _ => Member::Outside(String::from_utf8_lossy(member.name).into_owned()),
            });
        }
    }
    out.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, machine: u8) -> Vec<u8> {
        let mut out = b"\x7fELF".to_vec();
        out.extend([class, 1, 1]);
        out.resize(18, 0);
        out.extend([machine, 0]);
        out.resize(64, 0);
        out
    }

    #[test]
    fn the_first_bytes_tell() {
        assert_eq!(Some(peek(&header(2, 62))), of_emulation("elf_x86_64").map(Peek::Elf));
        assert_eq!(Some(peek(&header(1, 3))), of_format("elf32-i386").map(Peek::Elf));
        assert_eq!(peek(b"GROUP ( a.o )\n"), Peek::Script);
        assert_eq!(peek(b"BC\xc0\xde1234"), Peek::Bitcode);
        assert_eq!(peek(b"\x00\x01"), Peek::Other);
        assert_eq!(peek(b""), Peek::Other);
        assert_eq!(peek(b"\x7fELF"), Peek::Other);
    }

    #[test]
    fn an_archive_is_for_the_machine_of_its_first_member() {
        let mut archive = b"!<arch>\n".to_vec();
        for (name, content) in [("/", vec![0; 4]), ("x.o/", header(1, 3))] {
            archive.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).bytes());
            archive.extend(&content);
        }
        assert_eq!(peek(&archive), Peek::Archive(of_emulation("elf_i386")));
        assert_eq!(peek(&archive[..80]), Peek::Archive(None));
    }
}
