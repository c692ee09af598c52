//! The machine's time, zone and zone database (tzset(3)).

use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use casebook_core::LocalTime;

/// This machine.
#[derive(Debug, Default)]
pub struct Here;

/// No TZif file is larger; the largest of the database has 4 KiB.
const LARGEST_BYTES: u64 = 1 << 20;

fn database() -> PathBuf {
    std::env::var_os("TZDIR").map_or_else(|| PathBuf::from("/usr/share/zoneinfo"), PathBuf::from)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST_BYTES {
        return None;
    }
    std::fs::read(path).ok().filter(|bytes| bytes.starts_with(b"TZif"))
}

impl LocalTime for Here {
    fn now_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn zone(&self) -> (String, Option<Vec<u8>>) {
        let utc = || ("UTC".to_owned(), None);
        match std::env::var("TZ").ok().filter(|name| !name.is_empty()) {
            Some(name) => {
                let name = name.trim_start_matches(':').to_owned();
                self.tzif(&name).map_or_else(utc, |bytes| (name, Some(bytes)))
            }
            None => {
                let path = Path::new("/etc/localtime");
                let target = std::fs::canonicalize(path).ok();
                let name = target.as_deref().and_then(|target| target.strip_prefix(database()).ok());
                let name = name.map_or_else(|| "localtime".to_owned(), |name| name.to_string_lossy().into_owned());
                let name = name.trim_start_matches("posix/").to_owned();
                match name.as_str() {
                    "UTC" | "Etc/UTC" => utc(),
                    _ => read(path).map_or_else(utc, |bytes| (name, Some(bytes))),
                }
            }
        }
    }

    fn tzif(&self, name: &str) -> Option<Vec<u8>> {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !inside { None } else { read(&database().join(name)) }
    }
}
