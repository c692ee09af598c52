//! The linkers of this machine: which there are, how they are run, what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use case_link_errors::model::input::Program;
use case_link_errors::model::outcome::{Linker, LinkerKind};

use crate::{messages, read};

/// A linker that is there.
#[derive(Clone, Debug)]
pub struct Real {
    /// `bfd`, `gold`, `lld14`, `lld19`, `rust-lld`, `mold`, `wild`.
    pub name: String,
    pub linker: Linker,
    program: String,
    arguments: Vec<String>,
}

/// What a linker did with a scenario, or what the model says it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    pub linked: bool,
    /// Symbols that are undefined, with `@VERSION` where the message has it.
    pub undefined: BTreeSet<String>,
    pub duplicates: BTreeSet<String>,
    /// ld.bfd names one and stops.
    pub dso_missing: BTreeSet<String>,
    /// Other reasons, as `kind:name`.
    pub refusals: BTreeSet<String>,
    /// The linker met an error of its own: nothing to hold a model against.
    pub crashed: Option<String>,
    /// Lines of the linker nobody understood.
    pub unparsed: Vec<String>,
    pub extracted: BTreeSet<String>,
    pub needed: Vec<String>,
    /// Symbol -> the object that defines it, or `COMMON`.
    pub winners: BTreeMap<String, BTreeSet<String>>,
    /// Things the model leaves open: no comparison.
    pub unknown: Vec<String>,
}

/// The linkers of this machine that `wanted` names (all where it is empty), and a line for each that is not there.
pub fn find(wanted: &[String]) -> (Vec<Real>, Vec<String>) {
    let mut candidates: Vec<(&str, String, Vec<String>)> = vec![
        ("bfd", "ld.bfd".into(), vec![]),
        ("gold", "ld.gold".into(), vec![]),
        ("lld14", "ld.lld-14".into(), vec![]),
        ("lld19", "ld.lld-19".into(), vec![]),
    ];
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    if let Ok(sysroot) = sysroot {
        let root = String::from_utf8_lossy(&sysroot.stdout).trim().to_string();
        let path = format!("{root}/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
        candidates.push(("rust-lld", path, vec!["-flavor".into(), "gnu".into()]));
    }
    candidates.push(("mold", "mold".into(), vec![]));
    candidates.push(("wild", std::env::var("CASEBOOK_WILD").unwrap_or("wild".into()), vec![]));
    let mut found = vec![];
    let mut absent = vec![];
    for (name, program, arguments) in candidates {
        if !wanted.is_empty() && !wanted.iter().any(|want| want == name) {
            continue;
        }
        match version(&program, &arguments) {
            Some(linker) => found.push(Real { name: name.into(), linker, program, arguments }),
            None => absent.push(format!("skipped: {name} is not on this machine")),
        }
    }
    (found, absent)
}

/// Reads `--version`: `GNU ld (GNU Binutils) 2.40`, `GNU gold (… 2.40) 1.16`, `LLD 19.1.7`, `mold 1.10.1`, `Wild 0.10.0`.
fn version(program: &str, arguments: &[String]) -> Option<Linker> {
    let output = Command::new(program).args(arguments).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next()?;
    let kind = [
        ("GNU ld", LinkerKind::Bfd),
        ("GNU gold", LinkerKind::Gold),
        ("LLD", LinkerKind::Lld),
        ("mold", LinkerKind::Mold),
        ("Wild", LinkerKind::Wild),
    ]
    .into_iter()
    .find(|(word, _)| line.split_inclusive("compatible").next().is_some_and(|line| line.contains(word)))?
    .1;
    let numbers = line.split([' ', ')', ',']).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let mut parts = numbers.filter(|word| word.contains('.')).map(|word| word.split('.'));
    let mut version = parts.next()?;
    let major = version.next()?.parse().ok()?;
    let minor = version.next()?.parse().ok()?;
    Some(Linker { kind, version: (major, minor) })
}

impl Real {
    /// The whole command.
    pub fn command(&self, arguments: &[String], out: &str) -> Vec<String> {
        let mut all = vec![self.program.clone()];
        all.extend(self.arguments.iter().cloned());
        all.extend(["-m".into(), "elf_x86_64".into(), "-o".into(), out.into()]);
        let own: &[&str] = match self.linker.kind {
            LinkerKind::Bfd => &["-t", "-t"],
            LinkerKind::Gold => &[],
            LinkerKind::Lld => &["--error-limit=0", "--threads=1"],
            LinkerKind::Mold => &["--no-fork", "--thread-count=1"],
            LinkerKind::Wild => &["--no-fork", "--threads=1"],
        };
        all.extend(own.iter().map(|word| word.to_string()));
        all.extend(arguments.iter().cloned());
        all
    }

    /// Links the scenario that was written into `folder`.
    pub fn run(&self, program: &Program, arguments: &[String], folder: &Path) -> Observed {
        let out = format!("out.{}", self.name);
        let command = self.command(arguments, &out);
        let _ = std::fs::remove_file(folder.join(&out));
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(folder)
            .env("LC_ALL", "C")
            .env_remove("LD_RUN_PATH")
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if start.elapsed() > Duration::from_secs(10) {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            std::thread::sleep(Duration::from_micros(500));
        };
        let text = String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap()).into_owned();
        let mut observed = Observed { linked: status.is_some_and(|status| status.success()), ..Observed::default() };
        let text = match self.linker.kind {
            LinkerKind::Bfd => traced(program, &text, &mut observed.extracted),
            _ => text,
        };
        messages::parse(self.linker.kind, &text, &mut observed);
        match status {
            None => observed.crashed = Some("it did not end within 10 s".into()),
            Some(status) if status.code().is_none() => {
                observed.crashed = Some(format!("it ended by {status}"));
            }
            Some(_) => {}
        }
        if observed.linked {
            observed.duplicates.clear();
            let made = std::fs::read(folder.join(&out)).ok();
            match made.and_then(|bytes| read::output(&bytes, program)) {
                Some(made) => {
                    (observed.needed, observed.winners) = (made.needed, made.winners);
                    observed.extracted.extend(made.extracted);
                }
                None => observed.unparsed.push("its output cannot be read".into()),
            }
        }
        let _ = std::fs::remove_file(folder.join(&out));
        observed
    }
}

/// Takes out of `text` what `-t -t` makes ld.bfd say: a line for each file it opens, `(libz.a)member.o`, the member alone for thin archives.
fn traced(program: &Program, text: &str, extracted: &mut BTreeSet<String>) -> String {
    let mut names: BTreeMap<String, Option<&str>> = BTreeMap::new();
    for file in &program.files {
        let Some((archive, member)) = file.name.strip_suffix(')').and_then(|name| name.split_once('(')) else {
            names.insert(file.name.clone(), None);
            continue;
        };
        names.insert(format!("({archive}){member}"), Some(&file.name));
        names.insert(member.into(), Some(&file.name));
    }
    let mut rest = String::new();
    for line in text.lines() {
        match names.get(line) {
            Some(member) => extracted.extend(member.map(String::from)),
            None => rest.extend([line, "\n"]),
        }
    }
    rest
}
