//! One packet of a capture: classic pcap files (pcap-savefile(5)), the link header as the model wants it.
//!
//! Ethernet headers stay. Other link headers that name the protocol (cooked, loopback) are taken off, since no hook
//! shows them to a rule.

use super::craft::PacketError;
use super::packet::{ETH_ARP, ETH_IP, ETH_IP6};

#[cfg(test)]
mod tests;

/// A packet of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcapPacket {
    /// Bytes from the Ethernet or network header on.
    pub bytes: Vec<u8>,
    /// True when they begin with an Ethernet header.
    pub link: bool,
    /// Bytes the capture kept, link header included.
    pub captured_len: u32,
    /// Bytes the packet had.
    pub original_len: u32,
}

/// Largest record libpcap itself accepts (`MAXIMUM_SNAPLEN`).
const MOST: u32 = 262_144;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

fn error(message: impl Into<String>, at: std::ops::Range<usize>) -> PacketError {
    PacketError { message: message.into(), at, hint: None }
}

/// True when the bytes begin as a capture file does, pcapng included.
pub fn is_capture(bytes: &[u8]) -> bool {
    matches!(
        bytes.get(..4),
        Some(
            [0xa1, 0xb2, 0xc3, 0xd4]
                | [0xd4, 0xc3, 0xb2, 0xa1]
                | [0xa1, 0xb2, 0x3c, 0x4d]
                | [0x4d, 0x3c, 0xb2, 0xa1]
                | [0x0a, 0x0d, 0x0d, 0x0a]
        )
    )
}

/// Packet `number` of a capture, counted from 1 as packet analysers do. Places of errors are bytes of the file.
pub fn record(bytes: &[u8], number: u64) -> Result<PcapPacket, PacketError> {
    let head = 0..bytes.len().min(4);
    let big = match bytes.get(..4) {
        // Microseconds and nanoseconds; the time is not read.
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => true,
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => false,
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => {
            let hint = "convert it: `tcpdump -r FILE -w OUT.pcap`, or `editcap -F pcap FILE OUT.pcap`".to_owned();
            let message = "this is a pcapng capture, which is not read yet".to_owned();
            return Err(PacketError { message, at: head, hint: Some(hint) });
        }
        Some([0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1]) => {
            return Err(error(
                "this is a pcap file of a modified libpcap, with longer records, which is not read",
                head,
            ));
        }
        _ => return Err(error("this is not a pcap file", head)),
    };
    let u32_at = |at: usize| -> Option<u32> {
        let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    if bytes.len() < FILE_HEADER {
        return Err(error("the file ends in its header", 0..bytes.len()));
    }
    // The upper bits hold the length of a frame check sequence.
    let link_type = u32_at(20).unwrap_or(0) & 0xffff;
    if number == 0 {
        return Err(error("packets are counted from 1", 0..0));
    }
    let mut at = FILE_HEADER;
    let mut index = 1;
    loop {
        if at == bytes.len() {
            let message = format!("the capture has {} packets, and packet {number} was asked for", index - 1);
            return Err(error(message, at..at));
        }
        let (Some(captured_len), Some(original_len)) = (u32_at(at + 8), u32_at(at + 12)) else {
            return Err(error(format!("the file ends in the header of packet {index}"), at..bytes.len()));
        };
        if captured_len > MOST {
            let message = format!("packet {index} says that {captured_len} bytes of it were kept, over {MOST}");
            return Err(error(message, at + 8..at + 12));
        }
        let start = at + RECORD_HEADER;
        let end = start + captured_len as usize;
        let Some(frame) = bytes.get(start..end) else {
            return Err(error(format!("the file ends in packet {index}"), at..bytes.len()));
        };
        if index == number {
            let (skip, link) = network(frame, link_type)
                .map_err(|message| error(format!("packet {number}: {message}"), start..end))?;
            return Ok(PcapPacket { bytes: frame[skip..].to_vec(), link, captured_len, original_len });
        }
        at = end;
        index += 1;
    }
}

/// Where the packet begins in a frame, and whether that is an Ethernet header.
fn network(frame: &[u8], link_type: u32) -> Result<(usize, bool), String> {
    let (skip, protocol) = match link_type {
        1 => {
            return match frame.len() {
                0..14 => Err("it ends in the Ethernet header".to_owned()),
                _ => Ok((0, true)),
            };
        }
        // Raw IP: the version tells. 12 and 14 are what BSDs wrote for 101.
        12 | 14 | 101 => (0, by_version(frame)?),
        228 => (0, ETH_IP),
        229 => (0, ETH_IP6),
        // The address family, in the byte order of the machine that wrote (0) or in network order (108).
        0 | 108 => {
            let family = frame.get(..4).ok_or("it ends in the loopback header")?;
            let family = [family[0].max(family[3]), family[1] | family[2]];
            match family {
                [2, 0] => (4, ETH_IP),
                // Linux, NetBSD, FreeBSD, macOS.
                [10 | 24 | 28 | 30, 0] => (4, ETH_IP6),
                _ => return Err(format!("its address family {} is neither IPv4 nor IPv6", family[0])),
            }
        }
        113 => cooked(frame, 16, 14)?,
        276 => cooked(frame, 20, 0)?,
        other => return Err(format!("link type {other} is not read")),
    };
    let rest = frame.get(skip..).ok_or("it ends in the link header")?;
    match protocol {
        ETH_ARP => {}
        ETH_IP | ETH_IP6 if rest.is_empty() || by_version(rest)? == protocol => {}
        ETH_IP | ETH_IP6 => return Err("its IP version is not the one of its link header".to_owned()),
        other => return Err(format!("its protocol {other:#06x} is neither IP nor ARP, so no rule sees it")),
    }
    if rest.is_empty() {
        return Err("nothing follows the link header".to_owned());
    }
    Ok((skip, false))
}

/// Linux cooked header: its length, and where the protocol stands in it. A VLAN tag may follow.
fn cooked(frame: &[u8], length: usize, protocol_at: usize) -> Result<(usize, u16), String> {
    let be16 = |at| super::packet::be16(frame, at).ok_or_else(|| "it ends in the cooked header".to_owned());
    let mut skip = length;
    let mut protocol = be16(protocol_at)?;
    while matches!(protocol, 0x8100 | 0x88a8) {
        protocol = be16(skip + 2)?;
        skip += 4;
    }
    Ok((skip, protocol))
}

fn by_version(frame: &[u8]) -> Result<u16, String> {
    match frame.first().map(|byte| byte >> 4) {
        Some(4) => Ok(ETH_IP),
        Some(6) => Ok(ETH_IP6),
        Some(version) => Err(format!("it begins with IP version {version}")),
        None => Err("it is empty".to_owned()),
    }
}
