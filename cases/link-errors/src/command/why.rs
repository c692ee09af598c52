//! `casebook link why SYMBOL`: who defines it, who needs it, and what kept the linker from a definition.

use std::io::Write;

use casebook_core::{Arg, ArgKind, OutputFormat, Verb, VerbError, VerbInput};
use serde_json::{Value, json};

use super::load::{COMMAND, EVIDENCE, LINKER, attempts, linker, load};
use crate::facts::Attempt;
use crate::model::chain::{Graph, asks};
use crate::model::input::{FileId, Program};
use crate::model::names::Name;
use crate::model::outcome::{Because, Outcome, Undefined, UndefinedWhy};
use crate::model::simulate;
use crate::model::spelling::{near, readable};
use crate::model::why::{NotTaken, passed};

/// The verb.
pub const WHY: Verb = Verb {
    name: "why",
    about: "Say of a symbol or an archive's member: who defines it, who needs it and by which way, and why a definition was passed",
    long: "SYMBOL is a name as the linker has it or as people read it (`ns::f(int)`), or a member: libz.a(deflate.o).\n\n\
           Exit status: 0 it is defined, 1 it is undefined, 2 nobody knows it.\n\nExamples:\n  casebook link why sqrt -- cc -lm main.o\n  \
           casebook link why 'ns::run(int)' CMakeFiles/app.dir/link.txt\n  casebook link why 'libz.a(deflate.o)' build.log",
    args: &[
        Arg {
            name: "symbol",
            kind: ArgKind::Text,
            value_name: "SYMBOL",
            help: "The symbol, or a member of an archive",
            required: true,
            many: false,
        },
        EVIDENCE,
        LINKER,
        COMMAND,
    ],
    run,
};

fn run(input: &VerbInput<'_>, out: &mut dyn Write) -> Result<u8, VerbError> {
    let loaded = load(input)?;
    let wanted = input.value("symbol").unwrap_or_default();
    let other = input.value("linker").map(linker).transpose()?;
    let (mut list, mut known, mut undefined) = (Vec::new(), false, false);
    for attempt in attempts(&loaded)? {
        let own;
        let outcome = match other {
            Some(linker) => {
                own = simulate(&attempt.program, linker);
                &own
            }
            None => &attempt.outcome,
        };
        if let Some(member) = member(&attempt.program, wanted) {
            known = true;
            let answer = of_member(attempt, outcome, member);
            print(input, out, &mut list, answer)?;
            continue;
        }
        let Some(name) = name(&attempt.program, wanted) else { continue };
        known = true;
        let answer = of_symbol(attempt, outcome, name);
        undefined |= answer.undefined;
        print(input, out, &mut list, answer)?;
    }
    if input.format == OutputFormat::Json {
        writeln!(out, "{}", json!({ "answers": list }))?;
    }
    if !known {
        return Err(VerbError::with_hint(
            format!("no file of the link knows `{wanted}`"),
            "a name as the linker has it (nm), as people read it, or a member: libz.a(deflate.o)",
        ));
    }
    Ok(u8::from(undefined))
}

/// An answer in lines and in JSON.
struct Answer {
    lines: Vec<String>,
    value: Value,
    undefined: bool,
}

fn print(input: &VerbInput<'_>, out: &mut dyn Write, list: &mut Vec<Value>, answer: Answer) -> std::io::Result<()> {
    match input.format {
        OutputFormat::Json => list.push(answer.value),
        OutputFormat::Text => {
            for line in &answer.lines {
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(())
}

fn name(program: &Program, wanted: &str) -> Option<Name> {
    let stem = wanted.split('@').next().unwrap_or(wanted);
    program.names.get(stem.as_bytes()).or_else(|| {
        let all = (0..program.names.len() as u32).map(Name);
        all.filter(|name| program.names.bytes(*name).starts_with(b"_"))
            .find(|name| readable(program.names.bytes(*name)).is_some_and(|text| text == wanted))
    })
}

fn member(program: &Program, wanted: &str) -> Option<FileId> {
    if !wanted.ends_with(')') || !wanted.contains('(') {
        return None;
    }
    let found = program
        .files
        .iter()
        .position(|file| file.archive.is_some() && (file.name == wanted || file.name.ends_with(&format!("/{wanted}"))));
    found.map(|index| FileId(index as u32))
}

fn words(program: &Program, name: Name) -> String {
    let bytes = program.names.bytes(name);
    readable(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

fn file(program: &Program, file: FileId) -> &str {
    &program.files[file.0 as usize].name
}

/// `main.o -> f of liba.a(a.o) -> …`
fn way(program: &Program, graph: &Graph, to: FileId) -> Option<String> {
    let chain = graph.shortest(to).filter(|chain| !chain.is_empty())?;
    let mut out = file(program, chain[0].file).to_owned();
    for (index, link) in chain.iter().enumerate() {
        let next = chain.get(index + 1).map_or(to, |next| next.file);
        out.push_str(&format!(" -> `{}` of {}", words(program, link.name), file(program, next)));
    }
    Some(out)
}

fn of_member(attempt: &Attempt, outcome: &Outcome, member: FileId) -> Answer {
    let program = &attempt.program;
    let taken = outcome.extracted.iter().find(|one| one.member == member);
    let graph = Graph::of(program, outcome);
    let way = way(program, &graph, member);
    let users: Vec<String> = graph
        .users(member)
        .iter()
        .map(|user| format!("{} needs `{}`", file(program, user.file), words(program, user.name)))
        .collect();
    let because = taken.map(|taken| match taken.because {
        Because::Reference { file: by, name } => format!("{} needs `{}`", file(program, by), words(program, name)),
        Because::Common { file: by, name } => {
            format!("{} has `{}` as a common symbol", file(program, by), words(program, name))
        }
        Because::Option(name) => format!("an option names `{}`", words(program, name)),
        Because::Whole => "--whole-archive".to_owned(),
        Because::Line => "it stands on the line".to_owned(),
    });
    let name = file(program, member);
    let mut lines = Vec::new();
    match &because {
        Some(because) => {
            lines.push(format!("{name} is part of the link for {}: {because}", outcome.linker));
            lines.extend(way.iter().map(|way| format!("  the way: {way}")));
            lines.extend(users.iter().map(|user| format!("  {user}")));
        }
        None => lines.push(format!(
            "{name} is not part of the link for {}: nobody who counts needs what it has",
            outcome.linker
        )),
    }
    let value = json!({ "member": name, "linker": outcome.linker.to_string(), "taken": because.is_some(), "because": because, "way": way, "users": users });
    Answer { lines, value, undefined: false }
}

fn of_symbol(attempt: &Attempt, outcome: &Outcome, name: Name) -> Answer {
    let program = &attempt.program;
    let shown = words(program, name);
    let graph = Graph::of(program, outcome);
    let owner = outcome.definitions.iter().find(|(known, _)| *known == name).map(|(_, file)| *file);
    let undefined = outcome.undefined.iter().find(|one| one.name == name);
    let missing = outcome.dso_missing.iter().find(|one| one.name == name);
    let mut lines = Vec::new();
    let state = match (owner, undefined, missing) {
        (_, Some(_), _) => "undefined",
        (_, None, Some(_)) => "only in a library that is not on the line",
        (Some(_), None, None) => "defined",
        (None, None, None) => "not asked for",
    };
    lines.push(format!("`{shown}` is {state} for {}", outcome.linker));
    if let Some(owner) = owner.filter(|_| undefined.is_none()) {
        lines.push(format!("  defined by {}", file(program, owner)));
        lines.extend(way(program, &graph, owner).map(|way| format!("  which is part of the link by {way}")));
    }
    let users: Vec<FileId> = (0..program.files.len() as u32)
        .map(FileId)
        .filter(|file| asks(program, *file, name))
        .filter(|file| {
            program.inputs.iter().any(|input| input.file == *file)
                || outcome.extracted.iter().any(|one| one.member == *file)
        })
        .collect();
    for user in users.iter().take(12) {
        let by = way(program, &graph, *user).map_or(String::new(), |way| format!(" ({way})"));
        lines.push(format!("  needed by {}{by}", file(program, *user)));
    }
    if users.len() > 12 {
        lines.push(format!("  and by {} more", users.len() - 12));
    }
    let asked =
        undefined.cloned().unwrap_or(Undefined { name, version: None, sites: Vec::new(), why: UndefinedWhy::Nowhere });
    let mut others = Vec::new();
    for one in passed(program, outcome, &asked).iter().filter(|one| Some(one.file) != owner || undefined.is_some()) {
        let why = not_taken(attempt, &one.why);
        lines.push(format!("  also in {}: {why}", file(program, one.file)));
        others.push(json!({ "file": file(program, one.file), "why": why }));
    }
    if undefined.is_some() {
        for one in near(program, name) {
            lines.push(format!("  nearly this name: `{}` of {}", words(program, one.name), file(program, one.file)));
        }
    }
    let value = json!({
        "symbol": program.names.text(name),
        "readable": shown,
        "linker": outcome.linker.to_string(),
        "state": state,
        "defined_by": owner.filter(|_| undefined.is_none()).map(|owner| file(program, owner)),
        "needed_by": users.iter().map(|user| file(program, *user)).collect::<Vec<_>>(),
        "passed": others,
    });
    Answer { lines, value, undefined: undefined.is_some() || missing.is_some() }
}

fn not_taken(attempt: &Attempt, why: &NotTaken) -> String {
    let input = |input: &Option<usize>| {
        input.and_then(|input| attempt.word_of(input)).map_or_else(|| "its user".to_owned(), |word| format!("`{word}`"))
    };
    match why {
        NotTaken::Order { user } => format!("passed: its archive stands before {}, which needs it", input(user)),
        NotTaken::AsNeeded { user } => format!("dropped: --as-needed, and it stands before {}", input(user)),
        NotTaken::WeakOnly => "not taken: only weak references".to_owned(),
        NotTaken::Hidden(_) => "hidden".to_owned(),
        NotTaken::Static => "local to that object".to_owned(),
        NotTaken::Inside => "local to that library".to_owned(),
        NotTaken::Version(versions) => {
            let list: Vec<_> =
                versions.iter().map(|version| attempt.program.names.text(*version).into_owned()).collect();
            format!("as version {} only", list.join(", "))
        }
        NotTaken::VersionLocal => "kept local by its version script".to_owned(),
        NotTaken::ReferenceHidden => "not for a hidden reference".to_owned(),
        NotTaken::Discarded => "in a section group that was discarded".to_owned(),
        NotTaken::NotOnLine => "not on the line".to_owned(),
        NotTaken::Lto => "in code for link-time optimisation".to_owned(),
        NotTaken::NoIndex => "in an archive without an index".to_owned(),
        NotTaken::Other => "another definition is used, or none is asked for".to_owned(),
    }
}
