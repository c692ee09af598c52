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

use casebook_core::{Kind, case};

/// Kinds of evidence, the most specific first.
pub static KINDS: &[&Kind] = &[&facts::path_file::PATH];

case! {
    /// The case.
    pub CASE = "tcp-rst" ("RST", "rst"),
    "A TCP RST that took a week to track down",
    "who sent the RST, which timer let it happen, when the next connection dies",
    kinds: KINDS,
    wants: &[],
    settings: &[],
    rules: rules::RULES,
    verbs: command::VERBS,
    lab: &[("run.sh", include_str!("../lab/run.sh"))],
    read: facts::read,
    page: page::view,
}
