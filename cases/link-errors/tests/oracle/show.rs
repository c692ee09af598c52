//! A scenario as a person reads it.

use std::fmt::Write;
use std::path::Path;

use case_link_errors::model::input::{Binding, SymbolType, Visibility};

use crate::linkers::Real;
use crate::program::lower;
use crate::scenario::*;
use crate::write;

/// Files with what they define and want, then the command.
pub fn text(scenario: &Scenario, command: &[String]) -> String {
    let mut out = String::new();
    for (at, unit) in scenario.objects.iter().enumerate() {
        if scenario.line.contains(&Item::Object(at)) {
            let _ = writeln!(out, "  {}: {}", unit.name, self::unit(unit));
        }
    }
    for (at, library) in scenario.archives.iter().enumerate() {
        if scenario.line.contains(&Item::Archive(at)) {
            let thin = if library.thin { " thin" } else { "" };
            let bare = if library.bare { " without symbol table" } else { "" };
            for member in &library.members {
                let _ = writeln!(out, "  {}({}){thin}{bare}: {}", library.name, member.name, self::unit(member));
            }
        }
    }
    for (at, dso) in scenario.shared.iter().enumerate() {
        let on_line = scenario.line.contains(&Item::Shared(at));
        if on_line || !dso.absent {
            let _ =
                writeln!(out, "  {}{}: {}", dso.name, if on_line { "" } else { " (not on the line)" }, self::dso(dso));
        }
    }
    for option in &scenario.options {
        if let Opt::Versions(script) = option {
            let _ = writeln!(out, "  version.map: {}", write::version_script(script).trim_end().replace('\n', " "));
        }
    }
    let _ = writeln!(out, "  $ {}", command.join(" "));
    out
}

fn unit(unit: &Unit) -> String {
    let mut parts = vec![];
    for sym in &unit.symbols {
        let word = match (sym.place, sym.binding) {
            (Place::Undefined, Binding::Weak) => "wants weakly",
            (Place::Undefined, _) => "wants",
            (Place::Common { .. }, _) => "common",
            (_, Binding::Weak) => "defines weakly",
            (_, Binding::Local) => "keeps local",
            (_, Binding::Unique) => "defines uniquely",
            (_, Binding::Global) => "defines",
        };
        let mut notes = vec![];
        match sym.place {
            Place::Common { size, align } => notes.push(format!("{size}:{align}")),
            Place::Absolute => notes.push("absolute".into()),
            Place::In(part) => {
                let part = &unit.sections[part];
                if part.name != ".text" && part.name != ".data" {
                    notes.push(part.name.clone());
                }
                if let Some(group) = part.group {
                    let group = &unit.groups[group];
                    notes.push(format!("{} {}", if group.comdat { "comdat" } else { "group" }, group.signature));
                }
            }
            Place::Undefined => {}
        }
        notes.extend(visibility(sym.visibility));
        notes.extend(kind(sym.kind));
        let from: Vec<&str> = sym.from.iter().map(|part| unit.sections[*part].name.as_str()).collect();
        if !sym.is_defined() && from.is_empty() {
            notes.push("no relocation".into());
        } else if from != [".text"] && !from.is_empty() || sym.is_defined() && !from.is_empty() {
            notes.push(format!("used in {}", from.join(" ")));
        }
        parts.push(format!("{word} {}{}", crate::program::full_name(sym), notes_text(&notes)));
    }
    parts.join(", ")
}

fn dso(dso: &Dso) -> String {
    let mut parts = vec![];
    if dso.soname.as_deref() != Some(&dso.name) {
        parts.push(format!("soname {}", dso.soname.as_deref().unwrap_or("none")));
    }
    parts.extend(dso.needed.iter().map(|needed| format!("needs {needed}")));
    if dso.runpath {
        parts.push("runpath $ORIGIN".into());
    }
    for sym in &dso.symbols {
        let word = match (sym.defined, sym.weak) {
            (true, false) => "defines",
            (true, true) => "defines weakly",
            (false, false) => "wants",
            (false, true) => "wants weakly",
        };
        let version = match &sym.version {
            None => String::new(),
            Some((version, default)) => format!("{}{version}", if *default { "@@" } else { "@" }),
        };
        let mut notes: Vec<String> = visibility(sym.visibility).into_iter().collect();
        notes.extend(kind(sym.kind));
        let usual = if sym.kind == SymbolType::Function { DsoPlace::Code } else { DsoPlace::Data };
        if sym.defined && sym.place != usual {
            notes.push(format!("in {:?}", sym.place).to_lowercase());
        }
        parts.push(format!("{word} {}{version}{}", sym.name, notes_text(&notes)));
    }
    parts.join(", ")
}

fn notes_text(notes: &[String]) -> String {
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

fn visibility(visibility: Visibility) -> Option<String> {
    match visibility {
        Visibility::Default => None,
        Visibility::Hidden => Some("hidden".into()),
        Visibility::Internal => Some("internal".into()),
        Visibility::Protected => Some("protected".into()),
    }
}

/// Functions and what has no type are not worth a word.
fn kind(kind: SymbolType) -> Option<String> {
    match kind {
        SymbolType::Object => Some("data".into()),
        SymbolType::Tls => Some("tls".into()),
        _ => None,
    }
}

/// Writes the files, the text and the command into `folder`.
pub fn dump(scenario: &Scenario, real: &Real, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let lowered = lower(scenario);
    write::scenario(scenario, &lowered.program, folder);
    let command = real.command(&lowered.arguments, "out");
    std::fs::write(folder.join("scenario.txt"), text(scenario, &command)).unwrap();
    std::fs::write(folder.join("link.sh"), format!("cd \"$(dirname \"$0\")\" && LC_ALL=C {}\n", command.join(" ")))
        .unwrap();
}
