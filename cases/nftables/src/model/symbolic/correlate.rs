//! Rules whose order counts: they ask for some packets in common, each for others too, and give them different ends.

use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::{OpKind, Rule, RuleRef, Ruleset, Verdict};
use casebook_formats::nft::packet::{ETH_IP, ETH_IP6, Packet};
use casebook_formats::nft::walk::Evaluator;

use super::compile::{Compiler, Shared};
use super::diagram::{Node, Within};
use super::diff::classes;
use super::layout::{Layout, Uses};
use super::packet::{packet, possible};
use super::region::values;
use super::space::Class;

/// Two rules of one chain, the earlier first, and a packet both ask for.
#[derive(Debug)]
pub struct Pair {
    /// The rule that decides.
    pub first: RuleRef,
    /// The rule that would decide if it stood before.
    pub second: RuleRef,
    /// A packet that the first of them ends and the second asks for.
    pub witness: Packet,
}

/// Pairs of rules whose order counts, at most so many; the second says whether there are more or the budget ran out.
pub fn correlated(ruleset: &Ruleset, most: usize, steps: u64) -> (Vec<Pair>, bool) {
    let uses = Uses::of(&[ruleset]);
    let mut found: Vec<Pair> = Vec::new();
    let mut more = false;
    for class in classes(ruleset, ruleset) {
        more |= !matches!(of_class(ruleset, &uses, class, (most, steps), &mut found), Ok(false));
    }
    found.sort_by_key(|pair| (pair.first, pair.second));
    (found, more)
}

/// Adds the pairs of a class; true when there are more than were asked for.
fn of_class(
    ruleset: &Ruleset,
    uses: &Uses<'_>,
    class: Class,
    (most, steps): (usize, u64),
    found: &mut Vec<Pair>,
) -> Within<bool> {
    let tracked = is_active(ruleset, if class.ip6 { ETH_IP6 } else { ETH_IP });
    let class = Class { tracked, ..class };
    let mut shared = Shared::new(Layout::for_uses(class, uses), steps, 8_000_000);
    let real = possible(&mut shared)?;
    let mut evaluator = Evaluator::new(ruleset);
    for (table, chain, body) in ruleset.chains() {
        if body.base.as_ref().is_some_and(|base| !class.path.hooks().contains(&base.hook)) {
            continue;
        }
        let mut rules: Vec<(RuleRef, bool, Node)> = Vec::new();
        for (index, rule) in body.rules.iter().enumerate() {
            let at = RuleRef { table, chain, index: index as u32 };
            let mut compiler = Compiler::new(&mut shared, ruleset, class);
            if let Some(base) = &body.base {
                compiler.at.hook = base.hook;
            }
            if let Some((accepts, holds)) = ending(&mut compiler, at, rule)? {
                let holds = shared.arena.and(real, holds)?;
                if holds != Node::FALSE {
                    rules.push((at, accepts, holds));
                }
            }
        }
        for (later, (second, accepts, asks)) in rules.iter().enumerate() {
            for (first, accepted, taken) in &rules[..later] {
                if accepts == accepted || found.iter().any(|pair| (pair.first, pair.second) == (*first, *second)) {
                    continue;
                }
                let both = shared.arena.and(*asks, *taken)?;
                // One within the other is an exception, or a rule that does nothing.
                if both == Node::FALSE || both == *asks || both == *taken {
                    continue;
                }
                let witness = packet(&shared.layout, &values(&shared, both));
                if !evaluator.run(&witness).hits.contains(first) {
                    continue;
                }
                if found.len() >= most {
                    return Ok(true);
                }
                found.push(Pair { first: *first, second: *second, witness });
            }
        }
    }
    Ok(false)
}

/// Whether a rule accepts, and where its tests hold, when it is one of plain tests and a final verdict.
fn ending<'r>(compiler: &mut Compiler<'r, '_>, at: RuleRef, rule: &'r Rule) -> Within<Option<(bool, Node)>> {
    let Some((last, before)) = rule.ops.split_last() else { return Ok(None) };
    let accepts = match &last.kind {
        OpKind::Verdict(Verdict::Accept) => true,
        OpKind::Verdict(Verdict::Drop) | OpKind::Reject(_) => false,
        _ => return Ok(None),
    };
    let mut all = Node::TRUE;
    for op in before {
        match &op.kind {
            OpKind::Match(expr, test) => match compiler.test(compiler.ruleset.table(at.table), expr, test)? {
                Some(holds) => all = compiler.shared.arena.and(all, holds)?,
                None => return Ok(None),
            },
            OpKind::Counter(_) | OpKind::Log { .. } => {}
            _ => return Ok(None),
        }
    }
    Ok(Some((accepts, all)))
}

#[cfg(test)]
mod tests {
    use super::correlated;
    use crate::model::symbolic::testing::ruleset;

    fn pairs(rules: &str) -> Vec<(u32, u32)> {
        let text =
            format!("table inet t {{\nchain c {{\ntype filter hook input priority 0; policy drop;\n{rules}\n}}\n}}\n");
        let (found, more) = correlated(&ruleset(&text), 100, 10_000_000);
        assert!(!more);
        found.into_iter().map(|pair| (pair.first.index, pair.second.index)).collect()
    }

    #[test]
    fn rules_that_overlap_with_different_ends_are_paired() {
        assert_eq!(pairs("ip saddr 10.0.0.0/8 accept\ntcp dport 22 drop"), [(0, 1)]);
    }

    #[test]
    fn an_exception_is_no_pair_and_neither_are_equal_ends() {
        assert_eq!(pairs("ip saddr 10.0.0.1 tcp dport 22 accept\ntcp dport 22 drop"), []);
        assert_eq!(pairs("ip saddr 10.0.0.0/8 accept\ntcp dport 22 accept"), []);
        assert_eq!(pairs("tcp dport 80 accept\ntcp dport 22 drop"), []);
    }
}
