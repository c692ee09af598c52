//! NFT101 inserted-before-effect, NFT100 inserted-ahead: which rule was put in front, and what that took away.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Rule, Severity, rule};
use casebook_formats::nft::ir::{Op, OpKind, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::outcome::{Effect, Outcome};
use casebook_formats::nft::{craft, show};
use serde_json::json;

use super::common::{quote, rule_line, rule_place, run, with_witness};
use super::insertion::{self, Inserted};
use super::local;
use super::loss::{self, Loss, Taken};
use super::readers;
use crate::command::trace::summary;
use crate::facts::{Form, NftFacts, RulesetFacts};

rule! {
    /// A rule stands ahead of rules that are older than it.
    ///
    /// The kernel numbers the rules of a table in the order they are created, so a rule with a higher handle than the
    /// rules behind it was inserted, not added. At the head of a chain only `nft insert rule` does that. By itself
    /// this is a note, one for each table: what it took away, if anything, is NFT101.
    ///
    /// Speaks on: fixtures/inserted-harmless. Silent on: fixtures/story-appended.
    ///
    /// Mechanism: `nf_tables_alloc_handle` counts up for the whole table (net/netfilter/nf_tables_api.c).
    /// `replace` keeps the handle; a reload from a file numbers everything anew, in order. A chain that is mostly out of
    /// order is built from its end by a program, as `iptables -I` does: its order is meant, and NFT101 leaves it alone
    /// unless an older snapshot shows what is new.
    pub INSERTED_AHEAD = "NFT100" "inserted-ahead" of "nftables", Note, since "0.1.0",
    "a rule was put ahead of rules that are older than it",
    check_ahead(NftFacts)
}

rule! {
    /// A rule placed ahead of rules with effects (marks, NAT, logs, limits) ends the evaluation of packets that used
    /// to reach them. The verdict stays the same; what later depends on the effect breaks.
    ///
    /// The rule is found by its handle, by a second snapshot, or by the file the ruleset was loaded from. Packets are
    /// drawn from its match values and those of the rules behind it; each is run through the ruleset with and
    /// without the rule, and the outcomes are compared: verdict, marks, translations, logs, limits.
    ///
    /// Losing a log line, a limit or a set update is a warning; a mark, a translation or `notrack` is an error, but for
    /// `accept` and `return` in a nat chain, which can only be meant to exempt. Where the
    /// rule turns drop into accept or accept into drop, what goes with the old verdict is not counted.
    ///
    /// Speaks on: fixtures/story. Silent on: fixtures/story-appended.
    ///
    /// Mechanism: `nft_do_chain` stops at the first terminal verdict of a base chain
    /// (net/netfilter/nf_tables_core.c).
    ///
    /// Fix: delete the rule and add it again behind the last effect it hides. The model runs every witness through
    /// the repaired ruleset before the commands are printed.
    pub INSERTED_BEFORE_EFFECT = "NFT101" "inserted-before-effect" of "nftables", Error, since "0.1.0",
    "an inserted rule keeps packets from an effect that something else depends on",
    check_effect(NftFacts)
}

fn check_ahead(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (after, inserted) in insertion::all(facts, set) {
        let taken = loss::of_all(&after.ruleset, &inserted);
        let harmless = |one: &&Inserted| !taken.iter().any(|it| it.inserted == *one && !it.losses.is_empty());
        let mut rest: Vec<&Inserted> = inserted.iter().filter(harmless).collect();
        rest.sort_by_key(|one| one.rule);
        for of_table in rest.chunk_by(|one, next| one.rule.table == next.rule.table) {
            findings.push(ahead(rule, set, &after.ruleset, of_table, inserted.len()));
        }
    }
    findings
}

/// Most rules of one table that are drawn; the title counts them all.
const MOST_PLACES: usize = 4;

fn ahead(rule: &'static Rule, set: &EvidenceSet, ruleset: &Ruleset, found: &[&Inserted], all: usize) -> Finding {
    let first = found[0];
    let chain = ruleset.chain_name(first.rule.table, first.rule.chain);
    let table = ruleset.table(first.rule.table);
    let chains = found.chunk_by(|one, next| one.rule.chain == next.rule.chain).count();
    let count = first.behind.len();
    let title = match found {
        [one] => format!(
            "a rule was put ahead of {count} older rule{} of chain {chain}: `{}`",
            if count == 1 { "" } else { "s" },
            show::rule(ruleset, one.rule.table, ruleset.rule(one.rule)),
        ),
        many if chains == 1 => format!("{} rules were put ahead of older ones of chain {chain}", many.len()),
        many => format!(
            "{} rules were put ahead of older ones in {chains} chains of table {} {}",
            many.len(),
            table.family.as_str(),
            table.name
        ),
    };
    let mut builder = FindingBuilder::new(rule, title, rule_place(ruleset, first.rule, "younger than what follows"));
    for one in found.iter().skip(1).take(MOST_PLACES) {
        builder = builder.place(rule_place(ruleset, one.rule, "and this one"));
    }
    if let Some(old) = first.behind.iter().find(|old| !found.iter().any(|one| one.rule == **old)) {
        builder = builder.place(rule_place(ruleset, *old, "was there before"));
    }
    builder = builder.because(first.evidence.clone());
    if found.iter().any(|one| one.built) {
        builder = builder.because(
            "Most of a chain is out of order: a program builds it from its end, as `iptables -I` does, and means the order.",
        );
    }
    let single = found.iter().filter(|one| !one.built).count();
    if single > loss::MOST_INSERTED {
        builder =
            builder.because(format!("Of {all} inserted rules the {} youngest were examined.", loss::MOST_INSERTED));
    }
    if single > 0 {
        builder = builder
            .because("No packet drawn from the rules examined loses a mark, a translation, a log line or a limit.");
    }
    for one in found {
        builder = builder.step(one.evidence.clone(), Some(ruleset.rule(one.rule).at.clone()));
    }
    builder.key(&table.name).build(set)
}

fn check_effect(rule: &'static Rule, facts: &NftFacts, set: &EvidenceSet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (after, inserted) in insertion::all(facts, set) {
        for taken in loss::of_all(&after.ruleset, &inserted) {
            if let Some(worst) = taken.losses.iter().min_by_key(|loss| loss.rank()) {
                findings.push(finding(rule, facts, set, (after, &inserted), &taken, worst));
            }
        }
    }
    findings
}

fn finding(
    rule: &'static Rule,
    facts: &NftFacts,
    set: &EvidenceSet,
    (after, insertions): (&RulesetFacts, &[Inserted]),
    taken: &Taken<'_>,
    worst: &Loss,
) -> Finding {
    let ruleset = &after.ruleset;
    let inserted = taken.inserted;
    let known = facts.routing_of(set, after.evidence).and_then(|routing| local::known(ruleset, taken, worst, routing));
    let worst = known.as_ref().unwrap_or(worst);
    let text = show::rule(ruleset, inserted.rule.table, ruleset.rule(inserted.rule));
    let lost = worst.effect.describe();
    let title = format!(
        "the inserted rule `{text}` {} packets before {}; {}",
        leads_away(ruleset, inserted),
        place_name(ruleset, inserted, worst),
        consequence(&worst.effect),
    );
    let mut builder =
        FindingBuilder::new(rule, title, rule_place(ruleset, inserted.rule, "this rule was put in front"));
    let exempts = exempts(ruleset, inserted, worst);
    builder = builder.severity(match worst.rank() {
        0 if !exempts => Severity::Error,
        _ => Severity::Warning,
    });
    if let Some(jump) = worst.jump {
        builder = builder.place(rule_place(ruleset, jump, "no longer reached by these packets"));
    }
    builder = builder.place(rule_place(ruleset, worst.rule, format!("effect lost: {lost}")));
    for place in insertion::in_source(facts, after, ruleset, worst) {
        builder = builder.place(place);
    }
    builder = builder.because(inserted.evidence.clone()).because(verdicts(ruleset, taken, worst));
    if exempts {
        builder = builder.because(
            "In a nat chain a rule that translates nothing can only exempt packets: if that was meant, all is well.",
        );
    }
    let others: Vec<String> = taken
        .losses
        .iter()
        .filter(|loss| loss.rule != worst.rule)
        .map(|loss| format!("{} (`{}`)", loss.effect.describe(), rule_line(ruleset, loss.rule)))
        .collect();
    if !others.is_empty() {
        let more = if others.len() > MOST_PLACES {
            format!("; and {} more", others.len() - MOST_PLACES)
        } else {
            String::new()
        };
        let shown = &others[..others.len().min(MOST_PLACES)];
        builder = builder.because(format!("Other packets lose: {}{more}.", shown.join("; ")));
    }
    if let Some(newly) = &taken.newly_accepted {
        builder = builder.because(format!("It accepts packets that were dropped before: {}.", craft::describe(newly)));
    }
    if let Some(younger) = insertions.iter().find(|other| {
        other.created > inserted.created
            && worst.with.hits.contains(&other.rule)
            && !worst.with.hits.contains(&inserted.rule)
    }) {
        builder = builder.because(format!(
            "`{}` was inserted later and meets the witness first now; this rule alone would take the effect away too.",
            rule_line(ruleset, younger.rule)
        ));
    }
    for reader in readers::of(facts, set, after, worst) {
        builder = builder.because(reader.text);
        for place in reader.places {
            builder = builder.place(place);
        }
    }
    let without = summary(&taken.stripped.ruleset, &worst.without);
    let before = json!({ "without_the_rule": without, "lost": lost });
    builder = with_witness(builder, set, after, &worst.packet, before);
    builder = builder.step(format!("without the inserted rule: {without}"), None);
    if let Some(written) = written(set, after, inserted.rule, text)
        && let Some(fix) = repair(ruleset, taken, &written)
    {
        builder = builder.fix(fix);
    }
    builder.key(rule_line(ruleset, inserted.rule)).key(lost).build(set)
}

/// True for a rule whose only use can be to keep packets from a translation.
fn exempts(ruleset: &Ruleset, inserted: &Inserted, worst: &Loss) -> bool {
    let ops = &ruleset.rule(inserted.rule).ops;
    let verdict = |op: &Op| matches!(op.kind, OpKind::Verdict(Verdict::Accept | Verdict::Return));
    matches!(worst.effect, Effect::Nat(..)) && ops.iter().any(verdict)
}

fn leads_away(ruleset: &Ruleset, inserted: &Inserted) -> &'static str {
    let ops = &ruleset.rule(inserted.rule).ops;
    let leads = |op: &Op| matches!(op.kind, OpKind::Vmap(..) | OpKind::Verdict(Verdict::Jump(_) | Verdict::Goto(_)));
    if ops.iter().any(leads) { "leads away" } else { "ends" }
}

/// What the loss means for the packets.
fn consequence(effect: &Effect) -> String {
    let what = effect.describe();
    match effect {
        Effect::Log(Some(prefix)) => format!("they are no longer logged as \"{}\"", prefix.trim_end()),
        Effect::Log(None) => "they are no longer logged".to_owned(),
        Effect::Limit(_) => format!("`{what}` no longer holds for them"),
        Effect::Set(_, name) => format!("they no longer change set {name}"),
        Effect::Nat(..) => format!("they are no longer translated (`{what}`)"),
        Effect::Notrack => "they are tracked now (`notrack`)".to_owned(),
        Effect::Queue(_) => format!("no program is asked any more (`{what}`)"),
        Effect::Dup(_) => format!("no copy is sent any more (`{what}`)"),
        _ => format!("they lose {what}"),
    }
}

fn verdicts(ruleset: &Ruleset, taken: &Taken<'_>, loss: &Loss) -> String {
    use casebook_formats::nft::outcome::End;
    let by = decider(ruleset, &loss.with, taken);
    let before = decider(&taken.stripped.ruleset, &loss.without, taken);
    if loss.without.end == End::Unknown {
        let on = loss.without.depends.join(", ");
        return format!(
            "Without the rule the verdict depends on {on}; with it, it is {} by {by}.",
            loss.with.end.as_str()
        );
    }
    if loss.with.end != loss.without.end {
        return format!(
            "The verdict changes from {} to {} as well.",
            loss.without.end.as_str(),
            loss.with.end.as_str()
        );
    }
    format!(
        "The verdict stays {}, so a comparison of verdicts shows nothing: without the rule it is given by {before}, with it by {by}.",
        loss.with.end.as_str(),
    )
}

fn place_name(ruleset: &Ruleset, inserted: &Inserted, loss: &Loss) -> String {
    if loss.rule.chain == inserted.rule.chain {
        format!("rule `{}`", show::rule(ruleset, loss.rule.table, ruleset.rule(loss.rule)))
    } else {
        format!("chain `{}`", ruleset.chain(loss.rule.table, loss.rule.chain).name)
    }
}

fn decider(ruleset: &Ruleset, outcome: &Outcome, taken: &Taken<'_>) -> String {
    use casebook_formats::nft::outcome::Decider;
    let stripped = std::ptr::eq(ruleset, &taken.stripped.ruleset);
    match outcome.decided {
        Some(Decider::Rule(rule)) if rule == taken.inserted.rule && !stripped => "the inserted rule".to_owned(),
        Some(Decider::Rule(rule)) => format!("`{}`", show::rule(ruleset, rule.table, ruleset.rule(rule))),
        Some(Decider::Policy(table, chain)) => format!("the policy of {}", ruleset.chain_name(table, chain)),
        None => "something this evidence does not hold".to_owned(),
    }
}

/// The rule as an argument of `nft add rule`: as it is listed, without its counts. From JSON only what is shown the
/// way nft reads it; `None` for the rest.
fn written(set: &EvidenceSet, facts: &RulesetFacts, rule: RuleRef, shown: String) -> Option<String> {
    let body = facts.ruleset.rule(rule);
    let plain = |op: &Op| {
        matches!(op.kind, OpKind::Match(..) | OpKind::Verdict(_) | OpKind::Assign(..) | OpKind::Counter(None))
    };
    let text = match facts.form {
        Form::Listing => without_counts(set.text(body.at.span()?)?.split(" # handle").next()?),
        // Long sets are shown shortened.
        _ if body.ops.iter().all(plain) && !shown.contains(['…', '(']) => shown,
        _ => return None,
    };
    let special = |c: char| "\"'{}*?$<>&|!();#~`\\[]".contains(c);
    Some(if text.contains(special) { quote(&text) } else { text })
}

/// `counter packets 3 bytes 180` counts from 0 again.
fn without_counts(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text.split(' ');
    while let Some(word) = rest.next() {
        words.push(word);
        let mut ahead = rest.clone();
        if word == "counter" && ahead.next() == Some("packets") {
            // `packets N bytes N`
            ahead.nth(2);
            rest = ahead;
        }
    }
    words.join(" ")
}

/// Delete and add again, behind the last effect that is lost: at the first place where every witness keeps its
/// effects and every packet the rule was meant for keeps its verdict. Other rules that take effects away are left
/// out of the trial; each has its own finding and fix.
fn repair(ruleset: &Ruleset, taken: &Taken<'_>, text: &str) -> Option<Fix> {
    let rule = taken.inserted.rule;
    let chain = ruleset.chain(rule.table, rule.chain);
    let handle = ruleset.rule(rule).handle?;
    let table = ruleset.table(rule.table);
    let name = format!("{} {} {}", table.family.as_str(), table.name, chain.name);
    let last = taken.losses.iter().filter_map(|loss| loss.at_index(rule)).max()?;
    for index in last..chain.rules.len() as u32 {
        let behind = RuleRef { index, ..rule };
        if taken.stripped.lacks(behind) {
            continue;
        }
        let moved = taken.stripped.with(ruleset, rule, behind);
        let keeps = taken.losses.iter().all(|loss| {
            let outcome = run(&moved, &loss.packet);
            outcome.end == loss.without.end && loss.kept_in(&outcome)
        });
        let lets_in =
            taken.newly_accepted.as_ref().is_none_or(|packet| run(&moved, packet).end == run(ruleset, packet).end);
        if keeps && lets_in {
            let after = chain.rules[index as usize].handle?;
            let at_end = index as usize + 1 == chain.rules.len();
            let position = if at_end { String::new() } else { format!(" handle {after}") };
            let title = if at_end {
                "put the rule at the end of the chain, behind the effect".to_owned()
            } else {
                format!("put the rule behind handle {after}, the last it kept packets from")
            };
            return Some(Fix {
                title,
                class: FixClass::Safe,
                edits: Vec::new(),
                commands: vec![
                    format!("nft delete rule {name} handle {handle}"),
                    format!("nft add rule {name}{position} {text}"),
                ],
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::without_counts;

    #[test]
    fn counts_are_left_out_and_nothing_else() {
        // As `nft -a list ruleset` of 1.0.6 writes counters; a named counter and a quota keep their words.
        assert_eq!(without_counts("tcp dport 22 counter packets 3 bytes 180 accept"), "tcp dport 22 counter accept");
        assert_eq!(without_counts("counter packets 0 bytes 0"), "counter");
        assert_eq!(without_counts("counter name \"ssh\" accept"), "counter name \"ssh\" accept");
    }
}
