//! `casebook link` with real compilers and linkers: what it says of a command that fails, and that its fix is tried with the real linker.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;

use crate::Test;
use crate::tool::{Ran, ends_with, run, sound};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("confirm_runs_the_fix_with_the_real_linker", confirms),
    ("confirm_says_where_no_edit_makes_it_link", nothing_to_confirm),
    ("confirm_is_for_people", confirm_is_text),
    ("a_command_that_links_is_no_finding", links),
    ("what_is_not_there_is_the_finding", not_there),
];

/// `main.o` that calls `part`, and `libpart.a` that has it; `None` where there is no compiler.
fn built() -> Result<Option<tempfile::TempDir>, Failed> {
    let have = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|done| done.status.success());
    if !have("gcc") || !have("ld.bfd") {
        // The packages of `.ci/run` have both.
        assert!(std::env::var_os("CI").is_none(), "gcc and ld.bfd are not installed");
        writeln!(std::io::stderr(), "skipped: gcc and ld.bfd are not installed")?;
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let place = folder.path();
    fs::write(place.join("main.c"), "int part(void);\nint main(void) { return part(); }\n")?;
    fs::write(place.join("part.c"), "int part(void) { return 0; }\n")?;
    for command in [["gcc", "-c", "main.c"].as_slice(), &["gcc", "-c", "part.c"], &["ar", "rcs", "libpart.a", "part.o"]]
    {
        let done = Command::new(command[0]).args(&command[1..]).current_dir(place).status()?;
        assert!(done.success(), "{command:?}");
    }
    fs::remove_file(place.join("part.o"))?;
    Ok(Some(folder))
}

fn link(folder: &Path, args: &[&str], code: i32) -> Result<Ran, Failed> {
    let mut all = vec!["link"];
    all.extend(args);
    let ran = run(folder, &all);
    sound(&ran)?;
    ends_with(&ran, &[code])?;
    Ok(ran)
}

fn has(text: &str, words: &str) -> Result<(), Failed> {
    if text.contains(words) { Ok(()) } else { Err(format!("no \"{words}\" in:\n{text}").into()) }
}

fn confirms() -> Result<(), Failed> {
    let Some(folder) = built()? else { return Ok(()) };
    let command = ["--confirm", "--", "gcc", "-fuse-ld=bfd", "libpart.a", "main.o", "-o", "app"];
    let ran = link(folder.path(), &command, 1)?;
    has(&ran.stdout, "error[LNK101]: `part` is undefined for ld.bfd")?;
    has(&ran.stdout, "confirm: the real linker links it: gcc -fuse-ld=bfd main.o libpart.a -o app")?;
    // What was made was made elsewhere.
    assert!(!folder.path().join("app").exists());
    Ok(())
}

fn nothing_to_confirm() -> Result<(), Failed> {
    let Some(folder) = built()? else { return Ok(()) };
    fs::remove_file(folder.path().join("libpart.a"))?;
    let ran = link(folder.path(), &["--confirm", "--", "gcc", "-fuse-ld=bfd", "main.o", "-o", "app"], 1)?;
    has(&ran.stdout, "error[LNK111]: `part` is undefined for ld.bfd")?;
    has(&ran.stdout, "confirm: no edit of the line was found that makes it link")
}

fn confirm_is_text() -> Result<(), Failed> {
    let Some(folder) = built()? else { return Ok(()) };
    let command = ["--confirm", "--format", "json", "--", "gcc", "-fuse-ld=bfd", "libpart.a", "main.o", "-o", "app"];
    let ran = link(folder.path(), &command, 2)?;
    has(&ran.stderr, "--confirm is told in text")
}

fn links() -> Result<(), Failed> {
    let Some(folder) = built()? else { return Ok(()) };
    let ran = link(folder.path(), &["--", "gcc", "-fuse-ld=bfd", "main.o", "libpart.a", "-o", "app"], 0)?;
    has(&ran.stdout, "nothing found")?;
    assert!(!folder.path().join("app").exists());
    Ok(())
}

/// Even where nothing of the command is there, it is a command of this machine and not a text from another.
fn not_there() -> Result<(), Failed> {
    let Some(folder) = built()? else { return Ok(()) };
    let ran = link(folder.path(), &["--", "gcc", "-fuse-ld=bfd", "gone.o", "-lgone", "-o", "app"], 1)?;
    has(&ran.stdout, "error[LNK301]: `gone.o` was not found")?;
    has(&ran.stdout, "error[LNK301]: `-lgone` was not found")
}
