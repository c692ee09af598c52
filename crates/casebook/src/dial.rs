//! Connections for verbs that dial, their progress on the screen, and the file their state is kept in.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use casebook_core::dial::{Dialer, Next, Outcome, Respond, Served, Stopped, Store, Target};

/// Peers the user names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peers;

#[cfg(target_os = "linux")]
impl Dialer for Peers {
    fn dial(&self, target: &Target, next: &mut dyn FnMut(&[Outcome], u64) -> Next) -> Result<Stopped, String> {
        // Before the progress has a thread, which would take the signal.
        let interrupt = interrupt()?;
        let progress = crate::progress::Progress::start("opening connections");
        casebook_probe::dial::dial(target, &interrupt, &mut |ended, elapsed_ns| {
            let asked = next(ended, elapsed_ns);
            progress.say(&asked.say);
            asked
        })
    }

    fn respond(&self, respond: &Respond, tell: &mut dyn FnMut(Served)) -> Result<Stopped, String> {
        casebook_probe::dial::respond(respond, &interrupt()?, tell)
    }
}

#[cfg(target_os = "linux")]
fn interrupt() -> Result<casebook_probe::dial::Interrupt, String> {
    casebook_probe::dial::Interrupt::take().map_err(|error| format!("signals: {error}"))
}

#[cfg(not(target_os = "linux"))]
impl Dialer for Peers {
    fn dial(&self, _: &Target, _: &mut dyn FnMut(&[Outcome], u64) -> Next) -> Result<Stopped, String> {
        Err("connections are opened on Linux only".into())
    }

    fn respond(&self, _: &Respond, _: &mut dyn FnMut(Served)) -> Result<Stopped, String> {
        Err("connections are answered on Linux only".into())
    }
}

/// Largest state that is read.
const LARGEST: u64 = 64 << 20;

/// The file of `--state`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateFile;

impl Store for StateFile {
    fn load(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let said = |error: std::io::Error| format!("{path}: {error}");
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(said(error)),
            Ok(about) if !about.is_file() => return Err(format!("{path} is no file")),
            Ok(about) if about.len() > LARGEST => return Err(format!("{path} is larger than 64 MiB")),
            Ok(_) => {}
        }
        fs::read(path).map(Some).map_err(said)
    }

    fn save(&self, path: &str, bytes: &[u8]) -> Result<(), String> {
        // In the same folder, so that the new file takes the old one's place in one step.
        let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error: std::io::Error| format!("{path}: {error}"))
    }
}
