//! Loading fields, as the kernel's expressions do: a value, nothing (the rule breaks), or not known.

use std::borrow::Cow;

use super::conntrack::usual_status;
use super::ir::{Base, CtKey, Direction, Family, Field, Hook, MetaKey, PayloadField};
use super::packet::{CtState, ETH_IP, ETH_IP6, Found, Headers, Packet, Path, be16, find_ipv6_header};
use super::types::{index_value, name_value};

/// What a load gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// The field is absent: the rule breaks, for `==` and for `!=`.
    Break,
    /// A value.
    Known(u128),
    /// There is a value, and nothing here tells which.
    Unknown,
}

impl Loaded {
    fn of(value: Option<u128>) -> Self {
        value.map_or(Loaded::Unknown, Loaded::Known)
    }
}

/// What the packet carries of its connection right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// State; `None` when not known.
    pub state: Option<CtState>,
    /// Mark; `None` when not known.
    pub mark: Option<u32>,
    /// Status bits.
    pub status: Option<u32>,
    /// Labels.
    pub label: Option<u128>,
    /// Zone.
    pub zone: u16,
    /// Direction of the packet.
    pub direction: Direction,
}

/// Connection tracking of the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ct {
    /// Not looked up yet, or of no connection: state `invalid`.
    None,
    /// Exempt.
    Untracked,
    /// Of a connection.
    Entry(Tracked),
    /// Whether there is an entry is not known.
    Unknown,
}

/// A packet on its way: what rules read and write.
#[derive(Clone, Debug)]
pub struct Flight<'p> {
    /// As it came in.
    pub packet: &'p Packet,
    /// Its bytes, with what rules wrote.
    pub bytes: Cow<'p, [u8]>,
    /// Its headers.
    pub headers: Headers,
    /// The hook it is at.
    pub hook: Hook,
    /// The hook family.
    pub family: Family,
    /// Packet mark; `None` when not known.
    pub mark: Option<u32>,
    /// Packet priority.
    pub priority: Option<u32>,
    /// Packet type.
    pub pkttype: Option<u8>,
    /// Trace flag.
    pub nftrace: Option<bool>,
    /// Connection.
    pub ct: Ct,
    /// Addresses and ports as conntrack first saw them: source, destination, ports.
    pub tuple: Option<Tuple>,
    /// Byte ranges that were written with values that are not known.
    pub unknown: Vec<(usize, usize)>,
}

/// Addresses and ports of a connection's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// Source address.
    pub saddr: u128,
    /// Destination address.
    pub daddr: u128,
    /// Source port, or ICMP id.
    pub sport: u16,
    /// Destination port, or ICMP type and code.
    pub dport: u16,
    /// Transport protocol.
    pub l4proto: u8,
}

impl<'p> Flight<'p> {
    /// The packet before its first hook.
    pub fn new(packet: &'p Packet) -> Self {
        let validate = !matches!(packet.path, Path::Input | Path::Forward | Path::Output);
        let headers = Headers::of(packet, validate);
        let mut bytes = Cow::Borrowed(packet.bytes.as_slice());
        // The kernel trims what the link layer padded before the first IP hook (net/ipv4/ip_input.c ip_rcv_core).
        if !validate
            && let Some(end) = l3_end(&bytes, &headers)
            && end < bytes.len()
        {
            bytes = Cow::Borrowed(&packet.bytes[..end]);
        }
        Self {
            packet,
            bytes,
            headers,
            hook: Hook::Prerouting,
            family: Family::Inet,
            mark: Some(packet.mark),
            priority: Some(packet.priority),
            pkttype: Some(packet.pkttype),
            nftrace: Some(false),
            ct: Ct::None,
            tuple: None,
            unknown: Vec::new(),
        }
    }

    /// Loads a field.
    #[inline]
    pub fn load(&self, field: Field) -> Loaded {
        match field {
            Field::Payload(payload) => self.payload(payload),
            Field::Meta(key) => self.meta(key),
            Field::Ct(key, direction) => self.ct(key, direction),
            Field::TcpOption(kind, offset, bits) => self.tcp_option(kind, offset, bits),
            Field::Exthdr(kind, offset, bits) => self.exthdr(kind, offset, bits),
        }
    }

    /// First bit of a payload field in [`Self::bytes`], or `None` when the load breaks before reading
    /// (net/netfilter/nft_payload.c, `nft_payload_fast_eval` in nf_tables_core.c).
    pub fn payload_bit(&self, field: PayloadField) -> Option<usize> {
        let header = match field.base {
            Base::Network => self.headers.network,
            Base::Transport => {
                self.headers.l4proto?;
                // Loads of 1, 2 and 4 aligned bytes take the fast path, which does not look at the fragment offset.
                if self.headers.fragment != 0 && !is_fast(field) {
                    return None;
                }
                self.headers.transport
            }
            Base::Link => {
                // Packets of this host get their link header after the last hook.
                if !self.packet.link || (self.packet.path == Path::Output && self.hook != Hook::Egress) {
                    return None;
                }
                0
            }
            Base::Inner => self.inner()?,
        };
        Some(header * 8 + usize::from(field.offset))
    }

    /// `nft_payload_inner_offset`: after a TCP or UDP header.
    fn inner(&self) -> Option<usize> {
        if self.headers.fragment != 0 {
            return None;
        }
        let at = self.headers.transport;
        match self.headers.l4proto? {
            6 => Some(at + usize::from(self.bytes.get(at + 12)? >> 4) * 4),
            17 => Some(at + 8),
            _ => None,
        }
    }

    fn payload(&self, field: PayloadField) -> Loaded {
        let Some(bit) = self.payload_bit(field) else { return Loaded::Break };
        let Some(value) = bits(&self.bytes, bit, usize::from(field.bits)) else { return Loaded::Break };
        if !self.unknown.is_empty() {
            let (start, end) = (bit / 8, (bit + usize::from(field.bits)).div_ceil(8));
            if self.unknown.iter().any(|(low, high)| start < *high && *low < end) {
                return Loaded::Unknown;
            }
        }
        Loaded::Known(value)
    }

    fn meta(&self, key: MetaKey) -> Loaded {
        let packet = self.packet;
        let iif = packet.iif.as_ref().filter(|_| self.hook != Hook::Output);
        // The output device is set once the packet is routed: forward, output, postrouting, egress.
        let routed = !matches!(self.hook, Hook::Ingress | Hook::Prerouting | Hook::Input);
        let oif = packet.oif.as_ref().filter(|_| routed);
        let local = matches!(packet.path, Path::Output | Path::BridgeOutput | Path::ArpOutput);
        // Packets of this host keep no input device in postrouting.
        let iif = iif.filter(|_| !(local && self.hook == Hook::Postrouting));
        // Newer kernels read the type off `skb->dev`, which is the output device by then (6.18; nft_meta.c).
        if key == MetaKey::Iiftype && self.hook == Hook::Postrouting {
            return Loaded::Unknown;
        }
        let number = |value: Option<u32>| Loaded::of(value.map(u128::from));
        match key {
            MetaKey::Length => Loaded::Known((self.bytes.len() - self.headers.network.min(self.bytes.len())) as u128),
            MetaKey::Protocol => Loaded::Known(u128::from(self.headers.protocol)),
            MetaKey::Nfproto => Loaded::Known(match (self.family, self.headers.protocol) {
                (Family::Netdev, _) => 5,
                (Family::Bridge, _) => 7,
                (Family::Arp, _) => 3,
                (_, ETH_IP6) => 10,
                _ => 2,
            }),
            MetaKey::L4proto => self.headers.l4proto.map_or(Loaded::Break, |proto| Loaded::Known(u128::from(proto))),
            MetaKey::Priority => number(self.priority),
            MetaKey::Mark => number(self.mark),
            MetaKey::Iif => Loaded::Known(iif.map_or(0, |device| index_value(&device.name))),
            MetaKey::Oif => Loaded::Known(oif.map_or(0, |device| index_value(&device.name))),
            MetaKey::Iifname => Loaded::Known(iif.map_or(0, |device| name_value(&device.name))),
            MetaKey::Oifname => Loaded::Known(oif.map_or(0, |device| name_value(&device.name))),
            MetaKey::Iiftype => iif.map_or(Loaded::Break, |device| number(device.kind.map(u32::from))),
            MetaKey::Oiftype => oif.map_or(Loaded::Break, |device| number(device.kind.map(u32::from))),
            MetaKey::Iifgroup => iif.map_or(Loaded::Break, |device| number(device.group)),
            MetaKey::Oifgroup => oif.map_or(Loaded::Break, |device| number(device.group)),
            MetaKey::Pkttype => Loaded::of(self.pkttype.map(u128::from)),
            MetaKey::Nftrace => Loaded::of(self.nftrace.map(u128::from)),
            MetaKey::Skuid => self.socket(packet.skuid),
            MetaKey::Skgid => self.socket(packet.skgid),
        }
    }

    /// Forwarded packets have no socket; others may (`nft_meta_get_eval_skugid`).
    fn socket(&self, value: Option<u32>) -> Loaded {
        match (self.packet.path, value) {
            (_, Some(value)) => Loaded::Known(u128::from(value)),
            (Path::Forward, None) => Loaded::Break,
            (_, None) => Loaded::Unknown,
        }
    }

    fn ct(&self, key: CtKey, direction: Option<Direction>) -> Loaded {
        if key == CtKey::State {
            return match &self.ct {
                Ct::None => Loaded::Known(CtState::Invalid.bit()),
                Ct::Untracked => Loaded::Known(CtState::Untracked.bit()),
                Ct::Entry(entry) => Loaded::of(entry.state.map(CtState::bit)),
                Ct::Unknown => Loaded::Unknown,
            };
        }
        let entry = match &self.ct {
            Ct::Entry(entry) => entry,
            Ct::Unknown => return Loaded::Unknown,
            Ct::None | Ct::Untracked => return Loaded::Break,
        };
        match key {
            CtKey::State => Loaded::Break,
            CtKey::Direction => Loaded::Known(u128::from(entry.direction == Direction::Reply)),
            CtKey::Status => Loaded::of(entry.status.map(u128::from)),
            CtKey::Mark => Loaded::of(entry.mark.map(u128::from)),
            CtKey::Zone => Loaded::Known(u128::from(entry.zone)),
            CtKey::Label => Loaded::of(entry.label),
            CtKey::L3proto => Loaded::Known(if self.headers.protocol == ETH_IP6 { 10 } else { 2 }),
            CtKey::Saddr(family) | CtKey::Daddr(family) => {
                let own = if self.headers.protocol == ETH_IP6 { Family::Ip6 } else { Family::Ip };
                if family.is_some_and(|family| family != own) {
                    return Loaded::Break;
                }
                let source = matches!(key, CtKey::Saddr(_));
                self.of_tuple(
                    entry,
                    direction,
                    |tuple| if source { tuple.saddr } else { tuple.daddr },
                    |tuple| {
                        if source { tuple.daddr } else { tuple.saddr }
                    },
                )
            }
            // The same both ways.
            CtKey::Protocol => Loaded::of(self.tuple.map(|tuple| u128::from(tuple.l4proto))),
            CtKey::ProtoSrc => {
                self.of_tuple(entry, direction, |tuple| u128::from(tuple.sport), |tuple| u128::from(tuple.dport))
            }
            CtKey::ProtoDst => {
                self.of_tuple(entry, direction, |tuple| u128::from(tuple.dport), |tuple| u128::from(tuple.sport))
            }
        }
    }

    /// The connection's tuples are those of this packet when it is the first, and nothing was translated yet.
    fn of_tuple(
        &self,
        entry: &Tracked,
        direction: Option<Direction>,
        original: impl Fn(&Tuple) -> u128,
        reply: impl Fn(&Tuple) -> u128,
    ) -> Loaded {
        const NAT: u32 = 0x30;
        let Some(tuple) = &self.tuple else { return Loaded::Unknown };
        let icmp = matches!(tuple.l4proto, 1 | 58);
        let plain = entry.status.is_some_and(|status| status & NAT == 0);
        let same = direction.unwrap_or(Direction::Original) == entry.direction;
        match (same, plain && !icmp) {
            (true, _) if entry.direction == Direction::Original => Loaded::Known(original(tuple)),
            (true, true) => Loaded::Known(original(tuple)),
            (false, true) => Loaded::Known(reply(tuple)),
            _ => Loaded::Unknown,
        }
    }

    /// `nft_exthdr_tcp_eval` (net/netfilter/nft_exthdr.c).
    fn tcp_option(&self, kind: u8, offset: u16, bit_count: u16) -> Loaded {
        match (self.tcp_option_place(kind, offset, bit_count), bit_count) {
            (Ok(Some(_)), 0) => Loaded::Known(1),
            (_, 0) => Loaded::Known(0),
            (Ok(Some((start, end))), _) => {
                if self.unknown.iter().any(|(low, high)| start < *high && *low < end) {
                    return Loaded::Unknown;
                }
                let first = start * 8 + usize::from(offset % 8);
                bits(&self.bytes, first, usize::from(bit_count)).map_or(Loaded::Break, Loaded::Known)
            }
            _ => Loaded::Break,
        }
    }

    /// Bytes of a field of a TCP option: `Ok(None)` when the option is not there, `Err` when there is no whole TCP
    /// header, or the option is shorter than the field.
    pub(super) fn tcp_option_place(&self, kind: u8, offset: u16, bit_count: u16) -> Result<Option<(usize, usize)>, ()> {
        if self.headers.l4proto != Some(6) || self.headers.fragment != 0 {
            return Err(());
        }
        let at = self.headers.transport;
        let length = self.bytes.get(at + 12).map(|byte| usize::from(byte >> 4) * 4).ok_or(())?;
        let header = self.bytes.get(at..at + length).filter(|_| length >= 20).ok_or(())?;
        let mut i = 20;
        while i + 1 < length {
            let option = header[i];
            let size = if option <= 1 || header[i + 1] == 0 { 1 } else { usize::from(header[i + 1]) };
            if option == kind {
                let first = usize::from(offset / 8);
                let end = usize::from(offset + bit_count).div_ceil(8);
                if i + size > length || end > size {
                    return Err(());
                }
                return Ok(Some((at + i + first, at + i + end)));
            }
            i += size;
        }
        Ok(None)
    }

    /// `nft_exthdr_ipv6_eval`.
    fn exthdr(&self, kind: u8, offset: u16, bit_count: u16) -> Loaded {
        if self.headers.protocol != ETH_IP6 {
            return if bit_count == 0 { Loaded::Known(0) } else { Loaded::Break };
        }
        match (find_ipv6_header(&self.bytes, self.headers.network, Some(kind)), bit_count) {
            (Found::At { .. }, 0) => Loaded::Known(1),
            (_, 0) => Loaded::Known(0),
            (Found::At { offset: at, .. }, _) => {
                let value = bits(&self.bytes, at * 8 + usize::from(offset), usize::from(bit_count));
                value.map_or(Loaded::Break, Loaded::Known)
            }
            _ => Loaded::Break,
        }
    }

    /// The tuple conntrack would take from the packet as it is now.
    pub fn take_tuple(&self) -> Option<Tuple> {
        let at = self.headers.network;
        let l4proto = self.headers.l4proto?;
        let (saddr, daddr) = match self.headers.protocol {
            ETH_IP => (bits(&self.bytes, (at + 12) * 8, 32)?, bits(&self.bytes, (at + 16) * 8, 32)?),
            ETH_IP6 => (bits(&self.bytes, (at + 8) * 8, 128)?, bits(&self.bytes, (at + 24) * 8, 128)?),
            _ => return None,
        };
        let port = |offset| be16(&self.bytes, self.headers.transport + offset).unwrap_or(0);
        // ICMP has its id as source and type and code as destination (nf_conntrack_tuple.h).
        let (sport, dport) = match l4proto {
            6 | 17 | 33 | 132 | 136 => (port(0), port(2)),
            1 | 58 => (port(4), port(0)),
            _ => (0, 0),
        };
        Some(Tuple { saddr, daddr, sport, dport, l4proto })
    }

    /// A connection for the packet, in `state`, with what the user said of it.
    pub fn entry(&self, state: CtState) -> Ct {
        let said = &self.packet.ct;
        Ct::Entry(Tracked {
            state: Some(state),
            mark: Some(said.mark),
            status: Some(said.status.unwrap_or_else(|| usual_status(state))),
            label: Some(said.label),
            zone: said.zone,
            direction: said.direction.unwrap_or(Direction::Original),
        })
    }
}

/// Loads of 1, 2 or 4 bytes at an offset of their own size (net/netfilter/nft_payload.c `nft_payload_select_ops`).
pub fn is_fast(field: PayloadField) -> bool {
    let start = field.offset / 8;
    let len = (field.offset + field.bits).div_ceil(8) - start;
    matches!(len, 1 | 2 | 4) && start.is_multiple_of(len)
}

/// End of the IP packet by its own length field.
fn l3_end(bytes: &[u8], headers: &Headers) -> Option<usize> {
    let at = headers.network;
    let length = match headers.protocol {
        ETH_IP => usize::from(be16(bytes, at + 2)?),
        ETH_IP6 => 40 + usize::from(be16(bytes, at + 4)?),
        _ => return None,
    };
    (length >= 20).then_some(at + length)
}

/// `count` bits from bit `first`, most significant first; `None` when the bytes end before.
pub fn bits(bytes: &[u8], first: usize, count: usize) -> Option<u128> {
    let start = first / 8;
    let end = (first + count).div_ceil(8);
    let slice = bytes.get(start..end)?;
    let value = match *slice {
        [a] => u128::from(a),
        [a, b] => u128::from(u16::from_be_bytes([a, b])),
        [a, b, c, d] => u128::from(u32::from_be_bytes([a, b, c, d])),
        _ if slice.len() <= 16 => slice.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)),
        // 17 bytes: a 128-bit field that does not begin on a byte. The highest bits fall out of the shift below.
        _ => {
            let low = slice[1..].iter().fold(0u128, |value, byte| value << 8 | u128::from(*byte));
            let shift = end * 8 - first - count;
            let high = u128::from(slice[0]).checked_shl(128 - shift as u32).unwrap_or(0);
            return Some(low >> shift | high);
        }
    };
    let shift = end * 8 - first - count;
    let mask = if count >= 128 { u128::MAX } else { (1 << count) - 1 };
    Some(value >> shift & mask)
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn bits_are_counted_from_the_most_significant() {
        assert_eq!(bits(&[0x45, 0xb8], 0, 4), Some(4));
        assert_eq!(bits(&[0x45, 0xb8], 4, 4), Some(5));
        assert_eq!(bits(&[0x45, 0xb8], 8, 6), Some(0x2e));
        assert_eq!(bits(&[0x45], 4, 8), None);
        assert_eq!(bits(&[0x60, 0x01, 0x23, 0x45], 12, 20), Some(0x12345));
    }
}
