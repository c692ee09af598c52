//! The tables a case is declared in: the case, the kinds of evidence it reads, its rules, what it wants
//! collected. Lists, help, documentation and schemas are views of these tables.

use std::any::Any;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::coverage::Coverage;
use crate::evidence::{Evidence, EvidenceId, EvidenceSet};
use crate::finding::{Finding, Severity};
use crate::verb::Verb;

/// What a sniffer may look at: the name and the first bytes (64 KiB at most), never the whole file.
#[derive(Clone, Copy, Debug)]
pub struct Sniff<'a> {
    /// The path as given.
    pub path: &'a str,
    /// The first bytes.
    pub head: &'a [u8],
    /// True when `head` is the whole of it.
    pub whole: bool,
}

/// A kind of evidence.
#[derive(Debug)]
pub struct Kind {
    /// Stable name, used by `--as` and in coverage: `nft-json`.
    pub name: &'static str,
    /// What it is, for `casebook cases`: ``output of `nft -j list ruleset` ``.
    pub what: &'static str,
    /// True when the content is of this kind. Content decides; the name only breaks ties.
    pub sniff: fn(&Sniff<'_>) -> bool,
    /// Other files this one refers to (includes), which the collector then reads too.
    pub refers: Option<fn(&Evidence) -> Vec<Reference>>,
    /// Comment leader of files that can hold a suppression (`#`).
    pub comment: Option<&'static str>,
}

/// A name in a file that stands for other files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name as written.
    pub name: String,
    /// Patterns to try in order, relative to the referring file's folder unless absolute; the first that
    /// matches wins. Globs match in byte order and skip dot files.
    pub patterns: Vec<String>,
}

/// Where something is collected from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantSource {
    /// A command and its arguments; only commands that read.
    Command(&'static [&'static str]),
    /// A file or a glob.
    File(&'static str),
    /// A tree of control groups, as `grep -r ""` prints it, in one piece.
    Tree {
        /// Folder of the topmost group.
        root: &'static str,
        /// Names of files in each group, `memory.*` and the like; empty for all that tell of memory.
        names: &'static [&'static str],
    },
}

/// One thing `casebook collect` reads for a case.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// File name in the bundle: `nftables/ruleset.json`.
    pub name: &'static str,
    /// Where it comes from.
    pub source: WantSource,
    /// Limit in seconds for a command.
    pub timeout_s: u32,
    /// Limit in bytes on what is kept.
    pub max_bytes: u64,
    /// What is lost without it, for the coverage line of an unprivileged run.
    pub without: &'static str,
}

/// A key of `[case.NAME]` in `casebook.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Key.
    pub name: &'static str,
    /// What it does, its unit and its default.
    pub help: &'static str,
    /// Checks a value; the error says what is expected.
    pub check: fn(&Value) -> Result<(), String>,
}

/// What a case gets to read.
pub struct Input<'a> {
    /// All evidence of the run. A case reads the kinds it declares.
    pub evidence: &'a EvidenceSet,
    /// The case's settings, already checked.
    pub settings: &'a BTreeMap<String, Value>,
}

impl<'a> Input<'a> {
    /// Evidence of one kind, in order.
    pub fn of_kind(&self, kind: &'static Kind) -> impl Iterator<Item = &'a Evidence> + use<'a> {
        let name = kind.name;
        self.evidence.iter().filter(move |item| item.kind == Some(name))
    }
}

/// What reading gave: the case's facts, and what was covered. Reading cannot fail.
pub struct Read {
    /// The case's own facts.
    pub facts: Box<dyn Any + Send + Sync>,
    /// One line for each piece of evidence the case looked at.
    pub coverage: Vec<Coverage>,
}

impl Read {
    /// Wraps a case's facts.
    pub fn new(facts: impl Any + Send + Sync, coverage: Vec<Coverage>) -> Self {
        Self { facts: Box::new(facts), coverage }
    }
}

/// A named check.
pub struct Rule {
    /// `NFT101`. Codes are never used again for something else.
    pub code: &'static str,
    /// `inserted-before-effect`.
    pub name: &'static str,
    /// Name of the case.
    pub case: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Severity of what it proves, unless a finding says otherwise.
    pub severity: Severity,
    /// Version that brought it.
    pub since: &'static str,
    /// Its page, Markdown: the documentation comment of the rule.
    pub page: &'static str,
    /// True when the facts hold something it looks at. Where they do not, it has checked nothing, and is not listed as silent.
    pub applies: fn(&dyn Any) -> bool,
    /// Runs it over the case's facts.
    pub run: fn(&'static Rule, &dyn Any, &EvidenceSet) -> Vec<Finding>,
}

/// What a replay gave.
#[derive(Debug)]
pub struct Replay {
    /// The steps, in order, one line each.
    pub steps: Vec<String>,
    /// True when the proof holds on this evidence.
    pub holds: bool,
}

/// A case: one failure, its mechanism, its rules.
pub struct Case {
    /// Folder name: `nftables`.
    pub name: &'static str,
    /// Name of its verbs on the command line: `nft`.
    pub command: &'static str,
    /// Prefix of its codes: `NFT`.
    pub prefix: &'static str,
    /// Title of the post.
    pub title: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The post, Markdown.
    pub post: &'static str,
    /// Kinds of evidence, the most specific first.
    pub kinds: &'static [&'static Kind],
    /// What `casebook collect` reads for it.
    pub wants: &'static [Want],
    /// Keys of `[case.NAME]`.
    pub settings: &'static [Setting],
    /// Rules in order of code.
    pub rules: &'static [&'static Rule],
    /// Its verbs.
    pub verbs: &'static [Verb],
    /// The laboratory's files, name and text; `run.sh` is started. Empty until the case has one.
    pub lab: &'static [(&'static str, &'static str)],
    /// Evidence to facts.
    pub read: fn(&Input<'_>) -> Read,
    /// Request to view, both JSON, for the page.
    pub page: fn(&str) -> String,
}

impl Case {
    /// The verb that runs where none is named: the one that has the name of the command.
    pub fn default_verb(&self) -> Option<&'static Verb> {
        self.verbs.iter().find(|verb| verb.name == self.command)
    }

    /// The verbs that are named on the command line.
    pub fn named_verbs(&self) -> impl Iterator<Item = &'static Verb> + use<> {
        let command = self.command;
        self.verbs.iter().filter(move |verb| verb.name != command)
    }

    /// The rule with this code or name.
    pub fn rule(&self, code_or_name: &str) -> Option<&'static Rule> {
        self.rules.iter().copied().find(|rule| rule.code == code_or_name || rule.name == code_or_name)
    }

    /// True when the case reads evidence of `kind`.
    pub fn reads(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| known.name == kind)
    }

    /// Ids of the evidence this case reads.
    pub fn evidence(&self, set: &EvidenceSet) -> Vec<EvidenceId> {
        set.iter().filter(|item| item.kind.is_some_and(|kind| self.reads(kind))).map(|item| item.id).collect()
    }
}

/// Declares a rule. The documentation comment is the rule's page.
///
/// ```ignore
/// rule! {
///     /// A rule placed ahead of rules with effects ends packets that used to reach them.
///     pub INSERTED_BEFORE_EFFECT = "NFT101" "inserted-before-effect" of "nftables", Error, since "0.1.0",
///     "an inserted rule keeps packets from an effect that something else depends on",
///     check(NftFacts)
/// }
/// ```
///
/// `check` is `fn(&'static Rule, &NftFacts, &EvidenceSet) -> Vec<Finding>`. `, when applies` behind it, a
/// `fn(&NftFacts) -> bool`, says for which facts the rule has something to look at; without it, for all.
#[macro_export]
macro_rules! rule {
    (
        $(#[doc = $doc:expr])+
        pub $ident:ident = $code:literal $name:literal of $case:literal, $severity:ident, since $since:literal,
        $summary:literal, $check:ident($facts:ty)
    ) => {
        $crate::rule! {
            $(#[doc = $doc])+
            pub $ident = $code $name of $case, $severity, since $since, $summary, $check($facts), when (|_: &$facts| true)
        }
    };
    (
        $(#[doc = $doc:expr])+
        pub $ident:ident = $code:literal $name:literal of $case:literal, $severity:ident, since $since:literal,
        $summary:literal, $check:ident($facts:ty), when $applies:expr
    ) => {
        $(#[doc = $doc])+
        pub static $ident: $crate::Rule = $crate::Rule {
            code: $code,
            name: $name,
            case: $case,
            summary: $summary,
            severity: $crate::Severity::$severity,
            since: $since,
            page: concat!($($doc, "\n"),+),
            applies: |facts| facts.downcast_ref::<$facts>().is_some_and($applies),
            run: |rule, facts, evidence| match facts.downcast_ref::<$facts>() {
                Some(facts) => $check(rule, facts, evidence),
                None => Vec::new(),
            },
        };
    };
}

/// Declares a case. The prefix must begin every rule's code; the shape test checks it.
#[macro_export]
macro_rules! case {
    (
        $(#[$meta:meta])*
        pub $ident:ident = $name:literal ($prefix:literal, $command:literal), $title:literal, $summary:literal,
        kinds: $kinds:expr, wants: $wants:expr, settings: $settings:expr, rules: $rules:expr,
        verbs: $verbs:expr, lab: $lab:expr, read: $read:expr, page: $page:expr $(,)?
    ) => {
        $(#[$meta])*
        pub static $ident: $crate::Case = $crate::Case {
            name: $name,
            command: $command,
            prefix: $prefix,
            title: $title,
            summary: $summary,
            post: include_str!("../post.md"),
            kinds: $kinds,
            wants: $wants,
            settings: $settings,
            rules: $rules,
            verbs: $verbs,
            lab: $lab,
            read: $read,
            page: $page,
        };
    };
}
