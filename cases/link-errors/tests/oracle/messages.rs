//! What linkers say, each in its own words.

use case_link_errors::model::outcome::LinkerKind;

use crate::linkers::Observed;

/// Sorts the lines of `text` into `observed`.
pub fn parse(kind: LinkerKind, text: &str, observed: &mut Observed) {
    // A linker that writes lines in pieces puts a line of one message behind that of another.
    let text = text.replace(">>> referenced", "\n>>> referenced");
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let understood = match kind {
            LinkerKind::Bfd => bfd(line, observed),
            LinkerKind::Gold => gold(line, observed),
            LinkerKind::Lld => lld(line, observed),
            LinkerKind::Mold => mold(line, observed),
            LinkerKind::Wild => wild(line, observed),
        };
        if understood.is_none() {
            observed.unparsed.push(line.into());
        }
    }
}

/// The text between the last `before` and the first `after` that follows it.
fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = line.rfind(before)? + before.len();
    let rest = &line[start..];
    Some(if after.is_empty() { rest } else { &rest[..rest.find(after)?] })
}

fn bfd(line: &str, observed: &mut Observed) -> Option<()> {
    if line.contains("warning: ") || line.ends_with("':") && line.contains("in function `") || line.ends_with(" follow")
    {
        return Some(());
    }
    if let Some(name) = between(line, "undefined reference to symbol '", "'") {
        observed.dso_missing.insert(name.into());
    } else if let Some(name) = between(line, "undefined reference to `", "'") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "multiple definition of `", "'") {
        observed.duplicates.insert(name.into());
    } else if line.contains("DSO missing from command line") {
        // It follows the name.
    } else {
        return None;
    }
    Some(())
}

fn gold(line: &str, observed: &mut Observed) -> Option<()> {
    if line.contains("warning: ") || line.contains("previous definition here") {
        return Some(());
    }
    if let Some(name) = between(line, "undefined reference to '", "'") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "multiple definition of '", "'") {
        observed.duplicates.insert(name.into());
    } else {
        return None;
    }
    Some(())
}

fn lld(line: &str, observed: &mut Observed) -> Option<()> {
    if line.contains("warning: ") || line.starts_with(">>>") {
        return Some(());
    }
    if let Some(name) = between(line, "undefined reference to ", " [--no-allow-shlib-undefined]") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "error: undefined reference: ", "") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "error: undefined symbol: ", "") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "undefined reference due to --no-allow-shlib-undefined: ", "") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "error: duplicate symbol: ", "") {
        observed.duplicates.insert(name.into());
    } else {
        return None;
    }
    Some(())
}

fn mold(line: &str, observed: &mut Observed) -> Option<()> {
    if line.contains("warning: ") || line.starts_with(">>>") {
        return Some(());
    }
    if line.contains("undefined symbol: ") {
        observed.undefined.insert(between(line, ": ", "")?.into());
    } else if line.contains("duplicate symbol: ") {
        observed.duplicates.insert(between(line, ": ", "")?.into());
    } else {
        return None;
    }
    Some(())
}

fn wild(line: &str, observed: &mut Observed) -> Option<()> {
    // A name of a file alone follows `referenced by`.
    if line.contains("warning: ") || line.starts_with("    ") {
        return Some(());
    }
    if let Some(name) = between(line, "Undefined symbol ", ",") {
        observed.undefined.insert(name.into());
    } else if line.contains(", defined in ") {
        let line = line.strip_prefix("wild: error: Duplicate symbols detected: ").unwrap_or(line);
        observed.duplicates.insert(line.split(',').next()?.into());
    } else {
        return None;
    }
    Some(())
}
