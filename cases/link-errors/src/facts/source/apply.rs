//! Relocations of debug sections. They are few kinds: a value of some width is set, or added to and taken from what
//! stands there, as RISC-V and LoongArch write distances.

use casebook_formats::elf::{Endianness, abi};

/// What is done to the bytes at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// They become the value; so many bytes.
    Set(usize),
    /// The value is added.
    Add(usize),
    /// The value is taken away.
    Subtract(usize),
    /// The low six bits become the value, or it is taken from them.
    SetSix,
    /// See above.
    SubtractSix,
    /// A number in LEB128 becomes the value, at the length it has.
    SetLeb,
    /// The value is taken from it.
    SubtractLeb,
    /// Nothing is done.
    Nothing,
}

/// The change a relocation makes, if it is one that debug sections have. Numbers of the machines' psABI documents.
pub(super) fn change(machine: abi::Machine, kind: abi::RelocationType) -> Option<Change> {
    use Change::{Add, Nothing, Set, SetLeb, SetSix, Subtract, SubtractLeb, SubtractSix};
    Some(match machine {
        abi::EM_X86_64 => match kind {
            abi::R_X86_64_64 | abi::R_X86_64_DTPOFF64 => Set(8),
            abi::R_X86_64_32 | abi::R_X86_64_32S | abi::R_X86_64_DTPOFF32 => Set(4),
            abi::R_X86_64_NONE => Nothing,
            _ => return None,
        },
        abi::EM_386 => match kind {
            abi::R_386_32 | abi::R_386_TLS_LDO_32 => Set(4),
            abi::R_386_NONE => Nothing,
            _ => return None,
        },
        abi::EM_AARCH64 => match kind {
            abi::R_AARCH64_ABS64 | abi::R_AARCH64_TLS_DTPREL => Set(8),
            abi::R_AARCH64_ABS32 => Set(4),
            abi::R_AARCH64_NONE => Nothing,
            _ => return None,
        },
        abi::EM_ARM => match kind {
            abi::R_ARM_ABS32 | abi::R_ARM_TLS_LDO32 => Set(4),
            abi::R_ARM_NONE => Nothing,
            _ => return None,
        },
        abi::EM_RISCV => match kind {
            abi::R_RISCV_NONE => Nothing,
            abi::R_RISCV_32 | abi::R_RISCV_SET32 | abi::R_RISCV_TLS_DTPREL32 => Set(4),
            abi::R_RISCV_64 | abi::R_RISCV_TLS_DTPREL64 => Set(8),
            abi::R_RISCV_SET8 => Set(1),
            abi::R_RISCV_SET16 => Set(2),
            abi::R_RISCV_SET6 => SetSix,
            abi::R_RISCV_ADD8 => Add(1),
            abi::R_RISCV_ADD16 => Add(2),
            abi::R_RISCV_ADD32 => Add(4),
            abi::R_RISCV_ADD64 => Add(8),
            abi::R_RISCV_SUB6 => SubtractSix,
            abi::R_RISCV_SUB8 => Subtract(1),
            abi::R_RISCV_SUB16 => Subtract(2),
            abi::R_RISCV_SUB32 => Subtract(4),
            abi::R_RISCV_SUB64 => Subtract(8),
            // R_RISCV_SET_ULEB128, R_RISCV_SUB_ULEB128
            abi::RelocationType(60) => SetLeb,
            abi::RelocationType(61) => SubtractLeb,
            _ => return None,
        },
        abi::EM_LOONGARCH => match kind {
            abi::R_LARCH_NONE => Nothing,
            abi::R_LARCH_32 => Set(4),
            abi::R_LARCH_64 => Set(8),
            abi::R_LARCH_ADD8 => Add(1),
            abi::R_LARCH_ADD16 => Add(2),
            abi::R_LARCH_ADD32 => Add(4),
            abi::R_LARCH_ADD64 => Add(8),
            abi::R_LARCH_SUB8 => Subtract(1),
            abi::R_LARCH_SUB16 => Subtract(2),
            abi::R_LARCH_SUB32 => Subtract(4),
            abi::R_LARCH_SUB64 => Subtract(8),
            _ => return None,
        },
        abi::EM_PPC64 => match kind {
            abi::R_PPC64_ADDR64 | abi::R_PPC64_DTPREL64 => Set(8),
            abi::R_PPC64_ADDR32 => Set(4),
            _ => return None,
        },
        abi::EM_PPC => match kind {
            abi::R_PPC_ADDR32 | abi::R_PPC_DTPREL32 => Set(4),
            _ => return None,
        },
        abi::EM_S390 => match kind {
            abi::R_390_64 | abi::R_390_TLS_LDO64 => Set(8),
            abi::R_390_32 | abi::R_390_TLS_LDO32 => Set(4),
            _ => return None,
        },
        // Three relocations may be one on 64-bit MIPS; debug sections use the first.
        abi::EM_MIPS => match abi::RelocationType(kind.0 & 0xff) {
            abi::R_MIPS_64 | abi::R_MIPS_TLS_DTPREL64 => Set(8),
            abi::R_MIPS_32 | abi::R_MIPS_TLS_DTPREL32 => Set(4),
            _ => return None,
        },
        abi::EM_SPARC | abi::EM_SPARC32PLUS | abi::EM_SPARCV9 => match kind {
            abi::R_SPARC_64 | abi::R_SPARC_UA64 | abi::R_SPARC_TLS_DTPOFF64 => Set(8),
            abi::R_SPARC_32 | abi::R_SPARC_UA32 | abi::R_SPARC_TLS_DTPOFF32 => Set(4),
            _ => return None,
        },
        _ => return None,
    })
}

/// Applies one relocation. `addend` is `None` where it stands at the place.
pub(super) fn apply(
    bytes: &mut [u8],
    offset: u64,
    change: Change,
    symbol: u64,
    addend: Option<i64>,
    order: Endianness,
) -> Option<()> {
    let at = usize::try_from(offset).ok()?;
    let explicit = symbol.wrapping_add(addend.unwrap_or(0).cast_unsigned());
    match change {
        Change::Nothing => {}
        Change::Set(width) => {
            let place = bytes.get_mut(at..at.checked_add(width)?)?;
            let implicit = if addend.is_none() { get(place, order) } else { 0 };
            put(place, explicit.wrapping_add(implicit), order);
        }
        Change::Add(width) => {
            let place = bytes.get_mut(at..at.checked_add(width)?)?;
            let old = get(place, order);
            put(place, old.wrapping_add(explicit), order);
        }
        Change::Subtract(width) => {
            let place = bytes.get_mut(at..at.checked_add(width)?)?;
            let old = get(place, order);
            put(place, old.wrapping_sub(explicit), order);
        }
        Change::SetSix => {
            let place = bytes.get_mut(at)?;
            *place = *place & 0xc0 | explicit as u8 & 0x3f;
        }
        Change::SubtractSix => {
            let place = bytes.get_mut(at)?;
            *place = *place & 0xc0 | (*place & 0x3f).wrapping_sub(explicit as u8) & 0x3f;
        }
        Change::SetLeb => leb(bytes.get_mut(at..)?, |_| explicit)?,
        Change::SubtractLeb => leb(bytes.get_mut(at..)?, |old| old.wrapping_sub(explicit))?,
    }
    Some(())
}

fn get(bytes: &[u8], order: Endianness) -> u64 {
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    match order {
        Endianness::Little => bytes.iter().rev().fold(0, join),
        Endianness::Big => bytes.iter().fold(0, join),
    }
}

fn put(bytes: &mut [u8], value: u64, order: Endianness) {
    let width = bytes.len();
    for (index, byte) in bytes.iter_mut().enumerate() {
        let place = match order {
            Endianness::Little => index,
            Endianness::Big => width - 1 - index,
        };
        *byte = (value >> (8 * place)) as u8;
    }
}

/// Changes a number in LEB128 and keeps its length.
fn leb(bytes: &mut [u8], change: impl Fn(u64) -> u64) -> Option<()> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let bytes = bytes.get_mut(..length)?;
    let old = bytes.iter().rev().fold(0u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    let mut new = change(old);
    for byte in bytes {
        *byte = *byte & 0x80 | (new & 0x7f) as u8;
        new >>= 7;
    }
    Some(())
}
