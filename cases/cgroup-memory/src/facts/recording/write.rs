//! Writes a recording: samples in, bytes to append out.

use std::collections::BTreeMap;
use std::io::Write as _;

use casebook_core::watch::Moment;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::json;

use super::block::{Appeared, Block, Change, MAX_GROUPS};
use super::field::{Field, Fields, NO_LIMIT};
use super::frame::{self, BLOCK, END, HEADER, MAGIC};
use super::stream::Session;

/// A block ends after this long, by the monotonic clock: what is lost when the machine goes down.
const BLOCK_US: u64 = 30_000_000;
/// The same while a group is near its limit or the machine is short of memory.
const TIGHT_BLOCK_US: u64 = 5_000_000;
/// Samples in a block at most.
const BLOCK_SAMPLES: usize = 600;
/// Changes in a block at most.
const BLOCK_CHANGES: usize = 200_000;
/// Every so many blocks one stands for itself, so that a damaged file can be read from there on.
const KEY_EVERY: u64 = 20;
/// A group this full, in hundredths of its limit, is near it.
const NEAR: u64 = 95;

/// What is known of a group since the last sample.
struct Known {
    place: u32,
    fields: Fields,
}

/// A recording that is being written.
pub struct Writer {
    interval_us: u64,
    known: BTreeMap<u32, Known>,
    machine: Fields,
    /// Groups in the table of this block, the machine among them.
    table: u32,
    block: Block,
    opened_us: u64,
    sequence: u64,
    samples: u64,
    /// Sum of the OOM counters in the last sample.
    ooms: u64,
    urgent: bool,
    tight: bool,
    out: Vec<u8>,
    bytes: u64,
    refused: u64,
}

impl Writer {
    /// Begins a run. `empty` says that the file has nothing yet.
    pub fn new(session: &Session, empty: bool) -> Self {
        let mut out = Vec::new();
        if empty {
            out.extend_from_slice(MAGIC);
        }
        let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        let header = json!({
            "schema": "casebook.memory-recording/1",
            "tool": session.tool,
            "kernel": session.kernel,
            "boot_id": session.boot_id,
            "page_bytes": session.page_bytes,
            "cpus": session.cpus,
            "interval_us": session.interval_us,
            "hierarchy": if session.v1 { "v1" } else { "v2" },
            "root": session.root,
            "fields": names,
        });
        frame::put(&mut out, HEADER, header.to_string().as_bytes());
        let mut writer = Self {
            interval_us: session.interval_us,
            known: BTreeMap::new(),
            machine: Fields::default(),
            table: 1,
            block: Block::default(),
            opened_us: 0,
            sequence: 0,
            samples: 0,
            ooms: 0,
            urgent: false,
            tight: false,
            bytes: out.len() as u64,
            out,
            refused: 0,
        };
        writer.open();
        writer
    }

    /// Takes a sample of all groups, by number and path.
    pub fn sample<'f>(
        &mut self,
        at: Moment,
        machine: &Fields,
        groups: impl Iterator<Item = (u32, &'f str, &'f Fields)>,
    ) {
        let groups: BTreeMap<u32, (&str, &Fields)> =
            groups.filter(|(id, _, _)| *id != 0).map(|(id, path, fields)| (id, (path, fields))).collect();
        let same = |id: &u32, known: &Known| {
            groups.get(id).is_none_or(|(_, fields)| fields.present() == known.fields.present())
        };
        let masks = self.known.iter().all(|(id, known)| same(id, known)) && machine.present() == self.machine.present();
        // Masks change between blocks only, and old numbers do not come back.
        if !masks || self.block.clocks.len() >= BLOCK_SAMPLES || self.block.changes.len() >= BLOCK_CHANGES {
            self.flush();
        }
        if self.block.clocks.is_empty() {
            self.opened_us = at.monotonic_us;
        }
        let sample = self.block.clocks.len();
        self.block.clocks.push([at.realtime_us, at.monotonic_us, at.boottime_us]);
        self.vanish(&groups, sample);
        if machine.present() != self.machine.present() {
            if self.block.key {
                self.block.machine_mask = machine.present()
            } else {
                self.block.masks.push((0, machine.present()))
            }
        }
        let short = |all: u64, free: u64| free < all / 20;
        self.tight = matches!((machine.get(Field::MemTotal), machine.get(Field::MemAvailable)), (Some(all), Some(free)) if short(all, free));
        step(&mut self.block, 0, sample, &mut self.machine, machine);
        let ooms = groups.values().map(|(_, fields)| ooms(fields)).fold(0, u64::saturating_add);
        (self.urgent, self.ooms) = (ooms > self.ooms, ooms);
        for (id, (path, fields)) in groups {
            self.group(id, path, fields, sample);
        }
        self.samples += 1;
        let open_us = at.monotonic_us.saturating_sub(self.opened_us).saturating_add(self.interval_us);
        if self.urgent || open_us > if self.tight { TIGHT_BLOCK_US } else { BLOCK_US } {
            self.flush();
        }
    }

    fn vanish(&mut self, groups: &BTreeMap<u32, (&str, &Fields)>, sample: usize) {
        let block = &mut self.block;
        self.known.retain(|id, known| {
            let stays = groups.contains_key(id);
            if !stays {
                block.vanished.push((known.place, sample));
            }
            stays
        });
    }

    fn group(&mut self, id: u32, path: &str, fields: &Fields, sample: usize) {
        if !self.known.contains_key(&id) {
            let newer = self.known.last_key_value().is_none_or(|(last, _)| *last < id)
                && self.block.appeared.last().is_none_or(|last| last.id < id);
            if self.table as usize >= MAX_GROUPS || !newer {
                self.refused += 1;
                return;
            }
            let mask = fields.present();
            self.block.appeared.push(Appeared { id, from: sample, path: path.to_owned(), mask });
            let mut empty = Fields::default();
            empty.set_present(mask);
            self.known.insert(id, Known { place: self.table, fields: empty });
            self.table += 1;
        }
        let Some(known) = self.known.get_mut(&id) else { return };
        if known.fields.present() != fields.present() {
            self.block.masks.push((known.place, fields.present()));
        }
        if let (Some(current), Some(limit)) = (fields.get(Field::Current), fields.get(Field::Max)) {
            self.tight |= limit != NO_LIMIT && current / NEAR.max(1) >= limit / 100;
        }
        step(&mut self.block, known.place, sample, &mut known.fields, fields);
    }

    /// Ends the block.
    pub fn flush(&mut self) {
        if self.block.clocks.is_empty() {
            return;
        }
        let payload = self.block.encode(self.interval_us);
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::new(6));
        // Writing to memory does not fail.
        if packed.write_all(&payload).is_ok()
            && let Ok(packed) = packed.finish()
        {
            let before = self.out.len();
            frame::put(&mut self.out, BLOCK, &packed);
            self.bytes += (self.out.len() - before) as u64;
        }
        self.sequence += 1;
        self.open();
    }

    fn open(&mut self) {
        let key = self.sequence.is_multiple_of(KEY_EVERY);
        self.block = Block { sequence: self.sequence, key, ..Block::default() };
        (self.urgent, self.table) = (false, 1);
        if key {
            // All begin anew, from nothing.
            self.known.clear();
            self.machine = Fields::default();
        }
        for known in self.known.values_mut() {
            known.place = self.table;
            self.table += 1;
        }
    }

    /// Ends the run.
    pub fn finish(&mut self) {
        self.flush();
        let before = self.out.len();
        frame::put(&mut self.out, END, json!({ "samples": self.samples }).to_string().as_bytes());
        self.bytes += (self.out.len() - before) as u64;
    }

    /// What is to be appended to the file since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Samples taken.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Bytes of the recording.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Times a group was left out because there were too many.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// What is not to be lost when it moves.
fn ooms(fields: &Fields) -> u64 {
    let counters = [Field::EventOom, Field::EventOomKill, Field::LocalOom, Field::LocalOomKill];
    counters.iter().filter_map(|field| fields.get(*field)).fold(0, u64::saturating_add)
}

/// Adds what changed of a group, and takes it over.
fn step(block: &mut Block, place: u32, sample: usize, last: &mut Fields, now: &Fields) {
    let mask = now.present();
    last.set_present(mask);
    for (field, (last, now)) in last.numbers_mut().iter_mut().zip(now.numbers()).enumerate() {
        if mask >> field & 1 == 1 && *last != *now {
            let step = now.wrapping_sub(*last) as i64;
            block.changes.push(Change { place, field: field as u8, sample: sample as u16, step });
            *last = *now;
        }
    }
}
