//! `cargo xtask`: scaffolding, generated files, checks of the shape.

mod generate;
mod new_case;
mod shape;
mod wasm;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND

  new-case NAME PREFIX   make cases/NAME with every room, and register it
  register NAME          register cases/NAME, when it was made by hand
  generate               write docs/man and docs/completions from the arguments
  shape                  check that every case has its shape
  wasm                   build every case for wasm32-unknown-unknown";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["new-case", name, prefix] => new_case::run(&root(), name, prefix),
        ["register", name] => new_case::register(&root(), name),
        ["generate"] => generate::run(&root()),
        ["shape"] => shape::run(&root()),
        ["wasm"] => wasm::run(&root()),
        _ => bail!("{USAGE}"),
    }
}

/// Root of the repository.
fn root() -> PathBuf {
    // As it is when run: a binary that a copy of the repository shares would name the other one.
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let mut root = PathBuf::from(here);
    root.pop();
    root
}

/// Names of the cases: the folders under `cases/`.
fn cases(root: &std::path::Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("cases")).context("cases/")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Runs a command to its end; an error unless it succeeds.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}
