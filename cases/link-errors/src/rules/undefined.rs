//! What findings about undefined symbols share: the symbols of one cause, who needs them, and the fix that was found.

use casebook_core::{EvidenceSet, Finding, FindingBuilder, Rule};
use serde_json::json;

use super::common::{MOST_SYMBOLS, begin, end, file_name, input_word, list, needs, symbol, undefined_name};
use super::{fixes, why};
use crate::facts::Attempt;
use crate::model::causes::Diagnosis;
use crate::model::chain::input_of;
use crate::model::input::FileId;
use crate::model::outcome::Undefined;

/// The symbols of one cause.
pub(super) struct Symbols<'a> {
    attempt: &'a Attempt,
    evidence: &'a EvidenceSet,
    pub(super) all: Vec<&'a Undefined>,
    /// Their names, as people read them.
    pub(super) names: Vec<String>,
}

impl<'a> Symbols<'a> {
    pub(super) fn of(attempt: &'a Attempt, evidence: &'a EvidenceSet, diagnosis: &Diagnosis) -> Self {
        let all: Vec<_> = diagnosis.symbols.iter().filter_map(|index| attempt.outcome.undefined.get(*index)).collect();
        let names = all.iter().map(|one| undefined_name(attempt, one)).collect();
        Self { attempt, evidence, all, names }
    }

    /// `` `sqrt` is undefined for ld.bfd 2.40 ``
    pub(super) fn are_undefined(&self) -> String {
        let are = super::common::are(self.names.len());
        format!("{} {are} undefined for {}", list(&self.names), self.attempt.linker)
    }

    /// `it` or `them`
    pub(super) fn it(&self) -> &'static str {
        if self.names.len() == 1 { "it" } else { "them" }
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<&'a Undefined> {
        self.all.first().copied()
    }

    /// The input of the first file that needs one.
    pub(super) fn user(&self) -> Option<usize> {
        self.first()?.sites.first().and_then(|site| input_of(&self.attempt.program, site.file))
    }

    /// The word of that input.
    pub(super) fn user_word(&self) -> String {
        self.user().map_or_else(|| "the line".to_owned(), |input| input_word(self.attempt, input))
    }

    /// A finding at an input of the line, with everybody who needs the symbols.
    pub(super) fn finding(
        &self,
        rule: &'static Rule,
        title: String,
        input: Option<usize>,
        label: &str,
    ) -> FindingBuilder {
        let mut builder = begin(rule, title, self.attempt, input, label);
        for one in self.all.iter().take(2) {
            builder = needs(builder, self.attempt, self.evidence, one, input);
        }
        builder
    }

    /// A finding at the first file that needs one.
    pub(super) fn at_user(&self, rule: &'static Rule, title: String) -> FindingBuilder {
        let label = format!("needs {}", list(&self.names));
        self.finding(rule, title, self.user(), &label)
    }

    /// Witness, replay, and what every finding ends with. `file` has the definition.
    pub(super) fn end(&self, mut builder: FindingBuilder, file: Option<FileId>, fix: bool) -> Finding {
        let attempt = self.attempt;
        if let Some(first) = self.first() {
            let by = first.sites.first().map_or("the line", |site| file_name(attempt, site.file));
            let from = file.map_or("nothing here", |file| file_name(attempt, file));
            builder = builder
                .witness(
                    json!({
                        "symbol": attempt.program.names.text(first.name),
                        "symbols": self.all.iter().take(MOST_SYMBOLS).map(|one| attempt.program.names.text(one.name)).collect::<Vec<_>>(),
                        "needed_by": by,
                        "defined_in": file.map(|file| file_name(attempt, file)),
                    }),
                    format!("`{}` of {from} for {by}", symbol(attempt, first.name)),
                )
                .replay(why(attempt, self.evidence, first.name));
        }
        if fix && let Some(fix) = fixes::find(attempt, self.evidence) {
            builder = builder.fix(fix);
        }
        builder = self.names.iter().fold(builder, |builder, name| builder.key(name));
        if !attempt.is_whole() {
            let missing: Vec<String> = attempt.missing.iter().take(6).cloned().collect();
            builder = builder.because(format!("Not in this evidence, and left out: {}.", missing.join(", ")));
        }
        end(builder, attempt, self.evidence)
    }
}
