//! `--confirm`: a packet through the nftables of the running kernel, and what the model says held against it.
//!
//! The experiment is data: a network namespace of its own, TUN devices with the names the packet needs, the ruleset, a
//! table behind all others that records the packet with its marks. First the packet runs without the ruleset, which shows
//! whether this kernel takes it on the way it is meant to take, and what connection tracking makes of it.

mod experiment;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use casebook_core::Experiments;
use casebook_formats::nft::conntrack::is_active;
use casebook_formats::nft::ir::{NatKind, Ruleset};
use casebook_formats::nft::outcome::{Effect, End, Outcome};
use casebook_formats::nft::packet::{CtState, ETH_IP, ETH_IP6, Packet, Path};
use casebook_formats::nft::walk::Evaluator;
use serde_json::{Value, json};

use self::experiment::{Observed, observe};

/// A ruleset as the kernel gets it, and as the model has it.
pub(super) struct Loaded<'a> {
    /// What nft reads.
    pub(super) text: &'a [u8],
    /// It is a JSON listing.
    pub(super) json: bool,
    /// It includes other files.
    pub(super) includes: bool,
    /// The model's.
    pub(super) ruleset: &'a Ruleset,
}

/// What the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// As the model: what it showed.
    Confirmed(String),
    /// Something else: what.
    Disagrees(String),
    /// Nothing: why.
    Unconfirmed(String),
}

impl Answer {
    /// One line.
    pub(super) fn text(&self) -> String {
        match self {
            Answer::Confirmed(what) => format!("confirmed by the kernel: {what}"),
            Answer::Disagrees(what) => format!("the kernel disagrees: {what}"),
            Answer::Unconfirmed(why) => format!("not confirmed by the kernel: {why}"),
        }
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let (status, text) = match self {
            Answer::Confirmed(text) => ("confirmed", text),
            Answer::Disagrees(text) => ("disagrees", text),
            Answer::Unconfirmed(text) => ("unconfirmed", text),
        };
        json!({"status": status, "text": text})
    }
}

/// Runs the packet under each ruleset; confirmed when every one does to it what the model says, and what they do to it
/// can be told apart, or there is one only.
pub(super) fn confirm(experiments: Option<&dyn Experiments>, rulesets: &[Loaded<'_>], packet: &Packet) -> Answer {
    match asked(experiments, rulesets, packet) {
        Ok(answer) | Err(answer) => answer,
    }
}

fn asked(experiments: Option<&dyn Experiments>, rulesets: &[Loaded<'_>], packet: &Packet) -> Result<Answer, Answer> {
    let no = |why: String| Answer::Unconfirmed(why);
    let experiments = experiments.ok_or_else(|| no("there is no machine to ask".into()))?;
    let protocol = if packet.bytes.first().is_some_and(|byte| byte >> 4 == 6) { ETH_IP6 } else { ETH_IP };
    let tracks = |loaded: &Loaded<'_>| is_active(loaded.ruleset, protocol);
    let tracked = rulesets.iter().any(tracks);
    let control = observe(experiments, None, rulesets, packet, tracked).map_err(no)?;
    if control.mark.is_none() {
        return Err(no("this kernel does not take such a packet on this way".into()));
    }
    let wanted = packet.ct.state.unwrap_or(CtState::New).as_str();
    match control.state.as_deref() {
        Some(state) if tracked && state != wanted => {
            return Err(no(format!("connection tracking calls this packet {state}, not {wanted}")));
        }
        _ => {}
    }
    let (mut seen, mut words) = (Vec::new(), Vec::new());
    for loaded in rulesets {
        let expected = Evaluator::new(loaded.ruleset).run(packet);
        if !expected.depends.is_empty() || matches!(expected.end, End::Stolen | End::Unknown) {
            return Err(no("the model does not say what becomes of it".into()));
        }
        let turned = |(_, effect): &(_, Effect)| matches!(effect, Effect::Nat(NatKind::Redirect, _));
        if packet.path == Path::Forward && expected.effects.iter().any(turned) {
            return Err(no("a packet that is redirected to this host does not take the way through it".into()));
        }
        let observed = observe(experiments, Some(loaded), rulesets, packet, tracks(loaded)).map_err(no)?;
        if let Some(what) = differs(loaded.ruleset, &expected, &observed) {
            let which = if rulesets.len() == 1 { "" } else { [", before", ", after"][seen.len().min(1)] };
            return Err(Answer::Disagrees(format!("{what}{which}")));
        }
        words.push(described(&observed, expected.end));
        seen.push((shown(&observed), counted(loaded.ruleset, &expected), observed.counters.is_some()));
    }
    if let [first, second] = seen.as_slice() {
        let counters = first.2 && second.2 && first.1 != second.1;
        if first.0 == second.0 && !counters {
            return Err(no(format!(
                "verdict and marks are as the model says under both ({}), and what changes leaves no trace in them",
                words[0]
            )));
        }
        if first.0 == second.0 {
            return Ok(Answer::Confirmed(format!("{} under both, and other counters counted it", words[0])));
        }
    }
    Ok(Answer::Confirmed(match words.as_slice() {
        [before, after] => format!("{before} before, {after} after"),
        other => other.join(", "),
    }))
}

/// What can be told apart in two observations. A refusal is told by its answer.
fn shown(observed: &Observed) -> (Option<u32>, Option<u32>, bool) {
    (observed.mark, observed.ct_mark, observed.answered)
}

fn described(observed: &Observed, end: End) -> String {
    match (observed.mark, observed.ct_mark.filter(|mark| *mark != 0)) {
        (None, _) => end.as_str().to_owned(),
        (Some(0), None) => "accept".into(),
        (Some(mark), None) => format!("accept with mark {mark:#x}"),
        (Some(0), Some(ct_mark)) => format!("accept with ct mark {ct_mark:#x}"),
        (Some(mark), Some(ct_mark)) => format!("accept with mark {mark:#x} and ct mark {ct_mark:#x}"),
    }
}

/// How often each counter counts the packet: rules by table, chain and place, named counters by name.
fn counted(ruleset: &Ruleset, outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for (rule, effect) in &outcome.effects {
        let table = ruleset.table(rule.table);
        let owner = format!("{} {}", table.family.as_str(), table.name);
        let key = match effect {
            Effect::Counter(None) => {
                let chain = &table.chains[rule.chain.0 as usize].name;
                format!("{owner} {chain} {}", rule.index)
            }
            Effect::Counter(Some(name)) => format!("{owner} counter {name}"),
            _ => continue,
        };
        *out.entry(key).or_default() += 1;
    }
    out
}

/// What the kernel did that the model does not say.
fn differs(ruleset: &Ruleset, expected: &Outcome, observed: &Observed) -> Option<String> {
    let word = match (observed.mark, observed.answered) {
        (Some(_), _) => End::Accept,
        (None, true) => End::Reject,
        // No answer: the host may send none to such a packet.
        (None, false) if expected.end == End::Reject => End::Reject,
        (None, false) => End::Drop,
    };
    if word != expected.end && !(observed.mark.is_none() && observed.local && expected.end != End::Accept) {
        return Some(format!("{} where the model says {}", word.as_str(), expected.end.as_str()));
    }
    let marks = [("mark", observed.mark, expected.mark), ("ct mark", observed.ct_mark, expected.ct_mark)];
    for (name, ours, theirs) in marks {
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
        {
            return Some(format!("{name} {ours:#x} where the model says {theirs:#x}"));
        }
    }
    let expected = counted(ruleset, expected);
    let observed = observed.counters.as_ref()?;
    for key in expected.keys().chain(observed.keys()) {
        let [ours, theirs] = [observed, &expected].map(|list| list.get(key).copied().unwrap_or(0));
        if ours != theirs {
            return Some(format!("the counter of {key} counted {ours} where the model says {theirs}"));
        }
    }
    None
}
