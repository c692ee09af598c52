//! A witness the reader knows: with an address of the host as destination, and the device such packets come in by.

use std::net::IpAddr;

use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::outcome::Effect;
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::{craft, packet_text};

use super::loss::{Loss, Taken};
use super::readers;
use crate::facts::Routing;

/// What a drawn packet has where no rule asks for anything (`model/witness.rs`).
const ANY_DESTINATION: &str = "198.51.100.1";
const ANY_DEVICE: &str = "iif eth0";

/// The loss, shown by a packet to an address of this host; `None` where the rules want another, or the evidence does
/// not hold addresses.
pub(super) fn known(ruleset: &Ruleset, taken: &Taken<'_>, loss: &Loss, routing: &Routing) -> Option<Loss> {
    let text = craft::describe(&loss.packet);
    if !text.ends_with("path input") || !text.contains(ANY_DESTINATION) {
        return None;
    }
    let mark = match loss.effect {
        Effect::CtMark(mark) | Effect::Mark(mark) => mark.unwrap_or(0),
        _ => 0,
    };
    let device = readers::address(loss, true).and_then(|from| readers::device(routing, from, mark));
    let mut local: Vec<_> = routing.addresses.iter().filter(|known| usable(known.addr)).collect();
    // The address of a service often stands on `lo`; else that of the device the packet comes in by.
    local.sort_by_key(|known| (known.ifname != "lo", Some(known.ifname.as_str()) != device));
    local.iter().find_map(|known| {
        let mut moved = text.replace(ANY_DESTINATION, &known.addr.to_string());
        if let Some(device) = device {
            moved = moved.replace(ANY_DEVICE, &format!("iif {device}"));
        }
        let packet = packet_text::parse(&moved).ok()?;
        let with = Evaluator::new(ruleset).run(&packet);
        let without = Evaluator::new(&taken.stripped.ruleset).run(&packet);
        let same = with.end == loss.with.end && without.end == loss.without.end && with.hits == loss.with.hits;
        let lost = loss.kept_in(&without) && !loss.kept_in(&with);
        (same && lost).then(|| Loss { packet, with, without, ..loss.clone() })
    })
}

fn usable(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_link_local())
}
