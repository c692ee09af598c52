//! The kinds of evidence a ruleset is read from, recognised by content.

use casebook_core::{Kind, Sniff};

use crate::sniff::head;

/// `nft -j list ruleset`, or a list of JSON commands.
pub static NFT_JSON: Kind = Kind {
    name: "nft-json",
    what: "output of `nft -j -a list ruleset`, or JSON commands for `nft -j -f`",
    sniff: is_nft_json,
    refers: None,
    comment: None,
};

/// nft text: a file to be loaded, or a listing.
pub static NFT_TEXT: Kind = Kind {
    name: "nft-text",
    what: "an nftables file, or output of `nft -a list ruleset`",
    sniff: is_nft_text,
    refers: Some(super::text::references),
    comment: Some("#"),
};

/// `nft list hooks`.
pub static NFT_HOOKS: Kind = Kind {
    name: "nft-hooks",
    what: "output of `nft list hooks`",
    sniff: |sniff| head(sniff).starts_with("family ") && head(sniff).contains("hook "),
    refers: None,
    comment: None,
};

fn is_nft_json(sniff: &Sniff<'_>) -> bool {
    let text = head(sniff).trim_start();
    let Some(rest) = text.strip_prefix('{') else { return false };
    let rest = rest.trim_start();
    rest.strip_prefix("\"nftables\"").is_some_and(|rest| rest.trim_start().starts_with(':'))
}

/// True when the first statement is one of nft's. A file of `nft …` command lines is a script, not this.
fn is_nft_text(sniff: &Sniff<'_>) -> bool {
    let text = head(sniff);
    if text.starts_with("#!") && text.lines().next().is_some_and(|line| line.contains("nft")) {
        return true;
    }
    let first = text.split(['\n', ';']).map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(line) = first else { return false };
    let mut words = line.split_whitespace();
    let (verb, object, third) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
    let objects = [
        "table",
        "chain",
        "rule",
        "set",
        "map",
        "element",
        "ruleset",
        "flowtable",
        "counter",
        "quota",
        "limit",
        "ct",
        "secmark",
        "synproxy",
        "inet",
        "ip",
        "ip6",
        "arp",
        "bridge",
        "netdev",
    ];
    let families = ["inet", "ip", "ip6", "arp", "bridge", "netdev"];
    match verb {
        // `table inet filter {` and `table filter {`; SQL has `table` second.
        "table" => families.contains(&object) || third == "{" || object.ends_with('{') || third.is_empty(),
        "add" | "create" | "insert" | "replace" | "delete" | "destroy" | "flush" => objects.contains(&object),
        "define" | "redefine" => third.starts_with('=') || object.contains('='),
        "include" => object.starts_with('"') && [".nft", "nftables.conf"].iter().any(|end| sniff.path.ends_with(end)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(path: &str, text: &str) -> bool {
        is_nft_text(&Sniff { path, head: text.as_bytes(), whole: true })
    }

    #[test]
    fn nft_files_are_told_from_other_text() {
        assert!(sniffed("a", "#!/usr/sbin/nft -f\n"));
        assert!(sniffed("a", "# a comment\n\nflush ruleset\ntable inet t {\n}\n"));
        assert!(sniffed("a", "define wan = eth0\n"));
        assert!(sniffed("a", "add rule inet filter input tcp dport 22 accept\n"));
        assert!(!sniffed("history", "nft insert rule inet filter input tcp dport 9100 accept\n"));
        assert!(!sniffed("a.sql", "CREATE table users (id int);\n"));
        assert!(!sniffed("a.c", "#include <stdio.h>\nint main() {}\n"));
        assert!(!sniffed("a.md", "table of contents\n"));
    }

    #[test]
    fn json_is_told_by_its_keys() {
        let sniff = |text: &'static str| Sniff { path: "x", head: text.as_bytes(), whole: true };
        assert!(is_nft_json(&sniff("{\"nftables\": [{\"metainfo\": {}}]}")));
        assert!(!is_nft_json(&sniff("{\"packages\": {\"nftables\": 1}}")));
    }
}
