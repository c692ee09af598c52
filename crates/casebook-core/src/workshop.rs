//! Commands the user named, and texts that name files: for verbs that look at a command line. A case says what is run or read; the collector
//! does it.

use std::io::Write;

use crate::coverage::Coverage;
use crate::evidence::EvidenceSet;
use crate::verb::{OutputFormat, VerbError};

/// What a command gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit code; `None` when a signal ended it or it took too long.
    pub code: Option<i32>,
}

/// What becomes of a command's output while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is kept and not shown.
    No,
    /// It is shown as it comes, and kept.
    AsItComes,
}

/// Runs commands and reads files in the current folder.
pub trait Workshop {
    /// Runs a command with `LC_ALL=C`. Every `{scratch}` in an argument stands for a temporary folder, which goes when the command has ended.
    /// The error says why it could not be run.
    fn run(&self, command: &[String], shown: Shown) -> Result<Ran, String>;

    /// Reads a text as if it were a file of the current folder called `name`, and all files it refers to.
    fn read(&self, name: &str, text: Vec<u8>) -> (EvidenceSet, Vec<Coverage>);

    /// Reads a text as [`Workshop::read`] does, runs every rule over it, and writes the report. Gives the exit code.
    fn check(&self, name: &str, text: Vec<u8>, format: OutputFormat, out: &mut dyn Write) -> Result<u8, VerbError>;
}
