//! `casebook nft check`: the rules of a ruleset that do nothing.

use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::ir::{RuleRef, Ruleset};
use casebook_formats::nft::{craft, packet_json, show};
use serde_json::{Value, json};

use crate::model::symbolic::correlate::correlated;
use crate::model::symbolic::cover::{Cover, Dead, cover};
use crate::model::symbolic::needless::{Needless, needless};

pub(super) const LONG: &str = "\
Says which rules do nothing, and why:

  unreachable    earlier rules of the chain end every packet the rule asks for; they are named for the first 1000
                 such rules, and none of them can be left out
  no packet      the chain is called for other packets only
  contradictory  no packet passes all tests of the rule
  redundant      packets do reach the rule, and without it every one of them has the same outcome, effects included

All hooks, IPv4 and IPv6, fragments and headers cut short are looked at. Rules under a limit, a quota, a time or a set that
changes never count as covering others. `casebook check` reports the same within a small budget; this takes its time.

--correlated names pairs of rules whose order counts: each asks for packets the other does not, and what both ask for
ends by which of them stands first. Most rulesets have such pairs, and there is nothing wrong with them; they are what to
look at before a rule is moved. At most 200 are named, each with a packet.

--redundant looks for redundant rules too: each rule is left out once and the rulesets are compared, so this takes longest.

Exit status: 0 every rule does something, 1 some do nothing, 2 the ruleset could not be read or the answer is not complete.

Examples:
  casebook nft check /etc/nftables.conf
  nft -a list ruleset | casebook nft check - --redundant
  casebook nft check edge.nft --format json";

/// Steps for the rules that no packet reaches.
const STEPS: u64 = 3_000_000_000;

/// Unreachable rules whose covering rules are worked out.
const EXPLAINED: usize = 1000;

/// Pairs whose order counts that are named.
const PAIRS: usize = 200;

/// Steps for them, in each class.
const PAIR_STEPS: u64 = 40_000_000;

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    let ruleset = &facts.ruleset;
    let found = cover(ruleset, STEPS, EXPLAINED);
    let spare = if input.flag("redundant") { needless(ruleset, &found) } else { Needless::default() };
    let (pairs, more) =
        if input.flag("correlated") { correlated(ruleset, PAIRS, PAIR_STEPS) } else { (Vec::new(), false) };
    let stopped = found.stopped || spare.undecided > 0;
    if input.format == OutputFormat::Json {
        let dead: Vec<Value> = found.dead.iter().map(|(at, why)| as_json(ruleset, *at, why)).collect();
        let redundant: Vec<Value> = spare.rules.iter().map(|at| place(ruleset, *at)).collect();
        let value = json!({
            "rules": found.looked_at.len(),
            "dead": dead,
            "redundant": redundant,
            "correlated": pairs.iter().map(|pair| json!({
                "first": place(ruleset, pair.first),
                "second": place(ruleset, pair.second),
                "witness": packet_json::to_json(&pair.witness),
            })).collect::<Vec<_>>(),
            "more_correlated": more,
            "undecided": spare.undecided,
            "complete": !stopped,
        });
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        for pair in &pairs {
            writeln!(out, "order counts   {}", line(ruleset, pair.first))?;
            writeln!(out, "  before       {}", line(ruleset, pair.second))?;
            writeln!(out, "  for example  {}", craft::describe(&pair.witness))?;
        }
        if more {
            writeln!(out, "and more: only {} pairs whose order counts are named", pairs.len())?;
        }
        print(ruleset, &found, &spare, out)?;
    }
    Ok(match (stopped, found.dead.is_empty() && spare.rules.is_empty()) {
        (true, _) => 2,
        (false, false) => 1,
        (false, true) => 0,
    })
}

fn print(ruleset: &Ruleset, found: &Cover, spare: &Needless, out: &mut dyn Write) -> std::io::Result<()> {
    for (at, why) in &found.dead {
        let word = match why {
            Dead::Contradiction => "contradictory",
            Dead::Covered(_) | Dead::Earlier => "unreachable",
            Dead::NoneComes => "no packet",
        };
        writeln!(out, "{word:14} {}", line(ruleset, *at))?;
        if let Dead::Covered(by) = why {
            for other in by {
                writeln!(out, "  taken by     {}", line(ruleset, *other))?;
            }
        }
    }
    for at in &spare.rules {
        writeln!(out, "redundant      {}", line(ruleset, *at))?;
    }
    if spare.rules.len() > 1 {
        writeln!(out, "note: each of these is redundant by itself; without several of them packets can end otherwise")?;
    }
    if found.stopped {
        return writeln!(out, "undecided within budget: whether each rule sees a packet");
    }
    let counted = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
    writeln!(
        out,
        "{} rules looked at, {} see no packet{}{}",
        found.looked_at.len(),
        found.dead.len(),
        counted(spare.rules.len(), "redundant"),
        counted(spare.undecided, "not decided within budget"),
    )
}

fn line(ruleset: &Ruleset, at: RuleRef) -> String {
    let rule = ruleset.rule(at);
    let handle = rule.handle.map(|handle| format!("  # handle {handle}")).unwrap_or_default();
    format!(
        "{} rule {}: {}{handle}",
        ruleset.chain_name(at.table, at.chain),
        at.index,
        show::rule(ruleset, at.table, rule)
    )
}

fn place(ruleset: &Ruleset, at: RuleRef) -> Value {
    let rule = ruleset.rule(at);
    json!({"rule": ruleset.rule_key(at), "handle": rule.handle, "text": show::rule(ruleset, at.table, rule)})
}

fn as_json(ruleset: &Ruleset, at: RuleRef, why: &Dead) -> Value {
    let mut out = place(ruleset, at);
    let (kind, by) = match why {
        Dead::Contradiction => ("contradictory", &[][..]),
        Dead::Covered(by) => ("unreachable", by.as_slice()),
        Dead::NoneComes => ("no packet", &[][..]),
        Dead::Earlier => ("unreachable", &[][..]),
    };
    out["kind"] = json!(kind);
    out["covered_by"] = by.iter().map(|other| place(ruleset, *other)).collect();
    out
}
