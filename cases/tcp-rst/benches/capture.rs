//! Captures at speed: `generate` writes one, `read` measures a pass over it.
//!
//!   cargo bench -p case-tcp-rst --bench capture -- generate FILE [--bytes N] [--concurrent N] [--segments N]
//!       [--payload mixed|small|N] [--link ethernet|vlan|sll2|raw] [--pcapng] [--v6 ONE_IN] [--seed N]
//!   cargo bench -p case-tcp-rst --bench capture -- read FILE [--only frames|packets|sums|flows|segments] [--times N]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench reads files and a clock")]
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a bench is a program")]
#![allow(missing_docs, reason = "a bench has no readers of its items")]

#[allow(missing_docs, reason = "a bench has no readers of its items")]
#[path = "capture/generate.rs"]
mod generate;

use std::fs::File;
use std::time::Instant;

use case_tcp_rst::facts::capture::{Capture, Limits, counts, read, segments};
use casebook_collect::{Loader, Options};
use casebook_core::{Bytes, EvidenceId};
use casebook_formats::packet::{Network, Packet, Protocol, checksum};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let number = |name: &str, default: u64| value(name).map_or(default, |text| text.parse().expect("a number"));
    match (args.first().map(String::as_str), args.get(1)) {
        (Some("generate"), Some(path)) => {
            let default = generate::Options::default();
            let options = generate::Options {
                bytes: number("--bytes", default.bytes),
                concurrent: number("--concurrent", default.concurrent as u64) as usize,
                segments: number("--segments", default.segments),
                payload: value("--payload").unwrap_or(default.payload),
                link: value("--link").unwrap_or(default.link),
                pcapng: args.iter().any(|arg| arg == "--pcapng"),
                v6: number("--v6", default.v6),
                seed: number("--seed", default.seed),
            };
            let written = generate::write(File::create(path).expect("a file to write"), &options);
            println!("{:?}", written.expect("a disk with room"));
        }
        (Some("read"), Some(path)) => {
            measure(path, value("--only").as_deref().unwrap_or("flows"), number("--times", 3))
        }
        // `cargo bench` and `cargo test --benches` give no arguments: a small run shows that it works.
        _ => {
            let mut bytes = Vec::new();
            let options = generate::Options { bytes: 4 << 20, concurrent: 200, ..generate::Options::default() };
            println!("{:?}", generate::write(&mut bytes, &options).expect("memory"));
            print(&read(EvidenceId(0), &Bytes::new(bytes), Limits::default()));
        }
    }
}

fn measure(path: &str, only: &str, times: u64) {
    // Loaded as `casebook check` does: mapped, packed ones spooled.
    let options = Options::new(vec![&casebook_formats::capture::KIND]);
    let mut loader = Loader::new(&options);
    loader.path(path, &mut std::io::empty()).expect("the capture");
    let collected = loader.finish();
    let bytes = collected.evidence.iter().next().map(|item| item.bytes.clone()).expect("a capture");
    let size = bytes.as_slice().len() as f64;
    for _ in 0..times {
        let (start, cpu) = (Instant::now(), cpu_s());
        let packets = match only {
            "flows" => {
                let capture = read(EvidenceId(0), &bytes, Limits::default());
                let (packets, took) = (capture.totals.packets, cpu_s() - cpu);
                if times == 1 {
                    print(&capture);
                }
                report(only, size, packets, took, start.elapsed().as_secs_f64());
                continue;
            }
            "segments" => {
                // The second pass of `casebook check`: the packets of the first 64 flows with a RST.
                let capture = read(EvidenceId(0), &bytes, Limits::default());
                let flows: Vec<_> = capture.reset_flows().take(64).collect();
                let cpu = cpu_s();
                let found = segments(EvidenceId(0), &bytes, &flows.iter().collect::<Vec<_>>(), 20_000);
                let packets = found.iter().map(|one| one.list.len() as u64).sum();
                report(only, size, packets, cpu_s() - cpu, start.elapsed().as_secs_f64());
                continue;
            }
            _ => walk(&bytes, only),
        };
        report(only, size, packets, cpu_s() - cpu, start.elapsed().as_secs_f64());
    }
}

fn walk(bytes: &Bytes, only: &str) -> u64 {
    let (mut packets, mut kept, mut released) = (0, 0_u64, 0);
    for frame in casebook_formats::capture::frames(bytes.as_slice()) {
        packets += 1;
        kept += frame.data.len() as u64;
        if only != "frames" {
            let packet = Packet::of(&frame);
            kept += u64::from(matches!(packet.network, Network::V4(_)));
            if only == "sums" {
                let checks = checksum::verify(&packet, frame.flags);
                kept += checks.iter().filter(|check| check.verdict == checksum::Verdict::Good).count() as u64;
            }
        }
        if frame.end - released >= 4 << 20 {
            bytes.release(released..frame.end);
            released = frame.end;
        }
    }
    std::hint::black_box(kept);
    packets
}

fn report(what: &str, size: f64, packets: u64, cpu: f64, wall: f64) {
    println!(
        "{what}: {packets} packets, {:.3} s CPU, {wall:.3} s wall, {:.2} GB per CPU-second, {:.0} ns a packet, \
         peak RSS {:.0} MB",
        cpu,
        size / 1e9 / cpu,
        cpu * 1e9 / packets as f64,
        peak_rss_mb()
    );
}

fn print(capture: &Capture) {
    println!("{:?}", capture.totals);
    for protocol in Protocol::ALL {
        let counts = counts(&capture.totals, protocol);
        if counts != Default::default() {
            println!("{}: {counts:?}", protocol.name());
        }
    }
    println!("{} flows kept, {} with RST", capture.kept(), capture.reset_flows().count());
}

/// Time this thread, the only one, has run, in user space and the kernel, in seconds.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1000.0
}
