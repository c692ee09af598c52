//! Records in chunks: growing moves none of them, and a place that is given up is used again.

use super::record::Record;

const CHUNK: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Slab {
    chunks: Vec<Vec<Record>>,
    free: Vec<u32>,
    /// Bit for each place: taken.
    taken: Vec<u64>,
    len: usize,
}

impl Slab {
    #[inline]
    pub(super) fn get(&self, at: u32) -> &Record {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Record {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn add(&mut self, record: Record) -> u32 {
        self.len += 1;
        if let Some(at) = self.free.pop() {
            *self.get_mut(at) = record;
            self.taken[at as usize / 64] |= 1 << (at % 64);
            return at;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunks = self.chunks.len();
        let chunk = &mut self.chunks[chunks - 1];
        let at = (chunks - 1) * CHUNK + chunk.len();
        chunk.push(record);
        if at / 64 == self.taken.len() {
            self.taken.push(0);
        }
        self.taken[at / 64] |= 1 << (at % 64);
        at as u32
    }

    pub(super) fn remove(&mut self, at: u32) {
        self.taken[at as usize / 64] &= !(1 << (at % 64));
        self.free.push(at);
        self.len -= 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Record)> {
        let all = self.chunks.iter().flatten().enumerate();
        all.filter(|(at, _)| self.taken[at / 64] >> (at % 64) & 1 == 1).map(|(at, record)| (at as u32, record))
    }
}
