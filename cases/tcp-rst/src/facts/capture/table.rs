//! Which flow a segment belongs to: an open table of record numbers by endpoints and VLAN.

use casebook_checksum::prefetch;

/// Both endpoints of a flow, the smaller one first, and its VLAN ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) addresses: [u128; 2],
    pub(super) ports: [u16; 2],
    pub(super) vlan: [u16; 2],
    pub(super) v4: bool,
}

impl Key {
    #[inline]
    pub(super) fn v4(source: u32, destination: u32, ports: (u16, u16), vlan: [u16; 2]) -> (Self, bool) {
        Self::new(u128::from(source), u128::from(destination), ports, vlan, true)
    }

    #[inline]
    pub(super) fn v6(source: u128, destination: u128, ports: (u16, u16), vlan: [u16; 2]) -> (Self, bool) {
        Self::new(source, destination, ports, vlan, false)
    }

    /// The key, and whether the source comes first in it.
    #[inline]
    fn new(a: u128, b: u128, ports: (u16, u16), vlan: [u16; 2], v4: bool) -> (Self, bool) {
        if (a, ports.0) <= (b, ports.1) {
            (Self { addresses: [a, b], ports: [ports.0, ports.1], vlan, v4 }, true)
        } else {
            (Self { addresses: [b, a], ports: [ports.1, ports.0], vlan, v4 }, false)
        }
    }

    /// Folded products of 64 bits: every bit of the key reaches every bit used.
    #[inline]
    pub(super) fn hash(&self) -> u32 {
        let ports = u64::from(self.ports[0]) << 48
            | u64::from(self.ports[1]) << 32
            | u64::from(self.vlan[0]) << 16
            | u64::from(self.vlan[1]);
        let [a, b] = self.addresses;
        let mut hash = mix(a as u64 ^ 0x9e37_79b9_7f4a_7c15, b as u64 ^ ports);
        if !self.v4 {
            hash = mix(hash ^ (a >> 64) as u64, (b >> 64) as u64 ^ 0xd6e8_feb8_6659_fd93);
        }
        let hash = mix(hash ^ ports, 0xa076_1d64_78bd_642f);
        (hash ^ hash >> 32) as u32
    }
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Slots hold a hash and the number of a record plus one; at most half of them are used.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<u64>,
    used: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { slots: vec![0; 1024], used: 0 }
    }

    /// The slot of the record with this hash for which `is` holds, or the empty slot where it belongs.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if (slot >> 32) as u32 == hash && is(slot as u32 - 1) {
                return Ok(slot as u32 - 1);
            }
            at = (at + 1) & mask;
        }
    }

    /// Asks for the first slot for this hash, ahead of use.
    #[inline]
    pub(super) fn prefetch(&self, hash: u32) {
        prefetch::line(&self.slots[hash as usize & (self.slots.len() - 1)]);
    }

    /// The first record with this hash: nearly always the one `find` will find.
    #[inline]
    pub(super) fn likely(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true).ok()
    }

    /// Puts a record into the empty slot that `find` gave.
    pub(super) fn insert(&mut self, at: usize, hash: u32, record: u32) {
        self.slots[at] = u64::from(hash) << 32 | u64::from(record + 1);
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let old = std::mem::take(&mut self.slots);
            self.slots = vec![0; old.len() * 2];
            old.into_iter().filter(|slot| *slot != 0).for_each(|slot| self.place(slot));
        }
    }

    /// Puts another record in the place of `old`, which has the same key.
    pub(super) fn replace(&mut self, hash: u32, old: u32, new: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            if self.slots[at] as u32 == old + 1 {
                self.slots[at] = u64::from(hash) << 32 | u64::from(new + 1);
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Keeps only these.
    pub(super) fn rebuild(&mut self, records: impl Iterator<Item = (u32, u32)>) {
        self.slots.fill(0);
        self.used = 0;
        for (hash, record) in records {
            self.place(u64::from(hash) << 32 | u64::from(record + 1));
            self.used += 1;
        }
    }

    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = (slot >> 32) as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}
