//! `casebook collect`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use casebook_collect::{Reading, live, pack, redact};
use casebook_core::{Case, WantSource};
use casebook_registry::{CASES, find_case};

use crate::args::Collect;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::screen;

pub(crate) fn run(args: &Collect) -> Result<u8, Failure> {
    let cases = chosen(&args.cases)?;
    let Some(output) = args.output.as_deref().filter(|_| !args.list) else { return list(&cases) };
    let mapping_path = mapping_path(output);
    // Nothing is collected that could then not be written.
    for path in [Some(output), args.redact.then_some(mapping_path.as_path())].into_iter().flatten() {
        if path.is_file() || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            let hint = Some("name another; what is there is never overwritten".to_owned());
            return Err(Failure::usage(format!("{} is there already", path.display()), hint));
        }
    }
    let progress = Progress::start("collecting");
    let mut readings = live::read(&cases, |name| progress.say(name));
    drop(progress);
    let mut manifest = live::manifest(&readings, env!("CARGO_PKG_VERSION"));
    if args.redact {
        let names = names(&manifest);
        let mapping = redact::redact(&mut readings, &names);
        let leaks = redact::leaks(&readings, &mapping);
        if !leaks.is_empty() {
            return Err(Failure::usage(
                format!("{} originals are left after redaction; nothing was written", leaks.len()),
                None,
            ));
        }
        manifest = live::manifest(&readings, env!("CARGO_PKG_VERSION"));
        if let Some(host) = manifest.get_mut("host") {
            *host = serde_json::Value::from("redacted");
        }
        pack::create(&mapping_path, mapping.text().as_bytes())?;
    }
    pack::write(output, &readings, &manifest)?;
    summary(output, &readings)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Case>, Failure> {
    if names.is_empty() {
        return Ok(CASES.to_vec());
    }
    let hint = || Some("`casebook cases` lists them".to_owned());
    let find = |name: &String| {
        find_case(CASES, name).ok_or_else(|| Failure::usage(format!("no case is called \"{name}\""), hint()))
    };
    names.iter().map(find).collect()
}

fn list(cases: &[&'static Case]) -> Result<u8, Failure> {
    let mut out = screen::stdout();
    for want in cases.iter().flat_map(|case| case.wants) {
        let source = match want.source {
            WantSource::Command(argv) => argv.join(" "),
            WantSource::File(path) => path.to_owned(),
            WantSource::Tree { root, .. } => format!("{root}/**"),
        };
        writeln!(out, "{}  {source}\n    without it: {}", want.name, want.without)?;
    }
    out.flush()?;
    Ok(0)
}

/// Names a redacted bundle must not hold: this host's, and those of its users.
fn names(manifest: &serde_json::Value) -> Vec<(String, &'static str)> {
    let mut names: Vec<(String, &'static str)> = Vec::new();
    if let Some(host) = manifest.get("host").and_then(serde_json::Value::as_str) {
        names.push((host.to_owned(), "host"));
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let (user, uid) = (fields.next().unwrap_or_default(), fields.nth(1).and_then(|uid| uid.parse::<u32>().ok()));
        // Accounts of the system are the same everywhere and tell nothing.
        if uid.is_some_and(|uid| (1000..65534).contains(&uid)) {
            names.push((user.to_owned(), "user"));
        }
    }
    names
}

/// Beside the bundle, never in it.
fn mapping_path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".mapping");
    PathBuf::from(name)
}

fn summary(output: &Path, readings: &[Reading]) -> Result<u8, Failure> {
    let mut out = screen::stdout();
    let read = readings.iter().filter(|reading| reading.bytes.is_some()).count();
    for reading in readings {
        let entry = &reading.entry;
        match &reading.bytes {
            Some(_) => {
                let cut = if entry.truncated { ", cut off at its limit" } else { "" };
                writeln!(out, "read    {}  {} bytes{cut}  ({})", entry.name, entry.bytes, entry.source())?;
            }
            None => writeln!(out, "failed  {}  {}", entry.name, entry.failure())?,
        }
    }
    writeln!(out, "{}: {read} read, {} failed", output.display(), readings.len() - read)?;
    if !live::privileged() {
        writeln!(out, "not run as root: what only root can read is missing")?;
    }
    out.flush()?;
    Ok(if read == 0 { 3 } else { 0 })
}
