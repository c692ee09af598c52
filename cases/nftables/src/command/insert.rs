//! `casebook nft insert`: where in a chain a new rule belongs.

use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::craft;
use casebook_formats::nft::ir::{ChainId, Family, OpKind, Rule, RuleRef, Ruleset, TableId};
use casebook_formats::nft::release::Host;
use casebook_formats::nft::show;
use serde_json::{Value, json};

use super::asked::few;
use super::diff::{self, notes, print};
use crate::facts::{self, RulesetFacts};
use crate::model::symbolic::diff::{Budget, Change, Found, classes, compare_rule};
use crate::model::symbolic::place::{Asked, Decided, Position, Positions, killed, positions};

pub(super) const LONG: &str = "\
Looks at every position of a chain a new rule can stand at. Positions with the same effect are one line. For each:

  gets        whether it gets all packets it matches that come to the chain; what is decided before it, and by whom;
              what ends there another way is lost to the rule
  touches     packets that end neither as before nor as the rule says
  bypasses    marks, translations and other effects of rules behind it that its packets had; and, of packets that end
              as before, logs, counters and limits
  kills       rules that ask for none but its packets and get none any more (for the recommended position and index 0)

It recommends the last position where the rule gets all it is meant to get, touches nobody else and bypasses least, as a
command; shows what the rule changes there; and says what would be lost at index 0, where `nft insert rule` puts it.

Exit status: 0 at the recommended position the rule gets its packets, touches nobody else and bypasses nothing but logs,
counters and limits; 1 no position is like that, or the rule gets no packet; 2 a ruleset could not be read or the answer is
not complete.

Examples:
  casebook nft insert edge.nft 'tcp dport 9100 accept' --chain 'inet filter input'
  nft -j -a list ruleset | casebook nft insert - 'ip saddr 192.0.2.7 drop' --chain 'inet filter input'";

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    let rule = input.value("rule").ok_or_else(|| VerbError::usage("no rule was given"))?.trim();
    let chain = input.value("chain").ok_or_else(|| VerbError::usage("no chain was given"))?;
    let advice =
        Advice { input, chain: chain_name(chain, &facts.ruleset)?, rule, asked: asked(input, &facts, chain, rule)? };
    let budget = Budget::default();
    let Ok(found) = positions(&advice.asked, budget) else {
        return Err(VerbError::with_hint(
            "no answer within the budget: too many rules of the chain ask for packets of this one",
            "compare two candidates with `casebook nft diff`",
        ));
    };
    let (best, front) = (&found.list[found.best], &found.list[0]);
    let there = advice.asked.at(best.last);
    let stands = (&there, Some(advice.asked.place(best.last)));
    let gains = changes((&advice.asked.ruleset, None), stands, budget);
    let in_front = (&advice.asked.at(0), Some(advice.asked.place(0)));
    let costs = if found.best == 0 { Some(Vec::new()) } else { changes(stands, in_front, budget) };
    let killed = [best.last, front.first].map(|at| {
        let rules = killed(&advice.asked, at, budget)?;
        let name = |rule: RuleRef| {
            let ruleset = &advice.asked.ruleset;
            format!(
                "{}: {}",
                ruleset.chain_name(rule.table, rule.chain),
                show::rule(ruleset, rule.table, ruleset.rule(rule))
            )
        };
        Some(rules.into_iter().map(name).collect::<Vec<_>>())
    });
    let outcome = Outcome { found: &found, gains, costs, killed };
    if input.format == OutputFormat::Json {
        serde_json::to_writer_pretty(&mut *out, &advice.json(&outcome)).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        advice.print(&outcome, out)?;
    }
    let loses = !best.lost.is_empty() || !best.collateral.is_empty() || !best.bypassed.is_empty() || !front.reached;
    Ok(match (outcome.gains.is_some() && outcome.costs.is_some(), loses) {
        (false, _) => 2,
        (true, true) => 1,
        (true, false) => 0,
    })
}

/// The chain as the kernel knows it: family, table, name.
fn find(chain: &str, ruleset: &Ruleset) -> Option<(TableId, ChainId)> {
    let words: Vec<&str> = chain.split_whitespace().collect();
    match words.as_slice() {
        [family, table, chain] => ruleset.find_chain(Family::parse(family)?, table, chain),
        // nft takes a chain without a family for one of IPv4.
        [table, chain] => ruleset.find_chain(Family::Ip, table, chain),
        _ => None,
    }
}

fn chain_name(chain: &str, ruleset: &Ruleset) -> Result<String, VerbError> {
    if let Some((table, id)) = find(chain, ruleset) {
        return Ok(ruleset.chain_name(table, id));
    }
    let known: Vec<String> = ruleset
        .chains()
        .filter(|(.., body)| !body.name.starts_with("__chain"))
        .map(|(table, id, _)| ruleset.chain_name(table, id))
        .collect();
    let near = craft::nearest(chain, known.iter().map(String::as_str)).map(str::to_owned);
    let hint = match near {
        Some(near) => format!("did you mean --chain '{near}'?"),
        None => format!("chains are {}", known.iter().take(8).cloned().collect::<Vec<_>>().join(", ")),
    };
    Err(VerbError::with_hint(format!("there is no chain `{chain}`"), hint))
}

/// The rule, lowered in the ruleset it is to stand in.
fn asked(input: &VerbInput<'_>, facts: &RulesetFacts, chain: &str, rule: &str) -> Result<Asked, VerbError> {
    let item = input.evidence.get(facts.evidence).ok_or_else(|| VerbError::usage("the ruleset could not be read"))?;
    let host = Host { nft: super::release(input, "nft")?, kernel: super::release(input, "kernel")? };
    let name = chain_name(chain, &facts.ruleset)?;
    let refused = |message: String| {
        let hint = match ["add rule", "insert rule", "nft "].iter().any(|begin| rule.starts_with(begin)) {
            true => "give the rule alone: its chain is said with --chain",
            false => "write it as in the ruleset: 'tcp dport 9100 accept'",
        };
        VerbError::with_hint(format!("nft does not take `{rule}` as a rule: {message}"), hint)
    };
    if rule.is_empty() || rule.contains(['\n', ';', '#']) {
        return Err(refused("one rule is asked for".into()));
    }
    let mut ruleset = facts::ruleset_and(input.evidence, item, host, &name, rule).map_err(refused)?;
    let missing = || VerbError::usage("the chain could not be read");
    let (table, id) = find(&name, &ruleset).ok_or_else(missing)?;
    let family = ruleset.table(table).family;
    if matches!(family, Family::Bridge | Family::Arp | Family::Netdev) {
        let message = format!("{name} is a chain of family {}, whose packets are not compared", family.as_str());
        return Err(VerbError::with_hint(message, "name a chain of family ip, ip6 or inet"));
    }
    let rules = &mut ruleset.tables[table.0 as usize].chains[id.0 as usize].rules;
    let rule = rules.pop().ok_or_else(missing)?;
    if rule.ops.iter().all(|op| matches!(op.kind, OpKind::Match(..))) {
        let hint = "end it with what it is to do: accept, drop, ct mark set 0x51";
        return Err(VerbError::with_hint("the rule only says which packets, and does nothing to them", hint));
    }
    Ok(Asked { ruleset, table, chain: id, rule })
}

/// A ruleset, and where the rule stands in it.
type Stands<'r> = (&'r Ruleset, Option<RuleRef>);

/// Everything the place of the rule changes; `None` when a class has no answer.
fn changes(old: Stands<'_>, new: Stands<'_>, budget: Budget) -> Option<Vec<Change>> {
    let mut out = Vec::new();
    for class in classes(old.0, new.0) {
        match compare_rule(old, new, class, budget) {
            Found::Changes(found) => out.extend(found),
            Found::OverBudget => return None,
        }
    }
    out.sort_by_key(|change| change.kind);
    Some(out)
}

/// What was asked for.
struct Advice<'a> {
    input: &'a VerbInput<'a>,
    chain: String,
    rule: &'a str,
    asked: Asked,
}

/// What was found.
struct Outcome<'f> {
    found: &'f Positions,
    /// What the rule changes at the recommended position.
    gains: Option<Vec<Change>>,
    /// What is different at index 0.
    costs: Option<Vec<Change>>,
    /// Rules that get nothing any more at the recommended position, and at index 0.
    killed: [Option<Vec<String>>; 2],
}

impl Advice<'_> {
    fn neighbour(&self, index: usize) -> Option<&Rule> {
        self.asked.ruleset.chain(self.asked.table, self.asked.chain).rules.get(index)
    }

    /// A rule of the chain with its place.
    fn shown(&self, index: usize) -> Option<String> {
        let rule = self.neighbour(index)?;
        let text = show::rule(&self.asked.ruleset, self.asked.table, rule);
        Some(format!("`{text}` [{}]", super::position(self.input, &rule.at)))
    }

    /// The command that puts the rule at a position.
    fn command(&self, at: usize) -> String {
        let (chain, rule) = (&self.chain, self.rule);
        let handle = |index: usize| self.neighbour(index).and_then(|rule| rule.handle);
        let before = at.checked_sub(1);
        let command = if at == self.asked.count() {
            format!("add rule {chain} {rule}")
        } else if let Some(handle) = before.and_then(handle) {
            format!("add rule {chain} handle {handle} {rule}")
        } else if let Some(handle) = handle(at).filter(|_| before.is_some()) {
            format!("insert rule {chain} handle {handle} {rule}")
        } else if let Some(index) = before {
            format!("add rule {chain} index {index} {rule}")
        } else {
            format!("insert rule {chain} {rule}")
        };
        // What a shell would read as its own.
        if command.contains(|c: char| "\"'$&|<>*?!(){}[]\\`~".contains(c)) {
            return format!("nft '{}'", command.replace('\'', r"'\''"));
        }
        format!("nft {command}")
    }

    fn print(&self, outcome: &Outcome<'_>, out: &mut dyn Write) -> std::io::Result<()> {
        let Outcome { found, gains, costs, killed } = outcome;
        let best = &found.list[found.best];
        let kinds = match found.list.len() {
            1 => "at all positions the rule has the same effect".to_owned(),
            many => format!("{many} positions differ in effect"),
        };
        writeln!(out, "{}: {} rules; for `{}` {kinds}", self.chain, self.asked.count(), self.rule)?;
        writeln!(out)?;
        for (index, position) in found.list.iter().enumerate() {
            let dead = match index {
                _ if index == found.best => killed[0].as_deref(),
                0 => killed[1].as_deref(),
                _ => Some(&[][..]),
            };
            print_position(position, index == found.best, dead, out)?;
        }
        writeln!(out)?;
        let place = match best.last {
            0 if self.asked.count() == 0 => "the chain is empty".to_owned(),
            0 => format!("before {}", self.shown(0).unwrap_or_default()),
            at => format!("behind {}", self.shown(at - 1).unwrap_or_default()),
        };
        writeln!(out, "put it at index {}, {place}", best.last)?;
        writeln!(out, "    {}", self.command(best.last))?;
        if !found.list[0].reached {
            writeln!(out, "no packet it matches comes to this chain: it has no effect at any position")?;
        } else if !best.reached {
            writeln!(
                out,
                "no packet reaches it there: rules before it end all its packets as it would; it is not needed"
            )?;
        }
        match gains {
            None => writeln!(out, "what it changes there was not decided within the budget")?,
            Some(gains) if gains.is_empty() => writeln!(out, "no packet's outcome changes")?,
            Some(gains) => {
                writeln!(out, "what it changes there:")?;
                print_changes(gains, out)?;
            }
        }
        match costs {
            None => writeln!(out, "what index 0 would change was not decided within the budget")?,
            Some(costs) if costs.is_empty() => {}
            Some(costs) => {
                writeln!(out, "not at index 0, where `nft insert rule` puts it; compared with index {}:", best.last)?;
                print_changes(costs, out)?;
            }
        }
        for note in notes(&self.asked.ruleset, &self.asked.ruleset) {
            writeln!(out, "note: {note}")?;
        }
        Ok(())
    }

    fn json(&self, outcome: &Outcome<'_>) -> Value {
        let best = &outcome.found.list[outcome.found.best];
        let changes =
            |list: &Option<Vec<Change>>| list.as_ref().map(|list| list.iter().map(diff::as_json).collect::<Vec<_>>());
        json!({
            "chain": self.chain,
            "rule": self.rule,
            "positions": outcome.found.list.iter().map(|position| json!({
                "first": position.first,
                "last": position.last,
                "reached": position.reached,
                "decided_before": position.before.iter().map(decided_json).collect::<Vec<_>>(),
                "lost": position.lost.iter().map(decided_json).collect::<Vec<_>>(),
                "collateral": position.collateral,
                "bypassed": position.bypassed,
                "unseen": position.unseen,
            })).collect::<Vec<_>>(),
            "recommended": {
                "index": best.last,
                "command": self.command(best.last),
                "changes": changes(&outcome.gains),
                "kills": outcome.killed[0],
            },
            "notes": notes(&self.asked.ruleset, &self.asked.ruleset),
            "index_0": { "changes": changes(&outcome.costs), "kills": outcome.killed[1] },
        })
    }
}

fn print_position(
    position: &Position,
    is_best: bool,
    killed: Option<&[String]>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let range = match position.last - position.first {
        0 => format!("index {}", position.first),
        _ => format!("index {}-{}", position.first, position.last),
    };
    let gets = match (position.before.is_empty() && position.lost.is_empty(), position.lost.is_empty()) {
        (true, _) => "gets every packet it matches",
        (false, true) => "the packets it does not get end as it would have them",
        (false, false) => "packets it matches are lost to it",
    };
    writeln!(out, "{range:<12} {gets}{}", if is_best { "   <- recommended" } else { "" })?;
    let list = |out: &mut dyn Write, word: &str, items: &[String]| match items {
        [] => Ok(()),
        items => writeln!(out, "    {word:<10}{}", few(items)),
    };
    for Decided { end, by, regions } in position.lost.iter().take(MOST_LOST) {
        writeln!(out, "    lost      {end} before it by {}: {}", by.as_deref().unwrap_or("no rule"), some(regions))?;
    }
    if position.lost.len() > MOST_LOST {
        writeln!(out, "              and by {} more", position.lost.len() - MOST_LOST)?;
    }
    list(out, "touches", &position.collateral)?;
    list(out, "bypasses", &position.bypassed)?;
    list(out, "not seen", &position.unseen)?;
    match killed {
        Some(killed) => list(out, "kills", killed),
        None => writeln!(out, "    kills     not decided within the budget"),
    }
}

/// Rules named that decide before the new one.
const MOST_LOST: usize = 4;

/// Regions in a line.
fn some(regions: &[String]) -> String {
    const SHOWN: usize = 2;
    let more = if regions.len() > SHOWN { " or …" } else { "" };
    let shown: Vec<&str> = regions.iter().take(SHOWN).map(String::as_str).collect();
    format!("{}{more}", shown.join(" or "))
}

fn decided_json(decided: &Decided) -> Value {
    json!({"end": decided.end, "by": decided.by, "some_regions": decided.regions})
}

/// Changes as `diff` prints them, indented.
fn print_changes(changes: &[Change], out: &mut dyn Write) -> std::io::Result<()> {
    let mut text = Vec::new();
    for change in changes {
        print(change, &mut text)?;
    }
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}
