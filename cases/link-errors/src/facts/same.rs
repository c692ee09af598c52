//! One link in two forms: the driver's command, as somebody typed it, and the linker's line that the driver makes of it (`cc -###`, `-v`).
//!
//! The linker's line is what counts; the command is what people know and can edit. Together they are one link: the arguments of the one, each
//! with its place in the other.

use std::collections::{HashMap, HashSet};

use casebook_core::EvidenceId;

use super::attempt::{Attempt, is_linkers_own};
use super::command::{Argument, LinkLine, Origin};
use super::unseen::Unseen;

/// Joins the two forms of each link.
pub fn join(attempts: Vec<Attempt>, folder: &dyn Fn(&Attempt) -> String) -> Vec<Attempt> {
    let (own, mut typed): (Vec<Attempt>, Vec<Attempt>) =
        attempts.into_iter().partition(|attempt| is_linkers_own(&attempt.line));
    let mut alone = Vec::new();
    for linkers in own {
        let pair = typed.iter().position(|typed| {
            !is_linkers_own(&typed.line) && are_same(&typed.line, &linkers.line) && folder(typed) == folder(&linkers)
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

/// What is the same of two commands that stand for one link: the folder of the text, the output, and the inputs in order.
type Signature = (String, Option<String>, Vec<String>);

fn signature(folder: String, line: &LinkLine) -> Signature {
    let own = line.items.iter().filter(|item| line.rule(item.argument).is_none());
    let names = own.map(|item| item.kind.name().to_owned()).collect();
    (folder, output(line).map(str::to_owned), names)
}

/// A command that is one of the links once more: its text, where it begins, and the index of the link.
pub type Twin = (EvidenceId, u64, usize);

/// Leaves out links that stand in another text of the folder too: a log, and a link.txt that was made from it. With files they have to have the
/// same result; without files they are what the log says of the link with files.
pub fn once(attempts: &mut Vec<Attempt>, unseen: &mut Vec<Unseen>, folder: &dyn Fn(EvidenceId) -> String) -> Vec<Twin> {
    let mut twins = Vec::new();
    let mut kept: Vec<Attempt> = Vec::new();
    let mut known: HashMap<Signature, usize> = HashMap::new();
    for attempt in std::mem::take(attempts) {
        // One folder can be in the evidence twice, by an absolute path and by another: what comes of it is compared.
        let result = |attempt: &Attempt| {
            let outcome = &attempt.outcome;
            (attempt.missing.len(), outcome.verdict, outcome.undefined.len(), outcome.duplicates.len())
        };
        let signature = signature(folder(attempt.evidence), &attempt.line);
        let twin = known.get(&signature).copied().filter(|twin| {
            let other = &kept[*twin];
            other.evidence != attempt.evidence && result(other) == result(&attempt)
        });
        match twin {
            Some(twin) => twins.push((attempt.evidence, attempt.span.start, twin)),
            None => {
                known.entry(signature).or_insert(kept.len());
                kept.push(attempt);
            }
        }
    }
    *attempts = kept;
    unseen.retain(|unseen| {
        let twin = known.get(&signature(folder(unseen.evidence), &unseen.line)).copied();
        twins.extend(twin.map(|twin| (unseen.evidence, unseen.span.start, twin)));
        twin.is_none()
    });
    twins
}

/// The file a line makes, as it is written.
fn output(line: &LinkLine) -> Option<&str> {
    line.options.output_file.as_ref().map(|given| given.value.as_str())
}

/// They make the same file of the same inputs. A log holds thousands of lines: most are told apart by what they make.
fn are_same(typed: &LinkLine, linkers: &LinkLine) -> bool {
    if output(typed) != output(linkers) {
        return false;
    }
    let theirs: HashSet<&str> = linkers.items.iter().map(|item| item.kind.name()).collect();
    let mut named = typed.items.iter().filter(|item| typed.rule(item.argument).is_none());
    named.all(|item| theirs.contains(item.kind.name()))
}

/// For each line of one text the linker's line it will be joined with, where that is one: nobody has to read the files of such a command.
pub fn partners(lines: &[LinkLine]) -> Vec<Option<usize>> {
    let mut typed: HashMap<Option<&str>, Vec<usize>> = HashMap::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !is_linkers_own(line)) {
        typed.entry(output(line)).or_default().push(index);
    }
    let mut out = vec![None; lines.len()];
    for (index, linkers) in lines.iter().enumerate().filter(|(_, line)| is_linkers_own(line)) {
        let candidates = typed.get(&output(linkers)).into_iter().flatten().copied();
        let mut pairs = candidates.filter(|typed| are_same(&lines[*typed], linkers));
        if let (Some(only), None) = (pairs.next(), pairs.next()) {
            out[only] = Some(index);
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
