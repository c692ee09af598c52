//! How fast journals are read: `cargo bench -p case-systemd-timers --bench journal [-- FILE FORM]`.
//!
//! Without a file, two texts of 200 MB are made in memory: entries of the size journald writes for a unit's job (940 bytes as
//! export), one message in ten of two lines.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the case has no clock and no files; its measurement does"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use case_systemd_timers::facts;
use casebook_core::{Bytes, EvidenceSet, Input};
use casebook_formats::journal::{self, Field, Form};

const BOOT: &str = "6c7c6013a26343b29e964691ff25d04c";

/// Fields of an entry that are no message.
fn fields(number: u64) -> Vec<(&'static str, String)> {
    let monotonic = 1_000_000 + number * 250_000;
    let realtime = 1_795_600_000_000_000 + monotonic;
    let cursor = format!(
        "s=739ad463348b4ceca5a9e69c95a3c93f;i={number:x};b={BOOT};m={monotonic:x};t={realtime:x};x=d3e5610681098c10"
    );
    let plain = [
        ("PRIORITY", "6"),
        ("SYSLOG_FACILITY", "3"),
        ("SYSLOG_IDENTIFIER", "systemd"),
        ("TID", "1"),
        ("CODE_FILE", "src/core/job.c"),
        ("CODE_LINE", "768"),
        ("CODE_FUNC", "job_emit_done_message"),
        ("JOB_TYPE", "start"),
        ("JOB_RESULT", "done"),
        ("UNIT", "backup.service"),
        ("MESSAGE_ID", "39f53479d3a045ac8e11786248231fbf"),
        ("_TRANSPORT", "journal"),
        ("_PID", "1"),
        ("_UID", "0"),
        ("_GID", "0"),
        ("_COMM", "systemd"),
        ("_EXE", "/usr/lib/systemd/systemd"),
        ("_CMDLINE", "/sbin/init"),
        ("_CAP_EFFECTIVE", "1ffffffffff"),
        ("_SYSTEMD_CGROUP", "/init.scope"),
        ("_SYSTEMD_UNIT", "init.scope"),
        ("_SYSTEMD_SLICE", "-.slice"),
        ("_MACHINE_ID", "a91663387a90b89f185d4e860000001a"),
        ("_HOSTNAME", "epsilon"),
    ];
    let mut out = vec![
        ("__CURSOR", cursor),
        ("__REALTIME_TIMESTAMP", realtime.to_string()),
        ("__MONOTONIC_TIMESTAMP", monotonic.to_string()),
        ("_BOOT_ID", BOOT.to_owned()),
        ("JOB_ID", number.to_string()),
        ("INVOCATION_ID", format!("{number:032x}")),
        ("_SOURCE_REALTIME_TIMESTAMP", (realtime - 21).to_string()),
    ];
    out.extend(plain.into_iter().map(|(name, value)| (name, value.to_owned())));
    out
}

fn export(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 2000);
    let mut number = 0;
    while out.len() < bytes {
        for (name, value) in fields(number) {
            out.extend(format!("{name}={value}\n").bytes());
        }
        if number % 10 == 0 {
            let message = format!("two lines {number}\nof a message");
            out.extend(b"MESSAGE\n");
            out.extend((message.len() as u64).to_le_bytes());
            out.extend(message.bytes());
            out.extend(b"\n\n");
        } else {
            out.extend(b"MESSAGE=Started backup.service - Nightly backup.\n\n");
        }
        number += 1;
    }
    out
}

fn json(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 2000);
    let mut number = 0;
    while out.len() < bytes {
        out.push(b'{');
        for (name, value) in fields(number) {
            out.extend(format!("\"{name}\":\"{value}\",").bytes());
        }
        let message =
            if number % 10 == 0 { "two lines\\nof a message" } else { "Started backup.service - Nightly backup." };
        out.extend(format!("\"MESSAGE\":\"{message}\"}}\n").bytes());
        number += 1;
    }
    out
}

fn rate(what: &str, bytes: usize, mut work: impl FnMut()) {
    let seconds = (0..3)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min);
    println!("{what}: {:.0} MB/s", bytes as f64 / seconds / 1e6);
}

fn measure(name: &str, text: Vec<u8>, form: Form, kind: &'static str) {
    let size = text.len();
    let bytes = Bytes::new(text);
    rate(&format!("{name}, entries"), size, || {
        let (mut entries, mut messages) = (0u64, 0usize);
        journal::walk(&bytes, form, |entry| {
            entries += 1;
            messages += entry.bytes(Field::Message).map_or(0, <[u8]>::len);
        });
        assert!(black_box(entries) > 0 && messages > 0);
    });
    let mut set = EvidenceSet::new();
    set.add("journal", Some(kind), bytes.clone());
    let settings = BTreeMap::new();
    rate(&format!("{name}, events and clock"), size, || {
        let read = facts::read(&Input { evidence: &set, settings: &settings });
        black_box(read.coverage.len());
    });
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [file, form] = &args[..] {
        let (form, kind) = match form.as_str() {
            "export" => (Form::Export, "journal-export"),
            "json" => (Form::Json, "journal-json"),
            "file" => (Form::File, "journal-file"),
            _ => (Form::Text, "journal-text"),
        };
        measure(file, std::fs::read(file).unwrap(), form, kind);
        return;
    }
    measure("export", export(200_000_000), Form::Export, "journal-export");
    measure("json", json(200_000_000), Form::Json, "journal-json");
}
