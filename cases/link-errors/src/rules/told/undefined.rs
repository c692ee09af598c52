//! Undefined symbols, from messages alone: what the name, the line and the log before it tell.

use casebook_core::{At, EvidenceSet, Finding, FindingBuilder, Fix, FixClass, Place, Rule, Span};

use super::guess::{Group, Guess, Kept, groups};
use super::{MISSING, begin, distinct, end, end_of, file, first_line, name, unexplained, where_words};
use crate::facts::beside::Beside;
use crate::facts::command::{How, LinkLine, Origin};
use crate::facts::log::{Kind, Message, Role};
use crate::facts::unseen::SaidOf;
use crate::facts::{Attempt, Facts};
use crate::model::known::{Known, library_stem};
use crate::model::outcome::Outcome;
use crate::rules::common::{are, base_name, list};
use crate::rules::fixes::quoted;

/// Findings for the groups that `finding` takes.
fn each(facts: &Facts, finding: impl Fn(&Group<'_>, &Message) -> Option<Finding>) -> Vec<Finding> {
    groups(facts).iter().filter_map(|group| finding(group, group.messages.first()?)).collect()
}

/// `a`, `b` and 3 more are undefined
pub(super) fn are_undefined(group: &Group<'_>) -> (String, bool) {
    let names = distinct(&group.messages);
    (format!("{} {} undefined", list(&names), are(names.len())), names.len() == 1)
}

pub(super) fn them(one: bool) -> &'static str {
    if one { "it" } else { "them" }
}

/// An item as it is written.
fn word(line: &LinkLine, item: usize) -> String {
    let Some(item) = line.items.get(item) else { return String::new() };
    line.arguments
        .get(item.argument as usize)
        .map_or_else(|| item.kind.name().to_owned(), |argument| argument.text.clone())
}

/// The place of an item, where it stands in the text.
fn at_item(line: &LinkLine, item: usize) -> Option<Span> {
    line.item_span(line.items.get(item)?)
}

/// What is marked first is what has to change: the item; where it stands nowhere, the message.
fn at(rule: &'static Rule, title: String, span: Option<Span>, label: &str, first: &Message) -> FindingBuilder {
    let Some(span) = span else { return begin(rule, title, first, "undefined") };
    let builder = FindingBuilder::new(rule, title, Place::primary(At::Text(span), label));
    builder.place(Place::context(At::Text(first_line(first)), "undefined")).key(name(first))
}

/// Where the first of them are needed.
fn needed(builder: FindingBuilder, group: &Group<'_>) -> FindingBuilder {
    group.messages.iter().take(3).fold(builder, |builder, message| {
        match message.place(Role::Reference).and_then(where_words) {
            Some(place) => builder.because(format!("`{}` is needed by {place}.", name(message))),
            None => builder,
        }
    })
}

/// LNK101 and LNK102: the library stands before what needs it.
pub(in crate::rules) fn order(
    rule: &'static Rule,
    facts: &Facts,
    evidence: &EvidenceSet,
    as_needed: bool,
) -> Vec<Finding> {
    each(facts, |group, first| {
        let Guess::Before { known, item, user } = group.guess else { return None };
        let link = group.link?;
        let one = link.line.items.get(item)?;
        // An archive is not dropped as a whole: --as-needed says nothing of it.
        let archive = one.kind.name().ends_with(".a");
        if (one.state.as_needed && !archive) != as_needed {
            return None;
        }
        let (library, by) = (word(link.line, item), word(link.line, user));
        let (undefined, one) = are_undefined(group);
        let title = format!(
            "{undefined}: `{library}`, which usually has {}, stands before `{by}`, which needs {}",
            them(one),
            them(one)
        );
        let label = format!("read while nobody needed {}", them(one));
        let mut builder = at(rule, title, at_item(link.line, item), &label, first);
        if let Some(span) = at_item(link.line, user) {
            builder = builder.place(Place::context(At::Text(span), format!("needs {}", them(one))));
        }
        builder = builder.because(if as_needed {
            "Under --as-needed GNU ld decides about a library when it reads it; references further right do not count.".to_owned()
        } else {
            format!("{} goes through the line from left to right and takes members of an archive for what is undefined at that moment; it does not come back.", who(link))
        });
        builder = needed(builder, group).because(format!(
            "That {} {} in {} is what the names tell: the library was not here to read.",
            list(&distinct(&group.messages)),
            are(if one { 1 } else { 2 }),
            known.what
        ));
        if let Some(command) = moved(link.line, item, user) {
            builder = builder.fix(Fix {
                title: format!("move `{library}` behind `{by}`"),
                class: FixClass::Display,
                edits: Vec::new(),
                commands: vec![command],
            });
        }
        Some(end_of(builder.missing(MISSING), first, &distinct(&group.messages), evidence))
    })
}

fn who(link: SaidOf<'_>) -> String {
    if link.told {
        link.linker.to_string()
    } else {
        format!("{} (the usual default; the log does not say which linker it is)", link.linker)
    }
}

/// The command with one word behind another, where both are words of it.
fn moved(line: &LinkLine, item: usize, user: usize) -> Option<String> {
    let whole = |index: usize| {
        let argument = line.items.get(index)?.argument;
        match line.arguments.get(argument as usize)?.origin {
            Origin::Word { first, word, start: 0, end, .. } if first == word => {
                (end as usize == line.words.get(word as usize)?.text.len()).then_some(word as usize)
            }
            _ => None,
        }
    };
    let (from, to) = (whole(item)?, whole(user)?);
    let mut words: Vec<String> = line.words.iter().map(|word| quoted(&word.text)).collect();
    let moved = words.get(from)?.clone();
    words.insert((to + 1).min(words.len()), moved);
    words.remove(from);
    Some(words.join(" "))
}

/// LNK105: the library was linked before, and this keeps its symbols inside.
pub(in crate::rules) fn kept(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    each(facts, |group, first| {
        let Guess::Kept { known, item, by } = group.guess else { return None };
        let link = group.link?;
        let library = word(link.line, item);
        let (undefined, one) = are_undefined(group);
        let (what, span, reason) = match by {
            Kept::Hidden(span) => (
                "-fvisibility=hidden".to_owned(),
                span,
                "A hidden symbol is seen inside of its library only. What others are to use is marked __attribute__((visibility(\"default\"))), usually by a macro of the library's headers: look whether it is empty in this build.".to_owned(),
            ),
            Kept::Perhaps(span) => (
                "-fvisibility=hidden".to_owned(),
                Some(span),
                "How that library was linked this log does not show; the flag stands in it, and hides from others what is not marked __attribute__((visibility(\"default\"))), usually by a macro of the library's headers: look whether it is empty in this build.".to_owned(),
            ),
            Kept::Script(script, span) => (
                format!("the version script {script}"),
                span,
                format!("Where {script} says `local: *`, all that it does not list under `global:` stays inside of the library."),
            ),
        };
        let was = if matches!(by, Kept::Perhaps(_)) { "seems to be" } else { "was" };
        let title = format!(
            "{undefined}: `{library}`, which usually has {}, is on the line, and {was} built here with {what}",
            them(one)
        );
        let mut builder = at(rule, title, span, "what it is built with", first);
        if let Some(span) = at_item(link.line, item) {
            builder = builder.place(Place::context(At::Text(span), "on the line"));
        }
        builder = needed(builder.because(reason), group);
        builder = builder.because(format!(
            "`nm -D --defined-only` of it lists what others see; {} should have {}.",
            known.what,
            them(one)
        ));
        Some(end_of(similar(builder, group).missing(MISSING), first, &distinct(&group.messages), evidence))
    })
}

/// LNK107: names of the new strings, and something that was compiled for the old ones, or nothing that tells.
pub(in crate::rules) fn strings(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let all = groups(facts);
    let of_strings = all.iter().filter(|group| is_of_strings(group, &all));
    let finding = |group: &Group<'_>| {
        let first = group.messages.first()?;
        let Guess::Strings(flag) = group.guess else { return None };
        let (undefined, one) = are_undefined(group);
        let title = match flag {
            Some(_) => format!(
                "{undefined}: asked for with the new std::string, and something here is compiled for the old one"
            ),
            None => format!(
                "{undefined}, {} with the new std::string in {} name: a library for the old one has {} under another name",
                if one { "and" } else { "all" },
                if one { "its" } else { "their" },
                them(one)
            ),
        };
        let mut builder = at(rule, title, flag, "compiled for the old strings", first).because(
            "std::string of GCC 5 and later is std::__cxx11::basic_string, and functions that take or return one carry that in their names. Code compiled with -D_GLIBCXX_USE_CXX11_ABI=0, or by an older compiler, has them under the names of before.",
        );
        builder = needed(builder, group).because("`nm -C LIBRARY` shows whether it has them without [abi:cxx11]. Compile both sides with the same _GLIBCXX_USE_CXX11_ABI.");
        Some(end_of(builder.missing(MISSING), first, &distinct(&group.messages), evidence))
    };
    of_strings.filter_map(finding).collect()
}

/// The strings are the cause: something was compiled for the old ones, or all that is undefined in the link has the new ones in its name.
fn is_of_strings(group: &Group<'_>, all: &[Group<'_>]) -> bool {
    let Guess::Strings(flag) = group.guess else { return false };
    let number = group.link.map(|link| link.number);
    let same = all.iter().filter(|other| other.link.map(|link| link.number) == number);
    flag.is_some() || (same.count() == 1 && distinct(&group.messages).len() > 1)
}

/// LNK103: symbols whose library is known by their names, and not on the line.
pub(in crate::rules) fn library(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    each(facts, |group, first| {
        let known = match group.guess {
            Guess::NotNamed(known) => known,
            Guess::Beside(index) => return Some(beside(rule, facts.beside.get(index)?, group, first, evidence)),
            _ => return None,
        };
        let (undefined, one) = are_undefined(group);
        let what = known.what;
        let title = match group.link {
            Some(_) => format!("{undefined}: usually in {what}, which is not on the line"),
            None => format!(
                "{undefined}; {} usually {} in {what}",
                if one { "it" } else { "they" },
                are(if one { 1 } else { 2 })
            ),
        };
        let package =
            if known.package.is_empty() { String::new() } else { format!(" Debian's package is {}.", known.package) };
        let mut builder = begin(rule, title, first, "undefined")
            .because(format!("`{}` links it, behind the files that use it.{package}", known.flag))
            .missing(MISSING);
        if let Some(link) = group.link {
            builder = builder.place(Place::context(At::Text(link.span), "the link"));
        }
        builder = needed(builder, group);
        if let Some(command) = group.link.and_then(|link| with_flag(link.line, known)) {
            let package =
                if known.package.is_empty() { String::new() } else { format!(" (Debian: {})", known.package) };
            builder = builder.fix(Fix {
                title: format!("add `{}`{package}", known.flag),
                class: FixClass::Display,
                edits: Vec::new(),
                commands: vec![command],
            });
        }
        Some(end_of(builder, first, &distinct(&group.messages), evidence))
    })
}

/// The library lies beside the log.
fn beside(rule: &'static Rule, one: &Beside, group: &Group<'_>, first: &Message, evidence: &EvidenceSet) -> Finding {
    let (undefined, single) = are_undefined(group);
    let title =
        format!("{undefined}: {}, which lies beside the log, has {} and is not on the line", one.name, them(single));
    let mut builder = begin(rule, title, first, "undefined");
    builder = builder.place(Place::context(
        At::Symbol { evidence: one.evidence, name: name(first), address: None, section: None },
        "defined here",
    ));
    if let Some(link) = group.link {
        builder = builder.place(Place::context(At::Text(link.span), "the link"));
    }
    let stem = library_stem(&one.name).unwrap_or(&one.name);
    builder = needed(builder, group).because(format!(
        "`-L. -l{stem}` behind the files that use {} names it; for rustc `-L . -l {stem}`, from a build script `cargo:rustc-link-lib={stem}` and `cargo:rustc-link-search`.",
        them(single)
    ));
    end(builder, first, evidence)
}

/// The command with a flag behind its inputs.
fn with_flag(line: &LinkLine, known: &Known) -> Option<String> {
    let own = line.items.iter().filter_map(|item| match line.arguments.get(item.last as usize)?.origin {
        Origin::Word { word, .. } => Some(word as usize),
        Origin::Rule(_) => None,
    });
    let last = own.max()?;
    let mut words: Vec<String> = line.words.iter().map(|word| quoted(&word.text)).collect();
    words.insert((last + 1).min(words.len()), known.flag.to_owned());
    Some(words.join(" "))
}

/// LNK111: symbols that nothing here has.
pub(in crate::rules) fn nowhere(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let all = groups(facts);
    each(facts, |group, first| {
        let (undefined, one) = are_undefined(group);
        let builder = match group.guess {
            Guess::Strings(_) if is_of_strings(group, &all) => return None,
            Guess::Main => begin(rule, format!("{undefined}, and no object on the line defines it"), first, "undefined")
                .because("The start files call main. If this is to be a library, -shared is missing; else the object with main is not on the line."),
            Guess::Class => {
                let said = name(first);
                let class = said.split_once(" for ").map_or(said.as_str(), |(_, class)| class);
                begin(rule, format!("{undefined}, and no object has the key function of its class"), first, "undefined")
                    .because(format!("The vtable of a class stands in the object that defines its first virtual member function which is neither inline nor pure: define that one of `{class}` (often its destructor), or name the object that does."))
            }
            Guess::Lacks { known, item } => lacks(rule, facts, group, first, known, item)?,
            Guess::Nothing | Guess::Strings(_) => {
                let title = format!("{undefined}; where {} defined, this log does not tell", if one { "it is" } else { "they are" });
                let builder = needed(begin(rule, title, first, "undefined"), group).missing(MISSING);
                similar(early(builder, group), group)
            }
            _ => return None,
        };
        Some(end_of(builder, first, &distinct(&group.messages), evidence))
    })
}

/// The library is on the line and in its place: it lacks the symbol, or does not give it.
fn lacks(
    rule: &'static Rule,
    facts: &Facts,
    group: &Group<'_>,
    first: &Message,
    known: &Known,
    item: usize,
) -> Option<FindingBuilder> {
    let link = group.link?;
    let library = word(link.line, item);
    let (undefined, one) = are_undefined(group);
    let name = link.line.items.get(item)?.kind.name();
    let archive = format!("lib{name}.a");
    let made =
        facts.made(|output| [base_name(name), archive.as_str()].contains(&base_name(output))).filter_map(|made| {
            match &made.how {
                How::Archive(members) => Some((made, members)),
                How::Compiled { .. } => None,
            }
        });
    let Some((made, members)) = made.last() else {
        let title = format!(
            "{undefined}: `{library}`, which usually has {}, is on the line, and the one that is found does not give {}",
            them(one),
            them(one)
        );
        let builder = at(rule, title, at_item(link.line, item), "on the line", first).because(format!(
            "It may be of another release than the headers of {}, built without this part, hide it, or be for another ABI: `nm -D --defined-only` of a shared library, `nm` of an archive tells. Which file is taken for the name, `-Wl,--trace` tells.",
            known.what
        ));
        return Some(similar(needed(builder, group), group).missing(MISSING));
    };
    let title = format!(
        "{undefined}: `{library}`, which usually has {}, is on the line, and {} was made here without {}",
        them(one),
        base_name(&made.output),
        them(one)
    );
    let shown: Vec<String> = members.iter().map(|member| base_name(member).to_owned()).collect();
    let mut builder = at(rule, title, Some(made.span), "made here, of these", first);
    if let Some(span) = at_item(link.line, item) {
        builder = builder.place(Place::context(At::Text(span), "on the line"));
    }
    builder = builder.because(format!(
        "{} was put together of {} objects: {}. The one that defines {} is not among them, or was compiled so that it does not.",
        base_name(&made.output),
        members.len(),
        list(&shown),
        list(&distinct(&group.messages)),
    ));
    Some(similar(needed(builder, group), group).missing(MISSING))
}

/// Names that linkers saw near.
fn similar(builder: FindingBuilder, group: &Group<'_>) -> FindingBuilder {
    let with = group.messages.iter().filter_map(|message| Some((message, message.suggestion.as_ref()?)));
    with.take(3).fold(builder, |builder, (message, suggestion)| {
        let place = message.place(Role::Similar).and_then(file).map_or_else(String::new, |file| format!(" of {file}"));
        let how = if suggestion.extern_c { ": declare it extern \"C\"" } else { "" };
        builder.because(format!("The linker saw `{}`{place}, which is near{how}.", suggestion.name.text))
    })
}

/// Archives that stand before what needs the symbols.
fn early(builder: FindingBuilder, group: &Group<'_>) -> FindingBuilder {
    let Some(link) = group.link.filter(SaidOf::looks_once) else { return builder };
    let archives = |item: &usize| link.line.items.get(*item).is_some_and(|item| item.kind.name().ends_with(".a"));
    let objects = |item: &usize| {
        link.line
            .items
            .get(*item)
            .is_some_and(|item| item.kind.name().ends_with(".o") && at_own(link.line, item.argument))
    };
    let last = (0..link.line.items.len()).rfind(objects);
    let before: Vec<String> = (0..link.line.items.len())
        .filter(archives)
        .filter(|item| Some(*item) < last)
        .map(|item| word(link.line, item))
        .collect();
    if before.is_empty() {
        return builder;
    }
    builder.because(format!(
        "{} before the last object: {} takes of an archive only what is needed when it comes to it. What has these symbols has to stand behind what needs them.",
        if before.len() == 1 { format!("{} stands", list(&before)) } else { format!("{} stand", list(&before)) },
        link.linker
    ))
}

fn at_own(line: &LinkLine, argument: u32) -> bool {
    line.rule(argument).is_none()
}

/// LNK104: "DSO missing" says all itself.
pub(in crate::rules) fn transitive(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let explains = |attempt: &Attempt, outcome: &Outcome, message: &Message| {
        outcome.dso_missing.iter().any(|one| name(message) == attempt.program.names.text(one.name))
    };
    let mut out = Vec::new();
    for (_, message) in unexplained(facts, &[Kind::DsoMissing], explains) {
        let library = message.places.iter().filter(|place| place.role != Role::Reference).find_map(file);
        let user = message.place(Role::Reference).and_then(where_words).unwrap_or_else(|| "an object".to_owned());
        let shown = library.clone().unwrap_or_else(|| "another library".to_owned());
        let title = format!(
            "{user} uses `{}` of {shown}, which is not on the line: only another library needs it",
            name(message)
        );
        let mut builder = begin(rule, title, message, "DSO missing").because(
            "GNU ld reads libraries that libraries need only to look for what is missing; it stops at the first symbol of them that an object uses, and there can be more.",
        );
        if let Some(flag) = library.as_deref().and_then(flag_of) {
            builder = builder.because(format!("`{flag}` behind the objects would name it."));
        }
        out.push(end(builder, message, evidence));
    }
    out
}

/// `-lfoo` of `/usr/lib/libfoo.so.1`.
fn flag_of(path: &str) -> Option<String> {
    let base = path.rsplit('/').next()?;
    let stem = base.strip_prefix("lib")?.split(".so").next()?;
    Some(format!("-l{stem}"))
}
