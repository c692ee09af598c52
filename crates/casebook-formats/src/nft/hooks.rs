//! `nft list hooks`: the order in which the kernel runs the chains of a hook, also where their priorities are equal.

use casebook_core::{Evidence, Span, Unmodelled};

use crate::nft::ir::{Family, Ruleset};

/// A chain on a hook, by names.
type ChainName = (Family, String, String);

/// Chains of one hook at one priority.
type Group = Vec<Option<ChainName>>;

/// What a listing says.
#[derive(Debug, Default)]
pub struct Hooks {
    /// Chains that share a hook and a priority, in the order they run.
    groups: Vec<Vec<ChainName>>,
    /// Lines that say something else.
    pub unmodelled: Vec<Unmodelled>,
}

/// Reads a listing.
pub fn read(item: &Evidence) -> Hooks {
    let mut out = Hooks::default();
    let mut group: Group = Vec::new();
    let mut of: Option<i64> = None;
    let text = item.as_text().unwrap_or_else(|valid| valid);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        match first.parse::<i64>() {
            Ok(priority) => {
                if of != Some(priority) {
                    out.close(&mut group);
                }
                of = Some(priority);
                group.push(chain(words));
            }
            Err(_) => {
                out.close(&mut group);
                of = None;
                if !matches!(first, "" | "family" | "hook" | "}") {
                    let span = Span::new(item.id, at, at + line.trim_end().len());
                    out.unmodelled.push(Unmodelled::new(span, "not a line of `nft list hooks`"));
                }
            }
        }
    }
    out.close(&mut group);
    out
}

/// `chain inet filter input [nf_tables]`, after the priority. What the kernel runs itself is `None`.
fn chain<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<ChainName> {
    if words.next()? != "chain" {
        return None;
    }
    Some((Family::parse(words.next()?)?, words.next()?.to_owned(), words.next()?.to_owned()))
}

impl Hooks {
    /// Ends a group. nft prints the first entry of a priority first and the others in reverse: each is put right behind
    /// the first one that does not run before it (src/mnl.c `basehook_list_add_tail`).
    fn close(&mut self, group: &mut Group) {
        if group.len() > 1 {
            group[1..].reverse();
            self.groups.push(group.drain(..).flatten().collect());
        }
        group.clear();
    }

    /// Gives the chains of `ruleset` this order: of two at equal priority, the one registered later runs first.
    pub fn order(&self, ruleset: &mut Ruleset) {
        for group in &self.groups {
            let found: Vec<_> =
                group.iter().filter_map(|(family, table, chain)| ruleset.find_chain(*family, table, chain)).collect();
            let mut registered: Vec<u32> =
                found.iter().map(|(table, chain)| ruleset.chain(*table, *chain).registered).collect();
            registered.sort_unstable_by(|a, b| b.cmp(a));
            for ((table, chain), number) in found.into_iter().zip(registered) {
                ruleset.tables[table.0 as usize].chains[chain.0 as usize].registered = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use casebook_core::{Bytes, EvidenceSet};

    use super::*;

    #[test]
    fn equal_priorities_are_put_back_in_the_order_they_run() {
        let listing = "family ip {\n\thook input {\n\t\t-0000000200 ipv4_conntrack_in [nf_conntrack]\n\
                       \t\t 0000000000 chain inet t d [nf_tables]\n\t\t 0000000000 chain inet t a [nf_tables]\n\
                       \t\t 0000000000 chain inet t b [nf_tables]\n\t\t 0000000000 chain inet t c [nf_tables]\n\
                       \t\t+0000000100 nf_nat_ipv4_local_in [nf_nat]\n\t}\n}\n";
        let mut set = EvidenceSet::new();
        let id = set.add("hooks.txt", Some("nft-hooks"), Bytes::new(listing.as_bytes().to_vec()));
        let hooks = read(set.get(id).unwrap());
        assert!(hooks.unmodelled.is_empty());
        let names: Vec<&str> = hooks.groups[0].iter().map(|(_, _, chain)| chain.as_str()).collect();
        assert_eq!(names, ["d", "c", "b", "a"]);

        let text = "table inet t {\n chain a {\n type filter hook input priority 0\n }\n chain b {\n type filter hook input priority 0\n }\n\
                    chain c {\n type filter hook input priority 0\n }\n chain d {\n type filter hook input priority 0\n }\n}\n";
        let id = set.add("t.nft", Some("nft-text"), Bytes::new(text.as_bytes().to_vec()));
        let mut facts = super::super::read::ruleset(&set, set.get(id).unwrap(), Default::default());
        // As if `a` had been the last: the listing says that it runs last.
        let chains = &mut facts.ruleset.tables[0].chains;
        chains[0].registered = 9;
        hooks.order(&mut facts.ruleset);
        let chains = &facts.ruleset.tables[0].chains;
        let mut order: Vec<_> = chains.iter().map(|chain| (chain.registered, chain.name.as_str())).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(order.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    }
}
