//! Random options of the whole link.

use case_link_errors::model::input::{ExcludeLibs, Output, Pattern, Unresolved, VersionNode, VersionScript};

use crate::features::Feature;
use crate::generate::{Dice, version};
use crate::scenario::{Opt, Scenario};

pub fn draw(dice: &mut Dice, scenario: &mut Scenario) {
    let mut options = Vec::new();
    // What `--unresolved-symbols` says and what these say depends on their order; the model's input has none.
    let policy = dice.has(Feature::Unresolved);
    if dice.has(Feature::Defs) && !policy {
        let defs = scenario.output == Output::Shared || dice.random.chance(30);
        options.push(Opt::Defs(defs));
    }
    if dice.has(Feature::AllowShlib) && !policy {
        options.push(Opt::AllowShlibUndefined(dice.random.chance(60)));
    }
    if dice.has(Feature::AllowMultiple) {
        options.push(Opt::AllowMultiple);
    }
    if dice.has(Feature::RpathLink) {
        options.push(Opt::RpathLink);
    }
    if policy {
        options.push(Opt::Unresolved(*dice.random.pick(&[
            Unresolved::Report,
            Unresolved::Ignore,
            Unresolved::IgnoreInObjects,
            Unresolved::IgnoreInShared,
        ])));
    }
    if dice.has(Feature::WarnUnresolved) {
        options.push(Opt::WarnUnresolved);
    }
    let relocatable = scenario.output == Output::Relocatable;
    if dice.has(Feature::Gc) && !relocatable {
        options.push(Opt::Gc(dice.random.chance(75)));
    }
    if let Some(name) = dice.wrapped.clone() {
        options.push(Opt::Wrap(name));
    }
    if dice.has(Feature::Defsym) {
        defsym(dice, &mut options);
    }
    if dice.has(Feature::Undefined) {
        for _ in 0..1 + dice.random.below(2) {
            options.push(Opt::Undefined(dice.name()));
        }
    }
    if dice.has(Feature::Require) {
        options.push(Opt::Require(dice.name()));
    }
    if dice.has(Feature::Entry) {
        options.push(Opt::Entry(dice.name()));
    }
    if dice.has(Feature::ExcludeLibs) {
        let named = dice.random.chance(60);
        let library = dice.random.below(scenario.archives.len().max(1));
        options.push(Opt::ExcludeLibs(match scenario.archives.get(library) {
            Some(library) if named => ExcludeLibs::Named(vec![library.name.clone()]),
            _ => ExcludeLibs::All,
        }));
    }
    if dice.has(Feature::VersionScript) {
        let script = version_script(dice);
        options.push(Opt::Versions(script));
        if dice.has(Feature::UndefinedVersion) {
            options.push(Opt::UndefinedVersion(dice.random.chance(50)));
        }
    }
    if dice.has(Feature::FortranCommon) {
        options.push(Opt::FortranCommon(dice.random.chance(50)));
    }
    if dice.has(Feature::ExportDynamic) && !relocatable {
        options.push(Opt::ExportDynamic);
    }
    if dice.has(Feature::Symbolic) {
        options.push(Opt::Symbolic);
    }
    scenario.options = options;
}

fn defsym(dice: &mut Dice, options: &mut Vec<Opt>) {
    let name = if dice.random.chance(80) { dice.name() } else { "alias".into() };
    let name = name.trim_start_matches("__real_").to_string();
    let value = dice.random.chance(60).then(|| dice.name()).filter(|value| *value != name);
    options.push(Opt::Defsym(name, value, dice.random.chance(30)));
}

fn version_script(dice: &mut Dice) -> VersionScript {
    let pattern = |text: &str| Pattern { text: text.into(), literal: false, cxx: false };
    let hide = vec![pattern("*")];
    if !dice.has(Feature::Versions) {
        let mut global = vec![];
        for _ in 0..dice.random.below(4) {
            global.push(pattern(&dice.name()));
        }
        if dice.random.chance(25) {
            global.push(pattern("f*"));
        }
        let local = if dice.random.chance(80) { hide } else { vec![] };
        return VersionScript { nodes: vec![VersionNode { name: None, global, local }] };
    }
    let mut nodes = vec![];
    let count = 1 + dice.random.below(2);
    for number in 0..count {
        let mut node = VersionNode { name: Some(format!("V{}", number + 1)), ..VersionNode::default() };
        for _ in 0..1 + dice.random.below(2) {
            let name = dice.name();
            if !nodes.iter().any(|node: &VersionNode| node.global.iter().any(|known| known.text == name)) {
                node.global.push(pattern(&name));
            }
        }
        if number == 0 && dice.random.chance(60) {
            node.local.push(pattern("*"));
        }
        nodes.push(node);
    }
    let _ = version(dice);
    VersionScript { nodes }
}
