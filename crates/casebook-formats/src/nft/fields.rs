//! Header fields, `meta` and `ct` keys: where they are and of which type (src/proto.c, src/meta.c, src/ct.c).

use super::ir::{Base, CtKey, Family, Field, MetaKey, PayloadField};
use super::types::Type;

/// A protocol with header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proto {
    /// Ethernet
    Ether,
    /// 802.1Q
    Vlan,
    /// ARP
    Arp,
    /// IPv4
    Ip,
    /// IPv6
    Ip6,
    /// A transport protocol, by its number.
    Transport(u8),
    /// Any transport protocol.
    Th,
}

type Row = (&'static str, u16, u16, Type);

const PORT_FIELDS: [(u16, u16); 2] = [(0, 16), (16, 16)];

const ETHER: &[Row] = &[
    ("ether daddr", 0, 48, Type::Ether),
    ("ether saddr", 48, 48, Type::Ether),
    ("ether type", 96, 16, Type::EtherType),
];
const VLAN: &[Row] = &[
    ("vlan pcp", 112, 3, Type::Integer(3)),
    ("vlan dei", 115, 1, Type::Integer(1)),
    ("vlan cfi", 115, 1, Type::Integer(1)),
    ("vlan id", 116, 12, Type::Integer(12)),
    ("vlan type", 128, 16, Type::EtherType),
];
const ARP: &[Row] = &[
    ("arp htype", 0, 16, Type::Integer(16)),
    ("arp ptype", 16, 16, Type::EtherType),
    ("arp hlen", 32, 8, Type::Integer(8)),
    ("arp plen", 40, 8, Type::Integer(8)),
    ("arp operation", 48, 16, Type::ArpOp),
    ("arp saddr ether", 64, 48, Type::Ether),
    ("arp saddr ip", 112, 32, Type::Ipv4),
    ("arp daddr ether", 144, 48, Type::Ether),
    ("arp daddr ip", 192, 32, Type::Ipv4),
];
const IP: &[Row] = &[
    ("ip version", 0, 4, Type::Integer(4)),
    ("ip hdrlength", 4, 4, Type::Integer(4)),
    ("ip dscp", 8, 6, Type::Dscp),
    ("ip ecn", 14, 2, Type::Ecn),
    ("ip length", 16, 16, Type::Integer(16)),
    ("ip id", 32, 16, Type::Integer(16)),
    ("ip frag-off", 48, 16, Type::Integer(16)),
    ("ip ttl", 64, 8, Type::Integer(8)),
    ("ip protocol", 72, 8, Type::Proto),
    ("ip checksum", 80, 16, Type::Integer(16)),
    ("ip saddr", 96, 32, Type::Ipv4),
    ("ip daddr", 128, 32, Type::Ipv4),
];
const IP6: &[Row] = &[
    ("ip6 version", 0, 4, Type::Integer(4)),
    ("ip6 dscp", 4, 6, Type::Dscp),
    ("ip6 ecn", 10, 2, Type::Ecn),
    ("ip6 flowlabel", 12, 20, Type::Integer(20)),
    ("ip6 length", 32, 16, Type::Integer(16)),
    ("ip6 nexthdr", 48, 8, Type::Proto),
    ("ip6 hoplimit", 56, 8, Type::Integer(8)),
    ("ip6 saddr", 64, 128, Type::Ipv6),
    ("ip6 daddr", 192, 128, Type::Ipv6),
];
const ICMP: &[Row] = &[
    ("icmp type", 0, 8, Type::IcmpType),
    ("icmp code", 8, 8, Type::IcmpCode),
    ("icmp checksum", 16, 16, Type::Integer(16)),
    ("icmp id", 32, 16, Type::Integer(16)),
    ("icmp sequence", 48, 16, Type::Integer(16)),
    ("icmp gateway", 32, 32, Type::Integer(32)),
    ("icmp mtu", 48, 16, Type::Integer(16)),
];
const ICMPV6: &[Row] = &[
    ("icmpv6 type", 0, 8, Type::Icmpv6Type),
    ("icmpv6 code", 8, 8, Type::Icmpv6Code),
    ("icmpv6 checksum", 16, 16, Type::Integer(16)),
    ("icmpv6 parameter-problem", 32, 32, Type::Integer(32)),
    ("icmpv6 mtu", 32, 32, Type::Integer(32)),
    ("icmpv6 packet-too-big", 32, 32, Type::Integer(32)),
    ("icmpv6 id", 32, 16, Type::Integer(16)),
    ("icmpv6 sequence", 48, 16, Type::Integer(16)),
    ("icmpv6 max-delay", 32, 16, Type::Integer(16)),
];
const IGMP: &[Row] = &[
    ("igmp type", 0, 8, Type::IgmpType),
    ("igmp mrt", 8, 8, Type::Integer(8)),
    ("igmp checksum", 16, 16, Type::Integer(16)),
    ("igmp group", 32, 32, Type::Ipv4),
];
const TCP: &[Row] = &[
    ("tcp sport", 0, 16, Type::Service),
    ("tcp dport", 16, 16, Type::Service),
    ("tcp sequence", 32, 32, Type::Integer(32)),
    ("tcp ackseq", 64, 32, Type::Integer(32)),
    ("tcp doff", 96, 4, Type::Integer(4)),
    ("tcp reserved", 100, 4, Type::Integer(4)),
    ("tcp flags", 104, 8, Type::TcpFlag),
    ("tcp window", 112, 16, Type::Integer(16)),
    ("tcp checksum", 128, 16, Type::Integer(16)),
    ("tcp urgptr", 144, 16, Type::Integer(16)),
];
const UDP: &[Row] = &[
    ("udp sport", 0, 16, Type::Service),
    ("udp dport", 16, 16, Type::Service),
    ("udp length", 32, 16, Type::Integer(16)),
    ("udp checksum", 48, 16, Type::Integer(16)),
];
const UDPLITE: &[Row] = &[
    ("udplite sport", 0, 16, Type::Service),
    ("udplite dport", 16, 16, Type::Service),
    ("udplite csumcov", 32, 16, Type::Integer(16)),
    ("udplite checksum", 48, 16, Type::Integer(16)),
];
const SCTP: &[Row] = &[
    ("sctp sport", 0, 16, Type::Service),
    ("sctp dport", 16, 16, Type::Service),
    ("sctp vtag", 32, 32, Type::Integer(32)),
    ("sctp checksum", 64, 32, Type::Integer(32)),
];
const DCCP: &[Row] = &[
    ("dccp sport", 0, 16, Type::Service),
    ("dccp dport", 16, 16, Type::Service),
    ("dccp type", 67, 4, Type::DccpType),
];
const AH: &[Row] = &[
    ("ah nexthdr", 0, 8, Type::Proto),
    ("ah hdrlength", 8, 8, Type::Integer(8)),
    ("ah reserved", 16, 16, Type::Integer(16)),
    ("ah spi", 32, 32, Type::Integer(32)),
    ("ah sequence", 64, 32, Type::Integer(32)),
];
const ESP: &[Row] = &[("esp spi", 0, 32, Type::Integer(32)), ("esp sequence", 32, 32, Type::Integer(32))];
const COMP: &[Row] = &[
    ("comp nexthdr", 0, 8, Type::Proto),
    ("comp flags", 8, 8, Type::Integer(8)),
    ("comp cpi", 16, 16, Type::Integer(16)),
];
const TH: &[Row] = &[
    ("th sport", PORT_FIELDS[0].0, PORT_FIELDS[0].1, Type::Service),
    ("th dport", PORT_FIELDS[1].0, PORT_FIELDS[1].1, Type::Service),
];

fn protocol(name: &str) -> Option<(Proto, Base, &'static [Row])> {
    let transport = |number| (Proto::Transport(number), Base::Transport);
    let ((proto, base), rows) = match name {
        "ether" => ((Proto::Ether, Base::Link), ETHER),
        "vlan" => ((Proto::Vlan, Base::Link), VLAN),
        "arp" => ((Proto::Arp, Base::Network), ARP),
        "ip" => ((Proto::Ip, Base::Network), IP),
        "ip6" => ((Proto::Ip6, Base::Network), IP6),
        "icmp" => (transport(1), ICMP),
        "igmp" => (transport(2), IGMP),
        "tcp" => (transport(6), TCP),
        "udp" => (transport(17), UDP),
        "dccp" => (transport(33), DCCP),
        "esp" => (transport(50), ESP),
        "ah" => (transport(51), AH),
        "icmpv6" => (transport(58), ICMPV6),
        "comp" => (transport(108), COMP),
        "sctp" => (transport(132), SCTP),
        "udplite" => (transport(136), UDPLITE),
        "th" => ((Proto::Th, Base::Transport), TH),
        _ => return None,
    };
    Some((proto, base, rows))
}

/// A header field by protocol and name; `None` when the model has no such field.
pub fn payload(protocol_name: &str, field: &str) -> Option<(Proto, PayloadField, Type)> {
    let (proto, base, rows) = protocol(protocol_name)?;
    // Some JSON writers and old nft spell these differently.
    let field = match (protocol_name, field) {
        ("arp", "op") => "operation",
        ("ip", "tos") => return None,
        (_, field) => field,
    };
    let row =
        rows.iter().find(|row| row.0.len() > protocol_name.len() && &row.0[protocol_name.len() + 1..] == field)?;
    Some((proto, PayloadField { base, offset: row.1, bits: row.2, name: row.0 }, row.3))
}

/// The field of one of these protocols that is exactly these bits.
pub fn at(protocols: &[&str], base: Base, offset: u16, bits: u16) -> Option<PayloadField> {
    protocols.iter().filter_map(|name| protocol(name)).filter(|(_, known, _)| *known == base).find_map(|(.., rows)| {
        let row = rows.iter().find(|row| row.1 == offset && row.2 == bits)?;
        Some(PayloadField { base, offset, bits, name: row.0 })
    })
}

/// The protocol itself, for dependencies of whole headers.
pub fn protocol_of(name: &str) -> Option<Proto> {
    protocol(name).map(|(proto, ..)| proto)
}

/// A `meta` key the model evaluates.
pub fn meta(key: &str) -> Option<(MetaKey, Type)> {
    Some(match key {
        "length" => (MetaKey::Length, Type::Integer(32)),
        "protocol" => (MetaKey::Protocol, Type::EtherType),
        "nfproto" => (MetaKey::Nfproto, Type::NfProto),
        "l4proto" => (MetaKey::L4proto, Type::Proto),
        "priority" => (MetaKey::Priority, Type::Priority),
        "mark" => (MetaKey::Mark, Type::Mark),
        "iif" => (MetaKey::Iif, Type::IfIndex),
        "iifname" => (MetaKey::Iifname, Type::IfName),
        "iiftype" => (MetaKey::Iiftype, Type::IfType),
        "oif" => (MetaKey::Oif, Type::IfIndex),
        "oifname" => (MetaKey::Oifname, Type::IfName),
        "oiftype" => (MetaKey::Oiftype, Type::IfType),
        "iifgroup" => (MetaKey::Iifgroup, Type::DevGroup),
        "oifgroup" => (MetaKey::Oifgroup, Type::DevGroup),
        "pkttype" => (MetaKey::Pkttype, Type::PktType),
        "nftrace" => (MetaKey::Nftrace, Type::Integer(1)),
        "skuid" => (MetaKey::Skuid, Type::Uid),
        "skgid" => (MetaKey::Skgid, Type::Gid),
        _ => return None,
    })
}

/// A `ct` key the model evaluates.
pub fn ct(key: &str) -> Option<(CtKey, Type)> {
    Some(match key {
        "state" => (CtKey::State, Type::CtState),
        "direction" => (CtKey::Direction, Type::CtDir),
        "status" => (CtKey::Status, Type::CtStatus),
        "mark" => (CtKey::Mark, Type::Mark),
        "zone" => (CtKey::Zone, Type::Integer(16)),
        "label" => (CtKey::Label, Type::CtLabel),
        "l3proto" => (CtKey::L3proto, Type::NfProto),
        "protocol" => (CtKey::Protocol, Type::Proto),
        "saddr" => (CtKey::Saddr(None), Type::Any),
        "daddr" => (CtKey::Daddr(None), Type::Any),
        "ip saddr" => (CtKey::Saddr(Some(Family::Ip)), Type::Ipv4),
        "ip daddr" => (CtKey::Daddr(Some(Family::Ip)), Type::Ipv4),
        "ip6 saddr" => (CtKey::Saddr(Some(Family::Ip6)), Type::Ipv6),
        "ip6 daddr" => (CtKey::Daddr(Some(Family::Ip6)), Type::Ipv6),
        "proto-src" => (CtKey::ProtoSrc, Type::Service),
        "proto-dst" => (CtKey::ProtoDst, Type::Service),
        _ => return None,
    })
}

/// Kind number of a TCP option.
pub fn tcp_option(name: &str) -> Option<u8> {
    Some(match name {
        "eol" => 0,
        "nop" | "noop" => 1,
        "maxseg" | "mss" => 2,
        "window" => 3,
        "sack-permitted" | "sack-perm" => 4,
        "sack" | "sack0" | "sack1" | "sack2" | "sack3" => 5,
        "timestamp" => 8,
        "md5sig" => 19,
        "mptcp" => 30,
        "fastopen" => 34,
        number => number.parse().ok()?,
    })
}

/// A field of a TCP option: bit offset from its kind byte, and bits.
pub fn tcp_option_field(option: &str, field: &str) -> Option<(u16, u16)> {
    let block = match option {
        "sack1" => 1,
        "sack2" => 2,
        "sack3" => 3,
        _ => 0,
    };
    Some(match (option, field) {
        (_, "kind") => (0, 8),
        (_, "length") => (8, 8),
        ("maxseg" | "mss", "size") => (16, 16),
        ("window", "count") => (16, 8),
        ("timestamp", "tsval") => (16, 32),
        ("timestamp", "tsecr") => (48, 32),
        (sack, "left") if sack.starts_with("sack") => (16 + 64 * block, 32),
        (sack, "right") if sack.starts_with("sack") => (48 + 64 * block, 32),
        _ => return None,
    })
}

/// Number of an IPv6 extension header.
pub fn exthdr(name: &str) -> Option<u8> {
    Some(match name {
        "hbh" => 0,
        "rt" | "rt0" | "rt2" | "rt4" | "srh" => 43,
        "frag" => 44,
        "dst" => 60,
        "mh" => 135,
        _ => return None,
    })
}

/// A field of an IPv6 extension header: bit offset, bits, type.
pub fn exthdr_field(header: &str, field: &str) -> Option<(u16, u16, Type)> {
    Some(match (header, field) {
        ("hbh" | "dst" | "rt" | "frag" | "mh" | "srh" | "rt0" | "rt2" | "rt4", "nexthdr") => (0, 8, Type::Proto),
        ("hbh" | "dst" | "rt" | "mh", "hdrlength") => (8, 8, Type::Integer(8)),
        ("frag", "reserved") => (8, 8, Type::Integer(8)),
        ("frag", "frag-off") => (16, 13, Type::Integer(13)),
        ("frag", "reserved2") => (29, 2, Type::Integer(2)),
        ("frag", "more-fragments") => (31, 1, Type::Integer(1)),
        ("frag", "id") => (32, 32, Type::Integer(32)),
        ("rt", "type") => (16, 8, Type::Integer(8)),
        ("rt", "seg-left") => (24, 8, Type::Integer(8)),
        ("mh", "type") => (16, 8, Type::MhType),
        ("mh", "reserved") => (24, 8, Type::Integer(8)),
        ("mh", "checksum") => (32, 16, Type::Integer(16)),
        _ => return None,
    })
}

/// Name of a field as nft writes it.
pub fn name(field: Field) -> String {
    match field {
        Field::Payload(payload) if !payload.name.is_empty() => payload.name.to_owned(),
        Field::Payload(payload) => {
            let base = match payload.base {
                Base::Link => "ll",
                Base::Network => "nh",
                Base::Transport => "th",
                Base::Inner => "ih",
            };
            format!("@{base},{},{}", payload.offset, payload.bits)
        }
        Field::Meta(key) => {
            let name = meta_name(key);
            // Keys that nft itself writes without `meta` in listings.
            if name.starts_with("iif") || name.starts_with("oif") { name.to_owned() } else { format!("meta {name}") }
        }
        Field::Ct(key, direction) => {
            let direction = match direction {
                Some(super::ir::Direction::Original) => "original ",
                Some(super::ir::Direction::Reply) => "reply ",
                None => "",
            };
            format!("ct {direction}{}", ct_name(key))
        }
        Field::TcpOption(kind, _, 0) => format!("tcp option {kind}"),
        Field::TcpOption(kind, offset, bits) => format!("tcp option @{kind},{offset},{bits}"),
        Field::Exthdr(kind, _, 0) => format!("exthdr {kind}"),
        Field::Exthdr(kind, offset, bits) => format!("exthdr {kind} @{offset},{bits}"),
    }
}

/// Name of a `meta` key.
pub fn meta_name(key: MetaKey) -> &'static str {
    match key {
        MetaKey::Length => "length",
        MetaKey::Protocol => "protocol",
        MetaKey::Nfproto => "nfproto",
        MetaKey::L4proto => "l4proto",
        MetaKey::Priority => "priority",
        MetaKey::Mark => "mark",
        MetaKey::Iif => "iif",
        MetaKey::Iifname => "iifname",
        MetaKey::Iiftype => "iiftype",
        MetaKey::Oif => "oif",
        MetaKey::Oifname => "oifname",
        MetaKey::Oiftype => "oiftype",
        MetaKey::Iifgroup => "iifgroup",
        MetaKey::Oifgroup => "oifgroup",
        MetaKey::Pkttype => "pkttype",
        MetaKey::Nftrace => "nftrace",
        MetaKey::Skuid => "skuid",
        MetaKey::Skgid => "skgid",
    }
}

/// Name of a `ct` key.
pub fn ct_name(key: CtKey) -> &'static str {
    match key {
        CtKey::State => "state",
        CtKey::Direction => "direction",
        CtKey::Status => "status",
        CtKey::Mark => "mark",
        CtKey::Zone => "zone",
        CtKey::Label => "label",
        CtKey::L3proto => "l3proto",
        CtKey::Protocol => "protocol",
        CtKey::Saddr(None) => "saddr",
        CtKey::Daddr(None) => "daddr",
        CtKey::Saddr(Some(Family::Ip6)) => "ip6 saddr",
        CtKey::Daddr(Some(Family::Ip6)) => "ip6 daddr",
        CtKey::Saddr(Some(_)) => "ip saddr",
        CtKey::Daddr(Some(_)) => "ip daddr",
        CtKey::ProtoSrc => "proto-src",
        CtKey::ProtoDst => "proto-dst",
    }
}

/// Type of a field, for showing values.
pub fn type_of(field: Field) -> Type {
    match field {
        Field::Payload(payload) => payload
            .name
            .split_once(' ')
            .and_then(|(protocol, name)| self::payload(protocol, name))
            .map_or(Type::Integer(payload.bits), |(_, _, ty)| ty),
        Field::Meta(key) => meta(meta_name(key)).map_or(Type::Any, |(_, ty)| ty),
        Field::Ct(key, _) => ct(ct_name(key)).map_or(Type::Any, |(_, ty)| ty),
        Field::TcpOption(_, _, bits) | Field::Exthdr(_, _, bits) => Type::Integer(bits.max(1)),
    }
}
