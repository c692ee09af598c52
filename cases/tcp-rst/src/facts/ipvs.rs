//! Timeouts of IPVS as `ipvsadm -l --timeout` prints them: `Timeout (tcp tcpfin udp): 900 120 300`.

use casebook_core::{Evidence, Kind, Sniff, Span, Unmodelled};

use super::lines;
use super::timer::Micros;

/// Output of `ipvsadm -l --timeout`.
pub static IPVS: Kind = Kind {
    name: "ipvs-timeouts",
    what: "output of `ipvsadm -l --timeout`",
    sniff: |sniff: &Sniff<'_>| {
        let mut words = lines(sniff.head).filter(|(_, line)| !line.trim_ascii().is_empty());
        words.next().is_some_and(|(_, line)| line.trim_ascii_start().starts_with(PREFIX.as_bytes()))
    },
    refers: None,
    comment: None,
};

const PREFIX: &str = "Timeout (tcp tcpfin udp):";

/// The three timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpvsTimeouts {
    /// Of an established connection; every packet of either side refreshes it.
    pub tcp: Micros,
    /// After a FIN.
    pub tcp_fin: Micros,
    /// Of UDP.
    pub udp: Micros,
    /// The line.
    pub span: Span,
}

/// The defaults of the kernel (net/netfilter/ipvs/ip_vs_proto_tcp.c `tcp_timeouts`, ip_vs_proto_udp.c).
pub const DEFAULT_S: [u64; 3] = [900, 120, 300];

/// The last line that prints them, and what else stands in the file.
pub fn parse(item: &Evidence) -> (Option<IpvsTimeouts>, Vec<Unmodelled>) {
    let (mut found, mut gaps) = (None, Vec::new());
    for (start, line) in lines(item.as_bytes()) {
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() {
            continue;
        }
        let begin = start + (line.len() - line.trim_ascii_start().len());
        let span = Span::new(item.id, begin, begin + trimmed.len());
        let numbers: Option<Vec<u64>> = std::str::from_utf8(trimmed)
            .ok()
            .and_then(|text| text.strip_prefix(PREFIX))
            .and_then(|text| text.split_ascii_whitespace().map(|word| word.parse().ok()).collect());
        match numbers.as_deref() {
            Some([tcp, tcp_fin, udp]) => {
                let [tcp, tcp_fin, udp] = [*tcp, *tcp_fin, *udp].map(Micros::seconds);
                found = Some(IpvsTimeouts { tcp, tcp_fin, udp, span });
            }
            _ => gaps.push(Unmodelled::new(span, "no line of IPVS timeouts")),
        }
    }
    (found, gaps)
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> (EvidenceSet, Option<IpvsTimeouts>, Vec<Unmodelled>) {
        let mut set = EvidenceSet::new();
        let id = set.add("ipvs.txt", Some(IPVS.name), Bytes::new(bytes.to_vec()));
        let (found, gaps) = set.get(id).map(parse).unwrap_or_default();
        (set, found, gaps)
    }

    #[test]
    fn the_line_gives_seconds() {
        let (set, found, gaps) = read(b"Timeout (tcp tcpfin udp): 900 120 300\n");
        let found = found.unwrap();
        assert_eq!(
            (found.tcp, found.tcp_fin, found.udp),
            (Micros::seconds(900), Micros::seconds(120), Micros::seconds(300))
        );
        assert_eq!((set.text(found.span).unwrap().len(), gaps.len()), (37, 0));
        assert!(read(b"Timeout (tcp tcpfin udp): 900 120\nx").1.is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_give_places_inside(bytes in prop::collection::vec(any::<u8>(), 0..60), tail in "[0-9 ]{0,9}") {
            let text = [PREFIX.as_bytes(), tail.as_bytes(), b"\n", &bytes].concat();
            let (set, _, gaps) = read(&text);
            gaps.iter().for_each(|gap| crate::facts::testing::span(&set, gap.span));
        }
    }
}
