//! A case's own verbs: evidence arguments are read here, the verb itself is pure.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Instant;

use casebook_collect::Loader;
use casebook_collect::experiment::Machine;
use casebook_collect::local::Here;
use casebook_collect::workshop::Folder;
use casebook_core::{
    ArgKind, Case, Coverage, Dialer, Experiments, LocalTime, OutputFormat, Stopwatch, Store, Verb, VerbError,
    VerbInput, Watch, Workshop,
};
use clap::ArgMatches;
use clap::FromArgMatches as _;

use crate::args::Limits;
use crate::commands::check::reading;
use crate::dial::{Peers, StateFile};
use crate::failure::Failure;
use crate::screen;
use crate::watch::Here as Watcher;
use crate::workshop::Here as Bench;

pub(crate) fn run(case: &'static Case, verb: &'static Verb, matches: &ArgMatches) -> Result<u8, Failure> {
    let limits = Limits::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string(), None))?;
    let mut options = reading(limits, case.kinds.to_vec());
    options.keep_unknown = true;
    let mut loader = Loader::new(&options);
    let (mut files, mut values) = (BTreeMap::new(), BTreeMap::new());
    for arg in verb.args {
        match arg.kind {
            ArgKind::Flag if matches.get_flag(arg.name) => {
                values.insert(arg.name, vec![String::new()]);
            }
            ArgKind::Flag => {}
            ArgKind::Evidence | ArgKind::EvidenceOption => {
                let mut ids = Vec::new();
                for path in matches.get_many::<String>(arg.name).into_iter().flatten() {
                    ids.extend(loader.path(path, &mut io::stdin().lock())?);
                }
                files.insert(arg.name, ids);
            }
            ArgKind::Text | ArgKind::Value | ArgKind::Command => {
                let given: Vec<String> = matches.get_many::<String>(arg.name).into_iter().flatten().cloned().collect();
                if !given.is_empty() {
                    values.insert(arg.name, given);
                }
            }
        }
    }
    files.retain(|_, ids| !ids.is_empty());
    let collected = loader.finish();
    // A verb that was promised evidence does not run without it.
    for arg in verb.args.iter().filter(|arg| matches!(arg.kind, ArgKind::Evidence | ArgKind::EvidenceOption)) {
        if matches.get_many::<String>(arg.name).is_some() && !files.contains_key(arg.name) {
            return Err(unreadable(&collected.coverage, arg.name));
        }
    }
    collected.notices.iter().for_each(|notice| screen::say(&format!("note: {notice}")));
    let json = !verb.args.iter().any(|arg| arg.name == "format")
        && matches.get_one::<String>("format").is_some_and(|format| format == "json");
    let format = if json { OutputFormat::Json } else { OutputFormat::Text };
    let experiments = Some(&Machine as &dyn Experiments);
    let stopwatch = Some(&Clock as &dyn Stopwatch);
    let dialer = Some(&Peers as &dyn Dialer);
    let store = Some(&StateFile as &dyn Store);
    let local = Some(&Here as &dyn LocalTime);
    let watch = Some(&Watcher as &dyn Watch);
    let here = Bench(Folder::new(&options));
    let workshop = Some(&here as &dyn Workshop);
    let input = VerbInput {
        evidence: &collected.evidence,
        files,
        values,
        format,
        experiments,
        stopwatch,
        dialer,
        store,
        local,
        watch,
        workshop,
    };
    let mut out = screen::stdout();
    let code = match (verb.run)(&input, &mut out) {
        Ok(code) => code,
        Err(VerbError::Write(error)) => return Err(error.into()),
        Err(VerbError::Usage { message, hint }) => {
            out.flush()?;
            return Err(Failure::usage(message, hint));
        }
    };
    out.flush()?;
    Ok(code)
}

/// The clock of this machine that only goes forward.
struct Clock;

impl Stopwatch for Clock {
    fn time(&self, work: &mut dyn FnMut()) -> u64 {
        let start = Instant::now();
        work();
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn unreadable(coverage: &[Coverage], name: &str) -> Failure {
    let why = coverage.iter().find_map(|line| line.note.as_ref().map(|note| format!("{}: {note}", line.path)));
    Failure::no_evidence(why.unwrap_or_else(|| format!("{name}: nothing in it could be read")), None)
}
