//! The verdicts against tshark, and the causes against what was done to the packets.
//!
//! Captures are written byte by byte: every protocol with a checksum over IPv4 and IPv6, some harmed. tshark says of each
//! checksum whether it holds; the generator knows which bit was flipped.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the case is pure, its oracle is a program: here it is started"
)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that meets something else than it knows fails, and says what it skipped"
)]

#[path = "oracle/generate.rs"]
mod generate;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use case_simd_checksum::facts::{Capture, Facts, Limits, capture};
use case_simd_checksum::model::forensics::{Cause, judge};
use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::capture::frames;
use casebook_formats::packet::checksum::{Verdict, verify};
use casebook_formats::packet::{Packet, Protocol};
use generate::{Harm, Made, Random};

/// The packets of one comparison.
const PACKETS: usize = 20_000;

/// A seed that is always tried, and one of now.
fn seeds() -> [u64; 2] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    [20_260_701, now]
}

/// What tshark says of the checksum fields of a packet, by the names of its fields.
fn tshark(path: &Path) -> Option<Vec<Vec<Option<u8>>>> {
    let mut command = Command::new("tshark");
    command.args(["-r", path.to_str()?, "-T", "fields", "-E", "occurrence=f", "-E", "separator=,"]);
    for option in
        ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "sctp.checksum:CRC 32c"]
    {
        command.args(["-o", option]);
    }
    for protocol in Protocol::ALL.into_iter().filter_map(field) {
        command.args(["-e", &format!("{protocol}.checksum.status")]);
    }
    let output = command.output().ok()?;
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| line.split(',').map(|word| word.parse().ok()).collect()).collect())
}

/// tshark's name of a protocol that has a status; it gives none of OSPF.
fn field(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::Ipv4 => "ip",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
        Protocol::Icmpv6 => "icmpv6",
        Protocol::Sctp => "sctp",
        Protocol::Gre => "gre",
        Protocol::Igmp => "igmp",
        Protocol::Vrrp => "vrrp",
        Protocol::Ospf => return None,
    })
}

/// True where our verdict and tshark's status (`PROTO_CHECKSUM_E_BAD` 0, good 1, unverified 2, not present 3, illegal 4 of
/// epan/proto.h) say the same.
fn same(verdict: Verdict, status: u8) -> bool {
    match verdict {
        Verdict::Good => status == 1,
        Verdict::Bad { .. } => status == 0,
        // tshark tells a sum left to the card since 4.2; before, it is one that does not hold.
        Verdict::Offloaded(_) => matches!(status, 0 | 2),
        Verdict::Absent => status == 3,
        Verdict::IllegalZero => matches!(status, 0 | 4),
        Verdict::Unverifiable(_) => status == 2,
    }
}

fn write(name: &str, seed: u64, packets: &[Made]) -> (PathBuf, Vec<u8>) {
    let bytes = generate::pcap(packets);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{seed}.pcap"));
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

#[test]
fn tshark_says_the_same_of_every_checksum() {
    for seed in seeds() {
        let mut random = Random(seed);
        let packets: Vec<Made> = (0..PACKETS).map(|_| generate::packet(&mut random)).collect();
        let (path, bytes) = write("verdicts", seed, &packets);
        let Some(said) = tshark(&path) else {
            eprintln!("skipped: tshark is not installed");
            return;
        };
        assert_eq!(said.len(), packets.len(), "tshark reads every packet");
        let (mut compared, mut disagreed) = (0, Vec::new());
        for (frame, statuses) in frames(&bytes).zip(&said) {
            let checks = verify(&Packet::of(&frame), frame.flags);
            let names = Protocol::ALL.into_iter().filter(|protocol| field(*protocol).is_some());
            for (protocol, status) in names.zip(statuses) {
                let ours = checks.iter().find(|check| check.protocol == protocol);
                let (Some(check), Some(status)) = (ours, status) else { continue };
                compared += 1;
                if !same(check.verdict, *status) {
                    disagreed.push((
                        frame.number,
                        protocol,
                        check.verdict,
                        *status,
                        packets[frame.number as usize - 1].harm,
                    ));
                }
            }
        }
        eprintln!("{compared} compared, {} disagreed (seed {seed})", disagreed.len());
        assert!(disagreed.is_empty(), "{:?} of {}", &disagreed[..disagreed.len().min(12)], path.display());
        assert!(compared > PACKETS, "most packets have a status");
        std::fs::remove_file(path).unwrap();
    }
}

/// The capture, read as a case reads it.
fn read(bytes: Vec<u8>) -> (Facts, EvidenceSet) {
    let mut evidence = EvidenceSet::new();
    let id = evidence.add("made.pcap", Some("capture"), Bytes::new(bytes));
    let limits = Limits { bad: usize::MAX, ..Limits::default() };
    let capture: Capture = capture::read(evidence.get(id).unwrap(), limits);
    (Facts { captures: vec![capture], ..Facts::default() }, evidence)
}

#[test]
fn a_flipped_bit_is_named_as_it_was_flipped() {
    for seed in seeds() {
        let mut random = Random(seed);
        let packets: Vec<Made> = (0..PACKETS).map(|_| generate::packet(&mut random)).collect();
        let (facts, evidence) = read(generate::pcap(&packets));
        let (mut compared, mut disagreed) = (0, Vec::new());
        for judged in judge(&facts, &evidence) {
            for one in &judged.packets {
                let made = &packets[one.kept.site.packet.number as usize - 1];
                let Harm::Flip { at, mask } = made.harm else { continue };
                if judged.way.protocol != made.protocol {
                    continue;
                }
                compared += 1;
                let now_set = made.covered[at] & mask != 0;
                let word_bit = mask.trailing_zeros() as u8 + if at % 2 == 0 { 8 } else { 0 };
                let right = match &one.cause {
                    Cause::CrcBit(bit) => (bit.at, bit.mask) == (at, mask),
                    Cause::Bit { flip, .. } => {
                        (flip.bit, flip.now_set) == (word_bit, now_set) && made.protocol != Protocol::Sctp
                    }
                    _ => false,
                };
                if !right {
                    disagreed.push((one.kept.site.packet.number, made.protocol, at, mask, one.cause.clone()));
                }
            }
        }
        eprintln!("{compared} compared, {} disagreed (seed {seed})", disagreed.len());
        assert!(disagreed.is_empty(), "{:?}", &disagreed[..disagreed.len().min(8)]);
        assert!(compared > PACKETS / 10, "many packets have a flipped bit");
    }
}

/// Nothing that was left as it was made is called bad, and what was harmed is: but for sums that come out the same, 1 in 65535.
#[test]
fn what_was_harmed_is_bad_and_nothing_else() {
    for seed in seeds() {
        let mut random = Random(seed);
        let packets: Vec<Made> = (0..PACKETS).map(|_| generate::packet(&mut random)).collect();
        let bytes = generate::pcap(&packets);
        let (mut compared, mut disagreed) = (0, 0);
        for (frame, made) in frames(&bytes).zip(&packets) {
            let checks = verify(&Packet::of(&frame), frame.flags);
            let check = checks.iter().find(|check| check.protocol == made.protocol).unwrap();
            let right = match made.harm {
                Harm::None => check.verdict == Verdict::Good,
                Harm::Flip { .. } => matches!(check.verdict, Verdict::Bad { .. }),
                Harm::Many => true,
                Harm::Pseudo => matches!(check.verdict, Verdict::Offloaded(_)),
                Harm::Cut => matches!(check.verdict, Verdict::Unverifiable(_)),
            };
            compared += 1;
            // A flipped field can come out as 0, which says none, or as the sum of the pseudo header.
            let excused = match made.harm {
                Harm::Flip { .. } => {
                    matches!(check.verdict, Verdict::Absent | Verdict::IllegalZero | Verdict::Offloaded(_))
                }
                // What is left of a packet says offloaded when its field happens to be that sum.
                Harm::Cut => matches!(check.verdict, Verdict::Offloaded(_)),
                _ => false,
            };
            disagreed += usize::from(!right && !excused);
        }
        eprintln!("{compared} compared, {disagreed} disagreed (seed {seed})");
        assert_eq!(disagreed, 0, "seed {seed}");
    }
}
