//! Which chains a packet meets, in which order.
//!
//! Hooks run their entries by priority; at equal priority the last registered runs first, because
//! `nf_hook_entries_grow` puts a new entry before the first one whose priority is not lower
//! (net/netfilter/core.c). All nat chains of a hook hang on one dispatcher at a fixed priority, where their own
//! priority only sorts them among themselves (net/netfilter/nf_nat_core.c `nf_nat_register_fn`).

use super::conntrack::{CONNTRACK, DEFRAG};
use super::ir::{ChainId, ChainKind, Family, Hook, Ruleset, TableId};
use super::packet::{Packet, Path};

/// One entry of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A base chain.
    Chain(TableId, ChainId),
    /// The nat dispatcher with its chains in order.
    Nat(Vec<(TableId, ChainId)>),
    /// Fragments are held until they are whole.
    Defrag,
    /// Connection tracking looks the packet up.
    Conntrack,
}

/// The entries of one hook, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookPlan {
    /// The hook.
    pub hook: Hook,
    /// Its entries with their priorities.
    pub entries: Vec<(i32, Entry)>,
}

/// Priority of the nat dispatcher at a hook.
pub fn nat_priority(hook: Hook) -> i32 {
    match hook {
        Hook::Prerouting | Hook::Output => -100,
        _ => 100,
    }
}

/// The entries of `hook` for packets of `family` (`Ip`, `Ip6`, `Arp`, `Bridge`; `Netdev` for ingress and egress
/// at `device`).
pub fn entries(ruleset: &Ruleset, hook: Hook, family: Family, device: Option<&str>, conntrack: bool) -> HookPlan {
    let mut chains = Vec::new();
    let mut nat = Vec::new();
    for (table_id, chain_id, chain) in ruleset.chains() {
        let table = ruleset.table(table_id);
        let Some(base) = chain.base.as_ref().filter(|base| base.hook == hook && !table.dormant) else { continue };
        let at_device = matches!(hook, Hook::Ingress | Hook::Egress);
        let applies = match table.family {
            Family::Inet if at_device => family == Family::Netdev,
            Family::Inet => matches!(family, Family::Ip | Family::Ip6),
            own => own == family,
        };
        let on_device =
            !at_device || base.devices.iter().any(|name| device.is_some_and(|device| name_matches(name, device)));
        if !applies || !on_device {
            continue;
        }
        let entry = (base.priority, chain.registered, table_id, chain_id);
        if base.kind == ChainKind::Nat { nat.push(entry) } else { chains.push(entry) }
    }
    // Lower priority first; among equals the last registered.
    let order = |list: &mut Vec<(i32, u32, TableId, ChainId)>| {
        list.sort_by_key(|(priority, registered, ..)| (*priority, std::cmp::Reverse(*registered)));
    };
    order(&mut chains);
    order(&mut nat);
    let tracked = conntrack && matches!(family, Family::Ip | Family::Ip6);
    let mut entries: Vec<(i32, u32, Entry)> = chains
        .into_iter()
        .map(|(priority, registered, table, chain)| (priority, registered, Entry::Chain(table, chain)))
        .collect();
    if !nat.is_empty() && tracked {
        // The first nat chain of a family, at whatever hook, brings the dispatchers of all hooks.
        let of_family = |owner: Family| owner == Family::Inet || owner == family;
        let nat_chains = ruleset.chains().filter(|(table, _, chain)| {
            chain.base.as_ref().is_some_and(|base| base.kind == ChainKind::Nat)
                && of_family(ruleset.table(*table).family)
        });
        let first = nat_chains.map(|(_, _, chain)| chain.registered).min().unwrap_or(0);
        let list = nat.into_iter().map(|(_, _, table, chain)| (table, chain)).collect();
        entries.push((nat_priority(hook), first, Entry::Nat(list)));
    }
    if tracked && matches!(hook, Hook::Prerouting | Hook::Output) {
        // Registered when the first expression needs it, which is after the chains of its file.
        entries.push((DEFRAG, u32::MAX, Entry::Defrag));
        entries.push((CONNTRACK, u32::MAX, Entry::Conntrack));
    }
    entries.sort_by_key(|(priority, registered, _)| (*priority, std::cmp::Reverse(*registered)));
    HookPlan { hook, entries: entries.into_iter().map(|(priority, _, entry)| (priority, entry)).collect() }
}

fn name_matches(pattern: &str, device: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == device, |prefix| device.starts_with(prefix))
}

/// All hooks of a packet's path with their entries.
pub fn of_packet(ruleset: &Ruleset, packet: &Packet, family: Family, conntrack: bool) -> Vec<HookPlan> {
    let mut plans = Vec::new();
    let hook_family = match packet.path {
        Path::BridgeInput | Path::BridgeForward | Path::BridgeOutput => Family::Bridge,
        Path::ArpInput | Path::ArpOutput => Family::Arp,
        _ => family,
    };
    let has_device_chains =
        |hook| ruleset.chains().any(|(_, _, chain)| chain.base.as_ref().is_some_and(|base| base.hook == hook));
    if let Some(device) = &packet.iif
        && packet.path != Path::Egress
        && has_device_chains(Hook::Ingress)
    {
        plans.push(entries(ruleset, Hook::Ingress, Family::Netdev, Some(&device.name), false));
    }
    for hook in packet.path.hooks() {
        plans.push(entries(ruleset, *hook, hook_family, None, conntrack));
    }
    if let Some(device) = &packet.oif
        && !matches!(packet.path, Path::Ingress | Path::Input | Path::BridgeInput | Path::ArpInput)
        && has_device_chains(Hook::Egress)
    {
        plans.push(entries(ruleset, Hook::Egress, Family::Netdev, Some(&device.name), false));
    }
    plans.retain(|plan| !plan.entries.is_empty());
    plans
}
