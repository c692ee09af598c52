//! A TCP RST that took a week to track down: who sent it, which timer let it happen, when the next one comes.
//!
//! The mechanism in ten lines. A device on the path keeps an entry for each connection and forgets it after a time of silence.
//! It says nothing when it does. The next packet, hours later, meets no entry: it is translated to another backend, delivered to
//! the device itself, leaves with an untranslated address, or is dropped, depending on who speaks first, on
//! `nf_conntrack_tcp_loose` and on the rules. Whoever gets it and knows no such connection answers with a RST, with the address
//! the packet was sent to as its source. So the RST names the wrong sender, and its period is the period of the traffic, not the
//! timer's. What gives the sender away is the RST's form (a kernel without a socket makes another one than a socket), its
//! TTL, IP-ID, timestamps, and how fast it came. What gives the timer away is the bracket between the longest silence a
//! connection came through and the shortest it did not.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

use casebook_core::{Kind, Want, WantSource, case};
use casebook_formats::nft::kinds::{NFT_JSON, NFT_TEXT};
use casebook_formats::{capture, sysctl};

/// Kinds of evidence, the most specific first.
pub static KINDS: &[&Kind] = &[
    &capture::KIND,
    &NFT_JSON,
    &facts::path_file::PATH,
    &facts::haproxy::HAPROXY,
    &facts::nginx::NGINX,
    &facts::envoy::ENVOY,
    &facts::kube_proxy::KUBE_PROXY,
    &facts::ss::SS,
    &facts::ipvs::IPVS,
    &facts::conntrack::kind::CONNTRACK_EVENTS,
    &facts::conntrack::kind::CONNTRACK_LIST,
    &facts::conntrack::kind::CONNTRACK_STATS,
    &sysctl::KIND,
    &NFT_TEXT,
    &facts::reconnects::RECONNECTS,
];

/// The laboratory: the scenarios (`paths`, `ends`, `proxies`, `damage`, `series`), and what plays and judges them.
static LAB: &[(&str, &str)] = &[
    ("run.sh", include_str!("../lab/run.sh")),
    ("lab.py", include_str!("../lab/lab.py")),
    ("scenario.py", include_str!("../lab/scenario.py")),
    ("stage.py", include_str!("../lab/stage.py")),
    ("spaces.py", include_str!("../lab/spaces.py")),
    ("peers.py", include_str!("../lab/peers.py")),
    ("proof.py", include_str!("../lab/proof.py")),
    ("paths.py", include_str!("../lab/paths.py")),
    ("ends.py", include_str!("../lab/ends.py")),
    ("proxies.py", include_str!("../lab/proxies.py")),
    ("damage.py", include_str!("../lab/damage.py")),
    ("series.py", include_str!("../lab/series.py")),
    ("README.md", include_str!("../lab/README.md")),
];

/// What is read of a live machine.
pub static WANTS: &[Want] = &[
    Want {
        name: "tcp-rst/sysctl.txt",
        source: WantSource::Command(&["sysctl", "-e", "-a", "-r", KEYS]),
        timeout_s: 10,
        max_bytes: 4 << 20,
        without: "the timers of connection tracking and keepalive stay unknown",
    },
    Want {
        name: "tcp-rst/conntrack-list.txt",
        source: WantSource::Command(&["conntrack", "-L", "-o", "extended,id"]),
        timeout_s: 30,
        max_bytes: 256 << 20,
        without: "which connections the router knows, and for how long, stays unknown",
    },
    Want {
        name: "tcp-rst/conntrack-stats.txt",
        source: WantSource::Command(&["conntrack", "-S"]),
        timeout_s: 10,
        max_bytes: 1 << 20,
        without: "how many packets were invalid, and how many entries were dropped early, stays unknown",
    },
    Want {
        name: "tcp-rst/ss.txt",
        source: WantSource::Command(&["ss", "-tinoe"]),
        timeout_s: 30,
        max_bytes: 256 << 20,
        without: "which sockets probe, and how long each was idle, stays unknown",
    },
    Want {
        name: "tcp-rst/haproxy.cfg",
        source: WantSource::File("/etc/haproxy/haproxy.cfg"),
        timeout_s: 5,
        max_bytes: 16 << 20,
        without: "the timers of haproxy stay unknown, if one runs here",
    },
];

/// Kernel settings that rule connections.
const KEYS: &str = "^(kernel\\.osrelease|net\\.ipv4\\.(tcp_keepalive_.*|tcp_retries.*|tcp_fin_timeout|ip_forward|\
                    ip_default_ttl|vs\\..*)|net\\.netfilter\\.nf_conntrack_.*)$";

case! {
    /// The case.
    pub CASE = "tcp-rst" ("RST", "rst"),
    "A TCP RST that took a week to track down",
    "who sent the RST, which timer let it happen, when the next connection dies",
    kinds: KINDS,
    wants: WANTS,
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: LAB,
    read: facts::read,
    page: page::view,
}
