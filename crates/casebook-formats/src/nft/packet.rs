//! A packet as the hooks see it: bytes, devices, marks, and what connection tracking knows.

use super::ir::{Direction, Family, Hook};

/// The way a packet takes through the hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// To this host: prerouting, input.
    Input,
    /// Through this host: prerouting, forward, postrouting.
    Forward,
    /// From this host: output, postrouting.
    Output,
    /// To the bridge itself.
    BridgeInput,
    /// Across the bridge.
    BridgeForward,
    /// From the bridge itself.
    BridgeOutput,
    /// An ARP packet to this host.
    ArpInput,
    /// An ARP packet from this host.
    ArpOutput,
    /// Only the device's ingress hook.
    Ingress,
    /// Only the device's egress hook.
    Egress,
}

/// All paths with their names.
pub const PATHS: &[(Path, &str)] = &[
    (Path::Input, "input"),
    (Path::Forward, "forward"),
    (Path::Output, "output"),
    (Path::BridgeInput, "bridge-input"),
    (Path::BridgeForward, "bridge-forward"),
    (Path::BridgeOutput, "bridge-output"),
    (Path::ArpInput, "arp-input"),
    (Path::ArpOutput, "arp-output"),
    (Path::Ingress, "ingress"),
    (Path::Egress, "egress"),
];

impl Path {
    /// Name in the packet language.
    pub fn as_str(self) -> &'static str {
        PATHS.iter().find(|(path, _)| *path == self).map_or("input", |(_, name)| name)
    }

    /// The path of this name.
    pub fn parse(name: &str) -> Option<Self> {
        PATHS.iter().find(|(_, known)| *known == name).map(|(path, _)| *path)
    }

    /// Hooks in order, after ingress and before egress.
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Path::Input | Path::BridgeInput => &[Hook::Prerouting, Hook::Input],
            Path::Forward | Path::BridgeForward => &[Hook::Prerouting, Hook::Forward, Hook::Postrouting],
            Path::Output | Path::BridgeOutput => &[Hook::Output, Hook::Postrouting],
            Path::ArpInput => &[Hook::Input],
            Path::ArpOutput => &[Hook::Output],
            Path::Ingress | Path::Egress => &[],
        }
    }
}

/// A network device, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Name.
    pub name: String,
    /// Index; `lo` is 1 everywhere.
    pub index: Option<u32>,
    /// Hardware type (ARPHRD), 1 for Ethernet.
    pub kind: Option<u16>,
    /// Group.
    pub group: Option<u32>,
}

impl Device {
    /// A device of which only the name is known. `lo` is known to be index 1, type 772.
    pub fn named(name: &str) -> Self {
        let lo = name == "lo";
        Self { name: name.to_owned(), index: lo.then_some(1), kind: lo.then_some(772), group: None }
    }
}

/// What connection tracking says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CtState {
    /// First packet of a connection, or later ones before a reply was seen.
    New,
    /// Of a connection that has seen packets both ways.
    Established,
    /// Of another connection, or an error about one.
    Related,
    /// Exempt.
    Untracked,
    /// Of no connection.
    Invalid,
}

/// All states with nft's names and bits.
pub const CT_STATES: &[(CtState, &str, u128)] = &[
    (CtState::Invalid, "invalid", 1),
    (CtState::Established, "established", 2),
    (CtState::Related, "related", 4),
    (CtState::New, "new", 8),
    (CtState::Untracked, "untracked", 64),
];

impl CtState {
    /// As nft writes it.
    pub fn as_str(self) -> &'static str {
        CT_STATES.iter().find(|(state, ..)| *state == self).map_or("invalid", |(_, name, _)| name)
    }

    /// The bit `ct state` loads.
    pub fn bit(self) -> u128 {
        CT_STATES.iter().find(|(state, ..)| *state == self).map_or(1, |(.., bit)| *bit)
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        CT_STATES.iter().find(|(_, known, _)| *known == name).map(|(state, ..)| *state)
    }
}

/// What the user says about the packet's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// State; `None` lets the first-packet rules of conntrack decide.
    pub state: Option<CtState>,
    /// Direction of this packet; original when not given.
    pub direction: Option<Direction>,
    /// Status bits; by the state when not given.
    pub status: Option<u32>,
    /// Mark of the connection.
    pub mark: u32,
    /// Zone.
    pub zone: u16,
    /// Labels.
    pub label: u128,
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Bytes from the first header on.
    pub bytes: Vec<u8>,
    /// True when they begin with an Ethernet header.
    pub link: bool,
    /// The way it takes.
    pub path: Path,
    /// Input device.
    pub iif: Option<Device>,
    /// Output device.
    pub oif: Option<Device>,
    /// Packet mark on arrival.
    pub mark: u32,
    /// Packet priority on arrival.
    pub priority: u32,
    /// Packet type (0 host, 1 broadcast, 2 multicast, 3 other host).
    pub pkttype: u8,
    /// User of the sending socket, for packets from this host.
    pub skuid: Option<u32>,
    /// Group of the sending socket.
    pub skgid: Option<u32>,
    /// What is known of its connection.
    pub ct: Connection,
}

/// Where the headers of a packet are (net/netfilter/nf_tables.h `struct nft_pktinfo`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// EtherType of the network header.
    pub protocol: u16,
    /// First byte of the network header.
    pub network: usize,
    /// Transport protocol, when the headers lead to one.
    pub l4proto: Option<u8>,
    /// First byte of the transport header.
    pub transport: usize,
    /// Fragment offset; not 0 in later fragments.
    pub fragment: u16,
    /// True for any fragment, the first included.
    pub fragmented: bool,
}

/// EtherType of IPv4.
pub const ETH_IP: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETH_IP6: u16 = 0x86dd;
/// EtherType of ARP.
pub const ETH_ARP: u16 = 0x0806;

impl Headers {
    /// Finds the headers. `validate` asks for the checks that bridge and netdev hooks make and IP hooks do not
    /// (include/net/netfilter/nf_tables_ipv4.h `nft_set_pktinfo_ipv4_validate`).
    pub fn of(packet: &Packet, validate: bool) -> Self {
        let bytes = &packet.bytes;
        let mut headers = Headers::default();
        if packet.link {
            headers.protocol = be16(bytes, 12).unwrap_or(0);
            headers.network = 14;
            // One VLAN tag may stand before the network header.
            if matches!(headers.protocol, 0x8100 | 0x88a8) {
                headers.protocol = be16(bytes, 16).unwrap_or(0);
                headers.network = 18;
            }
        } else {
            headers.protocol = match bytes.first().map(|byte| byte >> 4) {
                Some(6) => ETH_IP6,
                Some(4) => ETH_IP,
                _ if matches!(packet.path, Path::ArpInput | Path::ArpOutput) => ETH_ARP,
                _ => 0,
            };
        }
        match headers.protocol {
            ETH_IP => headers.ipv4(bytes, validate),
            ETH_IP6 => headers.ipv6(bytes, validate),
            _ => {}
        }
        headers
    }

    fn ipv4(&mut self, bytes: &[u8], validate: bool) {
        let at = self.network;
        let (Some(first), Some(protocol)) = (bytes.get(at), bytes.get(at + 9)) else { return };
        let header = usize::from(first & 0x0f) * 4;
        if validate {
            let total = usize::from(be16(bytes, at + 2).unwrap_or(0));
            let wrong = first >> 4 != 4 || header < 20 || bytes.len() - at < total || total < header;
            if wrong {
                return;
            }
        }
        let fragment = be16(bytes, at + 6).unwrap_or(0);
        self.l4proto = Some(*protocol);
        self.transport = at + header;
        self.fragment = fragment & 0x1fff;
        self.fragmented = fragment & 0x3fff != 0;
    }

    /// `ipv6_find_hdr` with no target (net/ipv6/exthdrs_core.c). In a later fragment the kernel leaves the
    /// transport offset at 0, so a transport load reads the IPv6 header itself.
    fn ipv6(&mut self, bytes: &[u8], validate: bool) {
        let at = self.network;
        if validate {
            let payload = usize::from(be16(bytes, at + 4).unwrap_or(0));
            if bytes.len() < at + 40 || bytes[at] >> 4 != 6 || payload + 40 > bytes.len() - at {
                return;
            }
        }
        match find_ipv6_header(bytes, at, None) {
            Found::At { protocol, offset, fragmented } => {
                self.l4proto = Some(protocol);
                self.transport = offset;
                self.fragmented = fragmented;
            }
            Found::LaterFragment { protocol, fragment } => {
                self.l4proto = Some(protocol);
                self.transport = at;
                self.fragment = fragment;
                self.fragmented = true;
            }
            Found::Missing => {}
        }
    }
}

/// Result of a walk along IPv6 extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The header asked for, or the transport header.
    At {
        /// Its protocol number.
        protocol: u8,
        /// Its first byte.
        offset: usize,
        /// True when a fragment header came before it.
        fragmented: bool,
    },
    /// The packet is a later fragment; the transport header is in the first one.
    LaterFragment {
        /// Protocol the fragment header names.
        protocol: u8,
        /// Its offset, in units of 1 byte.
        fragment: u16,
    },
    /// Not there, or the packet ends before it.
    Missing,
}

/// `ipv6_find_hdr` (net/ipv6/exthdrs_core.c); `None` asks for the transport header, stopping at AH.
pub fn find_ipv6_header(bytes: &[u8], network: usize, target: Option<u8>) -> Found {
    let Some(mut next) = bytes.get(network + 6).copied() else { return Found::Missing };
    let mut at = network + 40;
    let mut fragmented = false;
    loop {
        let found = target == Some(next);
        let extension = matches!(next, 0 | 43 | 44 | 51 | 59 | 60);
        if !extension || next == 59 {
            return match target {
                None => Found::At { protocol: next, offset: at, fragmented },
                Some(_) if found => Found::At { protocol: next, offset: at, fragmented },
                Some(_) => Found::Missing,
            };
        }
        let (Some(following), Some(length)) = (bytes.get(at).copied(), bytes.get(at + 1).copied()) else {
            return Found::Missing;
        };
        let header = match next {
            44 => {
                fragmented = true;
                let Some(fragment) = be16(bytes, at + 2).map(|field| field & !7) else { return Found::Missing };
                if fragment != 0 {
                    let last = !matches!(following, 0 | 43 | 44 | 51 | 60);
                    return match target {
                        None if last => Found::LaterFragment { protocol: following, fragment },
                        _ if found => Found::At { protocol: next, offset: at, fragmented },
                        _ => Found::Missing,
                    };
                }
                8
            }
            51 if target.is_none() => return Found::At { protocol: next, offset: at, fragmented },
            51 => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        if found {
            return Found::At { protocol: next, offset: at, fragmented };
        }
        next = following;
        at += header;
    }
}

/// Two bytes, most significant first.
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The family whose hooks an L3 packet meets.
pub fn l3_family(protocol: u16) -> Option<Family> {
    match protocol {
        ETH_IP => Some(Family::Ip),
        ETH_IP6 => Some(Family::Ip6),
        ETH_ARP => Some(Family::Arp),
        _ => None,
    }
}
