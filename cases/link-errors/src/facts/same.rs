//! One link in two forms: the driver's command, as somebody typed it, and the linker's line that the driver makes of it (`cc -###`, `-v`).
//!
//! The linker's line is what counts; the command is what people know and can edit. Together they are one link: the arguments of the one, each
//! with its place in the other.

use std::collections::HashSet;

use super::attempt::{Attempt, is_linkers_own};
use super::command::{Argument, LinkLine, Origin};

/// Joins the two forms of each link.
pub fn join(attempts: Vec<Attempt>, folder: &dyn Fn(&Attempt) -> String) -> Vec<Attempt> {
    let (own, mut typed): (Vec<Attempt>, Vec<Attempt>) =
        attempts.into_iter().partition(|attempt| is_linkers_own(&attempt.line));
    let mut alone = Vec::new();
    for linkers in own {
        let pair = typed.iter().position(|typed| {
            !is_linkers_own(&typed.line) && folder(typed) == folder(&linkers) && are_same(&typed.line, &linkers.line)
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
    // A command without files that found no partner: none of the files of its link is here.
    typed.retain(|attempt| !attempt.program.files.is_empty());
    typed.sort_by_key(|attempt| (attempt.evidence, attempt.span.start));
    typed
}

/// They make the same file of the same inputs.
fn are_same(typed: &LinkLine, linkers: &LinkLine) -> bool {
    let output = |line: &LinkLine| line.options.output_file.as_ref().map(|given| given.value.clone());
    let theirs: HashSet<&str> = linkers.items.iter().map(|item| item.kind.name()).collect();
    let mut named = typed.items.iter().filter(|item| typed.rule(item.argument).is_none());
    output(typed) == output(linkers) && named.all(|item| theirs.contains(item.kind.name()))
}

/// Of the lines of one text those whose files nobody has to read: commands that will be joined with the linker's line behind them.
pub fn spared(lines: &[LinkLine]) -> Vec<bool> {
    let mut out = vec![false; lines.len()];
    for linkers in lines.iter().filter(|line| is_linkers_own(line)) {
        let mut pairs = lines.iter().enumerate().filter(|(_, line)| !is_linkers_own(line) && are_same(line, linkers));
        if let (Some((only, _)), None) = (pairs.next(), pairs.next()) {
            out[only] = true;
        }
    }
    out
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
