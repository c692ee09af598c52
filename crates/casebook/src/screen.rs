//! What the terminal can show, and the few lines that go to it directly.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use anstream::ColorChoice;

use crate::args::{Color, Global};

/// Sets colours and logging as the arguments ask.
pub(crate) fn start(args: &Global) {
    match args.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
    if args.verbose > 0 {
        let level = if args.verbose == 1 { tracing::Level::DEBUG } else { tracing::Level::TRACE };
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            .with_ansi(anstream::AutoStream::choice(&io::stderr()) != ColorChoice::Never)
            .without_time()
            .init();
    }
}

/// Standard output, buffered; it must be flushed.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// True when standard output takes colours: `--color`, `NO_COLOR`, `CLICOLOR_FORCE` and the terminal decide.
pub(crate) fn color() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// True when standard output is a terminal that shows more than ASCII.
pub(crate) fn unicode() -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    io::stdout().is_terminal()
        && locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// Columns of the terminal; 0 when standard output is none.
pub(crate) fn width() -> usize {
    if !io::stdout().is_terminal() {
        return 0;
    }
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
}

/// `error: …` and `hint: …` on standard error.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    // Nothing is left to tell when standard error itself cannot be written.
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "\u{1b}[1;31merror\u{1b}[0m\u{1b}[1m:\u{1b}[0m {message}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "\u{1b}[1;36mhint\u{1b}[0m\u{1b}[1m:\u{1b}[0m {hint}");
    }
}

/// One line on standard error for people, which is not part of the result.
pub(crate) fn say(message: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{message}");
}
