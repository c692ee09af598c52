//! A finding in plain lines, for formats that have one field for all of it.

use casebook_core::{Finding, FixClass};

use crate::context::Context;

/// The places beside the primary one, each with what is said about it.
pub(crate) fn places(context: &Context<'_>, finding: &Finding) -> Vec<String> {
    let others = finding.places.iter().filter(|place| !place.primary);
    others.map(|place| format!("{}: {}", context.position(&place.at), place.label)).collect()
}

/// Reasons, witness, what is missing, fixes and how to replay.
pub(crate) fn reasons(finding: &Finding) -> Vec<String> {
    let mut lines: Vec<String> = finding.because.iter().map(|reason| format!("because: {reason}")).collect();
    lines.extend(witness(finding).map(|witness| format!("witness: {witness}")));
    lines.extend(finding.missing.iter().map(|what| format!("missing: {what}")));
    for fix in &finding.fixes {
        lines.push(format!("help: {} ({})", fix.title, class(fix.class)));
        lines.extend(fix.commands.iter().map(|command| format!("    {command}")));
    }
    lines.extend(finding.replay.iter().map(|command| format!("replay: {command}")));
    lines
}

/// The witness in one line: the model's own words, or its object.
pub(crate) fn witness(finding: &Finding) -> Option<String> {
    finding.witness_text.clone().or_else(|| finding.witness.as_ref().map(ToString::to_string))
}

/// What to do about a finding that has no fix.
pub(crate) fn next(finding: &Finding) -> Option<String> {
    if !finding.missing.is_empty() {
        return Some("give casebook check the missing evidence with the rest".to_owned());
    }
    finding.fixes.is_empty().then(|| format!("casebook explain {}", finding.code))
}

/// What a class of fix means to somebody about to apply it.
pub(crate) fn class(class: FixClass) -> &'static str {
    match class {
        FixClass::Safe => "safe: the model ran again with it and the finding is gone",
        FixClass::Unsafe => "unsafe: it changes more than this finding is about",
        FixClass::Display => "for you to apply: casebook does not",
    }
}
