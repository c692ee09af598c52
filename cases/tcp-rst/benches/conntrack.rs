//! How fast text of conntrack is read, and how fast the model runs: `cargo bench -p case-tcp-rst --bench conntrack`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "the case has no clock; its measurement does"
)]

use std::hint::black_box;
use std::time::Instant;

use case_tcp_rst::facts::conntrack::{Item, read};
use case_tcp_rst::facts::flow::{Flags, Side, Sum};
use case_tcp_rst::model::conntrack::{Behaviour, Host, Options, Packet, Release, packet};
use case_tcp_rst::model::events::Log;
use casebook_core::EvidenceId;

/// A log of about `bytes`: connections that open, live and end, on 60 000 tuples.
fn log(bytes: usize) -> String {
    let mut out = String::with_capacity(bytes + 1000);
    let mut number = 0u32;
    while out.len() < bytes {
        let (client, port) = (number % 1000, 1024 + number / 1000 % 60);
        let tuples = format!("src=10.1.{}.{} dst=10.0.1.100 sport={port} dport=80", client / 250, client % 250);
        let reply =
            format!("src=10.0.2.{} dst=10.1.{}.{} sport=80 dport={port}", number % 3, client / 250, client % 250);
        let time = 1_795_640_000 + number / 1000;
        for (event, rest, unreplied, assured) in [
            ("    [NEW]", " 120 SYN_SENT", " [UNREPLIED]", ""),
            (" [UPDATE]", " 60 SYN_RECV", "", ""),
            (" [UPDATE]", " 432000 ESTABLISHED", "", " [ASSURED]"),
            ("[DESTROY]", " TIME_WAIT", "", " [ASSURED]"),
        ] {
            out.push_str(&format!(
                "[{time}.{:06}]\t{event} ipv4     2 tcp      6{rest} {tuples}{unreplied} {reply}{assured} mark=0 id={}\n",
                number % 1_000_000,
                number.wrapping_mul(2_654_435_761),
            ));
        }
        number += 1;
    }
    out
}

fn rate(what: &str, bytes: usize, mut work: impl FnMut()) {
    let seconds = (0..3)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min);
    println!("{what}: {:.0} MB/s", bytes as f64 / seconds / 1e6);
}

fn main() {
    let text = log(200_000_000);
    rate("conntrack -E, read", text.len(), || {
        let records = read(EvidenceId(0), text.as_bytes()).filter(|item| matches!(item, Item::Record(_))).count();
        assert!(black_box(records) > 0);
    });
    rate("conntrack -E, read and studied", text.len(), || {
        let mut log = Log::default();
        read(EvidenceId(0), text.as_bytes()).for_each(|item| log.item(&item));
        assert!(black_box(log.finish()).events > 0);
    });
    let host = Host::new(Behaviour::of(Release(6, 18, 44)));
    let mut slot = None;
    let count = 5_000_000u32;
    let start = Instant::now();
    for number in 0..count {
        let segment = Packet {
            from: Side::Client,
            flags: Flags(Flags::ACK),
            seq: number,
            ack: 1,
            window: 1000,
            payload_bytes: 1,
            options: Options::default(),
            truncated: false,
            sum: Sum::Good,
            arrives: true,
        };
        black_box(packet(&host, &mut slot, &segment, u64::from(number)));
    }
    println!("model: {:.1} million packets/s", f64::from(count) / start.elapsed().as_secs_f64() / 1e6);
}
