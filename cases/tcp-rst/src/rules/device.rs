//! RST102 reset-by-device

use casebook_core::{EvidenceSet, Finding, Rule};

use super::resets::{Cause, collect, findings};
use crate::facts::Facts;
use crate::model::words::peer;

casebook_core::rule! {
    /// A RST carries one end's address and was sent by something nearer: a router, a firewall, a balancer's own kernel.
    ///
    /// Its TTL shows that it passed fewer routers than the packets of the end it speaks for, or it came back faster than that
    /// end has ever answered.
    ///
    /// Mechanism: a rule `reject with tcp reset` (`nf_send_reset`, net/ipv4/netfilter/nf_reject_ipv4.c), or a packet that
    /// was no longer translated and was delivered to the device itself, whose kernel has no socket for it.
    ///
    /// Fix: look at that device: its ruleset, and what its connection tracking says of the packet.
    pub RESET_BY_DEVICE = "RST102" "reset-by-device" of "tcp-rst", Error, since "0.1.0",
    "a RST with one end's address was sent by a device nearer than that end",
    check(Facts), when Facts::has_captures
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    findings(facts, evidence, Cause::Device, |group| {
        let title = format!(
            "the RST to {} carries {} and was sent by a router, firewall or balancer {}",
            peer(group.receiver()),
            peer(group.speaker()),
            group.distance()
        );
        group.finding(rule, evidence, title).fix(collect(
            "ask that device, in this order: its rules, its entries, its counters",
            &[
                "nft -a list ruleset | grep -n -e 'reject with tcp reset' -e 'ct state' -e dnat",
                "sysctl net.netfilter.nf_conntrack_tcp_loose net.netfilter.nf_conntrack_tcp_timeout_established",
                "conntrack -E -o timestamp,id -p tcp",
            ],
        ))
    })
}
