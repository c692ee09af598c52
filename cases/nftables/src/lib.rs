//! nftables rule ordering: what a ruleset does to a packet, and what an insertion took away.
//!
//! The mechanism in ten lines. A packet meets base chains by hook and priority; each chain runs its rules in
//! order; a rule is a list of expressions, and the first that does not hold, or whose field is absent, breaks the
//! rule. A terminal verdict ends the chain, so a rule put in front keeps packets from everything behind it: not
//! only from other verdicts, also from marks, logs, limits and translations. Accept ends one base chain and the
//! next one still runs; drop ends the packet. What a broken rule has already done stays done. A verdict can stay
//! the same while an effect is lost, and the effect is what something else depends on: a mark that policy routing
//! reads, a log that an alarm counts. So the case compares whole outcomes, not verdicts.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

use casebook_core::{Kind, Setting, Want, WantSource, case};
use casebook_formats::{nft, sysctl};

/// Kinds of evidence, the most specific first.
pub static KINDS: &[&Kind] = &[
    &nft::kinds::NFT_JSON,
    &facts::kinds::IP_RULE,
    &facts::kinds::IP_ADDR,
    &facts::kinds::IP_ROUTE,
    &nft::kinds::NFT_HOOKS,
    &sysctl::KIND,
    &nft::kinds::NFT_TEXT,
];

/// What is read of a live machine.
pub static WANTS: &[Want] = &[
    Want {
        name: "nftables/ruleset.json",
        source: WantSource::Command(&["nft", "-j", "-a", "list", "ruleset"]),
        timeout_s: 30,
        max_bytes: 256 << 20,
        without: "no ruleset: nothing can be said about it",
    },
    Want {
        name: "nftables/hooks.txt",
        source: WantSource::Command(&["nft", "list", "hooks"]),
        timeout_s: 10,
        max_bytes: 1 << 20,
        without: "the order of chains at equal priority stays unknown",
    },
    Want {
        name: "nftables/ip-rule.json",
        source: WantSource::Command(&["ip", "-j", "rule"]),
        timeout_s: 10,
        max_bytes: 16 << 20,
        without: "who reads a packet mark stays unknown",
    },
    Want {
        name: "nftables/ip-route.json",
        source: WantSource::Command(&["ip", "-j", "route", "show", "table", "all"]),
        timeout_s: 30,
        max_bytes: 64 << 20,
        without: "where marked packets go stays unknown",
    },
    Want {
        name: "nftables/ip-addr.json",
        source: WantSource::Command(&["ip", "-j", "addr"]),
        timeout_s: 10,
        max_bytes: 16 << 20,
        without: "which addresses are local stays unknown",
    },
    Want {
        name: "nftables/sysctl.txt",
        source: WantSource::Command(&[
            "sysctl",
            "-e",
            "kernel.osrelease",
            "net.ipv4.ip_forward",
            "net.ipv6.conf.all.forwarding",
            "net.netfilter.nf_conntrack_max",
            "net.netfilter.nf_conntrack_tcp_loose",
            "net.ipv4.tcp_mtu_probing",
        ]),
        timeout_s: 10,
        max_bytes: 1 << 20,
        without: "whether the host forwards, and its kernel's release, stay unknown",
    },
];

/// Keys of `[case.nftables]`.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "nft",
        help: "release of nft that loads the rulesets, as \"1.0.6\" [default: what the evidence says, else 1.0.6]",
        check: is_release,
    },
    Setting {
        name: "kernel",
        help: "release of the kernel that runs them, as \"6.18\" [default: what the evidence says, else 6.18]",
        check: is_release,
    },
];

fn is_release(value: &serde_json::Value) -> Result<(), String> {
    let read = value.as_str().and_then(nft::release::Release::parse);
    read.map(|_| ()).ok_or_else(|| "a release in quotes, as \"1.0.6\"".to_owned())
}

/// The laboratory.
static LAB: &[(&str, &str)] =
    &[("run.sh", include_str!("../lab/run.sh")), ("README.md", include_str!("../lab/README.md"))];

case! {
    /// The case.
    pub CASE = "nftables" ("NFT", "nft"),
    "nftables rule ordering surprised me",
    "a rule in the wrong place: the verdict stays, the effect behind it is lost",
    kinds: KINDS,
    wants: WANTS,
    settings: SETTINGS,
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: LAB,
    read: facts::read,
    page: page::view,
}
