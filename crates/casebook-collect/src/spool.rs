//! Streams that are too long for memory: they go to a temporary file without a name, which is then mapped.

use std::fs::File;
use std::io::{self, Read, Write as _};

use casebook_core::Bytes;

use crate::map;

/// How a stream ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// At its own end.
    Whole,
    /// At the limit: there is more.
    Cut,
    /// With an error; what came before it is kept.
    Broken(io::Error),
}

/// Streams up to here stay in memory.
const HELD: u64 = 128 << 10;

/// At most `limit` bytes of a stream.
pub(crate) fn spool(mut stream: impl Read, limit: u64) -> io::Result<(Bytes, Ended)> {
    let mut head = Vec::new();
    let first = (&mut stream).take(HELD.min(limit)).read_to_end(&mut head);
    if let Err(error) = first {
        return Ok((Bytes::new(head), Ended::Broken(error)));
    }
    let mut buffer = vec![0; 256 << 10];
    let mut kept = head.len() as u64;
    let mut file: Option<File> = None;
    let ended = loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => break Ended::Whole,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Ended::Broken(error),
        };
        let room = (limit - kept).min(read as u64) as usize;
        if room > 0 {
            let file = match &mut file {
                Some(file) => file,
                None => {
                    let mut new = unnamed()?;
                    new.write_all(&head)?;
                    file.insert(new)
                }
            };
            file.write_all(&buffer[..room])?;
            kept += room as u64;
        }
        if room < read {
            break Ended::Cut;
        }
    };
    match file {
        Some(file) => Ok((map::map(&file)?, ended)),
        None => Ok((Bytes::new(head), ended)),
    }
}

/// A file that is gone when it is closed. `/tmp` is memory on many machines, `/var/tmp` is not.
fn unnamed() -> io::Result<File> {
    if std::env::var_os("TMPDIR").is_none()
        && let Ok(file) = tempfile::tempfile_in("/var/tmp")
    {
        return Ok(file);
    }
    tempfile::tempfile()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stream_is_the_same_bytes_and_a_limit_is_said() {
        let long: Vec<u8> = (0..9_u32 << 20).map(|at| (at % 251) as u8).collect();
        let (bytes, ended) = spool(&long[..], u64::MAX).unwrap();
        assert!(matches!(ended, Ended::Whole));
        assert!(bytes.as_slice() == long);
        bytes.release(0..long.len());
        assert!(bytes.as_slice() == long, "released pages come back");
        let (bytes, ended) = spool(&long[..], 5 << 20).unwrap();
        assert!(matches!(ended, Ended::Cut));
        assert!(bytes.as_slice() == &long[..5 << 20]);
        let (bytes, ended) = spool(&long[..100], 100).unwrap();
        assert!(matches!(ended, Ended::Whole));
        assert_eq!(bytes.as_slice(), &long[..100]);
        let (bytes, ended) = spool(&long[..100], 10).unwrap();
        assert!(matches!(ended, Ended::Cut));
        assert_eq!(bytes.as_slice(), &long[..10]);
    }
}
