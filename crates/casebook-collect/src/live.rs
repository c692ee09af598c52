//! Reading the running machine: the commands and files that cases ask for, and nothing else. It only reads.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use casebook_core::{Bytes, Case, Want, WantSource};
use serde_json::{Value, json};

use crate::source::{Disk, Source, explain};

/// Kept of what a command says on standard error.
const MAX_STDERR: u64 = 16 << 10;
/// Files one glob may name.
const MAX_FILES: usize = 4096;

/// One thing that was read, or could not be.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name in the bundle.
    pub name: String,
    /// Case that asked for it.
    pub case: &'static str,
    /// Command and arguments, for a command.
    pub argv: Vec<String>,
    /// Path, for a file.
    pub path: Option<String>,
    /// Exit status, for a command that ended by itself.
    pub status: Option<i32>,
    /// What it said on standard error.
    pub stderr: String,
    /// Bytes kept.
    pub bytes: u64,
    /// True when the limit cut it off.
    pub truncated: bool,
    /// Time it took, in milliseconds.
    pub milliseconds: u64,
    /// Why there is nothing, one sentence.
    pub error: Option<String>,
    /// What is lost without it.
    pub without: &'static str,
}

/// An entry and its bytes.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What was read.
    pub entry: Entry,
    /// What it held; `None` when it could not be read.
    pub bytes: Option<Bytes>,
}

impl Entry {
    pub(crate) fn new(case: &'static str, want: &Want) -> Self {
        Self {
            name: want.name.to_owned(),
            case,
            argv: Vec::new(),
            path: None,
            status: None,
            stderr: String::new(),
            bytes: 0,
            truncated: false,
            milliseconds: 0,
            error: None,
            without: want.without,
        }
    }

    /// What was run or opened, as a person would type it.
    pub fn source(&self) -> String {
        match &self.path {
            Some(path) => path.clone(),
            None => self.argv.join(" "),
        }
    }

    /// Why it could not be read, and what is lost.
    pub fn failure(&self) -> String {
        let why = self.error.as_deref().unwrap_or("not read");
        let first = self.stderr.lines().next().map(|line| format!(" ({line})")).unwrap_or_default();
        format!("{}: {why}{first}; {}", self.source(), self.without)
    }

    /// Its entry in the manifest.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name, "case": self.case, "argv": self.argv, "path": self.path, "status": self.status,
            "stderr": self.stderr, "bytes": self.bytes, "truncated": self.truncated,
            "milliseconds": self.milliseconds, "error": self.error,
            "without": self.error.is_some().then_some(self.without),
        })
    }
}

/// Reads everything `cases` want, in order; what two cases want is read once. `progress` hears each name.
pub fn read(cases: &[&'static Case], mut progress: impl FnMut(&str)) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut done: Vec<(&str, WantSource)> = Vec::new();
    for case in cases {
        for want in case.wants {
            if done.contains(&(want.name, want.source)) {
                continue;
            }
            done.push((want.name, want.source));
            progress(want.name);
            tracing::debug!(name = want.name, "collecting");
            match want.source {
                WantSource::Command(argv) => readings.push(command(case.name, want, argv)),
                WantSource::File(pattern) => readings.extend(files(case.name, want, pattern)),
                WantSource::Tree { root, names } => readings.push(tree(case.name, want, root, names)),
            }
        }
    }
    readings
}

fn command(case: &'static str, want: &Want, argv: &[&str]) -> Reading {
    let mut entry = Entry { argv: argv.iter().map(|arg| (*arg).to_owned()).collect(), ..Entry::new(case, want) };
    let started = Instant::now();
    let bytes = match run(argv, &[], want, &mut entry) {
        Ok(bytes) => bytes,
        Err(error) => {
            entry.error = Some(match error.kind() {
                std::io::ErrorKind::NotFound => "the command is not installed".to_owned(),
                _ => explain(&error),
            });
            Vec::new()
        }
    };
    entry.milliseconds = started.elapsed().as_millis() as u64;
    entry.bytes = bytes.len() as u64;
    let bytes = entry.error.is_none().then(|| Bytes::new(bytes));
    Reading { entry, bytes }
}

/// What a command prints; `entry` gets how it ended.
pub(crate) fn run(argv: &[&str], envs: &[(&str, &str)], want: &Want, entry: &mut Entry) -> std::io::Result<Vec<u8>> {
    let [program, args @ ..] = argv else {
        return Err(std::io::Error::other("the case names no command"));
    };
    // Tools that read the kernel are in sbin, which an ordinary user's PATH leaves out.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut child = Command::new(program)
        .args(args)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .envs(envs.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (sender, receiver) = mpsc::channel();
    drain(child.stdout.take(), want.max_bytes, true, &sender);
    drain(child.stderr.take(), MAX_STDERR, false, &sender);
    drop(sender);

    let deadline = Instant::now() + Duration::from_secs(u64::from(want.timeout_s.max(1)));
    let (mut out, mut status) = (Vec::new(), None);
    for _ in 0..2 {
        let Ok(got) = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) else { break };
        if got.stdout {
            entry.truncated = got.more;
            out = got.bytes;
        } else {
            entry.stderr = String::from_utf8_lossy(&got.bytes).trim_end().to_owned();
        }
    }
    while status.is_none() && Instant::now() < deadline {
        status = child.try_wait()?;
        if status.is_none() {
            thread::sleep(Duration::from_millis(2));
        }
    }
    match status {
        Some(status) => {
            entry.status = status.code();
            if !status.success() {
                entry.error = Some(format!("it failed with {status}"));
            }
        }
        None => {
            child.kill()?;
            child.wait()?;
            entry.error = Some(format!("no end after {} s, stopped", want.timeout_s.max(1)));
        }
    }
    Ok(out)
}

struct Drained {
    bytes: Vec<u8>,
    more: bool,
    stdout: bool,
}

/// Reads a pipe to its end on a thread, so that neither pipe can fill and stop the command.
fn drain(pipe: Option<impl Read + Send + 'static>, limit: u64, stdout: bool, sender: &mpsc::Sender<Drained>) {
    let Some(mut pipe) = pipe else { return };
    let sender = sender.clone();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // An error here is the command's end; what was read until then is kept.
        let _ = (&mut pipe).take(limit).read_to_end(&mut bytes);
        let more = std::io::copy(&mut pipe, &mut std::io::sink()).is_ok_and(|rest| rest > 0);
        let _ = sender.send(Drained { bytes, more, stdout });
    });
}

fn files(case: &'static str, want: &Want, pattern: &str) -> Vec<Reading> {
    let mut paths = vec![pattern.to_owned()];
    let wild = crate::glob::is_pattern(pattern);
    if wild {
        paths = crate::refer::expand(&Disk, pattern);
        paths.truncate(MAX_FILES);
    }
    if paths.is_empty() {
        let error = Some("no such file".to_owned());
        let entry = Entry { path: Some(pattern.to_owned()), error, ..Entry::new(case, want) };
        return vec![Reading { entry, bytes: None }];
    }
    paths.into_iter().map(|path| file(case, want, path, wild)).collect()
}

fn file(case: &'static str, want: &Want, path: String, wild: bool) -> Reading {
    let mut entry = Entry::new(case, want);
    let started = Instant::now();
    if wild {
        // The want names a folder then; the file keeps its own path below it.
        entry.name = format!("{}/{}", want.name.trim_end_matches('/'), path.trim_start_matches('/'));
    }
    let bytes = match Disk.read(&path, want.max_bytes) {
        Ok(bytes) => {
            entry.bytes = bytes.as_slice().len() as u64;
            Some(bytes)
        }
        Err(refusal) => {
            entry.error = Some(refusal.why);
            None
        }
    };
    entry.path = Some(path);
    entry.milliseconds = started.elapsed().as_millis() as u64;
    Reading { entry, bytes }
}

/// A tree of control groups, as one text.
fn tree(case: &'static str, want: &Want, root: &str, names: &'static [&'static str]) -> Reading {
    let mut entry = Entry { path: Some(format!("{root}/**")), ..Entry::new(case, want) };
    let started = Instant::now();
    let read = crate::cgroup::locate(root).and_then(|found| {
        let text = crate::cgroup::text(&found, names, want.max_bytes);
        entry.truncated = text.over.is_some();
        entry.stderr = text.said().unwrap_or_default();
        text.bytes(root)
    });
    entry.milliseconds = started.elapsed().as_millis() as u64;
    let bytes = match read {
        Ok(bytes) => {
            entry.bytes = bytes.len() as u64;
            Some(Bytes::new(bytes))
        }
        Err(why) => {
            entry.error = Some(why);
            None
        }
    };
    Reading { entry, bytes }
}

/// True when this process has all rights; otherwise some readings will fail.
pub fn privileged() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        uids.and_then(|uids| uids.split_whitespace().nth(1)).is_some_and(|uid| uid == "0")
    })
}

/// The manifest of a bundle.
pub fn manifest(readings: &[Reading], version: &str) -> Value {
    let read = |path: &str| fs::read_to_string(Path::new(path)).map(|text| text.trim().to_owned()).ok();
    json!({
        "schema": "casebook.bundle/1",
        "tool": { "name": "casebook", "version": version },
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "host": read("/proc/sys/kernel/hostname"),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "machine": std::env::consts::ARCH,
        "privileged": privileged(),
        "entries": readings.iter().map(|reading| reading.entry.json()).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(timeout_s: u32, max_bytes: u64) -> Want {
        Want { name: "x", source: WantSource::Command(&[]), timeout_s, max_bytes, without: "x is unknown" }
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped() {
        let reading = command("demo", &want(1, 100), &["sleep", "60"]);
        assert_eq!(reading.entry.error.as_deref(), Some("no end after 1 s, stopped"));
    }

    #[test]
    fn output_over_the_limit_is_cut_and_said_so() {
        let reading = command("demo", &want(10, 10), &["seq", "1000"]);
        assert_eq!(reading.bytes.unwrap().as_slice().len(), 10);
        assert!(reading.entry.truncated);
    }

    #[test]
    fn a_command_that_is_not_there_names_what_is_lost() {
        let reading = command("demo", &want(1, 10), &["no-such-command-here", "-x"]);
        assert_eq!(reading.entry.failure(), "no-such-command-here -x: the command is not installed; x is unknown");
    }

    #[test]
    fn a_failing_command_keeps_its_status_and_words() {
        let reading = command("demo", &want(5, 10), &["sh", "-c", "echo no >&2; exit 3"]);
        assert_eq!(reading.entry.status, Some(3));
        assert!(reading.entry.failure().contains("(no)"));
    }
}
