//! An address with or without a port: `10.0.0.1`, `10.0.0.1:22`, `2001:db8::1`, `[2001:db8::1]:ssh`.

use std::net::IpAddr;

use super::Ipv6Addr;
use crate::nft::craft::number;
use crate::nft::types::Type;

/// An address with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Address.
    pub address: IpAddr,
    /// Port.
    pub port: Option<u16>,
}

/// Reads an endpoint. `Ok(None)` when the word looks like something else; the error has a message and a hint.
pub(super) fn endpoint(text: &str) -> Result<Option<Endpoint>, (String, Option<String>)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(Endpoint { address, port: None }));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((inside, after)) = rest.split_once(']') else {
            return Err((format!("the bracket of `{text}` is not closed"), None));
        };
        let Ok(address) = inside.parse::<Ipv6Addr>() else {
            return Err((format!("expected an IPv6 address in brackets, not `{inside}`"), None));
        };
        let port = match after.strip_prefix(':') {
            Some(port) => Some(read_port(port)?),
            None if after.is_empty() => None,
            None => return Err((format!("expected `:PORT` after the bracket, not `{after}`"), None)),
        };
        return Ok(Some(Endpoint { address: address.into(), port }));
    }
    let numeric = text.starts_with(|first: char| first.is_ascii_digit());
    let dots = text.bytes().filter(|byte| *byte == b'.').count();
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    if colons >= 2 {
        let hint = "write IPv6 addresses with a port as `[ADDRESS]:PORT`".to_owned();
        return Err((format!("`{text}` is not an address"), Some(hint)));
    }
    let (address, port) = match text.split_once(':') {
        Some((address, port)) => (address, Some(port)),
        None => (text, None),
    };
    if !numeric || (dots == 0 && port.is_none()) {
        return match port {
            Some(_) => Err((format!("expected an IP address before the port, not `{address}`"), None)),
            None => Ok(None),
        };
    }
    if address.contains('/') {
        return Err((format!("expected one address, not the network `{address}`"), None));
    }
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err((format!("`{address}` is not an IPv4 address"), None));
    };
    let port = port.map(read_port).transpose()?;
    Ok(Some(Endpoint { address, port }))
}

fn read_port(text: &str) -> Result<u16, (String, Option<String>)> {
    number(Type::Service, text).map(|port| port as u16).map_err(|fault| (fault.message, fault.hint))
}
