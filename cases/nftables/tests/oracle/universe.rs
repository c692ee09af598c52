//! Packets made by hand and their values read back by hand, so that a diagram is asked about a packet without any of
//! the engine's own ways between the two; and what the evaluator says of one, in a form that two rulesets share.

use std::collections::HashMap;

use case_nftables::model::symbolic::compile::Shared;
use case_nftables::model::symbolic::diagram::Var;
use case_nftables::model::symbolic::space::{Run, Space};
use casebook_formats::nft::ir::{MetaKey, Ruleset, TableId};
use casebook_formats::nft::outcome::{Effect, End, Outcome};
use casebook_formats::nft::packet::{CT_STATES, Connection, CtState, Device, Packet, Path};
use casebook_formats::nft::show;
use casebook_formats::nft::types::name_value;

/// The fields a test gives; the rest of a packet is as usual.
#[derive(Clone, Debug)]
pub struct Fields {
    pub path: Path,
    pub saddr: u128,
    pub daddr: u128,
    pub l4proto: u8,
    /// The first four bytes of the transport header.
    pub ports: [u16; 2],
    pub flags: u8,
    pub iif: &'static str,
    pub oif: &'static str,
    pub mark: u32,
    pub state: CtState,
    pub ct_mark: u32,
}

/// The packet of these fields, written byte by byte. The checksums are 0: no model of a rule here reads them.
pub fn packet(fields: &Fields, ip6: bool) -> Packet {
    let mut transport = Vec::new();
    transport.extend(fields.ports[0].to_be_bytes());
    transport.extend(fields.ports[1].to_be_bytes());
    match fields.l4proto {
        6 => {
            transport.extend([0; 8]);
            transport.extend([0x50, fields.flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        }
        17 => transport.extend([0, 8, 0, 0]),
        // DCCP and SCTP: shorter ones are of no connection.
        33 | 132 => transport.extend([0; 8]),
        _ => transport.extend([0; 4]),
    }
    let mut bytes = Vec::new();
    if ip6 {
        bytes.extend([0x60, 0, 0, 0]);
        bytes.extend((transport.len() as u16).to_be_bytes());
        bytes.extend([fields.l4proto, 64]);
        bytes.extend(fields.saddr.to_be_bytes());
        bytes.extend(fields.daddr.to_be_bytes());
    } else {
        bytes.extend([0x45, 0]);
        bytes.extend((20 + transport.len() as u16).to_be_bytes());
        bytes.extend([0, 0, 0, 0, 64, fields.l4proto, 0, 0]);
        bytes.extend((fields.saddr as u32).to_be_bytes());
        bytes.extend((fields.daddr as u32).to_be_bytes());
    }
    bytes.extend(transport);
    Packet {
        bytes,
        link: false,
        path: fields.path,
        iif: (fields.path != Path::Output).then(|| Device::named(fields.iif)),
        oif: (fields.path != Path::Input).then(|| Device::named(fields.oif)),
        mark: fields.mark,
        priority: 0,
        pkttype: 0,
        skuid: None,
        skgid: None,
        ct: Connection { state: Some(fields.state), mark: fields.ct_mark, ..Connection::default() },
    }
}

/// The value each variable has in a packet without link header, options or extension headers, bit by bit.
pub fn values(shared: &Shared, packet: &Packet) -> Vec<u128> {
    let ip6 = shared.layout.class.ip6;
    let header = if ip6 { 40 } else { usize::from(packet.bytes[0] & 0x0f) * 4 };
    // A TCP header that is there is whole as far as anything is asked.
    let length = match packet.bytes.len() - header {
        length @ 0..20 => length as u8,
        _ => 0xff,
    };
    let device = |device: &Option<Device>| {
        let name = device.as_ref().map_or("eth0", |device| device.name.as_str());
        name_value(name).to_be_bytes().to_vec()
    };
    let state = packet.ct.state.map_or(1, CtState::bit) as u32;
    (0..shared.variables())
        .map(|var| {
            let Some(run) = shared.layout.run(Var(var)) else { return 0 };
            let bytes = match run.space {
                Space::TransportLen => vec![length],
                Space::Network => packet.bytes[..header.min(40)].to_vec(),
                Space::Transport => packet.bytes[header..].to_vec(),
                Space::L4proto => vec![packet.bytes[if ip6 { 6 } else { 9 }]],
                Space::Iif => device(&packet.iif),
                Space::Oif => device(&packet.oif),
                Space::CtState => state.to_be_bytes().to_vec(),
                Space::Mark => packet.mark.to_be_bytes().to_vec(),
                Space::CtMark => packet.ct.mark.to_be_bytes().to_vec(),
                Space::Meta(MetaKey::Pkttype) => vec![packet.pkttype],
                Space::Meta(MetaKey::Priority) => packet.priority.to_be_bytes().to_vec(),
                _ => Vec::new(),
            };
            bits(&bytes, run)
        })
        .collect()
}

fn bits(bytes: &[u8], run: Run) -> u128 {
    (run.first..run.first + run.count).fold(0, |value, bit| {
        let byte = bytes.get(usize::from(bit) / 8).copied().unwrap_or(0);
        value << 1 | u128::from(byte >> (7 - bit % 8) & 1)
    })
}

/// What became of a packet, without what only one of two rulesets can know: rules by their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub end: End,
    pub mark: Option<u32>,
    pub ct_mark: u32,
    pub effects: Vec<String>,
}

/// Texts of a ruleset's rules, as the comparison tells rules apart.
pub struct Texts(HashMap<(TableId, u32, u32), String>);

impl Texts {
    pub fn of(ruleset: &Ruleset) -> Self {
        let mut out = HashMap::new();
        for (table, id, chain) in ruleset.chains() {
            let mut times: HashMap<String, usize> = HashMap::new();
            for (index, rule) in chain.rules.iter().enumerate() {
                let text = show::rule(ruleset, table, rule);
                let seen = times.entry(text.clone()).or_default();
                *seen += 1;
                out.insert((table, id.0, index as u32), format!("{}: {text} #{seen}", ruleset.chain_name(table, id)));
            }
        }
        Self(out)
    }

    /// What became of a packet; `None` when that depends on something else.
    pub fn seen(&self, packet: &Packet, outcome: &Outcome) -> Option<Seen> {
        if !outcome.depends.is_empty() || outcome.end == End::Unknown {
            return None;
        }
        let mut effects = Vec::new();
        for (rule, effect) in &outcome.effects {
            let own = || &self.0[&(rule.table, rule.chain.0, rule.index)];
            effects.push(match effect {
                Effect::Mark(_) | Effect::CtMark(_) => continue,
                Effect::Counter(None) | Effect::Limit(_) => format!("{} of {}", effect.describe(), own()),
                other => other.describe(),
            });
        }
        let mark = if outcome.end == End::Accept { Some(outcome.mark?) } else { None };
        // A connection that no rule has written to keeps its mark, whether this packet was given to it or not.
        let written = outcome.effects.iter().any(|(_, effect)| matches!(effect, Effect::CtMark(_)));
        let ct_mark = if written { outcome.ct_mark? } else { packet.ct.mark };
        Some(Seen { end: outcome.end, mark, ct_mark, effects })
    }
}

/// All states a packet can come in with, with what marks of its connection are tried.
pub fn states(tracked: bool, ct_marks: &[u32]) -> Vec<(CtState, u32)> {
    if !tracked {
        return vec![(CtState::Invalid, 0)];
    }
    let mut out = Vec::new();
    for (state, ..) in CT_STATES {
        match state {
            CtState::Untracked => {}
            CtState::New | CtState::Invalid => out.push((*state, 0)),
            _ => out.extend(ct_marks.iter().map(|mark| (*state, *mark))),
        }
    }
    out
}

/// A number from the environment.
pub fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
