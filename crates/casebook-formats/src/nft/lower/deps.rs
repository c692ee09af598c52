//! Dependencies nft inserts before a header field: `tcp dport` in an inet table brings `meta l4proto tcp`
//! (src/payload.c `payload_gen_dependency`, src/proto.c). Each was read off `nft --debug=netlink`.

use casebook_core::Span;

use super::{Fail, Lower, Lowered};
use crate::nft::fields::{self, Proto};
use crate::nft::ir::{Cmp, Expr, Family, Field, Loc, MetaKey, Op, OpKind, Test, Value};

/// What earlier matches of the rule have settled.
#[derive(Clone, Debug, Default)]
pub(in crate::nft) struct Context {
    link: bool,
    vlan: bool,
    network: Option<Proto>,
    transport: Option<u8>,
    icmp_type: Option<u128>,
}

/// Transport protocols nft has a description of; only these settle the context.
const KNOWN_TRANSPORTS: &[u8] = &[1, 2, 6, 17, 33, 50, 51, 58, 108, 132, 136];

impl Lower<'_, '_> {
    /// Makes sure the packet has this header, or refuses a contradiction as nft does.
    pub(super) fn require(&mut self, proto: Proto, span: Span) -> Lowered<()> {
        match proto {
            Proto::Ether => self.require_link(span),
            Proto::Vlan => self.require_vlan(span),
            Proto::Ip | Proto::Ip6 | Proto::Arp => self.require_network(proto, span),
            Proto::Transport(number) => self.require_transport(number, span),
            Proto::Th => Ok(()),
        }
    }

    fn require_link(&mut self, span: Span) -> Lowered<()> {
        // Only the bridge family is sure to see Ethernet (src/proto.c `hook_proto_defs`).
        if !self.context.link && self.table.family != Family::Bridge {
            self.implicit(Field::Meta(MetaKey::Iiftype), 1, span);
        }
        self.context.link = true;
        Ok(())
    }

    fn require_vlan(&mut self, span: Span) -> Lowered<()> {
        self.require_link(span)?;
        if !self.context.vlan {
            self.ether_type(0x8100, span);
            self.context.vlan = true;
        }
        Ok(())
    }

    fn ether_type(&mut self, value: u128, span: Span) {
        if let Some((_, field, _)) = fields::payload("ether", "type") {
            self.implicit(Field::Payload(field), value, span);
        }
    }

    fn require_network(&mut self, proto: Proto, span: Span) -> Lowered<()> {
        let own = match self.table.family {
            Family::Ip => Some(Proto::Ip),
            Family::Ip6 => Some(Proto::Ip6),
            Family::Arp => Some(Proto::Arp),
            _ => None,
        };
        if let Some(settled) = own.or(self.context.network) {
            return if settled == proto { Ok(()) } else { Err(conflict(settled, proto, span)) };
        }
        if self.table.family == Family::Inet {
            match proto {
                Proto::Ip => self.implicit(Field::Meta(MetaKey::Nfproto), 2, span),
                Proto::Ip6 => self.implicit(Field::Meta(MetaKey::Nfproto), 10, span),
                _ => return Err(Fail::Refused("arp fields do not exist in an inet table".into(), span)),
            }
        } else {
            self.implicit(Field::Meta(MetaKey::Protocol), ether_type_of(proto), span);
        }
        self.context.network = Some(proto);
        Ok(())
    }

    fn require_transport(&mut self, number: u8, span: Span) -> Lowered<()> {
        match self.context.transport {
            Some(settled) if settled == number => return Ok(()),
            Some(settled) => {
                return Err(conflict(Proto::Transport(settled), Proto::Transport(number), span));
            }
            None => {}
        }
        // ICMP and IGMP bring their own network protocol, when nothing has settled one.
        let own = match number {
            1 | 2 => Some(Proto::Ip),
            58 => Some(Proto::Ip6),
            _ => None,
        };
        if let (Some(network), None) = (own, self.context.network) {
            match self.table.family {
                Family::Inet | Family::Netdev => self.require_network(network, span)?,
                Family::Bridge => {
                    self.ether_type(ether_type_of(network), span);
                    self.context.network = Some(network);
                }
                _ => {}
            }
        }
        self.implicit(Field::Meta(MetaKey::L4proto), u128::from(number), span);
        self.context.transport = Some(number);
        Ok(())
    }

    /// Fields that only some ICMP messages have bring a check of the type (src/payload.c
    /// `payload_gen_icmp_dependency`).
    pub(super) fn require_icmp(&mut self, name: &str, span: Span) -> Lowered<()> {
        let types: &[u128] = match name {
            "icmp id" | "icmp sequence" => &[8, 0],
            "icmp mtu" => &[3],
            "icmp gateway" => &[5],
            "icmpv6 id" | "icmpv6 sequence" => &[128, 129],
            "icmpv6 mtu" | "icmpv6 packet-too-big" => &[2],
            "icmpv6 parameter-problem" => &[4],
            "icmpv6 max-delay" => &[130],
            _ => return Ok(()),
        };
        if let Some(settled) = self.context.icmp_type {
            if types.contains(&settled) {
                return Ok(());
            }
            let message = format!("the rule already asks for ICMP type {settled}, and this field needs {}", types[0]);
            return Err(Fail::Refused(message, span));
        }
        let protocol = name.split(' ').next().unwrap_or("icmp");
        let Some((_, field, ty)) = fields::payload(protocol, "type") else { return Ok(()) };
        match types {
            [one] => self.implicit(Field::Payload(field), *one, span),
            many => {
                let set = self.literal(ty, many, span);
                let kind = OpKind::Match(Expr::Load(Field::Payload(field)), Test::Lookup { set, negate: false });
                self.ops.push(Op { kind, loc: Loc { span, define: None }, implicit: true });
            }
        }
        self.context.icmp_type = Some(types[0]);
        Ok(())
    }

    /// True when it is settled whether the packet is IPv4 or IPv6.
    pub(super) fn knows_network(&self) -> bool {
        matches!(self.table.family, Family::Ip | Family::Ip6) || self.context.network.is_some()
    }

    fn implicit(&mut self, field: Field, value: u128, span: Span) {
        let kind = OpKind::Match(Expr::Load(field), Test::Cmp(Cmp::Eq, Value::One(value)));
        self.ops.push(Op { kind, loc: Loc { span, define: None }, implicit: true });
    }

    /// Remembers what an explicit equality has settled (src/proto.c `proto_ctx_update`).
    pub(super) fn settle(&mut self, field: Field, value: u128) {
        let network = |value| match value {
            0x0800 => Some(Proto::Ip),
            0x86dd => Some(Proto::Ip6),
            0x0806 => Some(Proto::Arp),
            _ => None,
        };
        let transport = u8::try_from(value).ok().filter(|number| KNOWN_TRANSPORTS.contains(number));
        match field {
            Field::Meta(MetaKey::Nfproto) => {
                self.context.network = match value {
                    2 => Some(Proto::Ip),
                    10 => Some(Proto::Ip6),
                    _ => self.context.network,
                };
            }
            // In an inet table `meta protocol` settles nothing: nft 1.0.6 still asks for the nfproto.
            Field::Meta(MetaKey::Protocol) if self.table.family != Family::Inet => {
                self.context.network = network(value).or(self.context.network);
            }
            Field::Meta(MetaKey::L4proto) => self.context.transport = transport.or(self.context.transport),
            Field::Meta(MetaKey::Iiftype) if value == 1 => self.context.link = true,
            Field::Payload(payload) => match payload.name {
                "ip protocol" | "ip6 nexthdr" => self.context.transport = transport.or(self.context.transport),
                "icmp type" | "icmpv6 type" => self.context.icmp_type = Some(value),
                "ether type" if value == 0x8100 => self.context.vlan = true,
                "ether type" | "vlan type" => self.context.network = network(value).or(self.context.network),
                _ => {}
            },
            _ => {}
        }
    }
}

fn ether_type_of(proto: Proto) -> u128 {
    match proto {
        Proto::Ip => 0x0800,
        Proto::Ip6 => 0x86dd,
        _ => 0x0806,
    }
}

fn conflict(settled: Proto, wanted: Proto, span: Span) -> Fail {
    Fail::Refused(format!("the rule already asks for {}, not {}", name(settled), name(wanted)), span)
}

fn name(proto: Proto) -> String {
    match proto {
        Proto::Ether => "ether".into(),
        Proto::Vlan => "vlan".into(),
        Proto::Arp => "arp".into(),
        Proto::Ip => "ip".into(),
        Proto::Ip6 => "ip6".into(),
        Proto::Th => "th".into(),
        Proto::Transport(number) => crate::nft::names::name_of(crate::nft::names::PROTOCOL, u128::from(number))
            .map_or_else(|| number.to_string(), str::to_owned),
    }
}
