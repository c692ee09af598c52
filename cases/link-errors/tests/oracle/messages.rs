//! What linkers say, each in its own words.

use case_link_errors::model::outcome::LinkerKind;

use crate::linkers::Observed;

/// Sorts the lines of `text` into `observed`.
pub fn parse(kind: LinkerKind, text: &str, observed: &mut Observed) {
    // A linker that writes lines in pieces puts a line of one message behind that of another.
    let text = text.replace(">>> referenced", "\n>>> referenced");
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        // `--warn-unresolved-symbols` says the same in a warning.
        let warned = line.contains("warning: undefined ")
            || line.contains("symbol not found: ")
            || line.ends_with("[--no-allow-shlib-undefined]");
        if (line.contains("warning: ") && !warned) || line.starts_with(">>>") {
            continue;
        }
        let missing = between(line, "cannot open ", ":").or(between(line, "Failed to open input file `", "`"));
        if let Some(name) = missing {
            observed.refuse("file", name);
            continue;
        }
        let understood = match kind {
            LinkerKind::Bfd => bfd(line, observed),
            LinkerKind::Gold => gold(line, observed),
            LinkerKind::Lld => lld(line, observed),
            LinkerKind::Mold => mold(line, observed),
            LinkerKind::Wild => wild(line, observed),
        };
        if understood.is_none() && observed.crashed.is_none() {
            observed.unparsed.push(line.into());
        }
    }
}

/// A default version is part of some linkers' names and not of others'.
fn plain(name: &str) -> String {
    name.split('@').next().unwrap_or(name).to_string()
}

/// The text between the last `before` and the first `after` that follows it.
fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = line.rfind(before)? + before.len();
    let rest = &line[start..];
    Some(if after.is_empty() { rest } else { &rest[..rest.find(after)?] })
}

impl Observed {
    fn refuse(&mut self, kind: &str, name: &str) {
        self.refusals.insert(format!("{kind}:{name}"));
    }

    fn crash(&mut self, line: &str) {
        self.crashed.get_or_insert(line.into());
    }
}

fn bfd(line: &str, observed: &mut Observed) -> Option<()> {
    const FOLLOW: [&str; 5] = [
        "DSO missing from command line",
        "error adding symbols: bad value",
        "failed to set dynamic section sizes: bad value",
        "final link failed: bad value",
        "failed to convert GOTPCREL relocation",
    ];
    if line.contains("cannot find ") {
        observed.refuse("file", between(line, "cannot find ", ":")?);
        return Some(());
    }
    if line.ends_with("':") && line.contains("in function `") || line.ends_with(" follow") {
        return Some(());
    }
    if let Some(name) = between(line, "undefined reference to symbol '", "'") {
        observed.dso_missing.insert(name.into());
    } else if FOLLOW.iter().any(|end| line.ends_with(end)) {
        // They follow a message that says more.
    } else if line.contains("assertion fail") || line.contains("internal error") {
        observed.crash(line);
    } else if let Some(name) = between(line, "against absolute symbol `", "'") {
        observed.refuse("absolute", name);
    } else if line.starts_with("unresolvable relocation") || line.contains(": unresolvable R_X86_64_") {
        // Nothing in the output stands for a shared object's symbol.
        observed.refuse("unresolvable-relocation", between(line, "against symbol `", "'")?);
    } else if let Some(name) = between(line, "undefined reference to `", "'") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "multiple definition of `", "'") {
        observed.duplicates.insert(plain(name));
    } else if let Some(name) = between(line, "required symbol `", "' not defined") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "undefined symbol `", "' referenced in expression") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "unresolvable symbol `", "' referenced in expression") {
        observed.refuse("unresolvable", name);
    } else if let Some(name) = between(line, " symbol `", "' isn't defined") {
        observed.refuse("hidden-undefined", name);
    } else if line.ends_with("is referenced by DSO") {
        observed.refuse("hidden", between(line, " symbol `", "'")?);
    } else if let Some(name) = between(line, "no symbol version section for versioned symbol `", "'") {
        observed.refuse("version", name);
    } else if let Some(name) = between(line, "version node not found for symbol ", "") {
        observed.refuse("version", name);
    } else if line.contains(": undefined version:") {
        let name = line.split(": undefined version:").next()?;
        observed.refuse("unassigned", name.rsplit(' ').next()?);
    } else if line.contains("mismatches non-TLS") {
        observed.refuse("tls", between(line, "ld.bfd: ", ":")?);
    } else if line.contains("defined in discarded section") {
        let start = line.find('`')? + 1;
        observed.refuse("discarded", line[start..].split('\'').next()?);
    } else if line.contains("archive has no index") {
        observed.refuse("no-index", between(line, "ld.bfd: ", ":")?);
    } else {
        return None;
    }
    Some(())
}

fn gold(line: &str, observed: &mut Observed) -> Option<()> {
    const FOLLOW: [&str; 4] = [
        "previous definition here",
        ": previous definition of ",
        "section group signature: ",
        "prevailing definition is from ",
    ];
    if FOLLOW.iter().any(|part| line.contains(part)) {
        return Some(());
    }
    if line.contains("internal error") {
        observed.crash(line);
    } else if let Some(name) = between(line, "undefined reference to '", "'") {
        let version = between(line, "', version '", "'").map(|version| format!("@{version}")).unwrap_or_default();
        observed.undefined.insert(name.to_string() + &version);
    } else if let Some(name) = between(line, "multiple definition of '", "'") {
        observed.duplicates.insert(plain(name));
    } else if let Some(name) = between(line, " symbol '", "' is not defined locally") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "undefined symbol '", "' referenced in expression") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "symbol '", "' used as both __thread and non-__thread") {
        observed.refuse("tls", name);
    } else if let Some((name, version)) =
        between(line, "error: symbol ", "").and_then(|rest| rest.split_once(" has undefined version "))
    {
        observed.refuse("version", &format!("{name}@{version}"));
    } else if line.contains("version script assignment of") {
        observed.refuse("unassigned", between(line, " to symbol ", " ")?);
    } else if let Some(name) = between(line, "relocation refers to global symbol \"", "\"") {
        observed.refuse("discarded", name);
    } else if let Some(name) = between(line, "relocation refers to local symbol \"", "\"") {
        observed.refuse("discarded", name);
    } else if line.contains("no archive symbol table") {
        observed.refuse("no-index", between(line, "error: ", ":")?);
    } else if line.contains("--copy-dt-needed-entries is not supported") {
        observed.refuse("copy-needed", between(line, "is required for ", " in ")?);
    } else {
        return None;
    }
    Some(())
}

fn lld(line: &str, observed: &mut Observed) -> Option<()> {
    for kind in ["symbol", "hidden symbol", "internal symbol", "protected symbol", "reference"] {
        if let Some(name) = between(line, &format!(": undefined {kind}: "), "") {
            // The model's input has `f@@V`, which is a symbol apart from `f@V`, as a name and a version.
            observed.undefined.insert(name.replace("@@", "@"));
            return Some(());
        }
    }
    if let Some(name) = between(line, "undefined reference to ", " [--no-allow-shlib-undefined]") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "undefined reference due to --no-allow-shlib-undefined: ", "") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "symbol not found: ", "") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "error: duplicate symbol: ", "") {
        observed.duplicates.insert(plain(name));
    } else if let Some(name) = between(line, "TLS attribute mismatch: ", "") {
        observed.refuse("tls", name);
    } else if let Some(name) = between(line, "cannot refer to absolute symbol: ", "") {
        observed.refuse("absolute", name);
    } else if line.contains("has an STT_TLS symbol but doesn't have an SHF_TLS section") {
        observed.refuse("tls-segment", "");
    } else if line.contains("R_X86_64_GOTTPOFF must be used in") {
        // lld 14 does not see that a symbol is thread-local in one file alone.
        observed.refuse("tls", "");
    } else if line.contains("is referenced by DSO") {
        observed.refuse("hidden", between(line, "non-exported symbol '", "'").or(between(line, "symbol '", "'"))?);
    } else if line.contains(" has undefined version ") {
        observed.refuse("version", between(line, ": symbol ", " ")?);
    } else if line.contains("version script assignment of") {
        observed.refuse("unassigned", between(line, " to symbol '", "'")?);
    } else if line.contains("discarded section") {
        observed.refuse("discarded", between(line, "discarded section: ", "")?);
    } else {
        return None;
    }
    Some(())
}

fn mold(line: &str, observed: &mut Observed) -> Option<()> {
    if line.contains("Assertion `") {
        observed.crash(line);
    } else if line.contains("undefined symbol: ") {
        observed.undefined.insert(between(line, ": ", "")?.into());
    } else if line.contains("duplicate symbol: ") {
        // `f@V`, where it is the version that is there twice.
        observed.duplicates.insert(plain(between(line, ": ", "")?));
    } else if line.contains(" refers to a discarded COMDAT section") {
        let name = line.split(" refers to a discarded").next()?;
        observed.undefined.insert(between(name, ": ", "")?.into());
    } else if line.contains("--defsym: undefined symbol") {
        observed.undefined.insert(between(line, ": ", "")?.into());
    } else if line.contains("attempted static link of a dynamic object") {
        observed.refuse("file", line);
    } else if let Some((name, version)) =
        between(line, ": symbol ", "").and_then(|rest| rest.split_once(" has undefined version "))
    {
        observed.refuse("version", &format!("{name}@{version}"));
    } else {
        return None;
    }
    Some(())
}

fn wild(line: &str, observed: &mut Observed) -> Option<()> {
    const INTERNAL: [&str; 4] = [" panicked at ", "Failed copying from ", "validate_empty failed", "Insufficient "];
    if line.contains("Entry point must be an address") {
        // It is found when the output is written already.
        observed.crashed = None;
        observed.refuse("entry", line);
    } else if INTERNAL.iter().any(|word| line.contains(word)) {
        observed.crash(line);
    } else if let Some(name) = between(line, "Undefined symbol ", ",") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "undefined reference to `", "`") {
        observed.undefined.insert(name.into());
    } else if let Some(name) = between(line, "Symbol '", "' referenced by --defsym") {
        observed.undefined.insert(name.into());
    } else if let Some((name, version)) =
        between(line, "Symbol ", "").and_then(|rest| rest.split_once(" has undefined version "))
    {
        observed.refuse("version", &format!("{name}@{version}"));
    } else if line.contains(", defined in ") {
        let line = line.strip_prefix("wild: error: Duplicate symbols detected: ").unwrap_or(line);
        observed.duplicates.insert(plain(line.split(',').next()?));
    } else if line.starts_with("    ") || line.ends_with("Caused by:") || line.contains("Failed to activate ") {
        // Who refers, and what a cause is the cause of.
    } else {
        return None;
    }
    Some(())
}
