//! Lines that begin with `>>>`, of lld and mold.

use super::forms::{ARROWS, Arrow};
use super::line::Line;
use super::message::{Kind, Message, Name, Place, Role, Suggestion};
use super::pattern::{Part, matches};
use super::place;
use super::reader::Pending;

/// One piece behind `>>>`; false when it is of no known form.
pub(super) fn arrow(line: &Line<'_>, text: &str, pending: &mut Pending) -> bool {
    let into = &mut pending.message;
    let trimmed = text.trim();
    // The object of the source place above it stands far to the right.
    if text.starts_with("  ") && pending.open {
        if let Some(place) = into.places.last_mut() {
            place::object(line, trimmed, place);
            place.span = place.span.to(line.part(trimmed));
        }
        pending.open = false;
        return true;
    }
    pending.open = false;
    let Some((parts, what)) = ARROWS.iter().find_map(|(form, what)| matches(form, trimmed).map(|parts| (parts, *what)))
    else {
        return false;
    };
    for (part, text) in parts.iter() {
        match (what, part) {
            (Arrow::Reference, _) => pending.open = reference(line, text, into),
            (Arrow::Shared, _) => into.add(place::file(line, text, Role::Reference)),
            (Arrow::More, _) => into.more_places = into.more_places.saturating_add(text.parse().unwrap_or(0)),
            (Arrow::Similar | Arrow::ExternC, _) => {
                let name = Name::new(text, line.part(text));
                into.suggestion = Some(Suggestion { name, extern_c: what == Arrow::ExternC });
            }
            (Arrow::SimilarFile, _) => into.add(place::file(line, text, Role::Similar)),
            (Arrow::Defined, Part::Definer) => {
                let role = definition(into);
                into.add(place::file(line, text, role));
            }
            (Arrow::DefinedAt, _) => {
                let mut place = Place::new(definition(into), line.part(text));
                pending.open = source_or_object(line, text, &mut place);
                into.add(place);
            }
            (Arrow::Prevailing, _) => into.add(place::file(line, text, Role::Prevailing)),
            (Arrow::File, Part::File) => into.add(place::file(line, text, Role::Subject)),
            (Arrow::Detail, Part::Detail) => into.detail = into.detail.take().or_else(|| Some(line.told(text))),
            (Arrow::Defined | Arrow::File | Arrow::Detail | Arrow::Known, _) => {}
        }
    }
    true
}

/// Of the definitions of a duplicate the first one that is listed was first.
fn definition(message: &Message) -> Role {
    if message.kind == Kind::Duplicate && message.places.is_empty() { Role::First } else { Role::Definition }
}

/// A reference; true when the next line names its object.
fn reference(line: &Line<'_>, text: &str, into: &mut Message) -> bool {
    // The place is in the first line already, where a relocation is out of range; this is its source.
    if into.kind == Kind::RelocationRange
        && let Some(place) = into.places.first_mut().filter(|place| place.source.is_none())
    {
        place::source(line, text, place);
        return false;
    }
    let mut place = Place::new(Role::Reference, line.part(text));
    let open = source_or_object(line, text, &mut place);
    into.add(place);
    open
}

/// A source place, or an object place where there is none; true for the first.
fn source_or_object(line: &Line<'_>, text: &str, place: &mut Place) -> bool {
    let object = text.split_once(":(").map_or(text, |(object, _)| object);
    if place::looks_like_object(object) {
        place::object(line, text, place);
        // mold names the object again.
        return true;
    }
    place::source(line, text, place);
    true
}
