//! Packets, checksums and flows against tshark, over captures made here and over a folder of other people's.
//!
//! `CASEBOOK_CAPTURES=FOLDER CASEBOOK_SEED=1 cargo test -p case-tcp-rst --test oracle capture -- --nocapture`
//!
//! What differs on purpose:
//! - tshark 4.0 calls a checksum that was left to the network card bad; here it is offloaded.
//! - tshark reads TCP in the packet that an ICMP error quotes; here a quoted packet is no packet.
//! - Where IP says more than the frame had, tshark believes the frame and this reader says that the length lies.
//! - A flow begins anew with a SYN after FIN or RST also where its number is the old one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use case_tcp_rst::facts::capture::{Limits, read, segments};
use case_tcp_rst::facts::flow::Flow;
use casebook_core::{Bytes, EvidenceId};
use casebook_formats::capture::{Frame, frames, is_capture};
use casebook_formats::packet::checksum::{Check, Verdict, verify};
use casebook_formats::packet::{Network, Packet, Protocol, Transport};

#[path = "../../benches/capture/generate.rs"]
#[allow(missing_docs, dead_code, reason = "the generator belongs to the bench")]
mod generate;

const FIELDS: [&str; 27] = [
    "frame.number",
    "frame.protocols",
    "frame.cap_len",
    "frame.len",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ip.id",
    "ip.checksum.status",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "tcp.stream",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.len",
    "tcp.options.timestamp.tsval",
    "tcp.checksum.status",
    "udp.checksum.status",
    "icmp.checksum.status",
    "icmpv6.checksum.status",
    "sctp.checksum.status",
];

type Row = BTreeMap<&'static str, String>;

/// One row for each frame; `None` when tshark is not there.
fn tshark(path: &Path) -> Option<Vec<Row>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path).args(["-T", "fields", "-E", "occurrence=f"]);
    for preference in [
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        "sctp.checksum:CRC 32c",
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
    ] {
        command.args(["-o", preference]);
    }
    FIELDS.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| FIELDS.into_iter().zip(line.split('\t').map(str::to_owned)).collect();
    Some(text.lines().map(row).collect())
}

/// What this reader says of a frame, in tshark's words; only fields it has something to say about.
fn ours(frame: &Frame<'_>) -> Row {
    let packet = Packet::of(frame);
    let mut row = Row::new();
    row.insert("frame.number", frame.number.to_string());
    row.insert("frame.cap_len", frame.data.len().to_string());
    row.insert("frame.len", frame.original_bytes.to_string());
    if let Some(ns) = frame.time_ns.filter(|ns| *ns >= 0) {
        row.insert("frame.time_epoch", format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000));
    }
    match &packet.network {
        Network::V4(ip) => {
            row.insert("ip.src", std::net::Ipv4Addr::from(ip.source()).to_string());
            row.insert("ip.dst", std::net::Ipv4Addr::from(ip.final_destination()).to_string());
            row.insert("ip.ttl", ip.ttl().to_string());
            row.insert("ip.id", format!("0x{:04x}", ip.id()));
        }
        Network::V6(ip) => {
            row.insert("ipv6.src", std::net::Ipv6Addr::from(ip.source()).to_string());
            row.insert("ipv6.dst", std::net::Ipv6Addr::from(ip.destination()).to_string());
            row.insert("ipv6.hlim", ip.hop_limit().to_string());
        }
        _ => {}
    }
    if let Transport::Tcp(tcp) = packet.transport {
        row.insert("tcp.srcport", tcp.source_port().to_string());
        row.insert("tcp.dstport", tcp.destination_port().to_string());
        row.insert("tcp.seq_raw", tcp.seq().to_string());
        row.insert("tcp.ack_raw", tcp.ack().to_string());
        let flags = u16::from(tcp.bytes[12] & 0x0f) << 8 | u16::from(tcp.flags());
        row.insert("tcp.flags", format!("0x{flags:04x}"));
        row.insert("tcp.window_size_value", tcp.window().to_string());
        row.insert("tcp.len", tcp.payload_bytes().to_string());
        if let Some((value, _)) = tcp.timestamps() {
            row.insert("tcp.options.timestamp.tsval", value.to_string());
        }
    }
    for check in verify(&packet, frame.flags).iter() {
        if let Some((field, status)) = status(check) {
            row.insert(field, status.to_owned());
        }
    }
    row
}

/// tshark's number of a verdict: 0 bad, 1 good, 2 unverified, 3 absent, 4 illegal.
fn status(check: &Check<'_>) -> Option<(&'static str, &'static str)> {
    let field = match check.protocol {
        Protocol::Ipv4 => "ip.checksum.status",
        Protocol::Tcp => "tcp.checksum.status",
        Protocol::Udp => "udp.checksum.status",
        Protocol::Icmp => "icmp.checksum.status",
        Protocol::Icmpv6 => "icmpv6.checksum.status",
        Protocol::Sctp => "sctp.checksum.status",
        _ => return None,
    };
    Some((
        field,
        match check.verdict {
            Verdict::Good => "1",
            Verdict::Bad { .. } | Verdict::Offloaded(_) => "0",
            Verdict::Unverifiable(_) => "2",
            // tshark has no word for SCTP without a sum.
            Verdict::Absent if check.protocol == Protocol::Sctp => "0",
            Verdict::Absent => "3",
            Verdict::IllegalZero => "4",
        },
    ))
}

#[derive(Default)]
struct Tally {
    files: usize,
    packets: u64,
    fields: u64,
    disagreed: Vec<String>,
}

impl Tally {
    fn packets(&mut self, name: &str, bytes: &[u8], rows: &[Row]) {
        self.files += 1;
        let mut walk = frames(bytes);
        let mut seen = rows.iter();
        for frame in walk.by_ref() {
            let Some(theirs) = seen.next() else { break };
            self.packets += 1;
            self.frame(name, &frame, theirs, odd_fraction(bytes, &frame));
        }
        // Where a record lies, tshark stops and this reader goes on.
        if walk.problems().is_empty() && (walk.number() as usize) < rows.len() {
            self.disagreed.push(format!("{name}: {} frames, tshark has {}", walk.number(), rows.len()));
        }
    }

    fn frame(&mut self, name: &str, frame: &Frame<'_>, theirs: &Row, odd: bool) {
        let ours = ours(frame);
        for (field, value) in &ours {
            let Some(theirs_value) = theirs.get(field) else { continue };
            self.fields += 1;
            if value != theirs_value && !excused(field, value, frame, theirs) && !(odd && *field == "frame.time_epoch")
            {
                self.disagreed.push(format!("{name} #{}: {field} {value}, tshark {theirs_value:?}", frame.number));
            }
        }
        // What tshark sees as TCP and this reader does not.
        let protocols = theirs["frame.protocols"].as_str();
        let quoted = protocols.contains("icmp");
        // Tunnels over UDP, and flow samples.
        let tunnel = Packet::of(frame).inner().is_some()
            || ["vxlan", "geneve", "sflow", "gtp", "lisp", "teredo"].iter().any(|name| protocols.contains(name));
        let unread = matches!(Packet::of(frame).network, Network::Unknown(_));
        if !theirs["tcp.seq_raw"].is_empty() && !ours.contains_key("tcp.seq_raw") && !quoted && !tunnel && !unread {
            let reason = Packet::of(frame).transport;
            if !matches!(reason, Transport::Malformed(_) | Transport::Cut(_)) {
                self.disagreed
                    .push(format!("{name} #{}: {} is no TCP: {reason:?}", frame.number, theirs["frame.protocols"]));
            }
        }
    }

    /// Each flow is the packets of one stream, and each stream the packets of one flow.
    fn flows(&mut self, name: &str, bytes: Vec<u8>, rows: &[Row]) {
        let bytes = Bytes::new(bytes);
        let capture = read(EvidenceId(0), &bytes, Limits::default());
        let flows: Vec<Flow> = capture.flows().collect();
        let asked: Vec<&Flow> = flows.iter().collect();
        let mut streams: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row["tcp.stream"].is_empty()) {
            *streams.entry(&row["tcp.stream"]).or_default() += 1;
        }
        let mut of_flow: BTreeMap<u64, &str> = BTreeMap::new();
        for (flow, found) in flows.iter().zip(segments(EvidenceId(0), &bytes, &asked, usize::MAX)) {
            let mut numbers = found.list.iter().map(|segment| segment.packet.number as usize - 1);
            let Some(stream) = numbers.next().map(|at| rows[at]["tcp.stream"].as_str()) else { continue };
            of_flow.insert(flow.index, stream);
            self.fields += 1;
            let same = numbers.all(|at| rows[at]["tcp.stream"] == stream);
            let whole = streams.get(stream) == Some(&(found.list.len() as u64));
            if !same || !whole {
                self.disagreed.push(format!("{name}: flow {} is not stream {stream}", flow.index));
            }
        }
        if of_flow.len() != streams.len() {
            self.disagreed.push(format!("{name}: {} flows, tshark has {} streams", of_flow.len(), streams.len()));
        }
    }

    fn end(self, what: &str, seed: u64) {
        let Tally { files, packets, fields, disagreed } = self;
        let disagreements = disagreed.len();
        eprintln!(
            "{what} against tshark: {fields} fields of {packets} packets in {files} captures compared, \
             {disagreements} disagreed (seed {seed})"
        );
        let few: Vec<&String> =
            disagreed.iter().take(if std::env::var_os("CASEBOOK_ALL").is_some() { usize::MAX } else { 20 }).collect();
        assert!(disagreed.is_empty(), "{few:#?}");
    }
}

/// True for a pcap record whose microseconds are a second or more: tshark leaves the surplus out.
fn odd_fraction(file: &[u8], frame: &Frame<'_>) -> bool {
    let Some(bytes) = file.get(frame.start + 4..).and_then(|rest| rest.first_chunk()) else { return false };
    match file {
        [0xd4, 0xc3, 0xb2, 0xa1, ..] => u32::from_le_bytes(*bytes) >= 1_000_000,
        [0xa1, 0xb2, 0xc3, 0xd4, ..] => u32::from_be_bytes(*bytes) >= 1_000_000,
        _ => false,
    }
}

/// Differences whose reason is known.
fn excused(field: &str, ours: &str, frame: &Frame<'_>, theirs: &Row) -> bool {
    let theirs_value = theirs[field].as_str();
    let packet = Packet::of(frame);
    let lies = match &packet.network {
        Network::V4(ip) => ip.length_lies,
        Network::V6(ip) => ip.length_lies,
        // Frames of link types that are not read: tshark takes a pseudo header or check sequence off some.
        _ => true,
    };
    let long = frame.original_bytes > 0xffff;
    match field {
        // A fraction of more than a second, or a time before 1970, is printed as it stands in the file.
        "frame.time_epoch" => {
            theirs_value.starts_with('-')
                || theirs_value.len() != ours.len()
                || lies && packet.network.addresses().is_none()
        }
        "frame.len" | "frame.cap_len" => lies,
        // tshark takes the frame's length for the packet's where IP says more, and sums what is there.
        "tcp.len" => lies || theirs_value.is_empty(),
        // tshark 4.0 does not read IPv6 of more than 65 535 bytes.
        _ if long && theirs_value.is_empty() => true,
        _ if field.ends_with("checksum.status") => {
            let checks = verify(&packet, frame.flags);
            let verdict = checks.iter().find(|check| status(check).is_some_and(|(name, _)| name == field));
            // Told by the pseudo header although the payload was cut.
            let offloaded = verdict.is_some_and(|check| matches!(check.verdict, Verdict::Offloaded(_)));
            // A UDP datagram that is there as a whole in a packet that is cut: tshark does not look.
            let inside = field.starts_with("udp") && frame.data.len() < frame.original_bytes as usize;
            offloaded || lies || (inside && theirs_value == "2") || theirs_value.is_empty() && ours == "2"
        }
        _ => false,
    }
}

fn seed() -> u64 {
    std::env::var("CASEBOOK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn capture_made_here_is_what_tshark_says() {
    let folder = std::env::temp_dir().join(format!("casebook-oracle-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut tally = Tally::default();
    let forms = [("ethernet", false), ("vlan", true), ("sll2", false), ("raw", true), ("ethernet", true)];
    for (at, (link, pcapng)) in forms.into_iter().enumerate() {
        let options = generate::Options {
            bytes: 1 << 20,
            concurrent: 60,
            segments: 30,
            payload: if at % 2 == 0 { "mixed" } else { "small" }.to_owned(),
            link: link.to_owned(),
            pcapng,
            v6: 4,
            seed: seed() * 31 + at as u64,
        };
        let path = folder.join(format!("{at}.pcap"));
        generate::write(fs::File::create(&path).unwrap(), &options).unwrap();
        let Some(rows) = tshark(&path) else {
            eprintln!("capture against tshark: skipped, tshark cannot be started");
            return;
        };
        let bytes = fs::read(&path).unwrap();
        tally.packets(link, &bytes, &rows);
        tally.flows(link, bytes, &rows);
    }
    fs::remove_dir_all(&folder).unwrap();
    tally.end("captures made here", seed());
}

#[test]
fn capture_of_others_is_what_tshark_says() {
    let Some(folder) = std::env::var_os("CASEBOOK_CAPTURES") else {
        eprintln!("captures of others: skipped, CASEBOOK_CAPTURES names no folder");
        return;
    };
    let mut tally = Tally::default();
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let Ok(bytes) = fs::read(&path) else { continue };
        // tshark guesses at pcap files of a version before 2.4.
        let old = !bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
            && !matches!(bytes.get(4..8), Some([2, 0, 4, 0] | [0, 2, 0, 4]));
        if !is_capture(&bytes) || old {
            continue;
        }
        let Some(rows) = tshark(&path) else {
            eprintln!("captures of others: skipped, tshark cannot be started");
            return;
        };
        tally.packets(&path.file_name().unwrap().to_string_lossy(), &bytes, &rows);
    }
    assert!(tally.files > 0, "no captures in the folder");
    tally.end("captures of others", 0);
}
