//! Evidence to a ruleset: which front end reads it, and what its commands leave behind.

use casebook_core::{Evidence, EvidenceId, EvidenceSet};

use super::apply::State;
use super::ast::{self, Parsed};
use super::ir::{Problem, ProblemKind, Ruleset};
use super::lower::lower;
use super::release::{Host, Release};
use super::{json, text};

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
