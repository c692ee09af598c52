//! Kills, as the logs tell them: OOM reports of the kernel, kept as what the model needs, and what systemd-oomd did.

use casebook_core::{Coverage, Evidence, EvidenceId, Input, Span, Unmodelled};
use casebook_formats::journal::{self, JOURNAL_EXPORT, JOURNAL_FILE, JOURNAL_JSON, JOURNAL_TEXT};
use casebook_formats::kernel_log::{Form, KERNEL_LOG, Time, form_of};
use casebook_formats::oom::{self, Counter, Event, Outcome, Placed, Report};
use casebook_formats::text::Told;

use super::host::version;
use super::stat::Stat;
use crate::model::pick::{Candidate, Choice, choose};

/// A process that was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its own memory, bytes: anonymous, mapped files, mapped shared memory.
    pub rss: [Option<u64>; 3],
    /// The line.
    pub span: Span,
}

impl Victim {
    /// All that was resident, as far as the line says it.
    pub fn rss_bytes(&self) -> Option<u64> {
        self.rss[0].map(|anon| anon + self.rss[1].unwrap_or(0) + self.rss[2].unwrap_or(0))
    }
}

/// One OOM report.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The first line.
    pub span: Span,
    /// When, as far as the log tells.
    pub time: Time,
    /// Release of the kernel.
    pub release: Option<Told<String>>,
    /// A group's limit (true), the machine's memory (false), or not known.
    pub of_group: Option<bool>,
    /// Path of the group at its limit.
    pub limit_of: Option<Told<String>>,
    /// Path of the group the victim was in.
    pub victim_of: Option<Told<String>>,
    /// What the group at its limit was charged, bytes.
    pub usage: Option<Told<u64>>,
    /// Its limit, bytes.
    pub limit: Option<Told<u64>>,
    /// Its swap: used and allowed, bytes; `None` for the limit is no limit.
    pub swap: Option<(u64, Option<u64>, Span)>,
    /// v1: memory of the kernel, bytes.
    pub kmem: Option<u64>,
    /// Its statistics.
    pub stat: Stat,
    /// The statistics end before their last key: printk keeps 1 KiB of a message (5.3 to 6.3).
    pub cut: bool,
    /// Who asked: name, order of the allocation.
    pub asked: Option<(String, i64, Span)>,
    /// Everybody who was killed, in order, each once.
    pub victims: Vec<Victim>,
    /// The group that was killed whole (`memory.oom.group`).
    pub group_kill: Option<Told<String>>,
    /// Processes of the table.
    pub tasks: usize,
    /// What the processes of the table have resident, bytes.
    pub tasks_rss: u64,
    /// The kernel's choice computed from the table, and the process it names.
    pub choice: Option<(Choice, Candidate)>,
    /// Nothing could be killed.
    pub no_victim: bool,
    /// The victim had left its memory already.
    pub exiting: bool,
    /// The whole report is there.
    pub complete: bool,
    /// Reports that were mixed up in the log.
    pub mixed: bool,
}

impl Incident {
    /// True when two logs tell of the same kill: a number of a process is given again only after all others.
    fn is(&self, other: &Incident) -> bool {
        let victims = |one: &Incident| one.victims.iter().map(|victim| (victim.pid, victim.rss)).collect::<Vec<_>>();
        let limit = |one: &Incident| one.limit_of.as_ref().map(|told| told.value.clone());
        !self.victims.is_empty() && victims(self) == victims(other) && limit(self) == limit(other)
    }
}

/// What systemd-oomd or the service manager says.
#[derive(Clone, Debug)]
pub struct Message {
    /// The line.
    pub span: Span,
    /// When.
    pub time: Time,
    /// What.
    pub what: oom::systemd::Message,
}

/// All kills of the evidence.
#[derive(Clone, Debug, Default)]
pub struct Kills {
    /// OOM reports, in order of evidence.
    pub incidents: Vec<Incident>,
    /// Reports beyond those kept.
    pub more: u64,
    /// systemd, systemd-oomd, kubelet.
    pub messages: Vec<Message>,
    /// Reports the kernel did not print, to keep its log short.
    pub suppressed: u64,
}

/// Reports that are kept; a machine that is killing all day prints the same again.
const MOST: usize = 20_000;

/// Pages of these sizes are in use; a report does not say which. The table is in pages, limits are in bytes.
pub const PAGE_BYTES: u64 = 4096;

/// Reads all logs.
pub(super) fn read(input: &Input<'_>, coverage: &mut Vec<Coverage>) -> Kills {
    let mut out = Kills::default();
    for item in input.evidence.iter() {
        let Some(form) = form(item) else { continue };
        // The same kill in another log is told once.
        let before = out.incidents.len();
        let gaps = oom::walk(&item.bytes, form, |event| take(&mut out, item.id, before, event));
        let mut unmodelled: Vec<Unmodelled> = gaps
            .list()
            .iter()
            .map(|gap| Unmodelled::new(Span::new(item.id, gap.start, gap.end), gap.why.clone().into_owned()))
            .collect();
        if gaps.unlisted() > 0 {
            unmodelled.push(Unmodelled::new(item.span(), format!("{} further stretches", gaps.unlisted())));
        }
        coverage.push(Coverage::read(item, unmodelled));
    }
    out
}

fn form(item: &Evidence) -> Option<Form> {
    let head = item.as_bytes();
    let sniff = casebook_core::Sniff {
        path: &item.path,
        head: &head[..head.len().min(64 << 10)],
        whole: head.len() <= 64 << 10,
    };
    match item.kind? {
        kind if kind == KERNEL_LOG.name => form_of(&sniff),
        kind if [&JOURNAL_FILE, &JOURNAL_EXPORT, &JOURNAL_JSON, &JOURNAL_TEXT]
            .iter()
            .any(|known| known.name == kind) =>
        {
            journal::form_of(&sniff).map(Form::from)
        }
        _ => None,
    }
}

fn take(out: &mut Kills, evidence: EvidenceId, before: usize, event: Event) {
    let span = |at: (usize, usize)| Span::new(evidence, at.0, at.1);
    match event {
        Event::Report(report) if out.incidents.len() < MOST => {
            let is_new = |new: &Incident| !out.incidents.iter().take(before).any(|old| old.is(new));
            if let Some(incident) = incident(&report, evidence).filter(is_new) {
                out.incidents.push(incident);
            }
        }
        Event::Report(_) => out.more += 1,
        Event::Systemd(seen, message) if out.messages.len() < MOST => {
            out.messages.push(Message { span: span(seen.at), time: seen.time, what: message });
        }
        Event::Suppressed(_, _, count) => out.suppressed += count,
        Event::Systemd(..) | Event::Reaped(..) | Event::Dropped(..) | Event::Banner(..) => {}
    }
}

/// What the model needs of a report; `None` for one that was asked for by hand.
fn incident(report: &Report, evidence: EvidenceId) -> Option<Incident> {
    if report.manual {
        return None;
    }
    let span = |at: (usize, usize)| Span::new(evidence, at.0, at.1);
    let told = |placed: &Placed<String>| Told::new(placed.value.clone(), span(placed.at));
    let first = report.invoked.as_ref().map(|line| line.at).or_else(|| report.kills.first().map(|kill| kill.at));
    let memory = report.counter(Counter::Memory);
    let swap = report
        .counter(Counter::Swap)
        .map(|swap| (swap.usage, (!swap.unlimited()).then_some(swap.limit), span(swap.at)));
    // v1 counts memory and swap together; what memory may be is what swap cannot be.
    let memsw = || {
        let (both, memory) = (report.counter(Counter::MemorySwap)?, memory?);
        let limit = (!both.unlimited()).then(|| both.limit.saturating_sub(memory.limit));
        Some((both.usage.saturating_sub(memory.usage), limit, span(both.at)))
    };
    let mut stat = Stat::default();
    let own = report.group_stats();
    for group in report.stats.iter().filter(|group| own.is_some_and(|own| own.form == group.form)) {
        // To 5.2 every group below prints its own; the limit is held against all of them.
        for entry in &group.entries {
            if let Some(bytes) = entry.bytes() {
                let before = if std::ptr::eq(group, own?) { 0 } else { sum_of(&stat, &entry.key) };
                stat.set(&entry.key, Told::new(bytes.saturating_add(before), span(entry.at)));
            }
        }
    }
    let release = report.release().map(|(release, at)| Told::new(release.to_owned(), span(at)));
    let candidates = candidates(report);
    let limit_pages = memory.map_or(0, |memory| memory.limit / PAGE_BYTES);
    let choice = choose(&candidates, limit_pages, release.as_ref().and_then(|release| version(&release.value)));
    let mut victims: Vec<Victim> = Vec::new();
    for kill in report.kills.iter().filter(|kill| matches!(kill.word, oom::KillWord::Killed | oom::KillWord::Sharing)) {
        if victims.iter().all(|known| known.pid != kill.pid) {
            let rss = [kill.anon_rss, kill.file_rss, kill.shmem_rss];
            victims.push(Victim { pid: kill.pid, name: kill.comm.clone(), rss, span: span(kill.at) });
        }
    }
    Some(Incident {
        span: span(first.unwrap_or(report.at)),
        time: report.time.clone(),
        release,
        of_group: report.is_memcg(),
        limit_of: report.limit_group().map(told),
        victim_of: report.victim_group().map(told),
        usage: memory.map(|memory| Told::new(memory.usage, span(memory.at))),
        limit: memory.map(|memory| Told::new(memory.limit, span(memory.at))),
        swap: swap.or_else(memsw),
        kmem: report.counter(Counter::Kmem).map(|kmem| kmem.usage),
        cut: own.is_some_and(|own| own.cut),
        stat,
        asked: report
            .invoked
            .as_ref()
            .map(|line| (line.value.comm.clone(), line.value.order.unwrap_or(0), span(line.at))),
        victims,
        group_kill: report.group_kill.as_ref().map(told),
        tasks: candidates.len(),
        tasks_rss: candidates.iter().map(|task| task.rss.saturating_mul(PAGE_BYTES)).fold(0, u64::saturating_add),
        choice: choice.map(|choice| {
            let best = candidates[choice.best].clone();
            (choice, best)
        }),
        no_victim: report.outcome == Outcome::NoVictim,
        exiting: report.outcome == Outcome::AlreadyExiting,
        complete: report.complete,
        mixed: report.mixed,
    })
}

fn sum_of(stat: &Stat, key: &str) -> u64 {
    super::stat::Key::of(key).and_then(|key| stat.value(key)).unwrap_or(0)
}

fn candidates(report: &Report) -> Vec<Candidate> {
    let tasks = report.table.as_ref().map_or(&[][..], |table| &table.tasks);
    let of = |task: &oom::Task| Candidate {
        pid: task.pid,
        name: task.name.clone(),
        uid: task.uid,
        rss: task.rss,
        swap: task.swapents.unwrap_or(0),
        tables: task.pgtables_bytes.map_or_else(
            || [task.nr_ptes, task.nr_pmds, task.nr_puds].iter().flatten().sum(),
            |bytes| bytes / PAGE_BYTES,
        ),
        adj: task.oom_score_adj,
    };
    tasks.iter().map(of).collect()
}
