//! What connection tracking makes of a packet it has not seen before, and when it runs at all.

use super::ir::{Field, Op, OpKind, Ruleset, Target};
use super::packet::{CtState, ETH_IP, ETH_IP6, Found, Headers, be16, find_ipv6_header};
use super::release::Host;

/// Priority of connection tracking at prerouting and output (`NF_IP_PRI_CONNTRACK`).
pub const CONNTRACK: i32 = -200;
/// Priority at which fragments are put together (`NF_IP_PRI_CONNTRACK_DEFRAG`).
pub const DEFRAG: i32 = -400;

/// True when the ruleset switches connection tracking on for IPv4 or IPv6: some expression of a table of that
/// family needs it (`nf_ct_netns_get` in nft_ct.c, nft_nat.c, nft_connlimit.c and others).
pub fn is_active(ruleset: &Ruleset, protocol: u16) -> bool {
    registered_by(ruleset, protocol).is_some()
}

/// The first operation that switches connection tracking on for IPv4 (`ETH_IP`) or IPv6 (`ETH_IP6`). Without one, the
/// kernel tracks only what something else than nftables asks for (net/netfilter/nf_conntrack_proto.c
/// `nf_ct_netns_do_get`).
pub fn registered_by(ruleset: &Ruleset, protocol: u16) -> Option<&Op> {
    use super::ir::Family;
    let family = match protocol {
        ETH_IP => Family::Ip,
        ETH_IP6 => Family::Ip6,
        _ => return None,
    };
    let tables = ruleset.tables.iter().filter(|table| table.family == family || table.family == Family::Inet);
    tables
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules)
        .flat_map(|rule| &rule.ops)
        .find(|op| needs(&op.kind))
}

/// True for a packet of TCP that begins no connection, as one in its middle.
pub fn is_pickup(bytes: &[u8], headers: &Headers) -> bool {
    const SYN: u8 = 2;
    headers.l4proto == Some(6) && bytes.get(headers.transport + 13).is_some_and(|flags| flags & SYN == 0)
}

fn needs(op: &OpKind) -> bool {
    use super::ir::Condition;
    match op {
        OpKind::Match(expr, _) | OpKind::Vmap(expr, _) => reads_ct(expr),
        OpKind::SetUpdate { key, conditions, .. } => {
            reads_ct(key) || conditions.iter().any(|text| text.starts_with("ct count"))
        }
        OpKind::Assign(target, value) => matches!(target, Target::Ct(_)) || reads_ct(value),
        OpKind::Nat(_) | OpKind::Synproxy | OpKind::CtObject(_) | OpKind::Flow(_) => true,
        OpKind::Condition(Condition::Connections, _) => true,
        OpKind::Opaque(opaque) => opaque.tracks(),
        _ => false,
    }
}

fn reads_ct(expr: &super::ir::Expr) -> bool {
    use super::ir::Expr;
    match expr {
        Expr::Load(Field::Ct(..)) => true,
        Expr::Load(_) | Expr::Const(_) => false,
        Expr::Unknown { what, draw, .. } => {
            what.starts_with("ct ") || draw.as_ref().and_then(|draw| draw.key.as_ref()).is_some_and(reads_ct)
        }
        Expr::Bits { base, .. } | Expr::Shift { base, .. } => reads_ct(base),
        Expr::Map(key, _) => reads_ct(key),
        Expr::Concat(parts) => parts.iter().any(reads_ct),
    }
}

/// State of a packet no connection knows, and for which none is expected. `None` when the model does not know
/// the protocol's tracker.
pub fn first_packet(bytes: &[u8], headers: &Headers, host: Host) -> Option<CtState> {
    let l4proto = match headers.protocol {
        ETH_IP => headers.l4proto,
        // nf_conntrack_core.c `get_l4proto` goes past AH, unlike nft.
        _ => match find_ipv6_header(bytes, headers.network, None) {
            Found::At { protocol, .. } => Some(protocol),
            _ => None,
        },
    }?;
    let at = headers.transport;
    Some(match l4proto {
        6 => tcp(bytes, at),
        17 => udp(bytes, at),
        1 if headers.protocol == ETH_IP => match bytes.get(at) {
            // nf_conntrack_proto_icmp.c `valid_new`: echo, timestamp, info and address mask requests.
            Some(8 | 13 | 15 | 17) if bytes.len() >= at + 8 => CtState::New,
            _ => CtState::Invalid,
        },
        58 if headers.protocol == ETH_IP6 => match bytes.get(at) {
            _ if bytes.len() < at + 8 => CtState::Invalid,
            // nf_conntrack_proto_icmpv6.c `valid_new` and `noct_valid_new`.
            Some(128 | 139) => CtState::New,
            Some(130..=137 | 143) => CtState::Untracked,
            _ => CtState::Invalid,
        },
        // nf_conntrack_proto_icmp.c `nf_conntrack_icmp_packet` and its twin take their own family's packets only.
        1 | 58 => CtState::Invalid,
        136 => udplite(bytes, at),
        // SCTP's tracker looks at every chunk; only the plain beginning of an association is modelled.
        132 if is_sctp_init(bytes, at) => CtState::New,
        // Of DCCP's tracker nothing is modelled.
        33 if host.tracks_dccp() => return None,
        132 => return None,
        // The generic tracker takes anything.
        _ => CtState::New,
    })
}

/// `tcp_error` and the first row of `tcp_conntracks` (net/netfilter/nf_conntrack_proto_tcp.c), with
/// `nf_conntrack_tcp_loose` as the kernel sets it.
fn tcp(bytes: &[u8], at: usize) -> CtState {
    let (Some(offset), Some(flags)) = (bytes.get(at + 12), bytes.get(at + 13)) else { return CtState::Invalid };
    let header = usize::from(offset >> 4) * 4;
    if bytes.len() < at + 20 || header < 20 || bytes.len() < at + header {
        return CtState::Invalid;
    }
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    const URG: u8 = 32;
    // ECE, CWR and PSH do not count (`tcp_valid_flags`).
    let flags = flags & (FIN | SYN | RST | ACK | URG);
    let valid = [SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG];
    if !valid.contains(&flags) {
        return CtState::Invalid;
    }
    let is_syn = flags & SYN != 0 && flags & ACK == 0;
    let is_ack = flags & (SYN | FIN | RST) == 0 && flags & ACK != 0;
    if is_syn || is_ack { CtState::New } else { CtState::Invalid }
}

fn udp(bytes: &[u8], at: usize) -> CtState {
    let Some(length) = be16(bytes, at + 4) else { return CtState::Invalid };
    let length = usize::from(length);
    if bytes.len() < at + 8 || length < 8 || length > bytes.len() - at { CtState::Invalid } else { CtState::New }
}

/// `udplite_error`: the coverage must hold the header and end inside the packet, and the checksum is not optional.
fn udplite(bytes: &[u8], at: usize) -> CtState {
    let (Some(coverage), Some(checksum)) = (be16(bytes, at + 4), be16(bytes, at + 6)) else { return CtState::Invalid };
    let coverage = usize::from(coverage);
    let wrong = coverage != 0 && (coverage < 8 || coverage > bytes.len() - at);
    if wrong || checksum == 0 { CtState::Invalid } else { CtState::New }
}

/// One INIT chunk with verification tag 0 (net/netfilter/nf_conntrack_proto_sctp.c `sctp_new`).
fn is_sctp_init(bytes: &[u8], at: usize) -> bool {
    let tag_is_zero = bytes.get(at + 4..at + 8) == Some(&[0; 4]);
    let length = be16(bytes, at + 14).map(usize::from);
    tag_is_zero
        && bytes.get(at + 12) == Some(&1)
        && length.is_some_and(|length| length >= 20 && at + 12 + length == bytes.len())
}

/// Status bits of a connection in this state, when nobody says otherwise: set by `nf_conntrack_in`.
pub fn usual_status(state: CtState) -> u32 {
    const SEEN_REPLY: u32 = 2;
    const ASSURED: u32 = 4;
    const CONFIRMED: u32 = 8;
    match state {
        CtState::Established => SEEN_REPLY | ASSURED | CONFIRMED,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::packet::Packet;
    use crate::nft::packet_text::parse;

    fn state(text: &str) -> Option<CtState> {
        let packet: Packet = parse(text).unwrap();
        first_packet(&packet.bytes, &Headers::of(&packet, false), Host::default())
    }

    /// Linux 6.18, packets injected over TUN: `ct state` of an ICMP echo request in IPv6 and of ICMPv6 in IPv4.
    #[test]
    fn icmp_of_the_other_family_belongs_to_no_connection() {
        let echo = |head: &str| format!("raw {head}0800f7fd000000000000000000000000, path input");
        let four = "45000024000000004001000 00a000001c0a84d01".replace(' ', "");
        assert_eq!(state(&echo(&four)), Some(CtState::New));
        assert_eq!(state(&echo(&four.replace("4001", "403a"))), Some(CtState::Invalid));
        let six = "6000000000100140fd00000a000000000000000000000001fd00000c000000000000000000000001";
        assert_eq!(state(&echo(six)), Some(CtState::Invalid));
    }
}
