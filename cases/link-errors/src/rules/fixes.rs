//! Fixes: edits that were searched in the model, written back into the command, and read again from scratch before they are shown as safe.

use casebook_core::{Edit as TextEdit, EvidenceSet, Fix, FixClass, Span};

use super::common::{file_name, input_word};
use crate::facts::Attempt;
use crate::facts::command::Program as Tool;
use crate::model::edit::{Edit, Tried, needed_change};
use crate::model::input::{Content, FileId, Input};
use crate::model::outcome::Verdict;

/// The smallest edit of the line that makes it link, if one was found.
pub(super) fn find(attempt: &Attempt, _: &EvidenceSet) -> Option<Fix> {
    let tried = attempt.fix()?;
    let mut words = Words::of(attempt);
    let mut titles = Vec::new();
    // Names of inputs hold for the line before the first edit only: what an index means is followed through the edits.
    let mut inputs: Vec<Input> = attempt.program.inputs.clone();
    for edit in &tried.edits {
        titles.push(title(attempt, &inputs, edit));
        words.apply(attempt, &inputs, edit)?;
        crate::model::edit::edit_inputs(&mut inputs, edit);
    }
    let changes_more = |edit: &Edit| matches!(edit, Edit::LeaveOut { .. } | Edit::GcSections);
    let class = match tried.outcome.verdict {
        Verdict::Links if attempt.is_whole() => {
            // What is left out of the program is more than its line.
            if tried.edits.iter().any(changes_more) { FixClass::Unsafe } else { FixClass::Safe }
        }
        _ => FixClass::Display,
    };
    let title = format!("{}{}", titles.join(", then "), consequence(attempt, tried));
    let edits = words.text_edits(attempt);
    Some(Fix { title, class, edits: edits.unwrap_or_default(), commands: vec![words.command()] })
}

/// The words of the command with the smallest edit that makes it link.
pub(crate) fn words(attempt: &Attempt, _: &EvidenceSet) -> Option<Vec<String>> {
    let tried = attempt.fix()?;
    let mut words = Words::of(attempt);
    let mut inputs: Vec<Input> = attempt.program.inputs.clone();
    for edit in &tried.edits {
        words.apply(attempt, &inputs, edit)?;
        crate::model::edit::edit_inputs(&mut inputs, edit);
    }
    Some(words.words.into_iter().map(|(text, _)| text).collect())
}

/// What changes beside the error, in words.
fn consequence(attempt: &Attempt, tried: &Tried) -> String {
    let (new, gone) = needed_change(&attempt.outcome, &tried.outcome);
    let names = |list: &[crate::model::outcome::Needed]| {
        list.iter().map(|one| tried.program.names.text(one.soname).into_owned()).collect::<Vec<_>>().join(", ")
    };
    match (new.is_empty(), gone.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!("; the output then needs {}", names(&new)),
        (true, false) => format!("; the output then no longer needs {}", names(&gone)),
        (false, false) => format!("; the output then needs {} and no longer {}", names(&new), names(&gone)),
    }
}

fn name_of(attempt: &Attempt, inputs: &[Input], input: usize) -> String {
    let argument = inputs[input].argument;
    match attempt.program.inputs.iter().position(|one| one.argument == argument && one.file == inputs[input].file) {
        Some(index) => input_word(attempt, index),
        None => file_name(attempt, inputs[input].file).to_owned(),
    }
}

fn title(attempt: &Attempt, inputs: &[Input], edit: &Edit) -> String {
    let name = |input: usize| name_of(attempt, inputs, input);
    match edit {
        Edit::MoveBehind { input, behind } => format!("move `{}` behind `{}`", name(*input), name(*behind)),
        Edit::RepeatBehind { input, behind } => format!("name `{}` once more behind `{}`", name(*input), name(*behind)),
        Edit::Group { first, last } => {
            format!("look through everything from `{}` to `{}` as one group", name(*first), name(*last))
        }
        Edit::NoAsNeeded { input } => format!("take `{}` whether it is needed or not", name(*input)),
        Edit::Add { file, kept: false, .. } => format!("add `{}`", word_for(attempt, *file)),
        Edit::Add { file, kept: true, .. } => {
            format!("add `{}`, whether objects need it or not", word_for(attempt, *file))
        }
        Edit::Remove { input } => format!("name `{}` only once", name(*input)),
        Edit::LeaveOut { input } => format!("leave `{}` out", name(*input)),
        Edit::GcSections => {
            "let the linker drop sections that nothing refers to (--gc-sections), and what they ask for".to_owned()
        }
    }
}

/// The word that names a library: `-lfoo` where it is in a folder that is searched, its path elsewhere.
pub(super) fn word_for(attempt: &Attempt, file: FileId) -> String {
    let path = attempt.files.path(file).map_or_else(|| file_name(attempt, file).to_owned(), str::to_owned);
    let (folder, base) = path.rsplit_once('/').unwrap_or((".", &path));
    let stem = base.strip_prefix("lib").and_then(|rest| rest.strip_suffix(".so").or_else(|| rest.strip_suffix(".a")));
    let searched = attempt
        .files
        .folders
        .iter()
        .any(|known| crate::facts::resolve::clean(known) == crate::facts::resolve::clean(folder));
    let shared = matches!(attempt.program.files[file.0 as usize].content, Content::Shared(_));
    match stem {
        Some(stem)
            if searched
                && (shared || !attempt.offers.iter().any(|(_, other)| other.ends_with(&format!("/lib{stem}.so")))) =>
        {
            format!("-l{stem}")
        }
        _ if searched && shared => format!("-l:{base}"),
        _ => path,
    }
}

/// The command as a list of words that can be edited.
struct Words {
    /// The words, each with its index in the command where it comes from there.
    words: Vec<(String, Option<usize>)>,
    /// `-Wl,` in front of a linker's own options.
    driver: bool,
}

impl Words {
    fn of(attempt: &Attempt) -> Self {
        let words =
            attempt.line.words.iter().enumerate().map(|(index, word)| (word.text.clone(), Some(index))).collect();
        let driver = matches!(attempt.line.tool.program, Some(Tool::Driver { .. }));
        Self { words, driver }
    }

    /// The position of an input's word; of a part of a word there is none to edit.
    fn at(&self, attempt: &Attempt, inputs: &[Input], input: usize) -> Option<usize> {
        let argument = inputs.get(input)?.argument;
        let original = attempt.program.inputs.iter().position(|one| one.argument == argument)?;
        let word = attempt.whole_word(original)?;
        self.words.iter().position(|(_, index)| *index == Some(word))
    }

    /// Where something comes behind an input: its word, or the last of the user's own inputs where the driver added it.
    fn behind(&self, attempt: &Attempt, inputs: &[Input], input: usize) -> Option<usize> {
        if let Some(at) = self.at(attempt, inputs, input) {
            return Some(at);
        }
        (0..attempt.program.inputs.len())
            .filter_map(|input| attempt.whole_word(input))
            .filter_map(|word| self.words.iter().position(|(_, index)| *index == Some(word)))
            .max()
    }

    /// The library at a position is taken whether it is needed or not.
    fn keep(&mut self, at: usize) {
        let pop = self.option("--pop-state");
        self.words.insert(at + 1, pop);
        if self.driver {
            let push = self.option("--push-state,--no-as-needed");
            self.words.insert(at, push);
        } else {
            self.words.insert(at, ("--no-as-needed".to_owned(), None));
            self.words.insert(at, ("--push-state".to_owned(), None));
        }
    }

    fn option(&self, text: &str) -> (String, Option<usize>) {
        (if self.driver { format!("-Wl,{text}") } else { text.to_owned() }, None)
    }

    fn apply(&mut self, attempt: &Attempt, inputs: &[Input], edit: &Edit) -> Option<()> {
        match *edit {
            Edit::MoveBehind { input, behind } => {
                let (from, to) = (self.at(attempt, inputs, input)?, self.behind(attempt, inputs, behind)?);
                let word = self.words[from].clone();
                self.words.insert(to + 1, word);
                self.words.remove(if from > to { from + 1 } else { from });
            }
            Edit::RepeatBehind { input, behind } => {
                let (from, to) = (self.at(attempt, inputs, input)?, self.behind(attempt, inputs, behind)?);
                let text = self.words[from].0.clone();
                self.words.insert(to + 1, (text, None));
            }
            Edit::Group { first, last } => {
                let (first, last) = (self.at(attempt, inputs, first)?, self.behind(attempt, inputs, last)?);
                let end = self.option("--end-group");
                self.words.insert(last + 1, end);
                let begin = self.option("--start-group");
                self.words.insert(first, begin);
            }
            Edit::NoAsNeeded { input } => {
                let at = self.at(attempt, inputs, input)?;
                self.keep(at);
            }
            Edit::Add { file, behind, kept } => {
                let to = self.behind(attempt, inputs, behind)?;
                self.words.insert(to + 1, (word_for(attempt, file), None));
                if kept {
                    self.keep(to + 1);
                }
            }
            Edit::Remove { input } | Edit::LeaveOut { input } => {
                let at = self.at(attempt, inputs, input)?;
                self.words.remove(at);
            }
            Edit::GcSections => {
                let to = self.behind(attempt, inputs, inputs.len().checked_sub(1)?)?;
                let option = self.option("--gc-sections");
                self.words.insert(to + 1, option);
            }
        }
        Some(())
    }

    fn command(&self) -> String {
        self.words.iter().map(|(text, _)| quoted(text)).collect::<Vec<_>>().join(" ")
    }

    /// The edits of the text that make the command this one: words that go, and words that come behind others. `None` where a word stands in
    /// no text.
    fn text_edits(&self, attempt: &Attempt) -> Option<Vec<TextEdit>> {
        let line = &attempt.line;
        let spans: Vec<Span> = line.words.iter().map(|word| word.span).collect::<Option<_>>()?;
        let own = |span: &Span| span.evidence == attempt.evidence;
        if !spans.iter().all(own) {
            return None;
        }
        let mut edits = Vec::new();
        // Words that keep their order stay; of the rest each goes, and comes again where it is now.
        let kept = longest(&self.words.iter().filter_map(|(_, index)| *index).collect::<Vec<_>>());
        for (index, span) in spans.iter().enumerate() {
            if !kept.contains(&index) {
                // The blank before it goes with it.
                let start = spans.get(index.wrapping_sub(1)).map_or(span.start, |before| before.end);
                edits.push(TextEdit { span: Span { start, ..*span }, text: String::new() });
            }
        }
        let mut last: Option<usize> = None;
        let mut pending = String::new();
        for (text, index) in &self.words {
            match index.filter(|index| kept.contains(index)) {
                Some(index) => {
                    if let (Some(last), false) = (last, pending.is_empty()) {
                        let end = spans[last].end;
                        let at = Span { evidence: attempt.evidence, start: end, end };
                        edits.push(TextEdit { span: at, text: std::mem::take(&mut pending) });
                    }
                    last = Some(index);
                }
                None => {
                    pending.push(' ');
                    pending.push_str(&quoted(text));
                }
            }
        }
        if let (Some(last), false) = (last, pending.is_empty()) {
            let end = spans[last].end;
            edits.push(TextEdit { span: Span { evidence: attempt.evidence, start: end, end }, text: pending });
        }
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        Some(edits)
    }
}

/// The longest rising run of a list, as a set.
fn longest(list: &[usize]) -> Vec<usize> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let before = (0..at).filter(|other| list[*other] < *value).max_by_key(|other| best[*other].0);
        best.push((1 + before.map_or(0, |other| best[other].0), before));
    }
    let mut at = (0..best.len()).max_by_key(|at| best[*at].0);
    let mut out = Vec::new();
    while let Some(index) = at {
        out.push(list[index]);
        at = best[index].1;
    }
    out
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:+@%^".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_its_order_stays() {
        let mut kept = longest(&[0, 2, 3, 1, 4]);
        kept.sort_unstable();
        assert_eq!(kept, [0, 2, 3, 4]);
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("-lm"), "-lm");
    }
}
