//! Words and numbers of a line, fast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of the line at the front of `bytes`, without its end.
pub(super) fn line_end(bytes: &[u8]) -> usize {
    // Eight bytes at a time: a byte is the end of the line where its exclusive or with one is zero.
    const LOW: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    while let Some(word) = bytes.get(at..at + 8) {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        let x = u64::from_le_bytes(eight) ^ (LOW * u64::from(b'\n'));
        let zero = x.wrapping_sub(LOW) & !x & (LOW << 7);
        if zero != 0 {
            return at + zero.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at)
}

/// A word of a line and where it starts.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) start: usize,
    pub(super) text: &'a [u8],
}

/// Words of a line. A word that opens a bracket goes on to the one that closes it: `[start=Wed Nov 25 …]`.
#[derive(Clone)]
pub(super) struct Words<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let blank = |byte: u8| byte == b' ' || byte == b'\t';
        while self.line.get(self.at).is_some_and(|byte| blank(*byte)) {
            self.at += 1;
        }
        let start = self.at;
        let rest = self.line.get(start..).filter(|rest| !rest.is_empty())?;
        let len = if rest[0] == b'[' {
            rest.iter().position(|byte| *byte == b']').map_or(rest.len(), |at| at + 1)
        } else {
            rest.iter().position(|byte| blank(*byte)).unwrap_or(rest.len())
        };
        self.at += len;
        Some(Word { start, text: &rest[..len] })
    }
}

/// A decimal number.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let mut out = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        out = out.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(out)
}

/// A decimal number of a smaller type.
pub(super) fn number<T: TryFrom<u64>>(text: &[u8]) -> Option<T> {
    T::try_from(decimal(text)?).ok()
}

/// `0xa`.
pub(super) fn hexadecimal(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"0x")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// An address.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = address_v4(text) {
        return Some(IpAddr::V4(address));
    }
    std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn address_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut place, mut value, mut digits) = ([0u8; 4], 0, 0u32, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && place < 3 => {
                octets[place] = u8::try_from(value).ok()?;
                (place, value, digits) = (place + 1, 0, 0);
            }
            _ => return None,
        }
    }
    if place != 3 || digits == 0 {
        return None;
    }
    octets[3] = u8::try_from(value).ok()?;
    Some(octets.into())
}
