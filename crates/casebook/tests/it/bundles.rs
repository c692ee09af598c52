//! Bundles that were made to harm whoever opens them, and bundles that were not.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use libtest_mimic::Failed;
use tar::{Builder, EntryType, Header};

use crate::Test;
use crate::tool::{coverage, covered_once, ends_with, listing, report, run, sound};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("a_bomb_is_stopped", bomb),
    ("a_member_that_claims_a_terabyte_is_refused", terabyte),
    ("a_member_with_an_endless_name_is_refused", long_name),
    ("members_that_climb_out_are_refused", climbing),
    ("links_and_devices_are_refused", special),
    ("a_bundle_that_is_cut_off_keeps_its_head", cut_off),
    ("a_compressed_file_without_archive_says_so", no_archive),
    ("collect_writes_only_where_it_was_told", collect),
    ("collect_overwrites_nothing", collect_twice),
];

fn header(size: u64, kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header
}

/// A member with any name at all; the crate's own setters refuse `..` and absolute paths.
fn raw_name(header: &mut Header, name: &str) {
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
}

fn bomb() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = GzEncoder::new(File::create(folder.path().join("bomb.tar.gz"))?, Compression::best());
    let mut tar = Builder::new(file);
    let size = 200 << 20;
    tar.append_data(&mut header(size, EntryType::Regular), "zeros.nft", std::io::repeat(0).take(size))?;
    tar.into_inner()?.finish()?;
    let (report, ran) = report(folder.path(), &["bomb.tar.gz"])?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "bomb.tar.gz", &["failed"], "over 200 to 1")
}

fn terabyte() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut head = header(1 << 40, EntryType::Regular);
    raw_name(&mut head, "huge.nft");
    let mut bytes = head.as_bytes().to_vec();
    bytes.extend([b'x'; 4096]);
    fs::write(folder.path().join("claims.tar"), bytes)?;
    let (report, ran) = report(folder.path(), &["claims.tar"])?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "claims.tar/huge.nft", &["failed"], "1099511627776 bytes is over the limit")
}

fn long_name() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut tar = Builder::new(Vec::new());
    let size = 8 << 20;
    let mut head = header(size, EntryType::GNULongName);
    raw_name(&mut head, "././@LongLink");
    tar.append(&head, std::io::repeat(b'a').take(size))?;
    fs::write(folder.path().join("name.tar"), tar.into_inner()?)?;
    let (report, ran) = report(folder.path(), &["name.tar"])?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "name.tar", &["failed"], "the name of member 1 is over 65536 bytes")
}

fn climbing() -> Result<(), Failed> {
    let outer = tempfile::tempdir()?;
    let folder = outer.path().join("inner");
    fs::create_dir(&folder)?;
    let mut tar = Builder::new(Vec::new());
    for name in ["../escaped.nft", "/etc/casebook-escaped", "a/../../b"] {
        let mut head = header(5, EntryType::Regular);
        raw_name(&mut head, name);
        tar.append(&head, &b"table"[..])?;
    }
    fs::write(folder.join("climb.tar"), tar.into_inner()?)?;
    let before = listing(outer.path());
    let (report, ran) = report(&folder, &["climb.tar"])?;
    ends_with(&ran, &[3])?;
    for name in ["../escaped.nft", "/etc/casebook-escaped", "a/../../b"] {
        covered_once(&report, &format!("climb.tar: member {name}"), &["failed"], "leads out of the bundle")?;
    }
    if listing(outer.path()) != before || Path::new("/etc/casebook-escaped").exists() {
        return Err("a member was written to disk".into());
    }
    Ok(())
}

fn special() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut tar = Builder::new(Vec::new());
    let kinds = [
        ("link", EntryType::Symlink, "a symbolic link"),
        ("hard", EntryType::Link, "a hard link"),
        ("char", EntryType::Char, "a device"),
        ("pipe", EntryType::Fifo, "a named pipe"),
    ];
    for (name, kind, _) in kinds {
        let mut head = header(0, kind);
        if kind == EntryType::Symlink || kind == EntryType::Link {
            head.set_link_name("/etc/shadow")?;
        }
        raw_name(&mut head, name);
        tar.append(&head, std::io::empty())?;
    }
    fs::write(folder.path().join("s.tar"), tar.into_inner()?)?;
    let (report, ran) = report(folder.path(), &["s.tar"])?;
    ends_with(&ran, &[3])?;
    for (name, _, what) in kinds {
        covered_once(&report, &format!("s.tar/{name}"), &["failed"], what)?;
    }
    Ok(())
}

fn cut_off() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    tar.append_data(&mut header(5, EntryType::Regular), "first.txt", &b"hello"[..])?;
    let noise: Vec<u8> = (0..200_000_u64).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    tar.append_data(&mut header(noise.len() as u64, EntryType::Regular), "second.bin", &noise[..])?;
    let bytes = tar.into_inner()?.finish()?;
    fs::write(folder.path().join("cut.tar.gz"), &bytes[..bytes.len() / 2])?;
    let (report, ran) = report(folder.path(), &["cut.tar.gz"])?;
    ends_with(&ran, &[3])?;
    let lines = coverage(&report, "cut.tar.gz");
    if lines.iter().any(|(status, note)| status == "failed" && note.ends_with("the rest was not read")) {
        Ok(())
    } else {
        Err(format!("{lines:?}").into())
    }
}

fn no_archive() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(b"")?;
    fs::write(folder.path().join("rules.gz"), file.finish()?)?;
    let (report, ran) = report(folder.path(), &["rules.gz"])?;
    ends_with(&ran, &[3])?;
    covered_once(&report, "rules.gz", &["failed"], "it holds no tar archive")
}

fn collect() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ran = run(folder.path(), &["collect", "-o", "out.tar.zst"]);
    sound(&ran)?;
    ends_with(&ran, &[0, 3])?;
    let left = listing(folder.path());
    if left.len() != 1 {
        return Err(format!("{left:?}").into());
    }
    // The system's own zstd reads what we wrote, when it is there.
    let mut zstd = std::process::Command::new("zstd");
    if let Ok(output) = zstd.args(["-dc", "out.tar.zst"]).current_dir(folder.path()).output() {
        let mut archive = tar::Archive::new(&output.stdout[..]);
        let mut first = archive.entries()?.next().ok_or("an empty bundle")??;
        let mut text = String::new();
        first.read_to_string(&mut text)?;
        let manifest: serde_json::Value = serde_json::from_str(&text)?;
        if manifest["schema"] != "casebook.bundle/1" || !manifest["entries"].is_array() {
            return Err(format!("{manifest}").into());
        }
    }
    Ok(())
}

fn collect_twice() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("out.tar"), "mine")?;
    let ran = run(folder.path(), &["collect", "-o", "out.tar"]);
    ends_with(&ran, &[2])?;
    if fs::read(folder.path().join("out.tar"))? == b"mine" { Ok(()) } else { Err("it was overwritten".into()) }
}
