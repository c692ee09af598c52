//! Checksums: what a wrong one says about the packet, and how to add bytes in lanes without changing the sum.
//!
//! The mechanism in ten lines. The Internet checksum adds 16-bit words and adds carries back in, which is arithmetic modulo 65535:
//! linear, in any order, whatever the lanes. So a wrong sum is no dead end. Stored minus computed is what was added to the words
//! after the sum was made: a power of two is one flipped bit, new minus old of an address is a rewriting that left the sum, the
//! complement of all but the pseudo header is a sum left to the network card. CRC-32C of SCTP is linear over exclusive or, and
//! there the difference even names the byte. A bad sum has a second effect: connection tracking verifies it, calls the packet
//! INVALID, and NAT lets it pass with the address it should have lost.
//! The multiply-add hash of the story is not like this: what a byte counts for depends on how many follow it, and lanes that
//! forget it give another value, the same one every time.

pub mod command;
pub mod facts;
pub mod model;
pub mod page;
pub mod rules;

use casebook_core::{Kind, Want, WantSource};

/// Kinds of evidence, the most specific first. Settings ([`facts::SYSCTL`]) are read beside captures and are none of them: alone
/// they give the case nothing to check.
pub static KINDS: &[&Kind] = &[&facts::KIND];

casebook_core::case! {
    /// The case.
    pub CASE = "simd-checksum" ("SUM", "checksum"),
    "SIMD in Rust without losing my mind",
    "why a checksum does not hold: a flipped bit, a translator, a network card, or the one who made it",
    kinds: KINDS,
    wants: &[Want {
        name: "simd-checksum/sysctl.txt",
        source: WantSource::Command(&["sysctl", "net.netfilter.nf_conntrack_checksum"]),
        timeout_s: 10,
        max_bytes: 1 << 16,
        without: "whether connection tracking verifies checksums",
    }],
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: &[("run.sh", include_str!("../lab/run.sh")), ("lab.py", include_str!("../lab/lab.py")), ("net.py", include_str!("../lab/net.py"))],
    read: facts::read,
    page: page::view,
}
