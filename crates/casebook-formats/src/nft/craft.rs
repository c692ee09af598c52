//! Readable fields to the bytes of a packet: headers in order, lengths and checksums right unless set otherwise.
//!
//! A [`Spec`] holds which headers there are and every field somebody set. [`Spec::build`] lays out the headers with
//! defaults, writes the fields over them by the offsets of [`super::fields`], and computes checksums last. Fields
//! can so be wrong on purpose: `ip length 20` on a longer packet stays 20.

use std::ops::Range;

use super::fields;
use super::ir::{Base, PayloadField};
use super::packet::{Connection, Device, ETH_ARP, ETH_IP, ETH_IP6, Packet, Path};
use super::types::Type;

mod describe;
mod set;
mod sums;
#[cfg(test)]
pub(crate) mod tests;

use sums::{checksum, crc32c, sum16};

pub use describe::describe;
pub use set::{FIELDS, TRANSPORTS, nearest, number};
pub(super) use set::{decode_hex, suggest, transport_name};
pub use sums::{checksum as internet_checksum, sum16 as internet_sum};
pub(super) use sums::{get_bits, put_bits};

/// Why a text is not a packet, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketError {
    /// What is wrong and what was expected, lower case, one sentence.
    pub message: String,
    /// Bytes of the text it is about.
    pub at: Range<usize>,
    /// What to write instead, when it is known.
    pub hint: Option<String>,
}

impl std::fmt::Display for PacketError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PacketError {}

/// A fault of one field, before it has a place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// As in [`PacketError`].
    pub message: String,
    /// As in [`PacketError`].
    pub hint: Option<String>,
    /// Which word of `protocol field value` it is about.
    pub word: FaultWord,
}

/// The words of `protocol field value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultWord {
    /// The protocol.
    Protocol,
    /// The field.
    Field,
    /// The value.
    Value,
    /// Something that is not there.
    Whole,
}

impl Fault {
    pub(super) fn new(word: FaultWord, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, word }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the fault at its place.
    pub(super) fn at(self, at: Range<usize>) -> PacketError {
        PacketError { message: self.message, at, hint: self.hint }
    }
}

/// The network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4
    Ip,
    /// IPv6
    Ip6,
    /// ARP
    Arp,
}

impl Network {
    /// As nft writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Network::Ip => "ip",
            Network::Ip6 => "ip6",
            Network::Arp => "arp",
        }
    }
}

/// Which part of a fragmented datagram to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// The first: more follow, and it holds the transport header.
    First,
    /// The last: at offset 1480 unless said otherwise, without a transport header.
    Later,
}

/// An IPv6 extension header, without its first byte, which names the header after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Protocol number: 0, 43, 44 or 60.
    pub kind: u8,
    /// The bytes after the first.
    pub body: Vec<u8>,
}

/// A packet as readable fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// Whether there is an Ethernet header; decided by fields and path when not given.
    pub link: Option<bool>,
    /// Network header.
    pub network: Option<Network>,
    /// Transport protocol.
    pub transport: Option<u8>,
    /// IPv4 options.
    pub ip_options: Vec<u8>,
    /// IPv6 extension headers in order.
    pub extensions: Vec<Extension>,
    /// TCP options.
    pub tcp_options: Vec<u8>,
    /// What follows the headers; the protocol's smallest body when not given.
    pub payload: Option<Vec<u8>>,
    /// Part of a datagram.
    pub fragment: Option<Fragment>,
    pub(super) settings: Vec<(PayloadField, Type, u128)>,
}

/// Default source port.
pub const SOURCE_PORT: u16 = 40000;
/// Default MAC addresses: locally administered, so of no vendor.
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
/// Fragment offset of `fragment later`, in units of 8 bytes: a datagram cut at an Ethernet MTU.
const LATER: u16 = 1480 / 8;
const MORE_FRAGMENTS: u16 = 0x2000;
/// Most bytes an IP packet has.
pub(super) const MOST: usize = 65535;

impl Spec {
    pub(super) fn value(&self, name: &str) -> Option<u128> {
        self.settings.iter().find(|(field, ..)| field.name == name).map(|(.., value)| *value)
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// True when there will be an Ethernet header on a packet that takes `path`.
    pub fn has_link(&self, path: Path) -> bool {
        let named = self.settings.iter().any(|(field, ..)| field.base == Base::Link);
        let framed =
            matches!(path, Path::BridgeInput | Path::BridgeForward | Path::BridgeOutput | Path::Ingress | Path::Egress);
        self.link.unwrap_or(named || framed)
    }

    /// The packet's bytes, and whether they begin with an Ethernet header.
    pub fn build(&self, path: Path) -> Result<(Vec<u8>, bool), Fault> {
        let network = self.check()?;
        let link = self.has_link(path);
        let link_field = self.settings.iter().find(|(field, ..)| field.base == Base::Link);
        if let (false, Some((field, ..))) = (link, link_field) {
            let message = format!("`{}` is set, but `link none` leaves the Ethernet header out", field.name);
            return Err(Fault::new(FaultWord::Whole, message));
        }
        let mut bytes = Vec::with_capacity(128);
        if link {
            self.link_header(network, &mut bytes);
        }
        let network_at = bytes.len();
        let later = match network {
            Network::Arp => {
                bytes.extend_from_slice(&ARP_HEADER);
                false
            }
            Network::Ip => self.ipv4_header(&mut bytes),
            Network::Ip6 => self.ipv6_header(&mut bytes),
        };
        let transport_at = bytes.len();
        let late_field = self.settings.iter().find(|(field, ..)| later && field.base == Base::Transport);
        if let Some((field, ..)) = late_field {
            let message = format!("`{}` is set, but a later fragment has no transport header", field.name);
            return Err(Fault::new(FaultWord::Whole, message).hint("`fragment first` has one"));
        }
        if !later {
            self.transport_header(&mut bytes);
        }
        self.body(network, later, transport_at, &mut bytes);
        if bytes.len() - network_at > MOST {
            let message = format!("the packet would have {} bytes, and the most is {MOST}", bytes.len() - network_at);
            return Err(Fault::new(FaultWord::Whole, message));
        }
        self.lengths(network, network_at, transport_at, later, &mut bytes);
        for (field, _, value) in &self.settings {
            let base = match field.base {
                Base::Link => 0,
                Base::Network => network_at,
                Base::Transport | Base::Inner => transport_at,
            };
            if !put_bits(&mut bytes, base * 8 + usize::from(field.offset), field.bits, *value) {
                let message = format!("the packet has no header for `{}`", field.name);
                return Err(Fault::new(FaultWord::Whole, message));
            }
        }
        self.checksums(network, network_at, transport_at, later, &mut bytes);
        Ok((bytes, link))
    }

    /// What has to be said is said.
    fn check(&self) -> Result<Network, Fault> {
        let missing = |message: String| Fault::new(FaultWord::Whole, message);
        let Some(network) = self.network else {
            return Err(missing("the packet has no addresses".to_owned()).hint("write `tcp A:PORT > B:PORT`"));
        };
        let (source, destination) = match network {
            Network::Ip => ("ip saddr", "ip daddr"),
            Network::Ip6 => ("ip6 saddr", "ip6 daddr"),
            Network::Arp => ("arp saddr ip", "arp daddr ip"),
        };
        for (name, what) in [(source, "source"), (destination, "destination")] {
            if !self.has(name) {
                let hint = format!("write `A > B` or `{name} ADDRESS`");
                return Err(missing(format!("the {what} address is missing")).hint(hint));
            }
        }
        if network == Network::Arp {
            return match self.transport {
                Some(number) => Err(missing(format!("arp carries no {}", transport_name(number)))),
                None => Ok(network),
            };
        }
        let Some(transport) = self.transport else {
            return Err(missing("the transport protocol is missing".to_owned())
                .hint("write `tcp`, `udp`, `icmp` or another protocol, or `proto NUMBER`"));
        };
        match (transport, network) {
            (1, Network::Ip6) => return Err(missing("icmp is of IPv4".to_owned()).hint("write `icmpv6`")),
            (58, Network::Ip) => return Err(missing("icmpv6 is of IPv6".to_owned()).hint("write `icmp`")),
            _ => {}
        }
        let name = transport_name(transport);
        let later = self.fragment == Some(Fragment::Later) || self.offset(network) != 0;
        if has_ports(transport) && !later && !self.has(&format!("{name} dport")) {
            let hint = format!("write it after the address, or `{name} dport PORT`");
            return Err(missing("the destination port is missing".to_owned()).hint(hint));
        }
        if !self.extensions.is_empty() && network == Network::Ip {
            return Err(missing("extension headers are of IPv6".to_owned()));
        }
        if !self.ip_options.is_empty() && network == Network::Ip6 {
            return Err(missing("`ip option` is of IPv4".to_owned()).hint("write `hbh` or `dst`"));
        }
        Ok(network)
    }

    /// Fragment offset that was set by field, in any unit.
    fn offset(&self, network: Network) -> u16 {
        match network {
            Network::Ip => self.value("ip frag-off").map_or(0, |value| value as u16 & 0x1fff),
            _ => self.extensions.iter().find(|extension| extension.kind == 44).map_or(0, frag_offset),
        }
    }

    fn link_header(&self, network: Network, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&MACS);
        let ether_type = match network {
            Network::Ip => ETH_IP,
            Network::Ip6 => ETH_IP6,
            Network::Arp => ETH_ARP,
        };
        if self.settings.iter().any(|(field, ..)| field.name.starts_with("vlan ")) {
            bytes.extend_from_slice(&[0x81, 0, 0, 1]);
        }
        bytes.extend_from_slice(&ether_type.to_be_bytes());
    }

    /// True when it is a later fragment.
    fn ipv4_header(&self, bytes: &mut Vec<u8>) -> bool {
        let mut options = self.ip_options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let offset = match (self.value("ip frag-off"), self.fragment) {
            (Some(value), _) => value as u16,
            (None, Some(Fragment::First)) => MORE_FRAGMENTS,
            (None, Some(Fragment::Later)) => LATER,
            (None, None) => 0,
        };
        bytes.extend_from_slice(&[0x45 + (options.len() / 4) as u8, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&offset.to_be_bytes());
        bytes.extend_from_slice(&[64, self.transport.unwrap_or(59), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&options);
        offset & 0x1fff != 0
    }

    /// True when it is a later fragment.
    fn ipv6_header(&self, bytes: &mut Vec<u8>) -> bool {
        let mut extensions = self.extensions.clone();
        if let Some(fragment) = self.fragment {
            if !extensions.iter().any(|extension| extension.kind == 44) {
                extensions.extend(default_extension(44));
            }
            for frag in extensions.iter_mut().filter(|extension| extension.kind == 44) {
                match fragment {
                    Fragment::First => frag.body[2] |= 1,
                    Fragment::Later if frag_offset(frag) == 0 => {
                        frag.body[1..3].copy_from_slice(&(LATER << 3).to_be_bytes());
                    }
                    Fragment::Later => {}
                }
            }
        }
        let transport = self.transport.unwrap_or(59);
        let first = extensions.first().map_or(transport, |extension| extension.kind);
        bytes.extend_from_slice(&[0x60, 0, 0, 0, 0, 0, first, 64]);
        bytes.extend_from_slice(&[0; 32]);
        for (index, extension) in extensions.iter().enumerate() {
            bytes.push(extensions.get(index + 1).map_or(transport, |next| next.kind));
            bytes.extend_from_slice(&extension.body);
        }
        extensions.iter().any(|extension| extension.kind == 44 && frag_offset(extension) != 0)
    }

    fn transport_header(&self, bytes: &mut Vec<u8>) {
        let Some(number) = self.transport else { return };
        let at = bytes.len();
        bytes.extend_from_slice(template(number));
        if has_ports(number) {
            bytes[at..at + 2].copy_from_slice(&SOURCE_PORT.to_be_bytes());
        }
        if number == 6 {
            let mut options = self.tcp_options.clone();
            options.resize(options.len().next_multiple_of(4), 0);
            bytes[at + 12] = ((5 + options.len() / 4) as u8) << 4;
            bytes.extend_from_slice(&options);
        }
    }

    fn body(&self, network: Network, later: bool, transport_at: usize, bytes: &mut Vec<u8>) {
        let fragmented = self.fragment == Some(Fragment::First);
        match &self.payload {
            Some(payload) => bytes.extend_from_slice(payload),
            None if network == Network::Arp => {}
            None if later => bytes.extend_from_slice(&[0; 8]),
            None if self.transport == Some(132) => bytes.extend_from_slice(&SCTP_INIT),
            // All fragments but the last are a multiple of 8 bytes long.
            None if fragmented => {
                let length = (bytes.len() - transport_at).next_multiple_of(8);
                bytes.resize(transport_at + length, 0);
            }
            None => {}
        }
    }

    fn lengths(&self, network: Network, network_at: usize, transport_at: usize, later: bool, bytes: &mut [u8]) {
        let total = (bytes.len() - network_at) as u16;
        match network {
            Network::Ip => put16(bytes, network_at + 2, total),
            Network::Ip6 => put16(bytes, network_at + 4, total.saturating_sub(40)),
            Network::Arp => return,
        }
        if self.transport == Some(17) && !later {
            let length = (bytes.len() - transport_at) as u16;
            put16(bytes, transport_at + 4, length);
        }
    }

    fn checksums(&self, network: Network, network_at: usize, transport_at: usize, later: bool, bytes: &mut [u8]) {
        if network == Network::Ip && !self.has("ip checksum") {
            let options = self.ip_options.len().next_multiple_of(4);
            let sum = checksum(&bytes[network_at..network_at + 20 + options], 0);
            put16(bytes, network_at + 10, sum);
        }
        let Some(number) = self.transport else { return };
        let name = transport_name(number);
        if later || network == Network::Arp || self.has(&format!("{name} checksum")) {
            return;
        }
        let data = &bytes[transport_at..];
        let sum_at = match number {
            6 => 16,
            17 | 33 | 136 => 6,
            1 | 2 | 58 => 2,
            132 => {
                let sum = crc32c(data).to_le_bytes();
                bytes[transport_at + 8..transport_at + 12].copy_from_slice(&sum);
                return;
            }
            _ => return,
        };
        let rest = u64::from(number) + data.len() as u64;
        let pseudo = match (number, network) {
            (1 | 2, _) => 0,
            (_, Network::Ip) => rest + sum16(&bytes[network_at + 12..network_at + 20]),
            _ => rest + sum16(&bytes[network_at + 8..network_at + 40]),
        };
        let sum = match checksum(data, pseudo) {
            // Over UDP, 0 says that there is no checksum.
            0 if number == 17 => 0xffff,
            sum => sum,
        };
        put16(bytes, transport_at + sum_at, sum);
    }
}

/// True for protocols whose header begins with two ports.
pub(super) fn has_ports(transport: u8) -> bool {
    matches!(transport, 6 | 17 | 33 | 132 | 136)
}

/// The smallest header of a transport protocol, with its defaults.
pub(super) fn template(transport: u8) -> &'static [u8] {
    match transport {
        // Echo requests.
        1 => &[8, 0, 0, 0, 0, 0, 0, 0],
        58 => &[128, 0, 0, 0, 0, 0, 0, 0],
        2 => &[17, 0, 0, 0, 0, 0, 0, 0],
        // A SYN with the window Linux opens with.
        6 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0xfa, 0xf0, 0, 0, 0, 0],
        17 | 136 => &[0; 8],
        // A DCCP-Request with long sequence numbers.
        33 => &[0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        50 => &[0; 8],
        51 => &[59, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        108 => &[59, 0, 0, 0],
        132 => &[0; 12],
        _ => &[],
    }
}

/// ARP over Ethernet: a request.
const ARP_HEADER: [u8; 28] = {
    let mut header = [0; 28];
    header[1] = 1;
    header[2] = 8;
    header[4] = 6;
    header[5] = 4;
    header[7] = 1;
    // Sender's address as in the default Ethernet header.
    header[8] = 2;
    header[13] = 1;
    header
};

/// An INIT chunk: tag 1, window 65535, one stream each way, TSN 1.
pub(super) const SCTP_INIT: [u8; 20] = [1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1];

/// An extension header with nothing in it.
pub(super) fn default_extension(kind: u8) -> Option<Extension> {
    let body: &[u8] = match kind {
        // PadN over the rest of the 8 bytes.
        0 | 60 => &[0, 1, 4, 0, 0, 0, 0],
        43 | 44 => &[0; 7],
        _ => return None,
    };
    Some(Extension { kind, body: body.to_vec() })
}

fn frag_offset(extension: &Extension) -> u16 {
    match extension.body.get(1..3) {
        Some(field) => u16::from_be_bytes([field[0], field[1]]) >> 3,
        None => 0,
    }
}

fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// What is said of a packet besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The way it takes; by its devices when not given.
    pub path: Option<Path>,
    /// Input device.
    pub iif: Option<Device>,
    /// Output device.
    pub oif: Option<Device>,
    /// Packet mark.
    pub mark: u32,
    /// Packet priority.
    pub priority: u32,
    /// Packet type; by the Ethernet header when not given.
    pub pkttype: Option<u8>,
    /// User of the socket.
    pub skuid: Option<u32>,
    /// Group of the socket.
    pub skgid: Option<u32>,
    /// Connection.
    pub ct: Connection,
}

impl Context {
    /// The path that was given, or the one that the devices say: both, through this host; only an output device,
    /// from this host; else to this host.
    pub fn path(&self, arp: bool) -> Path {
        self.path.unwrap_or(match (&self.iif, &self.oif) {
            (None, Some(_)) if arp => Path::ArpOutput,
            _ if arp => Path::ArpInput,
            (Some(_), Some(_)) => Path::Forward,
            (None, Some(_)) => Path::Output,
            _ => Path::Input,
        })
    }

    /// The packet with these bytes.
    pub fn packet(self, bytes: Vec<u8>, link: bool) -> Packet {
        let path = self.path(is_arp(&bytes, link));
        let pkttype = self.pkttype.unwrap_or_else(|| default_pkttype(&bytes, link, path));
        let Context { iif, oif, mark, priority, skuid, skgid, ct, .. } = self;
        Packet { bytes, link, path, iif, oif, mark, priority, pkttype, skuid, skgid, ct }
    }
}

/// True for an ARP packet: by EtherType, or without an Ethernet header by hardware type 1 and protocol IPv4.
pub(super) fn is_arp(bytes: &[u8], link: bool) -> bool {
    match link {
        true => bytes.get(12..14) == Some(&ETH_ARP.to_be_bytes()),
        false => bytes.get(..4) == Some(&[0, 1, 8, 0]),
    }
}

/// What the kernel makes of the destination address of a frame that came in (net/ethernet/eth.c
/// `eth_type_trans`); 0 where there is none.
pub(super) fn default_pkttype(bytes: &[u8], link: bool, path: Path) -> u8 {
    let outgoing = matches!(path, Path::Output | Path::ArpOutput | Path::BridgeOutput | Path::Egress);
    match bytes.get(..6) {
        Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) if link && !outgoing => 1,
        Some([first, ..]) if link && !outgoing && first & 1 == 1 => 2,
        _ => 0,
    }
}

/// The row of a header field, `th` read as the transport protocol it stands for.
pub(super) fn field(protocol: &str, name: &str) -> Option<(PayloadField, Type)> {
    fields::payload(protocol, name).map(|(_, field, ty)| (field, ty))
}
