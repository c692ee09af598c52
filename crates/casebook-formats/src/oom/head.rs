//! The first lines of a report: who asked for memory, where it ran, and whose limit it was.

use crate::kernel_log::Record;

use super::report::{Choice, Constraint, Cpu, Cpuset, Invoked, LimitOf, Placed};
use super::scan::{find, number, number_after, rfind, signed_after, small, text};

/// `hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`
pub(super) fn invoked(line: &[u8]) -> Option<Invoked> {
    const MARK: &[u8] = b" invoked oom-killer: ";
    let mark = find(line, MARK)?;
    let rest = &line[mark + MARK.len()..];
    let mut out = Invoked { comm: text(&line[..mark]), ..Invoked::default() };
    if let Some(start) = find(rest, b"gfp_mask=0x").map(|at| at + 11) {
        let digits = rest[start..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let hex = std::str::from_utf8(&rest[start..start + digits]).unwrap_or("");
        out.gfp_mask = u64::from_str_radix(hex, 16).ok();
        if let Some(names) = rest[start + digits..].strip_prefix(b"(") {
            let end = names.iter().position(|byte| *byte == b')').unwrap_or(names.len());
            out.gfp_names = Some(text(&names[..end]));
        }
    }
    if let Some(start) = find(rest, b"nodemask=").map(|at| at + 9) {
        // Nodes are `0-1,3`; the field ends at a comma before a blank.
        let end = find(&rest[start..], b", ").unwrap_or(rest.len() - start);
        out.nodemask = Some(text(&rest[start..start + end]));
    }
    out.order = signed_after(rest, b"order=");
    out.oom_score_adj = signed_after(rest, b"oom_score_adj=");
    out.oom_adj = signed_after(rest, b"oom_adj=").or_else(|| signed_after(rest, b"oomkilladj="));
    Some(out)
}

/// True when the last field of the line that begins a report is there.
pub(super) fn invoked_is_whole(line: &[u8]) -> bool {
    find(line, b"_adj=").is_some() || find(line, b"oomkilladj=").is_some()
}

/// `CPU: 1 UID: 0 PID: 7 Comm: hog Tainted: G        W   6.12.57 #1`, and to 3.10 `Pid: 7, comm: hog Not tainted 2.6.32 #1`.
pub(super) fn cpu(record: &Record<'_>, line: &[u8]) -> Option<Cpu> {
    let old = line.starts_with(b"Pid: ");
    if !old && !line.starts_with(b"CPU: ") {
        return None;
    }
    let (pid, comm) = if old { (&b"Pid: "[..], &b", comm: "[..]) } else { (&b" PID: "[..], &b" Comm: "[..]) };
    let name = find(line, comm)? + comm.len();
    let mut out = Cpu { pid: number_after(line, pid).and_then(|(value, _)| small(value)), ..Cpu::default() };
    if !old {
        out.cpu = number_after(line, b"CPU: ").and_then(|(value, _)| small(value));
        out.uid = number_after(&line[..name], b" UID: ").and_then(|(value, _)| small(value));
    }
    let rest = &line[name..];
    let clean = find(rest, b" Not tainted ");
    let tainted = find(rest, b" Tainted: ");
    let loaded = find(rest, b" Kdump: loaded ");
    let taint = clean.or(tainted).unwrap_or(rest.len());
    out.comm = text(&rest[..loaded.unwrap_or(taint).min(taint)]);
    let mut release = match (clean, tainted) {
        (Some(at), _) => at + 13,
        (None, Some(at)) => at + 10,
        (None, None) => return Some(out),
    };
    // Letters of taints and dashes come before the release, which begins with a digit.
    let letters = release;
    release += rest[release..].iter().position(u8::is_ascii_digit).unwrap_or(rest.len() - release);
    if clean.is_none() {
        out.tainted = Some(text(rest[letters..release].trim_ascii()));
    }
    let length = rest[release..].iter().position(|byte| *byte == b' ').unwrap_or(rest.len() - release);
    out.release = text(&rest[release..release + length]);
    out.release_at = record.place(name + release, name + release + length);
    out.build = text(rest[release + length..].trim_ascii());
    Some(out)
}

/// `hog cpuset=/ mems_allowed=0`
pub(super) fn cpuset(line: &[u8]) -> Option<Cpuset> {
    let mems = rfind(line, b" mems_allowed=")?;
    let cpuset = find(&line[..mems], b" cpuset=")?;
    let part = |from: usize, to: usize| text(line.get(from..to).unwrap_or(&[]));
    Some(Cpuset { comm: part(0, cpuset), cpuset: part(cpuset + 8, mems), mems_allowed: part(mems + 14, line.len()) })
}

/// `Task in A killed as a result of limit of B`, `Memory limit reached of cgroup B`.
pub(super) fn limit_of(record: &Record<'_>, line: &[u8]) -> Option<LimitOf> {
    const RESULT: &[u8] = b" killed as a result of limit of ";
    const REACHED: &[u8] = b"Memory limit reached of cgroup ";
    let part = |from: usize, to: usize| Placed { value: text(&line[from..to]), at: record.place(from, to) };
    if line.starts_with(b"Task in ") {
        let result = find(line, RESULT)?;
        let limit = part(result + RESULT.len(), line.len());
        return Some(LimitOf { task: (result >= 8).then(|| part(8, result)), limit });
    }
    line.starts_with(REACHED).then(|| LimitOf { task: None, limit: part(REACHED.len(), line.len()) })
}

/// `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=hog,pid=7,uid=0`
///
/// Names of groups and tasks can hold commas and equals signs; the marks are looked for from both ends.
pub(super) fn choice(record: &Record<'_>, line: &[u8]) -> Option<Choice> {
    const MARK: &[u8] = b"oom-kill:constraint=";
    let rest = line.strip_prefix(MARK)?;
    let word = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
    let constraint = match &rest[..word] {
        b"CONSTRAINT_NONE" => Some(Constraint::None),
        b"CONSTRAINT_CPUSET" => Some(Constraint::Cpuset),
        b"CONSTRAINT_MEMORY_POLICY" => Some(Constraint::MemoryPolicy),
        b"CONSTRAINT_MEMCG" => Some(Constraint::Memcg),
        _ => None,
    };
    let uid = rfind(line, b",uid=");
    let pid = rfind(&line[..uid.unwrap_or(line.len())], b",pid=");
    let end = pid.or(uid).unwrap_or(line.len());
    let task = rfind(&line[..end], b",task=");
    let groups_end = task.unwrap_or(end);
    let global = find(&line[..groups_end], b",global_oom");
    let oom = find(&line[..groups_end], b",oom_memcg=");
    let front_end = oom.into_iter().chain(global).min().unwrap_or(groups_end);
    let task_group = find(&line[front_end..groups_end], b",task_memcg=").map(|at| front_end + at);
    let front_end = front_end.min(task_group.unwrap_or(groups_end));
    let mems = rfind(&line[..front_end], b",mems_allowed=");
    let cpuset_end = mems.unwrap_or(front_end);
    let cpuset = find(&line[..cpuset_end], b",cpuset=");
    let mask_end = cpuset.unwrap_or(cpuset_end);
    let mask = find(&line[..mask_end], b",nodemask=");
    let part = |from: Option<usize>, mark: usize, to: usize| {
        let from = from? + mark;
        (from <= to).then(|| Placed { value: text(&line[from..to]), at: record.place(from, to) })
    };
    let plain = |placed: Option<Placed<String>>| placed.map(|placed| placed.value);
    let read = |at: Option<usize>| {
        let from = at? + 5;
        let (value, length) = number(&line[from..])?;
        Some(Placed { value: small(value)?, at: record.place(from, from + length) })
    };
    Some(Choice {
        constraint,
        nodemask: plain(part(mask, 10, mask_end)),
        cpuset: plain(part(cpuset, 8, cpuset_end)),
        mems_allowed: plain(part(mems, 14, front_end)),
        global: global.is_some(),
        oom_memcg: part(oom, 11, task_group.unwrap_or(groups_end)),
        task_memcg: part(task_group, 12, groups_end),
        task: part(task, 6, end),
        pid: read(pid),
        uid: read(uid).map(|uid| uid.value),
    })
}
