//! Connections a ruleset is about: drawn from the matches of its translations and of the rules that accept, and kept only when a
//! SYN of them passes.

use std::net::IpAddr;

use casebook_formats::nft::ir::{Family, Field, Hook, MetaKey, NatKind, OpKind, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::packet::{Headers, Packet};
use casebook_formats::nft::witness::draft_for;

use super::ask::{Asked, Ends, Way, ask, passes};

/// Connections drawn of one kind.
const MOST: usize = 32;
/// Device names tried for a side the rule does not name.
const DEVICES: usize = 6;
/// TCP.
const TCP: u128 = 6;

/// What a candidate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A rule that translates the server's address.
    Server(RuleRef),
    /// A rule that translates the client's address.
    Client(RuleRef),
    /// Forwarding alone.
    Forward,
    /// A server on the machine itself.
    Local,
}

/// The connections, translations first.
pub(super) fn candidates(ruleset: &Ruleset) -> Vec<(About, Ends)> {
    let mut out: Vec<(About, Ends)> = Vec::new();
    let mut add = |about, ends: Option<Ends>| {
        if let Some(ends) = ends
            && !out.iter().any(|(_, known)| *known == ends)
        {
            out.push((about, ends));
        }
    };
    for (rule, ops) in ruleset.rules().map(|(reference, rule)| (reference, &rule.ops)) {
        for op in ops {
            if let OpKind::Nat(nat) = &op.kind {
                let about = match nat.kind {
                    NatKind::Dnat | NatKind::Redirect => About::Server(rule),
                    NatKind::Snat | NatKind::Masquerade => About::Client(rule),
                };
                add(about, drawn(ruleset, rule, Way::Forward));
            }
        }
    }
    let translates = !out.is_empty();
    for (hook, way, about) in [(Hook::Forward, Way::Forward, About::Forward), (Hook::Input, Way::Input, About::Local)] {
        let filters = ruleset.chains().any(|(_, _, chain)| chain.base.as_ref().is_some_and(|base| base.hook == hook));
        if !filters || (translates && about == About::Forward) {
            continue;
        }
        let mut found = accepting(ruleset, hook).filter_map(|rule| drawn(ruleset, rule, way));
        let first = found.next().or_else(|| admitted(ruleset, &anybody(), way));
        if let Some(ends) = first
            && !out.iter().any(|(_, known)| *known == ends)
        {
            out.push((about, ends));
        }
    }
    out.truncate(MOST);
    out
}

/// Rules that accept, on the way through a hook.
fn accepting(ruleset: &Ruleset, hook: Hook) -> impl Iterator<Item = RuleRef> {
    ruleset.rules().filter_map(move |(reference, rule)| {
        let ends = rule.ops.iter().any(|op| matches!(op.kind, OpKind::Verdict(Verdict::Accept)));
        let (_, way) = draft_for(ruleset, reference).filter(|_| ends)?;
        let base = ruleset.chain(reference.table, way.base).base.as_ref()?;
        (base.hook == hook).then_some(reference)
    })
}

/// A connection whose SYN meets `rule` and passes.
fn drawn(ruleset: &Ruleset, rule: RuleRef, way: Way) -> Option<Ends> {
    let (mut draft, path) = draft_for(ruleset, rule)?;
    let base = ruleset.chain(rule.table, path.base).base.as_ref()?;
    draft.default_to(Field::Meta(MetaKey::L4proto), TCP);
    let family = match ruleset.table(rule.table).family {
        Family::Inet => Family::Ip,
        other => other,
    };
    let packet = draft.packet(family, base.hook)?;
    admitted(ruleset, &ends_of(&packet)?, way)
}

fn anybody() -> Ends {
    Ends {
        client: IpAddr::from([192, 0, 2, 5]),
        client_port: 40_000,
        server: IpAddr::from([198, 51, 100, 1]),
        server_port: 443,
        near: None,
        far: None,
    }
}

fn ends_of(packet: &Packet) -> Option<Ends> {
    let headers = Headers::of(packet, false);
    if headers.l4proto != Some(TCP as u8) {
        return None;
    }
    let bytes = packet.bytes.get(headers.network..)?;
    let address = |at: usize| -> Option<IpAddr> {
        if bytes.first()? >> 4 == 4 {
            let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::from(octets))
        } else {
            None
        }
    };
    let six = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::from(octets))
    };
    let transport = packet.bytes.get(headers.transport..)?;
    let port = |at: usize| Some(u16::from_be_bytes(transport.get(at..at + 2)?.try_into().ok()?));
    let device = |device: &Option<casebook_formats::nft::packet::Device>| {
        device.as_ref().map(|device| device.name.clone()).filter(|name| !name.is_empty())
    };
    Some(Ends {
        client: address(12).or_else(|| six(8))?,
        server: address(16).or_else(|| six(24))?,
        client_port: port(0)?,
        server_port: port(2)?,
        near: device(&packet.iif),
        far: device(&packet.oif),
    })
}

/// The ends with devices for which a SYN passes. A ruleset that lets it pass through no device it names has no such connection.
fn admitted(ruleset: &Ruleset, ends: &Ends, way: Way) -> Option<Ends> {
    let names = devices(ruleset);
    let options = |known: &Option<String>| -> Vec<Option<String>> {
        match known {
            Some(name) => vec![Some(name.clone())],
            // A device no rule names stands for all others.
            None => std::iter::once("eth9".to_owned()).chain(names.iter().cloned()).map(Some).collect(),
        }
    };
    for near in options(&ends.near) {
        for far in options(&ends.far) {
            if near == far && way == Way::Forward && near.as_deref() != Some("eth9") {
                continue;
            }
            let far = if near == far { Some("eth8".to_owned()) } else { far };
            let tried = Ends { near: near.clone(), far, ..ends.clone() };
            if ask(ruleset, &tried, false, Asked::Syn, way, true).is_some_and(|answer| passes(&answer)) {
                return Some(tried);
            }
        }
    }
    None
}

/// Device names the ruleset's rules and sets compare with.
pub(super) fn devices(ruleset: &Ruleset) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (reference, _) in ruleset.rules() {
        let Some((draft, _)) = draft_for(ruleset, reference) else { continue };
        for key in [MetaKey::Iifname, MetaKey::Oifname] {
            let Some(value) = draft.get(Field::Meta(key)) else { continue };
            let name: String = value
                .to_be_bytes()
                .into_iter()
                .skip_while(|byte| *byte == 0)
                .take_while(|byte| *byte != 0)
                .map(char::from)
                .collect();
            let plain =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if plain && !out.contains(&name) && out.len() < DEVICES {
                out.push(name);
            }
        }
    }
    out
}
