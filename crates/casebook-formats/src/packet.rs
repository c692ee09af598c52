//! A frame taken apart: link header, IPv4 or IPv6, the head of the transport. Nothing is copied or allocated, every part
//! is a slice of the frame, and what cannot be read is a variant that says why.
//!
//! [`checksum::verify`] works on the result. Tunnels (GRE, IP in IP) are one layer: [`Packet::inner`] gives the next.

pub mod checksum;
pub mod ip;
pub mod link;
#[cfg(test)]
mod tests;
pub mod transport;

use crate::capture::{Frame, LinkType};
pub use ip::{Fragment, Ipv4, Ipv6, Network};
pub use link::{Direction, LinkHeader};
pub use transport::{Protocol, Tcp, Transport, Udp};

/// A frame taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What was before the network layer.
    pub link: LinkHeader,
    /// IPv4 or IPv6, or why neither.
    pub network: Network<'a>,
    /// What IP carries, or why it cannot be told.
    pub transport: Transport<'a>,
}

impl<'a> Packet<'a> {
    /// Takes a frame apart.
    #[inline]
    pub fn of(frame: &Frame<'a>) -> Self {
        let (data, original_bytes) = frame.without_fcs();
        dissect(frame.link, data, original_bytes)
    }

    /// The packet inside a GRE or IP-in-IP tunnel.
    pub fn inner(&self) -> Option<Packet<'a>> {
        let (ethertype, bytes, claimed) = match self.transport {
            Transport::Message { protocol: Protocol::Gre, bytes, claimed_bytes } => {
                let (ethertype, at) = transport::gre_payload(bytes)?;
                (ethertype, bytes.get(at..)?, claimed_bytes.saturating_sub(at as u32))
            }
            Transport::Tunnel { ethertype, bytes, claimed_bytes } => (ethertype, bytes, claimed_bytes),
            _ => return None,
        };
        let link = LinkHeader::default();
        let (network, transport) = layers(link::Next::Ether(ethertype), bytes, claimed);
        Some(Packet { link, network, transport })
    }
}

/// Takes the kept bytes of a frame apart; `original_bytes` is its length on the wire, without a frame check sequence.
#[inline]
pub fn dissect(link: LinkType, data: &[u8], original_bytes: u32) -> Packet<'_> {
    let (link, next, at) = link::strip(link, data);
    let rest = data.get(at..).unwrap_or_default();
    let on_wire = original_bytes.max(data.len() as u32).saturating_sub(at as u32);
    let (network, transport) = layers(next, rest, on_wire);
    Packet { link, network, transport }
}

#[inline]
fn layers(next: link::Next, bytes: &[u8], on_wire: u32) -> (Network<'_>, Transport<'_>) {
    let version = match next {
        link::Next::Ether(link::IPV4) => 4,
        link::Next::Ether(link::IPV6) => 6,
        link::Next::Nibble => bytes.first().map_or(0, |first| first >> 4),
        link::Next::Ether(ethertype) => return (Network::Other { ethertype }, Transport::Nothing),
        link::Next::Unknown(why) => return (Network::Unknown(why), Transport::Nothing),
        link::Next::Cut(why) => return (Network::Cut(why), Transport::Nothing),
    };
    if bytes.is_empty() {
        return (Network::Cut("nothing of the network header is there"), Transport::Nothing);
    }
    match version {
        4 => ip::v4(bytes, on_wire),
        6 => ip::v6(bytes, on_wire),
        _ => (Network::Unknown("neither IPv4 nor IPv6 by the version nibble"), Transport::Nothing),
    }
}

/// Where `part` begins in `whole`, of which it is a slice.
pub fn offset(whole: &[u8], part: &[u8]) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (at + part.len() <= whole.len()).then_some(at)
}
