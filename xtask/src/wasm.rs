//! Law 9: every case builds for the page.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{cases, succeed};

const TARGET: &str = "wasm32-unknown-unknown";
/// A machine without network must not wait for the standard library of the target for ever.
const PATIENCE: Duration = Duration::from_secs(180);

/// Builds every case for wasm32, or says why it cannot.
pub(crate) fn run(root: &Path) -> Result<()> {
    if let Err(why) = target() {
        println!("wasm32 build: skipped: {why}");
        return Ok(());
    }
    for case in cases(root)? {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root).args(["build", "--quiet", "--profile", "wasm", "--target", TARGET]);
        succeed(cargo.args(["--package", &format!("case-{case}")])).with_context(|| format!("cases/{case}"))?;
        println!("wasm32 build: case-{case}: ok");
    }
    Ok(())
}

fn target() -> Result<(), String> {
    if installed() {
        return Ok(());
    }
    let mut child = Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the target is not installed, and rustup cannot be started: {error}"))?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(_)) if installed() => return Ok(()),
            Ok(Some(status)) => return Err(format!("rustup target add ended with {status}")),
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(error.to_string()),
        }
    }
    // It may have ended meanwhile; either way it is not waited for any longer.
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("rustup target add took longer than {} s", PATIENCE.as_secs()))
}

/// True when this compiler has the standard library of the target.
fn installed() -> bool {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    libraries.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
    })
}
