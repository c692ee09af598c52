//! `casebook memory record` and `top` on a copied tree of control groups: groups come and go, the recorder is stopped, started
//! again and killed, and what it wrote is read.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::Test;
use crate::tool::{casebook, run};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("a_recording_is_complete_when_it_is_stopped", stopped),
    ("a_recorder_started_again_adds_to_its_file", again),
    ("top_prints_one_frame_without_a_terminal", once),
    ("what_cannot_be_watched_is_one_sentence", wrong),
];

fn group(root: &Path, path: &str, current: u64) -> Result<(), Failed> {
    let folder = root.join(path);
    fs::create_dir_all(&folder)?;
    let mib = |mib: u64| mib << 20;
    fs::write(folder.join("memory.current"), format!("{}\n", mib(current)))?;
    fs::write(folder.join("memory.max"), format!("{}\n", mib(64)))?;
    fs::write(folder.join("memory.events"), "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n")?;
    let stat = format!("anon {}\nfile {}\nkernel 0\nshmem 0\n", mib(current / 2), mib(current - current / 2));
    fs::write(folder.join("memory.stat"), stat)?;
    Ok(())
}

fn tree() -> Result<tempfile::TempDir, Failed> {
    let dir = tempfile::tempdir()?;
    fs::create_dir_all(dir.path().join("t"))?;
    fs::write(dir.path().join("t/cgroup.controllers"), "memory\n")?;
    group(dir.path(), "t/a.slice", 40)?;
    group(dir.path(), "t/a.slice/x.service", 20)?;
    Ok(dir)
}

/// A recorder that ends with the test.
struct Recorder(Child);

impl Recorder {
    fn start(folder: &Path) -> Result<Self, Failed> {
        let child = Command::new(casebook())
            .args(["memory", "record", "--root", "t", "-o", "r.mem", "--interval", "50ms", "--format", "json"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut recorder = Self(child);
        // The file is there with the first sample.
        while fs::metadata(folder.join("r.mem")).map_or(true, |meta| meta.len() == 0) {
            if let Some(status) = recorder.0.try_wait()? {
                return Err(format!("it ended: {status}").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(recorder)
    }

    fn end(mut self, signal: Signal) -> Result<String, Failed> {
        kill(Pid::from_raw(i32::try_from(self.0.id())?), signal)?;
        let mut out = String::new();
        let pipe = self.0.stdout.take().ok_or("no output")?;
        std::io::Read::read_to_string(&mut { pipe }, &mut out)?;
        self.0.wait()?;
        Ok(out)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `check` says of the recording.
fn coverage(folder: &Path) -> Result<Value, Failed> {
    let ran = run(folder, &["check", "--format", "json", "r.mem"]);
    let report: Value = serde_json::from_str(&ran.stdout)?;
    Ok(report["coverage"][0].clone())
}

fn stopped() -> Result<(), Failed> {
    let dir = tree()?;
    let recorder = Recorder::start(dir.path())?;
    group(dir.path(), "t/b.slice", 10)?;
    thread::sleep(Duration::from_millis(300));
    let said: Value = serde_json::from_str(&recorder.end(Signal::SIGINT)?)?;
    assert_eq!(said["groups"], 4, "the root, and the group that came: {said}");
    assert!(said["samples"].as_u64() > Some(1), "{said}");
    assert_eq!(said["bytes"].as_u64(), Some(fs::metadata(dir.path().join("r.mem"))?.len()));
    let coverage = coverage(dir.path())?;
    assert_eq!((&coverage["kind"], &coverage["status"]), (&"memory-recording".into(), &"read".into()), "{coverage}");
    Ok(())
}

fn again() -> Result<(), Failed> {
    let dir = tree()?;
    Recorder::start(dir.path())?.end(Signal::SIGKILL)?;
    let before = fs::metadata(dir.path().join("r.mem"))?.len();
    let recorder = Recorder::start(dir.path())?;
    thread::sleep(Duration::from_millis(200));
    recorder.end(Signal::SIGTERM)?;
    assert!(fs::metadata(dir.path().join("r.mem"))?.len() > before);
    assert_eq!(coverage(dir.path())?["kind"], "memory-recording");
    // Nothing else is written over.
    fs::write(dir.path().join("notes"), "mine\n")?;
    let ran = run(dir.path(), &["memory", "record", "--root", "t", "-o", "notes"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("notes is no recording"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(dir.path().join("notes"))?, "mine\n");
    Ok(())
}

fn once() -> Result<(), Failed> {
    let dir = tree()?;
    let ran = run(dir.path(), &["memory", "top", "--root", "t", "--sort", "current"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows: Vec<Vec<&str>> =
        ran.stdout.lines().skip(2).map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(rows, [["/a.slice", "40M", "64M"], ["/a.slice/x.service", "20M", "64M"], ["/", "-", "max"]]);
    assert!(!ran.stdout.contains('\u{1b}'), "no terminal, no sequences");
    let ran = run(dir.path(), &["memory", "top", "--root", "t", "--once", "--format", "json", "/a.slice/x.service"]);
    let said: Value = serde_json::from_str(&ran.stdout)?;
    assert_eq!(said["groups"][2]["current"], 20 << 20);
    assert_eq!(said["groups"][2]["floor"]["at_least"], 10 << 20, "{said}");
    Ok(())
}

fn wrong() -> Result<(), Failed> {
    let dir = tree()?;
    for (args, why) in [
        (&["--root", "no"][..], "no: no such folder"),
        (&["--root", "t", "/b.slice"], "t: no group /b.slice in it"),
        (&["--root", "t", "--interval", "soon"], "--interval soon: expected a time"),
        (&["--root", "t", "--interval", "1ms"], "--interval is less than 50ms"),
        (&["--root", "t", "--sort", "size"], "--sort size is not known"),
    ] {
        let ran = run(dir.path(), &[&["memory", "top", "--once"], args].concat());
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    }
    Ok(())
}
