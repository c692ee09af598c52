//! Lines become reports.

use crate::gap::Gaps;
use crate::kernel_log::{Place, Record, Source, Time};

use super::class::{Class, class};
use super::foreign::is_foreign;
use super::head;
use super::kill::Reaped;
use super::needles;
use super::open::{Open, Phase, stream};
use super::report::Placed;
use super::scan::text;
use super::systemd;
use super::{Event, Seen};

/// Records after the end of a report in which what the reaper says is still its.
const LINGER: usize = 64;
/// Records without a line of a report after which it ends.
const PATIENCE: usize = 512;
/// Reports that are held.
const MOST_OPEN: usize = 4;
/// Lines that one line may be broken into.
const MOST_PIECES: usize = 8;

/// The beginning of a line that printk broke (`pr_cont` behind which another processor printed).
struct Pending {
    stream: u64,
    text: Vec<u8>,
    at: Place,
    /// Where its first piece begins, with its stamp.
    start: usize,
    /// When its first piece was written.
    time: Time,
    pieces: Vec<(Place, bool)>,
}

pub(super) struct Assembler {
    open: Vec<Open>,
    pending: Option<Pending>,
    considered: Option<(Seen, systemd::Considered)>,
    gaps: Gaps,
    /// No other line than rows of a table was seen: the log may begin inside of one.
    beginning: bool,
    /// The line before was of something else.
    foreign: bool,
}

impl Assembler {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            pending: None,
            considered: None,
            gaps: Gaps::default(),
            beginning: true,
            foreign: false,
        }
    }

    /// True when only a line with a mark of its own can change anything.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.pending.is_none() && self.considered.is_none() && !self.beginning
    }

    pub(super) fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The end of the log.
    pub(super) fn finish(&mut self, each: &mut impl FnMut(Event)) {
        self.abandon(None, each);
        self.flush_considered(each);
        for open in self.open.drain(..) {
            each(Event::Report(open.finish()));
        }
    }

    pub(super) fn take(&mut self, record: &Record<'_>, each: &mut impl FnMut(Event)) {
        if self.is_idle() && !needles::any(record.text()) {
            return;
        }
        self.release(each);
        if record.source != Source::Kernel && self.message(record, each) {
            return;
        }
        let stream = stream(record);
        let line = record.text();
        let found = class(record, line);
        if let Some(pending) = self.pending.take_if(|pending| pending.stream == stream) {
            if matches!(found, Class::Other | Class::Open) && pending.pieces.len() < MOST_PIECES {
                return self.join(record, pending, each);
            }
            self.pending = Some(pending);
            self.abandon(Some(record), each);
        }
        self.line(record, line, found, stream, each);
    }

    /// Lets go of reports that are over.
    fn release(&mut self, each: &mut impl FnMut(Event)) {
        let mut index = 0;
        while let Some(open) = self.open.get_mut(index) {
            open.since += 1;
            let most = if open.phase == Phase::Ended { LINGER } else { PATIENCE };
            if open.since > most {
                each(Event::Report(self.open.remove(index).finish()));
            } else {
                index += 1;
            }
        }
    }

    /// Takes a message of systemd and its like; true when the record is one.
    fn message(&mut self, record: &Record<'_>, each: &mut impl FnMut(Event)) -> bool {
        if let Some((seen, considered)) = &mut self.considered {
            if record.continued && considered.line(record) {
                seen.at.1 = seen.at.1.max(record.at().1);
                return true;
            }
            self.flush_considered(each);
        }
        match systemd::message(record) {
            None => return false,
            Some(systemd::Message::Considered(considered)) => self.considered = Some((seen(record), considered)),
            Some(systemd::Message::Lost(count)) => self.lost(record, count, each),
            Some(message) => each(Event::Systemd(seen(record), message)),
        }
        self.beginning = false;
        true
    }

    fn flush_considered(&mut self, each: &mut impl FnMut(Event)) {
        if let Some((seen, considered)) = self.considered.take() {
            each(Event::Systemd(seen, systemd::Message::Considered(considered)));
        }
    }

    /// Adds a piece to a broken line.
    fn join(&mut self, record: &Record<'_>, mut pending: Pending, each: &mut impl FnMut(Event)) {
        let line = record.text();
        let close = matches!(line.first(), Some(b',' | b':')) || matches!(pending.text.last(), Some(b'=' | b' '));
        if !close {
            pending.text.push(b' ');
        }
        pending.text.extend(line);
        pending.at.1 = pending.at.1.max(record.at().1);
        pending.pieces.push((record.at(), is_foreign(record, line)));
        let joined = record.joined(&pending.text, pending.at, pending.start, &pending.time);
        match class(&joined, &pending.text) {
            Class::Other | Class::Open => self.pending = Some(pending),
            found => self.line(&joined, &pending.text, found, pending.stream, each),
        }
    }

    /// The rest of a broken line does not come: what there is of it is taken. `record` is the one that came instead.
    fn abandon(&mut self, record: Option<&Record<'_>>, each: &mut impl FnMut(Event)) {
        let Some(pending) = self.pending.take() else { return };
        let Pending { stream, text, at, start, time, mut pieces } = pending;
        if let Some(record) = record {
            let joined = record.joined(&text, at, start, &time);
            let found =
                head::choice(&joined, &text).map(Class::Choice).or_else(|| head::invoked(&text).map(Class::Invoked));
            if let Some(found) = found {
                return self.line(&joined, &text, found, stream, each);
            }
        }
        // The first piece is a line of a report; the others were taken for its rest.
        pieces.sort_by_key(|piece| piece.0);
        let Some(open) = self.open.iter_mut().rev().find(|open| open.stream == stream) else {
            let first = pieces.first().map_or(at, |piece| piece.0);
            self.gaps.add(first.0, first.1, "a line of an OOM report that is broken off");
            return;
        };
        for (index, (at, foreign)) in pieces.into_iter().enumerate() {
            open.pass_by(at, foreign && index > 0);
        }
    }

    fn line(&mut self, record: &Record<'_>, line: &[u8], found: Class, stream: u64, each: &mut impl FnMut(Event)) {
        let beginning = std::mem::replace(&mut self.beginning, false);
        match found {
            Class::Suppressed(function, count) => each(Event::Suppressed(seen(record), function, count)),
            Class::Dropped(count) => self.lost(record, count, each),
            Class::Banner(release) if record.source != Source::Program => {
                let (ended, open) = std::mem::take(&mut self.open).into_iter().partition(|open| open.stream == stream);
                self.open = open;
                let ended: Vec<Open> = ended;
                ended.into_iter().for_each(|open| each(Event::Report(open.finish())));
                each(Event::Banner(seen(record), release));
            }
            Class::Reaped(reaped) => self.reaped(record, reaped, stream, each),
            Class::Open => {
                let pieces = vec![(record.at(), false)];
                self.pending = Some(Pending {
                    stream,
                    text: line.to_vec(),
                    at: record.at(),
                    start: record.start,
                    time: record.time().clone(),
                    pieces,
                });
            }
            Class::Invoked(_) => self.begin(record, line, found, stream, each),
            Class::Manual => {
                self.begin(record, line, Class::Said, stream, each);
                if let Some(open) = self.open.last_mut() {
                    open.report.manual = true;
                }
            }
            Class::Row if beginning => {
                self.beginning = true;
                if self.open.is_empty() {
                    self.begin(record, line, Class::TasksState, stream, each);
                    self.open.iter_mut().for_each(|open| open.report.lines = 0);
                }
                self.inside(record, line, Class::Row, stream, each);
            }
            found => self.inside(record, line, found, stream, each),
        }
    }

    /// The first line of a report.
    fn begin(&mut self, record: &Record<'_>, line: &[u8], found: Class, stream: u64, each: &mut impl FnMut(Event)) {
        // What sysrq says comes before the line that begins the report.
        if let (Class::Invoked(_), Some(open)) = (&found, self.open.last_mut())
            && open.stream == stream
            && open.report.manual
            && !open.report.begins
        {
            open.take(record, line, found, &mut self.gaps);
            return;
        }
        let mut mixed = false;
        for open in self.open.iter_mut().filter(|open| open.stream == stream && open.phase != Phase::Ended) {
            let told = open.report.caller.is_some() && record.caller.is_some();
            if !told {
                open.report.mixed = true;
                mixed = true;
            }
        }
        // Lines of two reports that nothing tells apart go to the newer one.
        let ended: Vec<usize> = (0..self.open.len())
            .filter(|index| self.open[*index].stream == stream && self.open[*index].report.mixed)
            .collect();
        for index in ended.into_iter().rev() {
            each(Event::Report(self.open.remove(index).finish()));
        }
        while self.open.len() >= MOST_OPEN {
            each(Event::Report(self.open.remove(0).finish()));
        }
        let mut open = Open::new(record, stream);
        open.report.mixed = mixed;
        open.take(record, line, found, &mut self.gaps);
        self.foreign = false;
        self.open.push(open);
    }

    /// A line that is of a report, or of something else.
    fn inside(&mut self, record: &Record<'_>, line: &[u8], found: Class, stream: u64, each: &mut impl FnMut(Event)) {
        let after_foreign = record.continued && self.foreign;
        let own = |open: &Open| open.stream == stream && !open.is_other_caller(record);
        let same = self.open.iter().rposition(own);
        if record.source == Source::Program || after_foreign && !begins(&found) {
            self.pass_by(record, line, stream, true);
            return;
        }
        if let Some(index) = same
            && let Some(open) = self.open.get_mut(index)
        {
            if open.fits(&found) {
                open.take(record, line, found, &mut self.gaps);
                self.foreign = false;
                return;
            }
            if matches!(found, Class::Other) && open.cut_stat(record, line) {
                open.pass(record, &mut self.gaps);
                return;
            }
        }
        if begins(&found) {
            let cut = self.open.iter().any(|open| own(open) && open.phase != Phase::Ended);
            self.begin(record, line, found, stream, each);
            // Not two reports at a time, but one without an end and one without a beginning.
            if cut && let Some(open) = self.open.last_mut() {
                open.report.mixed = true;
            }
            return;
        }
        let foreign = same.is_none() || !matches!(found, Class::Other) || is_foreign(record, line);
        self.pass_by(record, line, stream, foreign);
    }

    fn pass_by(&mut self, record: &Record<'_>, line: &[u8], stream: u64, foreign: bool) {
        self.foreign = foreign;
        if let Some(open) = self.open.iter_mut().rev().find(|open| open.stream == stream) {
            let foreign = open.has_crashed(line) || foreign;
            open.pass_by(record.at(), foreign);
        }
    }

    fn reaped(&mut self, record: &Record<'_>, reaped: Reaped, stream: u64, each: &mut impl FnMut(Event)) {
        let killed = |open: &&mut Open| {
            open.stream == stream
                && open.report.kills.iter().any(|kill| kill.pid == reaped.pid && kill.comm == reaped.comm)
        };
        // The line of a report that is still being printed may come between.
        self.pass_by(record, record.text(), stream, true);
        match self.open.iter_mut().rev().find(killed) {
            Some(open) if open.report.reaped.len() < open.report.kills.len() => {
                open.report.reaped.push(Placed { value: reaped, at: record.at() });
            }
            _ => each(Event::Reaped(seen(record), reaped)),
        }
    }

    fn lost(&mut self, record: &Record<'_>, count: u64, each: &mut impl FnMut(Event)) {
        let mut inside = false;
        for open in self.open.iter_mut().filter(|open| open.phase != Phase::Ended) {
            open.lose(count);
            inside = true;
        }
        if !inside {
            each(Event::Dropped(seen(record), count));
        }
    }
}

/// True for lines with which what is left of a report can begin.
fn begins(found: &Class) -> bool {
    matches!(
        found,
        Class::LimitOf(_)
            | Class::Usage(_)
            | Class::Stats(_)
            | Class::TasksState
            | Class::Header(_)
            | Class::Choice(_)
            | Class::Kill(_)
            | Class::Group(_)
            | Class::NoVictim
            | Class::Panic
    )
}

fn seen(record: &Record<'_>) -> Seen {
    Seen { at: record.at(), time: record.time().clone(), host: record.host().map(text), boot: record.boot }
}
