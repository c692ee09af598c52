//! What the rules on kills have in common: one account for all kills at one limit.

use std::collections::BTreeMap;

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, FixClass, Rule};
use serde_json::{Value, json};

use super::words::{advice, bytes, commands, context, count, folder, primary, range, sum};
use crate::facts::Facts;
use crate::facts::kills::{Incident, Victim};
use crate::facts::stat::Key;
use crate::model::floor::{Part, Swap};
use crate::model::judge::{Judged, Why, judge, limit_for};
use crate::model::range::Range;

/// All kills at one limit, in order.
pub(super) struct Series<'a> {
    /// Path of the group at its limit.
    pub limit_of: &'a str,
    /// The reports.
    pub incidents: Vec<&'a Incident>,
}

impl<'a> Series<'a> {
    /// The report that says most: the last whole one in which the group is full, else the last whole one, else the last.
    pub fn best(&self) -> &'a Incident {
        let told = |one: &&&Incident| one.complete && !one.mixed && !one.stat.is_empty();
        let full = self.incidents.iter().rev().filter(told).find(|one| !has_room(one));
        let whole = self.incidents.iter().rev().find(told);
        let any = self.incidents.iter().rev().find(|one| !one.stat.is_empty());
        full.or(whole).or(any).copied().unwrap_or(self.incidents[self.incidents.len() - 1])
    }
}

/// What a group is charged with by the counter, or by its statistics where they say less: pages that are on their way back are still in
/// the counter (mm/memcontrol.c, `uncharge_batch`).
pub(super) fn held(incident: &Incident) -> Option<u64> {
    let usage = incident.usage.as_ref()?.value;
    let keys = [Key::Anon, Key::File, Key::Kernel].map(|key| incident.stat.value(key));
    let [Some(anon), Some(file), Some(kernel)] = keys else { return Some(usage) };
    let more = [Key::Sock, Key::Zswap, Key::Hugetlb].iter().filter_map(|key| incident.stat.value(*key));
    Some(usage.min(more.fold(anon.saturating_add(file).saturating_add(kernel), u64::saturating_add)))
}

/// True when a report shows room below the limit: more than a fiftieth of it.
pub(super) fn has_room(incident: &Incident) -> bool {
    match (held(incident), &incident.limit) {
        (Some(held), Some(limit)) => held.saturating_add((limit.value / 50).max(1 << 20)) < limit.value,
        _ => false,
    }
}

/// The reports of limits of groups, by group, in order of path.
pub(super) fn series(facts: &Facts) -> Vec<Series<'_>> {
    let mut all: BTreeMap<&str, Vec<&Incident>> = BTreeMap::new();
    for incident in facts.kills.incidents.iter().filter(|one| one.of_group == Some(true)) {
        if let Some(limit_of) = &incident.limit_of {
            all.entry(&limit_of.value).or_default().push(incident);
        }
    }
    all.into_iter().map(|(limit_of, incidents)| Series { limit_of, incidents }).collect()
}

/// True when the victim was in a group below the one at its limit.
pub(super) fn is_above(incident: &Incident) -> bool {
    match (&incident.limit_of, &incident.victim_of) {
        (Some(limit), Some(victim)) => limit.value != victim.value,
        _ => false,
    }
}

/// The figures of a report against its limit; `None` when it has none.
pub(super) fn judged(incident: &Incident) -> Option<Judged> {
    let limit = incident.limit.as_ref()?.value;
    if incident.stat.is_empty() {
        return None;
    }
    let keys = incident.stat.keys(incident.usage.as_ref().map(|usage| usage.value), incident.kmem);
    let swap = match incident.swap {
        Some((used, max, _)) => Swap::of(Some(max), Some(used), (max == Some(0)).then_some(0)),
        // A report without a line on swap is of a kernel without swap accounting.
        None => Swap::UNKNOWN,
    };
    // Reclaim at a limit takes what swap can take; what is anonymous at an OOM could not be swapped out, or swap was full.
    let swap = if swap.room.is_exact() { swap } else { Swap { room: Range { lo: 0, hi: 0 } } };
    Some(judge(keys, swap, limit, None))
}

/// The part of the floor that is largest.
pub(super) fn culprit(judged: &Judged) -> Option<(Part, Range)> {
    let parts = judged.floor.parts.iter().filter(|(part, _)| *part != Part::Rest);
    parts.copied().max_by_key(|(_, range)| (range.lo, range.hi)).filter(|(_, range)| range.hi > 0)
}

/// Names and numbers of those who were killed: `p (694)`, `p (694) and 2 others`.
pub(super) fn names(victims: &[Victim]) -> String {
    match victims {
        [] => "nobody".to_owned(),
        [one] => format!("{} ({})", one.name, one.pid),
        [one, rest @ ..] => format!("{} ({}) and {}", one.name, one.pid, count(rest.len() as u64, "other")),
    }
}

/// `p (694) was`, `p (694) and 2 others were`.
pub(super) fn were(victims: &[Victim]) -> String {
    format!("{} {}", names(victims), if victims.len() > 1 { "were" } else { "was" })
}

/// Everything the two rules on kills at a limit say alike: figures, victim, what misled, what to do.
pub(super) fn account(
    mut builder: FindingBuilder,
    facts: &Facts,
    series: &Series<'_>,
    evidence: &EvidenceSet,
) -> FindingBuilder {
    let incident = series.best();
    if let Some(limit) = &incident.limit {
        builder = builder.place(context(
            evidence,
            limit.span,
            format!("the limit of {}: {}", series.limit_of, bytes(limit.value)),
        ));
    }
    let judged = judged(incident);
    if let Some(judged) = &judged {
        builder = figures(builder, incident, judged, evidence);
    }
    builder = choice(builder, incident, judged.as_ref(), evidence);
    if series.incidents.len() > 1 {
        builder = builder.because(format!(
            "It happened {} at this limit; the figures are of the last whole report.",
            times(series.incidents.len())
        ));
    }
    if facts.kills.suppressed > 0 {
        builder = builder.because(format!(
            "The kernel left out {} to keep its log short: there were more.",
            count(facts.kills.suppressed, "report")
        ));
    }
    builder
}

fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

fn figures(
    mut builder: FindingBuilder,
    incident: &Incident,
    judged: &Judged,
    evidence: &EvidenceSet,
) -> FindingBuilder {
    let key = |part: Part| match part {
        Part::Anon => Key::Anon,
        Part::Shmem => Key::Shmem,
        Part::LockedCache => Key::Unevictable,
        Part::Sock => Key::Sock,
        Part::Hugetlb => Key::Hugetlb,
        Part::Zswap => Key::Zswap,
        _ => Key::Kernel,
    };
    if judged.why == Why::Writeback {
        for key in [Key::FileDirty, Key::FileWriteback, Key::Dirty, Key::Writeback] {
            if let Some(told) = incident.stat.get(key).filter(|told| told.value > judged.slack) {
                builder =
                    builder.place(context(evidence, told.span, format!("{} still to be written", bytes(told.value))));
            }
        }
    } else if let Some((part, amount)) = culprit(judged) {
        let told = incident.stat.get(key(part)).or_else(|| incident.stat.get(Key::Rss).filter(|_| part == Part::Anon));
        if let Some(told) = told {
            builder = builder.place(context(evidence, told.span, format!("{}: {}", part.words(), range(amount))));
        }
    }
    let left = judged.floor.reclaimable_bytes();
    if let Some(usage) = incident.usage.as_ref().filter(|usage| usage.value > judged.limit.saturating_add(judged.slack))
    {
        builder = builder.because(format!(
            "It held {} when the limit became {}: whoever lowers memory.max below what is there has it reclaimed, and then killed for (memory_max_write, mm/memcontrol.c).",
            bytes(usage.value),
            bytes(judged.limit)
        ));
    }
    builder = builder.because(format!("What reclaim could not take: {}.", sum(&judged.floor)));
    builder = builder.because(match &judged.why {
        Why::Reached => format!(
            "That is the limit of {} but for {}: sixteen rounds of reclaim found nothing worth a page (try_charge_memcg, mm/memcontrol.c).",
            bytes(judged.limit),
            range(Range::exact(judged.limit).less(judged.floor.bytes))
        ),
        Why::Writeback => format!(
            "{} more was page cache that had to be written first, and was not in time: reclaim gave up before the disk had taken it.",
            range(judged.floor.part(Part::DirtyCache))
        ),
        Why::NotReached(_) => format!(
            "That is less than the limit of {}: {} could have been taken at the instant of the report and was not (protection of a group below, a file system that could not be entered, or pages in use).",
            bytes(judged.limit),
            range(left)
        ),
        Why::Open(missing) => format!("Whether that reached {} is open: {} would tell.", bytes(judged.limit), missing.join("; ")),
    });
    let misled = misled(incident, judged);
    if !misled.is_empty() {
        builder = builder.because(misled);
    }
    let parts: Value = judged
        .floor
        .parts
        .iter()
        .map(|(part, range)| (part.words().to_owned(), json!([range.lo, range.hi])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let more: Value = judged
        .floor
        .reclaimable
        .iter()
        .map(|(part, range)| (part.words().to_owned(), json!([range.lo, range.hi])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let witness = json!({
        "limit_bytes": judged.limit,
        "usage_bytes": judged.keys.current,
        "floor_bytes": [judged.floor.bytes.lo, judged.floor.bytes.hi],
        "floor": parts,
        "reclaimable": more,
        "slack_bytes": judged.slack,
        "victims": incident.victims.iter().map(|victim| json!({ "pid": victim.pid, "name": victim.name })).collect::<Vec<_>>(),
        "limit_of": incident.limit_of.as_ref().map(|told| told.value.clone()),
    });
    let floor = judged.floor.bytes;
    let text = if floor.is_exact() { floor.lo.to_string() } else { format!("{} to {}", floor.lo, floor.hi) };
    builder
        .witness(witness, format!("floor {text} of {} bytes, reclaimable {} bytes", judged.limit, left.lo))
        .step(
            format!("charged: {} of {} bytes", judged.keys.current.unwrap_or(0), judged.limit),
            incident.usage.as_ref().map(|usage| At::Text(usage.span)),
        )
        .step(format!("not to be reclaimed: {}", sum(&judged.floor)), None)
        .step(format!("to be reclaimed: {} bytes", left.lo), None)
}

/// Which figure misled, and by how much.
fn misled(incident: &Incident, judged: &Judged) -> String {
    let mut out = Vec::new();
    let share = |value: u64| value.saturating_mul(100) / judged.limit.max(1);
    if incident.tasks > 0 && incident.tasks_rss < judged.limit / 10 * 7 {
        let hidden = judged.floor.bytes.lo.saturating_sub(incident.tasks_rss);
        let hidden = if hidden > 0 { format!("; {} was in no process", bytes(hidden)) } else { String::new() };
        out.push(format!(
            "RSS: the {} below this limit had {} resident, {} % of it{hidden}",
            count(incident.tasks as u64, "process"),
            bytes(incident.tasks_rss),
            share(incident.tasks_rss)
        ));
    }
    if let (Some(anon), Some(shmem)) = (judged.keys.anon, judged.keys.shmem)
        && shmem > judged.limit / 10
    {
        out.push(format!(
            "dashboards of containers show anon ({}) as RSS and tmpfs ({}) as cache, as if it could be reclaimed",
            bytes(anon),
            bytes(shmem)
        ));
    }
    match out.is_empty() {
        true => String::new(),
        false => format!("What misled: {}.", out.join("; ")),
    }
}

/// Who was picked, and why.
fn choice(
    mut builder: FindingBuilder,
    incident: &Incident,
    judged: Option<&Judged>,
    evidence: &EvidenceSet,
) -> FindingBuilder {
    let Some(victim) = incident.victims.first() else {
        if incident.no_victim {
            builder = builder.because(
                "Nothing could be killed: every process below the limit has oom_score_adj -1000, or there is none.",
            );
        } else if incident.exiting {
            builder =
                builder.because("The process that was picked had left its memory already; nobody else was killed.");
        }
        return builder;
    };
    builder = builder.place(context(evidence, victim.span, format!("{} is killed", victim.name)));
    if let Some((choice, best)) = &incident.choice {
        let agrees = incident.victims.iter().any(|victim| victim.pid == best.pid);
        let next = match choice.second {
            Some((_, points)) => format!(", the next {points}"),
            None => String::new(),
        };
        let adj =
            best.adj.filter(|adj| *adj != 0).map(|adj| format!(", oom_score_adj {adj} included")).unwrap_or_default();
        builder = match agrees {
            true => builder.because(format!(
                "{} was picked because it has the most points of {}: {} pages{adj}{next} (oom_badness, mm/oom_kill.c).",
                best.name,
                count(incident.tasks as u64, "process"),
                choice.points
            )),
            false => builder.because(format!("{} was picked although {} ({}) has more points by the table: it was asked to exit already, or the table is not whole.", victim.name, best.name, best.pid)),
        };
    }
    if let Some((asked, ..)) = incident.asked.as_ref().filter(|(asked, ..)| *asked != victim.name) {
        builder = builder.because(format!("It was {asked} that asked for memory."));
    }
    if let (Some(judged), Some(rss)) = (judged, victim.rss_bytes())
        && rss < judged.floor.bytes.lo / 5
        && incident.victims.len() == 1
    {
        builder = builder.because(format!(
            "Killing it freed {} at most: {} stays charged, and the next process meets the same limit.",
            bytes(rss),
            bytes(judged.floor.bytes.lo - rss)
        ));
    }
    if let Some(group) = &incident.group_kill {
        builder = builder.because(format!(
            "memory.oom.group is set, so all of {} was killed: {} in all, counted once each.",
            group.value,
            count(incident.victims.len() as u64, "process")
        ));
    }
    builder
}

/// What to do, by what fills the group.
pub(super) fn remedies(mut builder: FindingBuilder, facts: &Facts, path: &str, judged: &Judged) -> FindingBuilder {
    if judged.why == Why::Writeback {
        return writeback(builder, path, judged);
    }
    let raise = limit_for(judged.floor.bytes);
    match culprit(judged) {
        Some((Part::Shmem, amount)) => {
            let where_ = mounts(facts);
            builder = builder.fix(commands(
                format!("find the files in memory ({} of them){where_}: delete them, or move them to a disk; only that, or swap, frees them", range(amount)),
                FixClass::Display,
                vec![
                    "df -h -t tmpfs; ipcs -m".to_owned(),
                    "find /proc/[0-9]*/fd -lname '/memfd:*' -o -lname '/dev/shm/*' 2>/dev/null   # files that only a process holds".to_owned(),
                ],
            ));
            builder = builder.fix(advice(format!(
                "bound it where it is made: size= of the tmpfs mount (a container: sizeLimit of an emptyDir with medium Memory, shm_size), below {}",
                bytes(judged.limit.saturating_sub(judged.floor.bytes.lo.saturating_sub(amount.lo)))
            )));
            builder = builder.fix(commands(
                format!("or give it swap: {} can then be swapped out, at the cost of reading it back", range(amount)),
                FixClass::Display,
                vec![format!(
                    "echo {} > {}/memory.swap.max   # and swap on the machine: swapon --show",
                    amount.hi,
                    folder(path)
                )],
            ));
        }
        Some((Part::Anon, amount)) => {
            builder = builder.fix(advice(format!(
                "find what grew: {} is memory of processes themselves (a leak, a cache without a bound, too many workers); the report's table of tasks lists them, in pages",
                range(amount)
            )));
        }
        Some((Part::LockedCache, amount)) => {
            builder = builder.fix(advice(format!("unlock it: {} is locked (mlock, mlockall, VmLck in /proc/PID/status); bound it with LimitMEMLOCK= or RLIMIT_MEMLOCK", range(amount))));
        }
        Some((Part::Sock, amount)) => {
            builder = builder.fix(advice(format!("read what was sent, or bound it: {} stands in socket buffers (ss -tm; net.ipv4.tcp_rmem, tcp_wmem, SO_RCVBUF)", range(amount))));
        }
        Some((Part::Kernel, amount)) => {
            builder = builder.fix(advice(format!("look at what the kernel holds: {} (pagetables, kernel_stack, percpu, slab_unreclaimable in memory.stat): processes and threads, mappings, pipes, open files", range(amount))));
        }
        _ => {}
    }
    builder.fix(commands(
        format!(
            "raise the limit of {path} to {}: the floor of that instant, {}, fits below it with {} to spare (checked in the model); it does not help what grows",
            bytes(raise),
            range(judged.floor.bytes),
            bytes(raise.saturating_sub(judged.floor.bytes.hi))
        ),
        FixClass::Display,
        vec![raise_command(path, raise)],
    ))
}

/// What to do where page cache was not written in time.
fn writeback(builder: FindingBuilder, path: &str, judged: &Judged) -> FindingBuilder {
    let high = (judged.limit / 5 * 4).max(judged.floor.bytes.hi.saturating_add(judged.floor.bytes.hi / 20)) >> 20 << 20;
    let builder = builder.fix(commands(
        format!(
            "let it be written earlier: memory.high {}, above what cannot be reclaimed ({}); in the laboratory groups that were killed lived with it",
            bytes(high),
            range(judged.floor.bytes)
        ),
        FixClass::Display,
        vec![super::throttled::high_command(path, high)],
    ));
    let builder = builder.fix(commands(
        "let the kernel slow the writer down for its group's sake: it does so only where the io controller is on, too",
        FixClass::Display,
        vec![
            "echo +io > /sys/fs/cgroup/cgroup.subtree_control   # and on the way down; systemd: IOAccounting=yes"
                .to_owned(),
        ],
    ));
    builder.fix(advice(format!(
        "or write less at a time (fsync, O_DIRECT, a faster disk), or give it more room than {} beside the floor; Linux 6.12 to 7.1 with MGLRU kills most easily here, 5.10, 6.1, 7.2 and 7.3 did not",
        bytes(judged.limit.saturating_sub(judged.floor.bytes.hi))
    )))
}

/// Where files in memory can be.
fn mounts(facts: &Facts) -> String {
    let mut paths: Vec<&str> = facts.host.mounts.iter().map(|mount| mount.path.value.as_str()).collect();
    paths.retain(|path| !path.starts_with("/run/credentials") && !path.starts_with("/sys"));
    paths.dedup();
    match paths.len() {
        0 => String::new(),
        1..=6 => format!(" below {}", paths.join(", ")),
        _ => format!(" below {} and {} others", paths[..5].join(", "), paths.len() - 5),
    }
}

/// How the limit of this group is set: by systemd for its units, by the orchestrator for pods, else in the file.
pub(super) fn raise_command(path: &str, limit: u64) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    if path.contains("kubepods") || name.starts_with("cri-containerd") || name.starts_with("crio-") {
        return format!("resources.limits.memory: {}Mi   # of the container, in the pod's spec", limit >> 20);
    }
    // A container of Proxmox has a number.
    if let Some(number) = path.strip_prefix("/lxc/").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())) {
        return format!("pct set {number} --memory {}", limit >> 20);
    }
    if name.starts_with("docker-") {
        return format!("docker update --memory {}m --memory-swap {}m CONTAINER", limit >> 20, limit >> 20);
    }
    if [".service", ".scope", ".slice"].iter().any(|suffix| name.ends_with(suffix)) {
        return format!("systemctl set-property {name} MemoryMax={}M", limit >> 20);
    }
    format!("echo {limit} > {}/memory.max", folder(path))
}

/// Starts a finding on a series of kills.
pub(super) fn begin(rule: &'static Rule, title: String, incident: &Incident, evidence: &EvidenceSet) -> FindingBuilder {
    let asked = incident
        .asked
        .as_ref()
        .map_or_else(|| "the report".to_owned(), |(name, ..)| format!("{name} asks for memory, and gets none"));
    FindingBuilder::new(rule, title, primary(evidence, incident.span, asked))
}

/// Finishes it.
pub(super) fn end(builder: FindingBuilder, series: &Series<'_>, evidence: &EvidenceSet) -> Finding {
    builder.key(series.limit_of).build(evidence)
}
