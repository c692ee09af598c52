//! Writing a bundle: a `.tar.zst`, `.tar.gz` or `.tar` file, or a folder. The only thing this crate writes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::Reading;
use crate::source::clean;

/// Name of the manifest in a bundle.
pub const MANIFEST: &str = "manifest.json";

/// Writes what was read, and the manifest, to `out`. What is there already is never overwritten.
pub fn write(out: &Path, readings: &[Reading], manifest: &Value) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    let mut files: Vec<(String, &[u8])> = vec![(MANIFEST.to_owned(), &text)];
    for reading in readings {
        if let Some(bytes) = &reading.bytes {
            files.push((clean(&reading.entry.name), bytes.as_slice()));
        }
    }
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let packed = if name.ends_with(".tar.zst") {
        ruzstd::encoding::compress_to_vec(&tar(&files)?[..], ruzstd::encoding::CompressionLevel::Fastest)
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&tar(&files)?)?;
        encoder.finish()?
    } else if name.ends_with(".tar") {
        tar(&files)?
    } else {
        return folder(out, &files);
    };
    create(out, &packed)
}

fn tar(files: &[(String, &[u8])]) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, name, *bytes)?;
    }
    Ok(builder.into_inner()?)
}

fn folder(out: &Path, files: &[(String, &[u8])]) -> Result<()> {
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is there already and not empty", out.display());
    }
    for (name, bytes) in files {
        let path = out.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        create(&path, bytes)?;
    }
    Ok(())
}

/// Readable by its owner alone: evidence holds addresses, names and sometimes secrets.
pub fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))
}
