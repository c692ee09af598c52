//! `casebook memory explain`: what a group is charged with, what of it can be reclaimed, and how far its limit is.

use std::io::Write;

use casebook_core::{Arg, ArgKind, Finding, OutputFormat, Severity, Status, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::load::{EVIDENCE, GROUP, facts, is_named};
use crate::facts::Facts;
use crate::facts::process::Process;
use crate::facts::stat::Key;
use crate::facts::tree::{Events, Group, Interface, Limit, Tree};
use crate::model::account::{Account, account, limits, working_set};
use crate::model::floor::Part;
use crate::model::range::Range;
use crate::model::words::{bytes, count, range};
use crate::rules::RULES;

/// The verb.
pub const EXPLAIN: Verb = Verb {
    name: "explain",
    about: "Show what a group is charged with, kind by kind, what of it reclaim can take, and how far the limit is",
    long: "EVIDENCE is a group below /sys/fs/cgroup (read once, nothing is changed), a copy or a dump of the tree, or a bundle of \
           `casebook collect`. With processes (/proc/PID/status) in it, what they have is set against what the group is charged with. \
           Without --group a tree of many groups is listed, the one closest to its limit first.\n\n\
           Exit status: 0 shown, 1 a group shown is at its limit with what cannot be reclaimed, 2 the input is wrong.\n\n\
           Examples:\n  casebook memory explain /sys/fs/cgroup/system.slice/app.service\n  \
           casebook memory explain /sys/fs/cgroup\n  \
           casebook memory explain here.tar.zst --group app.service --format json",
    args: &[
        EVIDENCE,
        GROUP,
        Arg {
            name: "all",
            kind: ArgKind::Flag,
            value_name: "",
            help: "List every group, not the first 20",
            required: false,
            many: false,
        },
    ],
    run,
};

/// Groups shown whole when none is named.
const WHOLE: usize = 4;
/// Groups listed.
const LISTED: usize = 20;

struct Line<'a> {
    tree: &'a Tree,
    group: &'a Group,
    account: Account,
    limit: Option<(&'a Group, u64)>,
}

impl Line<'_> {
    /// Share of the tightest limit that cannot be reclaimed, in thousandths.
    fn share(&self) -> u64 {
        self.limit
            .map_or(0, |(_, limit)| (u128::from(self.account.floor.bytes.lo) * 1000 / u128::from(limit.max(1))) as u64)
    }
}

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let facts = facts(input)?;
    let mut lines: Vec<Line<'_>> = Vec::new();
    for tree in &facts.trees {
        for group in &tree.groups {
            if let Some(account) = account(tree, group, &facts.host) {
                let limit = limits(tree, &group.path).into_iter().next().map(|(owner, limit)| (owner, limit.value));
                lines.push(Line { tree, group, account, limit });
            }
        }
    }
    if lines.is_empty() {
        return Err(VerbError::with_hint(
            "no group with memory.stat or memory.current was found",
            "give /sys/fs/cgroup or a folder below it, a copy of one, or a bundle of `casebook collect`",
        ));
    }
    if let Some(named) = input.value("group") {
        lines.retain(|line| is_named(&line.group.path, named));
        if lines.is_empty() {
            return Err(VerbError::with_hint(
                format!("there is no group {named} in it"),
                "without --group all are listed",
            ));
        }
    }
    lines.sort_by_key(|line| std::cmp::Reverse((line.share(), line.account.floor.bytes.lo)));
    // Findings are looked for in a few groups, or once for all of them.
    let findings: Vec<Finding> = RULES
        .iter()
        .filter(|rule| (rule.applies)(&facts))
        .flat_map(|rule| (rule.run)(rule, &facts, input.evidence))
        .filter(|finding| finding.status != Status::Exonerated)
        .collect();
    match input.format {
        OutputFormat::Json => {
            writeln!(out, "{}", json!({ "groups": lines.iter().map(|line| whole(&facts, line)).collect::<Vec<_>>() }))?
        }
        OutputFormat::Text if lines.len() <= WHOLE => {
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                print(&facts, line, &findings, out)?;
            }
        }
        OutputFormat::Text => list(&lines, input.flag("all"), out)?,
    }
    Ok(u8::from(lines.iter().take(WHOLE).any(|line| line.share() >= 990)))
}

fn row(out: &mut dyn Write, name: &str, amount: Range, of: Option<u64>, words: &str) -> std::io::Result<()> {
    let exact = if amount.is_exact() { amount.lo.to_string() } else { format!("{}..{}", amount.lo, amount.hi) };
    let share =
        of.map_or_else(String::new, |of| format!("{:>3} %", u128::from(amount.lo) * 100 / u128::from(of.max(1))));
    let line = format!("  {name:<22}{exact:>22}  {:>10}  {share:>5}  {words}", range(amount));
    writeln!(out, "{}", line.trim_end())
}

fn print(facts: &Facts, line: &Line<'_>, findings: &[Finding], out: &mut dyn Write) -> std::io::Result<()> {
    let (group, account) = (line.group, &line.account);
    let interface = if group.interface == Interface::V1 { "cgroup v1" } else { "cgroup v2" };
    let kernel = facts.host.release.as_ref().map_or_else(String::new, |release| format!(", Linux {}", release.value));
    writeln!(out, "{} ({interface}{kernel})", group.path)?;
    let limit = line.limit.map(|(_, limit)| limit);
    match line.limit {
        Some((owner, limit)) if owner.path == group.path => {
            writeln!(out, "  limit        {} (memory.max)", bytes(limit))?
        }
        Some((owner, limit)) => {
            writeln!(out, "  limit        {} (memory.max of {} above it)", bytes(limit), owner.path)?
        }
        None => writeln!(out, "  limit        none that was read")?,
    }
    if let Some(high) = group.high {
        let said = match high.value {
            Limit::Max => "not set".to_owned(),
            Limit::Bytes(high) => format!("{}: above it processes are slowed down", bytes(high)),
        };
        writeln!(out, "  memory.high  {said}")?;
    }
    let swap = match account.swap.room {
        Range { lo: 0, hi: 0 } => "none: nothing can be swapped out".to_owned(),
        Range { lo: 0, hi: u64::MAX } => {
            "not known: memory.swap.max and /proc/meminfo are not in the evidence".to_owned()
        }
        room => format!("room for {}", range(room)),
    };
    writeln!(out, "  swap         {swap}\n")?;
    let floor = &account.floor;
    let stays = |part: Part| match part {
        Part::Anon | Part::Shmem => "stays: no swap for it",
        Part::LockedCache => "stays: locked",
        Part::Zswap => "shrinks only into swap",
        Part::Rest => "not in any key",
        _ => "stays",
    };
    for (part, amount) in floor.parts.iter().filter(|(_, amount)| amount.hi > 0) {
        row(out, name(*part), *amount, limit, stays(*part))?;
    }
    for (part, amount) in floor.reclaimable.iter().filter(|(_, amount)| amount.hi > 0) {
        let words = match part {
            Part::DirtyCache => "reclaimed once it is written",
            Part::Swappable => "swapped out",
            _ => "reclaimed",
        };
        row(out, name(*part), *amount, limit, words)?;
    }
    row(out, "charged", Range::exact(account.charges.all), limit, "")?;
    row(out, "cannot be reclaimed", floor.bytes, limit, "")?;
    if let Some(limit) = limit {
        let left = Range::exact(limit).less(floor.bytes);
        writeln!(out, "\n  {} left before an OOM; page cache does not count", range(left))?;
    }
    writeln!(out)?;
    shown_elsewhere(facts, line, out)?;
    events(group, out)?;
    for finding in findings.iter().filter(|finding| speaks_of(finding, &group.path)) {
        let severity = if finding.status == Status::Insufficient { "insufficient" } else { finding.severity.as_str() };
        writeln!(out, "  {severity}[{}] {}", finding.code, finding.title)?;
    }
    Ok(())
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Anon => "anonymous",
        Part::Shmem => "tmpfs, shared memory",
        Part::LockedCache => "locked page cache",
        Part::Kernel => "kernel",
        Part::Sock => "socket buffers",
        Part::Hugetlb => "hugetlbfs",
        Part::Zswap => "zswap",
        Part::CleanCache => "page cache, clean",
        Part::DirtyCache => "page cache, dirty",
        Part::SlabReclaimable => "slab that shrinks",
        Part::Swappable => "anonymous, tmpfs",
        Part::Rest => "not accounted for",
    }
}

/// The figures other tools show.
fn shown_elsewhere(facts: &Facts, line: &Line<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let processes = processes(facts, line.tree, line.group);
    if let Some(anon) = line.group.stat.value(Key::Anon) {
        writeln!(out, "  shown by dashboards as RSS (anon): {}", bytes(anon))?;
    }
    if let Some(set) = working_set(line.group) {
        writeln!(out, "  shown as working set: {}", bytes(set))?;
    }
    if !processes.is_empty() {
        let rss: u64 = processes.iter().filter_map(|process| process.rss).map(|rss| rss.value).sum();
        writeln!(out, "  RSS of the {} that were read: {}", count(processes.len() as u64, "process"), bytes(rss))?;
        let mut largest = processes;
        largest.sort_by_key(|process| std::cmp::Reverse(process.rss.map(|rss| rss.value)));
        for process in largest.iter().take(5) {
            let name = process.name.as_ref().map_or("?", |name| name.value.as_str());
            let part = |told: Option<casebook_formats::text::Told<u64>>| {
                told.map_or_else(|| "?".to_owned(), |told| bytes(told.value))
            };
            writeln!(
                out,
                "    {} ({name}): {}, of it anon {}, files {}, shared {}",
                process.pid,
                part(process.rss),
                part(process.rss_anon),
                part(process.rss_file),
                part(process.rss_shmem)
            )?;
        }
    }
    Ok(())
}

fn processes<'a>(facts: &'a Facts, tree: &Tree, group: &Group) -> Vec<&'a Process> {
    let pids: Vec<u32> =
        group.procs.iter().chain(tree.below(&group.path).flat_map(|child| &child.procs)).map(|pid| pid.value).collect();
    facts.processes.iter().filter(|process| pids.contains(&process.pid) && process.rss.is_some()).collect()
}

fn events(group: &Group, out: &mut dyn Write) -> std::io::Result<()> {
    let Events { high, max, oom, oom_kill, .. } = &group.events;
    let said: Vec<String> = [("high", high), ("max", max), ("oom", oom), ("oom_kill", oom_kill)]
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name} {}", value.value)))
        .collect();
    if !said.is_empty() {
        writeln!(out, "  events: {}", said.join(", "))?;
    }
    if let Some(dying) = group.dying.filter(|dying| dying.value > 0) {
        writeln!(out, "  {} removed below it and still charged", count(dying.value, "group"))?;
    }
    Ok(())
}

fn speaks_of(finding: &Finding, path: &str) -> bool {
    let witness = finding.witness.as_ref();
    let is = |key: &str| witness.is_some_and(|witness| witness[key] == path);
    (is("group") || is("limit_of")) && finding.severity >= Severity::Note
}

fn list(lines: &[Line<'_>], all: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let shown = if all { lines.len() } else { LISTED.min(lines.len()) };
    let width = lines.iter().take(shown).map(|line| line.group.path.chars().count()).max().unwrap_or(5).clamp(5, 70);
    writeln!(
        out,
        "{:<width$}  {:>10}  {:>10}  {:>10}  {:>5}  {:>10}  {:>10}  {:>10}  {:>9}",
        "GROUP", "CHARGED", "LIMIT", "STAYS", "%", "ANON", "SHMEM", "CACHE", "KERNEL"
    )?;
    for line in lines.iter().take(shown) {
        let charges = &line.account.charges;
        let limit = line.limit.map_or_else(|| "-".to_owned(), |(_, limit)| bytes(limit));
        let share = line.limit.map_or_else(|| "-".to_owned(), |_| (line.share() / 10).to_string());
        writeln!(
            out,
            "{:<width$}  {:>10}  {limit:>10}  {:>10}  {share:>5}  {:>10}  {:>10}  {:>10}  {:>9}",
            line.group.path,
            bytes(charges.all),
            bytes(line.account.floor.bytes.lo),
            bytes(charges.anon.lo),
            bytes(charges.shmem.lo),
            bytes(charges.cache.lo),
            bytes(charges.kernel.lo),
        )?;
    }
    if shown < lines.len() {
        writeln!(out, "{} more: --all", lines.len() - shown)?;
    }
    writeln!(
        out,
        "\nSTAYS is what reclaim cannot take; at 100 % of the limit it is an OOM. One group whole: --group PATH"
    )
}

fn whole(facts: &Facts, line: &Line<'_>) -> Value {
    let (group, account) = (line.group, &line.account);
    let both = |amount: Range| json!([amount.lo, amount.hi]);
    let parts = |list: &[(Part, Range)]| {
        list.iter().map(|(part, amount)| (name(*part).to_owned(), both(*amount))).collect::<serde_json::Map<_, _>>()
    };
    json!({
        "group": group.path,
        "interface": if group.interface == Interface::V1 { "v1" } else { "v2" },
        "kernel": facts.host.release.as_ref().map(|release| release.value.clone()),
        "charged_bytes": account.charges.all,
        "limit_bytes": line.limit.map(|(_, limit)| limit),
        "limit_of": line.limit.map(|(owner, _)| owner.path.clone()),
        "floor_bytes": both(account.floor.bytes),
        "stays": parts(&account.floor.parts),
        "reclaimable": parts(&account.floor.reclaimable),
        "swap_room_bytes": [account.swap.room.lo, (account.swap.room.hi != u64::MAX).then_some(account.swap.room.hi).map_or(Value::Null, Value::from).as_u64().unwrap_or(u64::MAX)],
        "working_set_bytes": working_set(group),
        "processes": processes(facts, line.tree, group).len(),
        "events": {
            "high": group.events.high.map(|value| value.value),
            "max": group.events.max.map(|value| value.value),
            "oom": group.events.oom.map(|value| value.value),
            "oom_kill": group.events.oom_kill.map(|value| value.value),
        },
    })
}
