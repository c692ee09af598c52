//! `casebook completions` and `casebook man`: views of the arguments.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use clap_complete::Shell;

use crate::args;
use crate::failure::Failure;
use crate::screen;

pub(crate) fn completions(shell: Shell) -> Result<u8, Failure> {
    // Into memory first: the generator panics when a reader closes the pipe.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "casebook", &mut text);
    let mut out = screen::stdout();
    out.write_all(&text)?;
    out.flush()?;
    Ok(0)
}

pub(crate) fn man(folder: &Path) -> Result<u8, Failure> {
    fs::create_dir_all(folder)?;
    let command = args::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder)?;
    Ok(0)
}
