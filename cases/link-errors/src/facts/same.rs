//! One link in two forms: the driver's command, as somebody typed it, and the linker's line that the driver makes of it (`cc -###`, `-v`).
//!
//! The linker's line is what counts; the command is what people know and can edit. Together they are one link: the arguments of the one, each
//! with its place in the other.

use casebook_core::EvidenceId;

use super::attempt::{Attempt, is_linkers_own};
use super::command::{Argument, LinkLine, Origin};

/// Joins the two forms of each link.
pub fn join(attempts: Vec<Attempt>, folder: &dyn Fn(&Attempt) -> String) -> Vec<Attempt> {
    let (own, mut typed): (Vec<Attempt>, Vec<Attempt>) =
        attempts.into_iter().partition(|attempt| is_linkers_own(&attempt.line));
    let mut alone = Vec::new();
    for linkers in own {
        let pair = typed.iter().position(|typed| {
            !is_linkers_own(&typed.line) && folder(typed) == folder(&linkers) && are_same(typed, &linkers)
        });
        match pair {
            Some(index) => {
                let command = typed.remove(index);
                typed.insert(index, joined(command, linkers));
            }
            None => alone.push(linkers),
        }
    }
    typed.extend(alone);
    typed.sort_by_key(|attempt| (attempt.evidence, attempt.span.start));
    typed
}

/// The link with files that a link without is: the same file of the same inputs, told in a text of the same folder.
pub fn seen_as(seen: &[Attempt], line: &LinkLine) -> Option<usize> {
    seen.iter().position(|attempt| {
        let names = |line: &LinkLine| -> Vec<String> {
            let own = line.items.iter().filter(|item| line.rule(item.argument).is_none());
            own.map(|item| item.kind.name().to_owned()).collect()
        };
        let output = |line: &LinkLine| line.options.output_file.as_ref().map(|given| given.value.clone());
        output(&attempt.line) == output(line) && names(&attempt.line) == names(line)
    })
}

/// Leaves out links that stand in another text of the folder too, with the same result: a log, and a link.txt that was made from it. Gives
/// where those stood, and which of the rest each is.
pub fn once(attempts: &mut Vec<Attempt>, folder: &dyn Fn(EvidenceId) -> String) -> Vec<(EvidenceId, u64, usize)> {
    let mut twins = Vec::new();
    let mut kept: Vec<Attempt> = Vec::new();
    for attempt in std::mem::take(attempts) {
        // One folder can be in the evidence twice, by an absolute path and by another: what comes of it is compared.
        let result = |attempt: &Attempt| {
            let outcome = &attempt.outcome;
            (attempt.missing.len(), outcome.verdict, outcome.undefined.len(), outcome.duplicates.len())
        };
        let twin = seen_as(&kept, &attempt.line).filter(|twin| {
            let other = &kept[*twin];
            other.evidence != attempt.evidence
                && folder(other.evidence) == folder(attempt.evidence)
                && result(other) == result(&attempt)
        });
        match twin {
            Some(twin) => twins.push((attempt.evidence, attempt.span.start, twin)),
            None => kept.push(attempt),
        }
    }
    *attempts = kept;
    twins
}

/// They make the same file of the same inputs.
fn are_same(typed: &Attempt, linkers: &Attempt) -> bool {
    let output = |attempt: &Attempt| attempt.line.options.output_file.as_ref().map(|given| given.value.clone());
    let theirs: Vec<&str> = linkers.line.items.iter().map(|item| item.kind.name()).collect();
    let named = typed.line.items.iter().filter(|item| typed.line.rule(item.argument).is_none());
    output(typed) == output(linkers) && named.into_iter().all(|item| theirs.contains(&item.kind.name()))
}

/// The linker's arguments with their places in the command.
fn joined(command: Attempt, linkers: Attempt) -> Attempt {
    let mut places: Vec<&Argument> =
        command.line.arguments.iter().filter(|argument| matches!(argument.origin, Origin::Word { .. })).collect();
    let mut out = linkers;
    for argument in &mut out.line.arguments {
        let found = places.iter().position(|place| place.text == argument.text);
        argument.origin = match found {
            Some(index) => places.remove(index).origin,
            None => Origin::Rule("as the driver's own output shows"),
        };
    }
    out.line.words = command.line.words;
    out.line.responses = command.line.responses;
    out.line.tool.program = command.line.tool.program;
    out.line.tool.linker = command.line.tool.linker.or(out.line.tool.linker);
    out.line.unmodelled = command.line.unmodelled;
    out.told |= command.told;
    out.evidence = command.evidence;
    out.span = command.span;
    out
}
