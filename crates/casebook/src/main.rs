//! The command line. It reads arguments and configuration, hands evidence to the registry and reports to
//! the renderer, and turns what came out into an exit code. No mechanism lives here.

mod args;
mod commands;
mod configs;
mod dial;
mod failure;
mod output;
mod progress;
mod screen;
mod watch;
mod workshop;

use std::io;
use std::panic;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::FromArgMatches as _;

use args::{Args, Command};
use failure::{Failure, is_broken_pipe};

/// Reading evidence makes very many small values; this allocator costs a third of what the system's does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the last panic said and where; the hook keeps it, `main` or `-v` shows it.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    panic::set_hook(Box::new(|info| {
        tracing::debug!("{info}");
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
    }));
    let code = match panic::catch_unwind(run) {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => finish(&failure),
        Err(_) => {
            let said = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            screen::error(&format!("internal error: {}", said.replace('\n', " ")), None);
            2
        }
    };
    ExitCode::from(code)
}

/// The reader of a pipe may stop reading at any time (`| head`); that is no failure of ours.
fn finish(failure: &Failure) -> u8 {
    if is_broken_pipe(&failure.error) {
        return 0;
    }
    screen::error(&format!("{:#}", failure.error), failure.hint.as_deref());
    failure.code
}

fn run() -> Result<u8, Failure> {
    let matches = match args::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return match error.print() {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
                _ => Ok(code),
            };
        }
    };
    let args = args::global(&matches);
    screen::start(&args);
    let Some((name, sub)) = matches.subcommand() else { return Ok(2) };
    if let Some((case, verb, matches)) = args::verb(name, sub) {
        return commands::verb::run(case, verb, matches);
    }
    let args = Args::from_arg_matches(&matches).map_err(|error| Failure::usage(error.to_string(), None))?;
    match args.command {
        Command::Check(check) => commands::check::run(&check, sub),
        Command::Cases(list) => commands::list::cases(&list),
        Command::Rules(list) => commands::list::rules(&list),
        Command::Explain(explain) => commands::list::explain(&explain),
        Command::Replay(replay) => commands::replay::run(&replay),
        Command::Collect(collect) => commands::collect::run(&collect),
        Command::Lab(lab) => commands::lab::run(&lab),
        Command::Config(config) => commands::config::run(&config),
        Command::Completions { shell } => commands::generate::completions(shell),
        Command::Man { folder } => commands::generate::man(&folder),
    }
}
