//! Makes a scenario smaller while something stays true of it.

use case_link_errors::model::input::{Binding, Output, Visibility};

use crate::scenario::{Item, Place, Scenario, Unit};

/// The smallest scenario found for which `holds` is still true. Tries one change after the other until none helps.
pub fn shrink(scenario: &Scenario, holds: &mut dyn FnMut(&Scenario) -> bool) -> Scenario {
    let mut best = scenario.clone();
    loop {
        let before = best.clone();
        // What comes in pairs goes in pairs.
        try_one(&mut best, holds, |s| s.line.retain(|item| !matches!(item, Item::GroupStart | Item::GroupEnd)));
        try_one(&mut best, holds, |s| s.line.retain(|item| !matches!(item, Item::PushState | Item::PopState)));
        try_one(&mut best, holds, |s| s.line.retain(|item| !matches!(item, Item::Whole(_))));
        drop_each(&mut best, holds, |s| s.line.len(), |s, at| s.line.remove(at));
        drop_each(&mut best, holds, |s| s.options.len(), |s, at| s.options.remove(at));
        for library in 0..best.archives.len() {
            drop_each(
                &mut best,
                holds,
                |s| s.archives[library].members.len(),
                |s, at| s.archives[library].members.remove(at),
            );
        }
        for dso in 0..best.shared.len() {
            try_one(&mut best, holds, |s| s.shared[dso].absent |= !s.line.contains(&Item::Shared(dso)));
            drop_each(&mut best, holds, |s| s.shared[dso].symbols.len(), |s, at| s.shared[dso].symbols.remove(at));
            drop_each(&mut best, holds, |s| s.shared[dso].needed.len(), |s, at| s.shared[dso].needed.remove(at));
            try_one(&mut best, holds, |s| s.shared[dso].runpath = false);
            try_one(&mut best, holds, |s| s.shared[dso].soname = Some(s.shared[dso].name.clone()));
            for at in 0..best.shared[dso].symbols.len() {
                try_one(&mut best, holds, |s| s.shared[dso].symbols[at].version = None);
                try_one(&mut best, holds, |s| s.shared[dso].symbols[at].weak = false);
                try_one(&mut best, holds, |s| s.shared[dso].symbols[at].visibility = Visibility::Default);
            }
        }
        let units = units(&mut best.clone()).len();
        for unit in 0..units {
            shrink_unit(&mut best, holds, unit);
        }
        try_one(&mut best, holds, |s| s.output = Output::Executable);
        for library in 0..best.archives.len() {
            try_one(&mut best, holds, |s| s.archives[library].thin = false);
            try_one(&mut best, holds, |s| s.archives[library].bare = false);
        }
        if best == before {
            return clean(best);
        }
    }
}

/// What is on the line, or a library another needs, alone stays to be printed.
fn clean(mut scenario: Scenario) -> Scenario {
    for at in 0..scenario.objects.len() {
        if !scenario.line.contains(&Item::Object(at)) {
            scenario.objects[at].symbols.clear();
        }
    }
    for at in 0..scenario.archives.len() {
        if !scenario.line.contains(&Item::Archive(at)) {
            scenario.archives[at].members.clear();
        }
    }
    scenario
}

fn units(scenario: &mut Scenario) -> Vec<&mut Unit> {
    let members = scenario.archives.iter_mut().flat_map(|library| &mut library.members);
    scenario.objects.iter_mut().chain(members).collect()
}

fn shrink_unit(best: &mut Scenario, holds: &mut dyn FnMut(&Scenario) -> bool, unit: usize) {
    let count = |s: &Scenario| units(&mut s.clone()).get(unit).map_or(0, |unit| unit.symbols.len());
    drop_each(best, holds, count, |s, at| units(s)[unit].symbols.remove(at));
    for at in 0..count(best) {
        let sym =
            |s: &mut Scenario, change: &dyn Fn(&mut crate::scenario::Sym)| change(&mut units(s)[unit].symbols[at]);
        try_one(best, holds, |s| sym(s, &|sym| sym.version = None));
        try_one(best, holds, |s| sym(s, &|sym| sym.visibility = Visibility::Default));
        try_one(best, holds, |s| {
            sym(s, &|sym| {
                if sym.binding == Binding::Weak {
                    sym.binding = Binding::Global;
                }
            })
        });
        try_one(best, holds, |s| {
            sym(s, &|sym| {
                let wanted = if sym.is_defined() { vec![] } else { vec![0] };
                if !sym.from.is_empty() {
                    sym.from = wanted;
                }
            })
        });
        // Out of its own section or group, into the common one.
        try_one(best, holds, |s| {
            let unit = &mut *units(s)[unit];
            if let Place::In(part) = unit.symbols[at].place {
                let kind = unit.sections[part].kind;
                let plain = unit.sections.iter().position(|part| part.kind == kind && part.group.is_none());
                unit.symbols[at].place = Place::In(plain.unwrap_or(part));
            }
        });
    }
}

/// Makes one change and keeps it where the scenario is another and `holds` is still true.
fn try_one(best: &mut Scenario, holds: &mut dyn FnMut(&Scenario) -> bool, change: impl Fn(&mut Scenario)) {
    let mut candidate = best.clone();
    change(&mut candidate);
    if candidate != *best && holds(&candidate) {
        *best = candidate;
    }
}

/// Removes halves, quarters … and then single entries of a list.
fn drop_each<T>(
    best: &mut Scenario,
    holds: &mut dyn FnMut(&Scenario) -> bool,
    count: impl Fn(&Scenario) -> usize,
    remove: impl Fn(&mut Scenario, usize) -> T,
) {
    let mut size = (count(best) / 2).max(1);
    loop {
        let mut at = 0;
        while at < count(best) {
            let mut candidate = best.clone();
            for _ in 0..size.min(count(&candidate) - at) {
                remove(&mut candidate, at);
            }
            if holds(&candidate) {
                *best = candidate;
            } else {
                at += size;
            }
        }
        if size == 1 {
            return;
        }
        size /= 2;
    }
}
