//! A block of samples: what changed, field by field.
//!
//! Before it is compressed, a block is a row of integers ([`super::varint`]):
//!
//! ```text
//! samples, sequence number, flags (1: key frame)
//! realtime, monotonic, boottime of the first sample, in microseconds
//! for each further sample: monotonic step less the interval, boottime step less that, realtime step less that (zigzag)
//! machine's mask of fields (key frame only)
//! groups that appear: count, then for each: number less the one before, first sample, bytes of the path shared with
//!     the one before, bytes that follow, those bytes, mask of fields (in a key frame all groups that are alive)
//! groups that vanish: count, then for each: place in the table, first sample without it
//! masks that change with the first sample: count, then for each: place in the table, mask
//! columns: place in the table * 64 + field, less that of the one before, 0 at the end; then
//!     a byte: 0 dense or 1 sparse, + 4 * bits by which all steps are shifted
//!     dense: a step for each sample; sparse: count, then samples passed over and a step (zigzag)
//! ```
//!
//! The table of groups is the machine, then the groups by number. A step is what is added to the number of the sample
//! before; in a key frame all numbers were 0 before it. A block that is not a key frame continues the block before.

use super::stream::Kept;
use super::varint::{Cursor, put, unzigzag, zigzag};

/// Samples of one block at most.
pub(super) const MAX_SAMPLES: usize = 4096;
/// Groups in the table at most.
pub(super) const MAX_GROUPS: usize = 16_384;
/// Bytes of a path at most.
const MAX_PATH: usize = 4096;
/// Steps of the dense columns of one block at most.
const MAX_DENSE: usize = 4 << 20;
/// Columns of one group: a power of two above the number of fields.
const WIDTH: u64 = 64;

/// Three clocks, in microseconds: realtime, monotonic, boottime.
pub(super) type Clocks = [u64; 3];

/// A change of one field in one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) place: u32,
    pub(super) field: u8,
    pub(super) sample: u16,
    pub(super) step: i64,
}

/// A group that appears.
#[derive(Clone, Debug)]
pub(super) struct Appeared {
    pub(super) id: u32,
    pub(super) from: usize,
    pub(super) path: String,
    pub(super) mask: u64,
}

/// A block as it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) sequence: u64,
    pub(super) key: bool,
    pub(super) clocks: Vec<Clocks>,
    pub(super) machine_mask: u64,
    pub(super) appeared: Vec<Appeared>,
    pub(super) vanished: Vec<(u32, usize)>,
    pub(super) masks: Vec<(u32, u64)>,
    pub(super) changes: Vec<Change>,
}

impl Block {
    /// The integers of it.
    pub(super) fn encode(&mut self, interval_us: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.changes.len() * 2 + 64);
        let count = self.clocks.len();
        put(&mut out, count as u64);
        put(&mut out, self.sequence);
        put(&mut out, u64::from(self.key));
        for clock in self.clocks.first().into_iter().flatten() {
            put(&mut out, *clock);
        }
        for pair in self.clocks.windows(2) {
            let [real, monotonic, boot] =
                std::array::from_fn(|clock| pair[1][clock].wrapping_sub(pair[0][clock]) as i64);
            put(&mut out, zigzag(monotonic.wrapping_sub(interval_us as i64)));
            put(&mut out, zigzag(boot.wrapping_sub(monotonic)));
            put(&mut out, zigzag(real.wrapping_sub(boot)));
        }
        if self.key {
            put(&mut out, self.machine_mask);
        }
        put(&mut out, self.appeared.len() as u64);
        let (mut last_id, mut last_path): (u32, &[u8]) = (0, b"");
        for group in &self.appeared {
            let path = group.path.as_bytes();
            let shared = path.iter().zip(last_path).take_while(|(a, b)| a == b).count();
            put(&mut out, u64::from(group.id - last_id));
            put(&mut out, group.from as u64);
            put(&mut out, shared as u64);
            put(&mut out, (path.len() - shared) as u64);
            out.extend_from_slice(&path[shared..]);
            put(&mut out, group.mask);
            (last_id, last_path) = (group.id, path);
        }
        put(&mut out, self.vanished.len() as u64);
        for (place, at) in &self.vanished {
            put(&mut out, u64::from(*place));
            put(&mut out, *at as u64);
        }
        put(&mut out, self.masks.len() as u64);
        for (place, mask) in &self.masks {
            put(&mut out, u64::from(*place));
            put(&mut out, *mask);
        }
        self.changes.sort_unstable();
        let mut last = 0;
        for column in self.changes.chunk_by(|a, b| (a.place, a.field) == (b.place, b.field)) {
            let id = u64::from(column[0].place) * WIDTH + u64::from(column[0].field) + 1;
            put(&mut out, id - last);
            last = id;
            put_column(&mut out, column, count);
        }
        put(&mut out, 0);
        out
    }
}

fn put_column(out: &mut Vec<u8>, column: &[Change], count: usize) {
    let bits = column.iter().fold(0, |bits, change| bits | change.step);
    let shift = bits.trailing_zeros().min(15);
    let dense = column.len() * 2 > count;
    out.push(u8::from(!dense) | (shift as u8) << 2);
    if dense {
        let mut changes = column.iter().peekable();
        for sample in 0..count {
            let change = changes.next_if(|change| usize::from(change.sample) == sample);
            put(out, zigzag(change.map_or(0, |change| change.step >> shift)));
        }
    } else {
        put(out, column.len() as u64);
        let mut next = 0;
        for change in column {
            put(out, u64::from(change.sample) - next);
            put(out, zigzag(change.step >> shift));
            next = u64::from(change.sample) + 1;
        }
    }
}

/// A block as it is read, ready to be played sample by sample. It is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) sequence: u64,
    pub(super) key: bool,
    pub(super) clocks: Vec<Clocks>,
    /// By sample.
    pub(super) vanished: Vec<(usize, u32)>,
    pub(super) appears: Vec<(usize, u32)>,
    /// Columns that groups have from here on.
    pub(super) masks: Vec<(u32, u64)>,
    /// Place and field of each dense column; the steps of column `c` begin at `c * samples`.
    pub(super) dense: Vec<(u32, u8)>,
    pub(super) steps: Vec<i64>,
    /// By sample.
    pub(super) sparse: Vec<Change>,
}

impl Played {
    /// Reads the times of a block, and what it says of itself. [`Played::body`] reads the rest.
    pub(super) fn head<'b>(&mut self, bytes: &'b [u8], interval_us: u64) -> Option<Cursor<'b>> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.below(MAX_SAMPLES).filter(|count| *count > 0)?;
        self.sequence = cursor.varint()?;
        self.key = cursor.varint()? & 1 == 1;
        self.clocks.clear();
        let mut now = [cursor.varint()?, cursor.varint()?, cursor.varint()?];
        self.clocks.push(now);
        for _ in 1..count {
            let monotonic = unzigzag(cursor.varint()?).wrapping_add(interval_us as i64);
            let boot = unzigzag(cursor.varint()?).wrapping_add(monotonic);
            let real = unzigzag(cursor.varint()?).wrapping_add(boot);
            for (clock, step) in now.iter_mut().zip([real, monotonic, boot]) {
                *clock = clock.wrapping_add(step as u64);
            }
            self.clocks.push(now);
        }
        Some(cursor)
    }

    /// Reads what follows the times. `kept` becomes the table of the block: groups that vanished before are gone, new ones are
    /// there and not alive yet. Of a block that is refused, `kept` is only good for a key frame.
    pub(super) fn body(&mut self, mut cursor: Cursor<'_>, kept: &mut Vec<Kept>) -> Option<()> {
        self.table(&mut cursor, kept)?;
        self.columns(&mut cursor, kept.len())
    }

    fn table(&mut self, cursor: &mut Cursor<'_>, kept: &mut Vec<Kept>) -> Option<()> {
        let count = self.clocks.len();
        self.appears.clear();
        self.vanished.clear();
        self.masks.clear();
        if self.key {
            kept.clear();
            kept.push(Kept::new(0, String::new()));
            self.masks.push((0, cursor.varint()?));
        } else {
            kept.retain(|kept| kept.alive);
        }
        let new = cursor.below(MAX_GROUPS)?;
        let (mut id, mut path): (u32, Vec<u8>) = (0, Vec::new());
        for _ in 0..new {
            id = id.checked_add(u32::try_from(cursor.varint()?).ok()?)?;
            let from = cursor.below(count.saturating_sub(1))?;
            let shared = cursor.below(path.len())?;
            let length = cursor.below(MAX_PATH - shared.min(MAX_PATH))?;
            path.truncate(shared);
            path.extend_from_slice(cursor.take(length)?);
            let mask = cursor.varint()?;
            if kept.last().is_some_and(|last| last.id >= id) || kept.len() >= MAX_GROUPS {
                return None;
            }
            let mut group = Kept::new(id, String::from_utf8_lossy(&path).into_owned());
            group.alive = false;
            let place = u32::try_from(kept.len()).ok()?;
            self.masks.push((place, mask));
            self.appears.push((from, place));
            kept.push(group);
        }
        for _ in 0..cursor.below(MAX_GROUPS)? {
            let place = cursor.below(kept.len().saturating_sub(1)).filter(|place| *place > 0)?;
            let at = cursor.below(count)?;
            self.vanished.push((at, u32::try_from(place).ok()?));
        }
        for _ in 0..cursor.below(MAX_GROUPS)? {
            let place = u32::try_from(cursor.below(kept.len().saturating_sub(1))?).ok()?;
            self.masks.push((place, cursor.varint()?));
        }
        self.appears.sort_unstable();
        self.vanished.sort_unstable();
        Some(())
    }

    fn columns(&mut self, cursor: &mut Cursor<'_>, groups: usize) -> Option<()> {
        let count = self.clocks.len();
        self.dense.clear();
        self.steps.clear();
        self.sparse.clear();
        let mut id = 0_u64;
        loop {
            let step = cursor.varint()?;
            if step == 0 {
                break;
            }
            id = id.checked_add(step)?;
            let (place, field) = ((id - 1) / WIDTH, ((id - 1) % WIDTH) as u8);
            let place = u32::try_from(place).ok().filter(|place| (*place as usize) < groups)?;
            let form = cursor.byte()?;
            let shift = u32::from(form >> 2 & 15);
            if form & 3 == 0 {
                if self.steps.len() + count > MAX_DENSE {
                    return None;
                }
                self.dense.push((place, field));
                for _ in 0..count {
                    self.steps.push(unzigzag(cursor.varint()?).wrapping_shl(shift));
                }
            } else {
                let mut sample = 0;
                for _ in 0..cursor.below(count)? {
                    sample += cursor.below(count)?;
                    if sample >= count || self.sparse.len() > MAX_DENSE {
                        return None;
                    }
                    let step = unzigzag(cursor.varint()?).wrapping_shl(shift);
                    self.sparse.push(Change { place, field, sample: u16::try_from(sample).ok()?, step });
                    sample += 1;
                }
            }
        }
        self.sparse.sort_by_key(|change| change.sample);
        Some(())
    }
}
