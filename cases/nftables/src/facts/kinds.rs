//! The kinds of evidence the case reads, recognised by content.

use casebook_core::{Kind, Sniff};
use casebook_formats::sniff::head;

/// `ip -j rule`.
pub static IP_RULE: Kind = Kind {
    name: "ip-rule-json",
    what: "output of `ip -j rule`",
    sniff: |sniff| is_array_with(sniff, &["\"priority\"", "\"table\""]),
    refers: None,
    comment: None,
};

/// `ip -j route`.
pub static IP_ROUTE: Kind = Kind {
    name: "ip-route-json",
    what: "output of `ip -j route show table all`",
    sniff: |sniff| is_array_with(sniff, &["\"dst\"", "\"flags\""]) && !is_array_with(sniff, &["\"ifindex\""]),
    refers: None,
    comment: None,
};

/// `ip -j addr`.
pub static IP_ADDR: Kind = Kind {
    name: "ip-addr-json",
    what: "output of `ip -j addr`",
    sniff: |sniff| is_array_with(sniff, &["\"ifindex\"", "\"ifname\""]),
    refers: None,
    comment: None,
};

/// The first object of a JSON array has all these keys.
fn is_array_with(sniff: &Sniff<'_>, keys: &[&str]) -> bool {
    let text = head(sniff).trim_start();
    let Some(rest) = text.strip_prefix('[') else { return false };
    let rest = rest.trim_start();
    if !rest.starts_with('{') {
        return false;
    }
    let first = rest.split_once('}').map_or(rest, |(first, _)| first);
    keys.iter().all(|key| first.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_keys() {
        let sniff = |text: &'static str| Sniff { path: "x", head: text.as_bytes(), whole: true };
        assert!((IP_RULE.sniff)(&sniff("[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"}]")));
        assert!((IP_ADDR.sniff)(&sniff("[{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[]}]")));
    }
}
