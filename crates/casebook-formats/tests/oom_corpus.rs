//! Logs of others that are not in this repository: every line of every OOM report in them is of a known form.
//!
//! `CASEBOOK_OOM_CORPUS` names a folder of logs; files ending in `.md` are passed over. `CASEBOOK_OOM_VERBOSE` prints each report
//! and each line that is not known.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that reads a folder of the machine it runs on"
)]

use std::path::{Path, PathBuf};

use casebook_core::{Bytes, Sniff};
use casebook_formats::journal;
use casebook_formats::kernel_log::{self, Form};
use casebook_formats::oom::{self, Event, Report};

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_none_or(|end| end != "md") {
            out.push(path);
        }
    }
}

fn form(path: &Path, bytes: &[u8]) -> Form {
    let head = &bytes[..bytes.len().min(64 << 10)];
    let sniff = Sniff { path: path.to_str().unwrap(), head, whole: head.len() == bytes.len() };
    kernel_log::form_of(&sniff).or_else(|| journal::form_of(&sniff).map(Form::from)).unwrap_or(Form::Lines)
}

fn describe(report: &Report) -> String {
    let release = report.release().map_or("?", |(release, _)| release);
    let victim = report.victim().map_or("none".to_owned(), |(pid, comm, _)| format!("{comm}[{pid}]"));
    let limit = report.limit_group().map_or("-", |group| group.value.as_str());
    let tasks = report.table.as_ref().map_or(0, |table| table.tasks.len());
    let numbers: usize = report.stats.iter().map(|stats| stats.entries.len()).sum();
    format!(
        "{release}: victim {victim}, limit of {limit}, {:?}, {} lines, {tasks} tasks, {} groups with {numbers} numbers{}, {} foreign, {} unmodelled, {:?}{}{}",
        report.constraint(),
        report.lines,
        report.stats.len(),
        if report.stats.iter().any(|stats| stats.cut) { " (cut)" } else { "" },
        report.foreign.len() as u64 + report.foreign_more,
        report.unmodelled,
        report.outcome,
        if report.complete { ", complete" } else { "" },
        if report.mixed { ", mixed" } else { "" },
    )
}

#[test]
fn every_line_of_every_report_is_known() {
    let Some(folder) = std::env::var_os("CASEBOOK_OOM_CORPUS") else {
        println!("skipped: CASEBOOK_OOM_CORPUS is not set");
        return;
    };
    let verbose = std::env::var_os("CASEBOOK_OOM_VERBOSE").is_some();
    let mut paths = Vec::new();
    files(Path::new(&folder), &mut paths);
    let (mut reports, mut lines, mut unknown) = (0, 0, 0);
    for path in &paths {
        let bytes = Bytes::new(std::fs::read(path).unwrap());
        let form = form(path, bytes.as_slice());
        let mut own = (0, 0, 0, 0);
        let mut list = Vec::new();
        let mut releases: Vec<String> = Vec::new();
        let gaps = oom::walk(&bytes, form, |event| {
            if let Event::Report(report) = &event {
                own.0 += 1;
                own.1 += report.lines;
                own.2 += report.unmodelled;
                own.3 += u64::from(report.complete);
                if let Some((release, _)) = report.release() {
                    releases.push(release.to_owned());
                }
                let line = bytes.as_slice()[..report.at.0].iter().filter(|byte| **byte == b'\n').count() + 1;
                list.push(format!("  line {line}: {}", describe(report)));
            } else if verbose {
                let text = format!("{event:?}");
                list.push(format!("  {}", text.chars().take(300).collect::<String>()));
            }
        });
        releases.sort();
        releases.dedup();
        let name = path.strip_prefix(&folder).unwrap().display();
        println!(
            "{name} ({form:?}): {} reports, {} complete, {} lines, {} unmodelled, {}",
            own.0,
            own.3,
            own.1,
            own.2,
            releases.join(" ")
        );
        if verbose {
            list.iter().for_each(|line| println!("{line}"));
        }
        for gap in gaps.list().iter().take(if verbose { 200 } else { 8 }) {
            let text = String::from_utf8_lossy(&bytes.as_slice()[gap.start..gap.end.min(gap.start + 200)]);
            println!("    {}: {}", gap.why, text);
        }
        reports += own.0;
        lines += own.1;
        unknown += own.2;
    }
    println!("{reports} reports of {} files, {lines} lines, {unknown} unmodelled", paths.len());
    assert!(reports > 0, "no report in {}", Path::new(&folder).display());
    assert_eq!(unknown, 0, "lines of reports are not known");
}
