//! `casebook replay`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};

use casebook_collect::{Collected, Loader};
use casebook_registry::replay::Replayer;
use casebook_registry::{CASES, Options};
use serde_json::{Value, json};

use crate::args::{Listing, Replay};
use crate::commands::check::{reading, today};
use crate::configs::Configs;
use crate::failure::Failure;
use crate::screen;

/// A finding as a report names it.
struct Claim {
    code: String,
    title: String,
    fingerprint: String,
}

/// What came of one.
struct Outcome {
    claim: Claim,
    steps: Vec<String>,
    holds: bool,
}

pub(crate) fn run(args: &Replay) -> Result<u8, Failure> {
    let text = read(&args.file)?;
    let documents = parse(&args.file, &text)?;
    let mut findings: Vec<&Value> = Vec::new();
    for document in &documents {
        match document.get("findings").and_then(Value::as_array) {
            Some(list) => findings.extend(list),
            None if document.get("fingerprint").is_some() => findings.push(document),
            None => {}
        }
    }
    findings.retain(|finding| {
        let code = finding.get("code").and_then(Value::as_str).unwrap_or_default();
        args.code.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(code))
    });
    if findings.is_empty() {
        let hint = Some("write one with `casebook check --format json=report.json`".to_owned());
        return Err(Failure::usage(format!("{}: no finding in it", args.file), hint));
    }
    if let Some(folder) = &args.dir {
        std::env::set_current_dir(folder)
            .map_err(|error| Failure::usage(format!("{}: {error}", folder.display()), None))?;
    }
    let (paths, digests) = named(&documents, &findings);
    let collected = again(&paths, args)?;
    let changes = changes(&collected, &digests);
    let configs = Configs::of(&collected)?;
    let options = Options {
        cases: CASES.to_vec(),
        configs: configs.configs,
        scopes: configs.scopes,
        today: today(),
        ..Options::default()
    };
    let mut replayer = Replayer::new(&collected.evidence, &options);
    let mut outcomes = Vec::new();
    for finding in findings {
        let claim = claim(finding, &args.file)?;
        let replayed = replayer.replay(&claim.code, &claim.fingerprint).map_err(|why| Failure::usage(why, None))?;
        outcomes.push(Outcome { claim, steps: replayed.steps, holds: replayed.holds });
    }
    let lost: Vec<String> =
        collected.coverage.iter().filter_map(|line| Some(format!("{}: {}", line.path, line.note.as_ref()?))).collect();
    print(args.format, &outcomes, &changes, &lost)?;
    Ok(u8::from(outcomes.iter().any(|outcome| !outcome.holds)))
}

fn read(file: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    if file == "-" {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = fs::read(file).map_err(|error| Failure::usage(format!("{file}: {error}"), None))?;
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{file}: not UTF-8"), None))
}

/// One document, or one in each line.
fn parse(file: &str, text: &str) -> Result<Vec<Value>, Failure> {
    let whole = match serde_json::from_str(text) {
        Ok(document) => return Ok(vec![document]),
        Err(error) => error,
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|_| Failure::usage(format!("{file}:{}: no JSON: {whole}", whole.line()), None))
}

fn claim(finding: &Value, file: &str) -> Result<Claim, Failure> {
    let field = |name: &str| {
        let text = finding.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| Failure::usage(format!("{file}: a finding without \"{name}\""), None))
    };
    Ok(Claim { code: field("code")?, title: field("title")?, fingerprint: field("fingerprint")? })
}

/// Paths of the evidence, in the order it was read, and the digests the findings give.
fn named(documents: &[Value], findings: &[&Value]) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut paths, mut digests): (Vec<String>, _) = (Vec::new(), BTreeMap::new());
    let mut add = |path: &str| {
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    for document in documents {
        let lines = document.get("coverage").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // In JSON lines each coverage line is a document of its own.
        let own = std::slice::from_ref(document);
        let own = if text(document, "type").as_deref() == Some("coverage") { own } else { &[] };
        for line in lines.iter().chain(own) {
            let status = text(line, "status");
            if let (Some("read" | "partly"), Some(path)) = (status.as_deref(), text(line, "evidence")) {
                add(&path);
            }
        }
    }
    for finding in findings {
        for item in finding.get("evidence").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(path), Some(digest)) = (text(item, "path"), text(item, "digest")) {
                add(&path);
                digests.insert(path, digest);
            }
        }
        for place in finding.get("places").and_then(Value::as_array).into_iter().flatten() {
            text(place, "evidence").into_iter().for_each(|path| add(&path));
        }
    }
    (paths, digests)
}

fn again(paths: &[String], args: &Replay) -> Result<Collected, Failure> {
    let options = reading(args.limits, casebook_registry::kinds(CASES));
    let mut loader = Loader::new(&options);
    for path in paths {
        if path == "<stdin>" || path.starts_with("live:") {
            let hint = Some("keep evidence in a file, or a bundle (`casebook collect`), to replay it".to_owned());
            let message = format!("{path} was not a file, so its bytes cannot be read again");
            return Err(Failure::no_evidence(message, hint));
        }
        loader.again(path).map_err(|error| {
            let hint = Some("--dir says which folder the paths of the report start from".to_owned());
            Failure::no_evidence(error.to_string(), hint)
        })?;
    }
    Ok(loader.finish())
}

/// Evidence whose bytes are not those of the report.
fn changes(collected: &Collected, digests: &BTreeMap<String, String>) -> Vec<String> {
    let mut changes = Vec::new();
    for item in collected.evidence.iter() {
        let Some(then) = digests.get(&item.path) else { continue };
        let now = item.digest().to_string();
        if now != *then {
            changes.push(format!("{} has changed since the report: {then} then, {now} now", item.path));
        }
    }
    changes
}

fn print(format: Listing, outcomes: &[Outcome], changes: &[String], lost: &[String]) -> Result<(), Failure> {
    let mut out = screen::stdout();
    if format == Listing::Json {
        let findings: Vec<Value> = outcomes
            .iter()
            .map(|Outcome { claim, steps, holds }| {
                json!({ "code": claim.code, "fingerprint": claim.fingerprint, "title": claim.title,
                    "steps": steps, "holds": holds })
            })
            .collect();
        let document = json!({ "schema": "casebook.replay/1", "findings": findings, "changed": changes, "lost": lost });
        writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
    } else {
        for note in changes.iter().chain(lost) {
            writeln!(out, "note: {note}")?;
        }
        for Outcome { claim, steps, holds } in outcomes {
            writeln!(out, "{} {}: {}", claim.code, claim.fingerprint, claim.title)?;
            for step in steps {
                writeln!(out, "  {step}")?;
            }
            writeln!(out, "  {}", if *holds { "it holds" } else { "it does not hold" })?;
        }
    }
    out.flush()?;
    Ok(())
}
