//! `casebook cases`, `rules` and `explain`: views of the tables.

use std::io::Write as _;

use casebook_registry::select::nearest;
use casebook_registry::{CASES, find_case, find_rule, rules as all_rules};
use serde_json::json;

use crate::args::{Explain, List, Listing};
use crate::failure::Failure;
use crate::screen;

pub(crate) fn cases(args: &List) -> Result<u8, Failure> {
    let mut out = screen::stdout();
    if args.format == Listing::Json {
        let cases: Vec<_> = CASES
            .iter()
            .map(|case| {
                let kinds: Vec<_> =
                    case.kinds.iter().map(|kind| json!({ "name": kind.name, "what": kind.what })).collect();
                let verbs: Vec<_> = case.verbs.iter().map(|verb| verb.name).collect();
                json!({ "name": case.name, "prefix": case.prefix, "command": case.command, "title": case.title,
                    "summary": case.summary, "kinds": kinds, "verbs": verbs, "lab": !case.lab.is_empty() })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&cases)?)?;
    } else {
        for (index, case) in CASES.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            writeln!(out, "{gap}{} ({}): {}\n  {}", case.name, case.prefix, case.title, case.summary)?;
            let width = case.kinds.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
            for kind in case.kinds {
                writeln!(out, "  {:width$}  {}", kind.name, kind.what)?;
            }
            if !case.verbs.is_empty() {
                // What a command does without a verb is shown by what it takes.
                let takes = case.default_verb().and_then(|verb| verb.args.iter().find(|arg| arg.required));
                let named = case.named_verbs().map(|verb| verb.name);
                let verbs: Vec<&str> = takes.map(|arg| arg.value_name).into_iter().chain(named).collect();
                writeln!(out, "  casebook {} {}", case.command, verbs.join("|"))?;
            }
        }
    }
    out.flush()?;
    Ok(0)
}

pub(crate) fn rules(args: &List) -> Result<u8, Failure> {
    let mut out = screen::stdout();
    let rules = all_rules(CASES);
    if args.format == Listing::Json {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                json!({ "code": rule.code, "name": rule.name, "case": rule.case, "severity": rule.severity.as_str(),
                    "since": rule.since, "summary": rule.summary })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rules)?)?;
    } else {
        let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
        for rule in rules {
            let severity = rule.severity.as_str();
            writeln!(out, "{}  {:width$}  {severity:7}  {}  {}", rule.code, rule.name, rule.since, rule.summary)?;
        }
    }
    out.flush()?;
    Ok(0)
}

pub(crate) fn explain(args: &Explain) -> Result<u8, Failure> {
    let mut out = screen::stdout();
    if let Some(case) = find_case(CASES, &args.subject) {
        writeln!(out, "{}", case.post.trim_end())?;
    } else if let Some(rule) = find_rule(CASES, &args.subject) {
        let (code, name, severity, since) = (rule.code, rule.name, rule.severity.as_str(), rule.since);
        writeln!(out, "{code} {name} ({severity}, since {since}, case {})\n\n{}\n", rule.case, rule.summary)?;
        // A documentation comment has a space after each `///`.
        for line in rule.page.trim_end().lines() {
            writeln!(out, "{}", line.strip_prefix(' ').unwrap_or(line))?;
        }
    } else {
        let hint = nearest(&args.subject, CASES).map(|near| format!("did you mean {near}?"));
        let hint = hint.or_else(|| Some("`casebook cases` and `casebook rules` list them".to_owned()));
        return Err(Failure::usage(format!("no case and no rule is called \"{}\"", args.subject), hint));
    }
    out.flush()?;
    Ok(0)
}
