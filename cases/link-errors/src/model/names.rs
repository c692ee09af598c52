//! Interned names. Symbols, sections, versions and sonames are compared by number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A name, by its number in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub u32);

/// All names of a link, each kept once.
#[derive(Clone, Debug, Default)]
pub struct Names {
    bytes: Vec<u8>,
    /// Where each name ends in `bytes`; it begins where the one before ends.
    ends: Vec<u32>,
    known: HashMap<u64, Vec<Name>, BuildHasherDefault<Through>>,
}

impl Names {
    /// The number of `name`, which is new or known.
    pub fn intern(&mut self, name: &[u8]) -> Name {
        let hash = hash(name);
        if let Some(found) = self.find(hash, name) {
            return found;
        }
        let number = Name(self.ends.len() as u32);
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len() as u32);
        self.known.entry(hash).or_default().push(number);
        number
    }

    /// The number of `name`, if it is known.
    pub fn get(&self, name: &[u8]) -> Option<Name> {
        self.find(hash(name), name)
    }

    fn find(&self, hash: u64, name: &[u8]) -> Option<Name> {
        self.known.get(&hash)?.iter().copied().find(|known| self.bytes(*known) == name)
    }

    /// The bytes of a name.
    pub fn bytes(&self, name: Name) -> &[u8] {
        let index = name.0 as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// The name as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self, name: Name) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(name))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Eight bytes at a time, mixed by a multiplication. Names are not hostile to each other enough to matter: a full bucket is
/// searched, and stays right.
fn hash(name: &[u8]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = name.len() as u64;
    let mut chunks = name.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]);
        state = (state ^ word).wrapping_mul(MIX).rotate_left(29);
    }
    for byte in chunks.remainder() {
        state = (state ^ u64::from(*byte)).wrapping_mul(MIX).rotate_left(11);
    }
    state ^ (state >> 32)
}

/// For maps whose keys are numbers: mixed, not defended. The keys come from [`Names`], whose numbers nobody chooses.
pub type Fast = BuildHasherDefault<Through>;

/// The key is a hash already, or a number that is mixed here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Through(u64);

impl Hasher for Through {
    fn finish(&self) -> u64 {
        // Tables take the low bits, which a multiplication mixes least.
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number() {
        let mut names = Names::default();
        let (a, b, empty) = (names.intern(b"sqrt"), names.intern(b"sqrtf"), names.intern(b""));
        assert_eq!(names.intern(b"sqrt"), a);
        assert_ne!(a, b);
        assert_eq!(names.bytes(b), b"sqrtf");
        assert_eq!(names.bytes(empty), b"");
        assert_eq!(names.get(b"cos"), None);
        assert_eq!(names.len(), 3);
    }
}
