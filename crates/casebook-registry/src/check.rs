//! One run: evidence in, report out.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use casebook_core::{
    Case, Coverage, EvidenceId, EvidenceSet, Finding, Input, LineIndex, Read, ReadStatus, Report, Rule, Suppression,
};
use rayon::prelude::*;
use serde_json::Value;

use crate::baseline::Baseline;
use crate::config::{Config, Date};
use crate::select::Selection;
use crate::suppress::{self, Comment};

/// Below this much evidence a thread pool costs more than it saves.
const PARALLEL_FROM: usize = 256 * 1024;

/// Which configuration governs a piece of evidence.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Index into [`Options::configs`].
    pub config: usize,
    /// Path of the evidence relative to the configuration's folder, with `/`.
    pub path: String,
}

/// How to run.
#[derive(Clone, Default)]
pub struct Options {
    /// The cases to run.
    pub cases: Vec<&'static Case>,
    /// Words of the command line; they take the place of the configuration's.
    pub selection: Selection,
    /// Configurations that govern some of the evidence.
    pub configs: Vec<Config>,
    /// The configuration of each piece of evidence that has one.
    pub scopes: BTreeMap<EvidenceId, Scope>,
    /// Fingerprints that are known.
    pub baseline: Option<(String, Baseline)>,
    /// Suppress nothing.
    pub no_ignore: bool,
    /// The date of today; `None` when no entry expires.
    pub today: Option<Date>,
    /// Threads; 0 for one per processor.
    pub jobs: usize,
}

/// The report, and whether a part of the run itself broke.
#[derive(Default)]
pub struct Checked {
    /// The report.
    pub report: Report,
    /// The rules that were run, in order.
    pub ran: Vec<&'static Rule>,
    /// True when a rule or a reader panicked: its notice is in the report, and its result is unknown.
    pub broke: bool,
}

struct Job<'a> {
    case: &'static Case,
    rule: &'static Rule,
    facts: &'a Read,
    /// All that the case read failed, so a silent rule has checked nothing.
    blind: bool,
}

/// Runs the rules of every case that reads a kind of evidence present.
pub fn check(evidence: &EvidenceSet, options: &Options) -> Result<Checked, String> {
    let settings = merge_settings(options)?;
    let bytes: usize = evidence.iter().map(|item| item.as_bytes().len()).sum();
    if options.jobs == 1 || bytes < PARALLEL_FROM {
        return Ok(run(evidence, options, &settings, false));
    }
    // Readers are recursive up to their depth limits, which are made for the stack of a main thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).stack_size(8 << 20).build();
    let pool = pool.map_err(|error| format!("the threads cannot be started: {error}"))?;
    Ok(pool.install(|| run(evidence, options, &settings, true)))
}

type Settings = BTreeMap<String, BTreeMap<String, Value>>;

/// A case is run once over all evidence, so two configurations must not give it different values.
fn merge_settings(options: &Options) -> Result<Settings, String> {
    let mut merged = Settings::new();
    let mut origin: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for config in &options.configs {
        for (case, values) in &config.settings {
            for (key, value) in values {
                let slot = merged.entry(case.clone()).or_default();
                if let Some(other) = slot.insert(key.clone(), value.clone()).filter(|other| other != value) {
                    let first = origin.get(&(case.as_str(), key.as_str())).copied().unwrap_or("");
                    return Err(format!(
                        "case.{case}.{key} is {other} in {first} and {value} in {}; check the folders one by one",
                        config.source
                    ));
                }
                origin.insert((case, key), &config.source);
            }
        }
    }
    Ok(merged)
}

fn run(evidence: &EvidenceSet, options: &Options, settings: &Settings, parallel: bool) -> Checked {
    let mut checked = Checked::default();
    let none = BTreeMap::new();

    // A case of which no rule is wanted is not read: some evidence is large.
    let wanted = |case: &&'static Case| case.rules.is_empty() || case.rules.iter().any(|rule| selected(rule, options));
    let present: Vec<&'static Case> =
        options.cases.iter().copied().filter(|case| !case.evidence(evidence).is_empty()).filter(wanted).collect();
    let read = |case: &&'static Case| {
        let input = Input { evidence, settings: settings.get(case.name).unwrap_or(&none) };
        tracing::debug!(case = case.name, "reading evidence");
        catch_unwind(AssertUnwindSafe(|| (case.read)(&input))).map_err(|panic| reason(&*panic))
    };
    let reads: Vec<Result<Read, String>> =
        if parallel { present.par_iter().map(read).collect() } else { present.iter().map(read).collect() };

    let mut jobs = Vec::new();
    for (case, read) in present.iter().copied().zip(&reads) {
        match read {
            Ok(read) => {
                add_coverage(&mut checked.report.coverage, &read.coverage);
                let blind = read.coverage.iter().all(|line| line.status == ReadStatus::Failed);
                let selected = case.rules.iter().copied().filter(|rule| selected(rule, options));
                let selected = selected.filter(|rule| (rule.applies)(&*read.facts));
                jobs.extend(selected.map(|rule| Job { case, rule, facts: read, blind }));
            }
            Err(why) => {
                checked.broke = true;
                checked.report.notices.push(format!(
                    "reading for case {} stopped with an internal error: {why}; its rules were not run",
                    case.name
                ));
                let items = case.evidence(evidence).into_iter().filter_map(|id| evidence.get(id));
                let failed: Vec<Coverage> = items
                    .map(|item| Coverage {
                        status: ReadStatus::Failed,
                        note: Some(format!("internal error: {why}")),
                        ..Coverage::read(item, Vec::new())
                    })
                    .collect();
                add_coverage(&mut checked.report.coverage, &failed);
            }
        }
    }

    let run_job = |job: &Job<'_>| {
        tracing::debug!(case = job.case.name, rule = job.rule.code, "running");
        catch_unwind(AssertUnwindSafe(|| (job.rule.run)(job.rule, &*job.facts.facts, evidence)))
            .map_err(|panic| reason(&*panic))
    };
    let results: Vec<Result<Vec<Finding>, String>> =
        if parallel { jobs.par_iter().map(run_job).collect() } else { jobs.iter().map(run_job).collect() };

    for (job, result) in jobs.iter().zip(results) {
        match result {
            Ok(findings) if findings.is_empty() && !job.blind => {
                checked.report.silent_rules.push((job.rule.code, job.rule.name));
            }
            Ok(findings) => checked.report.findings.extend(findings),
            Err(why) => {
                checked.broke = true;
                checked.report.notices.push(format!(
                    "rule {} ({}) stopped with an internal error: {why}; what it would have found is unknown",
                    job.rule.code, job.rule.name
                ));
            }
        }
    }
    cover_the_rest(&mut checked.report, evidence, &present);
    drop_deselected(&mut checked.report, options);
    order(&mut checked.report);
    checked.ran = jobs.iter().map(|job| job.rule).collect();
    if !options.no_ignore {
        overlay(&mut checked.report, evidence, options, &checked.ran);
    }
    checked
}

/// True when the rule is run at all: the command line decides, or else any configuration that wants it.
fn selected(rule: &Rule, options: &Options) -> bool {
    if !options.selection.includes(rule, &options.cases) {
        return false;
    }
    if !options.selection.select.is_empty() || options.configs.is_empty() {
        return true;
    }
    options.configs.iter().any(|config| config.selection.includes(rule, &options.cases))
}

/// Findings in evidence whose own configuration does not select the rule.
fn drop_deselected(report: &mut Report, options: &Options) {
    if !options.selection.select.is_empty() {
        return;
    }
    let cases = &options.cases;
    report.findings.retain(|finding| {
        let id = finding.primary().map(|place| place.at.evidence());
        let scope = id.and_then(|id| options.scopes.get(&id)).and_then(|scope| options.configs.get(scope.config));
        match (scope, crate::find_rule(cases, finding.code)) {
            (Some(config), Some(rule)) => config.selection.includes(rule, cases),
            _ => true,
        }
    });
}

/// The worst first, so that a report begins with what broke; of the same weight what is proved before what is open, then by place.
fn order(report: &mut Report) {
    report.findings.sort_by_cached_key(|finding| {
        let weight = (Reverse(finding.severity), finding.status);
        let at = finding.primary().map(|place| &place.at);
        let place = at.map(|at| (at.evidence().0, at.span().map_or(0, |span| span.start)));
        (weight, place, finding.code, finding.fingerprint.clone(), finding.title.clone())
    });
}

/// Two cases may read the same evidence; it still has one line, with what either did not cover.
fn add_coverage(all: &mut Vec<Coverage>, more: &[Coverage]) {
    for line in more {
        let same = all.iter_mut().find(|known| known.evidence.is_some() && known.evidence == line.evidence);
        let Some(known) = same else {
            all.push(line.clone());
            continue;
        };
        known.unmodelled.extend(line.unmodelled.iter().cloned());
        known.unmodelled.sort_by_key(|stretch| (stretch.span.start, stretch.span.end));
        known.unmodelled.dedup();
        known.note = known.note.take().or_else(|| line.note.clone());
        known.status = match (known.status, line.status) {
            (ReadStatus::Read, ReadStatus::Read) => ReadStatus::Read,
            (ReadStatus::Failed, ReadStatus::Failed) => ReadStatus::Failed,
            _ => ReadStatus::Partly,
        };
    }
}

/// Every piece of evidence has a line, also when its case gave none.
fn cover_the_rest(report: &mut Report, evidence: &EvidenceSet, read: &[&'static Case]) {
    for item in evidence.iter() {
        // What a file refers to, and its case then had no use for, is no gap: a library that a search passes over.
        let no_use = item.referred && item.kind.is_some_and(|kind| read.iter().any(|case| case.reads(kind)));
        if no_use || report.coverage.iter().any(|line| line.evidence == Some(item.id)) {
            continue;
        }
        let (status, note) = match item.kind {
            Some(kind) if read.iter().any(|case| case.reads(kind)) => {
                (ReadStatus::Failed, format!("no case gave an account of this {kind}"))
            }
            Some(_) => (ReadStatus::Unrecognised, "no selected rule reads this".to_owned()),
            None => (ReadStatus::Unrecognised, "no case reads this".to_owned()),
        };
        let line = Coverage { status, note: Some(note), ..Coverage::read(item, Vec::new()) };
        report.coverage.push(line);
    }
    report.coverage.sort_by_key(|line| line.evidence);
}

fn overlay(report: &mut Report, evidence: &EvidenceSet, options: &Options, ran: &[&'static Rule]) {
    let mut comments: Vec<Comment> = Vec::new();
    let kinds = crate::kinds(&options.cases);
    for item in evidence.iter() {
        let Some(kind) = kinds.iter().find(|kind| item.kind == Some(kind.name)) else { continue };
        let (found, notices) = suppress::find(item, kind, &options.cases);
        comments.extend(found);
        report.notices.extend(notices);
    }
    let mut used = vec![Vec::new(); options.configs.len()];
    let mut baseline = options.baseline.clone();
    let mut lines: BTreeMap<EvidenceId, LineIndex> = BTreeMap::new();
    for (index, finding) in report.findings.iter().enumerate() {
        let Some(id) = finding.primary().map(|place| place.at.evidence()) else { continue };
        let mut suppression = None;
        if comments.iter().any(|comment| comment.evidence == id) {
            let lines = lines.entry(id).or_insert_with(|| evidence.lines(id));
            suppression = suppress::take(&mut comments, finding, lines)
                .map(|comment| (comment.reason.clone(), format!("{}:{}", evidence.path(id), comment.line)));
        }
        if suppression.is_none() {
            suppression = by_config(finding, id, options, &mut used);
        }
        if suppression.is_none()
            && let Some((path, baseline)) = &mut baseline
            && baseline.take(finding)
        {
            suppression = Some(("known before, in the baseline".to_owned(), path.clone()));
        }
        if let Some((reason, source)) = suppression {
            report.suppressed.push(Suppression { finding: index, reason, source });
        }
    }
    let was_run = |code: &str| ran.iter().any(|rule| rule.code.eq_ignore_ascii_case(code) || rule.name == code);
    for comment in comments.iter().filter(|comment| !comment.used && was_run(&comment.code)) {
        let path = evidence.path(comment.evidence);
        report.notices.push(format!("{path}:{}: the suppression of {} matches no finding", comment.line, comment.code));
    }
    for (config, used) in options.configs.iter().zip(&used) {
        for (index, entry) in config.ignores.iter().enumerate() {
            let (source, line, code) = (&config.source, entry.line, entry.code.as_str());
            if let Some(expires) = entry.expires.filter(|expires| options.today.is_some_and(|today| today > *expires)) {
                report.notices.push(format!("{source}:{line}: the [[ignore]] of {code} expired on {expires}"));
            } else if !used.contains(&index) && ran.iter().any(|rule| entry.code.matches(rule, &options.cases)) {
                report.notices.push(format!("{source}:{line}: the [[ignore]] of {code} matches no finding"));
            }
        }
    }
    if let Some((path, baseline)) = baseline.filter(|(_, baseline)| baseline.left() > 0) {
        let left = baseline.left();
        let noun = if left == 1 { "finding" } else { "findings" };
        report
            .notices
            .push(format!("{path}: {left} {noun} of the baseline did not occur; write it again to drop them"));
    }
}

fn by_config(
    finding: &Finding,
    id: EvidenceId,
    options: &Options,
    used: &mut [Vec<usize>],
) -> Option<(String, String)> {
    let scope = options.scopes.get(&id)?;
    let config = options.configs.get(scope.config)?;
    let rule = crate::find_rule(&options.cases, finding.code)?;
    let (index, entry) = config.ignores.iter().enumerate().find(|(_, entry)| {
        let expired = entry.expires.is_some_and(|expires| options.today.is_some_and(|today| today > expires));
        !expired
            && entry.code.matches(rule, &options.cases)
            && entry.path.as_ref().is_none_or(|glob| glob.is_match(&scope.path))
    })?;
    used.get_mut(scope.config)?.push(index);
    Some((entry.reason.clone(), format!("{}:{}", config.source, entry.line)))
}

/// What a panic said.
fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}
