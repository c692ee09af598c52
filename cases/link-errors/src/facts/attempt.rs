//! One link: the line, its files, and what its linker makes of them.

use std::sync::OnceLock;

use casebook_core::{Evidence, EvidenceId, EvidenceSet, Span, Unmodelled};
use casebook_formats::elf::Machine;
use rayon::prelude::*;

use super::command::driver::{At, Host};
use super::command::{self, Banner, Command, ItemKind, LinkLine, Log, Origin, Program as Tool, ResponseFile};
use super::disk::{Files, Seen};
use super::files::Held;
use super::offers::{mark_foreign, offers};
use super::resolve::{Resolution, join, resolve};
use super::same;
use super::unseen::Unseen;
use crate::model::causes::{Diagnosis, diagnose};
use crate::model::chain::Graph;
use crate::model::edit::{Tried, search};
use crate::model::input::{Content, FileId, Program, Unusable};
use crate::model::outcome::{Linker, LinkerKind, Outcome, Unknown, Verdict};
use crate::model::simulate;

/// Linkers a line is held against beside its own: those of current distributions, and the one rustc brings.
const OTHERS: &[Linker] = &[
    Linker { kind: LinkerKind::Bfd, version: (2, 40) },
    Linker { kind: LinkerKind::Gold, version: (2, 40) },
    Linker { kind: LinkerKind::Lld, version: (19, 1) },
    Linker { kind: LinkerKind::Mold, version: (1, 10) },
];

/// Bytes of evidence that hold a file of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The evidence.
    pub evidence: EvidenceId,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// One link.
#[derive(Debug)]
pub struct Attempt {
    /// The text with the command.
    pub evidence: EvidenceId,
    /// Where the command stands in it.
    pub span: Span,
    /// The line.
    pub line: LinkLine,
    /// Its files.
    pub files: Resolution,
    /// The program, as the model takes it: what is not in the evidence is left out.
    pub program: Program,
    /// Where the bytes of each file are.
    pub sources: Vec<Option<Kept>>,
    /// The linker.
    pub linker: Linker,
    /// True when something says that it is this linker.
    pub told: bool,
    /// What it makes of the line.
    pub outcome: Outcome,
    /// Inputs of the line that are not in the evidence.
    pub missing: Vec<String>,
    /// Libraries that are here and not on the line, and the word that would name each.
    pub offers: Vec<(FileId, String)>,
    /// What was taken for granted, in full sentences.
    pub assumed: Vec<String>,
    /// What its linker said, by index of [`super::Facts::told`].
    pub said: Vec<usize>,
    /// It was run here a moment ago: a file that is not there is missing, not left out of the evidence.
    pub live: bool,
    /// What was worked out of it.
    pub memo: Memo,
}

/// What many rules ask of a link, once one of them has asked. It follows from the link.
#[derive(Debug, Default)]
pub struct Memo {
    diagnoses: OnceLock<Vec<Diagnosis>>,
    fix: OnceLock<Option<Tried>>,
    others: OnceLock<Vec<(Linker, Verdict)>>,
    graph: OnceLock<Graph>,
}

impl Attempt {
    /// Where an input stands on the line.
    pub fn span_of(&self, input: usize) -> Option<Span> {
        let argument = self.program.inputs.get(input)?.argument;
        let item = self.line.items.iter().find(|item| item.argument == argument);
        item.and_then(|item| self.line.item_span(item)).or_else(|| self.line.span(argument))
    }

    /// An input as it is written on the line.
    pub fn word_of(&self, input: usize) -> Option<String> {
        let argument = self.program.inputs.get(input)?.argument;
        self.line.arguments.get(argument as usize).map(|argument| argument.text.clone())
    }

    /// The word of the command an input is all of; none for what the driver added, and for a part of a word.
    pub fn whole_word(&self, input: usize) -> Option<usize> {
        let argument = self.program.inputs.get(input)?.argument;
        match self.line.arguments.get(argument as usize)?.origin {
            Origin::Word { word, start: 0, end, .. } => {
                let text = &self.line.words.get(word as usize)?.text;
                (end as usize == text.len()).then_some(word as usize)
            }
            _ => None,
        }
    }

    /// Why symbols are undefined.
    pub fn diagnoses(&self) -> &[Diagnosis] {
        self.memo.diagnoses.get_or_init(|| diagnose(&self.program, &self.outcome))
    }

    /// The smallest edit of the line that makes it link.
    pub fn fix(&self) -> Option<&Tried> {
        let search = || {
            let offers: Vec<FileId> = self.offers.iter().map(|(file, _)| *file).collect();
            search(&self.program, self.linker, &self.outcome, &offers)
        };
        self.memo.fix.get_or_init(search).as_ref()
    }

    /// Who needs what of whom.
    pub fn graph(&self) -> &Graph {
        self.memo.graph.get_or_init(|| Graph::of(&self.program, &self.outcome))
    }

    /// What other linkers make of the line.
    pub fn others(&self) -> &[(Linker, Verdict)] {
        if let Some(known) = self.memo.others.get() {
            return known;
        }
        let one = |linker: &Linker| (*linker, simulate(&self.program, *linker).verdict);
        let others: Vec<&Linker> = OTHERS.iter().filter(|other| other.kind != self.linker.kind).collect();
        // Not within the lock: a thread that waits for others takes up other work meanwhile, which can ask for the same.
        let verdicts = match rayon::current_thread_index() {
            Some(_) => others.into_par_iter().map(one).collect(),
            None => others.into_iter().map(one).collect(),
        };
        self.memo.others.get_or_init(|| verdicts)
    }

    /// The whole command.
    pub fn line_span(&self) -> Span {
        self.span
    }

    /// What tells this link from another, whatever stands elsewhere.
    pub fn key(&self) -> String {
        self.line.options.output_file.as_ref().map_or_else(|| "a.out".to_owned(), |given| given.value.clone())
    }

    /// True when all inputs of the line are here.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }
}

/// A link, with files or without.
#[derive(Debug)]
pub enum Link {
    /// Some of its files are here.
    Seen(Box<Attempt>),
    /// None is.
    Unseen(Box<Unseen>),
}

/// All links of a text.
pub fn links(
    item: &Evidence,
    log: &Log,
    banner: &Banner,
    set: &EvidenceSet,
    files: &Files<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<Link> {
    let seen = files.seen_from(item);
    let read = |command: &Command| {
        let look = |path: &str| -> At { seen.look(path) };
        let command = Command { banner: joined(&command.banner, banner), ..command.clone() };
        let host = host(&command.banner, &look);
        let responses = |name: &str| {
            seen.evidence(name).map(|item| ResponseFile { bytes: item.as_bytes(), evidence: Some(item.id) })
        };
        let line = command::read(&command, None, &host, &responses);
        (command, line)
    };
    let (commands, lines): (Vec<Command>, Vec<LinkLine>) = log.commands.iter().map(read).unzip();
    let partners = same::partners(&lines);
    let mut out: Vec<Option<Link>> = Vec::new();
    let mut later = Vec::new();
    for (index, ((command, line), partner)) in commands.iter().zip(lines).zip(partners).enumerate() {
        match partner {
            Some(partner) => {
                out.push(None);
                later.push((index, partner, command, line));
            }
            None => out.push(Some(link(item, command, line, set, &seen, unmodelled))),
        }
    }
    for (index, partner, command, line) in later {
        // It has no files of its own: where the linker's line has none either, nothing is known of them.
        out[index] = Some(match &out[partner] {
            Some(Link::Seen(_)) => Link::Seen(Box::new(without_files(item, command, line))),
            _ => Link::Unseen(Box::new(unseen(item, command, line))),
        });
    }
    out.into_iter().flatten().collect()
}

fn unseen(item: &Evidence, command: &Command, line: LinkLine) -> Unseen {
    let linker = linker(&line, &command.banner);
    Unseen {
        evidence: item.id,
        span: command.span.unwrap_or(item.span()),
        told: line.tool.linker.is_some(),
        line,
        linker,
        said: Vec::new(),
    }
}

/// A command whose files are those of the linker's line it will be joined with.
fn without_files(item: &Evidence, command: &Command, line: LinkLine) -> Attempt {
    let linker = linker(&line, &command.banner);
    Attempt {
        evidence: item.id,
        span: command.span.unwrap_or(item.span()),
        told: line.tool.linker.is_some(),
        line,
        files: Resolution::default(),
        program: Program::default(),
        sources: Vec::new(),
        linker,
        outcome: simulate(&Program::default(), linker),
        missing: Vec::new(),
        offers: Vec::new(),
        assumed: Vec::new(),
        said: Vec::new(),
        live: item.path == super::LIVE,
        memo: Memo::default(),
    }
}

/// One command with its files.
fn link(
    item: &Evidence,
    command: &Command,
    line: LinkLine,
    set: &EvidenceSet,
    seen: &Seen<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Link {
    let span = command.span.unwrap_or(item.span());
    let told = line.tool.linker.is_some();
    let linker = linker(&line, &command.banner);
    // What a command that is run here does not find is missing; what a text names may be elsewhere.
    let live = item.path == super::LIVE;
    if !live && is_away(&line, seen) {
        return Link::Unseen(Box::new(unseen(item, command, line)));
    }
    let mut files = resolve(&line, linker.kind, seen);
    let offers = offers(&line, item, set, seen, &mut files);
    let mut sources: Vec<Option<Kept>> = vec![None; files.program.files.len()];
    let mut machines: Vec<Option<Machine>> = vec![None; files.program.files.len()];
    for opened in &files.opened {
        for part in &opened.added.parts {
            let index = part.file.0 as usize;
            machines[index] = part.machine;
            if let (Some(Held::Here(range)), Some(evidence)) = (&part.held, opened.evidence) {
                sources[index] = Some(Kept { evidence, start: range.start, end: range.end });
            }
        }
        for fault in &opened.added.faults {
            let place = opened.evidence.map(|id| Span::new(id, fault.at.start as usize, fault.at.end as usize));
            unmodelled.extend(place.map(|place| Unmodelled::new(place, fault.why.clone())));
        }
    }
    mark_foreign(&mut files.program, &machines, &line);
    if !live && !is_seen(&line, &files) {
        return Link::Unseen(Box::new(unseen(item, command, line)));
    }
    let mut program = std::mem::take(&mut files.program);
    let missing = leave_out(&mut program, &files);
    let mut outcome = simulate(&program, linker);
    // What the line, its files and the model leave open is a gap of the text, where it stands.
    let gap = |argument: Option<u32>, why: &str| {
        let place = argument.and_then(|argument| line.span(argument)).unwrap_or(span);
        Unmodelled::new(place, why.to_owned())
    };
    unmodelled.extend(line.unmodelled.iter().cloned());
    if !live {
        // Of a command that was run here a moment ago, that they are missing is the finding.
        unmodelled.extend(files.missing.iter().filter(|missing| !missing.by_driver).map(|missing| {
            let argument = line.items.get(missing.item as usize).map(|item| item.argument);
            let word = argument.and_then(|argument| line.arguments.get(argument as usize));
            let name = word.map_or(missing.name.as_str(), |word| word.text.as_str());
            gap(argument, &format!("{name} is no file that is here; what it would bring is not known"))
        }));
    }
    unmodelled.extend(files.unknown.iter().map(|(argument, why)| gap(*argument, why)));
    unmodelled.extend(outcome.unknown.iter().map(|unknown| gap(None, &unknown.what)));
    for (_, why) in &files.unknown {
        outcome.unknown.push(Unknown { what: why.clone(), file: None });
    }
    if !outcome.unknown.is_empty() {
        outcome.verdict = Verdict::Unknown;
    }
    let mut assumed = Vec::new();
    if !told {
        assumed.push(format!("The line does not say which linker it is: {linker} is taken, the usual default."));
    }
    Link::Seen(Box::new(Attempt {
        evidence: item.id,
        span,
        line,
        files,
        program,
        sources,
        linker,
        told,
        outcome,
        missing,
        offers,
        assumed,
        said: Vec::new(),
        live,
        memo: Memo::default(),
    }))
}

/// The line names files by paths that are not absolute, and none of them is here: then the rest, which is the same on every machine, is not worth
/// reading.
fn is_away(line: &LinkLine, seen: &Seen<'_>) -> bool {
    let mut near = line.items.iter().filter_map(|item| match &item.kind {
        ItemKind::File(name) if !name.starts_with('/') && line.rule(item.argument).is_none() => Some(name),
        _ => None,
    });
    let is_here = |name: &String| seen.evidence(&join(line.directory.as_deref(), name)).is_some();
    match near.next() {
        Some(first) => !is_here(first) && !near.any(is_here),
        None => false,
    }
}

/// An input of the line's own is here.
fn is_seen(line: &LinkLine, files: &Resolution) -> bool {
    let mut own = files.program.inputs.iter().filter(|input| line.rule(input.argument).is_none());
    own.any(|input| !matches!(files.program.files[input.file.0 as usize].content, Content::Unusable(Unusable::Missing)))
}

/// Inputs that are not here are left out of the program: they are a gap of the evidence, and not what failed.
fn leave_out(program: &mut Program, files: &Resolution) -> Vec<String> {
    let mut missing = Vec::new();
    program.inputs.retain(|input| {
        let gone = matches!(program.files[input.file.0 as usize].content, Content::Unusable(Unusable::Missing));
        if gone && let Some(known) = files.missing.iter().find(|one| one.file == input.file) {
            missing.push(known.name.clone());
        }
        !gone
    });
    missing
}

/// What both say; what stands with the command counts first.
fn joined(own: &Banner, other: &Banner) -> Banner {
    let mut out = own.clone();
    take(&mut out, other);
    out
}

/// Adds what `other` says to what is known.
pub fn take(own: &mut Banner, other: &Banner) {
    *own = Banner {
        linker: own.linker.or(other.linker),
        version: own.version.or(other.version),
        driver: own.driver.or(other.driver),
        driver_version: own.driver_version.or(other.driver_version),
        target: own.target.clone().or_else(|| other.target.clone()),
        vendor: own.vendor.clone().or_else(|| other.vendor.clone()),
        library_path: if own.library_path.is_empty() { other.library_path.clone() } else { own.library_path.clone() },
        rustc: own.rustc.or(other.rustc),
    };
}

fn host<'a>(banner: &Banner, look: &'a dyn Fn(&str) -> At) -> Host<'a> {
    let arch = banner.target.as_deref().and_then(|target| target.split('-').next()).unwrap_or("x86_64");
    Host::probe(look, arch, banner.vendor.as_deref(), banner.driver_version)
}

/// The linker: as told; else GNU ld, which drivers use where nothing says otherwise.
fn linker(line: &LinkLine, banner: &Banner) -> Linker {
    let kind = line.tool.linker.or(banner.linker).unwrap_or(LinkerKind::Bfd);
    let version = line.tool.version.or(banner.version.filter(|_| banner.linker == Some(kind)));
    let usual = match kind {
        LinkerKind::Bfd | LinkerKind::Gold => (2, 40),
        LinkerKind::Lld => (19, 1),
        LinkerKind::Mold => (1, 10),
        LinkerKind::Wild => (0, 10),
    };
    Linker { kind, version: version.unwrap_or(usual) }
}

/// True for a linker's own line, as `-###` prints it.
pub fn is_linkers_own(line: &LinkLine) -> bool {
    !matches!(line.tool.program, Some(Tool::Driver { .. }))
}
