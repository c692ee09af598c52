//! One side of a filter: `10.0.0.0/8`, `any:5432`, `{10.0.0.1, 10.0.0.9}:80-90`, `[2001:db8::/32]:53`.

use casebook_formats::nft::craft;
use casebook_formats::nft::types::Type;

use std::net::IpAddr;

use super::family;

/// A message and a hint.
type Wrong = (String, Option<String>);

/// Addresses and ports of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `ip` or `ip6`, when addresses are named.
    pub(super) family: Option<&'static str>,
    /// The addresses, as nft writes them.
    pub(super) address: Option<String>,
    /// The ports, as nft writes them.
    pub(super) ports: Option<String>,
}

/// Reads one side; `Ok(None)` when the word looks like something else.
pub(super) fn endpoint(text: &str) -> Result<Option<Endpoint>, Wrong> {
    let (address, ports) = split(text)?;
    let ports = match ports {
        Some("") => return Err((format!("expected a port behind the colon of `{text}`"), None)),
        Some("any" | "*") | None => None,
        Some(ports) => Some(read_ports(ports)?),
    };
    if matches!(address, "any" | "*" | "") && (ports.is_some() || !address.is_empty()) {
        return Ok(Some(Endpoint { ports, ..Endpoint::default() }));
    }
    let list: Vec<&str> = match address.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inside) => inside.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
        None => vec![address],
    };
    let mut of = None;
    for item in &list {
        let Some(this) = addresses(item) else {
            if ports.is_none() && !looks_like_address(address) {
                return Ok(None);
            }
            return Err((
                format!("`{item}` is not an address"),
                Some("write an address, a network such as 10.0.0.0/8, A-B, {A, B} or any".into()),
            ));
        };
        if of.is_some_and(|of| of != this) {
            return Err((
                format!("`{address}` mixes IPv4 and IPv6"),
                Some("ask about each in a filter of its own".into()),
            ));
        }
        of = Some(this);
    }
    let address = if address.starts_with('{') { format!("{{ {} }}", list.join(", ")) } else { address.to_owned() };
    Ok(of.map(|family| Endpoint { family: Some(family), address: Some(address), ports }))
}

/// Address and port parts.
fn split(text: &str) -> Result<(&str, Option<&str>), Wrong> {
    for (open, close) in [('[', ']'), ('{', '}')] {
        let Some(rest) = text.strip_prefix(open) else { continue };
        let Some(end) = rest.find(close) else { break };
        let inside = if open == '[' { &rest[..end] } else { &text[..end + 2] };
        return match &rest[end + 1..] {
            "" => Ok((inside, None)),
            after => match after.strip_prefix(':') {
                Some(ports) => Ok((inside, Some(ports))),
                None => Err((format!("expected `:PORT` behind `{close}`, not `{after}`"), None)),
            },
        };
    }
    Ok(match text.find(':') {
        // More than one colon outside braces is an IPv6 address.
        Some(at) if !text[at + 1..].split('{').next().unwrap_or("").contains(':') => {
            (&text[..at], Some(&text[at + 1..]))
        }
        _ => (text, None),
    })
}

fn looks_like_address(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '{') || text.contains('/') || text.contains("::")
}

/// The family of an address, a network or `A-B`.
fn addresses(text: &str) -> Option<&'static str> {
    let one = |text: &str| text.parse::<IpAddr>().ok();
    if let Some((low, high)) = text.split_once('-') {
        let (low, high) = (one(low)?, one(high)?);
        return (low.is_ipv4() == high.is_ipv4() && low <= high).then_some(family(low));
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (one(address)?, Some(length.parse::<u8>().ok()?)),
        None => (one(text)?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length <= most).then_some(family(address))
}

fn read_ports(text: &str) -> Result<String, Wrong> {
    let inside = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let list: Vec<&str> = inside.unwrap_or(text).split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    for item in &list {
        let number = |text: &str| match craft::number(Type::Service, text) {
            Ok(port) => Ok(port),
            Err(fault) => Err((fault.message, fault.hint)),
        };
        let numeric = item.starts_with(|c: char| c.is_ascii_digit());
        match item.split_once('-').filter(|_| numeric) {
            Some((low, high)) if number(low)? > number(high)? => {
                return Err((format!("the range {item} ends before it begins"), None));
            }
            Some(_) => {}
            None => {
                number(item)?;
            }
        }
    }
    match list.as_slice() {
        [] => Err((format!("`{text}` names no port"), None)),
        [only] if inside.is_none() => Ok((*only).to_owned()),
        many => Ok(format!("{{ {} }}", many.join(", "))),
    }
}
