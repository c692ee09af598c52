//! A spinner on standard error, for runs that take longer than a reader waits without wondering.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Below this nothing is shown.
const QUIET: Duration = Duration::from_millis(400);

/// Shows the last word given, from 0.4 s on, until dropped. Without a terminal it does nothing.
pub(crate) struct Progress(Option<(Sender<String>, JoinHandle<()>)>);

impl Progress {
    /// Starts waiting.
    pub(crate) fn start(word: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let (sender, receiver) = mpsc::channel::<String>();
        let mut word = word.to_owned();
        let handle = thread::spawn(move || {
            loop {
                match receiver.recv_timeout(QUIET) {
                    Ok(next) => word = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(word);
            bar.enable_steady_tick(Duration::from_millis(100));
            while let Ok(word) = receiver.recv() {
                bar.set_message(word);
            }
            bar.finish_and_clear();
        });
        Self(Some((sender, handle)))
    }

    /// Says what is being done now.
    pub(crate) fn say(&self, word: &str) {
        if let Some((sender, _)) = &self.0 {
            // The thread only ends when this is dropped.
            let _ = sender.send(word.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, handle)) = self.0.take() {
            drop(sender);
            let _ = handle.join();
        }
    }
}
