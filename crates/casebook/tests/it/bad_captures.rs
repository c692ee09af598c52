//! Bad captures and configurations of connections: each is read as far as it goes, said, and bounded in memory.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Test;
use crate::tool::{Ran, covered_once, ends_with, report, root};

pub(crate) const TESTS: &[(&str, Test)] = &[
    ("cut_anywhere", cut_anywhere),
    ("lengths_that_lie", lengths_that_lie),
    ("a_snap_length_that_lies", snap_length),
    ("times_of_four_billion_and_steps_back", times),
    ("a_packet_over_64_kb", over_64_kb),
    ("more_flows_than_fit", many_flows),
    ("a_capture_that_grows_while_it_is_read", grows),
    ("unknown_directives_are_not_fatal", unknown_directives),
    ("wrong_units_are_named", wrong_units),
];

/// A little-endian pcap with raw IP packets.
fn pcap(snap: u32) -> Vec<u8> {
    let words = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, snap, 101];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn record(out: &mut Vec<u8>, seconds: u32, micros: u32, packet: &[u8]) {
    let length = packet.len() as u32;
    [seconds, micros, length, length].into_iter().for_each(|word| out.extend(word.to_le_bytes()));
    out.extend(packet);
}

/// A TCP segment between 10.x and 10.0.0.1:80; its sums are left 0, which the offload proof does not need here.
fn segment(number: u32, flags: u8, seq: u32, payload: usize) -> Vec<u8> {
    let length = (40 + payload).min(65_535) as u16;
    let mut packet = vec![0x45, 0];
    // Of a packet over 64 KB the kernel writes the length 0 (BIG TCP).
    packet.extend(if 40 + payload > 65_535 { [0, 0] } else { length.to_be_bytes() });
    packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10]);
    packet.extend(&(number / 50_000).to_be_bytes()[1..]);
    packet.extend([10, 0, 0, 1]);
    packet.extend((10_000 + (number % 50_000) as u16).to_be_bytes());
    packet.extend(80_u16.to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend(1_u32.to_be_bytes());
    packet.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
    packet.resize(packet.len() + payload, b'x');
    packet
}

const SYN: u8 = 2;
const ACK: u8 = 16;

fn one(name: &str, content: &[u8]) -> Result<(Value, Ran), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(name), content)?;
    report(folder.path(), &[name, "--select", "tcp-rst"])
}

fn cut_anywhere() -> Result<(), Failed> {
    let whole = fs::read(root().join("cases/tcp-rst/fixtures/wrong-backend/client.pcap"))?;
    let folder = tempfile::tempdir()?;
    // Every byte is cut in the reader's own tests; here the whole program is asked.
    for at in (24..whole.len()).step_by(23) {
        fs::write(folder.path().join("cut.pcap"), &whole[..at])?;
        let (report, ran) = report(folder.path(), &["cut.pcap"])?;
        ends_with(&ran, &[0, 1])?;
        covered_once(&report, "cut.pcap", &["read", "partly"], "")?;
    }
    Ok(())
}

fn lengths_that_lie() -> Result<(), Failed> {
    let mut file = pcap(65_535);
    record(&mut file, 1, 0, &segment(1, SYN, 1, 0));
    let at = file.len();
    record(&mut file, 2, 0, &segment(2, SYN, 1, 0));
    file[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    record(&mut file, 3, 0, &segment(3, SYN, 1, 0));
    let (report, ran) = one("lies.pcap", &file)?;
    ends_with(&ran, &[0])?;
    covered_once(&report, "lies.pcap", &["partly"], "")
}

fn snap_length() -> Result<(), Failed> {
    let mut file = pcap(16);
    record(&mut file, 1, 0, &segment(1, SYN, 1, 0));
    let (report, ran) = one("snap.pcap", &file)?;
    ends_with(&ran, &[0])?;
    covered_once(&report, "snap.pcap", &["read", "partly"], "")
}

fn times() -> Result<(), Failed> {
    let mut file = pcap(65_535);
    for (seconds, micros) in [(u32::MAX, 999_999), (0, 0), (0, 0), (u32::MAX, u32::MAX), (5, 1), (4, 0)] {
        record(&mut file, seconds, micros, &segment(1, ACK, 1, 10));
    }
    let (report, ran) = one("times.pcap", &file)?;
    ends_with(&ran, &[0])?;
    covered_once(&report, "times.pcap", &["read"], "")
}

fn over_64_kb() -> Result<(), Failed> {
    let mut file = pcap(1 << 20);
    record(&mut file, 1, 0, &segment(1, ACK, 1, 200_000));
    record(&mut file, 2, 0, &segment(1, ACK, 200_001, 5));
    let (report, ran) = one("big.pcap", &file)?;
    ends_with(&ran, &[0])?;
    covered_once(&report, "big.pcap", &["read", "partly"], "")
}

fn many_flows() -> Result<(), Failed> {
    let mut file = pcap(65_535);
    for number in 0..400_000 {
        record(&mut file, number / 1_000, number % 1_000, &segment(number, SYN, number, 0));
    }
    let (report, ran) = one("many.pcap", &file)?;
    ends_with(&ran, &[0])?;
    covered_once(&report, "many.pcap", &["read", "partly"], "gave their place")
}

fn grows() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("grows.pcap");
    let mut file = pcap(65_535);
    for number in 0..20_000 {
        record(&mut file, number, 0, &segment(number % 100, ACK, number, 20));
    }
    fs::write(&path, &file)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| append(&path, &done));
        let ran = (0..5).try_for_each(|_| {
            let (report, ran) = report(folder.path(), &["grows.pcap", "--select", "tcp-rst"])?;
            ends_with(&ran, &[0])?;
            covered_once(&report, "grows.pcap", &["read", "partly"], "")
        });
        done.store(true, Ordering::Relaxed);
        ran
    })
}

/// Writes on, in pieces that end inside of records.
fn append(path: &Path, done: &AtomicBool) {
    let Ok(mut file) = OpenOptions::new().append(true).open(path) else { return };
    let mut records = Vec::new();
    record(&mut records, 30_000, 0, &segment(7, ACK, 1, 50));
    for piece in records.chunks(13).cycle() {
        if done.load(Ordering::Relaxed) || file.write_all(piece).is_err() {
            return;
        }
    }
}

fn unknown_directives() -> Result<(), Failed> {
    let text = "global\n    turbo on\ndefaults\n    mode tcp\n    timeout client 5s\n    timeout teleport 3s\n\
                frontend f\n    bind :80\n    default_backend b\nbackend b\n    server s 10.0.0.1:80 warp 9\n";
    let (report, ran) = one("haproxy.cfg", text.as_bytes())?;
    ends_with(&ran, &[0, 1])?;
    covered_once(&report, "haproxy.cfg", &["partly"], "")?;
    let found = report["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let told = found.iter().any(|finding| finding["title"].as_str().is_some_and(|title| title.contains("after 5 s")));
    if told { Ok(()) } else { Err(format!("the timer beside them was lost: {report}").into()) }
}

fn wrong_units() -> Result<(), Failed> {
    let text = "[path]\nto = \"a:1\"\n[traffic]\nquiet = \"12 fortnights\"\n[[hop]]\nname = \"lb\"\nidle = 350\n";
    let (report, ran) = one("path.toml", text.as_bytes())?;
    ends_with(&ran, &[0, 1])?;
    covered_once(&report, "path.toml", &["partly"], "")?;
    let said = report.to_string();
    if said.contains("is no unit of time") && said.contains("has no unit") {
        Ok(())
    } else {
        Err(format!("the units are not named: {report}").into())
    }
}
