//! What the journal tells of timers: the events of units, of the manager and of the clock, and the history of the clock.
//!
//! Only entries that matter are kept, and only so many. The history of the clock is made of all entries that have both clocks.

mod event;
mod message;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use casebook_core::{Coverage, Evidence, EvidenceId, Input, Span, Unmodelled};
use casebook_formats::journal::clock::{Clock, History, Point};
use casebook_formats::journal::{self, Entry, Form, JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON, JOURNAL_TEXT};
use casebook_formats::stamp::Moment;

pub use event::{Event, Happened, What};
pub use subject::Interest;

/// Events of units that are kept.
pub const MOST_UNIT_EVENTS: usize = 200_000;
/// Events of the manager and the clock that are kept.
pub const MOST_OTHER_EVENTS: usize = 50_000;

/// A journal that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFile {
    /// Where.
    pub evidence: EvidenceId,
    /// Its form.
    pub form: Form,
    /// Entries.
    pub entries: u64,
    /// The first entry.
    pub first: Option<Happened>,
    /// The last entry.
    pub last: Option<Happened>,
}

/// What all journals tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalFacts {
    /// The files, in order of evidence.
    pub files: Vec<JournalFile>,
    /// The clock, from all entries with both clocks.
    pub history: History,
    /// Events of entries with both clocks, in the order they happened: boots in the order of the history, then the monotonic
    /// clock. An entry that several files hold is here once.
    pub events: Vec<Event>,
    /// Events that only a text tells, in the order of the text; times are as they were written. A line whose time needs no zone
    /// and that another journal has too is not here; of the others that cannot be told.
    pub written: Vec<Event>,
    /// Limits that were hit, each a sentence.
    pub limits: Vec<String>,
}

impl JournalFacts {
    /// Events of a unit with both clocks.
    pub fn of_unit<'f>(&'f self, unit: &'f str) -> impl Iterator<Item = &'f Event> {
        self.events.iter().filter(move |event| event.unit.as_deref() == Some(unit))
    }

    /// True when there is no journal.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[derive(Default)]
struct Collector {
    clock: Clock,
    events: Vec<Event>,
    written: Vec<Event>,
    seen: HashSet<u64>,
    /// Messages of [`Self::events`] with their times in microseconds and in seconds, as text prints them.
    told: HashSet<(u64, u64)>,
    /// There is text, so that [`Self::told`] is needed.
    has_text: bool,
    units: usize,
    others: usize,
    left_out: u64,
    interest: Interest,
}

/// Reads all journals. `interest` says whose events are kept.
pub(super) fn read(input: &Input<'_>, interest: Interest, coverage: &mut Vec<Coverage>) -> JournalFacts {
    let has_text = input.of_kind(&JOURNAL_TEXT).next().is_some();
    let mut collector = Collector { interest, has_text, ..Collector::default() };
    let mut facts = JournalFacts::default();
    // Text last: what it tells is known better from the others.
    let kinds = [
        (&JOURNAL_FILE, Form::File),
        (&JOURNAL_EXPORT, Form::Export),
        (&JOURNAL_JSON, Form::Json),
        (&JOURNAL_TEXT, Form::Text),
    ];
    for (kind, form) in kinds {
        for item in input.of_kind(kind) {
            let (file, unmodelled) = collector.file(item, form);
            facts.files.push(file);
            coverage.push(Coverage::read(item, unmodelled));
        }
    }
    facts.limits = collector.limits();
    facts.history = std::mem::take(&mut collector.clock).finish();
    facts.limits.extend(facts.history.limits());
    if let (Some(line), Some(first)) = (coverage.last_mut(), facts.limits.first()) {
        line.note = Some(first.clone());
    }
    facts.events = collector.events;
    facts.written = collector.written;
    let order: std::collections::HashMap<_, _> =
        facts.history.boots.iter().enumerate().map(|(index, boot)| (boot.id, index)).collect();
    facts.events.sort_by_key(|event| {
        let boot = event.at.boot.and_then(|boot| order.get(&boot).copied());
        (boot, event.at.monotonic, event.at.seqnum.map(|seqnum| seqnum.number), event.span.evidence, event.span.start)
    });
    facts
}

impl Collector {
    fn file(&mut self, item: &Evidence, form: Form) -> (JournalFile, Vec<Unmodelled>) {
        let mut file = JournalFile { evidence: item.id, form, entries: 0, first: None, last: None };
        let gaps = journal::walk(&item.bytes, form, |entry| {
            file.entries += 1;
            let at = happened(entry);
            self.entry(item.id, entry, &at);
            if file.first.is_none() {
                file.first = Some(at.clone());
            }
            file.last = Some(at);
        });
        let mut unmodelled: Vec<Unmodelled> = gaps
            .list()
            .iter()
            .map(|gap| Unmodelled::new(Span::new(item.id, gap.start, gap.end), gap.why.clone()))
            .collect();
        if gaps.unlisted() > 0 {
            let end = item.as_bytes().len();
            unmodelled.push(Unmodelled::new(
                Span::new(item.id, end, end),
                format!("{} more stretches were not read", gaps.unlisted()),
            ));
        }
        (file, unmodelled)
    }

    fn entry(&mut self, evidence: EvidenceId, entry: &Entry<'_>, at: &Happened) {
        let span = Span::new(evidence, entry.start, entry.end);
        if let (Some(boot), Some(realtime), Some(monotonic)) = (at.boot, at.realtime, at.monotonic) {
            let suspend = message::is_suspend(entry);
            self.clock.add(Point { boot, realtime, monotonic, seqnum: at.seqnum, span, suspend });
        }
        let Some((what, subject)) = message::classify(entry) else { return };
        let unit = subject.and_then(|subject| self.interest.resolve(&subject));
        if what.is_of_unit() && !self.interest.wants(unit.as_deref()) {
            return;
        }
        let is_full = match what.is_of_unit() {
            true => self.units >= MOST_UNIT_EVENTS,
            false => self.others >= MOST_OTHER_EVENTS,
        };
        if is_full {
            self.left_out += 1;
            return;
        }
        if !self.seen.insert(key(entry, at)) || entry.form == Form::Text && self.is_told(entry, at) {
            return;
        }
        let count = if what.is_of_unit() { &mut self.units } else { &mut self.others };
        *count += 1;
        let (start, end) = entry.message_range();
        let message = Span::new(evidence, start, end);
        let event = Event::new(entry, what, unit, at.clone(), span, message);
        match entry.form {
            Form::Text => self.written.push(event),
            Form::Export | Form::Json | Form::File => {
                if self.has_text {
                    let message = message_hash(entry);
                    for at in [at.realtime, at.source].into_iter().flatten() {
                        self.told.extend([(message, at.0), (message, at.0 / 1_000_000)]);
                    }
                }
                self.events.push(event);
            }
        }
    }

    /// True when another journal has this line of text. Text prints the sender's time, or journald's.
    fn is_told(&self, entry: &Entry<'_>, at: &Happened) -> bool {
        let Some(Moment::Utc { at, precision }) = &at.written else { return false };
        let time = if precision.0 == 1 { at.0 } else { at.0 / 1_000_000 };
        self.told.contains(&(message_hash(entry), time))
    }

    fn limits(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.left_out > 0 {
            out.push(format!(
                "{MOST_UNIT_EVENTS} events of units and {MOST_OTHER_EVENTS} others are kept; {} more were met",
                self.left_out
            ));
        }
        out
    }
}

/// When an entry was.
fn happened(entry: &Entry<'_>) -> Happened {
    Happened {
        realtime: entry.realtime,
        source: entry.source_realtime,
        written: entry.written.clone(),
        monotonic: entry.monotonic,
        boot: entry.boot,
        seqnum: entry.seqnum(),
        after_reboot: entry.after_reboot,
    }
}

fn message_hash(entry: &Entry<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.bytes(journal::Field::Message).unwrap_or(&[]).hash(&mut hasher);
    hasher.finish()
}

/// The same for one entry in several files: boot, monotonic time and message; in text, what is printed of the time and the message.
fn key(entry: &Entry<'_>, at: &Happened) -> u64 {
    let mut hasher = DefaultHasher::new();
    let message = entry.bytes(journal::Field::Message).unwrap_or(&[]);
    match (at.boot, at.monotonic, entry.form) {
        (Some(boot), Some(monotonic), Form::Export | Form::Json | Form::File) => {
            (boot, monotonic, message).hash(&mut hasher)
        }
        _ => {
            let time = match &at.written {
                Some(Moment::Utc { at, .. }) => (at.0, None),
                Some(Moment::Local { civil, .. }) => (0, Some(*civil)),
                None => (at.monotonic.map_or(0, |at| at.0), None),
            };
            // The same line can be told twice in one text, when it was logged twice.
            (time, message, entry.start, "text").hash(&mut hasher);
        }
    }
    hasher.finish()
}
