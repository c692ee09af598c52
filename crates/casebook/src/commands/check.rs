//! `casebook check`.

use std::fs;
use std::io;
use std::path::Path;

use casebook_collect::{Collected, Loader, MAX_EVIDENCE_BYTES, MAX_MAPPED_BYTES, live, load};
use casebook_core::{Kind, ReadStatus, Report, Severity};
use casebook_registry::config::{Date, parse_fail_on};
use casebook_registry::select::nearest;
use casebook_registry::{Baseline, CASES, Checked, Options, Selection, Selector, baseline, check};
use clap::ArgMatches;

use crate::args::{Check, Limits};
use crate::configs::Configs;
use crate::failure::Failure;
use crate::output::{self, Sink};
use crate::progress::Progress;
use crate::screen;

pub(crate) fn run(args: &Check, matches: &ArgMatches) -> Result<u8, Failure> {
    let sinks = output::pair(&placed(matches, "format"), &placed(matches, "output"))?;
    let fail_on = args.fail_on.as_deref().map(parse_fail_on).transpose().map_err(|why| Failure::usage(why, None))?;
    let options = Options {
        selection: Selection { select: selectors(&args.select)?, ignore: selectors(&args.ignore)? },
        baseline: args.baseline.as_deref().map(read_baseline).transpose()?,
        no_ignore: args.no_ignore,
        jobs: args.jobs,
        ..Options::default()
    };
    let collected = gather(args)?;
    let (code, checked) = judge(&collected, options, fail_on)?;
    report(&sinks, collected, checked, code, args.write_baseline.as_deref())
}

/// Values of an argument with their places on the command line.
fn placed(matches: &ArgMatches, name: &str) -> Vec<(usize, String)> {
    let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
    matches.indices_of(name).into_iter().flatten().zip(values).collect()
}

fn selectors(words: &[String]) -> Result<Vec<Selector>, Failure> {
    let hint = || Some("`casebook rules` lists every rule, `casebook cases` every case".to_owned());
    words.iter().map(|word| Selector::parse(word, CASES).map_err(|why| Failure::usage(why, hint()))).collect()
}

fn read_baseline(path: &Path) -> Result<(String, Baseline), Failure> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        let hint = Some(format!("`casebook check --write-baseline {shown}` writes one"));
        Failure::usage(format!("{shown}: {error}"), hint)
    })?;
    let baseline = Baseline::parse(&text).map_err(|why| Failure::usage(format!("{shown}: {why}"), None))?;
    Ok((shown, baseline))
}

/// How evidence is read by every command that takes these limits.
pub(crate) fn reading(limits: Limits, kinds: Vec<&'static Kind>) -> casebook_collect::Options {
    let mut options = casebook_collect::Options::new(kinds);
    options.max_evidence_bytes = limits.max_evidence_bytes.unwrap_or(MAX_EVIDENCE_BYTES);
    options.max_mapped_bytes = limits.max_evidence_bytes.unwrap_or(MAX_MAPPED_BYTES);
    // One file may always use the limit that was asked for.
    options.max_total_bytes = options.max_total_bytes.max(options.max_evidence_bytes);
    options
}

fn gather(args: &Check) -> Result<Collected, Failure> {
    let kinds = casebook_registry::kinds(CASES);
    let mut options = reading(args.limits, kinds.clone());
    if let Some(name) = &args.kind {
        let kind = kinds.iter().copied().find(|kind| kind.name == name);
        options.force_kind = Some(kind.ok_or_else(|| {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
            Failure::usage(format!("no kind of evidence is called \"{name}\""), Some(names.join(", ")))
        })?);
    }
    let here = [".".to_owned()];
    let paths = if args.paths.is_empty() && !args.live { &here[..] } else { &args.paths };
    let progress = Progress::start("reading evidence");
    let mut loader = Loader::new(&options);
    for path in paths {
        progress.say(&format!("reading {path}"));
        loader.path(path, &mut io::stdin().lock()).map_err(|error| no_such_path(error, path))?;
    }
    if args.live {
        loader.readings(live::read(CASES, |name| progress.say(&format!("reading {name}"))));
    }
    let mut collected = loader.finish();
    if args.live && !live::privileged() {
        collected.notices.push("not run as root: what only root can read is missing".to_owned());
    }
    Ok(collected)
}

/// A mistyped command is easily taken for a path, and the other way round.
fn no_such_path(error: anyhow::Error, path: &str) -> Failure {
    let hint = nearest(path, CASES).map(|near| format!("a rule or case is named with --select {near}"));
    Failure { hint, ..Failure::from(error) }
}

/// Today, for suppressions that expire.
pub(crate) fn today() -> Option<Date> {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let number = |value: i8| u8::try_from(value).ok();
    Some(Date { year: u16::try_from(now.year()).ok()?, month: number(now.month())?, day: number(now.day())? })
}

/// Runs the cases over what was read, and says what the exit code is.
pub(crate) fn judge(
    collected: &Collected,
    options: Options,
    fail_on: Option<Option<Severity>>,
) -> Result<(u8, Checked), Failure> {
    let configs = Configs::of(collected)?;
    let fail_on = fail_on.unwrap_or_else(|| configs.fail_on());
    let progress = Progress::start("checking");
    let options =
        Options { cases: CASES.to_vec(), configs: configs.configs, scopes: configs.scopes, today: today(), ..options };
    let mut checked = check(&collected.evidence, &options).map_err(|why| Failure::usage(why, None))?;
    drop(progress);
    checked.report.coverage.extend(collected.coverage.iter().cloned());
    checked.report.notices.extend(collected.notices.iter().cloned());
    Ok((exit_code(&checked, fail_on), checked))
}

fn exit_code(checked: &Checked, fail_on: Option<Severity>) -> u8 {
    let Report { coverage, .. } = &checked.report;
    let read = coverage.iter().any(|line| matches!(line.status, ReadStatus::Read | ReadStatus::Partly));
    if checked.broke {
        2
    } else if fail_on.is_some_and(|limit| checked.report.worst().is_some_and(|worst| worst >= limit)) {
        1
    } else if !read {
        3
    } else {
        0
    }
}

fn report(
    sinks: &[Sink],
    collected: Collected,
    checked: Checked,
    code: u8,
    write_baseline: Option<&Path>,
) -> Result<u8, Failure> {
    if let Some(path) = write_baseline {
        let text = baseline::write(&checked.report, &collected.evidence);
        fs::write(path, text)
            .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display()), None))?;
    }
    output::write(sinks, &checked.report, &collected.evidence, &checked.ran)?;
    if code == 3 {
        screen::error("no evidence recognised", Some("`casebook cases` lists what evidence each case reads"));
    }
    Ok(code)
}

/// Checks a folder and prints the report, for `casebook lab`.
pub(crate) fn folder(path: &str) -> Result<u8, Failure> {
    let options = casebook_collect::Options::new(casebook_registry::kinds(CASES));
    let mut loader = load::Loader::new(&options);
    loader.path(path, &mut io::empty())?;
    let collected = loader.finish();
    let (code, checked) = judge(&collected, Options::default(), None)?;
    let sinks = output::pair(&[], &[])?;
    report(&sinks, collected, checked, code, None)
}
