//! Reads recordings of `casebook memory record`, sample by sample. Memory is that of one block, whatever the length.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;

use casebook_formats::json::{Document, Kind as JsonKind};
use flate2::read::DeflateDecoder;

use super::block::Played;
use super::field::{FIELDS, Field};
use super::frame::{BLOCK, END, HEADER, Next, Record, Records};
use super::stream::{Kept, Outcome, Sample, Session, Source, Time, What};

/// What a block may unpack to.
const MAX_UNPACKED: u64 = 32 << 20;
/// Paths of groups that are gone and remembered, to tell those made anew.
const MAX_GONE: usize = 1 << 16;
/// Runs of one recording.
const MAX_SESSIONS: usize = 10_000;

/// What the reader goes on with.
struct Reader<'e> {
    each: &'e mut dyn FnMut(&Sample<'_>),
    outcome: Outcome,
    session: Option<Session>,
    /// The field of each column of the file.
    fields: Vec<Option<Field>>,
    kept: Vec<Kept>,
    before: Vec<Kept>,
    played: Played,
    unpacked: Vec<u8>,
    /// Sequence number that is due.
    next: Option<u64>,
    /// A block was lost, and nothing read since.
    lost: bool,
    ended: bool,
    last: Option<Time>,
    gone: HashSet<u64>,
}

/// Reads a recording. Bytes that are none become gaps.
pub(super) fn read(bytes: &[u8], each: &mut dyn FnMut(&Sample<'_>)) -> Outcome {
    let mut reader = Reader {
        each,
        outcome: Outcome::default(),
        session: None,
        fields: Vec::new(),
        kept: Vec::new(),
        before: Vec::new(),
        played: Played::default(),
        unpacked: Vec::new(),
        next: None,
        lost: false,
        ended: true,
        last: None,
        gone: HashSet::new(),
    };
    for next in Records::new(bytes) {
        match next {
            Next::Record(record) => reader.record(record),
            Next::Damaged { start, end, why } => {
                reader.outcome.gaps.add(start, end, why);
                if end < bytes.len() {
                    reader.lost = true;
                }
            }
        }
    }
    reader.outcome
}

impl Reader<'_> {
    fn record(&mut self, record: Record<'_>) {
        let place = (record.start, record.end);
        match record.tag {
            HEADER => self.header(record.content, place),
            BLOCK => self.block(record.content, place),
            END => self.ended = true,
            _ => {}
        }
    }

    fn header(&mut self, content: &[u8], place: (usize, usize)) {
        let document = Document::parse(content);
        let root = document.root().filter(|root| root.kind() == JsonKind::Object);
        let schema =
            root.and_then(|root| root.get("schema")).is_some_and(|schema| schema.is("casebook.memory-recording/1"));
        let (Some(root), true) = (root, schema) else {
            self.session = None;
            return self.outcome.gaps.add(place.0, place.1, "a header of another version");
        };
        let text = |name: &str| root.get(name).and_then(|node| node.as_str()).map(|text| text.into_owned());
        let number = |name: &str| root.get(name).and_then(|node| node.as_u64()).unwrap_or(0);
        let session = Session {
            source: Source::Casebook,
            kernel: text("kernel").unwrap_or_default(),
            boot_id: text("boot_id").unwrap_or_default(),
            page_bytes: number("page_bytes"),
            cpus: number("cpus"),
            interval_us: number("interval_us"),
            v1: text("hierarchy").is_some_and(|name| name == "v1"),
            root: text("root").unwrap_or_default(),
            tool: text("tool").unwrap_or_default(),
        };
        let names = root.get("fields").into_iter().flat_map(|fields| fields.elements());
        self.fields = names.take(64).map(|name| name.as_str().and_then(|name| Field::of(&name))).collect();
        if let Some(before) = self.outcome.sessions.last() {
            let rebooted = !session.boot_id.is_empty() && before.boot_id != session.boot_id;
            let what = What::Resumed { ended: self.ended, rebooted };
            let at_us = self.last.map_or(0, |last| last.realtime_us);
            self.outcome.note(at_us, place, what);
            if rebooted {
                // Clocks that count from the boot begin anew, and so do all groups.
                self.last = self.last.map(|last| Time { realtime_us: last.realtime_us, ..Time::default() });
                self.gone.clear();
            }
        }
        if self.outcome.sessions.len() < MAX_SESSIONS {
            self.outcome.sessions.push(session.clone());
        }
        self.kept.clear();
        self.before.clear();
        (self.session, self.next, self.lost, self.ended) = (Some(session), None, false, false);
    }

    fn block(&mut self, content: &[u8], place: (usize, usize)) {
        let Some(session) = self.session.take() else {
            return self.outcome.gaps.add(place.0, place.1, "a block without a header");
        };
        let (mut kept, mut played) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.played));
        match self.unpack(content, &session, &mut played, &mut kept) {
            Ok(()) => {
                if self.lost || self.next.is_some_and(|next| next != played.sequence) {
                    let at_us = played.clocks.first().map_or(0, |clocks| clocks[0]);
                    self.outcome.note(at_us, place, What::Lost);
                }
                (self.next, self.lost) = (Some(played.sequence.wrapping_add(1)), false);
                self.play(&session, &played, &mut kept, place);
            }
            Err(why) => {
                self.outcome.gaps.add(place.0, place.1, why);
                (self.next, self.lost) = (None, true);
                kept.clear();
            }
        }
        (self.session, self.kept, self.played) = (Some(session), kept, played);
    }

    fn unpack(
        &mut self,
        content: &[u8],
        session: &Session,
        played: &mut Played,
        kept: &mut Vec<Kept>,
    ) -> Result<(), &'static str> {
        const BROKEN: &str = "a block that cannot be read";
        self.unpacked.clear();
        let mut unpacked = DeflateDecoder::new(content).take(MAX_UNPACKED);
        unpacked.read_to_end(&mut self.unpacked).map_err(|_| BROKEN)?;
        let cursor = played.head(&self.unpacked, session.interval_us).ok_or(BROKEN)?;
        if !played.key && self.next != Some(played.sequence) {
            return Err("samples that continue some that are missing");
        }
        if played.key {
            kept.retain(|kept| kept.alive);
            self.before = std::mem::take(kept);
        }
        played.body(cursor, kept).ok_or(BROKEN)?;
        if played.key {
            // Those that are not told of any more went between two samples.
            for before in std::mem::take(&mut self.before) {
                if kept.binary_search_by_key(&before.id, |kept| kept.id).is_err() {
                    self.remember(&before.path);
                }
                self.before.push(before);
            }
        }
        Ok(())
    }

    fn play(&mut self, session: &Session, played: &Played, kept: &mut [Kept], place: (usize, usize)) {
        let count = played.clocks.len();
        let field = |column: u8| self.fields.get(usize::from(column)).copied().flatten();
        let dense: Vec<(u32, Option<Field>)> =
            played.dense.iter().map(|(place, column)| (*place, field(*column))).collect();
        for (group, mask) in &played.masks {
            if let Some(group) = kept.get_mut(*group as usize) {
                group.fields.set_present(translated(*mask, &self.fields));
            }
        }
        let (mut appears, mut vanished, mut sparse) = (&played.appears[..], &played.vanished[..], &played.sparse[..]);
        for (sample, clocks) in played.clocks.iter().enumerate() {
            let index = self.outcome.samples;
            let at = Time { realtime_us: clocks[0], monotonic_us: Some(clocks[1]), boottime_us: Some(clocks[2]) };
            self.outcome.time(self.last, at, session.interval_us, place);
            self.last = Some(at);
            while let Some(((_, group), rest)) = appears.split_first().filter(|((from, _), _)| *from <= sample) {
                self.appear(kept, *group as usize, index, at, place);
                appears = rest;
            }
            while let Some(((_, group), rest)) = vanished.split_first().filter(|((from, _), _)| *from <= sample) {
                if let Some(group) = kept.get_mut(*group as usize) {
                    group.alive = false;
                    self.remember(&group.path);
                }
                vanished = rest;
            }
            for (column, (group, field)) in dense.iter().enumerate() {
                let step = played.steps.get(column * count + sample).copied().unwrap_or(0);
                if step > 0 {
                    // The way of nearly all steps, in as few words as it can be.
                    if let (Some(group), Some(field)) = (kept.get_mut(*group as usize), field) {
                        let number = &mut group.fields.numbers_mut()[*field as usize];
                        *number = number.wrapping_add(step as u64);
                        group.changed = index;
                    }
                } else if step < 0 {
                    self.apply(kept, *group, *field, step, index, at, place);
                }
            }
            while let Some((change, rest)) =
                sparse.split_first().filter(|(change, _)| usize::from(change.sample) <= sample)
            {
                let field = self.fields.get(usize::from(change.field)).copied().flatten();
                self.apply(kept, change.place, field, change.step, index, at, place);
                sparse = rest;
            }
            if sample == 0 && played.key {
                self.settle(kept, index);
            }
            (self.each)(&Sample { index, at, session, place, kept });
        }
    }

    /// A group comes; one whose path was another's before is said.
    fn appear(&mut self, kept: &mut [Kept], group: usize, index: u64, at: Time, place: (usize, usize)) {
        let Some(group) = kept.get_mut(group) else { return };
        group.alive = true;
        group.changed = index;
        let known = self.before.binary_search_by_key(&group.id, |before| before.id).is_ok();
        if !known && self.gone.contains(&hash(&group.path)) {
            self.outcome.note(at.realtime_us, place, What::Recreated { path: group.path.clone() });
        }
    }

    fn remember(&mut self, path: &str) {
        if self.gone.len() < MAX_GONE {
            self.gone.insert(hash(path));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of the innermost loop")]
    #[inline]
    fn apply(
        &mut self,
        kept: &mut [Kept],
        group: u32,
        field: Option<Field>,
        step: i64,
        index: u64,
        at: Time,
        place: (usize, usize),
    ) {
        let (Some(group), Some(field)) = (kept.get_mut(group as usize), field) else { return };
        let number = &mut group.fields.numbers_mut()[field as usize];
        let before = *number;
        *number = before.wrapping_add(step as u64);
        group.changed = index;
        if step < 0 && field.is_counter() && group.alive {
            let what = What::WentBack { path: group.path.clone(), field, from: before, to: *number };
            self.outcome.note(at.realtime_us, place, what);
        }
    }

    /// In a key frame everything is told again; what is as it was has not changed.
    fn settle(&self, kept: &mut [Kept], index: u64) {
        for group in kept {
            let before = self.before.binary_search_by_key(&group.id, |before| before.id);
            let before = before.ok().and_then(|at| self.before.get(at));
            group.changed = match before {
                Some(before) if before.fields == group.fields => before.changed,
                _ => index,
            };
        }
    }
}

/// The mask of the fields that a mask of columns stands for.
fn translated(mask: u64, names: &[Option<Field>]) -> u64 {
    let known = names.iter().enumerate().filter(|(column, _)| mask >> column & 1 == 1);
    known.filter_map(|(_, field)| *field).fold(0, |mask, field| mask | 1 << field as u8)
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

const _: () = assert!(FIELDS <= 64);
