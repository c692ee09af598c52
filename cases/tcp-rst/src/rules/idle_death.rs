//! RST111 idle-death

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Place, Rule, Severity, Span};
use serde_json::json;

use super::places::{cure, line_place, text_place};
use super::resets::{CAUSES, groups};
use crate::facts::Facts;
use crate::facts::timer::Micros;
use crate::model::build::Built;
use crate::model::emitter::plural;
use crate::model::explain;
use crate::model::foretell::{Foretold, cures, fate, foretell, sentence, side, who};
use crate::model::path::{Death, Ends, Outcome, Who, show};
use crate::model::words::time_ns;
use std::collections::BTreeSet;

casebook_core::rule! {
    /// A connection that falls silent dies by configuration: a timer on its path is shorter than the silence, and what the next
    /// packet meets kills it.
    ///
    /// The ruleset, the kernel's settings and the proxies' timers say when, by whom and to whom. A timer that runs out unseen is
    /// harmless where the next packet begins the same entry again, and fatal where it gets another backend, another port, an
    /// untranslated address or a rule that rejects it. Who speaks first decides.
    ///
    /// Mechanism: `tcp_new` and `tcp_timeouts` (net/netfilter/nf_conntrack_proto_tcp.c), `nf_nat_inet_fn`
    /// (net/netfilter/nf_nat_core.c), the manuals of the proxies.
    ///
    /// Fix: a keepalive shorter than the timer, on the same leg; or a longer timer.
    pub IDLE_DEATH = "RST111" "idle-death" of "tcp-rst", Warning, since "0.1.0",
    "a silent connection dies by configuration: when, by whom, to whom",
    check(Facts), when Facts::has_paths
}

/// A timer at or above this is longer than the keepalive every system has by default, if a program asks for it.
const DEFAULT_KEEPALIVE: Micros = Micros::seconds(7_200);

fn check(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    let mut alike: Vec<(Vec<String>, usize)> = Vec::new();
    let explained = explained(facts);
    for (index, built) in facts.built.iter().enumerate() {
        // A finding about a RST has named this timer already.
        if explained.contains(&index) || !built.is_told() {
            continue;
        }
        let told = foretell(built, None, None);
        let Some(builder) = finding(rule, facts, evidence, built, &told) else { continue };
        // Twenty ports with one fate are one finding.
        let same: Vec<String> = told
            .iter()
            .filter_map(|one| {
                Some(format!("{}{:?}", sentence(&built.path, one, one.prediction.death.as_ref()?), built.evidence))
            })
            .collect();
        match alike.iter_mut().find(|(known, _)| *known == same && !same.is_empty() && !built.declared) {
            Some((_, count)) => *count += 1,
            None => {
                alike.push((same, 0));
                out.push(builder.build(evidence));
            }
        }
    }
    for (finding, (_, more)) in out.iter_mut().zip(&alike).filter(|(_, (_, more))| *more > 0) {
        finding
            .because
            .push(format!("{more} more {} of this evidence have the same fate.", plural(*more as u64, "path")));
    }
    out
}

/// Paths whose timer explains a RST or a silence that was captured.
fn explained(facts: &Facts) -> BTreeSet<usize> {
    let resets = CAUSES.into_iter().flat_map(|cause| groups(facts, cause)).flat_map(|group| group.explained());
    let others = super::leak::explained(facts)
        .into_iter()
        .chain(super::black_hole::explained(facts))
        .chain(super::late_write::explained(facts));
    resets.chain(others).filter_map(|one| one.path).collect()
}

fn finding(
    rule: &'static Rule,
    facts: &Facts,
    evidence: &EvidenceSet,
    built: &Built,
    told: &[Foretold],
) -> Option<FindingBuilder> {
    let path = &built.path;
    let known = |one: &&Foretold| one.prediction.death.as_ref().is_some_and(|death| !death.is_open());
    let fatal: Vec<&Foretold> = told.iter().filter(known).collect();
    let Some(first) = fatal.iter().min_by_key(|one| one.prediction.death.as_ref().map(|death| death.after)) else {
        if let Some(open) = told.iter().find_map(|one| one.prediction.death.as_ref()) {
            return Some(open_end(rule, evidence, built, open));
        }
        let undecided = told.iter().any(|one| one.prediction.undecided);
        // That a path nobody asked about is sound is no news.
        if undecided || !built.declared || told.iter().all(|one| one.prediction.notes.is_empty()) {
            return None;
        }
        let title = format!("a connection to {} outlives every timer of this path", path.name);
        let mut builder = FindingBuilder::new(rule, title, line_place(evidence, built.span, "the path")).exonerated();
        for note in told.iter().flat_map(|one| &one.prediction.notes) {
            builder = builder.because(note.clone());
        }
        return Some(builder.key(&path.name));
    };
    let death = first.prediction.death.as_ref()?;
    if let Some((quiet_ns, true)) = explain::observed(facts, built).filter(|_| built.quiet.is_none())
        && quiet_ns / 1_000 < i64::try_from(death.after.0).unwrap_or(i64::MAX)
    {
        let title = format!("connections to {} never fall silent for {}", path.name, show(death.after));
        let place = text_place(evidence, death.places.first().copied().unwrap_or(built.span), death.timer.clone());
        let builder = FindingBuilder::new(rule, title, place).exonerated().because(format!(
            "The longest silence of the captures is {}; {} starts anew with every packet.",
            time_ns(quiet_ns),
            death.timer
        ));
        return Some(builder.key(&path.name));
    }
    let spans: Vec<Span> = death.places.clone();
    let primary = spans.first().copied().unwrap_or(built.span);
    let title = match built.quiet {
        Some(quiet) => format!(
            "a connection to {} that is silent for {} dies: {}",
            path.name,
            show(quiet),
            sentence(path, first, death)
        ),
        None => format!("a silent connection to {} dies: {}", path.name, sentence(path, first, death)),
    };
    let label = format!("{}: {}", death.timer, show(death.after));
    let mut builder = FindingBuilder::new(rule, title, text_place(evidence, primary, label)).key(&path.name);
    let mut shown = vec![primary];
    for span in spans.iter().skip(1).chain([&built.span]).take(3) {
        if shown.contains(span) {
            continue;
        }
        shown.push(*span);
        builder = builder.place(Place { primary: false, ..line_place(evidence, *span, "what the next packet meets") });
    }
    for one in told {
        builder = match &one.prediction.death {
            Some(death) => {
                let mut line =
                    format!("If the {} speaks first: {}.", side(one.speaks_first), sentence(path, one, death));
                for fate in death.fates.iter().take(1) {
                    line.push(' ');
                    line.push_str(&fate.because.join(" "));
                }
                if let Some(other) = death.fates.get(1) {
                    line.push_str(&format!(" Otherwise {}.", fate(path, other)));
                }
                builder.because(line)
            }
            None => {
                let notes = one.prediction.notes.join(" ");
                let except: String = one
                    .prediction
                    .exceptions
                    .iter()
                    .map(|death| format!(" Except: {}.", sentence(path, one, death)))
                    .collect();
                let notes = sentence_case(&notes);
                builder.because(format!("If the {} speaks first it lives. {notes}{except}", side(one.speaks_first)))
            }
        };
    }
    for premise in &built.premises {
        builder = builder.because(format!("Taken for granted: {premise}"));
    }
    // What was captured is told of by the rules about it; what the configuration would do beside that is a note.
    let seen = explain::observed(facts, built);
    if let Some((quiet_ns, true)) = seen.filter(|_| told.len() > fatal.len()) {
        builder = builder.because(format!(
            "The connections of the captures came through up to {} of silence, and none of them died.",
            time_ns(quiet_ns)
        ));
    }
    let gentle = fatal.iter().all(|one| one.prediction.death.as_ref().is_some_and(|death| death.ends == Ends::Fin));
    // An orderly close after the time the product has built in is what everybody has: no news.
    let built_in = fatal.iter().all(|one| one.prediction.death.as_ref().is_some_and(|death| death.places.is_empty()));
    if gentle && built_in && !built.declared && built.quiet.is_none() {
        return None;
    }
    if (death.after >= DEFAULT_KEEPALIVE || gentle || seen.is_some()) && !built.declared {
        builder = builder.severity(Severity::Note);
    }
    builder = cures(built, told).into_iter().fold(builder, cure);
    let chance = death.fates.first().and_then(|fate| fate.chance);
    let summary = format!(
        "{} of {}; then {}",
        show(death.after),
        who(path, Who::Hop(death.hop)),
        death.fates.first().map_or_else(String::new, |one| fate(path, one))
    );
    Some(builder.witness(
        json!({
            "path": path.name,
            "timer": death.timer,
            "after_us": death.after.0,
            "hop": who(path, Who::Hop(death.hop)),
            "chance": chance,
            "outcomes": fatal.iter().map(|one| outcome(path, one)).collect::<Vec<_>>(),
        }),
        summary,
    ))
}

/// `text` with a capital letter first, where a sentence begins with the name of a hop.
fn sentence_case(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A timer runs out, and what the next packet meets is not modelled.
fn open_end(rule: &'static Rule, evidence: &EvidenceSet, built: &Built, death: &Death) -> FindingBuilder {
    let title = format!(
        "{} forgets a connection to {} after {} of silence, and what the next packet meets is not modelled",
        who(&built.path, Who::Hop(death.hop)),
        built.path.name,
        show(death.after)
    );
    let primary = death.places.first().copied().unwrap_or(built.span);
    let label = format!("{}: {}", death.timer, show(death.after));
    let mut builder = FindingBuilder::new(rule, title, text_place(evidence, primary, label)).key(&built.path.name);
    for span in death.places.iter().skip(1).take(2) {
        builder = builder.place(Place { primary: false, ..line_place(evidence, *span, "not modelled") });
    }
    for reason in death.fates.first().iter().flat_map(|fate| &fate.because) {
        builder = builder.because(reason.clone());
    }
    builder
        .severity(Severity::Note)
        .missing("A path.toml that says what the machine does (`casebook explain tcp-rst`), or one run of `casebook rst probe` through it.")
        .witness(
            json!({ "path": built.path.name, "timer": death.timer, "after_us": death.after.0 }),
            format!("{} of {}", show(death.after), who(&built.path, Who::Hop(death.hop))),
        )
}

fn outcome(path: &crate::model::path::Path, told: &Foretold) -> serde_json::Value {
    let fates = told.prediction.death.iter().flat_map(|death| &death.fates).map(|fate| {
        let (what, by, to) = match fate.outcome {
            Outcome::Survives => ("survives", None, None),
            Outcome::Reset { by, to, .. } => ("reset", Some(who(path, by)), Some(who(path, to))),
            Outcome::BlackHole { by } => ("black-hole", by.map(|by| who(path, by)), None),
            Outcome::AnswerLost => ("answer-lost", None, None),
            Outcome::Unknown => ("unknown", None, None),
        };
        json!({ "what": what, "by": by, "to": to, "chance": fate.chance, "if": fate.only_if })
    });
    json!({ "speaks_first": side(told.speaks_first), "fates": fates.collect::<Vec<_>>() })
}
