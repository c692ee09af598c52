//! Lines to messages: which lines belong together, and what of a message stands in which.

use casebook_core::EvidenceId;
use casebook_formats::gap::Gaps;
use casebook_formats::text::Told;

use super::arrows::arrow;
use super::fill::{caused, fill, message, shared};
use super::forms::{Form, Then};
use super::language;
use super::line::{Line, MOST_LINE};
use super::message::{Kind, Linkers, Message, Name, Place, Role, Severity};
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
pub(super) struct Pending {
    pub message: Message,
    pub then: Then,
    /// Where its first line begins, behind prefixes; what is further to the right belongs to it.
    column: usize,
    /// The last place is a source place, and the next line names its object.
    pub open: bool,
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

    /// True when no message can go on in the next line.
    pub fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// One line, which stands at `start`.
    pub fn line(&mut self, start: usize, bytes: &[u8]) {
        let line = Line::new(self.evidence, start, bytes);
        let text = line.message();
        if text.is_empty() {
            // A gutter without text ends nothing.
            if line.text.trim().is_empty() {
                self.flush();
            }
            return;
        }
        if text.starts_with(">>>") {
            self.arrows(&line, text);
            return;
        }
        if self.caret(&line, text) || self.indented(&line, text) {
            return;
        }
        match recognise(text) {
            Some(recognise::Line::Known(known)) => {
                self.known(&line, known);
                self.cut(&line);
            }
            Some(recognise::Line::Unknown(program)) => {
                if let Some(code) = language::of(text).or_else(|| language::unknown(program.message)) {
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
                let then = match program.linkers {
                    Linkers::WILD => Then::Indented,
                    Linkers::MOLD => Then::Caret,
                    _ => Then::Arrows,
                };
                self.begin(message, then, &line);
            }
            None => match language::of(text) {
                Some(code) => self.translated(&line, code),
                None if self.goes_on(&line, text) => {}
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
        let Some(Pending { message, .. }) = self.pending.take() else { return };
        if message.kind == Kind::Other {
            let span = message.span;
            self.gaps.add(span.start as usize, span.end as usize, "a linker's message of no known form");
        }
        (self.each)(message);
    }

    /// A line without a form of its own that belongs to the message before it.
    fn goes_on(&mut self, line: &Line<'_>, text: &str) -> bool {
        let Some(pending) = &mut self.pending else { return false };
        let driver = matches!(pending.message.kind, Kind::Killed | Kind::LinkerMissing);
        // rustc has the reason in a note.
        let ends_driver = driver && (text == "compilation terminated." || line.content > pending.column);
        let in_block = pending.then == Then::Block;
        if ends_driver || in_block {
            pending.message.span = pending.message.span.to(line.message_span());
        }
        if in_block && !text.starts_with('^') {
            pending.message.detail.get_or_insert_with(|| line.told(text));
        }
        ends_driver || in_block
    }

    /// mold's second line on a script: it points into the first, which is the script's (`SyntaxError` in elf/linker-script.cc).
    fn caret(&mut self, line: &Line<'_>, text: &str) -> bool {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.then == Then::Caret) else { return false };
        let Some(said) = text.strip_prefix("^ ") else { return false };
        let into = &mut pending.message;
        into.span = into.span.to(line.message_span());
        into.kind = Kind::Script;
        if let Some(library) = said.strip_prefix("library not found: ") {
            (into.kind, into.library) = (Kind::LibraryMissing, Some(line.told(library)));
        }
        into.detail = Some(line.told(said));
        true
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
                    let told = |known: &Place| {
                        known.role == place.role
                            && known.file.as_ref().map(|file| &file.value)
                                == place.file.as_ref().map(|file| &file.value)
                    };
                    if !into.places.iter().any(told) {
                        into.add(place);
                    }
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
            // A script's line, and a mark below it.
            let script = matches!(pending.message.kind, Kind::Script | Kind::FileMissing);
            if !arrow(line, one, pending) && !script {
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
        let unknown = Kind::OtherLanguage("unknown");
        let goes_on = |known: Kind| {
            known == kind || known == unknown || matches!(known, Kind::OtherLanguage(_)) && kind == unknown
        };
        if let Some(pending) = self.pending.as_mut().filter(|pending| goes_on(pending.message.kind)) {
            let into = &mut pending.message;
            into.span = into.span.to(line.message_span());
            if into.kind == unknown {
                into.kind = kind;
            }
            return;
        }
        self.begin(Message::new(kind, Severity::Error, Linkers::BFD, line.message_span()), Then::End, line);
        if line.message().contains("collect2") {
            (self.linking, self.context) = (false, None);
        }
    }
}
