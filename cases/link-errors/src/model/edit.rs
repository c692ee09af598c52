//! What would make it link: edits of the line, each tried on the same files by the same model before it is proposed.

use super::chain::input_of;
use super::input::{Content, FileId, Input, Program};
use super::outcome::{Linker, Outcome, UndefinedWhy, Verdict};
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
        /// Take it whether objects need it or not: only another shared object does.
        kept: bool,
    },
    /// Take the input off the line: it stands there twice.
    Remove {
        /// What goes.
        input: usize,
    },
    /// Link without the input, whose symbols others have, or which nobody needs.
    LeaveOut {
        /// What goes.
        input: usize,
    },
    /// Drop sections that nothing refers to (`--gc-sections`), and what they ask for with them.
    GcSections,
}

/// Applies the edit to the program.
pub fn apply(program: &mut Program, edit: &Edit) {
    edit_inputs(&mut program.inputs, edit);
    match *edit {
        Edit::Add { file, behind, .. } => {
            // A library without a soname is needed by the name it is given on the line.
            let path = &program.files[file.0 as usize].name;
            let base = path.rsplit('/').next().unwrap_or(path).to_owned();
            let written = program.names.intern(base.as_bytes());
            program.inputs[behind + 1].written = Some(written);
        }
        Edit::GcSections => program.options.gc_sections = Some(true),
        _ => {}
    }
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
        Edit::Add { file, behind, kept } => {
            let like = inputs[behind];
            let as_needed = like.as_needed && !kept;
            let added = Input { file, as_needed, by_library: true, whole_archive: false, written: None, ..like };
            inputs.insert(behind + 1, added);
        }
        Edit::Remove { input } | Edit::LeaveOut { input } => {
            inputs.remove(input);
        }
        Edit::GcSections => {}
    }
}

/// An edit that was tried, and what the linker makes of the line with it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The edits, in the order they are applied.
    pub edits: Vec<Edit>,
    /// What the linker makes of it.
    pub outcome: Outcome,
    /// The program with the edits: names of the outcome are names of this one.
    pub program: Program,
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
        let (inputs, gc_sections) = (program.inputs.clone(), program.options.gc_sections);
        for edit in candidates(&program, &outcome, offers) {
            tries += 1;
            if tries > MOST {
                break;
            }
            apply(&mut program, &edit);
            let tried = simulate(&program, linker);
            program.inputs.clone_from(&inputs);
            program.options.gc_sections = gc_sections;
            let left = errors(&tried);
            if tried.verdict == Verdict::Links {
                apply(&mut program, &edit);
                edits.push(edit);
                return Some(Tried { edits, outcome: tried, program });
            }
            if left < before && best.as_ref().is_none_or(|(known, _, _)| left < *known) {
                best = Some((left, edit, tried));
            }
        }
        let (_, edit, tried) = best?;
        apply(&mut program, &edit);
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
                        add(Edit::Add { file, behind, kept: false });
                        add(Edit::Add { file, behind, kept: true });
                    }
                }
                _ => {}
            }
        }
        if undefined.why == UndefinedWhy::Discarded
            && let Some(last) = last
        {
            // Of groups with one signature the first is kept: this file's, when it stands before the others.
            objects(program)
                .filter(|other| *other < last)
                .for_each(|input| add(Edit::MoveBehind { input, behind: last }));
        }
        // A shared object that lacks it and that nobody needs.
        for site in &undefined.sites {
            if outcome.dropped.contains(&site.file)
                && let Some(input) = input_of(program, site.file)
            {
                add(Edit::LeaveOut { input });
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
            add(Edit::Add { file: missing.shared, behind, kept: false });
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
    // Who defines twice what another has, too: the second one goes, or the first.
    for duplicate in &outcome.duplicates {
        for file in [duplicate.second, duplicate.first] {
            if let Some(input) = input_of(program, file).filter(|_| duplicate.first != duplicate.second) {
                add(Edit::LeaveOut { input });
            }
        }
    }
    if program.options.gc_sections != Some(true) && !outcome.undefined.is_empty() {
        add(Edit::GcSections);
    }
    out
}

/// The objects among the inputs.
fn objects(program: &Program) -> impl Iterator<Item = usize> + '_ {
    let is_object = |input: &Input| matches!(program.files[input.file.0 as usize].content, Content::Object(_));
    program.inputs.iter().enumerate().filter(move |(_, input)| is_object(input)).map(|(index, _)| index)
}

/// Libraries that become needed or are needed no more by the edit.
pub fn needed_change(before: &Outcome, after: &Outcome) -> (Vec<outcome::Needed>, Vec<outcome::Needed>) {
    let new = after.needed.iter().filter(|one| !before.needed.iter().any(|other| other.soname == one.soname));
    let gone = before.needed.iter().filter(|one| !after.needed.iter().any(|other| other.soname == one.soname));
    (new.copied().collect(), gone.copied().collect())
}
