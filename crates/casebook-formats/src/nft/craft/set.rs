//! `protocol field value`, set in a [`Spec`]: names, values, and what was probably meant.

use super::super::fields;
use super::super::names;
use super::super::packet::ETH_ARP;
use super::super::types::{Type, integer};
use super::{Extension, Fault, FaultWord, Fragment, Network, Spec, default_extension, field, get_bits, put_bits};

/// Every protocol and the fields of it that can be set, in the order headers stand.
pub const FIELDS: &[(&str, &[&str])] = &[
    ("ether", &["saddr", "daddr", "type"]),
    ("vlan", &["id", "pcp", "dei", "cfi", "type"]),
    ("arp", &["saddr ip", "daddr ip", "operation", "saddr ether", "daddr ether", "htype", "ptype", "hlen", "plen"]),
    (
        "ip",
        &[
            "saddr",
            "daddr",
            "ttl",
            "dscp",
            "ecn",
            "id",
            "frag-off",
            "protocol",
            "length",
            "version",
            "hdrlength",
            "checksum",
        ],
    ),
    ("ip6", &["saddr", "daddr", "hoplimit", "dscp", "ecn", "flowlabel", "nexthdr", "length", "version"]),
    ("icmp", &["type", "code", "id", "sequence", "gateway", "mtu", "checksum"]),
    (
        "icmpv6",
        &["type", "code", "id", "sequence", "mtu", "packet-too-big", "parameter-problem", "max-delay", "checksum"],
    ),
    ("igmp", &["type", "mrt", "group", "checksum"]),
    (
        "tcp",
        &["sport", "dport", "flags", "sequence", "ackseq", "window", "urgptr", "doff", "reserved", "mss", "checksum"],
    ),
    ("udp", &["sport", "dport", "length", "checksum"]),
    ("udplite", &["sport", "dport", "csumcov", "checksum"]),
    ("sctp", &["sport", "dport", "vtag", "checksum"]),
    ("dccp", &["sport", "dport", "type"]),
    ("ah", &["nexthdr", "spi", "sequence", "hdrlength", "reserved"]),
    ("esp", &["spi", "sequence"]),
    ("comp", &["nexthdr", "flags", "cpi"]),
    ("th", &["sport", "dport"]),
    ("hbh", &["hdrlength"]),
    ("dst", &["hdrlength"]),
    ("rt", &["type", "seg-left", "hdrlength"]),
    ("frag", &["frag-off", "more-fragments", "id", "reserved", "reserved2"]),
];

/// Transport protocols with fields, by number.
pub const TRANSPORTS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("comp", 108),
    ("sctp", 132),
    ("udplite", 136),
];

/// nft's name of a transport protocol, or its number.
pub(crate) fn transport_name(number: u8) -> String {
    let known = TRANSPORTS.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// Fields of a protocol.
fn fields_of(protocol: &str) -> Option<&'static [&'static str]> {
    FIELDS.iter().find(|(name, _)| *name == protocol).map(|(_, fields)| *fields)
}

impl Spec {
    /// Sets a field, and claims its header.
    pub fn set(&mut self, protocol: &str, name: &str, value: &str) -> Result<(), Fault> {
        if fields_of(protocol).is_none() {
            let fault = Fault::new(FaultWord::Protocol, format!("`{protocol}` is not a protocol with fields"));
            return Err(suggest(fault, protocol, FIELDS.iter().map(|(name, _)| *name)));
        }
        self.claim(protocol)?;
        let resolved = match (protocol, self.transport) {
            ("th", Some(number)) => transport_name(number),
            ("th", None) => {
                let fault = Fault::new(FaultWord::Protocol, "`th` needs a transport protocol before it");
                return Err(fault.hint("write `tcp` or `udp` first"));
            }
            _ => protocol.to_owned(),
        };
        let protocol = resolved.as_str();
        match (protocol, name) {
            ("ip", "protocol") | ("ip6", "nexthdr") => return self.set_transport(value),
            ("ip", "option") => return self.set_ip_option(value),
            ("tcp", "option") => return self.add_tcp_option(&hex_value(value)?),
            ("tcp", "mss") => {
                let size = number(Type::Integer(16), value)? as u16;
                let [high, low] = size.to_be_bytes();
                return self.add_tcp_option(&[2, 4, high, low]);
            }
            ("hbh" | "dst" | "rt" | "frag", _) => return self.set_extension(protocol, name, value),
            _ => {}
        }
        let name = match (protocol, name) {
            ("arp", "saddr") => "saddr ip",
            ("arp", "daddr") => "daddr ip",
            _ => name,
        };
        let Some((row, ty)) = field(protocol, name) else { return Err(unknown_field(protocol, name)) };
        let value = number(ty, value)?;
        self.put(row, ty, value)
    }

    fn put(&mut self, row: super::PayloadField, ty: Type, value: u128) -> Result<(), Fault> {
        match self.settings.iter().find(|(known, ..)| known.name == row.name) {
            Some((.., known)) if *known == value => Ok(()),
            Some(_) => Err(Fault::new(FaultWord::Value, format!("`{}` is given twice, with two values", row.name))),
            None => {
                self.settings.push((row, ty, value));
                Ok(())
            }
        }
    }

    /// Says that the packet has this header.
    pub fn claim(&mut self, protocol: &str) -> Result<(), Fault> {
        let network = match protocol {
            "ip" => Some(Network::Ip),
            "ip6" => Some(Network::Ip6),
            "arp" => Some(Network::Arp),
            _ => None,
        };
        if let Some(network) = network {
            return self.claim_network(network);
        }
        if let Some((_, number)) = TRANSPORTS.iter().find(|(name, _)| *name == protocol) {
            return self.claim_transport(*number);
        }
        let Some(kind) = fields::exthdr(protocol) else { return Ok(()) };
        if !self.extensions.iter().any(|extension| extension.kind == kind) {
            self.extensions.extend(default_extension(kind));
        }
        Ok(())
    }

    /// Says of which network protocol the packet is.
    pub fn claim_network(&mut self, network: Network) -> Result<(), Fault> {
        match self.network {
            Some(known) if known != network => {
                let message = format!("`{}` in a packet that is already `{}`", network.as_str(), known.as_str());
                Err(Fault::new(FaultWord::Protocol, message))
            }
            _ => {
                self.network = Some(network);
                Ok(())
            }
        }
    }

    fn claim_transport(&mut self, number: u8) -> Result<(), Fault> {
        match self.transport {
            Some(known) if known != number => {
                let (new, known) = (transport_name(number), transport_name(known));
                Err(Fault::new(FaultWord::Protocol, format!("`{new}` in a packet that is already `{known}`")))
            }
            _ => {
                self.transport = Some(number);
                Ok(())
            }
        }
    }

    /// Sets the transport protocol by name or number.
    pub fn set_transport(&mut self, value: &str) -> Result<(), Fault> {
        let number = number(Type::Proto, value)? as u8;
        self.claim_transport(number).map_err(|fault| Fault { word: FaultWord::Value, ..fault })
    }

    /// Adds an IPv4 option: `ra`, `rr`, `lsrr`, `ssrr`, or hex with its kind and length.
    fn set_ip_option(&mut self, value: &str) -> Result<(), Fault> {
        let option = match value {
            // Router alert.
            "ra" => vec![0x94, 4, 0, 0],
            // One free slot.
            "rr" => vec![7, 7, 4, 0, 0, 0, 0],
            "lsrr" => vec![0x83, 7, 4, 0, 0, 0, 0],
            "ssrr" => vec![0x89, 7, 4, 0, 0, 0, 0],
            _ => {
                hex_value(value).map_err(|fault| fault.hint("write `ra`, `rr`, `lsrr`, `ssrr` or hex as 0x94040000"))?
            }
        };
        extend_options(&mut self.ip_options, &option)
    }

    /// Adds a TCP option with its kind and length.
    pub fn add_tcp_option(&mut self, option: &[u8]) -> Result<(), Fault> {
        extend_options(&mut self.tcp_options, option)
    }

    /// Adds an extension header whose bytes after the first are `body`.
    pub fn add_extension(&mut self, protocol: &str, body: &str) -> Result<(), Fault> {
        let body = hex_value(body)?;
        let Some(kind) = fields::exthdr(protocol) else { return Err(unknown_field(protocol, "")) };
        let fits = (body.len() + 1).is_multiple_of(8) && !body.is_empty() && (kind != 44 || body.len() == 7);
        if !fits {
            let message = format!("`{protocol}` is a multiple of 8 bytes long; give all but the first");
            return Err(Fault::new(FaultWord::Value, message));
        }
        if self.extensions.len() >= MOST_EXTENSIONS {
            return Err(Fault::new(FaultWord::Value, format!("over {MOST_EXTENSIONS} extension headers")));
        }
        self.extensions.push(Extension { kind, body });
        Ok(())
    }

    fn set_extension(&mut self, protocol: &str, name: &str, value: &str) -> Result<(), Fault> {
        let known = fields_of(protocol).is_some_and(|fields| fields.contains(&name));
        let row = fields::exthdr_field(protocol, name).filter(|_| known);
        let Some((offset, bits, ty)) = row else { return Err(unknown_field(protocol, name)) };
        let value = number(ty, value)?;
        let kind = fields::exthdr(protocol);
        if let Some(extension) = self.extensions.iter_mut().find(|extension| Some(extension.kind) == kind) {
            // The body lacks the header's first byte.
            put_bits(&mut extension.body, usize::from(offset) - 8, bits, value);
        }
        Ok(())
    }

    /// Sets the part of a datagram by name.
    pub fn set_fragment(&mut self, value: &str) -> Result<(), Fault> {
        self.fragment = Some(match value {
            "first" => Fragment::First,
            "later" => Fragment::Later,
            _ => {
                let message = format!("expected `first` or `later`, not `{value}`");
                return Err(Fault::new(FaultWord::Value, message));
            }
        });
        Ok(())
    }

    /// Sets the payload: a number of zero bytes, or hex after `0x`.
    pub fn set_payload(&mut self, value: &str) -> Result<(), Fault> {
        self.payload = Some(match value.strip_prefix("0x") {
            Some(hex) => decode_hex(hex).map_err(|(_, message)| Fault::new(FaultWord::Value, message))?,
            None => {
                let length = value.parse::<usize>().ok().filter(|length| *length <= super::MOST);
                let Some(length) = length else {
                    let message = format!("expected a number of bytes up to {}, or hex as 0x00ff", super::MOST);
                    return Err(Fault::new(FaultWord::Value, message));
                };
                vec![0; length]
            }
        });
        Ok(())
    }
}

/// As many as fit in a datagram of the usual size; a bound, so that a text cannot grow a packet without end.
const MOST_EXTENSIONS: usize = 64;

fn extend_options(options: &mut Vec<u8>, option: &[u8]) -> Result<(), Fault> {
    if options.len() + option.len() > 40 {
        return Err(Fault::new(FaultWord::Value, "options take 40 bytes at most"));
    }
    options.extend_from_slice(option);
    Ok(())
}

/// A value of `ty`, with the checks that nft makes.
pub fn number(ty: Type, text: &str) -> Result<u128, Fault> {
    let fault = |message: String| Fault::new(FaultWord::Value, message);
    if text.starts_with('{') {
        return Err(fault("expected one value, not a set".to_owned()).hint("a packet has one value of each field"));
    }
    let mut value = 0;
    let parts: Vec<&str> = if ty.is_bitmask() { text.split([',', '|']).collect() } else { vec![text] };
    for part in parts {
        let part = part.trim();
        let one = match (ty, integer(part)) {
            // nft reads `ip saddr 10` as 0.0.0.10; in a packet it is a slip.
            (Type::Ipv4, Some(_)) => return Err(fault(format!("expected an IPv4 address, not `{part}`"))),
            (Type::Ipv4 | Type::Ipv6 | Type::Ether, _) => ty.parse(part, false).map(|(low, _)| low),
            (_, Some(number)) => Ok(number),
            _ => ty.parse(part, false).map(|(low, _)| low),
        };
        let one = match one {
            Ok(one) => one,
            Err(_) => {
                let fault = fault(format!("expected {}, not `{part}`", expected(ty)));
                return Err(match ty.names() {
                    Some(table) => suggest(fault, part, table.iter().map(|(name, _)| *name)),
                    None if ty == Type::Proto => suggest(fault, part, names::PROTOCOL.iter().map(|(name, _)| *name)),
                    None if ty == Type::Service => {
                        suggest(fault, part, super::super::services::SERVICE.iter().map(|(name, _)| *name))
                    }
                    None => fault,
                });
            }
        };
        if one > ty.max() {
            return Err(fault(format!("`{part}` is over the {} bits of the field", ty.bits())));
        }
        value |= one;
    }
    Ok(value)
}

fn expected(ty: Type) -> &'static str {
    match ty {
        Type::Ipv4 => "an IPv4 address",
        Type::Ipv6 => "an IPv6 address",
        Type::Ether => "a MAC address as 02:00:00:00:00:01",
        Type::Service => "a port or service name",
        Type::Proto => "a protocol name or number",
        Type::TcpFlag => "TCP flags",
        Type::Integer(_) => "a number",
        Type::CtState => "a conntrack state",
        _ => "a number or one of the type's names",
    }
}

/// A value as [`number`] reads it.
pub(super) fn show(ty: Type, value: u128) -> String {
    use std::net::{Ipv4Addr, Ipv6Addr};
    match ty {
        Type::Ipv4 => Ipv4Addr::from(value as u32).to_string(),
        Type::Ipv6 => Ipv6Addr::from(value).to_string(),
        Type::Ether => {
            let bytes = value.to_be_bytes();
            let groups: Vec<String> = bytes[10..].iter().map(|byte| format!("{byte:02x}")).collect();
            groups.join(":")
        }
        Type::TcpFlag if value != 0 => {
            let set = names::TCP_FLAGS.iter().filter(|(_, bit)| value & u128::from(*bit) != 0);
            let set: Vec<&str> = set.map(|(name, _)| *name).collect();
            set.join(",")
        }
        Type::EtherType if value == u128::from(ETH_ARP) => "arp".to_owned(),
        Type::EtherType => format!("{value:#06x}"),
        _ => {
            let named = ty.names().and_then(|table| names::name_of(table, value));
            named.map_or_else(|| value.to_string(), str::to_owned)
        }
    }
}

/// The value of a field of a header in `bytes` that begins at `at`.
pub(super) fn read(bytes: &[u8], at: usize, row: super::PayloadField) -> Option<u128> {
    get_bits(bytes, at * 8 + usize::from(row.offset), row.bits)
}

fn unknown_field(protocol: &str, name: &str) -> Fault {
    let known = fields_of(protocol).unwrap_or(&[]);
    let fault = Fault::new(FaultWord::Field, format!("`{protocol}` has no field `{name}` that can be set"));
    match (protocol, name) {
        ("ip6", "ttl") => fault.hint("did you mean `hoplimit`?"),
        ("ip", "hoplimit") => fault.hint("did you mean `ttl`?"),
        _ => match nearest(name, known.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(format!("its fields are {}", known.join(", "))),
        },
    }
}

/// Adds the nearest known word to a fault.
pub(crate) fn suggest<'a>(fault: Fault, word: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    match nearest(word, known) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// The known word nearest to `word`, if one is near.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are no slip of a known one, and the distance is quadratic.
    if word.is_empty() || word.len() > 40 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    known
        .map(|name| (distance(word.as_bytes(), name.to_ascii_lowercase().as_bytes()), name))
        .filter(|(distance, name)| *distance <= name.len().min(word.len()) / 3 + usize::from(name.len() > 2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edits between two words: insert, remove, replace a byte, or swap two neighbours.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

/// Bytes of hex that may begin with `0x`.
fn hex_value(text: &str) -> Result<Vec<u8>, Fault> {
    let hex = text.strip_prefix("0x").unwrap_or(text);
    decode_hex(hex).map_err(|(_, message)| Fault::new(FaultWord::Value, message))
}

const NOT_HEX: u8 = 0xff;
/// Value of each byte as a hexadecimal digit. A table, since millions of packets are read through it.
const DIGITS: [u8; 256] = {
    let mut digits = [NOT_HEX; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Bytes of hexadecimal digits; else the index of the wrong byte and what is wrong.
pub(crate) fn decode_hex(text: &str) -> Result<Vec<u8>, (usize, String)> {
    let text = text.as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut wrong = 0;
    let pairs = text.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    for pair in pairs {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        wrong |= high | low;
        bytes.push(high << 4 | low & 0x0f);
    }
    if wrong & 0xf0 != 0 || odd {
        return Err(match text.iter().position(|byte| DIGITS[usize::from(*byte)] == NOT_HEX) {
            Some(at) => (at, "expected hexadecimal digits".to_owned()),
            None => (text.len() - 1, "expected two hexadecimal digits for each byte, and one is left over".to_owned()),
        });
    }
    Ok(bytes)
}
