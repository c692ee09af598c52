//! What `query --expect` and `test` share: an expectation over all classes of a filter, and how it is printed.

use std::io::Write;

use casebook_core::VerbError;
use casebook_formats::nft::ir::Ruleset;
use casebook_formats::nft::outcome::End;
use casebook_formats::nft::walk::Evaluator;
use casebook_formats::nft::{craft, packet_json};
use serde_json::{Value, json};

use super::diff::name;
use super::trace::summary;
use crate::model::filter::{self, Filter, FilterError};
use crate::model::symbolic::diff::Budget;
use crate::model::symbolic::query::{Answer, Places, Wanted, check, classes_of};
use crate::model::symbolic::space::Class;

/// Ends an expectation can name.
pub(super) const ENDS: [(&str, End); 3] = [("accept", End::Accept), ("drop", End::Drop), ("reject", End::Reject)];

/// How an expectation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Every packet has the outcome.
    Holds,
    /// Some packet has not.
    Fails,
    /// It is not known, or no packet meets the filter.
    Undecided,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Status::Holds => "ok",
            Status::Fails => "failed",
            Status::Undecided => "undecided",
        }
    }

    /// Exit status.
    pub(super) fn code(self) -> u8 {
        match self {
            Status::Holds => 0,
            Status::Fails => 1,
            Status::Undecided => 2,
        }
    }
}

/// An expectation, checked.
pub(super) struct Verdict {
    pub(super) status: Status,
    /// Counterexamples by class.
    failed: Vec<(Class, Places)>,
    /// Packets of which it is not known.
    unknown: Vec<(Class, Places)>,
    /// Classes without an answer, and why.
    unanswered: Vec<(Class, String)>,
}

/// Reads a filter for a ruleset.
pub(super) fn read(text: &str, ruleset: &Ruleset, marks: bool) -> Result<Filter, VerbError> {
    filter::parse(text, ruleset.host, marks).map_err(|error| VerbError::Usage {
        message: format!("the filter cannot be read{}", wrong(text, &error)),
        hint: error.hint,
    })
}

/// What is wrong with a filter, behind what is said of it.
pub(super) fn wrong(text: &str, error: &FilterError) -> String {
    let word = text.get(error.at.clone()).filter(|word| !word.is_empty() && word.len() < text.trim().len());
    let place = word.map(|word| format!(" at `{word}`")).unwrap_or_default();
    format!("{place}: {}", error.message)
}

/// Why there is no answer for a class.
pub(super) fn unanswered<T>(answer: &Answer<T>) -> String {
    match answer {
        Answer::NotCovered(what) => format!("the model does not follow {what} on this way"),
        _ => "no answer within the budget".into(),
    }
}

/// Checks an expectation over all classes of its filter.
pub(super) fn verify(ruleset: &Ruleset, filter: &Filter, wanted: &Wanted) -> Verdict {
    let mut any = false;
    let mut out = Verdict { status: Status::Holds, failed: Vec::new(), unknown: Vec::new(), unanswered: Vec::new() };
    for class in classes_of(ruleset, filter) {
        match check(ruleset, filter, wanted, class, Budget::default()) {
            Answer::Known(checked) => {
                any |= checked.any;
                out.failed.extend(checked.failed.map(|places| (class, places)));
                out.unknown.extend(checked.undecided.map(|places| (class, places)));
            }
            other => out.unanswered.push((class, unanswered(&other))),
        }
    }
    out.status = match (out.failed.is_empty(), any && out.unknown.is_empty() && out.unanswered.is_empty()) {
        (false, _) => Status::Fails,
        (true, true) => Status::Holds,
        (true, false) => Status::Undecided,
    };
    out
}

impl Verdict {
    /// What does not hold, or is not known, indented.
    pub(super) fn print(&self, ruleset: &Ruleset, out: &mut dyn Write) -> std::io::Result<()> {
        if self.failed.is_empty()
            && self.unknown.is_empty()
            && self.unanswered.is_empty()
            && self.status != Status::Holds
        {
            writeln!(out, "  no packet meets the filter, so nothing was checked")?;
        }
        for (class, places) in &self.failed {
            writeln!(out, "  {}", name(*class))?;
            print_places(places, out)?;
            if let Some(packet) = &places.witness {
                let outcome = Evaluator::new(ruleset).run(packet);
                writeln!(out, "    outcome   {}", summary(ruleset, &outcome))?;
            }
        }
        for (class, places) in &self.unknown {
            writeln!(out, "  not known: {}", name(*class))?;
            print_places(places, out)?;
        }
        for (class, why) in &self.unanswered {
            writeln!(out, "  not known: {}: {why}", name(*class))?;
        }
        Ok(())
    }

    /// As JSON.
    pub(super) fn json(&self, ruleset: &Ruleset) -> Value {
        let of = |(class, places): &(Class, Places)| {
            let mut value = places_json(*class, places);
            if let Some(packet) = &places.witness {
                value["outcome"] = summary(ruleset, &Evaluator::new(ruleset).run(packet)).into();
            }
            value
        };
        json!({
            "status": self.status.as_str(),
            "failed": self.failed.iter().map(of).collect::<Vec<_>>(),
            "undecided": self.unknown.iter().map(of).collect::<Vec<_>>(),
            "unanswered": self.unanswered.iter().map(|(class, why)| json!({"packets": name(*class), "why": why})).collect::<Vec<_>>(),
        })
    }
}

/// The first of a list of effects; the rest is counted.
pub(super) fn few(items: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = match items.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", items[..items.len().min(SHOWN)].join("; "))
}

/// Regions, witness and what they depend on.
pub(super) fn print_places(places: &Places, out: &mut dyn Write) -> std::io::Result<()> {
    for region in &places.regions {
        writeln!(out, "    {region}")?;
    }
    if places.more {
        writeln!(out, "    and more: only the first {} regions are named", places.regions.len())?;
    }
    for what in &places.depends {
        writeln!(out, "    depends   on {what}")?;
    }
    match &places.witness {
        Some(packet) => writeln!(out, "    witness   {}", craft::describe(packet)),
        None if places.unconfirmed => writeln!(out, "    witness   none was confirmed: take this as undecided"),
        None => Ok(()),
    }
}

/// The same as JSON.
pub(super) fn places_json(class: Class, places: &Places) -> Value {
    json!({
        "packets": name(class),
        "regions": places.regions,
        "more_regions": places.more,
        "witness": places.witness.as_ref().map(packet_json::to_json),
        "unconfirmed": places.unconfirmed,
        "depends": places.depends,
    })
}
