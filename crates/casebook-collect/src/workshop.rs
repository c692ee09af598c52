//! Commands the user named, run in the current folder, and texts read as files of it.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::thread;

use casebook_core::{Ran, Shown};

use crate::{Collected, Loader, Options};

/// Most bytes that are kept of one stream; a linker that says more has said enough.
const MOST: u64 = 64 << 20;

/// The current folder.
#[derive(Debug)]
pub struct Folder<'o> {
    options: &'o Options,
}

impl<'o> Folder<'o> {
    /// The current folder, with what can be recognised in it and the limits that hold.
    pub fn new(options: &'o Options) -> Self {
        Self { options }
    }

    /// Runs a command with `LC_ALL=C`; every `{scratch}` in an argument stands for a temporary folder, which goes when the command has
    /// ended. The error says why it could not be run.
    pub fn run(&self, command: &[String], shown: Shown) -> Result<Ran, String> {
        let Some(program) = command.first() else { return Err("there is no command".to_owned()) };
        let scratch = match command.iter().any(|word| word.contains("{scratch}")) {
            true => Some(tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?),
            false => None,
        };
        let folder = scratch.as_ref().map(|scratch| scratch.path().to_string_lossy().into_owned());
        let words = command[1..].iter().map(|word| match &folder {
            Some(folder) => word.replace("{scratch}", folder),
            None => word.clone(),
        });
        let mut command = Command::new(program);
        command.args(words).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finished(&mut command, shown).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{program} is not installed"),
            _ => format!("{program}: {error}"),
        })
    }

    /// Reads a text as if it were a file of the current folder called `name`, and all files it refers to.
    pub fn read(&self, name: &str, text: Vec<u8>) -> Collected {
        let mut loader = Loader::new(self.options);
        loader.text(name, text);
        loader.finish()
    }
}

fn finished(command: &mut Command, shown: Shown) -> io::Result<Ran> {
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Each stream has a reader, so that no full pipe stops the program.
    thread::scope(|scope| {
        let stdout = scope.spawn(move || kept(stdout, shown, &mut io::stdout()));
        let stderr = scope.spawn(move || kept(stderr, shown, &mut io::stderr()));
        let status = child.wait()?;
        Ok(Ran {
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
            code: status.code(),
        })
    })
}

fn kept(stream: Option<impl Read>, shown: Shown, screen: &mut dyn io::Write) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(mut stream) = stream else { return out };
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let part = &buffer[..count];
        if shown == Shown::AsItComes {
            // A screen that is gone is no reason to stop the program.
            let _ = screen.write_all(part).and_then(|()| screen.flush());
        }
        if (out.len() as u64) < MOST {
            out.extend_from_slice(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<Ran, String> {
        let options = Options::new(Vec::new());
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Folder::new(&options).run(&words, Shown::No)
    }

    #[test]
    fn a_command_runs_with_a_folder_that_goes() {
        let ran = run(&["sh", "-c", "touch $0/x && echo $0 && echo no >&2; exit 3", "{scratch}"]).unwrap();
        assert_eq!(ran.code, Some(3));
        assert_eq!(ran.stderr, b"no\n");
        let folder = String::from_utf8(ran.stdout).unwrap();
        assert!(!std::path::Path::new(folder.trim()).exists(), "{folder}");
    }

    #[test]
    fn what_is_not_installed_is_said() {
        assert_eq!(run(&["casebook-no-such-program"]), Err("casebook-no-such-program is not installed".to_owned()));
        assert!(run(&[]).is_err());
    }
}
