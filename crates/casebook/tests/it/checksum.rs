//! `casebook checksum`: a verb that needs no name, and the measuring one.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Test;
use crate::tool::{ends_with, root, run, sound};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("a_capture_is_verified_without_a_verb", table),
    ("json_has_every_bad_packet_with_its_cause", json),
    ("captures_of_one_path_are_looked_at_together", together),
    ("what_is_no_capture_is_one_sentence", wrong),
    ("bench_measures_every_version", bench),
    ("help_names_the_verb_and_what_is_done_without", help),
];

fn fixture(name: &str) -> String {
    root().join("cases/simd-checksum/fixtures").join(name).to_string_lossy().into_owned()
}

fn has(text: &str, words: &str) -> Result<(), Failed> {
    if text.contains(words) { Ok(()) } else { Err(format!("no \"{words}\" in:\n{text}").into()) }
}

fn table() -> Result<(), Failed> {
    let ran = run(&root(), &["checksum", &fixture("bit-flip/server.pcap")]);
    sound(&ran)?;
    ends_with(&ran, &[1])?;
    has(&ran.stdout, "TCP               20          19           0       1             0         0")?;
    has(&ran.stdout, "changed: byte 57 of the payload was 0x50 and is 0x40; packet 12 has it unharmed")?;
    let ran = run(&root(), &["checksum", &fixture("healthy/server.pcap")]);
    ends_with(&ran, &[0])
}

fn parsed(args: &[&str], code: i32) -> Result<Value, Failed> {
    let ran = run(&root(), args);
    sound(&ran)?;
    ends_with(&ran, &[code])?;
    Ok(serde_json::from_str(&ran.stdout)?)
}

fn json() -> Result<(), Failed> {
    let value = parsed(&["checksum", &fixture("sctp-bit/server.pcap"), "--format", "json"], 1)?;
    let bad = &value["captures"][0]["bad"][0];
    if bad["protocol"] != "SCTP" || bad["cause"]["kind"] != "crc-bit" || bad["cause"]["at"] != 40 {
        return Err(format!("{bad}").into());
    }
    Ok(())
}

fn together() -> Result<(), Failed> {
    let (client, server) = (fixture("nat-left-the-sum/client.pcap"), fixture("nat-left-the-sum/server.pcap"));
    let alone = parsed(&["checksum", &server, "--format", "json"], 1)?;
    let both = parsed(&["checksum", &client, &server, "--format", "json"], 1)?;
    let kind = |value: &Value, capture: usize| value["captures"][capture]["bad"][0]["cause"]["kind"].clone();
    if kind(&alone, 0) != "rewritten" || kind(&both, 1) != "translated" {
        return Err(format!("{alone}\n{both}").into());
    }
    Ok(())
}

fn wrong() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("note.txt"), "no capture")?;
    let ran = run(folder.path(), &["checksum", "note.txt"]);
    sound(&ran)?;
    ends_with(&ran, &[2])?;
    has(&ran.stderr, "note.txt is no pcap or pcapng file")?;
    ends_with(&run(folder.path(), &["checksum", "missing.pcap"]), &[2])?;
    ends_with(&run(folder.path(), &["checksum", "bench", "--rounds", "0"]), &[2])
}

/// That it measures, not how fast: a figure is no test.
fn bench() -> Result<(), Failed> {
    let value = parsed(&["checksum", "bench", "--rounds", "1", "--big", "1", "--format", "json"], 0)?;
    let rows = value["rows"].as_array().ok_or("no rows")?;
    for name in ["internet", "crc32c", "polynomial32", "polynomial64", "read"] {
        let row = rows.iter().find(|row| row["algorithm"] == name).ok_or(format!("no row of {name}"))?;
        let sizes = row["sizes"].as_array().map_or(0, Vec::len);
        if sizes != 4 || row["sizes"][3]["ns"].as_f64().unwrap_or(0.0) <= 0.0 {
            return Err(format!("{row}").into());
        }
    }
    let ran = run(Path::new("/"), &["checksum", "bench", "--rounds", "1", "--big", "1"]);
    sound(&ran)?;
    has(&ran.stdout, "--features peers")
}

fn help() -> Result<(), Failed> {
    let ran = run(&root(), &["checksum", "--help"]);
    sound(&ran)?;
    has(&ran.stdout, "<CAPTURE>...")?;
    has(&ran.stdout, "bench")?;
    let ran = run(&root(), &["cases"]);
    has(&ran.stdout, "casebook checksum CAPTURE|bench")
}
