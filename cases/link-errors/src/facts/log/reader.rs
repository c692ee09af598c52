//! Lines to messages: which lines belong together, and what of a message stands in which.

use casebook_core::EvidenceId;
use casebook_formats::gap::Gaps;
use casebook_formats::text::Told;

use super::forms::{ARROWS, Arrow, Form, Then};
use super::language;
use super::line::{Line, MOST_LINE};
use super::message::{Kind, Linkers, Message, Name, Place, Role, Severity, Suggestion};
use super::pattern::{Part, matches};
use super::place;
use super::recognise::{self, Known, recognise};

/// The function that ld.bfd's next messages are in.
struct Context {
    place: Place,
    program: Option<Told<String>>,
    /// No message has followed yet.
    fresh: bool,
}

/// A message that can still go on.
struct Pending {
    message: Message,
    then: Then,
    /// Where its first line begins, behind prefixes; what is further to the right belongs to it.
    column: usize,
    /// The last place is a source place, and the next line names its object.
    open: bool,
}

/// Reads the lines of one log.
pub(super) struct Reader<F> {
    evidence: EvidenceId,
    each: F,
    gaps: Gaps,
    pending: Option<Pending>,
    context: Option<Context>,
    /// The step of ninja that failed, until a linker's message shows that it was a link.
    step: Option<Message>,
    /// Number of the link, and whether it goes on.
    link: u32,
    linking: bool,
    /// The link that is over has not been said to be a failed step yet.
    failed: bool,
}

impl<F: FnMut(Message)> Reader<F> {
    pub fn new(evidence: EvidenceId, each: F) -> Self {
        Self {
            evidence,
            each,
            gaps: Gaps::default(),
            pending: None,
            context: None,
            step: None,
            link: 0,
            linking: false,
            failed: false,
        }
    }

    /// The end of the log.
    pub fn finish(mut self) -> Gaps {
        self.flush();
        self.gaps
    }

    /// One line, which stands at `start`.
    pub fn line(&mut self, start: usize, bytes: &[u8]) {
        let line = Line::new(self.evidence, start, bytes);
        let text = line.message();
        if text.is_empty() {
            self.flush();
            return;
        }
        if text.starts_with(">>>") {
            self.arrows(&line, text);
            return;
        }
        if self.indented(&line, text) {
            return;
        }
        match recognise(text) {
            Some(recognise::Line::Known(known)) => {
                self.known(&line, known);
                self.cut(&line);
            }
            Some(recognise::Line::Unknown(program)) => {
                if let Some(code) = language::of(text) {
                    self.translated(&line, code);
                    return;
                }
                let mut message = Message::new(
                    Kind::Other,
                    program.severity.unwrap_or(Severity::Error),
                    program.linkers,
                    line.message_span(),
                );
                message.program = Some(line.told(program.name));
                message.detail = Some(line.told(program.message));
                let span = message.span;
                self.gaps.add(span.start as usize, span.end as usize, "a linker's message of no known form");
                self.begin(message, Then::Arrows, &line);
            }
            None => match language::of(text) {
                Some(code) => self.translated(&line, code),
                None => self.flush(),
            },
        }
    }

    /// What is known of a line that is longer than is read.
    fn cut(&mut self, line: &Line<'_>) {
        if line.cut {
            let span = line.message_span();
            self.gaps.add(span.start as usize, span.end as usize, format!("{MOST_LINE} bytes of a line are read"));
        }
    }

    fn flush(&mut self) {
        if let Some(pending) = self.pending.take() {
            (self.each)(pending.message);
        }
    }

    /// Begins a message; the one before it is over.
    fn begin(&mut self, mut message: Message, then: Then, line: &Line<'_>) {
        self.flush();
        let is_link = !matches!(message.kind, Kind::Step | Kind::Advice);
        if is_link && !self.linking {
            (self.linking, self.link) = (true, self.link.saturating_add(1));
        }
        self.failed |= is_link;
        message.link = self.link;
        if is_link && let Some(mut step) = self.step.take() {
            step.link = self.link;
            (self.each)(step);
        }
        self.pending = Some(Pending { message, then, column: line.content, open: false });
    }

    fn known(&mut self, line: &Line<'_>, known: Known<'_>) {
        match known.form.then {
            Then::Function => self.function(line, &known),
            Then::Continues => self.continues(line, known),
            then => {
                let form = known.form;
                let mut message = message(line, &known);
                self.place_in_context(form, &mut message);
                match message.kind {
                    Kind::Step => self.step(message, line),
                    Kind::LinkFailed | Kind::Killed | Kind::LinkerMissing => self.failed(message, line),
                    _ => self.begin(message, then, line),
                }
            }
        }
    }

    /// A driver says that its linker failed. rustc says so before what the linker said, the others behind it.
    fn failed(&mut self, message: Message, line: &Line<'_>) {
        let first = line.message().starts_with("error: link");
        if first {
            self.linking = false;
        }
        self.begin(message, Then::End, line);
        if !first {
            (self.linking, self.context) = (false, None);
        }
    }

    /// A build tool says which step failed: told where a linker spoke before it or speaks behind it.
    fn step(&mut self, mut message: Message, line: &Line<'_>) {
        self.flush();
        message.link = self.link;
        if line.message().starts_with("FAILED: ") {
            // ninja says first which step failed, and then what its commands said.
            (self.step, self.failed) = (Some(message), false);
        } else if std::mem::take(&mut self.failed) {
            (self.linking, self.context) = (false, None);
            (self.each)(message);
        }
    }

    /// `main.o: in function `main':`
    fn function(&mut self, line: &Line<'_>, known: &Known<'_>) {
        self.flush();
        let mut place = Place::new(Role::Reference, line.message_span());
        for (part, text) in known.parts.iter() {
            match part {
                Part::File => {
                    let file = place::file(line, text, Role::Reference);
                    (place.file, place.member) = (file.file, file.member);
                }
                Part::Function => place.function = Some(Name::new(text, line.part(text))),
                _ => {}
            }
        }
        let program = known.program.map(|name| line.told(name));
        self.context = Some(Context { place, program, fresh: true });
    }

    /// What ld.bfd's message leaves out because the line before it, or the message before, said it: the object and the function
    /// (`last_bfd` and `last_function` of vfinfo in ld/ldmisc.c).
    fn place_in_context(&mut self, form: &Form, message: &mut Message) {
        if form.linkers.and(Linkers::BFD).is_empty() {
            return;
        }
        let program = message.program.is_some();
        let Some(place) = message.places.first_mut() else { return };
        let own =
            place.file.as_ref().is_some_and(|file| place::looks_like_object(&file.value) || place.member.is_some());
        let placed = place.section.is_some() || place.line.is_some();
        if own || !placed {
            // A place with its object is printed without context, and ends it.
            self.context = None;
        } else if let Some(context) = &mut self.context {
            if let Some(file) = place.file.take() {
                place.source = Some(file);
            }
            (place.file, place.member) = (context.place.file.clone(), context.place.member.clone());
            place.function.clone_from(&context.place.function);
            if std::mem::take(&mut context.fresh) {
                message.span = context.place.span.to(message.span);
                if !program {
                    message.program.clone_from(&context.program);
                }
            }
        }
        shared(message);
    }

    /// A line that belongs to the message before it.
    fn continues(&mut self, line: &Line<'_>, known: Known<'_>) {
        let more = message(line, &known);
        let fits = |pending: &Pending| match known.form.kind {
            Kind::DsoMissing => pending.then == Then::Dso,
            Kind::Duplicate => matches!(pending.then, Then::First | Then::Previous),
            Kind::Discarded => pending.then == Then::Group,
            Kind::Advice => matches!(pending.message.kind, Kind::Undefined | Kind::UndefinedInShared),
            _ => false,
        };
        match self.pending.as_mut().filter(|pending| fits(pending)) {
            Some(pending) => {
                let into = &mut pending.message;
                into.span = into.span.to(more.span);
                for mut place in more.places {
                    place.role = match (known.form.kind, place.role) {
                        (Kind::DsoMissing, _) => Role::Definition,
                        (Kind::Discarded, _) => Role::Prevailing,
                        (_, role) => role,
                    };
                    into.add(place);
                }
                into.detail = into.detail.take().or(more.detail);
                if known.form.kind == Kind::Advice {
                    into.detail = into.detail.take().or_else(|| Some(line.told(line.message())));
                }
            }
            // The line before it is missing, or was of another linker.
            None => self.begin(more, Then::End, line),
        }
    }

    /// A line further to the right than a message of wild or gold: a place or a cause.
    fn indented(&mut self, line: &Line<'_>, text: &str) -> bool {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.then == Then::Indented) else {
            return false;
        };
        let into = &mut pending.message;
        let wild = into.linkers == Linkers::WILD;
        if line.content <= pending.column {
            // wild's second duplicate stands below the first.
            let more = matches("{symbol}, defined in {first} and {again}", text);
            let Some(parts) = more.filter(|_| wild && into.kind == Kind::Duplicate) else { return false };
            let mut next = Message::new(Kind::Duplicate, into.severity, into.linkers, line.message_span());
            next.program.clone_from(&into.program);
            fill(line, &mut next, parts.iter());
            self.begin(next, Then::Indented, line);
            return true;
        }
        into.span = into.span.to(line.message_span());
        if text == "Caused by:" {
            return true;
        }
        if !wild || matches!(into.kind, Kind::Undefined) {
            let text = text.split_once(" from ").map_or(text, |(source, _)| source);
            let object = place::looks_like_object(text) || text.contains(" @ ");
            match into.places.last_mut().filter(|_| pending.open && object) {
                Some(place) => {
                    let file = place::file(line, text, Role::Reference);
                    (place.file, place.member, place.span) = (file.file, file.member, place.span.to(file.span));
                    pending.open = false;
                }
                None if object => into.add(place::file(line, text, Role::Reference)),
                None => {
                    let mut place = Place::new(Role::Reference, line.part(text));
                    place::source(line, text, &mut place);
                    into.add(place);
                    pending.open = true;
                }
            }
            return true;
        }
        caused(line, text, into);
        true
    }

    /// Lines that begin with `>>>`.
    fn arrows(&mut self, line: &Line<'_>, text: &str) {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.then == Then::Arrows) else {
            let span = line.message_span();
            self.gaps.add(span.start as usize, span.end as usize, "it goes on from a line that is not there");
            return;
        };
        pending.message.span = pending.message.span.to(line.message_span());
        // mold 1.x ends no line between one place and the next.
        let mut rest = text;
        while let Some(behind) = rest.strip_prefix(">>>") {
            let end = behind.find(">>> referenced ").unwrap_or(behind.len());
            let (one, next) = behind.split_at(end);
            if !arrow(line, one, pending) {
                let span = line.part(one);
                self.gaps.add(
                    span.start as usize,
                    span.end as usize,
                    "a line of a linker's message that is of no known form",
                );
            }
            rest = next;
        }
    }

    /// A message in another language; the lines of one are told as one.
    fn translated(&mut self, line: &Line<'_>, code: &'static str) {
        let kind = Kind::OtherLanguage(code);
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.message.kind == kind) {
            pending.message.span = pending.message.span.to(line.message_span());
            return;
        }
        self.begin(Message::new(kind, Severity::Error, Linkers::BFD, line.message_span()), Then::End, line);
    }
}

/// One message of one line.
fn message(line: &Line<'_>, known: &Known<'_>) -> Message {
    let mut message = Message::new(known.form.kind, known.severity, known.linkers, line.message_span());
    message.program = known.program.map(|name| line.told(name));
    fill(line, &mut message, known.parts.iter());
    if message.kind == Kind::Advice {
        message.detail = Some(line.told(line.message()));
    }
    if message.kind == Kind::LibraryMissing {
        only_library(&mut message);
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

/// An undefined reference of a shared object is another error than one of an object.
fn shared(message: &mut Message) {
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
fn fill<'t>(line: &Line<'_>, message: &mut Message, parts: impl Iterator<Item = (Part, &'t str)>) {
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
fn caused(line: &Line<'_>, text: &str, into: &mut Message) {
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

/// One piece behind `>>>`; false when it is of no known form.
fn arrow(line: &Line<'_>, text: &str, pending: &mut Pending) -> bool {
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
