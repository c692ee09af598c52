//! Operations that change the packet, its connection or the world.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::eval::{Acted, Machine};
use super::fields;
use super::ir::{
    Base, CtKey, Expr, Family, Hook, MetaKey, Nat, NatKind, OpKind, PayloadField, RuleRef, Ruleset, Table, Target,
};
use super::load::{Ct, Tuple};
use super::outcome::{Effect, End};
use super::packet::{ETH_IP, ETH_IP6};
use super::watch::{Event, Watch};

/// Status bits of nat (include/uapi/linux/netfilter/nf_conntrack_common.h).
const IPS_SRC_NAT: u32 = 0x10;
const IPS_DST_NAT: u32 = 0x20;

impl<'r, W: Watch> Machine<'r, '_, '_, W> {
    /// Runs an operation that is neither a match nor a verdict.
    pub(super) fn effect(&mut self, table: &'r Table, op: &'r OpKind, rule: RuleRef) -> Acted {
        match op {
            OpKind::Assign(target, value) => return self.assign(table, *target, value, rule),
            OpKind::Nat(nat) => return self.nat(table, nat, rule),
            OpKind::Tproxy(..) => {
                // Breaks when no socket takes the packet (net/netfilter/nft_tproxy.c).
                let found = self.choices.choose(2, || "whether a socket takes the packet (tproxy)".into()) == 0;
                if !found {
                    return Acted::Break;
                }
                self.did(rule, Effect::Tproxy);
            }
            OpKind::Notrack => {
                // Ignored once the packet has been looked up (net/netfilter/nft_ct.c `nft_notrack_eval`).
                if self.flight.ct == Ct::None {
                    self.flight.ct = Ct::Untracked;
                    self.did(rule, Effect::Notrack);
                }
            }
            OpKind::Reject(_) => return Acted::End(End::Reject),
            OpKind::Queue(text) => {
                self.did(rule, Effect::Queue(text.clone()));
                let accepted = self.choices.choose(2, || format!("the answer of the program behind `{text}`")) == 0;
                return if accepted { Acted::Accept } else { Acted::End(End::Drop) };
            }
            OpKind::Dup(to) => self.did(rule, Effect::Dup(to.clone())),
            OpKind::Fwd(_) | OpKind::Synproxy => return Acted::End(End::Stolen),
            OpKind::Flow(name) => self.did(rule, Effect::Attach(format!("flow add @{name}"))),
            OpKind::Counter(name) => self.did(rule, Effect::Counter(name.clone())),
            OpKind::Log { prefix, .. } => self.did(rule, Effect::Log(prefix.clone())),
            OpKind::SetUpdate { op, name, conditions, key, .. } => {
                if self.written_key(table, key).is_err() {
                    return Acted::Break;
                }
                self.did(rule, Effect::Set(*op, name.clone()));
                if !conditions.is_empty() {
                    return Acted::Maybe(format!("{} of set {name}", conditions.join(", ")));
                }
            }
            OpKind::Condition(_, text) => {
                self.did(rule, Effect::Limit(text.clone()));
                return Acted::Maybe(text.clone());
            }
            OpKind::CtObject(object) => self.did(rule, Effect::Attach(object.text.clone())),
            OpKind::Opaque(opaque) => {
                if opaque.acts() {
                    self.did(rule, Effect::Attach(opaque.what.clone()));
                }
                let answers = 1 + u32::from(opaque.may_break) + 2 * u32::from(opaque.may_end);
                if answers > 1 {
                    let answer = self.choices.choose(answers, || opaque.what.clone());
                    return match (answer, opaque.may_break) {
                        (0, _) => Acted::Next,
                        (1, true) => Acted::Break,
                        (1, false) | (2, true) => Acted::Accept,
                        _ => Acted::End(End::Drop),
                    };
                }
            }
            OpKind::Match(..) | OpKind::Vmap(..) | OpKind::Verdict(_) => {}
        }
        Acted::Next
    }

    fn did(&mut self, rule: RuleRef, effect: Effect) {
        let (ruleset, acting) = (self.ruleset, self.acting);
        self.watch.act(|| Event::Effect { rule, op: op_index(ruleset, rule, acting), effect: effect.clone() });
        self.effects.push((rule, effect));
    }

    /// Loads every part of a key, for the breaks.
    fn written_key(&mut self, table: &'r Table, key: &'r Expr) -> Result<(), ()> {
        match key {
            Expr::Concat(parts) => parts.iter().try_for_each(|part| self.written(table, part).map(|_| ())),
            single => self.written(table, single).map(|_| ()),
        }
    }

    fn assign(&mut self, table: &'r Table, target: Target, value: &'r Expr, rule: RuleRef) -> Acted {
        let Ok(value) = self.written(table, value) else { return Acted::Break };
        let number = value.map(|value| value as u32);
        match target {
            Target::Meta(MetaKey::Mark) => {
                self.flight.mark = number;
                self.did(rule, Effect::Mark(number));
            }
            Target::Meta(key) => {
                match key {
                    MetaKey::Priority => self.flight.priority = number,
                    MetaKey::Pkttype => self.flight.pkttype = value.map(|value| value as u8),
                    MetaKey::Nftrace => self.flight.nftrace = value.map(|value| value & 1 == 1),
                    _ => {}
                }
                self.did(rule, Effect::Write(format!("meta {} {}", fields::meta_name(key), shown(value))));
            }
            Target::Ct(key) => self.assign_ct(key, value, rule),
            Target::Payload(field) => {
                if !self.write(field, value) {
                    return Acted::Break;
                }
                let name = fields::name(super::ir::Field::Payload(field));
                self.did(rule, Effect::Write(format!("{name} {}", shown(value))));
            }
            Target::TcpOption(kind, offset, bits) => {
                let Ok(place) = self.flight.tcp_option_place(kind, offset, bits) else { return Acted::Break };
                // An option that is not there is not added, and the rule goes on (`nft_exthdr_tcp_set_eval`).
                if let Some((start, end)) = place {
                    // What is written can depend on what is there (a segment size is only lowered).
                    self.flight.unknown.push((start, end));
                    let name = fields::name(super::ir::Field::TcpOption(kind, offset, bits));
                    self.did(rule, Effect::Write(format!("{name} {}", shown(value))));
                }
            }
            Target::Other => {}
        }
        Acted::Next
    }

    /// Without a connection nothing is set, and the rule goes on (`nft_ct_set_eval`).
    fn assign_ct(&mut self, key: CtKey, value: Option<u128>, rule: RuleRef) {
        let effect = match (&mut self.flight.ct, key) {
            (Ct::Entry(entry), CtKey::Mark) => {
                entry.mark = value.map(|value| value as u32);
                Effect::CtMark(entry.mark)
            }
            (Ct::Entry(entry), CtKey::Label) => {
                // Labels are only ever added.
                entry.label = entry.label.zip(value).map(|(label, value)| label | value);
                Effect::Write(format!("ct label {}", shown(value)))
            }
            (_, CtKey::Zone) => Effect::Write(format!("ct zone {}", shown(value))),
            (Ct::Entry(_), key) => Effect::Write(format!("ct {} {}", fields::ct_name(key), shown(value))),
            _ => return,
        };
        self.did(rule, effect);
    }

    /// Writes bits of a header; false when the header is absent (`nft_payload_set_eval`).
    fn write(&mut self, field: PayloadField, value: Option<u128>) -> bool {
        let Some(bit) = self.flight.payload_bit(field) else { return false };
        // A load of a port can read a later fragment's bytes; a write looks at the fragment offset.
        if field.base == Base::Transport && self.flight.headers.fragment != 0 {
            return false;
        }
        let count = usize::from(field.bits);
        let (start, end) = (bit / 8, (bit + count).div_ceil(8));
        if end > self.flight.bytes.len() || !self.checksum_there(field) {
            return false;
        }
        let Some(value) = value else {
            self.flight.unknown.push((start, end));
            return true;
        };
        self.put(bit, count, value);
        true
    }

    /// A write that has to mend a checksum breaks when the packet ends before it (`nft_payload_csum_inet`).
    fn checksum_there(&self, field: PayloadField) -> bool {
        let headers = self.flight.headers;
        let offset = match field.name.split(' ').next() {
            Some("tcp") => 16,
            Some("udp" | "udplite") => 6,
            Some("icmp" | "icmpv6" | "igmp") => 2,
            _ => return true,
        };
        headers.transport + offset + 2 <= self.flight.bytes.len()
    }

    fn put(&mut self, bit: usize, count: usize, value: u128) {
        let bytes = self.flight.bytes.to_mut();
        for index in 0..count {
            let at = bit + index;
            let set = value >> (count - 1 - index) & 1 == 1;
            let mask = 0x80 >> (at % 8);
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte = if set { *byte | mask } else { *byte & !mask };
            }
        }
        self.checksum();
    }

    /// The IPv4 header checksum follows what is written; transport checksums are left as they were and become
    /// unknown.
    fn checksum(&mut self) {
        let headers = self.flight.headers;
        if headers.protocol == ETH_IP {
            let at = headers.network;
            let bytes = self.flight.bytes.to_mut();
            let length = bytes.get(at).map_or(0, |byte| usize::from(byte & 0x0f) * 4);
            if let Some(header) = bytes.get_mut(at..at + length).filter(|header| header.len() >= 20) {
                header[10] = 0;
                header[11] = 0;
                let mut sum: u32 =
                    header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
                while sum > 0xffff {
                    sum = (sum & 0xffff) + (sum >> 16);
                }
                header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
            }
        }
        let checksum = match headers.l4proto {
            Some(6) => Some(16),
            Some(17) => Some(6),
            _ => None,
        };
        if let Some(offset) = checksum {
            let at = headers.transport + offset;
            self.flight.unknown.push((at, at + 2));
        }
    }

    /// `nft_nat_eval`, `nft_masq_eval`, `nft_redir_eval`: binds the connection once for each direction of
    /// translation; a later chain cannot bind it again.
    fn nat(&mut self, table: &'r Table, nat: &'r Nat, rule: RuleRef) -> Acted {
        let ip6 = self.flight.headers.protocol == ETH_IP6;
        // Maps are looked up before the translation looks at the family, so a miss breaks the rule for both.
        let mut parts = match &nat.addr {
            Some(addr) => match self.written_parts(table, addr) {
                Ok(parts) => parts.map(|parts| parts.into_iter().map(Some).collect::<Vec<_>>()),
                Err(()) => return Acted::Break,
            },
            None => Some(Vec::new()),
        };
        let port = match &nat.port {
            Some(port) => match self.written(table, port) {
                Ok(port) => Some(port),
                Err(()) => return Acted::Break,
            },
            None => None,
        };
        if nat.family.is_some_and(|family| (family == Family::Ip6) != ip6) {
            return Acted::Next;
        }
        // One address of a range is chosen by a hash over the connection: not known here.
        let ranged = |low: &Option<Expr>, high: &Option<Expr>| high.is_some() && low != high;
        if ranged(&nat.addr, &nat.addr_max) {
            parts = None;
        }
        let port = if ranged(&nat.port, &nat.port_max) { Some(None) } else { port };
        let source = matches!(nat.kind, NatKind::Snat | NatKind::Masquerade);
        let own = matches!(nat.kind, NatKind::Masquerade | NatKind::Redirect);
        let addr: Option<Option<u128>> = match parts {
            Some(list) => {
                let port_of_map = list.get(1).copied();
                let addr = list.first().copied();
                let port = port_of_map.or(port);
                return self.bind(nat, rule, source, if own { Some(None) } else { addr }, port);
            }
            None => Some(None),
        };
        self.bind(nat, rule, source, addr, port)
    }

    /// Applies a translation: `Some(None)` is a value that is not known, `None` leaves it.
    fn bind(
        &mut self,
        nat: &Nat,
        rule: RuleRef,
        source: bool,
        addr: Option<Option<u128>>,
        port: Option<Option<u128>>,
    ) -> Acted {
        let headers = self.flight.headers;
        let ip6 = headers.protocol == ETH_IP6;
        // On the output hook `redirect` goes to the loopback address (nf_nat_redirect.c).
        let addr = match (nat.kind, self.flight.hook, addr) {
            (NatKind::Redirect, Hook::Output, _) if !ip6 => Some(Some(u128::from(u32::from(Ipv4Addr::LOCALHOST)))),
            (NatKind::Redirect, Hook::Output, _) => Some(Some(1)),
            (_, _, addr) => addr,
        };
        let text = format!("{}{}", nat.text, target_text(ip6, addr, port));
        let effect = Effect::Nat(nat.kind, text);
        self.did(rule, effect);
        let (ruleset, acting) = (self.ruleset, self.acting);
        self.watch.act(|| Event::Nat { rule, op: op_index(ruleset, rule, acting), ip6, addr, port });
        self.bound = true;
        let changes = self.changes(source, addr, port);
        if let Ct::Entry(entry) = &mut self.flight.ct {
            let bit = match (changes, source) {
                (false, _) => 0,
                (true, true) => IPS_SRC_NAT,
                (true, false) => IPS_DST_NAT,
            };
            entry.status = entry.status.map(|status| status | bit);
        }
        if changes && !self.can_be_translated(source) {
            self.watch.event(|| Event::Note("the transport header cannot be translated: the packet is dropped".into()));
            return Acted::End(End::Drop);
        }
        if let Some(addr) = addr {
            let (offset, bits) = match (ip6, source) {
                (false, true) => (12, 32),
                (false, false) => (16, 32),
                (true, true) => (8, 128),
                (true, false) => (24, 128),
            };
            self.rewrite(headers.network + offset, bits, addr);
        }
        // Without a port the connection keeps its own when that is free; a clash is rare and not known here. It is
        // written into the packet too, over what a rule has put there since (nf_nat_proto.c `l4proto_manip_pkt`).
        let own = |tuple: &Tuple| Some(u128::from(if source { tuple.sport } else { tuple.dport }));
        let kept = || self.flight.tuple.as_ref().filter(|_| changes).map(own);
        if let Some(port) = port.or_else(kept)
            && matches!(headers.l4proto, Some(6 | 17 | 33 | 132 | 136))
            && headers.fragment == 0
        {
            let offset = if source { 0 } else { 2 };
            self.rewrite(headers.transport + offset, 16, port);
        }
        Acted::Accept
    }

    /// False when the packet has the new address and port already: then nothing is rewritten.
    fn changes(&self, source: bool, addr: Option<Option<u128>>, port: Option<Option<u128>>) -> bool {
        let Some(tuple) = self.flight.take_tuple() else { return true };
        let (own_addr, own_port) = if source { (tuple.saddr, tuple.sport) } else { (tuple.daddr, tuple.dport) };
        let same_addr = addr.is_none_or(|addr| addr == Some(own_addr));
        let same_port = port.is_none_or(|port| port == Some(u128::from(own_port)));
        !(same_addr && same_port)
    }

    /// `l4proto_manip_pkt` drops what it cannot rewrite (net/netfilter/nf_nat_proto.c): GRE shorter than 8 bytes, and
    /// for a new destination, of a version other than 0 and 1.
    fn can_be_translated(&self, source: bool) -> bool {
        let headers = self.flight.headers;
        if headers.l4proto != Some(47) {
            return true;
        }
        let version = self.flight.bytes.get(headers.transport + 1).map(|byte| byte & 7);
        self.flight.bytes.len() >= headers.transport + 8 && (source || matches!(version, Some(0 | 1)))
    }

    fn rewrite(&mut self, at: usize, bits: usize, value: Option<u128>) {
        match value {
            Some(value) => self.put(at * 8, bits, value),
            None => self.flight.unknown.push((at, at + bits / 8)),
        }
    }
}

/// Number of the operation in its rule.
fn op_index(ruleset: &Ruleset, rule: RuleRef, op: Option<&OpKind>) -> usize {
    let same = |known: &super::ir::Op| op.is_some_and(|op| std::ptr::eq(&known.kind, op));
    ruleset.rule(rule).ops.iter().position(same).unwrap_or(0)
}

fn shown(value: Option<u128>) -> String {
    value.map_or_else(|| "an unknown value".into(), |value| format!("{value:#x}"))
}

fn target_text(ip6: bool, addr: Option<Option<u128>>, port: Option<Option<u128>>) -> String {
    let mut text = String::new();
    match addr {
        Some(Some(addr)) if ip6 => text.push_str(&format!(" to [{}]", Ipv6Addr::from(addr))),
        Some(Some(addr)) => text.push_str(&format!(" to {}", Ipv4Addr::from(addr as u32))),
        Some(None) => text.push_str(" to an address that is not known here"),
        None => {}
    }
    match port {
        Some(Some(port)) => text.push_str(&format!(":{port}")),
        Some(None) => text.push_str(", a port that is not known here"),
        None => {}
    }
    text
}
