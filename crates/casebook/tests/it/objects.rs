//! Objects and archives for tests, written byte by byte: as a compiler writes them, for any class and byte order, and as nobody does.

/// What an object is for.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    /// `EM_…`
    pub(crate) number: u16,
    /// 64 bits; otherwise 32.
    pub(crate) wide: bool,
    /// The high byte first.
    pub(crate) big: bool,
}

/// x86-64.
pub(crate) const X86_64: Machine = Machine { number: 62, wide: true, big: false };

/// Where the section headers are in [`object`], and how long each is, for 64 bits: the tests change them.
pub(crate) const HEADER: usize = 64;

/// The sections of [`object`], in order.
pub(crate) const TEXT: usize = 1;
pub(crate) const RELA: usize = 2;
pub(crate) const SYMTAB: usize = 3;
pub(crate) const STRTAB: usize = 4;

struct Out {
    bytes: Vec<u8>,
    machine: Machine,
}

impl Out {
    fn number(&mut self, value: u64, size: usize) {
        let bytes = value.to_le_bytes();
        let mut bytes = bytes[..size].to_vec();
        if self.machine.big {
            bytes.reverse();
        }
        self.bytes.extend(bytes);
    }

    fn numbers(&mut self, values: &[(u64, usize)]) {
        values.iter().for_each(|(value, size)| self.number(*value, *size));
    }

    /// The size of an address.
    fn word(&self) -> usize {
        if self.machine.wide { 8 } else { 4 }
    }
}

/// A section: name, type, flags, bytes, link, info, size of an entry.
type Section<'a> = (u64, u64, u64, &'a [u8], u64, u64, u64);

/// An object that defines functions and calls others. Its section headers are its end.
pub(crate) fn object(machine: Machine, defines: &[&str], calls: &[&str]) -> Vec<u8> {
    let new = || Out { bytes: Vec::new(), machine };
    let (mut strings, mut symbols, mut relocations) = (vec![0], new(), new());
    let word = symbols.word();
    let mut symbol = |name: &str, info: u64, section: u64, value: u64| {
        let at = strings.len() as u64;
        strings.extend(name.bytes().chain([0]));
        let (name, value, size) = ((at, 4), (value, word), (4, word));
        let kind = [(info, 1), (0, 1), (section, 2)];
        symbols.number(name.0, name.1);
        if machine.wide {
            symbols.numbers(&kind);
            symbols.numbers(&[value, size]);
        } else {
            symbols.numbers(&[value, size]);
            symbols.numbers(&kind);
        }
    };
    symbol("", 0, 0, 0);
    defines.iter().zip(0..).for_each(|(name, number)| symbol(name, 0x12, TEXT as u64, 4 * number));
    calls.iter().for_each(|name| symbol(name, 0x10, 0, 0));
    for number in 0..calls.len() {
        let index = (1 + defines.len() + number) as u64;
        let info = if machine.wide { index << 32 | 4 } else { index << 8 | 4 };
        relocations.numbers(&[(4 * number as u64, word), (info, word), (-4_i64 as u64, word)]);
    }
    let names = b"\0.text\0.rela.text\0.symtab\0.strtab\0.shstrtab\0";
    let text = vec![0x90; 4 * (1 + defines.len() + calls.len())];
    let (symbol_size, relocation_size) = if machine.wide { (24, 24) } else { (16, 12) };
    let sections: [Section<'_>; 6] = [
        (0, 0, 0, &[], 0, 0, 0),
        (1, 1, 6, &text, 0, 0, 0),
        (7, 4, 0x40, &relocations.bytes, SYMTAB as u64, TEXT as u64, relocation_size),
        (18, 2, 0, &symbols.bytes, STRTAB as u64, 1, symbol_size),
        (26, 3, 0, &strings, 0, 0, 0),
        (34, 3, 0, names, 0, 0, 0),
    ];
    let (head, each) = if machine.wide { (64, 64) } else { (52, 40) };
    let (mut body, mut headers) = (vec![], new());
    for (name, kind, flags, bytes, link, info, entry) in sections {
        body.resize(body.len().next_multiple_of(8), 0);
        let at = (head + body.len()) as u64;
        headers.numbers(&[(name, 4), (kind, 4), (flags, word), (0, word), (at, word), (bytes.len() as u64, word)]);
        headers.numbers(&[(link, 4), (info, 4), (8, word), (entry, word)]);
        body.extend(bytes);
    }
    body.resize(body.len().next_multiple_of(8), 0);
    let mut out = new();
    out.bytes.extend(b"\x7fELF");
    out.bytes.extend([1 + u8::from(machine.wide), 1 + u8::from(machine.big), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.numbers(&[(1, 2), (u64::from(machine.number), 2), (1, 4), (0, word), (0, word)]);
    out.numbers(&[
        ((head + body.len()) as u64, word),
        (0, 4),
        (head as u64, 2),
        (0, 2),
        (0, 2),
        (each, 2),
        (6, 2),
        (5, 2),
    ]);
    out.bytes.extend(body);
    out.bytes.extend(headers.bytes);
    out.bytes
}

/// Changes a field of a section header of a 64-bit [`object`]: 24 is its offset, 32 its size.
pub(crate) fn patch(object: &mut [u8], section: usize, field: usize, value: u64) {
    let at = object.len() - (6 - section) * HEADER + field;
    object[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// The header of a member; its size is what is said.
pub(crate) fn member_header(name: &str, size: &str) -> Vec<u8> {
    format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).into_bytes()
}

/// A member of an archive: its name, its bytes, names it defines.
pub(crate) type Member<'a> = (&'a str, &'a [u8], &'a [&'a str]);

/// An archive with GNU's symbol index.
pub(crate) fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let names: usize = members.iter().flat_map(|(_, _, defines)| *defines).map(|name| name.len() + 1).sum();
    let count: usize = members.iter().map(|(_, _, defines)| defines.len()).sum();
    let index_size = (4 + 4 * count + names).next_multiple_of(2);
    let (mut offsets, mut strings, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for (name, bytes, defines) in members {
        for defined in *defines {
            offsets.extend(((8 + 60 + index_size + body.len()) as u32).to_be_bytes());
            strings.extend(defined.bytes().chain([0]));
        }
        body.extend(member_header(&format!("{name}/"), &bytes.len().to_string()));
        body.extend(*bytes);
        body.resize(body.len().next_multiple_of(2), b'\n');
    }
    let mut out = b"!<arch>\n".to_vec();
    out.extend(member_header("/", &index_size.to_string()));
    out.extend((count as u32).to_be_bytes());
    out.extend(offsets);
    out.extend(strings);
    out.resize(8 + 60 + index_size, 0);
    out.extend(body);
    out
}
