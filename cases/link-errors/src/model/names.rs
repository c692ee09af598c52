//! Interned names. Symbols, sections, versions and sonames are compared by number.

use std::hash::{BuildHasherDefault, Hasher};

/// A name, by its number in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub u32);

/// All names of a link, each kept once.
#[derive(Clone, Debug, Default)]
pub struct Names {
    bytes: Vec<u8>,
    /// Where each name ends in `bytes`; it begins where the one before ends.
    ends: Vec<usize>,
    /// Names by their hash: the first free slot or the name from where the hash says on. As many as a power of two, a
    /// third of them free.
    slots: Vec<Slot>,
}

/// A name and its hash; the number of the name is one less, and zero is a free slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    name: u32,
}

/// Slots of the first table.
const FIRST: usize = 1 << 10;

impl Names {
    /// The number of `name`, which is new or known.
    pub fn intern(&mut self, name: &[u8]) -> Name {
        let hash = hash(name);
        match self.find(hash, name) {
            Ok(found) => found,
            Err(free) => self.add(hash, name, free),
        }
    }

    /// The number of `name`, if it is known.
    pub fn get(&self, name: &[u8]) -> Option<Name> {
        self.find(hash(name), name).ok()
    }

    /// Takes all names of another table, in their order; the numbers they have here, by those they have there.
    pub fn absorb(&mut self, other: &Names) -> Vec<Name> {
        (0..other.len() as u32).map(|number| self.intern(other.bytes(Name(number)))).collect()
    }

    /// The name, or the slot it is to have.
    #[inline]
    fn find(&self, hash: u32, name: &[u8]) -> Result<Name, usize> {
        let last = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & last;
        while let Some(slot) = self.slots.get(at) {
            match slot.name.checked_sub(1) {
                None => return Err(at),
                Some(known) if slot.hash == hash && self.bytes(Name(known)) == name => return Ok(Name(known)),
                Some(_) => at = (at + 1) & last,
            }
        }
        Err(at)
    }

    fn add(&mut self, hash: u32, name: &[u8], free: usize) -> Name {
        let number = self.ends.len() as u32;
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
        let slot = Slot { hash, name: number.saturating_add(1) };
        let room = self.ends.len() <= self.slots.len() / 3 * 2;
        match self.slots.get_mut(free) {
            Some(place) if room => *place = slot,
            _ => self.grow(slot),
        }
        Name(number)
    }

    /// Twice the slots, every name in the one its hash says, and one more.
    #[cold]
    fn grow(&mut self, more: Slot) {
        let mut slots = vec![Slot::default(); (self.slots.len() * 2).max(FIRST)];
        let last = slots.len().wrapping_sub(1);
        let mut place = |slot: Slot| {
            let mut at = slot.hash as usize & last;
            while slots.get(at).is_some_and(|taken| taken.name != 0) {
                at = (at + 1) & last;
            }
            if let Some(free) = slots.get_mut(at) {
                *free = slot;
            }
        };
        self.slots.iter().copied().filter(|slot| slot.name != 0).for_each(&mut place);
        place(more);
        self.slots = slots;
    }

    /// The bytes of a name.
    #[inline]
    pub fn bytes(&self, name: Name) -> &[u8] {
        let index = name.0 as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
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

/// Eight bytes at a time, the last eight again where some are left over, each mixed by a multiplication whose halves
/// are joined. Names are not hostile to each other enough to matter: a full stretch of slots is searched, and stays
/// right.
#[inline]
fn hash(name: &[u8]) -> u32 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    fn mix(state: u64, word: u64) -> u64 {
        let product = u128::from(state ^ word) * u128::from(MIX);
        (product as u64) ^ (product >> 64) as u64
    }
    let mut state = MIX ^ name.len() as u64;
    match name.last_chunk::<8>() {
        Some(last) => {
            let (chunks, _) = name.as_chunks::<8>();
            for chunk in chunks {
                state = mix(state, u64::from_le_bytes(*chunk));
            }
            state = mix(state, u64::from_le_bytes(*last).rotate_left(32));
        }
        None => {
            let word = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
                }
                _ => name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            state = mix(state, word);
        }
    }
    (state ^ (state >> 32)) as u32
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

    #[test]
    fn many_names_keep_their_numbers() {
        let mut names = Names::default();
        let name = |number: u32| format!("{}{number}", "x".repeat(number as usize % 19)).into_bytes();
        let numbers: Vec<Name> = (0..20_000).map(|number| names.intern(&name(number))).collect();
        for (number, known) in (0..).zip(&numbers) {
            assert_eq!(names.get(&name(number)), Some(*known));
            assert_eq!(names.bytes(*known), name(number));
        }
        assert_eq!(names.len(), 20_000);
        assert!(Names::default().get(b"").is_none());
    }
}
