//! Policy routing, routes and addresses, as `ip -j` prints them (iproute2 6.1, ip/iprule.c, ip/iproute.c,
//! ip/ipaddress.c), with places.
//!
//! A selector of a rule that is not modelled stays with the rule ([`RoutingRule::unmodelled`]), so that a lookup can
//! tell that it does not know whether the rule matches.

use std::net::IpAddr;

use casebook_core::{EvidenceId, Span, Unmodelled};
use casebook_formats::json::{Document, Kind, Node};
use casebook_formats::nft::ast::SyntaxError;

/// Entries of one document and what could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was read, in order.
    pub items: Vec<T>,
    /// Broken places of the document.
    pub errors: Vec<SyntaxError>,
    /// Entries and members that are not understood.
    pub unmodelled: Vec<Unmodelled>,
}

/// An address with a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address.
    pub addr: IpAddr,
    /// Length in bits.
    pub len: u8,
}

impl Prefix {
    /// True when `addr` is inside.
    pub fn contains(&self, addr: IpAddr) -> bool {
        fn same(left: &[u8], right: &[u8], bits: u8) -> bool {
            let (whole, rest) = (usize::from(bits / 8), bits % 8);
            left[..whole] == right[..whole] && (rest == 0 || (left[whole] ^ right[whole]) >> (8 - rest) == 0)
        }
        match (self.addr, addr) {
            (IpAddr::V4(own), IpAddr::V4(addr)) => same(&own.octets(), &addr.octets(), self.len),
            (IpAddr::V6(own), IpAddr::V6(addr)) => same(&own.octets(), &addr.octets(), self.len),
            _ => false,
        }
    }
}

/// A rule of `ip -j rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRule {
    /// Lower is looked at first.
    pub priority: u32,
    /// `fwmark`, and the bits of the mark that are compared.
    pub fwmark: Option<(u32, u32)>,
    /// Table that is looked up; `None` when the rule has an action instead.
    pub table: Option<String>,
    /// `unreachable`, `blackhole`, `prohibit` …, or `goto`.
    pub action: Option<String>,
    /// Source; `None` for all.
    pub src: Option<Prefix>,
    /// Destination; `None` for all.
    pub dst: Option<Prefix>,
    /// Incoming interface.
    pub iif: Option<String>,
    /// Outgoing interface (of a socket bound to it).
    pub oif: Option<String>,
    /// The selector is turned around.
    pub not: bool,
    /// Members that decide about the rule and are not modelled (`ipproto`, `uid_start`, `suppress_prefixlen` …).
    pub unmodelled: Vec<Unmodelled>,
    /// The rule.
    pub span: Span,
    /// Index in the array.
    pub record: u32,
}

/// Where a route sends.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NextHop {
    /// Router; `None` when the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// Interface.
    pub dev: Option<String>,
    /// Share among several.
    pub weight: Option<u32>,
}

/// A route of `ip -j route show table all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `local`, `broadcast`, `blackhole` …; `unicast` is not printed.
    pub kind: Option<String>,
    /// Destination; `None` for `default`, of the family of the gateway.
    pub dst: Option<Prefix>,
    /// Where it sends: one, several, or none for a route that drops.
    pub hops: Vec<NextHop>,
    /// Table; `main` is not printed.
    pub table: String,
    /// Preferred source address.
    pub prefsrc: Option<IpAddr>,
    /// Metric; the lowest wins.
    pub metric: Option<u32>,
    /// MTU of the route.
    pub mtu: Option<u32>,
    /// `linkdown`, `dead`, `onlink` …
    pub flags: Vec<String>,
    /// Members that change what the route does and are not modelled (`encap`, `from`, `tos` …).
    pub unmodelled: Vec<Unmodelled>,
    /// The route.
    pub span: Span,
    /// Index in the array.
    pub record: u32,
}

/// An address of `ip -j addr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addr {
    /// Interface.
    pub ifname: String,
    /// Its index.
    pub ifindex: Option<u32>,
    /// The address.
    pub addr: IpAddr,
    /// The other end of a point-to-point address, which the prefix length belongs to.
    pub peer: Option<IpAddr>,
    /// Prefix length.
    pub prefixlen: u8,
    /// The address's entry.
    pub span: Span,
    /// Index of the interface in the array.
    pub record: u32,
}

/// Reads `ip -j rule`.
pub fn rules(evidence: EvidenceId, bytes: &[u8]) -> Listing<RoutingRule> {
    let document = Document::parse(bytes);
    Reader::new(evidence, &document).each(&document, |reader, node, record, out| {
        let priority = reader.number(node, "priority")?;
        let table = text(node, "table");
        let known = [
            "priority",
            "src",
            "srclen",
            "dst",
            "dstlen",
            "fwmark",
            "fwmask",
            "table",
            "iif",
            "oif",
            "action",
            "goto",
            "not",
            "protocol",
            "iif_detached",
            "oif_detached",
            "unresolved",
        ];
        let action = text(node, "action").or_else(|| node.get("goto").map(|_| "goto".to_owned()));
        out.push(RoutingRule {
            priority,
            fwmark: reader.mark(node)?,
            table,
            action,
            src: reader.network(node, "src", "srclen")?,
            dst: reader.network(node, "dst", "dstlen")?,
            iif: text(node, "iif"),
            oif: text(node, "oif"),
            not: node.get("not").is_some(),
            unmodelled: reader.others(node, &known),
            span: reader.span(node),
            record,
        });
        Some(())
    })
}

/// Reads `ip -j route show table all`.
pub fn routes(evidence: EvidenceId, bytes: &[u8]) -> Listing<Route> {
    let document = Document::parse(bytes);
    Reader::new(evidence, &document).each(&document, |reader, node, record, out| {
        // A route with `encap` has a second `dst`, that of the tunnel; the first is the route's.
        let dst = node.members().find(|member| member.key.is("dst"))?.value.as_str()?;
        let known = [
            "type", "dst", "gateway", "via", "dev", "table", "protocol", "scope", "prefsrc", "metric", "metrics",
            "flags", "nexthops", "pref", "expires", "error", "age", "cache", "nhid", "weight",
        ];
        let hops = match node.get("nexthops") {
            Some(hops) => hops.elements().map(|hop| reader.hop(hop)).collect::<Option<Vec<_>>>()?,
            None if node.get("dev").is_some() || node.get("gateway").is_some() => vec![reader.hop(node)?],
            None => Vec::new(),
        };
        let mtu = node.get("metrics").and_then(|list| list.elements().find_map(|item| item.get("mtu")));
        out.push(Route {
            kind: text(node, "type"),
            dst: if dst == "default" { None } else { Some(prefix(&dst, None)?) },
            hops,
            table: text(node, "table").unwrap_or("main".to_owned()),
            prefsrc: address(node, "prefsrc"),
            metric: node.get("metric").and_then(u32_of),
            mtu: mtu.and_then(u32_of),
            flags: node
                .get("flags")
                .map(|flags| flags.elements().filter_map(Node::as_str).map(|flag| flag.to_string()).collect())
                .unwrap_or_default(),
            unmodelled: reader.others(node, &known),
            span: reader.span(node),
            record,
        });
        Some(())
    })
}

/// Reads `ip -j addr`.
pub fn addresses(evidence: EvidenceId, bytes: &[u8]) -> Listing<Addr> {
    let document = Document::parse(bytes);
    Reader::new(evidence, &document).each(&document, |reader, node, record, out| {
        // `ip -j addr show dev X` prints empty objects for the interfaces it leaves out.
        if node.members().next().is_none() && node.kind() == Kind::Object {
            return Some(());
        }
        let ifname = text(node, "ifname")?;
        let ifindex = node.get("ifindex").and_then(u32_of);
        for info in node.get("addr_info").into_iter().flat_map(Node::elements) {
            if info.members().next().is_none() && info.kind() == Kind::Object {
                continue;
            }
            let prefixlen = info.get("prefixlen").and_then(u32_of).and_then(|len| u8::try_from(len).ok());
            let (Some(addr), Some(prefixlen)) = (address(info, "local"), prefixlen) else {
                reader.unmodelled.push(Unmodelled::new(reader.span(info), "an address that is not understood"));
                continue;
            };
            let (peer, span) = (address(info, "address"), reader.span(info));
            out.push(Addr { ifname: ifname.clone(), ifindex, addr, peer, prefixlen, span, record });
        }
        Some(())
    })
}

struct Reader {
    evidence: EvidenceId,
    errors: Vec<SyntaxError>,
    unmodelled: Vec<Unmodelled>,
}

impl Reader {
    fn new(evidence: EvidenceId, document: &Document<'_>) -> Self {
        let len = document.bytes().len();
        let errors = document.errors().iter().map(|error| {
            let span = Span::new(evidence, error.at, (error.at + 1).min(len));
            SyntaxError { message: error.message.to_string(), span, skipped: span }
        });
        Self { evidence, errors: errors.collect(), unmodelled: Vec::new() }
    }

    /// Reads every entry of the outer array; one that `read` gives `None` for is unmodelled.
    fn each<'d, 'a, T>(
        mut self,
        document: &'d Document<'a>,
        mut read: impl FnMut(&mut Self, Node<'d, 'a>, u32, &mut Vec<T>) -> Option<()>,
    ) -> Listing<T> {
        let mut items = Vec::new();
        if let Some(root) = document.root() {
            if root.kind() != Kind::Array {
                self.unmodelled.push(Unmodelled::new(self.span(root), "expected a list"));
            }
            for (record, node) in root.elements().enumerate() {
                if read(&mut self, node, record as u32, &mut items).is_none() {
                    self.unmodelled.push(Unmodelled::new(self.span(node), "an entry that is not understood"));
                }
            }
        }
        Listing { items, errors: self.errors, unmodelled: self.unmodelled }
    }

    fn span(&self, node: Node<'_, '_>) -> Span {
        let (start, end) = node.span();
        Span::new(self.evidence, start, end)
    }

    fn number(&self, node: Node<'_, '_>, key: &str) -> Option<u32> {
        u32_of(node.get(key)?)
    }

    /// `fwmark` with `fwmask`, hexadecimal strings; without a mask all bits count. `None` when not understood.
    fn mark(&self, node: Node<'_, '_>) -> Option<Option<(u32, u32)>> {
        let Some(mark) = node.get("fwmark") else { return Some(None) };
        let mask = match node.get("fwmask") {
            Some(mask) => u32_of(mask)?,
            None => u32::MAX,
        };
        Some(Some((u32_of(mark)?, mask)))
    }

    /// An address and its length in two members; `all` and an absent member are `Some(None)`.
    fn network(&self, node: Node<'_, '_>, addr: &str, len: &str) -> Option<Option<Prefix>> {
        let Some(text) = text(node, addr).filter(|text| text != "all") else { return Some(None) };
        let len = match node.get(len) {
            Some(len) => Some(u8::try_from(u32_of(len)?).ok()?),
            None => None,
        };
        prefix(&text, len).map(Some)
    }

    fn hop(&self, node: Node<'_, '_>) -> Option<NextHop> {
        let gateway = match (node.get("gateway"), node.get("via")) {
            (Some(_), _) => Some(address(node, "gateway")?),
            // A gateway of the other family: `{"via": {"family": "inet6", "host": "fe80::1"}}`.
            (None, Some(via)) => Some(address(via, "host")?),
            _ => None,
        };
        Some(NextHop { gateway, dev: text(node, "dev"), weight: node.get("weight").and_then(u32_of) })
    }

    fn others(&self, node: Node<'_, '_>, known: &[&str]) -> Vec<Unmodelled> {
        let unknown = node.members().filter(|member| !known.iter().any(|key| member.key.is(key)));
        let report = |member: casebook_formats::json::Member<'_, '_>| {
            let (start, end) = member.span();
            let key = member.key.as_str().unwrap_or_default();
            Unmodelled::new(Span::new(self.evidence, start, end), format!("\"{key}\" is not modelled"))
        };
        unknown.map(report).collect()
    }
}

/// A string, or the text of a number: tables are printed as either.
fn text(node: Node<'_, '_>, key: &str) -> Option<String> {
    let value = node.get(key)?;
    value.as_str().map(|text| text.to_string()).or_else(|| value.as_number().map(str::to_owned))
}

fn address(node: Node<'_, '_>, key: &str) -> Option<IpAddr> {
    node.get(key)?.as_str()?.parse().ok()
}

/// A number, or a string of one, decimal or hexadecimal.
fn u32_of(node: Node<'_, '_>) -> Option<u32> {
    if let Some(number) = node.as_u64() {
        return u32::try_from(number).ok();
    }
    let text = node.as_str()?;
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `10.0.0.0/8`, or an address alone, of all bits.
fn prefix(text: &str, len: Option<u8>) -> Option<Prefix> {
    let (addr, len) = match text.split_once('/') {
        Some((addr, len)) => (addr, Some(len.parse().ok()?)),
        None => (text, len),
    };
    let addr: IpAddr = addr.parse().ok()?;
    let bits = if addr.is_ipv4() { 32 } else { 128 };
    let len = len.unwrap_or(bits);
    (len <= bits).then_some(Prefix { addr, len })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by iproute2 6.1.0 in a namespace of its own.
    const RULES: &[u8] = include_bytes!("../../tests/data/ip-rule.json");
    const ROUTES: &[u8] = include_bytes!("../../tests/data/ip-route.json");
    const ADDRS: &[u8] = include_bytes!("../../tests/data/ip-addr.json");
    const ID: EvidenceId = EvidenceId(0);

    #[test]
    fn rules_keep_their_order_marks_and_networks() {
        let listing = rules(ID, RULES);
        assert_eq!((&listing.errors, &listing.unmodelled), (&vec![], &vec![]));
        let rule = |priority| listing.items.iter().find(|rule| rule.priority == priority).unwrap();
        assert_eq!((rule(100).fwmark, rule(100).table.as_deref()), (Some((0x51, 0xff)), Some("81")));
        assert_eq!((rule(300).fwmark, rule(300).action.as_deref()), (Some((7, u32::MAX)), Some("unreachable")));
        assert_eq!(rule(200).src, Some(Prefix { addr: "192.0.2.0".parse().unwrap(), len: 24 }));
        assert_eq!((rule(200).iif.as_deref(), rule(99).oif.as_deref()), (Some("eth0"), Some("eth1")));
        assert_eq!(rule(99).dst, Some(Prefix { addr: "10.1.2.3".parse().unwrap(), len: 32 }));
        assert_eq!((rule(400).action.as_deref(), rule(0).src), (Some("goto"), None));
        assert!(rule(100).unmodelled.is_empty());
        assert_eq!(&RULES[rule(0).span.range()], br#"{"priority":0,"src":"all","table":"local"}"#);
    }

    #[test]
    fn selectors_that_are_not_modelled_stay_with_their_rule() {
        let listing = rules(ID, RULES);
        let rule = |priority| listing.items.iter().find(|rule| rule.priority == priority).unwrap();
        let why = |rule: &RoutingRule| rule.unmodelled.iter().map(|part| part.why.clone()).collect::<Vec<_>>();
        assert!(rule(98).not);
        assert_eq!(why(rule(98)), ["\"ipproto\" is not modelled", "\"dport\" is not modelled"]);
        assert_eq!(why(rule(96)), ["\"tos\" is not modelled", "\"suppress_prefixlen\" is not modelled"]);
    }

    #[test]
    fn routes_have_tables_gateways_and_mtu() {
        let listing = routes(ID, ROUTES);
        assert_eq!((&listing.errors, &listing.unmodelled), (&vec![], &vec![]));
        let default = listing.items.iter().find(|route| route.dst.is_none()).unwrap();
        assert_eq!((default.mtu, default.metric, default.table.as_ref()), (Some(1400), Some(100), "main"));
        assert_eq!(default.hops[0].gateway, Some("192.0.2.1".parse().unwrap()));
        let other = listing.items.iter().find(|route| route.table == "81").unwrap();
        assert_eq!(other.dst, Some(Prefix { addr: "10.0.0.0".parse().unwrap(), len: 8 }));
        let shared = listing.items.iter().find(|route| route.hops.len() == 2).unwrap();
        assert_eq!((shared.hops[1].dev.as_deref(), shared.hops[1].weight), (Some("eth1"), Some(2)));
        let drop = listing.items.iter().find(|route| route.kind.as_deref() == Some("blackhole")).unwrap();
        assert!(drop.hops.is_empty());
    }

    #[test]
    fn a_route_into_a_tunnel_keeps_its_own_destination() {
        let listing = routes(ID, ROUTES);
        let tunnel = listing.items.iter().find(|route| !route.unmodelled.is_empty()).unwrap();
        assert_eq!(tunnel.dst, Some(Prefix { addr: "10.9.0.0".parse().unwrap(), len: 16 }));
    }

    #[test]
    fn addresses_have_interface_and_peer() {
        let listing = addresses(ID, ADDRS);
        assert_eq!((&listing.errors, &listing.unmodelled), (&vec![], &vec![]));
        let found = listing.items.iter().map(|addr| format!("{} {}/{}", addr.ifname, addr.addr, addr.prefixlen));
        let expected =
            ["lo 127.0.0.1/8", "lo ::1/128", "eth0 192.0.2.10/24", "eth0 2001:db8::1/64", "eth1 198.51.100.2/32"];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(listing.items[4].peer, Some("198.51.100.1".parse().unwrap()));
        assert_eq!((listing.items[4].ifindex, listing.items[4].record), (Some(3), 2));
    }

    #[test]
    fn prefixes_hold_addresses_of_their_family_only() {
        let net = prefix("10.0.0.0/9", None).unwrap();
        assert!(net.contains("10.127.0.1".parse().unwrap()));
        assert!(!net.contains("10.128.0.1".parse().unwrap()));
        assert!(!net.contains("::1".parse().unwrap()));
        assert!(prefix("::/0", None).unwrap().contains("fe80::1".parse().unwrap()));
        assert_eq!(prefix("10.0.0.0/33", None), None);
    }

    #[test]
    fn broken_documents_give_what_they_have() {
        let listing = rules(ID, &RULES[..200]);
        assert!(!listing.errors.is_empty() && listing.items.len() >= 2);
        let strange = rules(ID, br#"[{"priority": "x"}, 5, {"priority": 1, "src": "nowhere"}]"#);
        assert_eq!((strange.items.len(), strange.unmodelled.len()), (0, 3));
        assert_eq!(routes(ID, b"{}").unmodelled.len(), 1);
        for cut in 0..ADDRS.len() {
            addresses(ID, &ADDRS[..cut]);
            routes(ID, &ROUTES[..cut.min(ROUTES.len())]);
        }
    }
}
