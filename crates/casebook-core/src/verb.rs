//! A case's own commands (`casebook nft trace …`), declared as data so that the command line, the man page
//! and the completions are views of one table.

use std::collections::BTreeMap;
use std::io::Write;

use crate::dial::{Dialer, Store};
use crate::evidence::{EvidenceId, EvidenceSet};
use crate::experiment::Experiments;
use crate::local::LocalTime;
use crate::watch::Watch;
use crate::workshop::Workshop;

/// What an argument of a verb is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A positional path: read as evidence before the verb runs.
    Evidence,
    /// A positional string.
    Text,
    /// `--name VALUE`.
    Value,
    /// `--name PATH`, read as evidence before the verb runs.
    EvidenceOption,
    /// `--name`.
    Flag,
    /// Everything behind `--`: a command and its arguments.
    Command,
}

/// One argument of a verb.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Name: `ruleset` for a positional, `packet` for `--packet`.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgKind,
    /// Placeholder in help: `RULESET`.
    pub value_name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// True when it must be given.
    pub required: bool,
    /// True when it can be given several times.
    pub many: bool,
}

/// How a verb prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For machines; documented in the case's post.
    Json,
}

/// Takes the time of some work, for a verb that measures: nothing but the binary reads the clock.
pub trait Stopwatch {
    /// Runs the work once; how long that took, in nanoseconds.
    fn time(&self, work: &mut dyn FnMut()) -> u64;
}

/// What a verb gets.
pub struct VerbInput<'a> {
    /// Evidence named by its arguments, and what that refers to.
    pub evidence: &'a EvidenceSet,
    /// For each evidence argument, the ids in order.
    pub files: BTreeMap<&'static str, Vec<EvidenceId>>,
    /// For each other argument, the values in order; a flag has one empty value.
    pub values: BTreeMap<&'static str, Vec<String>>,
    /// How to print.
    pub format: OutputFormat,
    /// Runs experiments on this machine, for a verb that was asked to; `None` where there is no machine.
    pub experiments: Option<&'a dyn Experiments>,
    /// Takes the time of work; `None` where there is no clock.
    pub stopwatch: Option<&'a dyn Stopwatch>,
    /// Opens connections to a peer the user named; `None` where there is no machine.
    pub dialer: Option<&'a dyn Dialer>,
    /// Keeps state between runs; `None` where there is no machine.
    pub store: Option<&'a dyn Store>,
    /// The machine's time, zone and zone database; `None` where there is no machine.
    pub local: Option<&'a dyn LocalTime>,
    /// Reads the machine again and again; `None` where there is no machine.
    pub watch: Option<&'a dyn Watch>,
    /// Runs commands the user named, and reads what a text names; `None` where there is no machine.
    pub workshop: Option<&'a dyn Workshop>,
}

impl VerbInput<'_> {
    /// First value of an argument.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(|values| values.first()).map(String::as_str)
    }

    /// All values of an argument.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// True when a flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// First evidence of an argument.
    pub fn file(&self, name: &str) -> Option<EvidenceId> {
        self.files.get(name).and_then(|ids| ids.first()).copied()
    }
}

/// Why a verb could not run.
#[derive(Debug)]
pub enum VerbError {
    /// The user's input is wrong: what is wrong, and what to do.
    Usage {
        /// One sentence.
        message: String,
        /// What to do, if there is something to say.
        hint: Option<String>,
    },
    /// The output could not be written.
    Write(std::io::Error),
}

impl VerbError {
    /// A usage error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// A usage error with a hint.
    pub fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }
}

impl From<std::io::Error> for VerbError {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

/// One verb of a case.
pub struct Verb {
    /// `trace`. A verb that has the name of its case's command is run where no verb is named: `casebook checksum FILE`.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Details and examples, shown by `--help`.
    pub long: &'static str,
    /// Arguments, positionals in order.
    pub args: &'static [Arg],
    /// Runs it: facts in, text or JSON out. Returns the exit code.
    pub run: fn(&VerbInput<'_>, &mut dyn Write) -> Result<u8, VerbError>,
}
