//! Packets of a class: which values of the variables belong to one, and the packet they make.

use casebook_formats::nft::craft::{internet_checksum, internet_sum};
use casebook_formats::nft::ir::{CtKey, Direction, MetaKey};
use casebook_formats::nft::packet::{CT_STATES, Connection, Device, ETH_IP, ETH_IP6, Packet, Path};
use casebook_formats::nft::types::value_name;

use super::compile::Shared;
use super::diagram::{Node, Within};
use super::layout::Layout;
use super::space::Class;
use super::space::{HAS_LINK, Run, Space, TRANSPORT_LEN, WHOLE};

/// IPv6 next headers that are extensions: a class has none.
const EXTENSIONS: [u128; 4] = [0, 43, 44, 60];

/// States a packet comes in with.
const INVALID: u128 = 1;
const NEW: u128 = 8;
const UNTRACKED: u128 = 64;

/// Where the values of the variables are those of a packet that can be.
pub fn possible(shared: &mut Shared) -> Within<Node> {
    let class = shared.layout.class;
    let mut all = Node::TRUE;
    let mut also = |shared: &mut Shared, node: Node| -> Within<()> {
        all = shared.arena.and(all, node)?;
        Ok(())
    };
    let state = Run { space: Space::CtState, first: 0, count: 32 };
    let known = within(shared, state, &[(1, 1), (2, 2), (4, 4), (8, 8), (64, 64)])?;
    also(shared, known)?;
    // Connection tracking itself exempts neighbour discovery; all other exemptions are rules'.
    let exempt = within(shared, state, &[(UNTRACKED, UNTRACKED)])?;
    let discovery = if class.ip6 { within(shared, L4PROTO, &[(58, 58)])? } else { Node::FALSE };
    let fits = implies(shared, exempt, discovery)?;
    also(shared, fits)?;
    // A header that is cut short belongs to no connection (`tcp_error`, `udp_error`, `icmp_error`).
    if class.tracked && !shared.layout.atoms(TRANSPORT_LEN).is_empty() {
        for (protocol, least) in [(1, 8), (6, 20), (17, 8), (33, 12), (58, 8), (132, 12), (136, 8)] {
            let of = within(shared, L4PROTO, &[(protocol, protocol)])?;
            let short = within(shared, TRANSPORT_LEN, &[(0, least - 1)])?;
            let cut = shared.arena.and(of, short)?;
            let unknown = within(shared, state, &[(INVALID, INVALID), (UNTRACKED, UNTRACKED)])?;
            let fits = implies(shared, cut, unknown)?;
            also(shared, fits)?;
        }
    }
    let fragments = fragments(shared)?;
    also(shared, fragments)?;
    // A new connection has no mark and no labels yet, and one packet, in its original direction.
    let new = within(shared, state, &[(NEW, NEW)])?;
    for run in [
        Run { space: Space::CtMark, first: 0, count: 32 },
        Run { space: Space::Ct(CtKey::Label, None), first: 0, count: 128 },
        Run { space: Space::Ct(CtKey::Direction, None), first: 0, count: 8 },
    ] {
        for (_, var) in shared.layout.atoms(run) {
            let none = shared.arena.within(var, &[(0, 0)])?;
            let fits = implies(shared, new, none)?;
            also(shared, fits)?;
        }
    }
    let one_way = within(shared, Run { space: Space::Ct(CtKey::Direction, None), first: 0, count: 8 }, &[(0, 1)])?;
    if !shared.layout.atoms(Run { space: Space::Ct(CtKey::Direction, None), first: 0, count: 8 }).is_empty() {
        also(shared, one_way)?;
    }
    // Names of devices begin with a letter or digit; which device there is, is known by the hook.
    for space in [Space::Iif, Space::Oif] {
        let named = within(shared, Run { space, first: 0, count: 128 }, &[(0x30 << 120, (0x7b << 120) - 1)])?;
        also(shared, named)?;
    }
    let hops = Run { space: Space::Network, first: if class.ip6 { 56 } else { 64 }, count: 8 };
    if class.path == Path::Forward {
        let alive = within(shared, hops, &[(2, 255)])?;
        also(shared, alive)?;
    }
    let pkttype = Run { space: Space::Meta(MetaKey::Pkttype), first: 0, count: 8 };
    let kinds = within(shared, pkttype, &[(0, if class.path == Path::Input { 2 } else { 0 })])?;
    also(shared, kinds)?;
    if class.ip6 {
        let extension = within(shared, L4PROTO, &EXTENSIONS.map(|number| (number, number)))?;
        // Behind a fragment's header AH is an extension too (`ipv6_ext_hdr`).
        let ah = if class.later { within(shared, L4PROTO, &[(51, 51)])? } else { Node::FALSE };
        let extension = shared.arena.or(extension, ah)?;
        let plain = shared.arena.not(extension)?;
        also(shared, plain)?;
        let named = next_header(shared)?;
        also(shared, named)?;
    } else {
        let length = within(shared, Run { space: Space::Network, first: 4, count: 4 }, &[(5, 15)])?;
        also(shared, length)?;
    }
    // Options are read off a whole TCP header.
    let tcp = within(shared, L4PROTO, &[(6, 6)])?;
    let whole = within(shared, TRANSPORT_LEN, &[(WHOLE, WHOLE)])?;
    let tcp = shared.arena.and(whole, tcp)?;
    for kind in 0..=u8::MAX {
        let run = Run { space: Space::HasOption(kind), first: 0, count: 1 };
        if !shared.layout.atoms(run).is_empty() {
            let there = within(shared, run, &[(1, 1)])?;
            let fits = implies(shared, there, tcp)?;
            also(shared, fits)?;
        }
    }
    Ok(all)
}

/// Fragments: a later one has an offset. Those for this host are put together before the input hook
/// (net/ipv4/ip_input.c `ip_local_deliver`); what happens to them before it, happens to forwarded ones too.
fn fragments(shared: &mut Shared) -> Within<Node> {
    let class = shared.layout.class;
    if class.ip6 {
        return Ok(Node::TRUE);
    }
    let offset = Run { space: Space::Network, first: 51, count: 13 };
    let more = Run { space: Space::Network, first: 50, count: 1 };
    match (class.later, class.path) {
        (true, _) => within(shared, offset, &[(1, 0x1fff)]),
        (false, Path::Input) => within(shared, more, &[(0, 0)]),
        (false, _) => Ok(Node::TRUE),
    }
}

/// The header named by IPv6's own header: that of the transport protocol, or an extension. Connection tracking holds
/// first fragments until the packet is whole.
fn next_header(shared: &mut Shared) -> Within<Node> {
    let class = shared.layout.class;
    if shared.layout.atoms(NEXT_HEADER).is_empty() {
        return Ok(Node::TRUE);
    }
    if class.later {
        return within(shared, NEXT_HEADER, &EXTENSIONS.map(|number| (number, number)));
    }
    let mut all = within(shared, NEXT_HEADER, &[(0, 0), (43, 43), (60, 60)])?;
    if !class.tracked {
        let first = within(shared, NEXT_HEADER, &[(44, 44)])?;
        all = shared.arena.or(all, first)?;
    }
    for number in 0..=255 {
        let (named, there) =
            (within(shared, NEXT_HEADER, &[(number, number)])?, within(shared, L4PROTO, &[(number, number)])?);
        let both = shared.arena.and(named, there)?;
        all = shared.arena.or(all, both)?;
    }
    Ok(all)
}

const NEXT_HEADER: Run = Run { space: Space::Network, first: 48, count: 8 };

const L4PROTO: Run = Run { space: Space::L4proto, first: 0, count: 8 };

fn within(shared: &mut Shared, run: Run, intervals: &[(u128, u128)]) -> Within<Node> {
    if shared.layout.atoms(run).is_empty() { Ok(Node::TRUE) } else { shared.lies(run, intervals) }
}

fn implies(shared: &mut Shared, a: Node, b: Node) -> Within<Node> {
    shared.arena.choose(a, b, Node::TRUE)
}

/// The name of a device in an interval of names; `None` when no name a device can have lies there.
pub fn name_between(low: u128, high: u128) -> Option<u128> {
    const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let bytes = low.to_be_bytes();
    let good = bytes.iter().take(15).take_while(|byte| LETTERS.contains(byte) || b"-_.".contains(byte)).count();
    let of = |start: &[u8], last: Option<u8>| {
        let mut name = [0u8; 16];
        for (slot, byte) in name.iter_mut().zip(start.iter().copied().chain(last)) {
            *slot = byte;
        }
        u128::from_be_bytes(name)
    };
    let inside = |name: u128| name != 0 && low <= name && name <= high;
    let ends = (0..=good.min(14)).rev().flat_map(|cut| {
        let start = &bytes[..cut];
        std::iter::once(of(start, None)).chain(LETTERS.iter().map(move |letter| of(start, Some(*letter))))
    });
    std::iter::once(of(&bytes[..good], None)).chain(ends).find(|name| inside(*name))
}

/// The packet of these values, one for each variable; what no variable holds has its usual value.
pub fn packet(layout: &Layout, values: &[u128]) -> Packet {
    let class = layout.class;
    let made = Made::new(layout, values);
    let mut bytes = Vec::new();
    let link = made.number(HAS_LINK).map_or(layout.runs().any(|run| run.space == Space::Link), |value| value == 1);
    if link {
        let mut link = vec![0; 14];
        made.put(Space::Link, &mut link);
        link[12..].copy_from_slice(&(if class.ip6 { ETH_IP6 } else { ETH_IP }).to_be_bytes());
        bytes = link;
    }
    let linked = !bytes.is_empty();
    let l4proto = made.number(L4PROTO).map_or(6, |value| value as u8);
    let state = made.number(Run { space: Space::CtState, first: 0, count: 32 }).unwrap_or(INVALID);
    let flags = match state {
        // No flags at all: a segment of no connection.
        INVALID if class.tracked => 0x00,
        INVALID | NEW | UNTRACKED => 0x02,
        _ => 0x10,
    };
    let mut transport = made.transport(l4proto, flags);
    // The checksum needs the addresses, and the header the length the checksum may have added to.
    let addresses = made.network(class, l4proto, transport.len());
    match made.number(TRANSPORT_LEN).filter(|length| *length < WHOLE) {
        Some(length) => transport.resize(length as usize, 0),
        None if class.later => {}
        None => seal(layout, &addresses, l4proto, &mut transport),
    }
    let network = made.network(class, l4proto, transport.len());
    bytes.extend(network);
    bytes.extend(transport);
    let meta = |key, count| made.number(Run { space: Space::Meta(key), first: 0, count });
    let device = |space| {
        let name = made.number(Run { space, first: 0, count: 128 }).map(value_name);
        Device::named(&name.filter(|name| !name.is_empty()).unwrap_or_else(|| "eth0".into()))
    };
    let with = |device: Device, kind, group| Device {
        kind: meta(kind, 16).map(|value| value as u16).or(device.kind),
        group: meta(group, 32).map(|value| value as u32).or(device.group),
        ..device
    };
    let iif = with(device(Space::Iif), MetaKey::Iiftype, MetaKey::Iifgroup);
    let oif = with(device(Space::Oif), MetaKey::Oiftype, MetaKey::Oifgroup);
    let ct = |key, count| made.number(Run { space: Space::Ct(key, None), first: 0, count });
    let state = CT_STATES.iter().find(|(.., bit)| *bit == state).map(|(state, ..)| *state);
    Packet {
        bytes,
        link: linked,
        path: class.path,
        iif: (class.path != Path::Output).then_some(iif),
        oif: (class.path != Path::Input).then_some(oif),
        mark: made.number(Run { space: Space::Mark, first: 0, count: 32 }).unwrap_or(0) as u32,
        priority: meta(MetaKey::Priority, 32).unwrap_or(0) as u32,
        pkttype: meta(MetaKey::Pkttype, 8).unwrap_or(0) as u8,
        skuid: meta(MetaKey::Skuid, 32).map(|value| value as u32),
        skgid: meta(MetaKey::Skgid, 32).map(|value| value as u32),
        ct: Connection {
            state,
            direction: ct(CtKey::Direction, 8)
                .map(|value| if value == 1 { Direction::Reply } else { Direction::Original }),
            status: None,
            mark: made.number(Run { space: Space::CtMark, first: 0, count: 32 }).unwrap_or(0) as u32,
            zone: ct(CtKey::Zone, 16).unwrap_or(0) as u16,
            label: ct(CtKey::Label, 128).unwrap_or(0),
        },
    }
}

/// Puts the checksum into a transport header that has one. A checksum that some rule reads, as `tcp dport` and
/// `th dport` read that of ICMP, keeps its value: a word behind the message makes it right.
fn seal(layout: &Layout, network: &[u8], l4proto: u8, transport: &mut Vec<u8>) {
    let at = match l4proto {
        6 => 16,
        17 => 6,
        1 | 58 => 2,
        _ => return,
    };
    let bits = at as u16 * 8..at as u16 * 8 + 16;
    let is_read =
        layout.runs().any(|run| run.space == Space::Transport && run.first < bits.end && bits.start < run.end());
    let mends = is_read && matches!(l4proto, 1 | 58);
    if is_read && !mends {
        return;
    }
    if mends {
        if transport.len() % 2 == 1 {
            transport.push(0);
        }
        transport.extend([0, 0]);
    }
    let addresses = if network[0] >> 4 == 6 { &network[8..40] } else { &network[12..20] };
    let pseudo = match l4proto {
        1 => 0,
        _ => internet_sum(addresses) + u64::from(l4proto) + transport.len() as u64,
    };
    let slot = if mends { transport.len() - 2 } else { at };
    if !mends {
        transport[slot..slot + 2].fill(0);
    }
    let sum = internet_checksum(transport, pseudo);
    // UDP says 0 for none.
    let sum = if sum == 0 && l4proto == 17 { 0xffff } else { sum };
    transport[slot..slot + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The extension headers from `next` to the transport protocol; none when that is `next` itself.
fn extensions(next: u8, l4proto: u8, later: bool) -> Vec<u8> {
    let fragment = [l4proto, 0, 0, if later { 8 } else { 1 }, 0, 0, 0, 1];
    let before = |bytes: [u8; 6]| {
        let following = if later { 44 } else { l4proto };
        let mut list: Vec<u8> = [following, 0].into_iter().chain(bytes).collect();
        if later {
            list.extend(fragment);
        }
        list
    };
    match next {
        44 => fragment.to_vec(),
        // Padding, and a routing header that is used up.
        0 | 60 => before([1, 4, 0, 0, 0, 0]),
        43 => before([4, 0, 0, 0, 0, 0]),
        _ => Vec::new(),
    }
}

/// Values on their way into a packet.
struct Made<'a> {
    layout: &'a Layout,
    values: &'a [u128],
}

impl<'a> Made<'a> {
    fn new(layout: &'a Layout, values: &'a [u128]) -> Self {
        Self { layout, values }
    }

    /// The number in a run of bits, when some variable holds bits of it.
    fn number(&self, run: Run) -> Option<u128> {
        let mut bytes = vec![0u8; usize::from(run.end().div_ceil(8))];
        let any = self.layout.runs().any(|atom| atom.space == run.space);
        self.put(run.space, &mut bytes);
        any.then(|| bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte))).map(|value| {
            let spare = bytes.len() * 8 - usize::from(run.count);
            value >> spare
        })
    }

    /// Writes all variables of a space into its bytes; what does not fit is left out.
    fn put(&self, space: Space, bytes: &mut [u8]) {
        for (run, value) in self.layout.runs().zip(self.values) {
            if run.space != space {
                continue;
            }
            for bit in 0..run.count {
                let at = usize::from(run.first + bit);
                let set = value >> (run.count - 1 - bit) & 1 == 1;
                if let Some(byte) = bytes.get_mut(at / 8) {
                    let mask = 0x80 >> (at % 8);
                    *byte = if set { *byte | mask } else { *byte & !mask };
                }
            }
        }
    }

    /// The network header, with what options and extensions it says it has.
    fn network(&self, class: Class, l4proto: u8, payload: usize) -> Vec<u8> {
        let ip6 = class.ip6;
        let mut bytes = vec![0u8; if ip6 { 40 } else { 20 }];
        // A hop limit that forwarding lowers and does not use up.
        bytes[if ip6 { 7 } else { 8 }] = 64;
        if ip6 {
            bytes[6] = if class.later { 44 } else { l4proto };
            bytes[8..12].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
            bytes[24..28].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
            (bytes[23], bytes[39]) = (1, 2);
        } else {
            bytes[0] = 5;
            // An offset of 8 bytes, the last fragment.
            bytes[7] = u8::from(class.later);
            bytes[12..20].copy_from_slice(&[192, 0, 2, 1, 198, 51, 100, 1]);
        }
        self.put(Space::Network, &mut bytes);
        if ip6 {
            bytes[0] = 0x60 | bytes[0] & 0x0f;
            let extensions = extensions(bytes[6], l4proto, class.later);
            let length = (payload + extensions.len()) as u16;
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
            bytes.extend(extensions);
            return bytes;
        }
        bytes[0] = 0x40 | bytes[0] & 0x0f;
        bytes[9] = l4proto;
        // Options that do nothing.
        bytes.resize(usize::from(bytes[0] & 0x0f) * 4, 1);
        let length = (bytes.len() + payload) as u16;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes[10..12].fill(0);
        let sum = internet_checksum(&bytes, 0);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// A transport header as it usually is, with the values in it, and these flags for TCP.
    fn transport(&self, l4proto: u8, flags: u8) -> Vec<u8> {
        let class = self.layout.class;
        let read = self.layout.runs().filter(|run| run.space == Space::Transport).map(Run::end).max().unwrap_or(0);
        let usual = match l4proto {
            6 => 20,
            33 | 132 => 12,
            _ => 8,
        };
        let mut bytes = vec![0u8; usual.max(usize::from(read).div_ceil(8))];
        match l4proto {
            _ if class.later => {}
            1 => bytes[0] = 8,
            58 => bytes[0] = 128,
            6 | 17 | 132 | 136 => bytes[..4].copy_from_slice(&[0x9c, 0x40, 0, 9]),
            _ => {}
        }
        match l4proto {
            _ if class.later => {}
            6 => bytes[12..16].copy_from_slice(&[5 << 4, flags, 0xfa, 0xf0]),
            17 => bytes[5] = bytes.len() as u8,
            _ => {}
        }
        self.put(Space::Transport, &mut bytes);
        if l4proto != 6 || class.later {
            return bytes;
        }
        for kind in 0..=u8::MAX {
            if self.number(Run { space: Space::HasOption(kind), first: 0, count: 1 }) != Some(1) {
                continue;
            }
            let ends = self.layout.runs().filter(|run| run.space == Space::Option(kind)).map(Run::end);
            let length = usize::from(ends.max().unwrap_or(16)).div_ceil(8).max(2);
            let mut option = vec![0u8; length];
            self.put(Space::Option(kind), &mut option);
            option[0] = kind;
            option[1] = length as u8;
            bytes.extend(option);
        }
        while bytes.len() % 4 != 0 {
            bytes.push(1);
        }
        bytes[12] = ((bytes.len() / 4) as u8) << 4 | bytes[12] & 0x0f;
        bytes
    }
}
