//! Data types: how wide a value is, and which number a word stands for (src/datatype.c of nft).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::names;
use super::services;

/// A data type of nft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A number of this many bits.
    Integer(u16),
    /// `ipv4_addr`
    Ipv4,
    /// `ipv6_addr`
    Ipv6,
    /// `ether_addr`
    Ether,
    /// `inet_service`
    Service,
    /// `inet_proto`
    Proto,
    /// `ether_type`
    EtherType,
    /// `mark`
    Mark,
    /// `ifname`
    IfName,
    /// `iface_index`
    IfIndex,
    /// `iface_type`
    IfType,
    /// `devgroup`
    DevGroup,
    /// `uid`
    Uid,
    /// `gid`
    Gid,
    /// `ct_state`
    CtState,
    /// `ct_dir`
    CtDir,
    /// `ct_status`
    CtStatus,
    /// `ct_label`
    CtLabel,
    /// `ct_event`
    CtEvent,
    /// `tcp_flag`
    TcpFlag,
    /// `icmp_type`
    IcmpType,
    /// `icmpv6_type`
    Icmpv6Type,
    /// `icmp_code`
    IcmpCode,
    /// `icmpv6_code`
    Icmpv6Code,
    /// `igmp_type`
    IgmpType,
    /// `pkt_type`
    PktType,
    /// `nf_proto`
    NfProto,
    /// `dscp`
    Dscp,
    /// `ecn`
    Ecn,
    /// `arp_op`
    ArpOp,
    /// `mh_type`
    MhType,
    /// `dccp_pkttype`
    DccpType,
    /// `boolean`: exists or missing.
    Boolean,
    /// `tc_handle`, `a:b`.
    Priority,
    /// `verdict`
    Verdict,
    /// A type the model has no table for: any number or word.
    Any,
}

impl Type {
    /// Width in bits.
    pub fn bits(self) -> u16 {
        match self {
            Type::Integer(bits) => bits,
            Type::Ipv4 | Type::Mark | Type::IfIndex | Type::DevGroup | Type::Uid | Type::Gid => 32,
            Type::CtState | Type::CtStatus | Type::CtEvent | Type::Priority | Type::Any => 32,
            Type::Ipv6 | Type::IfName | Type::CtLabel => 128,
            Type::Ether => 48,
            Type::Service | Type::EtherType | Type::IfType | Type::ArpOp => 16,
            Type::Dscp => 6,
            Type::Ecn => 2,
            Type::DccpType => 4,
            Type::Boolean => 1,
            Type::Verdict => 0,
            _ => 8,
        }
    }

    /// The largest value.
    pub fn max(self) -> u128 {
        match self.bits() {
            0 => 0,
            bits if bits >= 128 => u128::MAX,
            bits => (1 << bits) - 1,
        }
    }

    /// Bits that combine with `,` and are tested with "any of" when no operator is written.
    pub fn is_bitmask(self) -> bool {
        matches!(self, Type::CtState | Type::CtStatus | Type::CtEvent | Type::CtLabel | Type::TcpFlag)
    }

    /// The type with this name in a set declaration.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ipv4_addr" => Type::Ipv4,
            "ipv6_addr" => Type::Ipv6,
            "ether_addr" => Type::Ether,
            "inet_service" => Type::Service,
            "inet_proto" => Type::Proto,
            "ether_type" => Type::EtherType,
            "mark" => Type::Mark,
            "ifname" => Type::IfName,
            "iface_index" => Type::IfIndex,
            "iface_type" => Type::IfType,
            "devgroup" => Type::DevGroup,
            "uid" => Type::Uid,
            "gid" => Type::Gid,
            "ct_state" => Type::CtState,
            "ct_dir" => Type::CtDir,
            "ct_status" => Type::CtStatus,
            "ct_label" => Type::CtLabel,
            "ct_event" => Type::CtEvent,
            "tcp_flag" => Type::TcpFlag,
            "icmp_type" => Type::IcmpType,
            "icmpv6_type" => Type::Icmpv6Type,
            "icmp_code" => Type::IcmpCode,
            "icmpv6_code" => Type::Icmpv6Code,
            "igmp_type" => Type::IgmpType,
            "pkt_type" => Type::PktType,
            "nf_proto" => Type::NfProto,
            "dscp" => Type::Dscp,
            "ecn" => Type::Ecn,
            "arp_op" => Type::ArpOp,
            "mh_type" => Type::MhType,
            "dccp_pkttype" => Type::DccpType,
            "boolean" => Type::Boolean,
            "verdict" => Type::Verdict,
            "time" | "realm" | "classid" | "cgroup" | "cgroupsv2" | "fib_addrtype" | "day" | "hour" | "string"
            | "integer" | "invalid" | "ct_id" | "policy" | "tc_handle" | "xinteger" => Type::Any,
            _ => return None,
        })
    }

    /// The table of names of small enumerations.
    pub fn names(self) -> Option<&'static [(&'static str, u32)]> {
        Some(match self {
            Type::EtherType => names::ETHER_TYPE,
            Type::IfType => names::IFTYPE,
            Type::CtState => names::CT_STATE,
            Type::CtStatus => names::CT_STATUS,
            Type::CtEvent => names::CT_EVENT,
            Type::TcpFlag => names::TCP_FLAGS,
            Type::IcmpType => names::ICMP_TYPE,
            Type::Icmpv6Type => names::ICMPV6_TYPE,
            Type::IcmpCode => names::ICMP_CODE,
            Type::Icmpv6Code => names::ICMPV6_CODE,
            Type::IgmpType => names::IGMP_TYPE,
            Type::PktType => names::PKTTYPE,
            Type::NfProto => names::NFPROTO,
            Type::Dscp => names::DSCP,
            Type::Ecn => names::ECN,
            Type::ArpOp => names::ARP_OP,
            Type::MhType => names::MH_TYPE,
            Type::DccpType => names::DCCP_TYPE,
            _ => return None,
        })
    }

    /// The values a word stands for: one, or a range for an interface wildcard. `Err(None)` when it cannot be
    /// known from the evidence (a user, an interface index, a host name), `Err(Some(_))` when nft refuses it.
    pub fn parse(self, text: &str, quoted: bool) -> Result<(u128, u128), Option<String>> {
        let one = |value: u128| Ok((value, value));
        if self == Type::IfName {
            return ifname(text);
        }
        if (!quoted || !matches!(self, Type::IfIndex))
            && let Some(value) = self.literal(text)
        {
            return if value <= self.max() || self == Type::Any {
                one(value)
            } else {
                Err(Some(format!("value {text} is over the type's {} bits", self.bits())))
            };
        }
        if let Some(table) = self.names() {
            if let Some(value) = names::lookup(table, text) {
                return one(u128::from(value));
            }
            return Err(Some(format!("`{text}` is not a value of this type")));
        }
        match self {
            Type::Proto => names::protocol(text)
                .map_or_else(|| Err(Some(format!("`{text}` is not a protocol"))), |value| one(u128::from(value))),
            Type::Service => services::service(text)
                .map_or_else(|| Err(Some(format!("`{text}` is not a service"))), |value| one(u128::from(value))),
            Type::Boolean => match text {
                "exists" | "true" => one(1),
                "missing" | "false" => one(0),
                _ => Err(Some(format!("expected `exists` or `missing`, not `{text}`"))),
            },
            Type::CtDir => match text {
                "original" => one(0),
                "reply" => one(1),
                _ => Err(Some(format!("`{text}` is not a direction"))),
            },
            Type::IfIndex => one(index_value(text)),
            Type::Uid | Type::Gid if text == "root" => one(0),
            Type::DevGroup if text == "default" => one(0),
            // Names only the host resolves.
            Type::Uid | Type::Gid | Type::DevGroup | Type::Mark | Type::CtLabel | Type::Any | Type::Priority => {
                Err(None)
            }
            Type::Ipv4 | Type::Ipv6 if text.contains(|c: char| c.is_ascii_alphabetic()) => Err(None),
            _ => Err(Some(format!("`{text}` is not a value of this type"))),
        }
    }

    fn literal(self, text: &str) -> Option<u128> {
        match self {
            Type::Ipv4 => {
                let address: Option<Ipv4Addr> = text.parse().ok();
                address.map(|address| u128::from(u32::from(address))).or_else(|| integer(text))
            }
            Type::Ipv6 => text.parse::<Ipv6Addr>().ok().map(u128::from),
            Type::Ether => {
                let mut value = 0u128;
                let mut groups = 0;
                for group in text.split(':') {
                    value = value << 8 | u128::from(u8::from_str_radix(group, 16).ok()?);
                    groups += 1;
                }
                (groups == 6).then_some(value)
            }
            Type::Priority => {
                let Some((major, minor)) = text.split_once(':') else { return integer(text) };
                let part = |part: &str| if part.is_empty() { Some(0) } else { u128::from_str_radix(part, 16).ok() };
                Some(part(major)? << 16 | part(minor)?)
            }
            Type::Integer(_) | Type::Any if text.contains('.') => {
                text.parse::<Ipv4Addr>().ok().map(|address| u128::from(u32::from(address)))
            }
            _ => integer(text),
        }
    }
}

/// Decimal or hexadecimal number.
pub fn integer(text: &str) -> Option<u128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Interface names are 16 bytes; a trailing `*` compares the bytes before it only (src/datatype.c, IFNAMSIZ).
fn ifname(text: &str) -> Result<(u128, u128), Option<String>> {
    let (name, wildcard) = match text.strip_suffix("\\*") {
        Some(name) => (format!("{name}*"), false),
        None => match text.strip_suffix('*') {
            Some(name) => (name.to_owned(), true),
            None => (text.to_owned(), false),
        },
    };
    if name.len() > 15 {
        return Err(Some(format!("the interface name `{text}` is over 15 characters")));
    }
    let low = name_value(&name);
    if !wildcard {
        return Ok((low, low));
    }
    let rest = 128 - 8 * name.len() as u32;
    let mask = if rest >= 128 { u128::MAX } else { (1u128 << rest) - 1 };
    Ok((low, low | mask))
}

/// An interface name as a number: its bytes, most significant first, padded with zeros.
pub fn name_value(name: &str) -> u128 {
    let mut bytes = [0u8; 16];
    for (slot, byte) in bytes.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    u128::from_be_bytes(bytes)
}

/// The index of a device, as far as its name tells: `lo` is 1 everywhere, and for others, whose number only the host
/// knows, the name stands for it. A name's value is over 2^120 and no index is.
pub fn index_value(name: &str) -> u128 {
    if name == "lo" { 1 } else { name_value(name) }
}

/// The interface name a number stands for.
pub fn value_name(value: u128) -> String {
    let bytes = value.to_be_bytes();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(16);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_the_numbers_nft_gives_them() {
        assert_eq!(Type::Service.parse("ssh", false), Ok((22, 22)));
        assert_eq!(Type::Proto.parse("icmpv6", false), Ok((58, 58)));
        assert_eq!(Type::CtState.parse("established", false), Ok((2, 2)));
        assert_eq!(Type::Ipv4.parse("10.0.0.1", false), Ok((0x0a00_0001, 0x0a00_0001)));
        assert_eq!(Type::Uid.parse("www-data", false), Err(None));
    }

    #[test]
    fn an_interface_wildcard_is_a_range_of_names() {
        let (low, high) = Type::IfName.parse("eth*", true).expect("a name");
        assert!(low <= name_value("eth0") && name_value("eth0") <= high);
        assert!(name_value("lo") > high || name_value("lo") < low);
        assert_eq!(value_name(name_value("eth0")), "eth0");
    }
}
