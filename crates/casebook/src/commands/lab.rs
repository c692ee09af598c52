//! `casebook lab`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use casebook_registry::{CASES, find_case};

use crate::args::Lab;
use crate::commands::check;
use crate::failure::Failure;
use crate::screen;

/// Writes the laboratory's files to a temporary folder and runs `bash run.sh -o DIR ARGS`, then checks DIR.
pub(crate) fn run(args: &Lab) -> Result<u8, Failure> {
    let case = find_case(CASES, &args.case).ok_or_else(|| {
        let hint = Some("`casebook cases` lists the cases".to_owned());
        Failure::usage(format!("no case is called \"{}\"", args.case), hint)
    })?;
    if case.lab.is_empty() {
        return Err(Failure::usage(format!("the case {} has no laboratory", case.name), None));
    }
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("casebook-lab-{}", case.name)));
    let files = tempfile::tempdir().context("cannot make a temporary folder")?;
    for (name, text) in case.lab {
        let path = files.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    let status = Command::new("bash")
        .arg(files.path().join("run.sh"))
        .arg("-o")
        .arg(&output)
        .args(&args.rest)
        .status()
        .context("cannot start bash")?;
    if !status.success() {
        let hint = Some(format!("its last line says why; what it left is in {}", output.display()));
        return Err(Failure::usage(format!("the laboratory of {} ended with {status}", case.name), hint));
    }
    if !output.is_dir() {
        // `-- --help` and the like leave nothing to check.
        return Ok(0);
    }
    screen::say(&format!("evidence: {}", output.display()));
    check::folder(&output.to_string_lossy())
}
