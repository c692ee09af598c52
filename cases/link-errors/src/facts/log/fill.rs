//! One line to one message: the parts of its form, where they belong.

use casebook_formats::text::Told;

use super::line::Line;
use super::message::{Kind, Linkers, Message, Name, Place, Role};
use super::pattern::Part;
use super::place;
use super::recognise::{self, Known};

/// One message of one line.
pub(super) fn message(line: &Line<'_>, known: &Known<'_>) -> Message {
    let mut message = Message::new(known.form.kind, known.severity, known.linkers, line.message_span());
    message.program = known.program.map(|name| line.told(name));
    fill(line, &mut message, known.parts.iter());
    if message.kind == Kind::Advice {
        message.detail = Some(line.told(line.message()));
    }
    if message.kind == Kind::LibraryMissing {
        only_library(&mut message);
    }
    if matches!(message.kind, Kind::Relocation | Kind::RelocationRange) {
        section_symbol(&mut message);
    }
    if matches!(message.kind, Kind::UndefinedHidden | Kind::HiddenForShared) {
        let words = ["hidden", "internal", "protected", "local"];
        let text = line.message();
        message.detail = words.iter().find_map(|word| text.find(word).map(|at| line.told(&text[at..at + word.len()])));
    }
    shared(&mut message);
    message
}

/// What ld.bfd cannot find is a file where it does not begin with `-l`.
fn only_library(message: &mut Message) {
    let gnu = !message.linkers.and(Linkers::BFD.or(Linkers::GOLD)).is_empty();
    if let Some(library) = message.library.take_if(|library| gnu && !library.value.starts_with("-l")) {
        message.kind = Kind::FileMissing;
        let mut place = Place::new(Role::Subject, library.span);
        place.file = Some(library);
        message.add(place);
    }
}

/// A relocation against a section names that section where a symbol would be.
fn section_symbol(message: &mut Message) {
    let is_section = |name: &Name| name.text.starts_with('.') && message.version.is_none();
    if let Some(name) = message.symbol.take_if(|name| is_section(name)) {
        let mut place = Place::new(Role::Definition, name.span);
        place.section = Some(Told::new(name.text, name.span));
        message.add(place);
    }
}

/// An undefined reference of a shared object is another error than one of an object.
pub(super) fn shared(message: &mut Message) {
    let is_shared = |place: &Place| {
        let name = place.file.as_ref().map_or("", |file| file.value.as_str());
        place.member.is_none()
            && place.section.is_none()
            && place.line.is_none()
            && (name.ends_with(".so") || name.contains(".so."))
    };
    if message.kind == Kind::Undefined && message.places.first().is_some_and(is_shared) {
        message.kind = Kind::UndefinedInShared;
    }
}

/// The parts of a form, where they belong in a message.
pub(super) fn fill<'t>(line: &Line<'_>, message: &mut Message, parts: impl Iterator<Item = (Part, &'t str)>) {
    // lld and mold have brackets of their own in a place.
    let arrows = message.linkers.and(Linkers::BFD.or(Linkers::GOLD)).is_empty();
    let mut section: Option<Told<String>> = None;
    for (part, text) in parts {
        let place = match part {
            Part::Place if arrows && text.contains(":(") => place::lld(line, text, Role::Reference),
            Part::Place => place::gnu(line, text, Role::Reference),
            Part::Again => place::gnu(line, text, Role::Definition),
            Part::First => place::gnu(line, text, Role::First),
            Part::Definer => place::file(line, text, Role::Definition),
            Part::User => place::file(line, text, Role::Reference),
            Part::File => place::file(line, text, Role::Subject),
            Part::Section => {
                let told = line.told(place::without_group(text));
                match message.places.last_mut().filter(|place| place.section.is_none()) {
                    Some(place) => place.section = Some(told),
                    None => section = Some(told),
                }
                continue;
            }
            Part::Symbol => {
                let (name, version) = place::symbol(line, text);
                message.symbol = Some(name);
                message.version = message.version.take().or(version);
                continue;
            }
            Part::Version => {
                message.version = Some(line.told(text));
                continue;
            }
            Part::Library => {
                message.library = Some(line.told(text));
                continue;
            }
            Part::Relocation => {
                message.relocation = Some(line.told(text));
                continue;
            }
            Part::Detail => {
                message.detail = detail(line, text);
                continue;
            }
            Part::Member => {
                if let Some(place) = message.places.last_mut() {
                    place.member = Some(line.told(text));
                }
                continue;
            }
            Part::Count => {
                message.count = text.parse().ok();
                continue;
            }
            Part::Function | Part::Nothing => continue,
        };
        let mut place = place;
        if place.section.is_none() {
            place.section = section.take();
        }
        message.add(place);
    }
    if let Some(section) = section {
        let mut place = Place::new(Role::Subject, section.span);
        place.section = Some(section);
        message.add(place);
    }
}

/// A text that says more, without what joins it to the text before it.
fn detail(line: &Line<'_>, text: &str) -> Option<Told<String>> {
    let text = [". ", ": ", "; ", ", "].iter().find_map(|joint| text.strip_prefix(joint)).unwrap_or(text).trim();
    (!text.is_empty()).then(|| line.told(text))
}

/// A cause below wild's error: it says what the error does not.
pub(super) fn caused(line: &Line<'_>, text: &str, into: &mut Message) {
    let Some(known) = recognise::cause(text) else {
        into.detail = Some(line.told(text));
        return;
    };
    let mut cause = message(line, &known);
    if into.kind == Kind::Other {
        into.kind = cause.kind;
    }
    into.symbol = into.symbol.take().or(cause.symbol);
    into.relocation = into.relocation.take().or(cause.relocation);
    into.detail = cause.detail.take().or(into.detail.take());
    for place in cause.places {
        let told = into.places.iter_mut().find(|known| {
            known.file == place.file
                || known.file.as_ref().map(|file| &file.value) == place.file.as_ref().map(|file| &file.value)
        });
        match told {
            // The same file, in a role that says more.
            Some(known) => {
                if known.role == Role::Subject {
                    known.role = place.role;
                }
                known.section = known.section.take().or(place.section);
            }
            None => into.add(place),
        }
    }
}
