//! `casebook nft show`: the ruleset as the kernel runs it.

use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::{BaseChain, ChainId, ChainKind, Family, Hook, Policy, Ruleset, TableId};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6};
use casebook_formats::nft::plan::{Entry, entries};
use casebook_formats::nft::show;
use serde_json::json;

pub(super) const LONG: &str = "\
Chains are listed for each hook in the order packets meet them: by priority, the last registered first at equal
priority, nat chains inside the dispatcher at its fixed priority. Checks in (parentheses) are the ones nft adds.

Examples:
  casebook nft show /etc/nftables.conf
  nft -j -a list ruleset | casebook nft show -";

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, facts) = super::ruleset(input)?;
    let ruleset = &facts.ruleset;
    if input.format == OutputFormat::Json {
        serde_json::to_writer_pretty(&mut *out, &as_json(input, ruleset)).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(0);
    }
    hooks(ruleset, out)?;
    for table in &ruleset.tables {
        let dormant = if table.dormant { " (dormant: never run)" } else { "" };
        writeln!(out, "\ntable {} {}{dormant}", table.family.as_str(), table.name)?;
        for set in table.sets.iter().filter(|set| !set.anonymous) {
            let kind = if set.map { "map" } else { "set" };
            let dynamic = if set.dynamic { ", changed by rules" } else { "" };
            writeln!(out, "  {kind} {}: {} elements{dynamic}", set.name, set.elems.len())?;
        }
        for chain in &table.chains {
            writeln!(out, "  chain {}{}", chain.name, chain.base.as_ref().map_or(String::new(), base))?;
            for (index, rule) in chain.rules.iter().enumerate() {
                let ops = rule.ops.iter().map(|op| {
                    let text = show::op(table, &op.kind);
                    if op.implicit { format!("({text})") } else { text }
                });
                let handle = rule.handle.map(|handle| format!("  # handle {handle}")).unwrap_or_default();
                writeln!(out, "    {index:>3}  {}{handle}", ops.collect::<Vec<_>>().join(" "))?;
            }
        }
    }
    for problem in &ruleset.problems {
        let at = super::position(input, &casebook_core::At::Text(problem.span));
        writeln!(out, "\nnft refuses: {} ({at})", problem.message)?;
    }
    for gap in &ruleset.unmodelled {
        let at = super::position(input, &casebook_core::At::Text(gap.span));
        writeln!(out, "not modelled: {} ({at})", gap.why)?;
    }
    Ok(0)
}

fn base(base: &BaseChain) -> String {
    let kind = match base.kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    };
    let policy = if base.policy == Policy::Drop { "drop" } else { "accept" };
    format!(": {kind} at {}, priority {}, policy {policy}", base.hook.as_str(), base.priority)
}

/// (hook, family, entries as lines) for every hook something hangs on.
fn order(ruleset: &Ruleset) -> Vec<(Hook, Family, Vec<String>)> {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    let mut out = Vec::new();
    for family in [Family::Ip, Family::Ip6, Family::Bridge, Family::Arp] {
        let protocol = if family == Family::Ip6 { ETH_IP6 } else { ETH_IP };
        for hook in [Prerouting, Input, Forward, Output, Postrouting] {
            let plan = entries(ruleset, hook, family, None, is_active(ruleset, protocol));
            let name = |(table, chain): &(TableId, ChainId)| ruleset.chain_name(*table, *chain);
            let lines: Vec<String> = plan
                .entries
                .iter()
                .map(|(priority, entry)| match entry {
                    Entry::Chain(table, chain) => format!("{priority:>5}  {}", name(&(*table, *chain))),
                    Entry::Nat(list) => {
                        let names = list.iter().map(name).collect::<Vec<_>>().join(", then ");
                        format!("{priority:>5}  nat, first packets of a connection only: {names}")
                    }
                    Entry::Defrag => format!("{priority:>5}  (fragments are put together)"),
                    Entry::Conntrack => format!("{priority:>5}  (connection tracking)"),
                })
                .collect();
            let only_kernel = !plan.entries.iter().any(|(_, entry)| matches!(entry, Entry::Chain(..) | Entry::Nat(_)));
            if !only_kernel {
                out.push((hook, family, lines));
            }
        }
    }
    out
}

fn hooks(ruleset: &Ruleset, out: &mut dyn Write) -> std::io::Result<()> {
    for (hook, family, lines) in order(ruleset) {
        writeln!(out, "{} of {} packets", hook.as_str(), family.as_str())?;
        for line in lines {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

fn as_json(input: &VerbInput<'_>, ruleset: &Ruleset) -> serde_json::Value {
    let tables: Vec<_> = ruleset
        .tables
        .iter()
        .map(|table| {
            let chains: Vec<_> = table
                .chains
                .iter()
                .map(|chain| {
                    let rules: Vec<_> = chain
                        .rules
                        .iter()
                        .enumerate()
                        .map(|(index, rule)| {
                            let ops: Vec<_> = rule
                                .ops
                                .iter()
                                .map(|op| json!({"text": show::op(table, &op.kind), "implicit": op.implicit}))
                                .collect();
                            json!({"index": index, "handle": rule.handle, "at": super::position(input, &rule.at), "ops": ops})
                        })
                        .collect();
                    let base = chain.base.as_ref().map(|base| {
                        json!({"hook": base.hook.as_str(), "priority": base.priority,
                               "policy": if base.policy == Policy::Drop { "drop" } else { "accept" }})
                    });
                    json!({"name": chain.name, "base": base, "rules": rules})
                })
                .collect();
            json!({"family": table.family.as_str(), "name": table.name, "dormant": table.dormant, "chains": chains})
        })
        .collect();
    let order: Vec<_> = order(ruleset)
        .into_iter()
        .map(|(hook, family, lines)| json!({"hook": hook.as_str(), "family": family.as_str(), "order": lines}))
        .collect();
    json!({"order": order, "tables": tables,
           "problems": ruleset.problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>(),
           "unmodelled": ruleset.unmodelled.iter().map(|gap| gap.why.clone()).collect::<Vec<_>>()})
}
