//! Running the binary and looking at what it left.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::Value;

/// Memory no run may go over, whatever it is given.
const MAX_KIB: i64 = 512 * 1024;

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary under test.
pub(crate) fn casebook() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_casebook"))
}

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    // As it is when run: a binary that a copy of the repository shares would name the other one.
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let mut root = PathBuf::from(here);
    root.pop();
    root.pop();
    root
}

/// Runs `casebook ARGS` in `folder`.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ran {
    feed(folder, args, b"")
}

/// Runs it with `input` on standard input.
pub(crate) fn feed(folder: &Path, args: &[&str], input: &[u8]) -> Ran {
    wait(Command::new(casebook()).args(args), folder, input)
}

/// Runs any command the same way.
pub(crate) fn wait(command: &mut Command, folder: &Path, input: &[u8]) -> Ran {
    let mut child = command
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The program may end without reading all of it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The largest resident set of any run so far, in KiB, must be under the limit. The kernel keeps the maximum
/// over all children, so one run that went over fails every later look as well.
pub(crate) fn memory_is_bounded() -> Result<(), Failed> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    if used > MAX_KIB { Err(format!("a run took {used} KiB, over {MAX_KIB} KiB").into()) } else { Ok(()) }
}

/// `casebook check --format json ARGS`, which must not have broken.
pub(crate) fn report(folder: &Path, args: &[&str]) -> Result<(Value, Ran), Failed> {
    let mut all = vec!["check", "--format", "json"];
    all.extend(args);
    let ran = run(folder, &all);
    sound(&ran)?;
    let report = serde_json::from_str(&ran.stdout).map_err(|error| format!("no JSON: {error}: {}", ran.stdout))?;
    memory_is_bounded()?;
    Ok((report, ran))
}

/// The run ended with an exit code of the four, and nothing panicked.
pub(crate) fn sound(ran: &Ran) -> Result<(), Failed> {
    if !matches!(ran.code, Some(0..=3)) {
        return Err(format!("ended with {:?}: {}", ran.code, ran.stderr).into());
    }
    for text in [&ran.stdout, &ran.stderr] {
        if text.contains("internal error:") || text.contains("panicked") {
            return Err(format!("something broke: {text}").into());
        }
    }
    Ok(())
}

/// Fails unless the exit code is one of `codes`.
pub(crate) fn ends_with(ran: &Ran, codes: &[i32]) -> Result<(), Failed> {
    match ran.code {
        Some(code) if codes.contains(&code) => Ok(()),
        code => Err(format!("exit code {code:?}, not of {codes:?}\n{}\n{}", ran.stdout, ran.stderr).into()),
    }
}

/// Coverage lines whose path is `path`, as `(status, note)`.
pub(crate) fn coverage(report: &Value, path: &str) -> Vec<(String, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let lines = report["coverage"].as_array().map_or(&[][..], Vec::as_slice);
    let lines = lines.iter().filter(|line| line["evidence"] == path);
    lines.map(|line| (text(line, "status"), text(line, "note"))).collect()
}

/// Fails unless exactly one coverage line speaks of `path`, with `status` and `words` in its note.
pub(crate) fn covered_once(report: &Value, path: &str, status: &[&str], words: &str) -> Result<(), Failed> {
    match &coverage(report, path)[..] {
        [(got, note)] if status.contains(&got.as_str()) && note.contains(words) => Ok(()),
        lines => Err(format!("coverage of {path}: {lines:?}; expected one, {status:?} with \"{words}\"").into()),
    }
}

/// Every path below `folder`, with its size: what a run has left behind shows here.
pub(crate) fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut stack = vec![folder.to_path_buf()];
    while let Some(at) = stack.pop() {
        let Ok(entries) = fs::read_dir(&at) else { continue };
        for entry in entries.flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                stack.push(entry.path());
            }
            found.push((entry.path(), meta.len()));
        }
    }
    found.sort();
    found
}
