//! What is generated from the arguments and committed must be what the arguments are now.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;

use crate::Test;
use crate::tool::{ends_with, root, run};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("man_pages_are_current", man),
    ("completions_are_current", completions),
    ("the_report_in_the_readme_is_current", readme),
];

fn man() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    ends_with(&run(folder.path(), &["man", "man"]), &[0])?;
    let names = |at: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(at).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let (new, committed) = (folder.path().join("man"), root().join("docs/man"));
    if names(&new) != names(&committed) {
        return Err("docs/man has other pages; run `cargo xtask generate`".into());
    }
    for name in names(&new) {
        same(&fs::read_to_string(new.join(&name))?, &committed.join(&name))?;
    }
    Ok(())
}

fn completions() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    for (shell, file) in [("bash", "casebook.bash"), ("zsh", "_casebook"), ("fish", "casebook.fish")] {
        let ran = run(folder.path(), &["completions", shell]);
        ends_with(&ran, &[0])?;
        same(&ran.stdout, &root().join("docs/completions").join(file))?;
    }
    Ok(())
}

/// README shows the head of the report its first command prints. CASEBOOK_BLESS=1 writes it.
fn readme() -> Result<(), Failed> {
    let ran = run(&root(), &["check", "cases/nftables/fixtures/story"]);
    ends_with(&ran, &[1])?;
    let report = ran.stdout.split("\n\nexonerated").next().unwrap_or_default().trim_end();
    let path = root().join("README.md");
    let text = fs::read_to_string(&path)?;
    let mut parts = text.split("```");
    let old = parts.nth(3).ok_or("README.md has no report")?;
    let new = format!("\n{report}\n");
    if old == new {
        return Ok(());
    }
    if std::env::var_os("CASEBOOK_BLESS").is_some() {
        fs::write(&path, text.replacen(&format!("```{old}```"), &format!("```{new}```"), 1))?;
        return Ok(());
    }
    Err("the report in README.md is out of date; CASEBOOK_BLESS=1 writes it".into())
}

fn same(new: &str, path: &Path) -> Result<(), Failed> {
    let old =
        fs::read_to_string(path).map_err(|error| format!("{}: {error}; run `cargo xtask generate`", path.display()))?;
    if old == new {
        Ok(())
    } else {
        Err(format!("{} is out of date; run `cargo xtask generate`", path.display()).into())
    }
}
