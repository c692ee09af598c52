//! Bytes to facts with spans: rulesets in the kernel's terms, and the routing that reads their marks.

pub mod ast;
pub mod hooks;
mod hosts;
pub mod json;
pub mod kinds;
pub mod routing;
pub mod text;

use std::collections::{BTreeMap, HashMap, HashSet};

use casebook_core::{Coverage, Evidence, EvidenceId, EvidenceSet, Input, Read, Unmodelled};

use crate::model::apply::State;
use crate::model::ir::{Problem, ProblemKind, Ruleset};
use crate::model::lower::lower;
use crate::model::release::{Host, Release};
use ast::Parsed;

/// How a ruleset was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text a person or program wrote, to be loaded.
    Source,
    /// `nft -a list ruleset`, with handles.
    Listing,
    /// `nft -j list ruleset`.
    Json,
}

/// One ruleset.
#[derive(Debug)]
pub struct RulesetFacts {
    /// The file it begins in.
    pub evidence: EvidenceId,
    /// How it was written down.
    pub form: Form,
    /// The ruleset after all its commands.
    pub ruleset: Ruleset,
    /// Version of nft that wrote it, if it says so.
    pub version: Option<String>,
    /// Files it includes.
    pub included: Vec<EvidenceId>,
    /// Rules it would add to what it leaves behind, when it is loaded a second time; 0 when it flushes first.
    pub reload_duplicates: usize,
}

/// Routing of the host a ruleset was read from.
#[derive(Debug, Default)]
pub struct Routing {
    /// `ip -j rule`.
    pub rules: Vec<routing::RoutingRule>,
    /// `ip -j route show table all`.
    pub routes: Vec<routing::Route>,
    /// `ip -j addr`.
    pub addresses: Vec<routing::Addr>,
    /// `sysctl`: key and value.
    pub settings: BTreeMap<String, String>,
}

/// All a run knows about nftables.
#[derive(Debug, Default)]
pub struct NftFacts {
    /// Rulesets in order of evidence.
    pub rulesets: Vec<RulesetFacts>,
    /// Routing by folder of the evidence it was read from.
    pub routing: BTreeMap<String, Routing>,
}

impl NftFacts {
    /// Routing read from the same folder as `evidence`, else the first there is.
    pub fn routing_of(&self, set: &EvidenceSet, evidence: EvidenceId) -> Option<&Routing> {
        let folder = folder(set.path(evidence));
        self.routing.get(folder).or_else(|| self.routing.values().next())
    }
}

/// The folder part of a path.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Reads all evidence of the case.
pub fn read(input: &Input<'_>) -> Read {
    let set = input.evidence;
    let mut facts = NftFacts::default();
    let mut coverage = Vec::new();
    let mut unmodelled: HashMap<EvidenceId, Vec<Unmodelled>> = HashMap::new();
    let mut notes: HashMap<EvidenceId, String> = HashMap::new();
    // Who includes a file.
    let mut includers: HashMap<EvidenceId, Vec<EvidenceId>> = HashMap::new();
    for link in set.links() {
        link.to.iter().for_each(|to| includers.entry(*to).or_default().push(link.from));
    }
    let hosts = hosts::Hosts::read(input);
    let mut listings: Vec<(&str, hooks::Hooks)> = Vec::new();
    for item in set.iter() {
        match item.kind {
            // A file that another includes is read there; one that only includes itself is still a beginning.
            Some("nft-text") if includers.contains_key(&item.id) && !is_own_root(&includers, item.id) => {}
            Some("nft-text" | "nft-json") => {
                let ruleset = ruleset(set, item, hosts.of(item));
                for entry in ruleset.ruleset.unmodelled.iter() {
                    unmodelled.entry(entry.span.evidence).or_default().push(entry.clone());
                }
                if let Some(problem) = ruleset.ruleset.problems.iter().find(|known| known.kind == ProblemKind::Syntax) {
                    let rest =
                        ruleset.ruleset.problems.iter().filter(|known| known.kind == ProblemKind::Syntax).count() - 1;
                    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
                    notes.insert(problem.span.evidence, format!("{}{more}", problem.message));
                }
                facts.rulesets.push(ruleset);
            }
            Some("ip-rule-json") => {
                let list = routing::rules(item.id, item.as_bytes());
                unmodelled.entry(item.id).or_default().extend(list.unmodelled);
                note_errors(&mut notes, item.id, list.errors.first());
                facts.routing.entry(folder(&item.path).to_owned()).or_default().rules.extend(list.items);
            }
            Some("ip-route-json") => {
                let list = routing::routes(item.id, item.as_bytes());
                unmodelled.entry(item.id).or_default().extend(list.unmodelled);
                note_errors(&mut notes, item.id, list.errors.first());
                facts.routing.entry(folder(&item.path).to_owned()).or_default().routes.extend(list.items);
            }
            Some("ip-addr-json") => {
                let list = routing::addresses(item.id, item.as_bytes());
                unmodelled.entry(item.id).or_default().extend(list.unmodelled);
                note_errors(&mut notes, item.id, list.errors.first());
                facts.routing.entry(folder(&item.path).to_owned()).or_default().addresses.extend(list.items);
            }
            Some("sysctl") => {
                let list = casebook_formats::sysctl::read(item.as_bytes());
                let settings = &mut facts.routing.entry(folder(&item.path).to_owned()).or_default().settings;
                settings.extend(list.items.iter().map(|known| (known.key.to_string(), known.value.to_owned())));
                let spans = list.unread.iter().map(|(start, end)| casebook_core::Span::new(item.id, *start, *end));
                let stretches = spans.map(|span| Unmodelled::new(span, "not a `key = value` line"));
                unmodelled.entry(item.id).or_default().extend(stretches);
            }
            Some("nft-hooks") => {
                let listing = hooks::read(item);
                unmodelled.entry(item.id).or_default().extend(listing.unmodelled.iter().cloned());
                listings.push((folder(&item.path), listing));
            }
            _ => {}
        }
    }
    // Hooks are listed of a running kernel: they order what was listed beside them, not a file to be loaded.
    for ruleset in facts.rulesets.iter_mut().filter(|known| known.form != Form::Source) {
        let place = folder(set.path(ruleset.evidence));
        for (_, listing) in listings.iter().filter(|(beside, _)| *beside == place) {
            listing.order(&mut ruleset.ruleset);
        }
    }
    for item in
        set.iter().filter(|item| item.kind.is_some_and(|kind| crate::KINDS.iter().any(|known| known.name == kind)))
    {
        let stretches = unmodelled.remove(&item.id).unwrap_or_default();
        let mut line = Coverage::read(item, stretches);
        if let Some(note) = notes.remove(&item.id) {
            line = line.with_note(note);
            line.status = casebook_core::ReadStatus::Partly;
        }
        coverage.push(line);
    }
    Read::new(facts, coverage)
}

fn note_errors(notes: &mut HashMap<EvidenceId, String>, id: EvidenceId, error: Option<&ast::SyntaxError>) {
    if let Some(error) = error {
        notes.insert(id, error.message.clone());
    }
}

/// True for a file in a cycle of includes that nothing outside the cycle includes first.
fn is_own_root(includers: &HashMap<EvidenceId, Vec<EvidenceId>>, id: EvidenceId) -> bool {
    // In a cycle every file is a target. The first in order stands for all of them.
    let mut reach = vec![id];
    let mut known = HashSet::from([id]);
    while let Some(at) = reach.pop() {
        let from = includers.get(&at).into_iter().flatten();
        for from in from.filter(|from| known.insert(**from)) {
            reach.push(*from);
        }
    }
    known.iter().all(|known| includers.contains_key(known)) && known.iter().min() == Some(&id)
}

/// Reads one ruleset, by its kind or, where that was not decided, by its first character.
pub fn ruleset(set: &EvidenceSet, item: &Evidence, host: Host) -> RulesetFacts {
    let json = is_json(item);
    let (parsed, included) =
        if json { (json::parse(item.id, item.as_bytes()), Vec::new()) } else { text::parse(set, item.id) };
    let Parsed { mut commands, errors, unmodelled, version } = parsed;
    let own = Host { nft: version.as_deref().and_then(Release::parse), kernel: None };
    let host = host.or(own);
    if json && host.json_add_ignores_handle() {
        commands.iter_mut().for_each(forget_handle);
    }
    let reload_duplicates = if json { 0 } else { duplicates(&commands) };
    let destroyed = destroyed(&commands);
    let state = State::after(commands);
    let mut ruleset = lower(state, &errors, unmodelled, host);
    if host.lacks_destroy() {
        ruleset.problems.extend(destroyed);
    }
    let has_handles = ruleset.rules().any(|(_, rule)| rule.handle.is_some());
    let form = match (json, has_handles) {
        (true, _) => Form::Json,
        (false, true) => Form::Listing,
        (false, false) => Form::Source,
    };
    RulesetFacts { evidence: item.id, form, ruleset, version, included, reload_duplicates }
}

/// The ruleset with one more rule at the end of a chain, `inet filter input` as nft writes it; the error is what nft has
/// against the rule.
pub fn ruleset_and(set: &EvidenceSet, item: &Evidence, host: Host, chain: &str, rule: &str) -> Result<Ruleset, String> {
    use ast::{Command, CommandVerb, ObjectAst};
    let (parsed, _) =
        if is_json(item) { (json::parse(item.id, item.as_bytes()), Vec::new()) } else { text::parse(set, item.id) };
    let Parsed { mut commands, errors, unmodelled, version } = parsed;
    let host = host.or(Host { nft: version.as_deref().and_then(Release::parse), kernel: None });
    // The rule is evidence of its own, with an id that no other has.
    let mut own = EvidenceSet::new();
    set.iter().for_each(|item| {
        own.add(item.path.clone(), None, casebook_core::Bytes::new(Vec::new()));
    });
    let command = format!("add rule {chain} {rule}\n");
    let id = own.add("rule", Some("nft-text"), casebook_core::Bytes::new(command.into_bytes()));
    let (added, _) = text::parse(&own, id);
    if let Some(error) = added.errors.first() {
        return Err(error.message.clone());
    }
    let [Command { verb: CommandVerb::Add, object: ObjectAst::Rule(_, _, None, Some(_)), .. }] =
        added.commands.as_slice()
    else {
        return Err("it is more than one rule".into());
    };
    if is_json(item) && host.json_add_ignores_handle() {
        commands.iter_mut().for_each(forget_handle);
    }
    commands.extend(added.commands);
    let ruleset = lower(State::after(commands), &errors, unmodelled, host);
    let unknown = added.unmodelled.iter().chain(&ruleset.unmodelled).find(|entry| entry.span.evidence == id);
    if let Some(entry) = unknown {
        let text = own.text(entry.span).unwrap_or_default();
        return Err(format!("the model does not know `{}` in it: {}", text.trim(), entry.why));
    }
    match ruleset.problems.iter().find(|problem| problem.span.evidence == id) {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(ruleset),
    }
}

fn is_json(item: &Evidence) -> bool {
    match item.kind {
        Some("nft-json") => true,
        Some("nft-text") => false,
        _ => item.as_bytes().iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'),
    }
}

/// Takes the handle from a rule that a JSON command adds.
fn forget_handle(command: &mut ast::Command<'_>) {
    if command.verb == ast::CommandVerb::Add
        && let ast::ObjectAst::Rule(_, _, position @ Some(ast::Position::Handle(..)), _) = &mut command.object
    {
        *position = None;
    }
}

/// A problem for each `destroy`, which older releases of nft do not know.
fn destroyed(commands: &[ast::Command<'_>]) -> Vec<Problem> {
    let known = commands.iter().filter(|command| command.verb == ast::CommandVerb::Destroy);
    let problem = |command: &ast::Command<'_>| Problem {
        message: "this release of nft has no `destroy`: it came with 1.0.7".into(),
        span: command.span,
        also: None,
        kind: ProblemKind::Syntax,
    };
    known.map(problem).collect()
}

/// Rules a second load adds, by running the commands twice.
fn duplicates(commands: &[ast::Command<'_>]) -> usize {
    use ast::{CommandVerb, ObjectAst};
    let flushes = commands.iter().any(|command| {
        matches!(command.verb, CommandVerb::Flush | CommandVerb::Delete | CommandVerb::Destroy)
            && !matches!(command.object, ObjectAst::Element(..))
    });
    let count =
        |state: &State<'_>| state.tables.iter().flat_map(|t| &t.chains).map(|chain| chain.rules.len()).sum::<usize>();
    // Without a flush or delete every rule is added again; only otherwise does the order of commands matter.
    if !flushes {
        return commands
            .iter()
            .map(|command| match (&command.verb, &command.object) {
                (CommandVerb::Add | CommandVerb::Create, ObjectAst::Chain(_, _, chain)) => chain.rules.len(),
                (CommandVerb::Add | CommandVerb::Insert, ObjectAst::Rule(_, _, _, Some(_))) => 1,
                _ => 0,
            })
            .sum();
    }
    // A file that begins with `flush ruleset` leaves the same every time.
    if let Some(ast::Command { verb: CommandVerb::Flush, object: ObjectAst::Ruleset(None), .. }) = commands.first() {
        return 0;
    }
    let mut state = State::after(commands.to_vec());
    let once = count(&state);
    state.run(commands.to_vec());
    count(&state).saturating_sub(once)
}
