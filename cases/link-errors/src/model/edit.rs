//! What would make it link: edits of the line, each tried on the same files by the same model before it is proposed.

use super::chain::input_of;
use super::input::{Content, FileId, Input, Program};
use super::outcome::{Linker, Outcome, Verdict};
use super::why::{NotTaken, Passed, passed};
use super::{outcome, simulate};

/// An edit of the line. Inputs are named by their index before the edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Put the input behind another.
    MoveBehind {
        /// What is moved.
        input: usize,
        /// Behind what.
        behind: usize,
    },
    /// Name the input once more behind another.
    RepeatBehind {
        /// What is named again.
        input: usize,
        /// Behind what.
        behind: usize,
    },
    /// Look through these inputs, first to last, as one group.
    Group {
        /// First input of the group.
        first: usize,
        /// Last input of the group.
        last: usize,
    },
    /// Take the library whether it is needed or not.
    NoAsNeeded {
        /// The library.
        input: usize,
    },
    /// Name a library that is not on the line, behind an input.
    Add {
        /// The library.
        file: FileId,
        /// Behind what.
        behind: usize,
    },
    /// Take the input off the line.
    Remove {
        /// What goes.
        input: usize,
    },
}

/// Applies the edit to the inputs.
pub fn edit_inputs(inputs: &mut Vec<Input>, edit: &Edit) {
    match *edit {
        Edit::MoveBehind { input, behind } => {
            let moved = Input { group: inputs[behind].group, ..inputs[input] };
            inputs.insert(behind + 1, moved);
            inputs.remove(if input > behind { input + 1 } else { input });
        }
        Edit::RepeatBehind { input, behind } => {
            let again = Input { group: inputs[behind].group, ..inputs[input] };
            inputs.insert(behind + 1, again);
        }
        Edit::Group { first, last } => {
            let number = inputs.iter().filter_map(|input| input.group).max().map_or(0, |most| most + 1);
            inputs[first..=last].iter_mut().for_each(|input| input.group = Some(number));
        }
        Edit::NoAsNeeded { input } => inputs[input].as_needed = false,
        Edit::Add { file, behind } => {
            let like = inputs[behind];
            inputs.insert(behind + 1, Input { file, by_library: true, whole_archive: false, ..like });
        }
        Edit::Remove { input } => {
            inputs.remove(input);
        }
    }
}

/// An edit that was tried, and what the linker makes of the line with it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The edits, in the order they are applied.
    pub edits: Vec<Edit>,
    /// What the linker makes of it.
    pub outcome: Outcome,
}

/// How many lines are tried at most.
const MOST: usize = 400;

/// Edits of the line that make it link, the smallest and the most usual first.
///
/// `offers` are libraries that are not on the line and could be named. First single edits are tried for each undefined symbol, then a second
/// one on top of the one that took most errors away, and so on, up to five.
pub fn search(program: &Program, linker: Linker, first: &Outcome, offers: &[FileId]) -> Option<Tried> {
    let mut program = program.clone();
    let mut outcome = first.clone();
    let mut edits: Vec<Edit> = Vec::new();
    let mut tries = 0;
    while edits.len() < 5 {
        let mut best: Option<(usize, Edit, Outcome)> = None;
        let before = errors(&outcome);
        let inputs = program.inputs.clone();
        for edit in candidates(&program, &outcome, offers) {
            tries += 1;
            if tries > MOST {
                break;
            }
            edit_inputs(&mut program.inputs, &edit);
            let tried = simulate(&program, linker);
            program.inputs.clone_from(&inputs);
            let left = errors(&tried);
            if tried.verdict == Verdict::Links {
                edits.push(edit);
                return Some(Tried { edits, outcome: tried });
            }
            if left < before && best.as_ref().is_none_or(|(known, _, _)| left < *known) {
                best = Some((left, edit, tried));
            }
        }
        let (_, edit, tried) = best?;
        edit_inputs(&mut program.inputs, &edit);
        outcome = tried;
        edits.push(edit);
    }
    None
}

/// How many things are wrong. A link that stopped early hides the rest: one that stops at a missing library counts as more.
fn errors(outcome: &Outcome) -> usize {
    outcome.undefined.len()
        + outcome.duplicates.len()
        + 1000 * outcome.dso_missing.len()
        + 1000 * outcome.refusals.len()
}

fn candidates(program: &Program, outcome: &Outcome, offers: &[FileId]) -> Vec<Edit> {
    let mut out: Vec<Edit> = Vec::new();
    let mut add = |edit: Edit| {
        if !out.contains(&edit) {
            out.push(edit);
        }
    };
    for undefined in &outcome.undefined {
        let users: Vec<usize> = undefined.sites.iter().filter_map(|site| input_of(program, site.file)).collect();
        let last = users.iter().copied().max();
        for Passed { file, input, why } in passed(program, outcome, undefined) {
            match (why, input) {
                (NotTaken::Order { user }, Some(input)) => {
                    let behind = last.or(user).unwrap_or(input).max(input);
                    if behind > input {
                        add(Edit::MoveBehind { input, behind });
                        add(Edit::RepeatBehind { input, behind });
                        add(Edit::Group { first: input, last: behind });
                    }
                }
                (NotTaken::AsNeeded { user }, Some(input)) => {
                    let behind = last.or(user).unwrap_or(input);
                    if behind > input {
                        add(Edit::MoveBehind { input, behind });
                    }
                    add(Edit::NoAsNeeded { input });
                }
                (NotTaken::NotOnLine, None) => {
                    let file = program.files[file.0 as usize].archive.unwrap_or(file);
                    let behind = last.unwrap_or(program.inputs.len().saturating_sub(1));
                    if offers.contains(&file) && !program.inputs.is_empty() {
                        add(Edit::Add { file, behind });
                    }
                }
                _ => {}
            }
        }
    }
    for missing in &outcome.dso_missing {
        if offers.contains(&missing.shared) && !program.inputs.is_empty() {
            let behind = program
                .inputs
                .iter()
                .rposition(|input| matches!(program.files[input.file.0 as usize].content, Content::Object(_)))
                .unwrap_or(program.inputs.len() - 1);
            add(Edit::Add { file: missing.shared, behind });
        }
    }
    for duplicate in &outcome.duplicates {
        for file in [duplicate.second, duplicate.first] {
            let Some(input) = program.inputs.iter().rposition(|input| input.file == file) else { continue };
            let again = program.inputs[..input].iter().any(|other| other.file == file);
            if again || duplicate.first == duplicate.second {
                add(Edit::Remove { input });
            }
        }
    }
    out
}

/// Libraries that become needed or are needed no more by the edit.
pub fn needed_change(before: &Outcome, after: &Outcome) -> (Vec<outcome::Needed>, Vec<outcome::Needed>) {
    let new = after.needed.iter().filter(|one| !before.needed.iter().any(|other| other.soname == one.soname));
    let gone = before.needed.iter().filter(|one| !after.needed.iter().any(|other| other.soname == one.soname));
    (new.copied().collect(), gone.copied().collect())
}
