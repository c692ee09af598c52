//! Waiting for the next tick, a key, another size of the terminal or the end, in one poll(2).
//!
//! Signals come through a descriptor, keys through the terminal in raw mode. Both are undone when the session is dropped,
//! which a panic and an error do too.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use casebook_collect::cgroup::clock;
use casebook_core::watch::{Moment, Screen, Session, Woken};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::sys::time::TimeSpec;

use super::keys::keys;
use crate::screen;

/// The alternate screen without a cursor, and back (xterm's ctlseqs, DECSET 1049 and 25).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// A terminal that knows it shows a frame as a whole (DECSET 2026); others pass it by.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[J\x1b[?2026l";

/// A terminal that was taken over.
struct Taken {
    terminal: File,
    before: Termios,
}

/// A session.
pub(super) struct Waiting {
    signals: SignalFd,
    mask: SigSet,
    taken: Option<Taken>,
    pressed: VecDeque<Woken>,
    said: bool,
}

impl Waiting {
    /// Takes the signals, and the terminal when there is one and it is asked for.
    pub(super) fn begin(full_screen: bool) -> Result<Self, String> {
        let said = |error: Errno| format!("signals: {error}");
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH] {
            set.add(signal);
        }
        let mask = SigSet::thread_get_mask().map_err(said)?;
        set.thread_block().map_err(said)?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(said)?;
        let mut waiting = Self { signals, mask, taken: None, pressed: VecDeque::new(), said: false };
        if full_screen && io::stdout().is_terminal() {
            waiting.taken = take().map(Some).map_err(|error| format!("the terminal: {error}"))?;
        }
        Ok(waiting)
    }

    /// What a signal means.
    fn signalled(&self) -> Option<Woken> {
        let mut woken = None;
        while let Ok(Some(info)) = self.signals.read_signal() {
            let resized = i32::try_from(info.ssi_signo) == Ok(Signal::SIGWINCH as i32);
            if !resized {
                return Some(Woken::Stop);
            }
            woken = Some(Woken::Resized);
        }
        // Without a screen of its own a verb has nothing to do for another size.
        woken.filter(|_| self.taken.is_some())
    }

    fn typed(&mut self) {
        let Some(taken) = &mut self.taken else { return };
        let mut bytes = [0; 256];
        match taken.terminal.read(&mut bytes) {
            // The terminal is gone.
            Ok(0) => self.pressed.push_back(Woken::Stop),
            Ok(length) => {
                let keys = keys(bytes.get(..length).unwrap_or_default());
                self.pressed.extend(keys.into_iter().map(|key| key.map_or(Woken::Stop, Woken::Key)));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(_) => self.pressed.push_back(Woken::Stop),
        }
    }
}

/// Makes the terminal raw: each key arrives at once, and none of them is a signal.
fn take() -> io::Result<Taken> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut raw = before.clone();
    cfmakeraw(&mut raw);
    tcsetattr(&terminal, SetArg::TCSANOW, &raw)?;
    let taken = Taken { terminal, before };
    let mut out = io::stdout().lock();
    out.write_all(ENTER.as_bytes())?;
    out.flush()?;
    Ok(taken)
}

impl Drop for Taken {
    fn drop(&mut self) {
        // There is nobody left to tell when a terminal cannot be set back.
        let mut out = io::stdout().lock();
        let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.said {
            let mut stderr = io::stderr().lock();
            let _ = stderr.write_all(b"\r\x1b[K");
        }
        let _ = self.mask.thread_set_mask();
    }
}

impl Session for Waiting {
    fn screen(&self) -> Option<Screen> {
        self.taken.as_ref()?;
        let (columns, rows) =
            terminal_size::terminal_size().map_or((80, 24), |(columns, rows)| (columns.0.into(), rows.0.into()));
        Some(Screen { columns, rows, color: screen::color(), unicode: screen::unicode() })
    }

    fn draw(&mut self, frame: &str) {
        let mut bytes = String::with_capacity(frame.len() + 64);
        bytes.push_str(BEGIN);
        for (index, row) in frame.lines().enumerate() {
            // A line feed after the last row would scroll.
            if index > 0 {
                bytes.push_str("\r\n");
            }
            bytes.push_str(row);
            bytes.push_str("\x1b[K");
        }
        bytes.push_str(END);
        let mut out = io::stdout().lock();
        if out.write_all(bytes.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.pressed.push_back(Woken::Stop);
        }
    }

    fn say(&mut self, line: &str) {
        let stderr = io::stderr();
        if stderr.is_terminal() {
            let columns = terminal_size::terminal_size_of(&stderr).map_or(80, |(columns, _)| usize::from(columns.0));
            let line: String = line.chars().take(columns.saturating_sub(1)).collect();
            // A progress line that cannot be shown changes nothing of the result.
            let _ = write!(stderr.lock(), "\r\x1b[K{line}");
            self.said = true;
        }
    }

    fn now(&self) -> Moment {
        clock::now()
    }

    fn wait(&mut self, until_monotonic_us: u64) -> Result<Woken, String> {
        loop {
            if let Some(woken) = self.signalled().or_else(|| self.pressed.pop_front()) {
                return Ok(woken);
            }
            let left_us = until_monotonic_us.saturating_sub(clock::now().monotonic_us);
            if left_us == 0 {
                return Ok(Woken::Tick);
            }
            let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            fds.extend(self.taken.as_ref().map(|taken| PollFd::new(taken.terminal.as_fd(), PollFlags::POLLIN)));
            let timeout = TimeSpec::from_duration(std::time::Duration::from_micros(left_us));
            match ppoll(&mut fds, Some(timeout), None) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(format!("waiting: {error}")),
            }
            let typed = fds.get(1).and_then(PollFd::any).unwrap_or(false);
            drop(fds);
            if typed {
                self.typed();
            }
        }
    }
}
