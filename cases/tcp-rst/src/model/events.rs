//! What a log of conntrack events shows of dying connections: raw material of findings.
//!
//! A connection whose entry was gone shows in `conntrack -E` as `[NEW] … ESTABLISHED`: a SYN makes SYN_SENT, only a pickup
//! in the middle makes ESTABLISHED (`tcp_conntracks`, row ACK, column NONE). Where translation picked another backend for it,
//! the same original tuple comes back with another reply tuple.
//!
//! The log is read once and in constant memory: of each connection only the last event is kept, and of the connections only
//! the latest [`REMEMBERED`].

use std::collections::HashMap;

use casebook_core::Span;

use super::conntrack::State;
use crate::facts::conntrack::{Event, Item, Marks, Record, Tuple, Zones};

/// Connections that are remembered in each of two generations.
pub const REMEMBERED: usize = 100_000;

/// How many of each list are kept; the rest is counted.
pub const KEPT: usize = 10_000;

/// A list that stops growing and goes on counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// The first ones, in order of the log.
    pub items: Vec<T>,
    /// How many there were.
    pub count: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { items: Vec::new(), count: 0 }
    }
}

impl<T> Kept<T> {
    fn push(&mut self, item: T) {
        self.count += 1;
        if self.items.len() < KEPT {
            self.items.push(item);
        }
    }
}

/// The event before, of the same original tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Its line.
    pub line: Span,
    /// What it was.
    pub event: Event,
    /// When.
    pub time_us: Option<u64>,
    /// Reply direction it had.
    pub reply: Tuple,
    /// State of TCP; of an UPDATE without one, that of the event before it.
    pub state: Option<State>,
    /// The last timeout that was said, in seconds.
    pub timeout_s: Option<u32>,
}

/// A connection picked up in the middle: its entry was gone, or never there, and `nf_conntrack_tcp_loose` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pickup {
    /// The `[NEW]` line.
    pub line: Span,
    /// `[NEW]` and ESTABLISHED in it.
    pub event: Span,
    /// The state.
    pub state: Span,
    /// The original tuple's place.
    pub tuple: Span,
    /// When.
    pub time_us: Option<u64>,
    /// Who spoke first after the gap, to whom.
    pub original: Tuple,
    /// Reply direction.
    pub reply: Tuple,
    /// The last event of this tuple, if the log has one.
    pub before: Option<Before>,
    /// The last event of a connection whose reply tuple this original tuple is, and its original tuple: the other side spoke
    /// first after the gap, and what translation hid from its peer is visible now.
    pub before_reversed: Option<(Before, Tuple)>,
}

/// The same original tuple with another reply tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switched {
    /// The new line.
    pub line: Span,
    /// The reply tuple's place.
    pub reply_place: Span,
    /// When.
    pub time_us: Option<u64>,
    /// Original direction.
    pub original: Tuple,
    /// Reply direction now.
    pub reply: Tuple,
    /// What was before.
    pub before: Before,
    /// It was picked up in the middle: the new peer knows nothing of the connection. Otherwise it is a new connection on
    /// the same ports, which may well go elsewhere.
    pub midstream: bool,
}

/// Why an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A program deleted it (`conntrack -D`, `-F`): `[USERSPACE]`.
    Command,
    /// It had this much time left by its last event, in microseconds: it did not expire. A RST before any reply, early
    /// drop, a SYN that opens it again, or a rule ended it.
    Early(u64),
    /// Its time was up by its last event. Packets after that, which make no event, can have refreshed it: the last one was
    /// at least its timeout before the DESTROY.
    Expired,
    /// The log has no time, or no event before.
    Unknown,
}

/// A `[DESTROY]` and how long after the last event it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The line.
    pub line: Span,
    /// When. Expiry is noticed at the next lookup or by the collector up to 60 s later (`gc_worker`).
    pub time_us: Option<u64>,
    /// Original direction.
    pub original: Tuple,
    /// Microseconds since the last event of the tuple.
    pub since_last_us: Option<u64>,
    /// The last event.
    pub before: Option<Before>,
    /// Why.
    pub cause: Cause,
    /// It was never assured: `early_drop` can take it when the table is full.
    pub unassured: bool,
}

/// What a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Study {
    /// Pickups.
    pub pickups: Kept<Pickup>,
    /// Changed reply tuples.
    pub switches: Kept<Switched>,
    /// Ends of TCP entries.
    pub endings: Kept<Ending>,
    /// Lines that say events were lost.
    pub lost: Kept<Span>,
    /// Lines that say the table was full.
    pub table_full: Kept<Span>,
    /// Sum of `early_drop` in lines of `conntrack -S`.
    pub early_drop: u64,
    /// Sum of `drop` in lines of `conntrack -S`.
    pub drop: u64,
    /// Events read.
    pub events: u64,
    /// Connections of which the last event was forgotten.
    pub forgotten: u64,
}

type Key = (u8, Zones, Tuple);

/// Reads a log.
pub fn study(items: impl Iterator<Item = Item>) -> Study {
    let mut log = Log::default();
    items.for_each(|item| log.item(&item));
    log.study
}

/// Connections of one generation.
#[derive(Debug, Default)]
struct Generation {
    last: HashMap<Key, Before>,
    /// Original tuple by reply tuple.
    by_reply: HashMap<Key, Tuple>,
}

/// A log on its way.
#[derive(Debug)]
pub struct Log {
    study: Study,
    young: Generation,
    old: Generation,
    remembered: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self::remembering(REMEMBERED)
    }
}

impl Log {
    /// A log that remembers so many connections in each of two generations.
    pub fn remembering(connections: usize) -> Self {
        Self {
            study: Study::default(),
            young: Generation::default(),
            old: Generation::default(),
            remembered: connections,
        }
    }

    fn last(&self, key: &Key) -> Option<Before> {
        self.young.last.get(key).or_else(|| self.old.last.get(key)).copied()
    }

    /// One line.
    pub fn item(&mut self, item: &Item) {
        match item {
            Item::Record(record) => self.record(record),
            Item::Stats(stats) => {
                self.study.early_drop += stats.early_drop;
                self.study.drop += stats.drop;
            }
            Item::Lost(span) => self.study.lost.push(*span),
            Item::TableFull(span) => self.study.table_full.push(*span),
            Item::Message(_) | Item::Unread(_) => {}
        }
    }

    /// What was seen.
    pub fn finish(self) -> Study {
        self.study
    }

    fn record(&mut self, record: &Record) {
        let Some(event) = record.event.filter(|_| record.protocol == 6) else { return };
        self.study.events += 1;
        let key = (record.protocol, record.zones, record.original);
        let young = self.young.last.get(&key).copied();
        let before = young.or_else(|| self.old.last.get(&key).copied());
        match event {
            Event::New => self.new_entry(record, before),
            Event::Update => {}
            Event::Destroy => self.study.endings.push(ending(record, before)),
        }
        let known = before.filter(|before| before.event != Event::Destroy && event != Event::New);
        let now = Before {
            line: record.line,
            event,
            time_us: record.time_us,
            reply: record.reply,
            state: record.tcp_state().or_else(|| known.and_then(|known| known.state)),
            timeout_s: record.timeout_s.or_else(|| known.and_then(|known| known.timeout_s)),
        };
        if young.is_none() {
            if self.young.last.len() >= self.remembered {
                let gone = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
                self.study.forgotten += gone.last.len() as u64;
            }
            self.old.last.remove(&key);
        }
        self.young.last.insert(key, now);
        if young.is_none_or(|young| young.reply != record.reply) {
            self.young.by_reply.insert((record.protocol, record.zones, record.reply), record.original);
        }
    }

    fn new_entry(&mut self, record: &Record, before: Option<Before>) {
        let by_program = record.marks.has(Marks::USERSPACE);
        let midstream = record.tcp_state() == Some(State::Established) && !by_program;
        let span = |place| record.span(place);
        if midstream {
            let mirrored = (record.protocol, record.zones, record.original);
            let original = self.young.by_reply.get(&mirrored).or_else(|| self.old.by_reply.get(&mirrored)).copied();
            let reversed = original
                .filter(|original| *original != record.original)
                .and_then(|original| Some((self.last(&(record.protocol, record.zones, original))?, original)));
            self.study.pickups.push(Pickup {
                line: record.line,
                event: span(record.event_place),
                state: span(record.state_place),
                tuple: span(record.original_place),
                time_us: record.time_us,
                original: record.original,
                reply: record.reply,
                before,
                before_reversed: reversed,
            });
        }
        if let Some(before) = before.filter(|before| before.reply != record.reply && !by_program) {
            self.study.switches.push(Switched {
                line: record.line,
                reply_place: span(record.reply_place),
                time_us: record.time_us,
                original: record.original,
                reply: record.reply,
                before,
                midstream,
            });
        }
    }
}

fn ending(record: &Record, before: Option<Before>) -> Ending {
    let before = before.filter(|before| before.event != Event::Destroy);
    let since_last_us = before
        .and_then(|before| before.time_us)
        .zip(record.time_us)
        .and_then(|(earlier, now)| now.checked_sub(earlier));
    let timeout_us = before.and_then(|before| before.timeout_s).map(|seconds| u64::from(seconds) * 1_000_000);
    let cause = match since_last_us.zip(timeout_us) {
        _ if record.marks.has(Marks::USERSPACE) => Cause::Command,
        None => Cause::Unknown,
        // The timeout is printed in whole seconds, cut.
        Some((since, timeout)) if since < timeout => Cause::Early(timeout - since),
        Some(_) => Cause::Expired,
    };
    Ending {
        line: record.line,
        time_us: record.time_us,
        original: record.original,
        since_last_us,
        before,
        cause,
        unassured: !record.marks.has(Marks::ASSURED),
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::EvidenceId;

    use super::*;
    use crate::facts::conntrack::read;

    /// A switch of backends as Linux 6.18 logs it: DNAT to one of two, established timeout 4 s, client speaks after 7 s.
    const SWITCH: &str = "\
[100.000000]\t    [NEW] tcp      6 120 SYN_SENT src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 sport=80 dport=58402 id=1
[100.001000]\t [UPDATE] tcp      6 60 SYN_RECV src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=58402 id=1
[100.002000]\t [UPDATE] tcp      6 4 ESTABLISHED src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=58402 [ASSURED] id=1
[107.000000]\t[DESTROY] tcp      6 ESTABLISHED src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=58402 [ASSURED] id=1
[107.000100]\t    [NEW] tcp      6 4 ESTABLISHED src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 [UNREPLIED] src=10.0.2.3 dst=10.0.1.2 sport=80 dport=58402 id=1
[107.000300]\t[DESTROY] tcp      6 CLOSE src=10.0.1.2 dst=10.0.1.100 sport=58402 dport=80 [UNREPLIED] src=10.0.2.3 dst=10.0.1.2 sport=80 dport=58402 id=1
";

    fn slice(text: &str, span: Span) -> &str {
        &text[span.range()]
    }

    #[test]
    fn a_pickup_with_another_backend_is_both() {
        let study = study(read(EvidenceId(0), SWITCH.as_bytes()));
        let [pickup] = study.pickups.items.as_slice() else { panic!("{study:?}") };
        assert_eq!((slice(SWITCH, pickup.event), slice(SWITCH, pickup.state)), ("[NEW]", "ESTABLISHED"));
        assert_eq!(pickup.before.unwrap().event, Event::Destroy);
        let [switched] = study.switches.items.as_slice() else { panic!("{study:?}") };
        assert!(switched.midstream);
        assert_eq!(
            (switched.before.reply.src.to_string(), switched.reply.src.to_string()),
            ("10.0.2.2".into(), "10.0.2.3".into())
        );
        assert_eq!(slice(SWITCH, switched.reply_place), "src=10.0.2.3 dst=10.0.1.2 sport=80 dport=58402");
        assert_eq!(study.events, 6);
    }

    #[test]
    fn an_end_after_its_time_is_an_expiry_and_one_before_is_not() {
        let study = study(read(EvidenceId(0), SWITCH.as_bytes()));
        let [expired, killed] = study.endings.items.as_slice() else { panic!("{study:?}") };
        assert_eq!((expired.cause, expired.since_last_us), (Cause::Expired, Some(6_998_000)));
        assert_eq!((killed.cause, killed.unassured), (Cause::Early(3_999_800), true));
    }

    #[test]
    fn a_new_connection_on_the_same_ports_is_no_pickup() {
        let text = SWITCH.replace("[NEW] tcp      6 4 ESTABLISHED", "[NEW] tcp      6 120 SYN_SENT");
        let study = study(read(EvidenceId(0), text.as_bytes()));
        assert_eq!((study.pickups.count, study.switches.count), (0, 1));
        assert!(!study.switches.items[0].midstream);
    }

    #[test]
    fn what_a_program_puts_in_is_no_pickup() {
        let text = SWITCH.replace("id=1\n", "id=1 [USERSPACE] portid=5\n");
        let study = study(read(EvidenceId(0), text.as_bytes()));
        assert_eq!((study.pickups.count, study.switches.count), (0, 0));
        assert!(study.endings.items.iter().all(|ending| ending.cause == Cause::Command));
    }

    /// The server speaks first after the gap: the new entry's original direction is the old one's reply.
    /// The server speaks first after the gap: the new entry's original tuple is the old one's reply tuple, and the client is
    /// addressed by the backend it does not know.
    #[test]
    fn the_other_side_speaking_first_is_found_by_the_reply_tuple() {
        let text = "\
[1.000000]\t [UPDATE] tcp      6 4 ESTABLISHED src=10.0.1.2 dst=10.0.1.100 sport=5 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=5 [ASSURED]
[9.000000]\t    [NEW] tcp      6 4 ESTABLISHED src=10.0.2.2 dst=10.0.1.2 sport=80 dport=5 [UNREPLIED] src=10.0.1.2 dst=10.0.2.2 sport=5 dport=80
";
        let study = study(read(EvidenceId(0), text.as_bytes()));
        let pickup = study.pickups.items[0];
        assert!(pickup.before.is_none());
        let (before, original) = pickup.before_reversed.unwrap();
        assert_eq!((before.event, original.dst.to_string()), (Event::Update, "10.0.1.100".to_owned()));
    }

    #[test]
    fn memory_is_bounded_and_says_so() {
        let (remembered, total) = (100, 250);
        let mut log = Log::remembering(remembered);
        for number in 0..total {
            let text = format!(
                "[NEW] tcp 6 120 SYN_SENT src=10.0.0.{number} dst=10.0.0.1 sport=1 dport=2 src=10.0.0.1 dst=10.0.0.{number} \
                 sport=2 dport=1"
            );
            read(EvidenceId(0), text.as_bytes()).for_each(|item| log.item(&item));
        }
        let kept = log.young.last.len() + log.old.last.len();
        assert_eq!(kept + log.study.forgotten as usize, total);
        assert!(kept <= 2 * remembered && log.young.by_reply.len() <= remembered);
        assert_eq!(log.finish().events, total as u64);
    }
}
