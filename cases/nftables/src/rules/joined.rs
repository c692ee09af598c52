//! NFT121 joined-matches: adjacent matches that nft makes one, so that the rule says something else than it reads.

use std::collections::BTreeSet;

use casebook_core::{
    At, Bytes, Edit, Evidence, EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Rule, Severity, Span, rule,
};
use casebook_formats::nft::ir::{
    Cmp, Expr, Field, Join, JoinChange, Op, OpKind, Rule as Body, RuleRef, Ruleset, Test, Value, Verdict,
};
use casebook_formats::nft::outcome::{Effect, Outcome};
use casebook_formats::nft::packet::Packet;
use casebook_formats::nft::release::NFT;
use casebook_formats::nft::{fields, show};
use serde_json::json;

use super::common::{about_op, editable, families, run, span_place, with_witness};
use crate::command::trace::summary;
use crate::facts::{NftFacts, RulesetFacts};
use casebook_formats::nft::witness::{Draft, draft_for};

rule! {
    /// Two matches of one rule on neighbouring header fields, which nft loads and compares as one.
    ///
    /// Most joins change nothing: `tcp sport 5 tcp dport 6` is the same as one test of four bytes. Three do.
    /// `tcp sport != 5 tcp dport != 6` becomes `!=` of both together, which holds when either differs, so
    /// that `drop` behind it drops nearly everything. `tcp flags syn tcp window 5` compares the flags as a whole, so
    /// that a packet with syn and ack is none. And in `tcp dport 6 meta mark set 1 tcp sport 5` the first match is
    /// moved behind the mark, which every TCP packet then gets: the joined match stands where the field that comes
    /// first in the header stood.
    ///
    /// The rule speaks of text that is to be loaded, when a packet shows the difference. It is silent about listings:
    /// nft prints a joined `!=` as it was written, and the same for two tests that another program put there apart.
    ///
    /// Speaks on: fixtures/joined-not-equal, fixtures/joined-flags, fixtures/joined-past-mark. Silent on:
    /// fixtures/joined-not-equal-apart, fixtures/joined-harmless.
    ///
    /// Mechanism: `stmt_reduce` (src/rule.c) collects the matches of a rule and `payload_can_merge` (src/payload.c)
    /// joins fields that are adjacent and take four bytes at most. nft leaves `!=` alone from 1.1.0 on and does not
    /// cross other statements from 1.0.9 on. Read it with `nft --debug=netlink -c -f FILE`.
    ///
    /// Fix: `tcp sport != 5 jump { tcp dport != 6 drop; }`. Braces with one value (`!= { 5 }`) are joined too, and a
    /// mask (`tcp sport & 0xffff != 5`) is lost when the ruleset is listed, saved and loaded again.
    pub JOINED = "NFT121" "joined-matches" of "nftables", Warning, since "0.1.0",
    "nft joins adjacent matches, and the rule says something else than it reads",
    check(NftFacts)
}

/// Fixes that are checked on a whole copy of the ruleset; findings beyond that come without.
const CHECKED_FIXES: usize = 64;

fn check(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for known in facts.rulesets.iter().filter(|known| editable(known)) {
        let ruleset = &known.ruleset;
        let joins = ruleset.joins();
        if joins.is_empty() {
            continue;
        }
        let mut as_read = ruleset.clone();
        for (at, join) in joins {
            let packets = candidates(ruleset, at, join);
            let Some(body) = rule_mut(&mut as_read, at) else { continue };
            let joined = std::mem::replace(&mut body.ops, join.read.clone());
            if let Some(shown) = difference(ruleset, &as_read, &packets) {
                let checks = findings.len() < CHECKED_FIXES;
                let case = Case { at, join, as_read: &as_read, packets: &packets, checks };
                findings.push(finding(rule, known, set, &case, &shown));
            }
            if let Some(body) = rule_mut(&mut as_read, at) {
                body.ops = joined;
            }
        }
    }
    findings
}

/// A join, the ruleset as it reads, and the packets both are tried with.
struct Case<'a> {
    at: RuleRef,
    join: &'a Join,
    as_read: &'a Ruleset,
    packets: &'a [Packet],
    /// True while there are few enough findings to try the fix of each.
    checks: bool,
}

/// A packet for which the joined rule and the rule as it reads differ.
struct Shown<'a> {
    packet: &'a Packet,
    real: Outcome,
    read: Outcome,
}

fn rule_mut(ruleset: &mut Ruleset, at: RuleRef) -> Option<&mut Body> {
    let chain = ruleset.tables.get_mut(at.table.0 as usize)?.chains.get_mut(at.chain.0 as usize)?;
    chain.rules.get_mut(at.index as usize)
}

/// Packets that come to the rule, with each of the joined fields equal to its value, near it, or away from it.
fn candidates(ruleset: &Ruleset, at: RuleRef, join: &Join) -> Vec<Packet> {
    let Some((mut draft, way)) = draft_for(ruleset, at) else { return Vec::new() };
    let Some(base) = ruleset.chain(at.table, way.base).base.as_ref() else { return Vec::new() };
    let parts: Vec<(Field, Vec<u128>)> = join.parts.iter().filter_map(|part| values(&join.read[*part])).collect();
    for (field, _) in &parts {
        draft = draft.without(*field);
    }
    let mut drafts = vec![draft];
    for (field, values) in &parts {
        let with = |draft: &Draft, value: u128| {
            let mut draft = draft.clone();
            draft.default_to(*field, value);
            draft
        };
        drafts = drafts.iter().flat_map(|draft| values.iter().map(|value| with(draft, *value))).collect();
    }
    let families = families(ruleset.table(at.table).family);
    drafts.iter().flat_map(|draft| families.iter().find_map(|family| draft.packet(*family, base.hook))).collect()
}

/// A joined match's field, and values on both sides of what it asks for: the value last.
fn values(op: &Op) -> Option<(Field, Vec<u128>)> {
    match &op.kind {
        OpKind::Match(Expr::Load(field @ Field::Payload(payload)), Test::Cmp(_, Value::One(value))) => {
            // A port of a client, or what else is away from the value.
            let away = if payload.bits == 16 && *value != 40000 { 40000 } else { value ^ 1 };
            Some((*field, vec![away, *value]))
        }
        OpKind::Match(Expr::Bits { base, and, .. }, _) => {
            let Expr::Load(field @ Field::Payload(_)) = **base else { return None };
            let ack = 0x10;
            let mut values = vec![1 << and.trailing_zeros(), and | ack, and | 0x08, 0, *and];
            let mut seen = BTreeSet::new();
            values.retain(|value| seen.insert(*value));
            Some((field, values))
        }
        _ => None,
    }
}

/// The packet that shows most: another end, then another effect, then another rule that decides.
fn difference<'a>(ruleset: &Ruleset, as_read: &Ruleset, packets: &'a [Packet]) -> Option<Shown<'a>> {
    let shown = |packet| Shown { packet, real: run(ruleset, packet), read: run(as_read, packet) };
    let shown = packets.iter().map(shown).filter(|shown| weight(shown) > 0);
    shown.reduce(|best, next| if weight(&next) > weight(&best) { next } else { best })
}

fn weight(shown: &Shown<'_>) -> u8 {
    let (real, read) = (&shown.real, &shown.read);
    match () {
        () if real.end != read.end => 3,
        () if done(real) != done(read) => 2,
        () if real.decided != read.decided => 1,
        () => 0,
    }
}

/// What was done to a packet, whoever did it.
fn done(outcome: &Outcome) -> (Option<u32>, Option<u32>, Vec<&Effect>) {
    (outcome.mark, outcome.ct_mark, outcome.effects.iter().map(|(_, effect)| effect).collect())
}

fn finding(
    rule: &'static Rule,
    facts: &RulesetFacts,
    set: &EvidenceSet,
    case: &Case<'_>,
    shown: &Shown<'_>,
) -> Finding {
    let (join, at) = (case.join, case.at);
    let table = facts.ruleset.table(at.table);
    let text = |op: &Op| show::op(table, &op.kind);
    let mut written: Vec<usize> = join.parts.clone();
    written.sort_by_key(|part| join.read[*part].loc.span);
    let names: Vec<String> = written.iter().map(|part| format!("`{}`", text(&join.read[*part]))).collect();
    let (first, last) = (&join.read[written[0]], &join.read[written[written.len() - 1]]);
    let change = join.changes[0];
    let title = match change {
        JoinChange::Negation => {
            format!("nft joins {}: the rule holds when either differs, not only when both do", names.join(" and "))
        }
        JoinChange::ExactFlags => {
            let flags = join.parts.iter().find_map(|part| listed(&join.read[*part])).unwrap_or_default();
            format!("nft joins {}: the flags have to be exactly {flags}", names.join(" and "))
        }
        JoinChange::PastEffect => past_effect(facts, case),
    };
    let label = match change {
        JoinChange::PastEffect if join.stays == written[0] => {
            "tested before what is written between, with the other match"
        }
        JoinChange::PastEffect => "tested here, together with the other match",
        _ => "compared with the other match in one load",
    };
    let mut builder: FindingBuilder = about_op(rule, title, facts, at, last, label);
    if first.loc.span != last.loc.span {
        let label = match change {
            JoinChange::PastEffect if join.stays == written[0] => "both are tested here",
            JoinChange::PastEffect => "moved: tested with the other match, after what is written between",
            JoinChange::Negation => "joined with the match that follows: `!=` of both together",
            JoinChange::ExactFlags => "joined with the other match: every bit of the byte counts",
        };
        builder = builder.place(span_place(first.loc.span, label));
    }
    for reason in join.changes.iter().flat_map(|change| reasons(facts, join, *change)) {
        builder = builder.because(reason);
    }
    let read = summary(case.as_read, &shown.read);
    builder = builder.because(match read == summary(&facts.ruleset, &shown.real) {
        true => format!("As it reads, the witness {}.", effects_differ(shown)),
        false => format!("As it reads, the witness is left with: {read}."),
    });
    builder = builder.severity(severity(join, shown));
    builder = with_witness(builder, set, facts, shown.packet, json!({"as_read": read}));
    if let Some(fix) = apart(facts, set, case, &written) {
        builder = builder.fix(fix);
    }
    builder.build(set)
}

/// What the rule as it reads does and does not do to the packet, where the end is the same.
fn effects_differ(shown: &Shown<'_>) -> String {
    let only = |one: &Outcome, other: &Outcome| {
        let (one, other) = (done(one).2, done(other).2);
        let names: Vec<String> = one
            .iter()
            .filter(|effect| !other.contains(effect))
            .map(|effect| format!("`{}`", effect.describe()))
            .collect();
        (!names.is_empty()).then(|| names.join(" and "))
    };
    match (only(&shown.read, &shown.real), only(&shown.real, &shown.read)) {
        (Some(more), Some(less)) => format!("gets {more} and not {less}"),
        (Some(more), None) => format!("gets {more}"),
        (None, Some(less)) => format!("does not get {less}"),
        (None, None) => "ends the same with other counts".to_owned(),
    }
}

/// The flags of a list, any of which would do.
fn listed(op: &Op) -> Option<String> {
    let OpKind::Match(Expr::Bits { base, and, .. }, _) = &op.kind else { return None };
    let Expr::Load(field) = **base else { return None };
    Some(show::value(*and, fields::type_of(field)))
}

/// The operations that a match was moved past.
fn crossed(join: &Join) -> Vec<&Op> {
    let (Some(first), Some(last)) = (join.parts.iter().min(), join.parts.iter().max()) else { return Vec::new() };
    join.read[*first..*last].iter().filter(|op| !matches!(op.kind, OpKind::Match(..))).collect()
}

fn past_effect(facts: &RulesetFacts, case: &Case<'_>) -> String {
    let join = case.join;
    let table = facts.ruleset.table(case.at.table);
    let effects: Vec<String> = crossed(join).iter().map(|op| format!("`{}`", show::op(table, &op.kind))).collect();
    let moved: Vec<String> = join
        .parts
        .iter()
        .filter(|part| **part != join.stays)
        .map(|part| format!("`{}`", show::op(table, &join.read[*part].kind)))
        .collect();
    let (moved, effects) = (moved.join(" and "), effects.join(" and "));
    let behind = join.parts.iter().any(|part| *part < join.stays);
    match behind {
        true => format!("nft moves {moved} behind {effects}, which packets now get that {moved} does not match"),
        false => format!("nft moves {moved} ahead of {effects}, which packets now miss that {moved} does not match"),
    }
}

fn reasons(facts: &RulesetFacts, join: &Join, change: JoinChange) -> Vec<String> {
    let nft = facts.ruleset.host.nft.unwrap_or(NFT);
    let width = |(field, _): (Field, Vec<u128>)| match field {
        Field::Payload(payload) => payload.bits / 8,
        _ => 0,
    };
    let bytes: u16 = join.parts.iter().filter_map(|part| values(&join.read[*part])).map(width).sum();
    let joins = format!("nft {nft} loads the neighbouring fields as {bytes} bytes and compares them once");
    match change {
        JoinChange::Negation => {
            let mut out = vec![format!(
                "{joins}; `!=` of {bytes} bytes holds when any of them differs. nft 1.1.0 and later keep two tests."
            )];
            out.extend(either(join).map(|text| {
                format!("If either is what you mean, `{text}` says so. Braces with one value are no way out: `!= {{ 5 }}` is joined too.")
            }));
            out
        }
        JoinChange::ExactFlags => {
            vec![format!("{joins}, with one value; a list of flags is a mask only where it stands alone.")]
        }
        JoinChange::PastEffect => vec![
            format!(
                "{joins}, where the field that comes first in the header stood. nft 1.0.9 and later do not cross other statements."
            ),
            "If only packets that meet both matches are meant to get it, write both in front of it.".to_owned(),
        ],
    }
}

/// The join as it runs, written so that it reads like that.
fn either(join: &Join) -> Option<String> {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for part in &join.parts {
        let OpKind::Match(Expr::Load(field), Test::Cmp(Cmp::Ne, Value::One(value))) = &join.read[*part].kind else {
            return None;
        };
        names.push(fields::name(*field));
        values.push(show::value(*value, fields::type_of(*field)));
    }
    Some(format!("{} != {{ {} }}", names.join(" . "), values.join(" . ")))
}

/// A note where only counts, log lines or the rule that decides differ.
fn severity(join: &Join, shown: &Shown<'_>) -> Severity {
    let slight = |effect: &&Effect| matches!(effect, Effect::Counter(_) | Effect::Log(_));
    let steers = |outcome: &Outcome| {
        let (mark, ct_mark, effects) = done(outcome);
        let effects: Vec<Effect> = effects.into_iter().filter(|effect| !slight(effect)).cloned().collect();
        (outcome.end, mark, ct_mark, effects)
    };
    let alike = steers(&shown.real) == steers(&shown.read);
    // For `!=` and flags another packet, of the same fields, can meet a later rule.
    let past_only = join.changes == [JoinChange::PastEffect];
    if alike && past_only { Severity::Note } else { Severity::Warning }
}

/// The later matches in chains of their own, where nft joins nothing.
fn apart(facts: &RulesetFacts, set: &EvidenceSet, case: &Case<'_>, written: &[usize]) -> Option<Fix> {
    if !case.checks {
        return None;
    }
    let join = case.join;
    let At::Text(whole) = facts.ruleset.rule(case.at).at else { return None };
    let before = join.read[written[0]].loc.span;
    let starts: Vec<_> = written[1..].iter().map(|part| join.read[*part].loc.span).collect();
    // `return` and `goto` mean something else inside another chain.
    let inside = &join.read[written[1]..];
    if inside.iter().any(|op| matches!(op.kind, OpKind::Verdict(Verdict::Return | Verdict::Goto(_)) | OpKind::Vmap(..)))
    {
        return None;
    }
    let within = |span: &Span| span.evidence == whole.evidence && span.end <= whole.end && *span > before;
    if !starts.iter().all(within) {
        return None;
    }
    let mut text = String::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(whole.end, |next| next.start);
        text.push_str("jump { ");
        text.push_str(&set.text(Span { end, ..*start })?);
    }
    let text = format!("{}{}", text.trim_end().trim_end_matches(';').trim_end(), "; }".repeat(starts.len()));
    let edit = Edit { span: Span { start: starts[0].start, ..whole }, text };
    let line = format!("{}{}", set.text(Span { end: edit.span.start, ..before })?, edit.text);
    let line = line.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    let title = format!("keep the matches apart, the later one in a chain of its own: `{line}`");
    holds(facts, set, case, &edit).then(|| Fix {
        title,
        class: FixClass::Safe,
        edits: vec![edit],
        commands: Vec::new(),
    })
}

/// True when the edited file has one join less and every packet tried ends as the rule reads.
fn holds(facts: &RulesetFacts, set: &EvidenceSet, case: &Case<'_>, edit: &Edit) -> bool {
    let Some(patched) = patched(facts, set, edit) else { return false };
    let ruleset = &facts.ruleset;
    let same = |packet: &Packet| {
        let (fixed, read) = (run(&patched, packet), run(case.as_read, packet));
        fixed.end == read.end && done(&fixed) == done(&read)
    };
    patched.problems.len() == ruleset.problems.len()
        && patched.joins.len() < ruleset.joins.len()
        && case.packets.iter().all(same)
}

/// The ruleset with the edit made, in a copy of the evidence.
fn patched(facts: &RulesetFacts, set: &EvidenceSet, edit: &Edit) -> Option<Ruleset> {
    let mut copy = EvidenceSet::new();
    for item in set.iter() {
        let bytes = if item.id == edit.span.evidence { Bytes::new(edited(item, edit)?) } else { item.bytes.clone() };
        copy.add(item.path.clone(), item.kind, bytes);
    }
    for link in set.links() {
        copy.link(link.from, link.name.clone(), link.to.clone());
    }
    Some(crate::facts::ruleset(&copy, copy.get(facts.evidence)?, facts.ruleset.host).ruleset)
}

fn edited(item: &Evidence, edit: &Edit) -> Option<Vec<u8>> {
    let (bytes, range) = (item.as_bytes(), edit.span.range());
    Some([bytes.get(..range.start)?, edit.text.as_bytes(), bytes.get(range.end..)?].concat())
}
