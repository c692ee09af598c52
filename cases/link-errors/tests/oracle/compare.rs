//! Holds what the model says against what a linker did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use case_link_errors::model::input::{Content, Definition, FileId, Program, Symbol};
use case_link_errors::model::names::Name;
use case_link_errors::model::outcome::{LinkerKind, Outcome, Refusal, UndefinedWhy, Verdict};

use crate::linkers::Observed;
use crate::messages;
use crate::read::{COMMON, SHARED};

/// Where the two are not the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The linker links (true) and the model says it does not, or the reverse (false).
    Linked(bool),
    /// Undefined symbols: those of the linker alone, those of the model alone.
    Undefined(Vec<String>, Vec<String>),
    Duplicates(Vec<String>, Vec<String>),
    /// The linker says "DSO missing from command line" (true) and the model does not, or the reverse.
    DsoMissing(bool),
    /// Kinds of other reasons.
    Refusals(Vec<String>, Vec<String>),
    Extracted(Vec<String>, Vec<String>),
    /// `DT_NEEDED` of the linker, of the model.
    Needed(Vec<String>, Vec<String>),
    /// A symbol, its definition for the linker, for the model.
    Winner(String, String, String),
    /// A line of the linker that `messages` does not know.
    Unparsed(String),
    /// An error of the linker's own that the model does not foresee.
    Crashed(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = |what: &str, real: &[String], model: &[String]| {
            format!("{what}: the linker alone {real:?}, the model alone {model:?}")
        };
        let text = match self {
            Self::Linked(true) => "it links, the model says it does not".to_string(),
            Self::Linked(false) => "it does not link, the model says it does".into(),
            Self::Undefined(real, model) => sets("undefined", real, model),
            Self::Duplicates(real, model) => sets("duplicates", real, model),
            Self::DsoMissing(real) => format!("DSO missing: the linker {real}, the model {}", !real),
            Self::Refusals(real, model) => sets("refusals", real, model),
            Self::Extracted(real, model) => sets("extracted", real, model),
            Self::Needed(real, model) => format!("needed: the linker {real:?}, the model {model:?}"),
            Self::Winner(name, real, model) => format!("{name}: the linker has {real}, the model {model}"),
            Self::Unparsed(line) => format!("not understood: {line}"),
            Self::Crashed(line) => format!("not foreseen: {line}"),
        };
        f.write_str(&text)
    }
}

impl Difference {
    /// Its kind, for statistics and for a shrinker that keeps to one.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linked(true) => "links",
            Self::Linked(false) => "fails",
            Self::Undefined(..) => "undefined",
            Self::Duplicates(..) => "duplicates",
            Self::DsoMissing(_) => "dso-missing",
            Self::Refusals(..) => "refusals",
            Self::Extracted(..) => "extracted",
            Self::Needed(..) => "needed",
            Self::Winner(..) => "winner",
            Self::Unparsed(_) => "unparsed",
            Self::Crashed(_) => "crashed",
        }
    }
}

/// What is not the same. Failing links: undefined and duplicate symbols, whether a DSO is missing, kinds of other reasons.
/// Links that succeed (all links of ld.bfd): members that were taken. Links that succeed: `DT_NEEDED` in order, the definition of each symbol.
pub fn compare(kind: LinkerKind, observed: &Observed, predicted: &Observed) -> Vec<Difference> {
    let mut differences: Vec<Difference> = observed.unparsed.iter().cloned().map(Difference::Unparsed).collect();
    if observed.linked != predicted.linked {
        differences.push(Difference::Linked(observed.linked));
    }
    if observed.linked && predicted.linked && kind != LinkerKind::Wild {
        // With `--warn-unresolved-symbols`.
        sets(&observed.undefined, &predicted.undefined, &mut differences, Difference::Undefined);
    }
    if !observed.linked && !predicted.linked {
        // wild says one of all it found while it looked for what can be reached.
        let (seen, said) = (kinds(&observed.refusals), kinds(&predicted.refusals));
        if kind == LinkerKind::Wild
            && !(observed.undefined.is_empty() && seen.is_empty())
            && observed.undefined.is_subset(&predicted.undefined)
            && seen.is_subset(&said)
        {
            return differences;
        }
        sets(&observed.undefined, &predicted.undefined, &mut differences, Difference::Undefined);
        sets(&observed.duplicates, &predicted.duplicates, &mut differences, Difference::Duplicates);
        if observed.dso_missing.is_empty() != predicted.dso_missing.is_empty() {
            differences.push(Difference::DsoMissing(!observed.dso_missing.is_empty()));
        }
        sets(&seen, &said, &mut differences, Difference::Refusals);
    }
    // ld.bfd tells while it goes on.
    if observed.linked == predicted.linked && (observed.linked || kind == LinkerKind::Bfd) {
        sets(&observed.extracted, &predicted.extracted, &mut differences, Difference::Extracted);
    }
    if observed.linked && predicted.linked {
        if observed.needed != predicted.needed {
            differences.push(Difference::Needed(observed.needed.clone(), predicted.needed.clone()));
        }
        winners(&observed.winners, &predicted.winners, &mut differences);
    }
    differences
}

fn kinds(refusals: &BTreeSet<String>) -> BTreeSet<String> {
    refusals.iter().map(|refusal| refusal.split(':').next().unwrap_or_default().to_string()).collect()
}

fn sets(
    real: &BTreeSet<String>,
    model: &BTreeSet<String>,
    differences: &mut Vec<Difference>,
    which: fn(Vec<String>, Vec<String>) -> Difference,
) {
    if real != model {
        let alone = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        differences.push(which(alone(real, model), alone(model, real)));
    }
}

type Winners = BTreeMap<String, BTreeSet<String>>;

fn winners(real: &Winners, model: &Winners, differences: &mut Vec<Difference>) {
    let nobody = BTreeSet::new();
    let names: BTreeSet<&String> = real.keys().chain(model.keys()).collect();
    for name in names {
        let (seen, said) = (real.get(name).unwrap_or(&nobody), model.get(name).unwrap_or(&nobody));
        // Of shared objects only those are seen that are asked for a version.
        let shared = !said.is_empty() && said.iter().all(|winner| winner.starts_with(SHARED));
        if seen != said && !(shared && seen.is_subset(said)) {
            let list = |set: &BTreeSet<String>| match set.is_empty() {
                true => "nobody".into(),
                false => set.iter().cloned().collect::<Vec<_>>().join(" and "),
            };
            differences.push(Difference::Winner(name.clone(), list(seen), list(said)));
        }
    }
}

/// The model's outcome in the words of [`Observed`].
pub fn view(program: &Program, outcome: &Outcome) -> Observed {
    let text = |name: Name| program.names.text(name).into_owned();
    let file = |id: FileId| program.files[id.0 as usize].name.clone();
    let mut view = Observed { linked: outcome.verdict == Verdict::Links, ..Observed::default() };
    if outcome.verdict == Verdict::Unknown {
        view.unknown = outcome.unknown.iter().map(|unknown| unknown.what.clone()).collect();
        if view.unknown.is_empty() {
            view.unknown.push("unknown, and nothing says why".into());
        }
    }
    for undefined in &outcome.undefined {
        let version = undefined.version.map(|version| format!("@{}", text(version))).unwrap_or_default();
        let name = text(undefined.name) + &version;
        match undefined.why {
            // mold says it of every undefined symbol in the same words.
            UndefinedWhy::Discarded if outcome.linker.kind != LinkerKind::Mold => {
                view.refusals.insert(format!("discarded:{name}"));
            }
            _ => {
                view.undefined.insert(name);
            }
        }
    }
    view.crashed = outcome.refusals.iter().find_map(|refusal| match refusal {
        Refusal::Other(what) if what.contains("internal error") => Some(what.clone()),
        _ => None,
    });
    view.duplicates = outcome.duplicates.iter().map(|duplicate| text(duplicate.name)).collect();
    view.dso_missing = outcome.dso_missing.iter().map(|missing| text(missing.name)).collect();
    for refusal in &outcome.refusals {
        if let Refusal::Other(what) = refusal {
            // In the linker's own words, or with a kind of its own in front.
            let mut told = Observed::default();
            messages::parse(outcome.linker.kind, what, &mut told);
            view.refusals.extend(told.refusals);
            view.undefined.extend(told.undefined);
            view.refusals.extend(told.unparsed);
        }
    }
    let refusals = outcome.refusals.iter().filter_map(|refusal| {
        Some(match refusal {
            Refusal::File(id) => format!("file:{}", file(*id)),
            Refusal::NoIndex(id) => format!("no-index:{}", file(*id)),
            Refusal::TlsMismatch(name, ..) => format!("tls:{}", text(*name)),
            Refusal::HiddenInObject(name, ..) => format!("hidden:{}", text(*name)),
            Refusal::VersionUndefined(name) => format!("version:{}", text(*name)),
            Refusal::Other(_) => return None,
        })
    });
    view.refusals.extend(refusals);
    view.extracted = outcome.extracted.iter().map(|extraction| file(extraction.member)).collect();
    view.needed = outcome.needed.iter().map(|needed| text(needed.soname)).collect();
    for (name, id) in &outcome.definitions {
        if let Some(winner) = winner(program, outcome.linker.kind, *name, *id) {
            view.winners.entry(text(*name)).or_default().insert(winner);
        }
    }
    // What a symbol table has of a name that is also in a shared object, under a version, is the object's.
    for winners in view.winners.values_mut() {
        if winners.iter().any(|winner| !winner.starts_with(SHARED)) {
            winners.retain(|winner| !winner.starts_with(SHARED));
        }
    }
    view
}

/// As `read` tells it: symbols of objects without a version or with their default one, and shared objects.
fn winner(program: &Program, linker: LinkerKind, name: Name, id: FileId) -> Option<String> {
    let file = &program.files[id.0 as usize];
    let object = match &file.content {
        Content::Object(object) => object,
        Content::Shared(shared) => {
            let soname = shared.soname.map_or(file.name.clone().into(), |soname| program.names.text(soname));
            return Some(format!("{SHARED}{soname}"));
        }
        _ => return None,
    };
    // gold gives absolute and common symbols the name `--wrap` gives to references.
    let wrap = &program.options.wrap;
    let is_wrapped = |symbol: &Symbol| {
        linker == LinkerKind::Gold
            && !matches!(symbol.definition, Definition::Section(_))
            && wrap.iter().any(|wrap| {
                (wrap.name == symbol.name && wrap.wrapped == name) || (wrap.real == symbol.name && wrap.name == name)
            })
    };
    let mut here = object.globals().map(|(_, symbol)| symbol).filter(|symbol| {
        (symbol.name == name || is_wrapped(symbol))
            && !symbol.is_undefined()
            && symbol.version.is_none_or(|version| version.default)
    });
    Some(match here.next()?.definition {
        Definition::Common { .. } => COMMON.into(),
        _ => file.name.clone(),
    })
}
