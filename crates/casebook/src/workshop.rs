//! What verbs can do with a command the user gave: run it, read what its files name, and report on it as `check` does.

use std::io::Write;

use casebook_collect::workshop::Folder;
use casebook_core::{Coverage, EvidenceSet, OutputFormat, Ran, Shown, VerbError, Workshop};
use casebook_registry::Options;
use casebook_render::{Format, render};

use crate::commands::check::judge;
use crate::progress::Progress;
use crate::screen;

/// The current folder.
pub(crate) struct Here<'o>(pub(crate) Folder<'o>);

impl Workshop for Here<'_> {
    fn run(&self, command: &[String], shown: Shown) -> Result<Ran, String> {
        self.0.run(command, shown)
    }

    fn read(&self, name: &str, text: Vec<u8>) -> (EvidenceSet, Vec<Coverage>) {
        let collected = self.0.read(name, text);
        (collected.evidence, collected.coverage)
    }

    fn check(&self, name: &str, text: Vec<u8>, format: OutputFormat, out: &mut dyn Write) -> Result<u8, VerbError> {
        let progress = Progress::start("reading files");
        let collected = self.0.read(name, text);
        drop(progress);
        let failed = |failure: crate::failure::Failure| VerbError::usage(failure.error.to_string());
        let (code, checked) = judge(&collected, Options::default(), None).map_err(failed)?;
        let format = if format == OutputFormat::Json { Format::Json } else { Format::Full };
        let options = casebook_render::Options {
            color: screen::color(),
            unicode: screen::unicode(),
            width: screen::width(),
            ..casebook_render::Options::new(format, env!("CARGO_PKG_VERSION"))
        };
        render(&checked.report, &collected.evidence, &checked.ran, &options, out)?;
        Ok(code)
    }
}
