//! `casebook nft diff`: the packets whose outcome a change changes.

use std::io::Write;

use casebook_core::{OutputFormat, VerbError, VerbInput};
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::packet::Path;
use casebook_formats::nft::{craft, packet_json};
use serde_json::{Value, json};

use super::confirm::{Answer, Loaded, confirm};
use crate::facts::Form;
use crate::model::symbolic::count::Count;
use crate::model::symbolic::diff::{Budget, Change, Kind, classes};
use crate::model::symbolic::space::Class;
use crate::model::symbolic::touched::Pair;

pub(super) const LONG: &str = "\
Both rulesets are compiled over all packets at once, so that what is printed is all that changes: packets that end another
way first, then those that end the same way and lose or gain a mark, a translation, a log, a limit or a counter, then those
for which the same is done in another order. Every change has a witness, a packet that was run through both rulesets.

Compared are packets to, through and from this host, IPv4 and IPv6, headers cut short and fragments included; chains of
bridge, arp and netdev tables are not.

OLD and NEW are a file, a folder (of it the file that no other includes, nftables.conf first), JSON of nft, `-`, or REV:path
of the git repository here, whose includes are read from the same revision.

What is counted are the different combinations of values the changed packets have in the fields named beside the
number; names of devices are not counted.

With --confirm each witness also runs through the kernel of this machine, under each ruleset, in a network namespace of its
own: nothing of this machine changes. It says for each whether verdict, marks and counters were as the model says, or why
that cannot be seen here.

Exit status: 0 nothing changes, 1 something does, 2 a ruleset could not be read, the answer is not complete, or the kernel
disagrees.

Examples:
  casebook nft diff before.nft after.nft
  casebook nft diff HEAD~1:etc/edge.nft etc/edge.nft
  nft -j -a list ruleset | casebook nft diff /etc/nftables.conf -
  casebook nft diff --confirm before.nft after.nft";

pub(super) fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let (old_id, old) = super::named_ruleset(input, "old")?;
    let (new_id, new) = super::named_ruleset(input, "new")?;
    let confirms = input.flag("confirm");
    if confirms && ["nft", "kernel"].iter().any(|name| input.value(name).is_some()) {
        return Err(VerbError::usage("--confirm asks the kernel of this machine: leave out --nft and --kernel"));
    }
    let mut budget = Budget::default();
    let mut changes: Vec<Change> = Vec::new();
    let mut stopped: Vec<String> = Vec::new();
    let pair = Pair::new(&old.ruleset, &new.ruleset);
    for class in classes(&old.ruleset, &new.ruleset) {
        let (found, undecided) = pair.compare_in_parts(class, &mut budget);
        changes.extend(found);
        if !undecided.is_empty() {
            stopped.push(format!("{}: {}", name(class), undecided.join(", ")));
        }
    }
    changes.sort_by_key(|change| change.kind);
    let loaded = [(old_id, &old), (new_id, &new)].map(|(id, facts)| Loaded {
        text: input.evidence.get(id).map_or(&[][..], |item| item.as_bytes()),
        json: facts.form == Form::Json,
        includes: !facts.included.is_empty(),
        ruleset: &facts.ruleset,
    });
    let answers: Vec<Option<Answer>> = changes
        .iter()
        .map(|change| match &change.witness {
            _ if !confirms => None,
            Some(packet) => Some(confirm(input.experiments, &loaded, packet)),
            None => Some(Answer::Unconfirmed("there is no witness".into())),
        })
        .collect();
    let notes = notes(&old.ruleset, &new.ruleset);
    if input.format == OutputFormat::Json {
        let value = json!({
            "changes": changes.iter().zip(&answers).map(confirmed_json).collect::<Vec<_>>(),
            "undecided": stopped,
            "notes": notes,
        });
        serde_json::to_writer_pretty(&mut *out, &value).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        for (index, change) in changes.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            print(change, out)?;
            if let Some(answer) = &answers[index] {
                writeln!(out, "  {}", answer.text())?;
            }
        }
        if changes.is_empty() && stopped.is_empty() {
            writeln!(out, "same: no packet's outcome changes")?;
        }
        for part in &stopped {
            writeln!(out, "undecided within budget: {part}")?;
        }
        for note in &notes {
            writeln!(out, "note: {note}")?;
        }
    }
    if answers.iter().flatten().any(|answer| matches!(answer, Answer::Disagrees(_))) {
        return Ok(2);
    }
    Ok(match (stopped.is_empty(), changes.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    })
}

/// What is not compared, when one of the rulesets has it.
pub(super) fn notes(old: &Ruleset, new: &Ruleset) -> Vec<String> {
    use casebook_formats::nft::ir::Family;
    let mut out = Vec::new();
    let mut families: Vec<&str> = [old, new]
        .iter()
        .flat_map(|ruleset| &ruleset.tables)
        .filter(|table| matches!(table.family, Family::Bridge | Family::Arp | Family::Netdev))
        .map(|table| table.family.as_str())
        .collect();
    families.sort_unstable();
    families.dedup();
    if !families.is_empty() {
        out.push(format!("{} tables are not compared", families.join(" and ")));
    }
    let refused = old.problems.len() + if std::ptr::eq(old, new) { 0 } else { new.problems.len() };
    if refused > 0 {
        out.push(format!("nft refuses parts of these rulesets ({refused} problems); `casebook check` names them"));
    }
    out
}

pub(super) fn name(class: Class) -> String {
    let way = match class.path {
        Path::Input => "to this host",
        Path::Output => "from this host",
        _ => "through this host",
    };
    let what = if class.later { "fragments after the first," } else { "packets" };
    format!("{} {what} {way}", if class.ip6 { "IPv6" } else { "IPv4" })
}

pub(super) fn print(change: &Change, out: &mut dyn Write) -> std::io::Result<()> {
    let class = name(change.class);
    match change.kind {
        Kind::Verdict => writeln!(out, "{class}: {} becomes {}", change.old, change.new)?,
        Kind::Effect => writeln!(out, "{class}: still {}, and {}", change.new, what(change))?,
        Kind::Order => writeln!(out, "{class}: still {}, the same done in another order", change.new)?,
    }
    for (region, count) in change.regions.iter().zip(&change.region_counts) {
        match count {
            Some(count) if change.regions.len() > 1 => writeln!(out, "    {region}: {}", combinations(count))?,
            _ => writeln!(out, "    {region}")?,
        }
    }
    if change.more {
        writeln!(out, "    and more: only the first {} regions are named", change.regions.len())?;
    }
    if let Some(count) = &change.count {
        writeln!(out, "  holds       {}", combinations(count))?;
    }
    let by = |who: &Option<String>| who.clone().unwrap_or_else(|| "no rule".into());
    if change.old_by == change.new_by {
        writeln!(out, "  decided by  {}", by(&change.new_by))?;
    } else {
        writeln!(out, "  before      {}", by(&change.old_by))?;
        writeln!(out, "  after       {}", by(&change.new_by))?;
    }
    if change.kind == Kind::Verdict && !(change.lost.is_empty() && change.gained.is_empty()) {
        writeln!(out, "  also        {}", what(change))?;
    }
    for what in &change.depends {
        writeln!(out, "  depends on  {what}")?;
    }
    match &change.witness {
        Some(packet) => writeln!(out, "  witness     {}", craft::describe(packet)),
        None if change.depends.is_empty() => writeln!(out, "  witness     none was confirmed: take this as undecided"),
        None => Ok(()),
    }
}

/// `65 536 combinations of ip saddr and tcp dport`.
fn combinations(count: &Count) -> String {
    let number = count.number.words();
    let of = match count.of.as_slice() {
        [only] => return format!("{number} value{} of {only}", if number == "1" { "" } else { "s" }),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    };
    format!("{number} combination{} of {of}", if number == "1" { "" } else { "s" })
}

fn what(change: &Change) -> String {
    let mut parts = Vec::new();
    if !change.lost.is_empty() {
        parts.push(format!("lost: {}", change.lost.join("; ")));
    }
    if !change.gained.is_empty() {
        parts.push(format!("new: {}", change.gained.join("; ")));
    }
    parts.join(", ")
}

/// A change with what the kernel says of its witness.
fn confirmed_json((change, answer): (&Change, &Option<Answer>)) -> Value {
    let mut out = as_json(change);
    if let Some(answer) = answer {
        out["kernel"] = answer.json();
    }
    out
}

pub(super) fn as_json(change: &Change) -> Value {
    let kind = match change.kind {
        Kind::Verdict => "verdict",
        Kind::Effect => "effect",
        Kind::Order => "order",
    };
    let number = |count: &Option<Count>| count.as_ref().map(|count| count.number.to_string());
    let fields = |count: &Option<Count>| count.as_ref().map(|count| count.of.clone());
    json!({
        "kind": kind,
        "packets": name(change.class),
        "old": {"verdict": change.old, "by": change.old_by},
        "new": {"verdict": change.new, "by": change.new_by},
        "lost": change.lost,
        "gained": change.gained,
        "regions": change.regions,
        "region_counts": change.region_counts.iter().map(number).collect::<Vec<_>>(),
        "more_regions": change.more,
        "count": number(&change.count),
        "counted": fields(&change.count),
        "witness": change.witness.as_ref().map(packet_json::to_json),
        "depends": change.depends,
    })
}
