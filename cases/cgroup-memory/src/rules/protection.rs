//! MEM107 protection-not-covered
//!
//! Speaks on: fixtures/protection. Silent on: fixtures/healthy.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule, rule};
use casebook_formats::text::Told;
use serde_json::json;

use super::words::{advice, bytes, context, primary};
use crate::facts::Facts;
use crate::facts::tree::{Group, Limit};

rule! {
    /// A group is protected on paper: the group above it does not pass so much protection on.
    ///
    /// `memory.min` and `memory.low` hold against reclaim from above only as far as every group on the way has them too. Where the children
    /// of one group ask for more than it has, each gets its share; where it has none, none of them has any. (Mounted with
    /// `memory_recursiveprot`, as systemd does, what a group does not pass on explicitly is shared by use; the bound stays.)
    ///
    /// Mechanism: `effective_protection` (mm/page_counter.c, before 6.11 mm/memcontrol.c).
    ///
    /// Fix: the same on the groups above, up to the one that is reclaimed from.
    pub PROTECTION = "MEM107" "protection-not-covered" of "cgroup-memory", Warning, since "0.1.0",
    "memory.min or memory.low of a group is more than the group above passes on",
    check(Facts), when |facts: &Facts| facts.trees.iter().flat_map(|tree| &tree.groups).any(|group| group.min.is_some() || group.low.is_some())
}

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    type Of = fn(&Group) -> Option<Told<Limit>>;
    let kinds: [(&str, Of); 2] = [("memory.min", |group| group.min), ("memory.low", |group| group.low)];
    let mut out = Vec::new();
    for tree in &facts.trees {
        for above in tree.groups.iter().filter(|group| group.path != "/") {
            for (name, of) in kinds {
                let Some(passed) = of(above) else { continue };
                let Limit::Bytes(passed_bytes) = passed.value else { continue };
                let asking: Vec<(&Group, Told<Limit>)> =
                    tree.children(&above.path).filter_map(|child| Some((child, of(child)?))).collect();
                let asked: u64 =
                    asking.iter().map(|(_, told)| told.value.bytes().unwrap_or(u64::MAX)).fold(0, u64::saturating_add);
                let largest =
                    asking.iter().max_by_key(|(_, told)| told.value).filter(|(_, told)| told.value != Limit::Bytes(0));
                let Some((child, told)) = largest.filter(|_| asked > passed_bytes) else { continue };
                let said = match told.value.bytes() {
                    Some(bytes_) => bytes(bytes_),
                    None => "everything".to_owned(),
                };
                let title = format!(
                    "{name} of {} is {said}, but {} above it passes on {}",
                    child.path,
                    above.path,
                    if passed_bytes == 0 { "nothing".to_owned() } else { bytes(passed_bytes) }
                );
                let builder = FindingBuilder::new(rule, title, primary(evidence, told.span, "more than there is to have"))
                    .place(context(evidence, passed.span, format!("{} of {}", name, above.path)))
                    .because(format!(
                        "Protection from reclaim that starts above {} ends there: {}.",
                        above.path,
                        if passed_bytes == 0 { "it has none, so its groups have none" } else { "its groups share it by what they ask for and use" }
                    ))
                    .because(format!("Against reclaim at the limit of {} itself it holds.", above.path))
                    .witness(
                        json!({ "group": child.path, "above": above.path, "asked_bytes": asked, "passed_bytes": passed_bytes }),
                        format!("{asked} bytes asked for, {passed_bytes} passed on"),
                    )
                    .step(format!("the groups below {} ask for {asked} bytes, it has {passed_bytes}", above.path), None)
                    .key(&child.path)
                    .key(name)
                    .fix(advice(format!("set {name} of {}, and of every group above it, to what its groups ask for together: {}", above.path, if asked == u64::MAX { "max".to_owned() } else { bytes(asked) })));
                out.push(builder.build(evidence));
            }
        }
    }
    out
}
