//! `casebook nft optimize-check`: whether a rewritten ruleset still does the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use serde_json::json;

use super::diff::{as_json, name, notes, print};
use crate::model::symbolic::diff::{Budget, Change, Found, Kind, classes, compare};

pub(super) const LONG: &str = "\
Proves that NEW, what `nft -o` or a person made of OLD, does the same to every packet, or shows packets for which it does
not: another verdict, mark, translation, log or set update. Told apart from that is what a merge changes by its nature:

  counters   rules that are merged share one counter; which counter counts a packet is said, and does not count
  order      the same effects in another order

A counter that is gone is a difference. A rate limit, quota or count of connections that is now in a rule of another text
is not decided: whether it still lets the same packets through depends on what it is shared with.

`nft -o` of 1.0.6 merges `tcp flags syn accept` and `tcp flags ack accept` to `tcp flags { syn, ack } accept`, which is
not the same: as elements of a set the flags are the whole value.

Exit status: 0 the same, 1 not the same, 2 not decided or something could not be read.

Examples:
  unshare -rn sh -c 'nft -o -f edge.nft >/dev/null; nft list ruleset' | casebook nft optimize-check edge.nft -
  casebook nft optimize-check HEAD:edge.nft edge.nft";

/// What a change means for a rewritten ruleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Something else happens to packets.
    Differs,
    /// It depends on a condition that no packet decides, and that the rewriting moved to another rule.
    Undecided,
    /// Packets are counted by another rule.
    Counted,
    /// The same in another order.
    Ordered,
}

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (_, old) = super::named_ruleset(input, "old")?;
    let (_, new) = super::named_ruleset(input, "new")?;
    let (mut changes, mut stopped) = (Vec::new(), Vec::new());
    for class in classes(&old.ruleset, &new.ruleset) {
        match compare(&old.ruleset, &new.ruleset, class, Budget::default()) {
            Found::Changes(found) => changes.extend(found),
            Found::OverBudget => stopped.push(class),
        }
    }
    let of = |wanted: Weight| changes.iter().filter(move |change| weight(change) == wanted).collect::<Vec<_>>();
    let (differs, undecided) = (of(Weight::Differs), of(Weight::Undecided));
    let counters = counters(&of(Weight::Counted));
    let ordered = of(Weight::Ordered);
    let notes = notes(&old.ruleset, &new.ruleset);
    let (answer, code) = match (differs.is_empty(), undecided.is_empty() && stopped.is_empty()) {
        (false, _) => ("not equal", 1),
        (true, false) => ("undecided", 2),
        (true, true) => ("equal", 0),
    };
    if input.format == OutputFormat::Json {
        let list = |changes: &[&Change]| changes.iter().map(|change| as_json(change)).collect::<Vec<_>>();
        let value = json!({
            "answer": answer,
            "differences": list(&differs),
            "undecided": list(&undecided),
            "unanswered": stopped.iter().map(|class| name(*class)).collect::<Vec<_>>(),
            "counters": counters.iter().map(|(new, old)| json!({"counter": new, "counted_before_by": old})).collect::<Vec<_>>(),
            "order": list(&ordered),
            "notes": notes,
        });
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(code);
    }
    match answer {
        "equal" => {
            writeln!(out, "equal: every packet has the same verdict, marks, translations, logs and set updates")?
        }
        "undecided" => writeln!(out, "undecided: nothing is shown to differ, and not all is shown to be the same")?,
        _ => writeln!(out, "not equal")?,
    }
    for change in differs.iter().chain(&undecided) {
        writeln!(out)?;
        print(change, out)?;
    }
    if let Some(why) = flags(&differs) {
        writeln!(out, "\nbecause: {why}")?;
    }
    for class in &stopped {
        writeln!(out, "undecided within budget: {}", name(*class))?;
    }
    for (new, old) in &counters {
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        writeln!(out, "note: the {new} counts what was counted by the {}", old.join(" and the "))?;
    }
    for change in &ordered {
        writeln!(out, "note: {}: the same is done in another order by {}", name(change.class), by(&change.new_by))?;
    }
    for note in &notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(code)
}

fn by(who: &Option<String>) -> &str {
    who.as_deref().unwrap_or("no rule")
}

/// True for a counter that has no name: it belongs to its rule.
fn is_counter(text: &str) -> bool {
    text.starts_with("counter of rule ")
}

fn weight(change: &Change) -> Weight {
    if change.witness.is_none() {
        return Weight::Undecided;
    }
    let moved = change.lost.iter().chain(&change.gained).all(|text| is_counter(text))
        && change.lost.len() == change.gained.len();
    match change.kind {
        Kind::Effect if moved => Weight::Counted,
        Kind::Order => Weight::Ordered,
        Kind::Verdict | Kind::Effect => Weight::Differs,
    }
}

/// For each counter that counts what others counted, those others.
fn counters(changes: &[&Change]) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for change in changes {
        for new in &change.gained {
            out.entry(new.clone()).or_default().extend(change.lost.iter().cloned());
        }
    }
    out
}

/// Why flags that were merged into a set are not the same.
fn flags(changes: &[&Change]) -> Option<&'static str> {
    let merged = |who: &Option<String>| who.as_deref().is_some_and(|text| text.contains("tcp flags {"));
    let apart = |who: &Option<String>| {
        who.as_deref().is_some_and(|text| text.contains("tcp flags") && !text.contains("tcp flags {"))
    };
    let found =
        changes.iter().any(|change| merged(&change.new_by) || (apart(&change.old_by) && !apart(&change.new_by)));
    found.then_some(
        "`tcp flags syn` asks for a flag, `tcp flags { syn, ack }` for the whole value; see `casebook explain NFT107`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::symbolic::space::Class;
    use casebook_formats::nft::packet::Path;
    use casebook_formats::nft::packet_text;

    fn change(kind: Kind, lost: &[&str], gained: &[&str], witness: bool) -> Change {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Change {
            kind,
            class: Class { path: Path::Input, ip6: false, tracked: false, later: false },
            old: "accept".into(),
            new: "accept".into(),
            old_by: None,
            new_by: None,
            lost: list(lost),
            gained: list(gained),
            regions: Vec::new(),
            more: false,
            witness: witness.then(|| packet_text::parse("tcp 192.0.2.1 > 198.51.100.1:22").unwrap()),
            boxes: Vec::new(),
            count: None,
            region_counts: Vec::new(),
            members: crate::model::symbolic::diagram::Node::FALSE,
            outcomes: (0, 0),
            depends: Vec::new(),
        }
    }

    #[test]
    fn a_counter_that_moved_is_told_apart_from_one_that_is_gone() {
        let (a, b) = ("counter of rule `a`", "counter of rule `b`");
        assert_eq!(weight(&change(Kind::Effect, &[a], &[b], true)), Weight::Counted);
        assert_eq!(weight(&change(Kind::Effect, &[a], &[], true)), Weight::Differs);
        assert_eq!(
            weight(&change(Kind::Effect, &["counter \"named\""], &["counter \"other\""], true)),
            Weight::Differs
        );
        assert_eq!(weight(&change(Kind::Effect, &[a, "ct mark 0x1"], &[b, "ct mark 0x2"], true)), Weight::Differs);
    }

    #[test]
    fn what_no_packet_shows_is_undecided() {
        assert_eq!(weight(&change(Kind::Verdict, &[], &[], false)), Weight::Undecided);
        assert_eq!(weight(&change(Kind::Order, &[], &[], true)), Weight::Ordered);
    }
}
