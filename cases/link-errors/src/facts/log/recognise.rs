//! Which form a line has.

use super::forms::{BFD, BFD_BARE, DRIVER, Form, GOLD, GOLD_BARE, LLD, MOLD, Then, WILD};
use super::message::{Kind, Linkers, Severity};
use super::pattern::{Part, Parts, matches};
use super::place::looks_like_object;
use super::program::{self, Program};

/// A line that is of a linker or of what is around one.
pub(super) enum Line<'t> {
    /// It has a form.
    Known(Known<'t>),
    /// A linker says it, and it has no form that is known.
    Unknown(Program<'t>),
}

/// A line with its form.
pub(super) struct Known<'t> {
    /// The form.
    pub form: &'static Form,
    /// Its parts.
    pub parts: Parts<'t>,
    /// The linker as it calls itself.
    pub program: Option<&'t str>,
    /// Which linkers print it.
    pub linkers: Linkers,
    /// How bad it is.
    pub severity: Severity,
}

/// What kind of line this is; `None` for all that is no linker's.
pub(super) fn recognise(text: &str) -> Option<Line<'_>> {
    // All forms have a colon with a blank behind it, a quote, or begin with a word in capitals. Most lines of a build have none.
    let may_be = text.contains(": ")
        || text.contains(['`', '"'])
        || text.starts_with("prevailing ")
        || text.starts_with("removing unused ");
    if !may_be {
        return None;
    }
    if let Some(program) = program::find(text) {
        return Some(named(&program).map_or(Line::Unknown(program), Line::Known));
    }
    [GOLD_BARE, BFD_BARE, DRIVER].into_iter().find_map(|table| in_table(table, text, None)).map(Line::Known)
}

/// The form of a message behind a linker's name.
fn named<'t>(program: &Program<'t>) -> Option<Known<'t>> {
    let only = program.linkers.single();
    let said = program.severity.is_some();
    // Under a plain name: who prints a severity word behind it is lld or gold, or ld.bfd with a warning.
    let tables: &[&'static [Form]] = match only {
        Some(kind) if Linkers::LLD.contains(kind) => &[LLD],
        Some(kind) if Linkers::MOLD.contains(kind) => &[MOLD],
        Some(kind) if Linkers::WILD.contains(kind) => &[WILD],
        Some(kind) if Linkers::GOLD.contains(kind) => &[GOLD_BARE, GOLD],
        Some(_) => &[BFD_BARE, BFD],
        None if said && program.severity == Some(Severity::Error) => &[LLD, GOLD, BFD_BARE, BFD],
        None if said => &[BFD_BARE, BFD, LLD, GOLD],
        None => &[BFD_BARE, BFD, GOLD],
    };
    tables.iter().find_map(|table| in_table(table, program.message, Some(program)))
}

fn in_table<'t>(table: &'static [Form], text: &'t str, program: Option<&Program<'t>>) -> Option<Known<'t>> {
    table.iter().find_map(|form| {
        let parts = matches(form.text, text)?;
        if !plausible(form, &parts) {
            return None;
        }
        let of = program.map_or(form.linkers, |program| form.linkers.and(program.linkers));
        let linkers = if of.is_empty() { form.linkers } else { of };
        // With --fatal-warnings or --warn-unresolved-symbols the word behind the name is another than usual.
        let severity = program.and_then(|program| program.severity).unwrap_or(form.severity);
        Some(Known { form, parts, program: program.map(|program| program.name), linkers, severity })
    })
}

/// Whether parts are what their form takes them for, where the form alone is not enough.
fn plausible(form: &Form, parts: &Parts<'_>) -> bool {
    parts.iter().all(|(part, text)| match part {
        // An older mold puts the object before the symbol.
        Part::User if form.kind == Kind::Undefined && form.linkers == Linkers::MOLD => looks_like_object(text),
        Part::Count => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        // ld.bfd's function context comes behind an object.
        Part::File if form.then == Then::Function => looks_like_object(text),
        // Compilers speak of references and definitions too.
        Part::User | Part::Definer if form.kind == Kind::Trace => looks_like_object(text),
        Part::Place if form.kind == Kind::Trace => text.contains(":("),
        Part::Symbol | Part::Library => !text.is_empty(),
        _ => true,
    })
}

/// What a cause below wild's error says.
pub(super) fn cause(text: &str) -> Option<Known<'_>> {
    in_table(WILD, text, None)
}
