//! The packet language: one line of text to a packet.
//!
//! Words come in any order, in nft's own terms. Before reading, the words are scanned once for the protocols and
//! addresses they name, so that a bare `dport 22` or `ttl 1` is known to be a field of them wherever it stands.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use super::craft::{Context, FIELDS, Fault, FaultWord, Network, Spec, TRANSPORTS, decode_hex, nearest, transport_name};
use super::fields;
use super::ir::Direction;
use super::names;
use super::packet::{CT_STATES, CtState, Device, PATHS, Packet, Path};
use super::types::{Type, integer};

pub use super::craft::PacketError;

mod endpoint;
mod help;
#[cfg(test)]
mod tests;
mod words;

use endpoint::{Endpoint, endpoint};
pub use help::HELP;
use words::{Word, words};

/// Reads a packet.
pub fn parse(text: &str) -> Result<Packet, PacketError> {
    let words = words(text)?;
    let mut parser = Parser::new(text, &words);
    parser.read()?;
    let Parser { spec, mut context, raw, .. } = parser;
    if let Some((bytes, at)) = raw {
        let link = spec.link.unwrap_or(false);
        if spec != (Spec { link: spec.link, ..Spec::default() }) {
            let fault = Fault::new(FaultWord::Whole, "`raw` gives all bytes, so no header field can be set beside it");
            return Err(fault.at(at));
        }
        return Ok(context.packet(bytes, link));
    }
    let arp = spec.network == Some(Network::Arp);
    // `path input` of an ARP packet can only be the arp family's.
    match context.path(arp) {
        Path::Input if arp => context.path = Some(Path::ArpInput),
        Path::Output if arp => context.path = Some(Path::ArpOutput),
        _ => {}
    }
    let (bytes, link) = spec.build(context.path(arp)).map_err(|fault| fault.at(whole(text)))?;
    Ok(context.packet(bytes, link))
}

/// Reads what is said besides the bytes (devices, marks, connection, path) of a packet whose bytes are known, such
/// as one of a capture.
pub fn parse_about(text: &str, bytes: Vec<u8>, link: bool) -> Result<Packet, PacketError> {
    let words = words(text)?;
    let mut parser = Parser::new(text, &words);
    parser.read()?;
    if parser.raw.is_some() || parser.spec != Spec::default() {
        let message = "the packet's bytes are given, so only devices, marks, connection and path can be said";
        return Err(Fault::new(FaultWord::Whole, message).at(whole(text)));
    }
    Ok(parser.context.packet(bytes, link))
}

fn whole(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..text.trim_end().len().max(start)
}

/// Words with a meaning of their own, beside protocols, fields and names of values.
const KEYWORDS: &[&str] = &[
    "iif", "iifname", "iifindex", "iiftype", "iifgroup", "oif", "oifname", "oifindex", "oiftype", "oifgroup", "ct",
    "meta", "mark", "priority", "pkttype", "skuid", "skgid", "path", "at", "raw", "link", "payload", "fragment",
    "proto", "l4proto", "mss", "option",
];

/// Flags that stand alone; `ecn` is also a field, so it is a flag only after another.
const BARE_FLAGS: &[&str] = &["fin", "syn", "rst", "psh", "ack", "urg"];

struct Parser<'a> {
    words: &'a [Word<'a>],
    next: usize,
    end: usize,
    spec: Spec,
    context: Context,
    raw: Option<(Vec<u8>, Range<usize>)>,
    /// Protocol named last.
    current: Option<&'a str>,
    /// Protocols the words name anywhere.
    transport: Option<String>,
    network: Option<&'static str>,
    /// After `>`.
    arrow: bool,
    source: bool,
    destination: bool,
    flags: Option<u128>,
}

impl<'a> Parser<'a> {
    fn new(text: &str, words: &'a [Word<'a>]) -> Self {
        let mut transport = None;
        let mut network = None;
        let mut before = "";
        for word in words {
            // A device may have any name.
            let device = matches!(before, "iif" | "iifname" | "oif" | "oifname");
            before = word.text;
            if device || word.quoted {
                continue;
            }
            if transport.is_none() && TRANSPORTS.iter().any(|(name, _)| *name == word.text) {
                transport = Some(word.text.to_owned());
            }
            if network.is_none() {
                network = match word.text {
                    "arp" => Some("arp"),
                    "ip6" | "icmpv6" => Some("ip6"),
                    "ip" | "icmp" => Some("ip"),
                    other => endpoint(other).ok().flatten().map(|endpoint| match endpoint.address {
                        IpAddr::V4(_) => "ip",
                        IpAddr::V6(_) => "ip6",
                    }),
                };
            }
        }
        Self {
            words,
            next: 0,
            end: text.trim_end().len(),
            spec: Spec::default(),
            context: Context::default(),
            raw: None,
            current: None,
            transport,
            network,
            arrow: false,
            source: false,
            destination: false,
            flags: None,
        }
    }

    fn read(&mut self) -> Result<(), PacketError> {
        while let Some(word) = self.words.get(self.next) {
            self.next += 1;
            self.word(word)?;
        }
        let Some(flags) = self.flags else { return Ok(()) };
        let at = 0..self.end;
        self.spec.set("tcp", "flags", &flags.to_string()).map_err(|fault| fault.at(at))
    }

    fn word(&mut self, word: &'a Word<'a>) -> Result<(), PacketError> {
        match word.text {
            ">" => {
                self.arrow = true;
                Ok(())
            }
            // Separators that rules have and packets do not need.
            "and" | ";" => Ok(()),
            "iif" | "iifname" | "oif" | "oifname" => self.device(word),
            "iifindex" | "iiftype" | "iifgroup" | "oifindex" | "oiftype" | "oifgroup" => self.device_key(word),
            "ct" => self.ct(word),
            "meta" => self.meta(word),
            "mark" | "priority" | "pkttype" | "skuid" | "skgid" => self.key(word),
            "path" | "at" => self.path(word),
            "raw" => {
                let value = self.value(word)?;
                self.raw = Some((hex(value)?, value.at.clone()));
                Ok(())
            }
            "link" => {
                let value = self.value(word)?;
                self.spec.link = Some(match value.text {
                    "ether" => true,
                    "none" => false,
                    other => return Err(value.error(format!("expected `ether` or `none`, not `{other}`"))),
                });
                Ok(())
            }
            "payload" => {
                let value = self.value(word)?;
                self.spec.set_payload(value.text).map_err(|fault| fault.at(value.at.clone()))
            }
            "fragment" => {
                let value = self.value(word)?;
                self.spec.set_fragment(value.text).map_err(|fault| fault.at(value.at.clone()))
            }
            "proto" | "l4proto" => {
                let value = self.value(word)?;
                self.spec.set_transport(value.text).map_err(|fault| fault.at(value.at.clone()))
            }
            "mss" => {
                let value = self.value(word)?;
                self.spec.set("tcp", "mss", value.text).map_err(|fault| fault.at(value.at.clone()))
            }
            "option" if matches!(self.current, Some("ip" | "tcp")) => self.option(word),
            text if !word.quoted && FIELDS.iter().any(|(name, _)| *name == text) => self.protocol(word),
            _ => self.bare(word),
        }
    }

    /// The word after `word`.
    fn value(&mut self, word: &Word<'_>) -> Result<&'a Word<'a>, PacketError> {
        let words = self.words;
        let mut value = words.get(self.next);
        if value.is_some_and(|value| value.text == "==") {
            self.next += 1;
            value = words.get(self.next);
        }
        self.next += 1;
        value.ok_or_else(|| PacketError {
            message: format!("expected a value after `{}`", word.text),
            at: word.at.clone(),
            hint: None,
        })
    }

    fn number(&mut self, word: &Word<'_>, most: u128) -> Result<u128, PacketError> {
        let value = self.value(word)?;
        match integer(value.text) {
            Some(number) if number <= most => Ok(number),
            Some(_) => Err(value.error(format!("`{}` is over {most:#x}, the most `{}` holds", value.text, word.text))),
            None => Err(value.error(format!("expected a number after `{}`, not `{}`", word.text, value.text))),
        }
    }

    fn protocol(&mut self, word: &'a Word<'a>) -> Result<(), PacketError> {
        let next = self.words.get(self.next).filter(|next| !next.quoted);
        self.current = Some(word.text);
        if let (Some(_), Some(body)) = (fields::exthdr(word.text), next.filter(|next| next.text.starts_with("0x"))) {
            self.next += 1;
            return self.spec.add_extension(word.text, body.text).map_err(|fault| fault.at(body.at.clone()));
        }
        self.spec.claim(word.text).map_err(|fault| fault.at(word.at.clone()))?;
        let Some(next) = next else { return Ok(()) };
        // `tcp dprot 22`: the word can only be a field, so it is reported as one.
        let followed = matches!(word.text, "ether" | "vlan" | "th");
        let known = self.field_of(word.text, next).is_some();
        if followed && !known {
            return Err(self.unknown_field(word.text, next));
        }
        Ok(())
    }

    /// True when `name` is a field of `protocol`.
    fn field_of(&self, protocol: &str, name: &Word<'_>) -> Option<()> {
        let (_, fields) = FIELDS.iter().find(|(known, _)| *known == protocol)?;
        let arp = protocol == "arp" && matches!(name.text, "saddr" | "daddr");
        (arp || fields.contains(&name.text)).then_some(())
    }

    fn unknown_field(&self, protocol: &str, name: &Word<'_>) -> PacketError {
        let mut spec = Spec { transport: self.spec.transport, ..Spec::default() };
        match spec.set(protocol, name.text, "0") {
            Err(fault) => fault.at(name.at.clone()),
            Ok(()) => name.error(format!("expected a field of `{protocol}`, not `{}`", name.text)),
        }
    }

    fn option(&mut self, word: &'a Word<'a>) -> Result<(), PacketError> {
        let value = self.value(word)?;
        if self.current == Some("ip") {
            return self.spec.set("ip", "option", value.text).map_err(|fault| fault.at(value.at.clone()));
        }
        if value.text.starts_with("0x") {
            return self.spec.set("tcp", "option", value.text).map_err(|fault| fault.at(value.at.clone()));
        }
        if !matches!(value.text, "maxseg" | "mss") {
            let fault = Fault::new(FaultWord::Value, format!("expected `maxseg` or hex, not `{}`", value.text));
            return Err(fault
                .hint("write `maxseg size 1460`, or the option's bytes as 0x020405b4")
                .at(value.at.clone()));
        }
        if self.words.get(self.next).is_some_and(|next| next.text == "size") {
            self.next += 1;
        }
        let size = self.value(value)?;
        self.spec.set("tcp", "mss", size.text).map_err(|fault| fault.at(size.at.clone()))
    }

    /// A word that is no keyword: a field of the protocols named, a flag, a type, or an address.
    fn bare(&mut self, word: &'a Word<'a>) -> Result<(), PacketError> {
        if !word.quoted {
            let transport = self.transport.clone().or_else(|| self.spec.transport.map(transport_name));
            let protocols = [self.current, transport.as_deref(), self.network, Some("ether"), Some("vlan")];
            let found = protocols.into_iter().flatten().find(|name| self.field_of(name, word).is_some());
            if let Some(protocol) = found.map(str::to_owned) {
                return self.set(&protocol, word);
            }
            if self.is_flags(word.text) {
                let flags =
                    super::craft::number(Type::TcpFlag, word.text).map_err(|fault| fault.at(word.at.clone()))?;
                self.flags = Some(self.flags.unwrap_or(0) | flags);
                return Ok(());
            }
            let table = match (transport.as_deref(), self.network) {
                (Some("icmp"), _) => Some(("icmp", "type", names::ICMP_TYPE)),
                (Some("icmpv6"), _) => Some(("icmpv6", "type", names::ICMPV6_TYPE)),
                (Some("igmp"), _) => Some(("igmp", "type", names::IGMP_TYPE)),
                (_, Some("arp")) => Some(("arp", "operation", names::ARP_OP)),
                _ => None,
            };
            if let Some((protocol, field, table)) = table
                && names::lookup(table, word.text).is_some()
            {
                return self.spec.set(protocol, field, word.text).map_err(|fault| fault.at(word.at.clone()));
            }
        }
        match endpoint(word.text) {
            Ok(Some(endpoint)) => self.endpoint(word, endpoint),
            Ok(None) => Err(self.unknown(word)),
            Err((message, hint)) => Err(PacketError { message, at: word.at.clone(), hint }),
        }
    }

    fn is_flags(&self, text: &str) -> bool {
        let transport = self.spec.transport.is_none_or(|number| number == 6);
        let first = text.split([',', '|']).next().unwrap_or("");
        transport && BARE_FLAGS.contains(&first)
    }

    /// `field value`, the field already read.
    fn set(&mut self, protocol: &str, field: &'a Word<'a>) -> Result<(), PacketError> {
        let mut name = field.text.to_owned();
        let part = self.words.get(self.next).map_or("", |next| next.text);
        if protocol == "arp" && matches!(name.as_str(), "saddr" | "daddr") && matches!(part, "ip" | "ether") {
            self.next += 1;
            name = format!("{name} {part}");
        }
        let value = self.value(field)?;
        if protocol == "tcp" && name == "flags" {
            let flags = super::craft::number(Type::TcpFlag, value.text).map_err(|fault| fault.at(value.at.clone()))?;
            self.spec.claim("tcp").map_err(|fault| fault.at(field.at.clone()))?;
            self.flags = Some(self.flags.unwrap_or(0) | flags);
            return Ok(());
        }
        self.spec.set(protocol, &name, value.text).map_err(|fault| {
            let at = if fault.word == FaultWord::Value { &value.at } else { &field.at };
            fault.at(at.clone())
        })
    }

    fn endpoint(&mut self, word: &Word<'_>, endpoint: Endpoint) -> Result<(), PacketError> {
        let side = if self.arrow { "daddr" } else { "saddr" };
        let done = if self.arrow { &mut self.destination } else { &mut self.source };
        if std::mem::replace(done, true) {
            let message = format!("a second {} address", if self.arrow { "destination" } else { "source" });
            let hint = (!self.arrow).then(|| "write `>` between source and destination".to_owned());
            return Err(PacketError { message, at: word.at.clone(), hint });
        }
        let (protocol, address) = match (self.network, endpoint.address) {
            (Some("arp"), address) => ("arp", address),
            (_, IpAddr::V4(_)) => ("ip", endpoint.address),
            (_, IpAddr::V6(_)) => ("ip6", endpoint.address),
        };
        let at = |fault: Fault| fault.at(word.at.clone());
        self.spec.set(protocol, side, &address.to_string()).map_err(at)?;
        let Some(port) = endpoint.port else { return Ok(()) };
        let Some(transport) = self.transport.clone().or_else(|| self.spec.transport.map(transport_name)) else {
            return Err(word.error("a port needs a protocol".to_owned()).with_hint("write `tcp` or `udp` first"));
        };
        let name = if self.arrow { "dport" } else { "sport" };
        self.spec.set(&transport, name, &port.to_string()).map_err(|fault| match fault.word {
            FaultWord::Field => word.error(format!("{transport} has no ports")),
            _ => fault.at(word.at.clone()),
        })
    }

    fn unknown(&self, word: &Word<'_>) -> PacketError {
        let protocols = [self.current, self.transport.as_deref(), self.network];
        let fields = protocols.into_iter().flatten().filter_map(|name| FIELDS.iter().find(|(known, _)| *known == name));
        let fields = fields.flat_map(|(_, fields)| fields.iter().copied());
        let types: &[(&str, u32)] = match self.transport.as_deref() {
            Some("icmp") => names::ICMP_TYPE,
            Some("icmpv6") => names::ICMPV6_TYPE,
            _ if self.network == Some("arp") => names::ARP_OP,
            _ => &[],
        };
        let known = fields
            .chain(types.iter().map(|(name, _)| *name))
            .chain(FIELDS.iter().map(|(name, _)| *name))
            .chain(KEYWORDS.iter().copied())
            .chain(BARE_FLAGS.iter().copied());
        let swapped = match (word.text, self.network) {
            ("ttl", Some("ip6")) => Some("hoplimit"),
            ("hoplimit", Some("ip")) => Some("ttl"),
            _ => None,
        };
        let near = swapped.or_else(|| nearest(word.text, known));
        let message = format!("expected a protocol, field, flag, address or keyword, not `{}`", word.text);
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        PacketError { message, at: word.at.clone(), hint }
    }
}

mod context;

fn hex(value: &Word<'_>) -> Result<Vec<u8>, PacketError> {
    let text = value.text.strip_prefix("0x").unwrap_or(value.text);
    let skipped = value.text.len() - text.len();
    if text.is_empty() {
        return Err(value.error("expected the packet's bytes in hex".to_owned()));
    }
    decode_hex(text).map_err(|(at, message)| {
        let start = value.at.start + skipped + at;
        let length = text[at..].chars().next().map_or(0, char::len_utf8);
        PacketError { message, at: start..start + length, hint: None }
    })
}
