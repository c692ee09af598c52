//! A packet as one readable line of the packet language, which reads back as the same packet.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::ir::{Base, Direction};
use super::super::names;
use super::super::packet::{ETH_ARP, ETH_IP, ETH_IP6, Packet, be16};
use super::super::packet_text;
use super::super::types::Type;
use super::set::{read, show};
use super::{
    Extension, FIELDS, Fragment, LATER, MORE_FRAGMENTS, Network, SCTP_INIT, Spec, default_extension, default_pkttype,
    field, has_ports, is_arp, template, transport_name,
};

/// One line like `tcp 10.9.0.5:40000 > 172.16.0.1:9100 syn, iif pin0, ct new, path input`. Bytes that fields do not
/// give are written as `raw HEX`.
pub fn describe(packet: &Packet) -> String {
    let context = context(packet);
    if let Some(spec) = dissect(packet) {
        let text = format!("{}{context}", render(&spec));
        if packet_text::parse(&text).is_ok_and(|read| read == *packet) {
            return text;
        }
    }
    let mut text = String::with_capacity(packet.bytes.len() * 2 + 64);
    text.push_str("raw ");
    for byte in &packet.bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    if packet.link {
        text.push_str(" link ether");
    }
    text + &context
}

/// Everything but the bytes.
fn context(packet: &Packet) -> String {
    let mut text = String::new();
    for (device, word) in [(&packet.iif, "iif"), (&packet.oif, "oif")] {
        let Some(device) = device else { continue };
        text += &format!(", {word} {}", quoted(&device.name));
        let usual = super::Device::named(&device.name);
        let mut extra = |name: &str, value: Option<u32>, usual: Option<u32>| {
            if value != usual {
                let value = value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
                text += &format!(" {word}{name} {value}");
            }
        };
        extra("index", device.index, usual.index);
        extra("type", device.kind.map(u32::from), usual.kind.map(u32::from));
        extra("group", device.group, usual.group);
    }
    let ct = &packet.ct;
    let mut words = Vec::new();
    words.extend(ct.state.map(|state| state.as_str().to_owned()));
    words.extend(ct.direction.map(|direction| match direction {
        Direction::Original => "direction original".to_owned(),
        Direction::Reply => "direction reply".to_owned(),
    }));
    words.extend(ct.status.map(|status| format!("status {}", status_words(status))));
    for (name, value) in [("mark", u128::from(ct.mark)), ("zone", u128::from(ct.zone)), ("label", ct.label)] {
        words.extend((value != 0).then(|| format!("{name} {value:#x}")));
    }
    for word in words {
        text += &format!(", ct {word}");
    }
    if packet.mark != 0 {
        text += &format!(", mark {:#x}", packet.mark);
    }
    if packet.priority != 0 {
        text += &format!(", priority {:#x}", packet.priority);
    }
    if packet.pkttype != default_pkttype(&packet.bytes, packet.link, packet.path) {
        text += &format!(", pkttype {}", show(Type::PktType, packet.pkttype.into()));
    }
    for (name, value) in [("skuid", packet.skuid), ("skgid", packet.skgid)] {
        text += &value.map_or_else(String::new, |value| format!(", {name} {value}"));
    }
    text + ", path " + packet.path.as_str()
}

fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    if !name.is_empty() && name.bytes().all(plain) { name.to_owned() } else { format!("\"{name}\"") }
}

fn status_words(status: u32) -> String {
    let known = names::CT_STATUS.iter().filter(|(_, bit)| status & bit != 0);
    let (mut words, mut rest) = (Vec::new(), status);
    for (name, bit) in known {
        words.push((*name).to_owned());
        rest &= !bit;
    }
    if rest != 0 || words.is_empty() {
        words.push(format!("{rest:#x}"));
    }
    words.join(",")
}

/// Where the headers of a dissected packet are.
struct Places {
    network: usize,
    transport: usize,
}

/// The fields of a packet; `None` when its headers are cut or of another protocol.
fn dissect(packet: &Packet) -> Option<Spec> {
    let bytes = packet.bytes.as_slice();
    let mut spec =
        Spec { link: (!packet.link && Spec::default().has_link(packet.path)).then_some(false), ..Spec::default() };
    let mut protocol = match bytes.first()? >> 4 {
        4 => ETH_IP,
        6 => ETH_IP6,
        _ if is_arp(bytes, false) => ETH_ARP,
        _ => 0,
    };
    let mut headers = Vec::new();
    let mut network = 0;
    if packet.link {
        protocol = be16(bytes, 12)?;
        network = 14;
        headers.push("ether");
        let tagged = matches!(protocol, 0x8100 | 0x88a8);
        if tagged {
            protocol = be16(bytes, 16)?;
            network = 18;
            headers.push("vlan");
        }
        let always = [("ether", "saddr"), ("ether", "daddr"), ("vlan", "id")];
        always
            .into_iter()
            .take(if tagged { 3 } else { 2 })
            .try_for_each(|(header, name)| take(&mut spec, bytes, 0, header, name))?;
    }
    let after = match protocol {
        ETH_IP => dissect_ipv4(&mut spec, bytes, network)?,
        ETH_IP6 => dissect_ipv6(&mut spec, bytes, network)?,
        ETH_ARP => {
            spec.network = Some(Network::Arp);
            network + 28
        }
        _ => return None,
    };
    let header = spec.network?.as_str();
    headers.push(header);
    let addresses = if header == "arp" { ["saddr ip", "daddr ip"] } else { ["saddr", "daddr"] };
    addresses.into_iter().try_for_each(|name| take(&mut spec, bytes, network, header, name))?;
    let transport = spec.transport.filter(|_| !spec.is_later());
    let mut end = after;
    let name = transport.map(transport_name).unwrap_or_default();
    if let Some(number) = transport {
        end += template(number).len();
        headers.push(&name);
        if has_ports(number) {
            ["sport", "dport"].into_iter().try_for_each(|port| take(&mut spec, bytes, after, &name, port))?;
        }
        if number == 6 {
            let length = usize::from(bytes.get(after + 12)? >> 4) * 4;
            if let Some(options) = bytes.get(end..(after + length).max(end)) {
                spec.tcp_options = options.to_vec();
                end += options.len();
            }
        }
    }
    let payload = bytes.get(end..)?;
    let usual: &[u8] = match transport {
        Some(132) => &SCTP_INIT,
        _ if spec.is_later() => &[0; 8],
        _ => &[],
    };
    spec.payload = (payload != usual || spec.fragment == Some(Fragment::First)).then(|| payload.to_vec());
    let places = Places { network, transport: after };
    // Checksums depend on the other fields, so they are compared when those are right.
    for checksums in [false, true] {
        let (built, _) = spec.build(packet.path).ok()?;
        for header in &headers {
            let rows = FIELDS.iter().find(|(name, _)| name == header).map_or(&[][..], |(_, fields)| fields);
            for name in rows.iter().filter(|name| (**name == "checksum") == checksums) {
                let Some((row, ty)) = field(header, name) else { continue };
                let base = base_of(row.base, &places);
                let value = read(bytes, base, row)?;
                let named = spec.settings.iter().any(|(known, ..)| known.name == row.name);
                if !named && read(&built, base, row) != Some(value) {
                    spec.settings.push((row, ty, value));
                }
            }
        }
    }
    Some(spec)
}

fn base_of(base: Base, places: &Places) -> usize {
    match base {
        Base::Link => 0,
        Base::Network => places.network,
        Base::Transport | Base::Inner => places.transport,
    }
}

/// Takes the value of a field over.
fn take(spec: &mut Spec, bytes: &[u8], at: usize, header: &str, name: &str) -> Option<()> {
    let (row, ty) = field(header, name)?;
    spec.settings.push((row, ty, read(bytes, at, row)?));
    Some(())
}

fn dissect_ipv4(spec: &mut Spec, bytes: &[u8], at: usize) -> Option<usize> {
    spec.network = Some(Network::Ip);
    let end = at + usize::from(bytes.get(at)? & 0x0f) * 4;
    spec.ip_options = bytes.get(at + 20..end)?.to_vec();
    spec.transport = Some(*bytes.get(at + 9)?);
    match be16(bytes, at + 6)? {
        0 => {}
        MORE_FRAGMENTS => spec.fragment = Some(Fragment::First),
        LATER => spec.fragment = Some(Fragment::Later),
        _ => take(spec, bytes, at, "ip", "frag-off")?,
    }
    Some(end)
}

fn dissect_ipv6(spec: &mut Spec, bytes: &[u8], at: usize) -> Option<usize> {
    spec.network = Some(Network::Ip6);
    let mut next = *bytes.get(at + 6)?;
    let mut end = at + 40;
    while matches!(next, 0 | 43 | 44 | 60) && !spec.is_later() {
        let length = if next == 44 { 8 } else { (usize::from(*bytes.get(end + 1)?) + 1) * 8 };
        let body = bytes.get(end + 1..end + length)?.to_vec();
        spec.extensions.push(Extension { kind: next, body });
        next = *bytes.get(end)?;
        end += length;
    }
    spec.transport = Some(next);
    Some(end)
}

impl Spec {
    fn is_later(&self) -> bool {
        self.fragment == Some(Fragment::Later) || self.network.is_some_and(|network| self.offset(network) != 0)
    }
}

/// The words of a spec's headers.
fn render(spec: &Spec) -> String {
    let value = |name: &str| spec.value(name);
    let network = spec.network.unwrap_or(Network::Ip);
    let transport = spec.transport.map(transport_name).unwrap_or_default();
    let named = !transport.is_empty() && !transport.bytes().all(|byte| byte.is_ascii_digit());
    let head = if named { transport.as_str() } else { network.as_str() };
    let mut said = Vec::new();
    let mut endpoint = |side: char| {
        let (name, port) = match network {
            Network::Arp => (format!("arp {side}addr ip"), String::new()),
            _ => (format!("{} {side}addr", network.as_str()), format!("{transport} {side}port")),
        };
        let address = value(&name).unwrap_or(0);
        let text = match (network, value(&port)) {
            (Network::Ip6, Some(port)) => format!("[{}]:{port}", Ipv6Addr::from(address)),
            (Network::Ip6, None) => Ipv6Addr::from(address).to_string(),
            (_, Some(port)) => format!("{}:{port}", Ipv4Addr::from(address as u32)),
            (_, None) => Ipv4Addr::from(address as u32).to_string(),
        };
        said.extend([name, port]);
        text
    };
    let mut text = format!("{head} {} > {}", endpoint('s'), endpoint('d'));
    match (spec.transport, spec.is_later()) {
        (Some(number), _) if !named => text += &format!(" proto {number}"),
        (Some(6), false) => {
            let flags = value("tcp flags").unwrap_or(2);
            let bare = flags & 0x3f != 0;
            text += &format!(" {}{}", if bare { "" } else { "flags " }, show(Type::TcpFlag, flags));
            said.push("tcp flags".to_owned());
        }
        (Some(1 | 58), false) => {
            let ty = if head == "icmp" { Type::IcmpType } else { Type::Icmpv6Type };
            let name = format!("{head} type");
            let kind = value(&name).unwrap_or(if head == "icmp" { 8 } else { 128 });
            let named = ty.names().and_then(|table| names::name_of(table, kind));
            text += &named.map_or_else(|| format!(" type {kind}"), |name| format!(" {name}"));
            said.push(name);
        }
        (None, _) => {
            // A number stands only after its field, so it is left to the loop below.
            if let Some(operation) = names::name_of(names::ARP_OP, value("arp operation").unwrap_or(1)) {
                text += &format!(" {operation}");
                said.push("arp operation".to_owned());
            }
        }
        _ => {}
    }
    for (row, ty, value) in spec.settings.iter().filter(|(row, ..)| !said.iter().any(|name| name == row.name)) {
        let hex = row.name.ends_with("checksum") || row.name.ends_with("frag-off");
        let value = if hex { format!("{value:#x}") } else { show(*ty, *value) };
        text += &format!(" {} {value}", row.name);
    }
    match spec.fragment {
        Some(Fragment::First) => text += " fragment first",
        Some(Fragment::Later) => text += " fragment later",
        None => {}
    }
    if !spec.ip_options.is_empty() {
        text += &format!(" ip option 0x{}", hex(&spec.ip_options));
    }
    for (index, extension) in spec.extensions.iter().enumerate() {
        text += &render_extension(extension, &spec.extensions[..index]);
    }
    match spec.tcp_options.as_slice() {
        [] => {}
        [2, 4, high, low] => text += &format!(" mss {}", u16::from_be_bytes([*high, *low])),
        options => text += &format!(" tcp option 0x{}", hex(options)),
    }
    match &spec.payload {
        Some(payload) if payload.iter().all(|byte| *byte == 0) => text += &format!(" payload {}", payload.len()),
        Some(payload) => text += &format!(" payload 0x{}", hex(payload)),
        None => {}
    }
    if spec.link == Some(false) {
        text += " link none";
    }
    text
}

fn render_extension(extension: &Extension, before: &[Extension]) -> String {
    let name = match extension.kind {
        0 => "hbh",
        43 => "rt",
        44 => "frag",
        _ => "dst",
    };
    let first = before.iter().all(|other| other.kind != extension.kind);
    if first && default_extension(extension.kind).as_ref() == Some(extension) {
        return format!(" {name}");
    }
    if extension.kind != 44 || !first {
        return format!(" {name} 0x{}", hex(&extension.body));
    }
    let mut text = String::new();
    let fields = FIELDS.iter().find(|(name, _)| *name == "frag").map_or(&[][..], |(_, fields)| fields);
    for field in fields {
        let Some((offset, bits, _)) = super::fields::exthdr_field("frag", field) else { continue };
        // The body lacks the header's first byte.
        let value = super::get_bits(&extension.body, usize::from(offset) - 8, bits).unwrap_or(0);
        if value != 0 {
            text += &format!(" frag {field} {value}");
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
