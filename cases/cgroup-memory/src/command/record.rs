//! `casebook memory record`: samples of a tree of control groups, into a file that only grows.

use std::io::Write;

use casebook_core::watch::{Hierarchy, TreeRequest, WatchedTree, Woken};
use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::json;

use super::words::{about, duration_us, short};
use crate::facts::recording::sampler::{self, Sampler};
use crate::facts::recording::write::Writer;
use crate::facts::recording::{MEMORY_RECORDING, Session, Source};

/// The verb.
pub const RECORD: Verb = Verb {
    name: "record",
    about: "Record what control groups hold, sample by sample, into a file",
    long: "GROUP is a path below the mount (/system.slice) or a folder below it; what is above and below it is recorded too. Without \
           one, all groups are. FILE only grows: a recorder that is started again on it adds a run, and what was written is \
           there also when the recorder is killed. `casebook check FILE` reads it.\n\n\
           memory.current and memory.events of each group are read at every sample; the rest when one of them moved, when the \
           group is near its limit, and every 10 s.\n\n\
           It ends with Ctrl-C, SIGTERM or after --duration.\n\n\
           Exit status: 0 recorded, 2 there is no such tree or FILE cannot be written.\n\n\
           Examples:\n  casebook memory record -o night.mem\n  \
           casebook memory record -o app.mem --interval 100ms --duration 1h /system.slice/app.service",
    args: &[
        Arg {
            name: "group",
            kind: ArgKind::Text,
            value_name: "GROUP",
            help: "Groups to record [default: all]",
            required: false,
            many: true,
        },
        Arg {
            name: "output",
            kind: ArgKind::Value,
            value_name: "FILE",
            help: "File to append to",
            required: true,
            many: false,
        },
        INTERVAL,
        Arg {
            name: "duration",
            kind: ArgKind::Value,
            value_name: "TIME",
            help: "End after this long: 90s, 8h, 7d",
            required: false,
            many: false,
        },
        ROOT,
    ],
    run,
};

/// `--interval`, of every verb that samples.
pub(super) const INTERVAL: Arg = Arg {
    name: "interval",
    kind: ArgKind::Value,
    value_name: "TIME",
    help: "Time between samples, 50ms at least [default: 1s]",
    required: false,
    many: false,
};

/// `--root`, of every verb that samples.
pub(super) const ROOT: Arg = Arg {
    name: "root",
    kind: ArgKind::Value,
    value_name: "FOLDER",
    help: "Folder of the tree [default: /sys/fs/cgroup]",
    required: false,
    many: false,
};

/// Groups that are watched at once.
const MOST_GROUPS: usize = 10_000;
/// The shortest interval: less measures the recorder.
const LEAST_US: u64 = 50_000;

/// A tree that was opened, and what takes its samples.
pub(super) struct Opened {
    pub(super) tree: Box<dyn WatchedTree>,
    pub(super) sampler: Sampler,
    pub(super) interval_us: u64,
}

/// Opens what the arguments name.
pub(super) fn open(input: &VerbInput<'_>) -> Result<Opened, VerbError> {
    let watch = input.watch.ok_or_else(|| VerbError::usage("there is no machine to read here"))?;
    let interval_us = time(input, "interval")?.unwrap_or(1_000_000);
    if interval_us < LEAST_US {
        return Err(VerbError::usage("--interval is less than 50ms: more would measure the recorder"));
    }
    let request = TreeRequest {
        root: input.value("root"),
        groups: input.all("group"),
        files: sampler::files,
        machine: sampler::MACHINE,
        max_groups: MOST_GROUPS,
    };
    let tree = watch.tree(&request).map_err(|why| {
        VerbError::with_hint(
            why,
            "groups are named as /proc/PID/cgroup and systemd-cgls show them; --root names another tree",
        )
    })?;
    let sampler = Sampler::new(tree.hierarchy(), interval_us);
    Ok(Opened { tree, sampler, interval_us })
}

/// A length of time that was given.
pub(super) fn time(input: &VerbInput<'_>, name: &str) -> Result<Option<u64>, VerbError> {
    input
        .value(name)
        .map(|text| {
            let why = || VerbError::usage(format!("--{name} {text}: expected a time such as 500ms, 1s, 8h"));
            duration_us(text).filter(|us| *us > 0).ok_or_else(why)
        })
        .transpose()
}

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let Opened { mut tree, mut sampler, interval_us } = open(input)?;
    let watch = input.watch.ok_or_else(|| VerbError::usage("there is no machine to read here"))?;
    let duration_us = time(input, "duration")?;
    let path = input.value("output").ok_or_else(|| VerbError::usage("--output is missing"))?;
    let mut file = watch.append(path).map_err(VerbError::usage)?;
    let sniff = casebook_core::Sniff { path, head: file.head(), whole: false };
    if !file.head().is_empty() && !(MEMORY_RECORDING.sniff)(&sniff) {
        return Err(VerbError::with_hint(
            format!("{path} is no recording"),
            "name another file; nothing is overwritten",
        ));
    }
    let machine = watch.machine();
    let session = Session {
        source: Source::Casebook,
        kernel: machine.kernel,
        boot_id: machine.boot_id,
        page_bytes: machine.page_bytes,
        cpus: machine.cpus,
        interval_us,
        v1: tree.hierarchy() == Hierarchy::V1,
        root: tree.root().to_owned(),
        tool: concat!("casebook ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let mut writer = Writer::new(&session, file.head().is_empty());
    let mut waiting = watch.session(false).map_err(VerbError::usage)?;
    let began = waiting.now().monotonic_us;
    let mut tick = began;
    let mut groups = 0;
    loop {
        let at = tree.sample(&mut sampler);
        writer.sample(at, sampler.machine(), sampler.groups());
        sampler.done();
        groups = groups.max(sampler.groups().len());
        let bytes = writer.take();
        if !bytes.is_empty() {
            file.append(&bytes).map_err(VerbError::usage)?;
        }
        let passed_us = at.monotonic_us.saturating_sub(began);
        waiting.say(&format!(
            "{} samples of {} groups in {}, {}",
            writer.samples(),
            sampler.groups().len(),
            about(passed_us),
            short(writer.bytes())
        ));
        if duration_us.is_some_and(|duration| passed_us.saturating_add(interval_us) > duration) {
            break;
        }
        // A sample that came too late leaves no debt: the next is at the next whole interval.
        let now = waiting.now().monotonic_us;
        tick += interval_us * (now.saturating_sub(tick) / interval_us + 1);
        if stopped(waiting.as_mut(), tick)? {
            break;
        }
    }
    writer.finish();
    file.append(&writer.take()).map_err(VerbError::usage)?;
    drop(waiting);
    let (samples, bytes, left_out) = (writer.samples(), writer.bytes(), tree.passed_over());
    match input.format {
        OutputFormat::Json => {
            let said =
                json!({ "file": path, "samples": samples, "groups": groups, "bytes": bytes, "left_out": left_out });
            writeln!(out, "{said}")?;
        }
        OutputFormat::Text => {
            writeln!(out, "{path}: {samples} samples of {groups} groups, {bytes} bytes")?;
            if left_out > 0 {
                writeln!(out, "{left_out} groups were left out: more than {MOST_GROUPS} are not watched at once")?;
            }
        }
    }
    Ok(0)
}

/// Waits for the tick; true when the user ended it.
fn stopped(waiting: &mut dyn casebook_core::watch::Session, tick: u64) -> Result<bool, VerbError> {
    loop {
        match waiting.wait(tick).map_err(VerbError::usage)? {
            Woken::Tick => return Ok(false),
            Woken::Stop => return Ok(true),
            Woken::Key(_) | Woken::Resized => {}
        }
    }
}
