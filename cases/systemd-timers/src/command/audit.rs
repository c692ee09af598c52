//! `casebook timers audit`: every timer of a machine on one line, with what is wrong with it.

use std::io::Write;

use casebook_core::{Arg, ArgKind, Finding, OutputFormat, Severity, Status, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::units::accounts;
use crate::facts::Facts;
use crate::facts::accounts::Account;
use crate::model::schedule::schedule;
use crate::model::time::{Realtime, SECOND_US, format_stamp};
use crate::model::timer::{Window, about};
use crate::rules::RULES;

/// The verb.
pub const AUDIT: Verb = Verb {
    name: "audit",
    about: "List every timer: its state, its last and next run, how often, and what is wrong with it",
    long: "EVIDENCE is a bundle of `casebook collect`, a folder with what systemctl, timedatectl and journalctl printed, or unit files \
           alone. What comes next is a window, the random delay included. `casebook check` shows the findings whole.\n\n\
           Exit status: 0 nothing is wrong, 1 a timer has an error, 2 the input is wrong.\n\n\
           Examples:\n  casebook collect -o here.tar.zst && casebook timers audit here.tar.zst\n  \
           casebook timers audit /etc/systemd/system /usr/lib/systemd/system\n  \
           casebook timers audit evidence/ --format json",
    args: &[Arg {
        name: "evidence",
        kind: ArgKind::Evidence,
        value_name: "EVIDENCE",
        help: "Files, folders, bundles",
        required: true,
        many: true,
    }],
    run,
};

/// What is said of one timer.
struct Line<'a> {
    account: &'a Account,
    state: String,
    next: Option<Window>,
    every: Option<Window>,
    findings: Vec<&'a Finding>,
}

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let facts = accounts(input)?;
    if facts.accounts.timers.is_empty() {
        return Err(VerbError::with_hint(
            "no timer was found",
            "give unit files, output of `systemctl list-timers` or `show`, or a bundle of `casebook collect`",
        ));
    }
    let findings: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| (rule.run)(rule, &facts, input.evidence))
        .filter(|finding| finding.status != Status::Exonerated)
        .collect();
    let lines: Vec<Line<'_>> = facts.accounts.timers.iter().map(|account| line(&facts, account, &findings)).collect();
    match input.format {
        OutputFormat::Text => print(&facts, &lines, &findings, out)?,
        OutputFormat::Json => writeln!(out, "{}", whole(&facts, &lines))?,
    }
    let wrong = findings.iter().any(|finding| finding.status == Status::Proved && finding.severity == Severity::Error);
    Ok(u8::from(wrong))
}

fn of(finding: &Finding, timer: &str) -> bool {
    finding.witness.as_ref().is_some_and(|witness| witness["timer"] == timer)
}

fn line<'a>(facts: &'a Facts, account: &'a Account, findings: &'a [Finding]) -> Line<'a> {
    let setting = &facts.accounts.setting;
    let timer = &account.unit.timer;
    let now = Realtime(setting.at_s().max(0) as u64 * SECOND_US);
    let schedule = schedule(timer, &setting.host, now);
    let shown = account.shown.next.as_ref().map(|next| Window::at(next.value.0));
    let late = timer.random_us.max(1) - 1 + timer.accuracy_us;
    let next = shown.or_else(|| schedule.map(|schedule| Window::new(schedule.first.0, schedule.first.0 + late)));
    let state = match (&account.shown.sub, &account.shown.active) {
        _ if account.masked.is_some() => "masked".to_owned(),
        (Some(sub), _) => sub.value.clone(),
        (None, Some(active)) => active.value.clone(),
        (None, None) if account.shown.is_listed => "listed".to_owned(),
        (None, None) => "-".to_owned(),
    };
    let findings = findings.iter().filter(|finding| of(finding, &account.name)).collect();
    Line { account, state, next, every: schedule.and_then(|schedule| schedule.gap_us), findings }
}

fn every(line: &Line<'_>) -> String {
    match line.every {
        Some(gap) if gap.is_point() => about(gap.lo),
        Some(gap) => format!("{} to {}", about(gap.lo), about(gap.hi)),
        None => "-".to_owned(),
    }
}

fn print(facts: &Facts, lines: &[Line<'_>], findings: &[Finding], out: &mut dyn Write) -> std::io::Result<()> {
    let zone = &facts.accounts.setting.host.zone;
    // The day of the week and the seconds say little in a list.
    let show = |at: u64| format_stamp(Realtime(at), zone).get(4..20).unwrap_or_default().to_owned();
    let rows: Vec<[String; 5]> = lines
        .iter()
        .map(|line| {
            let last = line.account.shown.last.as_ref().map_or_else(|| "-".to_owned(), |last| show(last.value.0));
            let next = line.next.map_or_else(
                || "-".to_owned(),
                |next| {
                    let (lo, hi) = (show(next.lo), show(next.hi));
                    if lo == hi {
                        lo
                    } else if lo.get(..10) == hi.get(..10) {
                        format!("{lo}..{}", hi.get(11..).unwrap_or_default())
                    } else {
                        format!("{lo} .. {hi}")
                    }
                },
            );
            [line.account.name.clone(), line.state.clone(), last, next, every(line)]
        })
        .collect();
    let head = ["TIMER", "STATE", "LAST", "NEXT", "EVERY"].map(str::to_owned);
    let width =
        |column: usize| std::iter::once(&head).chain(&rows).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let row = |row: &[String; 5]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    writeln!(out, "{}", row(&head))?;
    for (line, cells) in lines.iter().zip(&rows) {
        writeln!(out, "{}", row(cells))?;
        for finding in &line.findings {
            writeln!(out, "    {}[{}] {}", severity(finding), finding.code, finding.title)?;
        }
    }
    for finding in findings.iter().filter(|finding| !lines.iter().any(|line| of(finding, &line.account.name))) {
        writeln!(out, "{}[{}] {}", severity(finding), finding.code, finding.title)?;
    }
    let (setting, zone) = (&facts.accounts.setting, facts.accounts.setting.host.zone.name());
    let version = if setting.version_at.is_some() {
        format!("systemd {}", setting.host.version)
    } else {
        format!("systemd {} assumed", setting.host.version)
    };
    let zone = if setting.zone_at.is_some() { zone.to_owned() } else { "UTC assumed".to_owned() };
    writeln!(
        out,
        "\n{} timers, {} with something to say; {version}, {zone}",
        lines.len(),
        lines.iter().filter(|line| !line.findings.is_empty()).count()
    )
}

fn severity(finding: &Finding) -> &'static str {
    match finding.status {
        Status::Insufficient => "insufficient",
        _ => finding.severity.as_str(),
    }
}

fn whole(facts: &Facts, lines: &[Line<'_>]) -> Value {
    let setting = &facts.accounts.setting;
    let timers = lines.iter().map(|line| {
        let account = line.account;
        json!({
            "timer": account.name,
            "service": account.service.name,
            "state": line.state,
            "last_us": account.shown.last.as_ref().map(|last| last.value.0),
            "next_us": line.next.map(|next| [next.lo, next.hi]),
            "every_us": line.every.map(|gap| [gap.lo, gap.hi]),
            "lost": account.replay.as_ref().map(|replay| replay.ledger.losses.iter().map(|loss| json!({
                "cause": loss.cause.name(), "count": loss.count, "first_us": loss.first.0, "last_us": loss.last.0,
            })).collect::<Vec<_>>()),
            "findings": line.findings.iter().map(|finding| json!({ "code": finding.code, "severity": severity(finding), "title": finding.title })).collect::<Vec<_>>(),
        })
    });
    json!({
        "systemd": setting.version_at.map(|_| setting.host.version.to_string()),
        "zone": setting.zone_at.map(|_| setting.host.zone.name()),
        "now_us": setting.now.as_ref().map(|now| now.value.0),
        "timers": timers.collect::<Vec<_>>(),
    })
}
