//! `cargo xtask new-case NAME PREFIX`: a case with every room, that builds and has its shape.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The rooms as they are furnished at first; `{…}` is filled in.
const FILES: [(&str, &str); 17] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.in")),
    ("clippy.toml", include_str!("../template/clippy.toml.in")),
    ("post.md", include_str!("../template/post.md.in")),
    ("src/lib.rs", include_str!("../template/lib.rs.in")),
    ("src/facts/mod.rs", include_str!("../template/facts.rs.in")),
    ("src/model/mod.rs", include_str!("../template/model.rs.in")),
    ("src/rules/mod.rs", include_str!("../template/rules.rs.in")),
    ("src/rules/first.rs", include_str!("../template/first.rs.in")),
    ("src/command.rs", include_str!("../template/command.rs.in")),
    ("src/page.rs", include_str!("../template/page.rs.in")),
    ("lab/run.sh", include_str!("../template/run.sh.in")),
    ("fixtures/speaks/evidence.{word}", "limit 10\nload 12\n"),
    ("fixtures/speaks/fixture.toml", "speaks = [\"{prefix}101\"]\n"),
    ("fixtures/silent/evidence.{word}", "limit 10\nload 9\n"),
    ("fixtures/silent/fixture.toml", "silent = [\"{prefix}101\"]\n"),
    ("tests/oracle.rs", include_str!("../template/oracle.rs.in")),
    ("benches/README.md", include_str!("../template/benches.md.in")),
];

const REGISTRY: &str = "crates/casebook-registry";

/// Makes the case and registers it.
pub(crate) fn run(root: &Path, name: &str, prefix: &str) -> Result<()> {
    if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        bail!("\"{name}\": a case is named in lower case, with -");
    }
    if prefix.len() != 3 || !prefix.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        bail!("\"{prefix}\": a prefix is three capitals");
    }
    let folder = root.join("cases").join(name);
    if folder.exists() {
        bail!("cases/{name} is there already");
    }
    let word = prefix.to_ascii_lowercase();
    let fill = |text: &str| {
        let text = text.replace("{name}", name).replace("{ident}", &name.replace('-', "_"));
        text.replace("{prefix}", prefix).replace("{word}", &word)
    };
    for (path, text) in FILES {
        let path = folder.join(fill(path));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, fill(text)).with_context(|| path.display().to_string())?;
    }
    register(root, name)?;
    println!("cases/{name}\nnext: CASEBOOK_BLESS=1 cargo test -p casebook --test it fixture::{name}");
    println!("then: cargo xtask generate && cargo test -p xtask");
    Ok(())
}

/// The generated line, and the two lines of dependencies; what is there already stays as it is.
pub(crate) fn register(root: &Path, name: &str) -> Result<()> {
    let dependency = format!("case-{name} = {{ path = \"cases/{name}\" }}");
    insert(&root.join("Cargo.toml"), &dependency, |line| line.starts_with("case-"), "casebook-probe = ")?;
    let dependency = format!("case-{name}.workspace = true");
    let manifest = root.join(REGISTRY).join("Cargo.toml");
    insert(&manifest, &dependency, |line| line.starts_with("case-"), "# The cases, one line each")?;

    let path = root.join(REGISTRY).join("src/cases.rs");
    let text = fs::read_to_string(&path)?;
    let entry = format!("&case_{}::CASE", name.replace('-', "_"));
    if !text.contains(&entry) {
        fs::write(&path, with_entry(&text, &entry)?)?;
    }
    Ok(())
}

/// Adds `entry` to the end of the list in `cases.rs`.
fn with_entry(text: &str, entry: &str) -> Result<String> {
    let (head, list) = text.split_once("= &[").context("cases.rs holds no list")?;
    let (list, tail) = list.split_once("];").context("the list in cases.rs has no end")?;
    let mut entries: Vec<&str> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    entries.push(entry);
    // A line each, so that two new cases do not meet in one line; rustfmt is told to leave it.
    let list: String = entries.iter().map(|entry| format!("\n    {entry},")).collect();
    Ok(format!("{head}= &[{list}\n];{tail}"))
}

/// Inserts `line` after the last line that `like` accepts, or else after the one that begins with `anchor`.
fn insert(path: &Path, line: &str, like: impl Fn(&str) -> bool, anchor: &str) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let key = line.split([' ', '.']).next().unwrap_or(line);
    if text.lines().any(|known| known.split([' ', '.']).next() == Some(key)) {
        return Ok(());
    }
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|known| like(known));
    let at = at.or_else(|| lines.iter().rposition(|known| known.starts_with(anchor)));
    let at = at.with_context(|| format!("{}: no place for \"{line}\"", path.display()))?;
    lines.insert(at + 1, line);
    fs::write(path, lines.join("\n") + "\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::ROOMS;

    #[test]
    fn the_scaffold_has_every_room() {
        let root = tempfile::tempdir().unwrap();
        let registry = root.path().join(REGISTRY);
        fs::create_dir_all(registry.join("src")).unwrap();
        fs::write(root.path().join("Cargo.toml"), "casebook-probe = { path = \"crates/casebook-probe\" }\n").unwrap();
        fs::write(registry.join("Cargo.toml"), "# The cases, one line each; generated.\n").unwrap();
        fs::write(registry.join("src/cases.rs"), "pub static CASES: &[&Case] = &[];\n").unwrap();
        run(root.path(), "demo-case", "DMO").unwrap();
        for room in ROOMS {
            assert!(root.path().join("cases/demo-case").join(room).exists(), "{room}");
        }
        let cases = fs::read_to_string(registry.join("src/cases.rs")).unwrap();
        assert_eq!(cases, "pub static CASES: &[&Case] = &[\n    &case_demo_case::CASE,\n];\n");
        register(root.path(), "demo-case").unwrap();
        assert_eq!(fs::read_to_string(registry.join("src/cases.rs")).unwrap(), cases, "registered once");
        assert!(run(root.path(), "demo-case", "DMO").is_err(), "twice");
        assert!(run(root.path(), "Demo", "DMO").is_err());
        assert!(run(root.path(), "demo", "dmo").is_err());
    }

    #[test]
    fn the_list_of_this_workspace_takes_another() {
        let own = include_str!("../../crates/casebook-registry/src/cases.rs");
        let added = own.replace("\n];", "\n    &case_b::CASE,\n];");
        assert_eq!(with_entry(own, "&case_b::CASE").unwrap(), added);
        assert_ne!(own, added);
    }
}
