//! One shape: every case has every room, every rule speaks and stays silent somewhere, no file is too long.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use casebook_registry::CASES;

use crate::cases;

/// What a case folder holds; a name that ends with `/` is a folder with at least one file in it.
pub(crate) const ROOMS: [&str; 14] = [
    "Cargo.toml",
    "clippy.toml",
    "post.md",
    "src/lib.rs",
    "src/facts/",
    "src/model/",
    "src/rules/",
    "src/command.rs",
    "src/page.rs",
    "lab/run.sh",
    "fixtures/",
    "tests/oracle.rs",
    "benches/README.md",
    "src/facts/mod.rs",
];

const MAX_LINES: usize = 600;

/// Prints what is out of shape.
pub(crate) fn run(root: &Path) -> Result<()> {
    let faults = faults(root)?;
    faults.iter().for_each(|fault| println!("{fault}"));
    if faults.is_empty() { Ok(()) } else { bail!("{} faults of shape", faults.len()) }
}

/// One line for each fault.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for case in cases(root)? {
        rooms(&root.join("cases").join(&case), &case, &mut faults);
        if !CASES.iter().any(|known| known.name == case) {
            faults.push(format!("cases/{case} is not in crates/casebook-registry/src/cases.rs"));
        }
    }
    let mut codes = BTreeSet::new();
    for case in CASES {
        let folder = root.join("cases").join(case.name);
        let (speaks, silent) = promises(&folder.join("fixtures"), &mut faults);
        for rule in case.rules {
            let code = rule.code;
            let number = code.strip_prefix(case.prefix).unwrap_or_default();
            if number.len() != 3 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                faults.push(format!("{code} is not {} and three digits", case.prefix));
            }
            if rule.case != case.name {
                faults.push(format!("{code} says it is of {}, and is in {}", rule.case, case.name));
            }
            if !codes.insert(code) {
                faults.push(format!("{code} is there twice"));
            }
            if !case.post.contains(code) {
                faults.push(format!("{code} is not named in cases/{}/post.md", case.name));
            }
            if rule.page.trim().is_empty() {
                faults.push(format!("{code} has no page"));
            }
            if !speaks.contains(code) {
                faults.push(format!("{code} speaks in no fixture (`speaks`, `open` or `clears` of fixture.toml)"));
            }
            if !silent.contains(code) {
                faults.push(format!("{code} is shown silent in no fixture (`silent` of fixture.toml)"));
            }
        }
        laboratory(&folder.join("lab"), case, &mut faults);
        for code in speaks.union(&silent).filter(|code| case.rule(code).is_none()) {
            faults.push(format!("a fixture of {} names {code}, which is no rule of it", case.name));
        }
    }
    text(root, &mut faults)?;
    Ok(faults)
}

fn rooms(folder: &Path, case: &str, faults: &mut Vec<String>) {
    for room in ROOMS {
        let path = folder.join(room);
        let there = if room.ends_with('/') {
            fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some())
        } else {
            path.is_file()
        };
        if !there {
            faults.push(format!("cases/{case}/{room} is missing"));
        }
    }
}

/// The binary carries the whole laboratory: a file that is not in the table is missing where `casebook lab` runs.
fn laboratory(folder: &Path, case: &casebook_core::Case, faults: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_file()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !case.lab.is_empty() && !case.lab.iter().any(|(known, _)| *known == name) {
            faults.push(format!("cases/{}/lab/{name} is not in the case's `lab` table", case.name));
        }
    }
}

/// Codes that the fixtures of a case promise to speak and to stay silent.
fn promises(fixtures: &Path, faults: &mut Vec<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut speaks, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(fixtures).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        let path = entry.path().join("fixture.toml");
        let table = fs::read_to_string(&path).ok().and_then(|text| text.parse::<toml::Table>().ok());
        let Some(table) = table else {
            faults.push(format!("{} is missing or no TOML", path.display()));
            continue;
        };
        // A rule that leaves something open, or clears something of suspicion, speaks too.
        for key in ["speaks", "open", "clears", "silent"] {
            let list = table.get(key).and_then(toml::Value::as_array);
            let codes = if key == "silent" { &mut silent } else { &mut speaks };
            codes.extend(list.into_iter().flatten().filter_map(|code| code.as_str().map(str::to_owned)));
        }
    }
    (speaks, silent)
}

/// Words that may not stand in the repository: they name the machine it was written on.
fn forbidden() -> Vec<String> {
    // Put together here, so that this file does not hold what it looks for.
    vec![["/wo", "rk/"].concat(), ["/tmp", "/cb"].concat(), ["sha", "red/"].concat()]
}

fn text(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    let forbidden = forbidden();
    for path in sources(root)? {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if shown.ends_with(".rs") || shown.ends_with(".py") {
            let lines = text.lines().count();
            if lines > MAX_LINES {
                faults.push(format!("{shown} has {lines} lines, over {MAX_LINES}"));
            }
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = forbidden.iter().find(|word| names(line, word)) {
                faults.push(format!("{shown}:{} names {word}", number + 1));
            }
        }
    }
    Ok(())
}

/// True when `word` stands in `line` as a path of its own, not as the end of a longer one (`/usr/shared/`).
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_' || c == '/' || c == '-')
    })
}

/// Text files of the repository that people write.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    const KINDS: [&str; 9] = ["rs", "py", "md", "toml", "sh", "c", "html", "css", "js"];
    const SKIPPED: [&str; 6] = ["target", "corpus", "artifacts", "node_modules", "snapshots", "fixtures"];
    let mut found = Vec::new();
    let mut stack = vec![root.to_path_buf()];
    while let Some(folder) = stack.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type()?.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci";
                if !hidden && !SKIPPED.contains(&name.as_str()) && !name.starts_with("target") {
                    stack.push(path);
                }
            } else if path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) || name == "run" {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_shape() {
        let faults = faults(&crate::root()).unwrap();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }

    #[test]
    fn only_whole_paths_are_forbidden() {
        let word = ["sha", "red/"].concat();
        assert!(names(&format!("see {word}x"), &word));
        assert!(!names(&format!("/usr/{word}x"), &word));
    }
}
