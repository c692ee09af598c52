//! NFT122 unreachable-rule and NFT123 contradictory-rule: rules that no packet reaches.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Rule, Severity, rule};
use casebook_formats::nft::ir::{OpKind, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::show;
use serde_json::json;

use super::common::{ends, families, rule_line, rule_place, run, unconditional, with_witness};
use super::snapshots::current;
use crate::facts::{NftFacts, RulesetFacts};
use crate::model::symbolic::cover::{Dead, cover};
use crate::model::symbolic::diff::{Budget, Found, classes};
use crate::model::symbolic::touched::Pair;
use casebook_formats::nft::witness::draft_for;

rule! {
    /// A rule that never sees a packet, because earlier rules of its chain end all that it asks for.
    ///
    /// No single rule has to do it: `tcp dport 1-1023 accept` and `tcp dport 1024-65535 drop` leave nothing to a later
    /// `tcp dport 8080 accept`. The rules that are named are all needed: without any of them some packet gets
    /// through. Where one of them gives another verdict than the rule asks for, the rule does not do what it says, and
    /// the finding is a warning; where all give the same, it is only superfluous, and the finding is a note. A rule whose
    /// chain is called for other packets only is named too.
    ///
    /// Rules with a rate, a quota, a time or a set that changes take nothing away for certain and never count as
    /// covering.
    ///
    /// Speaks on: fixtures/covered-rule. Silent on: fixtures/covered-in-part.
    ///
    /// Mechanism: `nft_do_chain` stops at the first final verdict of a chain (net/netfilter/nf_tables_core.c).
    pub UNREACHABLE = "NFT122" "unreachable-rule" of "nftables", Warning, since "0.1.0",
    "earlier rules end every packet a rule asks for",
    unreachable(NftFacts)
}

rule! {
    /// A rule whose tests no packet passes, whatever stands before it.
    ///
    /// `ip saddr 10.0.0.0/8 ip saddr 192.168.0.0/16 drop` loads and never matches: each test has to hold. So does
    /// `iifname "lan0" accept` in a chain that only packets of this host go through: they have no input device.
    ///
    /// Speaks on: fixtures/contradictory-rule. Silent on: fixtures/consistent-rule.
    ///
    /// Mechanism: a rule goes on to its verdict when none of its expressions breaks (`nft_do_chain`,
    /// net/netfilter/nf_tables_core.c).
    pub CONTRADICTORY = "NFT123" "contradictory-rule" of "nftables", Warning, since "0.1.0",
    "no packet passes all tests of a rule",
    contradictory(NftFacts)
}

/// Steps for one ruleset: a check is quick. `casebook nft check` takes its time.
const STEPS: u64 = 120_000_000;

/// Rules whose covering rules are worked out.
const EXPLAINED: usize = 64;

/// Findings of one ruleset; a note says how many more there are.
const SHOWN: usize = 40;

/// Fixes that are checked by comparing the ruleset with and without the rule.
const CHECKED: usize = 16;

fn unreachable(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts).into_iter().filter(|known| known.ruleset.problems.is_empty()) {
        let ruleset = &known.ruleset;
        let found = cover(ruleset, STEPS, EXPLAINED);
        if found.stopped {
            findings.extend(stopped(rule, known, set));
            continue;
        }
        let is_ender = |at: &RuleRef| {
            let ops = &ruleset.rule(*at).ops;
            unconditional(ops) && ops.iter().any(|op| ends(&op.kind))
        };
        let mut dead = found.dead.iter().filter_map(|(at, why)| match why {
            // NFT108 says it of all rules behind one that tests nothing.
            Dead::Covered(by) if by.iter().any(is_ender) => None,
            Dead::Contradiction => None,
            _ => Some((*at, why)),
        });
        for (shown, (at, why)) in dead.by_ref().take(SHOWN).enumerate() {
            findings.extend(covered(rule, known, set, at, why, shown < CHECKED));
        }
        let more: Vec<RuleRef> = dead.map(|(at, _)| at).collect();
        if let Some(first) = more.first() {
            let title = format!("{} more rules of this ruleset see no packet", more.len());
            let place = rule_place(ruleset, *first, "the next of them");
            let builder = FindingBuilder::new(rule, title, place).severity(Severity::Note);
            let because = "`casebook nft check` on the same ruleset names each with the rules that cover it.";
            findings.push(builder.because(because).step("counted with the others", None).key("more").build(set));
        }
    }
    findings
}

fn stopped(rule: &'static Rule, known: &RulesetFacts, set: &EvidenceSet) -> Option<Finding> {
    let (at, _) = known.ruleset.rules().next()?;
    let title = "whether every rule sees a packet was not decided within the budget of a check";
    let builder = FindingBuilder::new(rule, title, rule_place(&known.ruleset, at, "the first rule of the ruleset"));
    let missing = "more time: `casebook nft check` on this ruleset takes it";
    Some(builder.severity(Severity::Note).missing(missing).key("budget").build(set))
}

/// The verdict a rule gives, when it gives one by itself.
fn verdict(ruleset: &Ruleset, at: RuleRef) -> Option<&'static str> {
    ruleset.rule(at).ops.iter().find_map(|op| match &op.kind {
        OpKind::Verdict(Verdict::Accept) => Some("accept"),
        OpKind::Verdict(Verdict::Drop) => Some("drop"),
        OpKind::Reject(_) => Some("reject"),
        _ => None,
    })
}

fn covered(
    rule: &'static Rule,
    known: &RulesetFacts,
    set: &EvidenceSet,
    at: RuleRef,
    why: &Dead,
    checks: bool,
) -> Option<Finding> {
    let ruleset = &known.ruleset;
    let by = if let Dead::Covered(by) = why { by.as_slice() } else { &[] };
    let text = show::rule(ruleset, at.table, ruleset.rule(at));
    let packet = sample(ruleset, at);
    // What the evaluator does not confirm is not said.
    if packet.as_ref().is_some_and(|packet| run(ruleset, packet).hits.contains(&at)) {
        return None;
    }
    let own = verdict(ruleset, at);
    let differs = |other: &&RuleRef| own.is_some() && verdict(ruleset, **other).is_some_and(|said| Some(said) != own);
    // Among several that do this and that, a last rule for the rest is only superfluous.
    let other = by.iter().find(differs).filter(|_| by.iter().all(|other| differs(&other)));
    let name = |at: &RuleRef| format!("`{}`", show::rule(ruleset, at.table, ruleset.rule(*at)));
    let (title, severity) = match (by, other) {
        ([], _) => (
            format!(
                "no packet that comes to chain `{}` is one `{text}` asks for",
                ruleset.chain(at.table, at.chain).name
            ),
            Severity::Note,
        ),
        (_, Some(other)) => {
            let said = verdict(ruleset, *other).unwrap_or("another verdict");
            (format!("`{text}` never sees a packet: {} before it gives {said} instead", name(other)), Severity::Warning)
        }
        ([only], None) => {
            (format!("`{text}` never sees a packet: {} before it takes them all", name(only)), Severity::Note)
        }
        (many, None) => (
            format!("`{text}` never sees a packet: {} rules before it together take them all", many.len()),
            Severity::Note,
        ),
    };
    let mut builder = FindingBuilder::new(rule, title, rule_place(ruleset, at, "never reached")).severity(severity);
    for other in by {
        builder = builder.place(rule_place(ruleset, *other, "takes packets it asks for"));
    }
    builder = builder.because(match by.len() {
        0 if *why == Dead::Earlier => {
            "Rules before it, in its chain or on the way there, leave it nothing; which ones was not worked out."
                .to_owned()
        }
        0 => "The jumps to its chain are taken by other packets only, or not at all.".to_owned(),
        1 => "Every packet the rule's tests hold for meets the tests of the earlier rule, which ends it.".to_owned(),
        count => format!(
            "Every packet the rule's tests hold for is ended by one of these {count} rules; without any of them some \
             would get through."
        ),
    });
    builder = match &packet {
        Some(packet) => with_witness(builder, set, known, packet, json!({"dead": rule_line(ruleset, at)})),
        None => builder.step(
            format!("no packet of any class gets to {}", rule_line(ruleset, at)),
            Some(ruleset.rule(at).at.clone()),
        ),
    };
    if checks && let Some(fix) = removal(known, at) {
        builder = builder.fix(fix);
    }
    Some(builder.key(rule_line(ruleset, at)).build(set))
}

/// A packet the rule's own tests hold for.
fn sample(ruleset: &Ruleset, at: RuleRef) -> Option<Packet> {
    let (draft, way) = draft_for(ruleset, at)?;
    let hook = ruleset.chain(at.table, way.base).base.as_ref()?.hook;
    families(ruleset.table(at.table).family).iter().find_map(|family| draft.packet(*family, hook))
}

/// Deleting the rule, when that changes no packet's outcome.
fn removal(known: &RulesetFacts, at: RuleRef) -> Option<Fix> {
    let ruleset = &known.ruleset;
    let mut without = ruleset.clone();
    without.tables[at.table.0 as usize].chains[at.chain.0 as usize].rules.remove(at.index as usize);
    let budget = Budget { steps: 2_000_000, edges: 1_000_000, regions: 1, groups: 1 };
    let pair = Pair::of_rule((ruleset, Some(at)), (&without, None));
    let same = |class| matches!(pair.compare(class, budget), Found::Changes(changes) if changes.is_empty());
    if !classes(ruleset, &without).into_iter().all(same) {
        return None;
    }
    let table = ruleset.table(at.table);
    let chain = &ruleset.chain(at.table, at.chain).name;
    let commands = match ruleset.rule(at).handle {
        Some(handle) => {
            vec![format!("nft delete rule {} {} {chain} handle {handle}", table.family.as_str(), table.name)]
        }
        None => Vec::new(),
    };
    let title = "delete the rule: no packet's outcome changes (compared with and without it)".to_owned();
    let class = if commands.is_empty() { FixClass::Display } else { FixClass::Safe };
    Some(Fix { title, class, edits: Vec::new(), commands })
}

fn contradictory(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in current(facts).into_iter().filter(|known| known.ruleset.problems.is_empty()) {
        let ruleset = &known.ruleset;
        let found = cover(ruleset, STEPS, EXPLAINED);
        let dead = found.dead.iter().filter(|(_, why)| *why == Dead::Contradiction);
        for (at, _) in dead.take(SHOWN) {
            let text = show::rule(ruleset, at.table, ruleset.rule(*at));
            if sample(ruleset, *at).is_some_and(|packet| run(ruleset, &packet).hits.contains(at)) {
                continue;
            }
            let title = format!("no packet passes all tests of `{text}`");
            let builder = FindingBuilder::new(rule, title, rule_place(ruleset, *at, "passed by no packet"))
                .because(
                    "All tests of a rule have to hold for one packet. Of the packets that the hooks of this chain see \
                     none passes all of these: they exclude each other, or one of them asks for what is not there.",
                )
                .step(
                    format!("in no class of packets do the tests of {} hold together", rule_line(ruleset, *at)),
                    Some(ruleset.rule(*at).at.clone()),
                )
                .key(rule_line(ruleset, *at));
            findings.push(builder.build(set));
        }
    }
    findings
}
