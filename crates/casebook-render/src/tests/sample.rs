//! The report every snapshot is of: one finding of each sort, over text in two files, a JSON listing shown by
//! its records, and a capture.

use casebook_core::{
    At, Bytes, Coverage, Edit, EvidenceId, EvidenceSet, FindingBuilder, Fix, FixClass, Place, ReadStatus, Report, Rule,
    Severity, Span, Suppression, Unmodelled,
};
use serde_json::json;

/// What `render` is given.
pub(crate) struct Sample {
    pub(crate) report: Report,
    pub(crate) evidence: EvidenceSet,
    pub(crate) rules: Vec<&'static Rule>,
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: Vec<_> = self.evidence.iter().map(|item| item.as_bytes().escape_ascii().to_string()).collect();
        f.debug_struct("Sample").field("evidence", &bytes).field("findings", &self.report.findings).finish()
    }
}

pub(crate) const EDGE: &str = "\
#!/usr/sbin/nft -f
table inet filter {
\tchain mark-scraper-traffic {
\t\tip saddr 10.9.0.5 ct mark set 0x51
\t}
\tchain input {
\t\ttype filter hook input priority filter; policy drop;
\t\ttcp dport 9100 accept
\t\tct state established,related accept
\t\tjump mark-scraper-traffic
\t\tip saddr 10.9.0.0/24 tcp dport 9100 accept
\t}
}
";

pub(crate) const ROUTES: &str =
    "ip rule add fwmark 0x51 lookup 81\nip route add default via 192.0.2.9 mtu 1500 table 81\n";

const LIVE: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"rule": {"handle": 9}}, {"rule": {"handle": 4}}, {"rule": {"handle": 5}}]}"#;

macro_rules! rule {
    ($ident:ident, $code:literal, $name:literal, $severity:ident, $summary:literal) => {
        pub(crate) static $ident: Rule = Rule {
            code: $code,
            name: $name,
            case: "nftables",
            summary: $summary,
            severity: Severity::$severity,
            since: "0.1.0",
            page: "What it does.\n\nWhy it is bad.\n",
            applies: |_| true,
            run: |_, _, _| Vec::new(),
        };
    };
}

rule!(BYPASS, "NFT101", "inserted-before-effect", Error, "an inserted rule keeps packets from an effect");
rule!(ORDER, "NFT102", "live-order-differs", Warning, "the live order is not the order of the file");
rule!(MARK, "NFT103", "mark-without-reader", Warning, "a mark is set and nothing reads it");
rule!(POLICY, "NFT104", "policy-hides-rule", Note, "the policy gives the same verdict as a rule");
rule!(SETS, "NFT105", "set-never-matches", Warning, "a set lookup never matches");

rule!(CHAIN, "NFT106", "unreachable-chain", Warning, "nothing jumps to a chain");
rule!(SHADOW, "NFT107", "shadowed-rule", Warning, "a rule before it matches the same packets");

/// The span of the first `what` in `evidence`.
pub(crate) fn find(set: &EvidenceSet, id: EvidenceId, what: &str) -> Span {
    let bytes = set.get(id).unwrap().as_bytes();
    let start = bytes.windows(what.len()).position(|window| window == what.as_bytes()).unwrap();
    Span::new(id, start, start + what.len())
}

pub(crate) fn sample() -> Sample {
    let mut set = EvidenceSet::new();
    let edge = set.add("etc/nftables/edge.nft", Some("nft-ruleset"), Bytes::new(EDGE));
    let routes = set.add("etc/network/policy-routes.sh", Some("ip-commands"), Bytes::new(ROUTES));
    let live = set.add("live.json", Some("nft-json"), Bytes::new(LIVE));
    let capture =
        set.add("edge.pcap", Some("pcap"), Bytes::new([0xd4, 0xc3, 0xb2, 0xa1, 0, 2, 0, 4, 0, 0, 0, 0, 1, 2]));

    let record = |index: u64, text: &str| At::Record {
        index,
        pointer: format!("/nftables/{index}"),
        span: find(&set, live, text),
    };
    let inserted = find(&set, edge, "\t\ttcp dport 9100 accept\n");
    let rule_9 = Span::new(edge, inserted.start as usize + 2, inserted.end as usize - 1);
    let jump = find(&set, edge, "jump mark-scraper-traffic\n");
    let after_jump = Span::new(edge, jump.end as usize, jump.end as usize);

    let bypass = FindingBuilder::new(
        &BYPASS,
        "the rule for port 9100 ends packets before the jump that marks them; replies lose mark 0x51",
        Place::primary(At::Text(rule_9), "ends every packet to port 9100 here"),
    )
    .place(Place::context(At::Text(Span { end: jump.end - 1, ..jump }), "no longer reached by new packets from 10.9.0.5"))
    .place(Place::context(At::Text(find(&set, edge, "ct mark set 0x51")), "the effect that is lost"))
    .place(Place::context(At::Text(find(&set, routes, "fwmark 0x51 lookup 81")), "reads the mark"))
    .because("nft_do_chain stops at the first terminal verdict of a base chain.")
    .because("The verdict is the same as before (accept), so a comparison of verdicts does not show the change; the route of the replies differs.")
    .witness(
        json!({"saddr": "10.9.0.5", "daddr": "172.16.0.1", "dport": 9100, "ct": "new"}),
        "TCP 10.9.0.5:40000 -> 172.16.0.1:9100 SYN, ct new: mark 0x51 before, 0x0 now",
    )
    .replay("casebook nft trace etc/nftables/edge.nft --packet 'tcp 10.9.0.5:40000 > 172.16.0.1:9100'")
    .step("input: rule 1 matches tcp dport 9100, verdict accept", Some(At::Text(rule_9)))
    .step("evaluation of the base chain ends; the jump is not reached", None)
    .fix(Fix {
        title: "put the rule after the jump".to_owned(),
        class: FixClass::Safe,
        edits: vec![
            Edit { span: inserted, text: String::new() },
            Edit { span: after_jump, text: "\t\ttcp dport 9100 accept\n".to_owned() },
        ],
        commands: vec![
            "nft delete rule inet filter input handle 9".to_owned(),
            "nft add rule inet filter input handle 6 tcp dport 9100 accept".to_owned(),
        ],
    })
    .fix(Fix {
        title: "admit only the scraper".to_owned(),
        class: FixClass::Unsafe,
        edits: vec![Edit { span: rule_9, text: "ip saddr 10.9.0.5 tcp dport 9100 accept".to_owned() }],
        commands: Vec::new(),
    })
    .build(&set);

    let order = FindingBuilder::new(
        &ORDER,
        "the rule with handle 9 was inserted at the head of the chain after the file was loaded",
        Place::primary(record(1, r#"{"rule": {"handle": 9}}"#), "newest handle, first place")
            .shown_as("inet filter input: tcp dport 9100 accept # handle 9"),
    )
    .place(
        Place::context(record(3, r#"{"rule": {"handle": 5}}"#), "older, now behind it")
            .shown_as("inet filter input: jump mark-scraper-traffic # handle 5"),
    )
    .because("Handles grow with time and index 0 is what `nft insert` gives.")
    .replay("casebook nft diff etc/nftables/edge.nft live.json")
    .build(&set);

    let mark = FindingBuilder::new(
        &MARK,
        "whether anything reads mark 0x51 on the forward path is not decided",
        Place::primary(At::Text(find(&set, edge, "set 0x51")), "set here"),
    )
    .place(
        Place::context(At::Packet { number: 7, span: Span::new(capture, 8, 14) }, "left unmarked")
            .shown_as("0.000412 10.9.0.5:40000 > 172.16.0.1:9100 SYN"),
    )
    .missing("the output of `ip -j rule show` on the router")
    .build(&set);

    let policy = FindingBuilder::new(
        &POLICY,
        "the last rule of chain input accepts what the policy would drop",
        Place::primary(At::Text(find(&set, edge, "policy drop")), "the policy"),
    )
    .build(&set);
    let exonerated = FindingBuilder::new(
        &SETS,
        "the lookup in set scrapers matches 10.9.0.5",
        Place::primary(At::Text(find(&set, edge, "ip saddr 10.9.0.5")), ""),
    )
    .exonerated()
    .build(&set);

    let stretches =
        (0..7).map(|at| Unmodelled::new(Span::new(live, at * 9, at * 9 + 4), "unknown key \"xt\"")).collect();
    let coverage = vec![
        Coverage::read(set.get(edge).unwrap(), Vec::new()),
        Coverage::read(set.get(routes).unwrap(), Vec::new()),
        Coverage::read(set.get(live).unwrap(), stretches),
        Coverage {
            status: ReadStatus::Partly,
            ..Coverage::read(set.get(capture).unwrap(), vec![Unmodelled::new(Span::new(capture, 8, 14), "cut short")])
        }
        .with_note("The file ends inside packet 7."),
        Coverage::failed("etc/shadow", "unknown", 1_204_000, "Permission denied."),
    ];
    let report = Report {
        findings: vec![bypass, order, mark, policy, exonerated],
        suppressed: vec![Suppression {
            finding: 3,
            reason: "the policy is a backstop".to_owned(),
            source: "etc/nftables/edge.nft:7".to_owned(),
        }],
        silent_rules: vec![("NFT106", "unreachable-chain"), ("NFT107", "shadowed-rule")],
        coverage,
        notices: vec!["the suppression at etc/nftables/edge.nft:2 is not used".to_owned()],
    };
    Sample { report, evidence: set, rules: vec![&BYPASS, &ORDER, &MARK, &POLICY, &SETS, &CHAIN, &SHADOW] }
}
