//! One link in two forms: the driver's command, as somebody typed it, and the linker's line that the driver makes of it (`cc -###`, `-v`).
//!
//! The linker's line is what counts; the command is what people know and can edit. Together they are one link: the arguments of the one, each
//! with its place in the other.

use super::attempt::{Attempt, is_linkers_own};
use super::command::{Argument, Origin};

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
