//! The files of one group, by name: what each line says.
//!
//! Source: Documentation/admin-guide/cgroup-v2.rst, and for v1 Documentation/admin-guide/cgroup-v1/memory.rst.

use casebook_core::Span;
use casebook_formats::text::{Line, Told};

use super::{Events, Group, Interface, Limit, Stall};

/// A file of a group that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum File {
    /// `memory.current`
    Current,
    /// `memory.peak`
    Peak,
    /// `memory.max`
    Max,
    /// `memory.high`
    High,
    /// `memory.low`
    Low,
    /// `memory.min`
    Min,
    /// `memory.swap.current`
    SwapCurrent,
    /// `memory.swap.max`
    SwapMax,
    /// `memory.zswap.max`
    ZswapMax,
    /// `memory.oom.group`
    OomGroup,
    /// `memory.stat`
    Stat,
    /// `memory.events`
    Events,
    /// `memory.events.local`
    EventsLocal,
    /// `memory.pressure`
    Pressure,
    /// `cgroup.procs`
    Procs,
    /// `cgroup.stat`
    GroupStat,
    /// v1: `memory.usage_in_bytes`
    V1Usage,
    /// v1: `memory.max_usage_in_bytes`
    V1Peak,
    /// v1: `memory.limit_in_bytes`
    V1Limit,
    /// v1: `memory.failcnt`
    V1Failcnt,
    /// v1: `memory.memsw.limit_in_bytes`
    V1MemswLimit,
    /// v1: `memory.oom_control`
    V1OomControl,
    /// A file of a group of which nothing is used.
    Passed,
}

impl File {
    /// The file of this name; `None` for what is no file of a group.
    pub fn of(name: &str) -> Option<File> {
        Some(match name {
            "memory.current" => File::Current,
            "memory.peak" => File::Peak,
            "memory.max" => File::Max,
            "memory.high" => File::High,
            "memory.low" => File::Low,
            "memory.min" => File::Min,
            "memory.swap.current" => File::SwapCurrent,
            "memory.swap.max" => File::SwapMax,
            "memory.zswap.max" => File::ZswapMax,
            "memory.oom.group" => File::OomGroup,
            "memory.stat" => File::Stat,
            "memory.events" => File::Events,
            "memory.events.local" => File::EventsLocal,
            "memory.pressure" => File::Pressure,
            "cgroup.procs" => File::Procs,
            "cgroup.stat" => File::GroupStat,
            "memory.usage_in_bytes" => File::V1Usage,
            "memory.max_usage_in_bytes" => File::V1Peak,
            "memory.limit_in_bytes" => File::V1Limit,
            "memory.failcnt" => File::V1Failcnt,
            "memory.memsw.limit_in_bytes" => File::V1MemswLimit,
            "memory.oom_control" => File::V1OomControl,
            _ => {
                let rest = name.strip_prefix("memory.").or_else(|| name.strip_prefix("cgroup."))?;
                let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
                return (!rest.is_empty() && rest.len() < 48 && rest.bytes().all(plain)).then_some(File::Passed);
            }
        })
    }

    /// True for the files that hold one value.
    pub fn is_single(self) -> bool {
        !matches!(
            self,
            File::Stat
                | File::Events
                | File::EventsLocal
                | File::Pressure
                | File::Procs
                | File::GroupStat
                | File::V1OomControl
                | File::Passed
        )
    }

    /// The interface that has this file alone, if only one has it.
    pub fn interface(self) -> Option<Interface> {
        match self {
            File::V1Usage
            | File::V1Peak
            | File::V1Limit
            | File::V1Failcnt
            | File::V1MemswLimit
            | File::V1OomControl => Some(Interface::V1),
            File::Current | File::Max | File::Events | File::EventsLocal | File::SwapMax | File::SwapCurrent => {
                Some(Interface::V2)
            }
            _ => None,
        }
    }
}

/// The largest limit of v1: `PAGE_COUNTER_MAX` pages, printed in bytes, for pages of 4 KiB to 64 KiB (include/linux/page_counter.h).
const V1_UNLIMITED: u64 = 0x7fff_ffff_ffff_0000;

/// Takes one line of a file; false when it is not as the kernel writes it.
pub(super) fn take(group: &mut Group, file: File, line: &Line<'_>) -> bool {
    let text = line.text.trim();
    let span = line.part(text);
    if let Some(interface) = file.interface() {
        group.interface = interface;
    }
    match file {
        File::Current | File::V1Usage => number(text, span, &mut group.current),
        File::Peak | File::V1Peak => number(text, span, &mut group.peak),
        File::SwapCurrent => number(text, span, &mut group.swap_current),
        File::V1Failcnt => number(text, span, &mut group.events.max),
        File::Max | File::V1Limit => limit(text, span, &mut group.max),
        File::High => limit(text, span, &mut group.high),
        File::Low => limit(text, span, &mut group.low),
        File::Min => limit(text, span, &mut group.min),
        File::SwapMax => limit(text, span, &mut group.swap_max),
        File::ZswapMax => limit(text, span, &mut group.zswap_max),
        File::V1MemswLimit => memsw(text, span, group),
        File::OomGroup => match text {
            "0" | "1" => {
                group.oom_group = Some(Told::new(text == "1", span));
                true
            }
            _ => false,
        },
        File::Stat => pair(line, |key, value| {
            group.stat.set(key, value);
            true
        }),
        File::Events => event(line, &mut group.events),
        File::EventsLocal => event(line, &mut group.events_local),
        File::V1OomControl => pair(line, |key, value| {
            if key == "oom_kill" {
                group.events.oom_kill = Some(value);
            }
            true
        }),
        File::GroupStat => pair(line, |key, value| {
            match key {
                "nr_descendants" => group.descendants = Some(value),
                "nr_dying_descendants" => group.dying = Some(value),
                _ => {}
            }
            true
        }),
        File::Pressure => pressure(line, text, group),
        File::Procs => match text.parse() {
            Ok(pid) => {
                group.procs.push(Told::new(pid, span));
                true
            }
            Err(_) => false,
        },
        File::Passed => true,
    }
}

fn number(text: &str, span: Span, slot: &mut Option<Told<u64>>) -> bool {
    let Ok(value) = text.parse() else { return false };
    *slot = Some(Told::new(value, span));
    true
}

fn limit(text: &str, span: Span, slot: &mut Option<Told<Limit>>) -> bool {
    let value = match (text, text.parse()) {
        ("max", _) => Limit::Max,
        (_, Ok(bytes)) if bytes >= V1_UNLIMITED => Limit::Max,
        (_, Ok(bytes)) => Limit::Bytes(bytes),
        _ => return false,
    };
    *slot = Some(Told::new(value, span));
    true
}

/// v1 limits memory and swap together; what is left for swap is the difference (mm/memcontrol-v1.c, `mem_cgroup_resize_max`).
fn memsw(text: &str, span: Span, group: &mut Group) -> bool {
    let mut both = None;
    if !limit(text, span, &mut both) {
        return false;
    }
    group.swap_max = both.map(|both| {
        let memory = group.max.and_then(|max| max.value.bytes());
        let value = match (both.value, memory) {
            (Limit::Bytes(both), Some(memory)) => Limit::Bytes(both.saturating_sub(memory)),
            (Limit::Bytes(both), None) => Limit::Bytes(both),
            (Limit::Max, _) => Limit::Max,
        };
        Told::new(value, both.span)
    });
    true
}

/// `KEY VALUE`, the value with its place. Pasted text has other blanks, or a colon or `=`, between them.
fn pair(line: &Line<'_>, set: impl FnOnce(&str, Told<u64>) -> bool) -> bool {
    let text = line.text.trim();
    let Some(at) = text.find([' ', '\t', ':', '=']) else { return false };
    let (key, rest) = text.split_at(at);
    let value = rest.trim_start_matches([' ', '\t', ':', '=']);
    match value.parse() {
        Ok(number) if !key.is_empty() => set(key, Told::new(number, line.part(value))),
        _ => false,
    }
}

fn event(line: &Line<'_>, events: &mut Events) -> bool {
    pair(line, |key, value| {
        let slot = match key {
            "low" => &mut events.low,
            "high" => &mut events.high,
            "max" => &mut events.max,
            "oom" => &mut events.oom,
            "oom_kill" => &mut events.oom_kill,
            "oom_group_kill" => &mut events.oom_group_kill,
            // sock_throttled (6.18) and what is to come.
            _ => return true,
        };
        *slot = Some(value);
        true
    })
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` (Documentation/accounting/psi.rst).
fn pressure(line: &Line<'_>, text: &str, group: &mut Group) -> bool {
    let mut words = text.split_ascii_whitespace();
    let which = words.next().unwrap_or("");
    let mut stall = Stall { avg10_bp: 0, avg300_bp: 0, total_us: 0 };
    for word in words {
        let Some((key, value)) = word.split_once('=') else { return false };
        let hundredths = || value.parse::<f64>().ok().filter(|value| (0.0..=100.0).contains(value));
        match key {
            "avg10" => stall.avg10_bp = hundredths().map_or(0, |value| (value * 100.0).round() as u32),
            "avg300" => stall.avg300_bp = hundredths().map_or(0, |value| (value * 100.0).round() as u32),
            "total" => match value.parse() {
                Ok(total) => stall.total_us = total,
                Err(_) => return false,
            },
            _ => {}
        }
    }
    let told = Some(Told::new(stall, line.part(text)));
    match which {
        "some" => group.pressure.some = told,
        "full" => group.pressure.full = told,
        _ => return false,
    }
    true
}
