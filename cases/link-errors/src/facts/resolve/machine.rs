//! What a file is and which machine it is for, from its first bytes: what linkers look at while they search.

/// Class, byte order and machine of an ELF file (gABI, `e_ident`, `e_machine`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// 32 or 64.
    pub bits: u8,
    /// Big-endian.
    pub big: bool,
    /// `e_machine`
    pub number: u16,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// An ELF file.
    Elf(Machine),
    /// An archive, with the machine of its first member that is ELF.
    Archive(Option<Machine>),
    /// LLVM bitcode.
    Bitcode,
    /// Text: linkers read it as a linker script.
    Script,
    /// None of these.
    Other,
}

const EM_386: u16 = 3;
const EM_ARM: u16 = 40;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
const EM_RISCV: u16 = 243;
const EM_PPC: u16 = 20;
const EM_PPC64: u16 = 21;
const EM_S390: u16 = 22;

impl Machine {
    /// The machine of `-m`.
    pub fn of_emulation(name: &str) -> Option<Self> {
        let (bits, big, number) = match name {
            "elf_x86_64" | "elf_x86_64_fbsd" | "elf_x86_64_sol2" => (64, false, EM_X86_64),
            "elf32_x86_64" => (32, false, EM_X86_64),
            "elf_i386" | "elf_i386_fbsd" => (32, false, EM_386),
            "aarch64linux" | "aarch64elf" => (64, false, EM_AARCH64),
            "aarch64linuxb" | "aarch64elfb" => (64, true, EM_AARCH64),
            "armelf" | "armelf_linux_eabi" => (32, false, EM_ARM),
            "elf64lriscv" => (64, false, EM_RISCV),
            "elf32lriscv" => (32, false, EM_RISCV),
            "elf64ppc" => (64, true, EM_PPC64),
            "elf64lppc" => (64, false, EM_PPC64),
            "elf32ppc" | "elf32ppclinux" => (32, true, EM_PPC),
            "elf64_s390" => (64, true, EM_S390),
            _ => return None,
        };
        Some(Self { bits, big, number })
    }

    /// The machine of an `OUTPUT_FORMAT` (names of BFD targets).
    pub fn of_format(name: &str) -> Option<Self> {
        let (bits, big, number) = match name {
            "elf64-x86-64" => (64, false, EM_X86_64),
            "elf32-x86-64" => (32, false, EM_X86_64),
            "elf32-i386" => (32, false, EM_386),
            "elf64-littleaarch64" => (64, false, EM_AARCH64),
            "elf64-bigaarch64" => (64, true, EM_AARCH64),
            "elf32-littlearm" => (32, false, EM_ARM),
            "elf32-bigarm" => (32, true, EM_ARM),
            "elf64-littleriscv" => (64, false, EM_RISCV),
            "elf32-littleriscv" => (32, false, EM_RISCV),
            "elf64-powerpc" => (64, true, EM_PPC64),
            "elf64-powerpcle" => (64, false, EM_PPC64),
            "elf32-powerpc" => (32, true, EM_PPC),
            "elf64-s390" => (64, true, EM_S390),
            _ => return None,
        };
        Some(Self { bits, big, number })
    }

    /// In words: `ELF32 i386`.
    pub fn words(self) -> String {
        let name = match self.number {
            EM_386 => "i386",
            EM_ARM => "arm",
            EM_X86_64 => "x86-64",
            EM_AARCH64 => "aarch64",
            EM_RISCV => "riscv",
            EM_PPC => "powerpc",
            EM_PPC64 => "powerpc64",
            EM_S390 => "s390",
            number => return format!("ELF{} machine {number}", self.bits),
        };
        format!("ELF{} {name}{}", self.bits, if self.big && self.number != EM_S390 { " big-endian" } else { "" })
    }
}

impl Peek {
    /// The machine it is for.
    pub fn machine(self) -> Option<Machine> {
        match self {
            Self::Elf(machine) | Self::Archive(Some(machine)) => Some(machine),
            _ => None,
        }
    }
}

/// Looks at the beginning of a file.
pub fn peek(bytes: &[u8]) -> Peek {
    if let Some(machine) = elf(bytes) {
        return Peek::Elf(machine);
    }
    if bytes.starts_with(b"!<arch>\n") || bytes.starts_with(b"!<thin>\n") {
        return Peek::Archive(first_member(bytes));
    }
    if bytes.starts_with(b"BC\xc0\xde") || bytes.starts_with(&[0xde, 0xc0, 0x17, 0x0b]) {
        return Peek::Bitcode;
    }
    // Linkers take what they do not know as a script; a text without control characters can be one.
    let head = &bytes[..bytes.len().min(1024)];
    let text = |byte: &u8| (*byte >= b' ' && *byte != 0x7f) || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if !head.is_empty() && head.iter().all(text) { Peek::Script } else { Peek::Other }
}

fn elf(bytes: &[u8]) -> Option<Machine> {
    let head = bytes.get(..20).filter(|head| head.starts_with(b"\x7fELF"))?;
    let bits = match head[4] {
        1 => 32,
        2 => 64,
        _ => return None,
    };
    let big = head[5] == 2;
    let number = [head[18], head[19]];
    let number = if big { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) };
    Some(Machine { bits, big, number })
}

/// The machine of the first member that is an ELF file, of those at the beginning.
fn first_member(bytes: &[u8]) -> Option<Machine> {
    /// A symbol table and a table of long names stand before the members.
    const LOOKED_AT: usize = 8;
    const HEADER: usize = 60;
    if bytes.starts_with(b"!<thin>\n") {
        return None;
    }
    let mut at = 8usize;
    for _ in 0..LOOKED_AT {
        let header = bytes.get(at..at.checked_add(HEADER)?)?;
        let size = std::str::from_utf8(&header[48..58]).ok()?.trim().parse::<usize>().ok()?;
        let start = at.checked_add(HEADER)?;
        let end = start.checked_add(size)?;
        let special = header.starts_with(b"/ ") || header.starts_with(b"// ") || header.starts_with(b"/SYM64/");
        if !special && let Some(machine) = bytes.get(start..end.min(bytes.len())).and_then(elf) {
            return Some(machine);
        }
        at = end.checked_add(end % 2)?;
    }
    None
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
        assert_eq!(peek(&header(2, 62)).machine(), Machine::of_emulation("elf_x86_64"));
        assert_eq!(peek(&header(1, 3)).machine(), Machine::of_format("elf32-i386"));
        assert_eq!(peek(b"GROUP ( a.o )\n"), Peek::Script);
        assert_eq!(peek(b"BC\xc0\xde1234"), Peek::Bitcode);
        assert_eq!(peek(b"\x00\x01"), Peek::Other);
        assert_eq!(peek(b""), Peek::Other);
        assert_eq!(peek(b"\x7fELF"), Peek::Other);
    }

    #[test]
    fn an_archive_is_for_the_machine_of_its_first_member() {
        let mut archive = b"!<arch>\n".to_vec();
        for (name, content) in [("/", vec![0; 5]), ("x.o/", header(1, 3))] {
            archive.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len()).bytes());
            archive.extend(&content);
            if content.len() % 2 == 1 {
                archive.push(b'\n');
            }
        }
        assert_eq!(peek(&archive), Peek::Archive(Machine::of_emulation("elf_i386")));
        assert_eq!(peek(&archive[..80]), Peek::Archive(None));
    }
}
