//! Packets per second of the evaluator alone, on one core: `cargo bench -p case-nftables --bench evaluate`.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use case_nftables::facts;
use casebook_core::{Bytes, EvidenceSet};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::packet_text;
use casebook_formats::nft::release::Host;
use casebook_formats::nft::walk::Evaluator;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A hundred rules with sets, services before addresses, as hosts have them.
fn ruleset() -> String {
    let mut rules = String::from("ct state established,related accept\nct state invalid drop\niifname lo accept\n");
    rules.push_str("ip saddr @blocked drop\ntcp dport @services accept\n");
    for at in 0..95 {
        rules.push_str(&format!(
            "ip saddr {{ 10.{at}.0.1, 10.{at}.0.2, 10.{at}.1.0/24 }} tcp dport {{ {}, {} }} accept\n",
            at + 1,
            at + 1000
        ));
    }
    format!(
        "table inet filter {{\nset blocked {{\ntype ipv4_addr\nflags interval\nelements = {{ 198.51.100.0/24, 203.0.113.0/24 }}\n}}\n\
         set services {{\ntype inet_service\nelements = {{ 22, 80, 443 }}\n}}\nchain input {{\ntype filter hook input priority 0; \
         policy drop\n{rules}}}\n}}\n"
    )
}

fn measure(name: &str, evaluator: &mut Evaluator<'_>, packets: &[Packet]) {
    const ROUNDS: usize = 200_000;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for at in 0..ROUNDS {
            black_box(evaluator.run(black_box(&packets[at % packets.len()])));
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name}: {:.2} M packets/s", ROUNDS as f64 / best / 1e6);
}

fn main() {
    let mut set = EvidenceSet::new();
    let id = set.add("bench.nft", Some("nft-text"), Bytes::new(ruleset().into_bytes()));
    let Some(item) = set.get(id) else { return };
    let facts = facts::ruleset(&set, item, Host::default());
    let mut evaluator = Evaluator::new(&facts.ruleset);
    let read = |lines: &[&str]| lines.iter().filter_map(|line| packet_text::parse(line).ok()).collect::<Vec<_>>();
    let early = read(&[
        "iif eth0 tcp 10.9.0.5:40000 > 10.0.0.1:22 syn ct new",
        "iif eth0 tcp 198.51.100.7:40000 > 10.0.0.1:9 syn ct new",
        "iif eth0 tcp 10.9.0.5:40000 > 10.0.0.1:9 ack ct established",
    ]);
    measure("decided by the first rules", &mut evaluator, &early);
    let half = read(&["iif eth0 tcp 10.47.0.1:40000 > 10.0.0.1:48 syn ct new"]);
    measure("decided after fifty rules", &mut evaluator, &half);
    let all = read(&["iif eth0 tcp 192.0.2.1:40000 > 10.0.0.1:9 syn ct new"]);
    measure("decided by the policy after a hundred", &mut evaluator, &all);
}
