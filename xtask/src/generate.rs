//! Files that are views of the arguments. `crates/casebook/tests/it/generated.rs` fails when one is out of date.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::succeed;

/// Writes `docs/man` and `docs/completions`.
pub(crate) fn run(root: &Path) -> Result<()> {
    let cargo = || {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(root).args(["run", "--quiet", "--package", "casebook", "--"]);
        command
    };
    let man = root.join("docs/man");
    if man.is_dir() {
        // Pages of verbs that are gone must go too.
        fs::remove_dir_all(&man)?;
    }
    succeed(cargo().args(["man", "docs/man"]))?;
    let folder = root.join("docs/completions");
    fs::create_dir_all(&folder)?;
    for (shell, file) in [("bash", "casebook.bash"), ("zsh", "_casebook"), ("fish", "casebook.fish")] {
        let output = cargo().args(["completions", shell]).output().context("cannot start cargo")?;
        if !output.status.success() {
            bail!("completions {shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::write(folder.join(file), output.stdout)?;
    }
    println!("docs/man, docs/completions");
    Ok(())
}
