//! Linux connection tracking of TCP, per packet: `net/netfilter/nf_conntrack_proto_tcp.c` and the parts of
//! `nf_conntrack_core.c` that decide what an entry is, how long it lives and what a packet is to it.
//!
//! [`track::packet`] is one packet through `nf_conntrack_in`. Time, settings and the kernel's release are arguments.
//!
//! Not modelled: sequence numbers that a helper has shifted (`nf_ct_seq_offset`), SYN proxy, flow offload, expectations, and
//! the races between processors. Time is in microseconds where the kernel counts jiffies: an answer can be wrong by one
//! jiffy (1 to 10 ms) at the moment of expiry.

pub mod entry;
pub mod release;
pub mod segment;
pub mod settings;
pub mod step;
pub mod table;
pub mod track;
pub mod window;

#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use release::{Behaviour, Release, Switch};
pub use segment::{Options, Packet};
pub use settings::{Host, Policy, PolicyFrom, Settings, Timeouts};
pub use step::{Step, TimeoutReason};
pub use table::{Index, Next, State};
pub use track::{Class, Handled, Outcome, packet};
