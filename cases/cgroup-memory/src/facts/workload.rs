//! Workloads as text, the language of the laboratory and of `casebook memory simulate`; a word of it is explained where it is parsed.

use casebook_core::{Evidence, Kind, Unmodelled};
use casebook_formats::text::{Line, MOST_GAPS, head_lines, lines};

use crate::model::workload::{Action, GroupSpec, ProcessSpec, Setting, Step, Workload};

/// A workload.
pub static WORKLOAD: Kind = Kind {
    name: "memory-workload",
    what: "a workload for `casebook memory simulate`: groups, processes, what they allocate",
    sniff: |sniff| {
        let lines = head_lines(sniff);
        let words = |line: &&str| {
            line.split('#').next().unwrap_or("").split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let has = |test: &dyn Fn(&[String]) -> bool| lines.iter().any(|line| test(&words(line)));
        has(&|words| matches!(words, [group, path, ..] if group == "group" && path.starts_with('/')))
            && has(
                &|words| matches!(words, [process, _, within, path, ..] if process == "process" && within == "in" && path.starts_with('/')),
            )
    },
    refers: None,
    comment: Some("#"),
};

/// Lines that are read; steps are simulated one by one.
const MOST_LINES: usize = 100_000;

/// Reads a workload. Lines that are none go to `unmodelled`.
pub fn read(item: &Evidence, unmodelled: &mut Vec<Unmodelled>) -> Workload {
    let mut out = Workload { cpus: 1, ..Workload::default() };
    for (index, line) in lines(item, unmodelled).iter().enumerate() {
        if index >= MOST_LINES {
            unmodelled.push(line.unmodelled("100 000 lines of a workload are read"));
            break;
        }
        if let Err(why) = take(&mut out, index as u32 + 1, line)
            && unmodelled.len() < MOST_GAPS
        {
            unmodelled.push(line.unmodelled(why));
        }
    }
    out
}

/// `64M`, `4096`, `1G`, `12k`: a number of bytes.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1u64 << 10),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1 << 20),
        b'g' | b'G' => (text.get(..text.len() - 1)?, 1 << 30),
        b't' | b'T' => (text.get(..text.len() - 1)?, 1 << 40),
        _ => (text, 1),
    };
    // `4GiB`, `64MB`: what people write.
    let number = number.trim_end();
    match number.parse::<u64>() {
        Ok(number) => number.checked_mul(unit),
        Err(_) => size(
            text.strip_suffix("iB")
                .or_else(|| text.strip_suffix('B'))
                .filter(|rest| !rest.is_empty() && *rest != text)?,
        ),
    }
}

fn take(out: &mut Workload, number: u32, line: &Line<'_>) -> Result<(), &'static str> {
    let words: Vec<&str> = line.text.split('#').next().unwrap_or("").split_whitespace().collect();
    const SIZE: &str = "no size: 64M, 4096, 1G";
    match words.as_slice() {
        [] => {}
        ["swap", bytes] => out.swap_bytes = size(bytes).ok_or(SIZE)?,
        ["memory", bytes] => out.memory_bytes = Some(size(bytes).ok_or(SIZE)?),
        ["cpus", count] => {
            out.cpus = count.parse().ok().filter(|count| (1..=8192).contains(count)).ok_or("no number of processors")?
        }
        ["disk", rate] => out.disk_bytes_per_s = Some(size(rate).ok_or(SIZE)?),
        ["kernel", release] => {
            let (major, minor) = super::host::version(release).ok_or("no release of a kernel: 6.12")?;
            out.release = Some((major, minor, super::host::patch(release)));
        }
        ["group", path, settings @ ..] => {
            out.groups.push(GroupSpec { path: (*path).to_owned(), settings: parse_settings(settings)? })
        }
        ["file", path, bytes] => out.files.push(((*path).to_owned(), size(bytes).ok_or(SIZE)?)),
        ["process", name, "in", group, rest @ ..] => {
            let adj = match rest {
                [] => 0,
                [adj] => adj
                    .strip_prefix("adj=")
                    .and_then(|adj| adj.parse().ok())
                    .ok_or("a process has adj=NUMBER and nothing else")?,
                _ => return Err("a process has adj=NUMBER and nothing else"),
            };
            out.processes.push(ProcessSpec { name: (*name).to_owned(), group: (*group).to_owned(), adj });
        }
        ["rmdir", path] => out.steps.push((number, Step::Remove((*path).to_owned()))),
        ["set", path, settings @ ..] => {
            out.steps.push((number, Step::Set((*path).to_owned(), parse_settings(settings)?)))
        }
        ["wait", _] | ["sample"] => out.steps.push((number, Step::Nothing)),
        [name, rest @ ..] if name.len() > 1 && name.ends_with(':') => {
            let action = action(rest)?;
            out.steps.push((number, Step::Process(name.trim_end_matches(':').to_owned(), action)));
        }
        _ => return Err("no line of a workload"),
    }
    Ok(())
}

fn parse_settings(words: &[&str]) -> Result<Vec<Setting>, &'static str> {
    words.iter().map(|word| setting(word)).collect()
}

fn setting(word: &str) -> Result<Setting, &'static str> {
    let (key, value) = word.split_once('=').ok_or("a setting is KEY=VALUE")?;
    let limit = || if value == "max" { Ok(None) } else { size(value).map(Some).ok_or("no size: 64M, 4096, max") };
    Ok(match key.strip_prefix("memory.").unwrap_or(key) {
        "max" => Setting::Max(limit()?),
        "high" => Setting::High(limit()?),
        "swap.max" => Setting::SwapMax(limit()?),
        "min" => Setting::Min(limit()?),
        "low" => Setting::Low(limit()?),
        "oom.group" => Setting::OomGroup(value == "1"),
        _ => return Err("settings are max, high, swap.max, min, low, oom.group"),
    })
}

fn action(words: &[&str]) -> Result<Action, &'static str> {
    const SIZE: &str = "no size: 64M, 4096, 1G";
    let bytes = |text: &str| size(text).ok_or(SIZE);
    let name = |text: &str| text.to_owned();
    Ok(match words {
        ["anon", size] => Action::Anon { bytes: bytes(size)?, huge: false },
        ["anon-thp", size] => Action::Anon { bytes: bytes(size)?, huge: true },
        ["free", size] => Action::Free(bytes(size)?),
        ["lock-anon", size] => Action::LockAnon(bytes(size)?),
        ["read", path, size, ..] => Action::Read(name(path), bytes(size)?),
        ["map", path, size, ..] => Action::Map(name(path), bytes(size)?),
        ["lock", path, size, ..] => Action::Lock(name(path), bytes(size)?),
        ["write", path, size, ..] => Action::Write(name(path), bytes(size)?),
        ["map-write", path, size, ..] => Action::MapWrite(name(path), bytes(size)?),
        ["fsync", path] => Action::Sync(name(path)),
        ["memfd", size] => Action::Memfd(bytes(size)?),
        ["shm-anon", size] => Action::ShmAnon(bytes(size)?),
        ["open-unlink", path] => Action::OpenUnlink(name(path)),
        ["unlink", path] => Action::Unlink(name(path)),
        ["close"] => Action::Close,
        ["fork", count] => Action::Fork(count.parse().map_err(|_| "no number of children")?),
        ["names", _, count] => Action::Names(count.parse().map_err(|_| "no number of names")?),
        ["sockets", size] => Action::Sockets(bytes(size)?),
        ["pipes", size] => Action::Pipes(bytes(size)?),
        ["retouch"] => Action::Retouch,
        ["move", path] => Action::Move(name(path)),
        ["exit"] => Action::Exit,
        _ => return Err("no action of a process"),
    })
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceId};

    use super::*;

    fn workload(text: &str) -> (Workload, Vec<String>) {
        let item = Evidence {
            id: EvidenceId(0),
            path: "w".into(),
            kind: None,
            bytes: Bytes::new(text.as_bytes().to_vec()),
            referred: false,
        };
        let mut unmodelled = Vec::new();
        let workload = read(&item, &mut unmodelled);
        (workload, unmodelled.into_iter().map(|one| one.why).collect())
    }

    #[test]
    fn a_workload_is_read_line_by_line() {
        let (workload, gaps) = workload(
            "swap 64M # of the machine\ncpus 2\ngroup /lab max=64M oom.group=1 swap.max=0\nfile /data/a 40M\nprocess p in /lab adj=-5\n\
             p: anon 27M\np: read /data/a 36M x3\nset /lab max=max\nrmdir /lab\nwait 3\n",
        );
        assert_eq!(gaps, [""; 0]);
        assert_eq!((workload.swap_bytes, workload.cpus, workload.processes[0].adj), (64 << 20, 2, -5));
        assert_eq!(
            workload.groups[0].settings,
            [Setting::Max(Some(64 << 20)), Setting::OomGroup(true), Setting::SwapMax(Some(0))]
        );
        assert_eq!(workload.steps[1], (7, Step::Process("p".into(), Action::Read("/data/a".into(), 36 << 20))));
        assert_eq!(workload.steps.len(), 5);
    }

    #[test]
    fn what_is_no_line_of_it_is_named() {
        let (_, gaps) = workload("group /lab max=lots\np: dance\nhello\nprocess p in /lab quick\n");
        assert_eq!(gaps.len(), 4);
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(["64M", "4GiB", "12", "1 k"].map(size), [Some(64 << 20), Some(4 << 30), Some(12), Some(1024)]);
        assert_eq!(["", "M", "x", "B", "99999999999999G"].map(size), [None; 5]);
    }
}
