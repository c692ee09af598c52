//! A report that is being read.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::gap::Gaps;
use crate::kernel_log::{Place, Record};

use super::MAX_TASKS;
use super::class::Class;
use super::foreign;
use super::kill::{Kill, KillWord};
use super::machine::{Machine, Piece};
use super::report::{Outcome, Placed, Report};
use super::scan::text;
use super::stats::{self, GroupStats, Stat, StatsForm};
use super::table::{self, Table};

/// Places of others' lines that are kept.
const MOST_FOREIGN: usize = 256;
/// Kills that are kept.
const MOST_KILLS: usize = 4096;
/// Numbers of groups' statistics, of all groups together.
const MOST_NUMBERS: usize = 1 << 16;
/// Lines of the machine's memory that are kept.
const MOST_AREAS: usize = 4096;

/// How far a report has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Who asked, where, the stack.
    Head,
    /// A group's or the machine's numbers.
    Body,
    /// Tasks.
    Table,
    /// The victim.
    Chosen,
    /// A kill, or that there is none.
    Ended,
}

/// A line between the report's lines whose fate the next line of the report decides.
struct Between {
    at: Place,
    foreign: bool,
}

pub(super) struct Open {
    pub(super) report: Box<Report>,
    pub(super) phase: Phase,
    /// Machine and boot.
    pub(super) stream: u64,
    /// Records since the last line of the report.
    pub(super) since: usize,
    between: Vec<Between>,
    between_more: u64,
    lost: u64,
    numbers: usize,
    /// The kernel crashed meanwhile and prints about that.
    crashed: bool,
}

/// Machine and boot of a record, as a number.
pub(super) fn stream(record: &Record<'_>) -> u64 {
    if record.host().is_none() && record.boot.is_none() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    (record.host(), record.boot.map(|boot| boot.0)).hash(&mut hasher);
    hasher.finish()
}

impl Open {
    pub(super) fn new(record: &Record<'_>, stream: u64) -> Self {
        let report = Report {
            at: (record.start, record.at().1),
            time: record.time().clone(),
            host: record.host().map(text),
            boot: record.boot,
            caller: record.caller,
            ..Report::default()
        };
        Self {
            report: Box::new(report),
            phase: Phase::Head,
            stream,
            since: 0,
            between: Vec::new(),
            between_more: 0,
            lost: 0,
            numbers: 0,
            crashed: false,
        }
    }

    /// True when another task printed the line.
    pub(super) fn is_other_caller(&self, record: &Record<'_>) -> bool {
        matches!((self.report.caller, record.caller), (Some(own), Some(other)) if own != other)
    }

    /// True when a line of this class continues this report; when not, it begins another or is of none.
    pub(super) fn fits(&self, class: &Class) -> bool {
        let report = &self.report;
        match class {
            Class::Cpu(_) => self.phase == Phase::Head && report.cpu.is_none(),
            Class::Hardware(_) | Class::Cpuset(_) | Class::Trace => self.phase == Phase::Head,
            Class::LimitOf(_) => self.phase <= Phase::Body && report.limit_of.is_none(),
            Class::Usage(usage) => self.phase <= Phase::Body && report.counter(usage.counter).is_none(),
            Class::Stats(_) | Class::Protection(_) => self.phase <= Phase::Body,
            Class::Stat(_) => {
                self.phase == Phase::Body && report.stats.last().is_some_and(|stats| stats.form == StatsForm::Lines)
            }
            Class::Machine(Piece::Other) => self.phase <= Phase::Table,
            Class::Machine(_) => self.phase <= Phase::Body,
            Class::TasksState | Class::Header(_) => {
                self.phase <= Phase::Body || self.phase == Phase::Table && self.is_empty()
            }
            // Without a header when that line is lost.
            Class::Row => matches!(self.phase, Phase::Body | Phase::Table),
            Class::Choice(_) => self.phase < Phase::Ended && report.choice.is_none(),
            Class::Kill(kill) => self.phase < Phase::Ended || self.is_further(kill),
            Class::NoVictim => self.phase < Phase::Ended,
            // The panic of a machine without a victim follows `NoVictim`.
            Class::Panic => self.phase < Phase::Ended || report.outcome == Outcome::NoVictim,
            Class::Group(_) => report.group_kill.is_none(),
            Class::Said => true,
            _ => false,
        }
    }

    fn is_empty(&self) -> bool {
        self.report.table.as_ref().is_none_or(|table| table.tasks.is_empty() && table.header.is_none())
    }

    /// True for a kill behind the first that the same report caused: of a whole group, or of those that share its memory.
    fn is_further(&self, kill: &Kill) -> bool {
        let listed = |table: &Table| {
            table.more > 0 || table.tasks.iter().any(|task| task.pid == kill.pid || task.tgid == kill.pid)
        };
        kill.word == KillWord::Sharing
            || self.report.group_kill.is_some() && self.report.table.as_ref().is_none_or(listed)
    }

    /// Takes a line that fits.
    pub(super) fn take(&mut self, record: &Record<'_>, line: &[u8], class: Class, gaps: &mut Gaps) {
        self.settle(gaps);
        self.since = 0;
        let at = record.at();
        let report = &mut *self.report;
        report.lines += 1;
        report.at.1 = report.at.1.max(at.1);
        report.ended = record.time().clone();
        let placed_at = at;
        match class {
            Class::Invoked(value) => {
                report.begins = true;
                report.invoked = Some(Placed { value, at: placed_at });
            }
            Class::Cpu(value) => report.cpu = Some(Placed { value, at: placed_at }),
            Class::Hardware(value) => report.hardware = Some(Placed { value, at: placed_at }),
            Class::Cpuset(value) => report.cpuset = Some(Placed { value, at: placed_at }),
            Class::Trace => {
                report.trace = Some(report.trace.map_or(at, |trace| (trace.0, at.1)));
            }
            Class::LimitOf(value) => {
                report.limit_of = Some(Placed { value, at: placed_at });
                self.reach(Phase::Body);
            }
            Class::Usage(usage) => {
                report.usage.push(usage);
                self.reach(Phase::Body);
            }
            Class::Stats(stats) => self.stats(stats),
            Class::Stat(stat) => self.stat(record, line, stat),
            Class::Protection(protection) => {
                report.protection = Some(protection);
                self.reach(Phase::Body);
            }
            Class::Machine(piece) => self.machine(record, line, piece),
            Class::TasksState => self.reach(Phase::Table),
            Class::Header(columns) => {
                report.table = Some(Table { columns, header: Some(at), at, ..Table::default() });
                self.reach(Phase::Table);
            }
            Class::Row => self.row(record, line, gaps),
            Class::Choice(value) => {
                report.choice = Some(Placed { value, at: placed_at });
                self.reach(Phase::Chosen);
            }
            Class::Kill(kill) => self.kill(kill),
            Class::Group(group) => report.group_kill = Some(group),
            Class::NoVictim => self.end(Outcome::NoVictim),
            Class::Panic => self.end(Outcome::Panic),
            _ => {}
        }
    }

    fn reach(&mut self, phase: Phase) {
        self.phase = self.phase.max(phase);
    }

    fn end(&mut self, outcome: Outcome) {
        self.report.outcome = outcome;
        self.phase = Phase::Ended;
    }

    fn kill(&mut self, kill: Kill) {
        let word = kill.word;
        if self.report.kills.len() < MOST_KILLS {
            self.report.kills.push(kill);
        } else {
            self.report.limited = true;
        }
        match word {
            KillWord::Chosen => self.reach(Phase::Chosen),
            KillWord::AlreadyExiting if self.report.outcome != Outcome::Killed => self.end(Outcome::AlreadyExiting),
            KillWord::Killed => self.end(Outcome::Killed),
            KillWord::AlreadyExiting | KillWord::Sharing => {}
        }
    }

    fn stats(&mut self, stats: GroupStats) {
        self.reach(Phase::Body);
        self.numbers += stats.entries.len();
        if self.numbers > MOST_NUMBERS {
            self.report.limited = true;
            return;
        }
        self.report.stats.push(stats);
    }

    /// A number in a line of its own, below the line that names the group.
    fn stat(&mut self, record: &Record<'_>, line: &[u8], mut stat: Stat) {
        let Some(stats) = self.report.stats.last_mut() else { return };
        stats.at.1 = stats.at.1.max(stat.at.1);
        stats.grow(record, line);
        if let Some(before) = stats.entries.last_mut() {
            before.cut = false;
        }
        stat.cut = stats.is_full();
        stats.cut = stat.cut;
        self.numbers += 1;
        if self.numbers > MOST_NUMBERS {
            self.report.limited = true;
            return;
        }
        stats.entries.push(stat);
    }

    /// The last line of a message of statistics, cut inside of the key or before the number.
    pub(super) fn cut_stat(&mut self, record: &Record<'_>, line: &[u8]) -> bool {
        let Some(stats) = self.report.stats.last_mut().filter(|_| self.phase == Phase::Body) else { return false };
        let plain = line.trim_ascii().iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
        if !plain || stats.form != StatsForm::Lines {
            return false;
        }
        let before = stats.message.clone();
        stats.grow(record, line);
        if !stats.is_full() {
            stats.message = before;
            return false;
        }
        stats.cut = true;
        if let Some(before) = stats.entries.last_mut() {
            before.cut = false;
        }
        stats.at.1 = stats.at.1.max(record.at().1);
        true
    }

    /// Counts a line that is of the report and says nothing more.
    pub(super) fn pass(&mut self, record: &Record<'_>, gaps: &mut Gaps) {
        self.take(record, record.text(), Class::Said, gaps);
    }

    fn machine(&mut self, record: &Record<'_>, line: &[u8], piece: Piece) {
        // `cache:0KB rss:…` whose group stands in the line before (broken lines of kernels to 5.2).
        if let Piece::Counts(_) = piece
            && self.report.machine.is_none()
            && let Some(stats) = self.report.stats.last_mut()
            && stats::inline(line).is_some()
        {
            stats.form = StatsForm::Inline;
            stats::inline_all(record, line, 0, MOST_NUMBERS - self.numbers.min(MOST_NUMBERS), stats);
            stats.at.1 = stats.at.1.max(record.at().1);
            return;
        }
        let at = record.at();
        if self.phase == Phase::Table {
            return;
        }
        self.reach(Phase::Body);
        let machine = self.report.machine.get_or_insert_with(|| Box::new(Machine { at, ..Machine::default() }));
        machine.at.1 = machine.at.1.max(at.1);
        if machine.areas.len() + machine.counts.len() + machine.numbers.len() + machine.slabs.len() > MOST_AREAS {
            self.report.limited = true;
            return;
        }
        match piece {
            Piece::Counts(counts) => machine.counts.extend(counts),
            Piece::Area(area) => machine.areas.push(area),
            Piece::Number(number) => machine.numbers.push(number),
            Piece::Slab(slab) => machine.slabs.push(slab),
            Piece::Other => {}
        }
    }

    fn row(&mut self, record: &Record<'_>, line: &[u8], gaps: &mut Gaps) {
        let at = record.at();
        self.reach(Phase::Table);
        let old = self.report.release().is_some_and(|(release, _)| is_before_3_8(release));
        let table = self.report.table.get_or_insert_with(|| Table { at, ..Table::default() });
        if table.columns.is_empty() {
            table.columns = table::implied(line, old);
        }
        table.at.1 = table.at.1.max(at.1);
        if table.tasks.len() >= MAX_TASKS {
            table.more += 1;
            self.report.limited = true;
            return;
        }
        match table::row(record, line, &table.columns) {
            Some(task) => table.tasks.push(task),
            None => {
                self.report.unmodelled += 1;
                gaps.add(at.0, at.1, "a row that does not fit its table");
            }
        }
    }

    /// True when the line tells of a crash of the kernel, or an earlier one did.
    pub(super) fn has_crashed(&mut self, line: &[u8]) -> bool {
        self.crashed |= foreign::is_crash(line);
        self.crashed
    }

    /// A line that is not of the report.
    pub(super) fn pass_by(&mut self, at: Place, foreign: bool) {
        if self.phase == Phase::Ended {
            return;
        }
        if self.between.len() < MOST_FOREIGN {
            self.between.push(Between { at, foreign });
        } else {
            self.between_more += 1;
        }
    }

    /// Records that printk or journald lost.
    pub(super) fn lose(&mut self, count: u64) {
        self.lost = self.lost.saturating_add(count);
    }

    /// A line of the report follows: what stands between is inside of it.
    fn settle(&mut self, gaps: &mut Gaps) {
        let report = &mut *self.report;
        for between in self.between.drain(..) {
            if !between.foreign {
                report.unmodelled += 1;
                gaps.add(between.at.0, between.at.1, "a line in an OOM report that is of no known form");
            } else if report.foreign.len() < MOST_FOREIGN {
                report.foreign.push(between.at);
            } else {
                report.foreign_more += 1;
            }
        }
        report.foreign_more += std::mem::take(&mut self.between_more);
        report.dropped = report.dropped.saturating_add(std::mem::take(&mut self.lost));
    }

    /// The report, with what is known of it only at its end.
    pub(super) fn finish(mut self) -> Box<Report> {
        let report = &mut *self.report;
        let group = !report.usage.is_empty() && !report.stats.is_empty();
        let numbers = group || report.machine.is_some();
        let ended = report.outcome != Outcome::Unknown;
        let table = report.table.as_ref().is_none_or(|table| table.header.is_some());
        report.complete = report.begins
            && ended
            && numbers
            && table
            && report.dropped == 0
            && report.unmodelled == 0
            && !report.mixed;
        self.report
    }
}

/// True for a release before 3.8, whose table has other columns.
fn is_before_3_8(release: &str) -> bool {
    let mut parts = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (3, 8)
}
